"""Checks on the values of the environment variables that configure the migrations; which there are is in `variables`.

Each check names the variable and the remedy before anything is touched. Connecting to what a variable
points at belongs to the stores.
"""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import urlsplit

from migration_kit.failures import PermanentError
from migration_kit.variables import VARIABLES

_PLACEHOLDER = re.compile(r"^<.*>$|\$\{|^(changeme|xxx+)$", re.IGNORECASE)
# JSON may write a slash as \/. What is only the name of a variable, or an example's placeholder, is no password.
_LITERAL_CREDENTIALS = re.compile(
    r"[a-z][a-z0-9+.-]*:(?:\\?/){2}[^\s/@:'\"]*:(?!(?:\$\{[^}\s]*\}|\$(?-i:[A-Z][A-Z0-9_]*)|<[^>\s]*>|\*+)@)[^\s/@'\"]+@",
    re.IGNORECASE,
)
_PRODUCTION = re.compile(r"prod", re.IGNORECASE)
_LOOPBACK = ("localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104 - compared, never bound
_THIS_MACHINE = ("localhost/*",)
_DEFAULT_PORTS = {"mongodb": 27017, "postgresql": 5432, "postgres": 5432}


def required(name: str, value: str | None) -> str:
    """The variable's value, which must be set and not be an example's placeholder.

    Raises:
        PermanentError: naming the variable and what to set it to.
    """
    known = VARIABLES[name]
    remedy = f"Set {name} ({known.meaning}), for example {known.example}; .env.example lists all variables"
    if not value or not value.strip():
        raise PermanentError("the environment variable is not set", item=name, remedy=remedy)
    if _PLACEHOLDER.search(value):
        raise PermanentError("the environment variable still holds a placeholder", item=name, remedy=remedy)
    if value != value.strip():
        raise PermanentError(
            "the environment variable has white space around its value", item=name, remedy=remedy
        )
    return value


def required_url(name: str, value: str | None, *, schemes: tuple[str, ...]) -> str:
    """As ``required``, and the value must be an address with one of the schemes and a host.

    Whoever reads it has to find the same host in it: a password's ``#``, ``?``, ``/`` or ``@`` must be escaped.

    Raises:
        PermanentError: naming the variable; the value itself may hold a password and is not repeated.
    """
    address = required(name, value)
    try:
        parts = urlsplit(address)
        wrong = parts.scheme not in schemes or not parts.netloc
        unescaped = "@" in parts.netloc.rpartition("@")[0] or "@" in parts.path + parts.query + parts.fragment
    except ValueError:
        wrong, unescaped = True, False
    if wrong:
        raise PermanentError(
            f"the value is not an address that begins with {' or '.join(f'{one}://' for one in schemes)}",
            item=name,
            remedy=f"Set it to something like {VARIABLES[name].example}",
        )
    if unescaped:
        raise PermanentError(
            "the value has an @ that does not stand right before its host",
            item=name,
            remedy="Escape user and password: # is %23, / is %2F, ? is %3F and @ is %40",
        )
    return address


def required_folder(name: str, value: str | None) -> Path:
    """As ``required``, and the value must be a folder that exists.

    Raises:
        PermanentError: naming the variable and the folder.
    """
    folder = Path(required(name, value))
    if not folder.is_dir():
        raise PermanentError(
            f"there is no folder {folder}", item=name, remedy=f"Set {name} to an existing folder"
        )
    return folder


def positive_number(name: str, value: str | None, *, default: int) -> int:
    """The variable as a whole number from 1 on, or the default where it is unset.

    Raises:
        PermanentError: it is something else.
    """
    given = (value or "").strip()
    if not given:
        return default
    if not given.isascii() or not given.isdigit() or int(given) == 0:
        raise PermanentError(
            f"the value {given[:20]!r} is no whole number from 1 on",
            item=name,
            remedy=f"Set it to something like {VARIABLES[name].example}, or unset it",
        )
    return int(given)


def _servers(address: str) -> list[tuple[str, int]]:
    """Host and port of each server of an address; whatever names this machine is `localhost`."""
    parts = urlsplit(address)
    default_port = _DEFAULT_PORTS.get(parts.scheme.split("+")[0], 0)
    servers = []
    for server in parts.netloc.rpartition("@")[2].lower().split(","):
        host, _, port = server.rpartition(":") if server.rpartition(":")[2].isdigit() else (server, "", "")
        bare = (host or server).strip("[]")
        servers.append(("localhost" if bare in _LOOPBACK else bare, int(port or default_port)))
    return servers


def hosts(address: str) -> tuple[str, ...]:
    """The hosts of an address, without credentials and ports; whatever names this machine is `localhost`."""
    return tuple(host for host, _ in _servers(address))


def _place(address: str, database: str) -> tuple[frozenset[tuple[str, int]], str]:
    return frozenset(_servers(address)), database


def refuse_unlisted(place: tuple[str, str], *, allowed: str, variable: str, listed_in: str) -> None:
    """Refuse an ``(address, database)`` of which a host, with the database, fits none of the allowed patterns.

    ``allowed``: ``HOST/DATABASE`` shell patterns, separated by commas; empty allows this machine only, where every
    name of it counts as ``localhost``. ``variable`` and ``listed_in``: the variables that hold address and patterns.

    Raises:
        PermanentError: naming the host and the database, or the pattern that is none.
    """
    patterns = [pattern.strip().lower() for pattern in allowed.split(",") if pattern.strip()]
    for pattern in patterns:
        host, slash, database = pattern.partition("/")
        if not (host and slash and database):
            raise PermanentError(
                f"{pattern!r} is no pattern of a host and a database",
                item=listed_in,
                remedy=f"Set it to something like {VARIABLES[listed_in].example}",
            )
    address, database = place
    for host, _ in _servers(address):
        if not any(
            fnmatchcase(f"{host}/{database.lower()}", pattern) for pattern in patterns or _THIS_MACHINE
        ):
            raise PermanentError(
                f"{host}/{database} is not on the list of allowed places",
                item=variable,
                remedy=f"Correct it, or add {host}/{database} to {listed_in} if it is what you mean",
            )


def refuse_same_database(
    source: tuple[str, str], target: tuple[str, str], *, variables: tuple[str, str]
) -> None:
    """Refuse a source ``(address, database)`` that shares a server and a database name with the target.

    Raises:
        PermanentError: naming both variables.
    """
    source_hosts, source_database = _place(*source)
    target_hosts, target_database = _place(*target)
    if source_hosts & target_hosts and source_database == target_database:
        raise PermanentError(
            f"source and target are the same database ({source_database})",
            item=" and ".join(variables),
            remedy="Point the target at another database: a migration onto its own source is refused",
        )


def require_same_database(
    source: tuple[str, str], target: tuple[str, str], *, variables: Sequence[str], why: str
) -> None:
    """Refuse a source ``(address, database)`` that is not the target; ``why`` they have to be one.

    Raises:
        PermanentError: naming the variables.
    """
    if _place(*source) != _place(*target):
        raise PermanentError(
            f"source and target are not the same database, and {why}",
            item=" and ".join(variables),
            remedy="Give both the same server and database, or choose what copies from one to the other",
        )


def refuse_production(name: str, *values: str, confirmed: str = "", listed_in: str = "") -> None:
    """Refuse a host or database whose name says production, unless someone confirmed it.

    ``confirmed``: names that are meant all the same, separated by commas; ``listed_in``: the variable that holds them.

    Raises:
        PermanentError: naming the variable and the host or database.
    """
    meant = {one.strip().lower() for one in confirmed.split(",")}
    for value in values:
        if _PRODUCTION.search(value) and value.lower() not in meant:
            confirm = f"; if it is what you mean, confirm it: add {value} to {listed_in}" if listed_in else ""
            raise PermanentError(
                f"the name says production: {value}",
                item=name,
                remedy=f"Point it at staging or development{confirm}",
            )


def refuse_literal_credentials(path: Path) -> None:
    """Refuse a configuration file that holds a password in an address.

    Raises:
        PermanentError: naming file and line, never the password.
        OSError: the file cannot be read.
    """
    # Whatever the file's encoding turns out to be, an address is ASCII.
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            if _LITERAL_CREDENTIALS.search(line):
                raise PermanentError(
                    f"line {number} holds credentials in clear",
                    item=str(path),
                    remedy="Take them out, change that password, and pass the address by its environment variable",
                )
