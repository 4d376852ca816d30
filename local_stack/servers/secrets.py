"""Credentials of the local servers: random, one set a data folder, kept in it for its owner only.

Only servers that this package starts use them. Credentials of servers that somebody else runs come from the
environment and never enter this file.
"""

import json
import os
import secrets
import uuid
from pathlib import Path

CREDENTIALS = "credentials.json"
_NAMES = ("postgres_password", "s3_access_key", "s3_secret_key", "storage_jwt_secret")


def local_credentials(data_dir: Path) -> dict[str, str]:
    """The credentials of this data folder by name; made at the first call, the same ones ever after."""
    path = data_dir / CREDENTIALS
    if path.exists():
        known: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        return known
    made = {name: secrets.token_hex(20) for name in _NAMES}
    draft = path.with_name(f".{CREDENTIALS}.{uuid.uuid4().hex}")
    with os.fdopen(
        os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
    ) as file:
        json.dump(made, file)
    try:
        path.hardlink_to(draft)
    except FileExistsError:  # another program was faster: its credentials are those of the data
        return local_credentials(data_dir)
    finally:
        draft.unlink()
    return made
