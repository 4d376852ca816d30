"""The folder with the mapping files. What the files say is `media.mappings`'s matter."""

from __future__ import annotations

from pathlib import Path

from migration_kit.failures import PermanentError
from nabo_pipeline.media.mappings import CHATS_FILE, Mappings, assemble


def read_mappings(folder: Path) -> Mappings:
    """All mappings of NABO_MAPPINGS_PATH. Raises PermanentError naming the file that is missing or malformed."""

    def read(name: str) -> str | None:
        path = folder / name
        try:
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise PermanentError(
                f"the mapping file cannot be read: {error}", item=name, remedy="Make it readable UTF-8 text."
            ) from error

    return assemble(read)


def chats_were_migrated(folder: Path) -> bool:
    """Whether there are chat mappings at all; without them every chat image is excluded."""
    return (folder / CHATS_FILE).exists()
