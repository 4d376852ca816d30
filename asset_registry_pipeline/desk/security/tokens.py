"""Who may use the desk: lines of name, role and the SHA-256 of a token. A token itself is stored nowhere.

A token has 256 random bits, so its plain hash tells nobody the token; sessions are for `sessions`.
"""

import hashlib
import hmac
import logging
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from asset_registry_pipeline.registry.roles import Actor, Role
from migration_kit.failures import PermanentError

LOG = logging.getLogger(__name__)
_NAME = re.compile(r"[^\s:,#][^:,#]{0,59}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MAKE_ONE = "Make one with `python -m asset_registry_pipeline.desk token NAME ROLE`"


@dataclass(frozen=True)
class Holder:
    """A person who was given a token, and the token's SHA-256."""

    name: str
    role: Role
    digest: str

    @property
    def actor(self) -> Actor:
        """Who they are to everything that is done for them."""
        return Actor(self.name, self.role)


def new_token() -> str:
    """A token that nobody can guess: 43 characters that need no quoting anywhere."""
    return secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """The SHA-256 of a token, as 64 hex digits."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def line_of(name: str, role: Role, token: str) -> str:
    """The line that lets the holder of a token in.

    Raises:
        PermanentError: the name cannot stand in such a line.
    """
    line = f"{name.strip()}:{role}:{digest_of(token)}"
    _read_line(line)
    return line


def read_lines(text: str) -> tuple[tuple[Holder, ...], tuple[str, ...]]:
    """The holders that a text lists (separated by lines or commas; `#` begins a comment), and what is wrong in it.

    A bad line never keeps its neighbours out; what is told of it never repeats it.
    """
    holders: dict[str, Holder] = {}
    wrong: list[str] = []
    without_comments = "\n".join(line.partition("#")[0] for line in text.splitlines())
    for number, line in enumerate(re.split(r"[,\n]", without_comments), start=1):
        if not line.strip():
            continue
        try:
            holder = _read_line(line.strip())
        except PermanentError as error:
            wrong.append(f"entry {number}: {error}")
            continue
        if holders.setdefault(holder.digest, holder) != holder:
            wrong.append(f"entry {number}: its token is another person's already")
    return tuple(holders.values()), tuple(wrong)


class Tokens:
    """The tokens that count now: those of a variable, and those of a file, read anew whenever it has changed."""

    def __init__(self, given: str = "", file: Path | None = None) -> None:
        """Takes what the variables hold.

        Raises:
            PermanentError: an entry is wrong, the file cannot be read, or nobody at all is let in.
        """
        self._given, wrong = read_lines(given)
        self._file = file
        self._of_file: tuple[Holder, ...] = ()
        self._seen: tuple[int, int, int] | None = None
        if wrong:
            raise PermanentError(wrong[0], item="CURATOR_TOKENS", remedy=_MAKE_ONE)
        if file is not None:
            # Seen before it is read: what is changed between the two is read again.
            self._seen = _state_of(file)
            self._of_file, wrong = read_lines(_text_of(file))
            if wrong:
                raise PermanentError(wrong[0], item="CURATOR_TOKENS_FILE", remedy=_MAKE_ONE)
        if not self._given + self._of_file:
            raise PermanentError("nobody could log in", item="CURATOR_TOKENS", remedy=_MAKE_ONE)

    def holder_of(self, token: str) -> Holder | None:
        """Who holds this token; all entries are compared, each in constant time."""
        return self.standing(digest_of(token))

    def standing(self, digest: str) -> Holder | None:
        """Who holds the token with this hash, as the entries stand now; None where it was taken away."""
        found = None
        for holder in self._standing():
            if hmac.compare_digest(holder.digest, digest):
                found = holder
        return found

    def _standing(self) -> tuple[Holder, ...]:
        if self._file is None:
            return self._given
        state = _state_of(self._file)
        if state != self._seen:
            try:
                self._of_file, wrong = read_lines(_text_of(self._file))
            except PermanentError as error:
                # Who cannot be looked up is not let in; those of the variable still are.
                self._of_file, wrong = (), (str(error),)
            self._seen = state
            for told in wrong:
                LOG.error("CURATOR_TOKENS_FILE: %s", told)
        return self._given + self._of_file


def _read_line(line: str) -> Holder:
    name, *rest = line.split(":")
    if len(rest) != 2 or not _NAME.fullmatch(name) or not name.isprintable():
        raise PermanentError("it is not NAME:ROLE:SHA256", remedy=_MAKE_ONE)
    role, digest = rest
    if role not in list(Role):
        raise PermanentError(f"its role is none of {', '.join(Role)}", remedy=_MAKE_ONE)
    if not _DIGEST.fullmatch(digest.lower()):
        raise PermanentError(
            "its token is no SHA-256 of 64 hex digits; a plain token belongs nowhere", remedy=_MAKE_ONE
        )
    return Holder(name, Role(role), digest.lower())


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PermanentError(
            f"the file cannot be read ({type(error).__name__})",
            item="CURATOR_TOKENS_FILE",
            remedy="Set it to a readable text file",
        ) from error


def _state_of(file: Path) -> tuple[int, int, int] | None:
    try:
        state = file.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size, state.st_ino
