"""The local stack: its servers, its data folder, and the environment that describes it.

Here belongs the life of the stack. One server's command line belongs in `local_stack.servers`, which
variable stands for which server in `local_stack.variables`, checks of servers that somebody else runs in
`local_stack.given`, what the servers are filled with in `local_stack.sources`.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from threading import Lock

from local_stack.servers import Server, ServerFailed, mongo, music, openai_api, postgres, s3, storage
from local_stack.servers.secrets import CREDENTIALS, local_credentials
from local_stack.variables import (
    ALBUM_ART_BUCKET,
    BACKUP_BUCKET,
    DATABASES,
    given_variables,
    parts_to_start,
    stack_environment,
)

PROJECT = Path(__file__).resolve().parents[1]
# Stable addresses from one start to the next, as long as nobody else has taken them.
PREFERRED_PORTS = {
    "postgres": 55432,
    "mongo": 57017,
    "s3": 58333,
    "storage": 54321,
    "music": 58443,
    "openai_api": 58088,
}


class Servers:
    """The servers of one data folder, started when first asked for; `stop` ends all of them."""

    def __init__(
        self, data_dir: Path, *, durable: bool = True, preferred_ports: Mapping[str, int] | None = None
    ) -> None:
        """`durable=False` lets PostgreSQL leave out fsync; without preferred ports any free ones are taken."""
        self.data_dir = data_dir
        self._durable = durable
        self._ports = preferred_ports or {}
        self._running: dict[str, Server] = {}
        self._given_up = False
        self._lock = Lock()

    @property
    def running(self) -> Mapping[str, Server]:
        """The servers started so far, by name."""
        return dict(self._running)

    def start(self, names: Iterable[str]) -> None:
        """Start these servers side by side, those that run already excepted; if one fails, none of them is left."""
        missing = [name for name in names if name not in self._running]
        if not missing:
            return
        starters = self._starters(local_credentials(make_data_dir(self.data_dir)))
        self._given_up = False
        pool = ThreadPoolExecutor(len(missing))
        try:
            futures = [pool.submit(self._start, name, starters[name]) for name in missing]
            for future in futures:
                future.result()
        except BaseException:
            self._given_up = True
            pool.shutdown()  # those on their way up come to their end first: none may appear after the stop
            self.stop()
            raise
        pool.shutdown()

    def __getitem__(self, name: str) -> Server:
        """That server, started now if it does not run yet."""
        self.start([name])
        return self._running[name]

    def stop(self) -> None:
        """End every server that was started here and wait until all are gone."""
        with self._lock:
            servers, self._running = list(self._running.values()), {}
        if servers:
            with ThreadPoolExecutor(len(servers)) as pool:
                list(pool.map(Server.stop, servers))

    def _start(self, name: str, starter: Callable[[], Server]) -> None:
        server = starter()
        with self._lock:
            if not self._given_up:
                self._running[name] = server
                return
        server.stop()

    def _starters(self, secrets: Mapping[str, str]) -> dict[str, Callable[[], Server]]:
        where, ports = self.data_dir, self._ports
        return {
            "postgres": lambda: postgres.start(
                where,
                password=secrets["postgres_password"],
                preferred_port=ports.get("postgres"),
                durable=self._durable,
            ),
            "mongo": lambda: mongo.start(where, preferred_port=ports.get("mongo")),
            "s3": lambda: s3.start(
                where,
                access_key=secrets["s3_access_key"],
                secret_key=secrets["s3_secret_key"],
                buckets=[BACKUP_BUCKET, ALBUM_ART_BUCKET],
                public=[ALBUM_ART_BUCKET],
                preferred_port=ports.get("s3"),
            ),
            "storage": lambda: storage.start(
                where, jwt_secret=secrets["storage_jwt_secret"], preferred_port=ports.get("storage")
            ),
            "music": lambda: music.start(where, preferred_port=ports.get("music")),
            # It keeps nothing: its key is a new one at each start.
            "openai_api": lambda: openai_api.start(
                where, key=token_hex(20), preferred_port=ports.get("openai_api")
            ),
        }


@dataclass(frozen=True)
class Stack:
    """A running stack: the environment that describes it, and the servers that were started for it."""

    data_dir: Path
    environment: dict[str, str]
    servers: Mapping[str, Server]

    def dead_server(self) -> ServerFailed | None:
        """The failure of the first server that has died since the start, if one has."""
        return next((server.process.failure() for server in self.servers.values() if not server.alive), None)


@contextmanager
def running_stack(
    data_dir: Path | None = None,
    environment: Mapping[str, str] | None = None,
    *,
    durable: bool = True,
    preferred_ports: Mapping[str, int] | None = None,
) -> Iterator[Stack]:
    """Run the stack while the block runs; its data stay for the next time.

    `environment` (default: this program's own) replaces parts: a server whose variables are all given is
    not started, and a given variable is never changed. Raises ServerFailed with one line: the server and the
    tail of its log, or the variable whose server cannot be used.
    """
    from local_stack.given import check_given_servers

    given = given_variables(os.environ if environment is None else environment)
    check_given_servers(given)
    servers = Servers(data_dir or default_data_dir(), durable=durable, preferred_ports=preferred_ports)
    try:
        servers.start(parts_to_start(given))
        if "postgres" in servers.running:
            postgres.ensure_databases(servers["postgres"], DATABASES.values())
        environment = stack_environment(servers.running, given, data_dir=servers.data_dir, project=PROJECT)
        yield Stack(servers.data_dir, environment, servers.running)
    finally:
        servers.stop()


def default_data_dir() -> Path:
    """`.local/stack` in the project if PostgreSQL's user can reach it, else a folder of this checkout in /var/tmp."""
    user = postgres.system_user()
    if postgres.can_reach(PROJECT, user):
        return PROJECT / ".local" / "stack"
    checkout = hashlib.sha256(str(PROJECT).encode()).hexdigest()[:12]
    return Path("/var/tmp") / f"migration-stack-{checkout}"


def make_data_dir(data_dir: Path) -> Path:
    """Make a stack's data folder, with its credentials, which PostgreSQL's user may pass through.

    An existing folder is taken only if it is one's own and empty or holds a stack: credentials go into it, and
    `clean` removes all of it one day.
    """
    if not data_dir.exists():
        data_dir.mkdir(parents=True)
        data_dir.chmod(0o711)
    if data_dir.stat().st_uid != os.geteuid():
        raise ServerFailed(f"{data_dir} belongs to somebody else; choose a folder of your own")
    if not (data_dir / CREDENTIALS).exists() and any(data_dir.iterdir()):
        raise ServerFailed(f"{data_dir} holds other things than a local stack; choose a folder of its own")
    local_credentials(data_dir)
    return data_dir


def remove_data(data_dir: Path) -> None:
    """Remove a stack's data; a folder that holds no stack is refused."""
    if not data_dir.exists():
        return
    if not (data_dir / CREDENTIALS).exists():
        raise ServerFailed(f"{data_dir} holds no local stack; it is left as it is")
    shutil.rmtree(data_dir)
