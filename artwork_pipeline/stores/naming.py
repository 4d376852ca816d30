"""What indexes and constraints are called when their table is: artworks_pkey of artworks_v1 is artworks_v1_pkey."""

import hashlib

SERVED = "artworks"
_LONGEST = 63  # bytes of a name in PostgreSQL


def called(name: str, table: str, becomes: str) -> str:
    """The name of an index or a constraint once its table is called otherwise; ``artworks`` is one of both.

    A name that does not begin with its table's is told apart by its end.
    """
    if name == table or name.startswith(f"{table}_"):
        return _fitting(becomes + name.removeprefix(table), name)
    if becomes == SERVED:
        return name.removesuffix(table.removeprefix(SERVED)) or name
    return _fitting(name + becomes.removeprefix(SERVED), name, keep=becomes.removeprefix(SERVED))


def _fitting(wanted: str, original: str, *, keep: str = "") -> str:
    if len(wanted.encode()) <= _LONGEST:
        return wanted
    mark = f"_{hashlib.sha256(original.encode()).hexdigest()[:8]}{keep}"
    return wanted.encode()[: _LONGEST - len(mark)].decode(errors="ignore") + mark
