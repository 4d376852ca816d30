"""Backups of staging as files: `assets_backup_<date>/<part>.bson.gz` beside a `manifest.json` with their hashes.

The BSON documents of a part follow one another, as in the files of mongodump.
"""

import fcntl
import gzip
import hashlib
import io
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from struct import unpack
from typing import Any, BinaryIO

from asset_registry_pipeline.stores.backup import NAME_PREFIX, Damaged, Proof, Tally
from migration_kit.failures import PermanentError
from migration_kit.reports import write_json

MANIFEST = "manifest.json"
_LEVEL = 1
_BUFFER = 1024 * 1024
_SMALLEST_DOCUMENT, _LARGEST_DOCUMENT = 5, 17 * 1024 * 1024
_FIELDS = tuple(field.name for field in fields(Proof))


class FileBackups:
    """Backups in a folder."""

    def __init__(self, folder: Path) -> None:
        self.place = f"folder {folder}"
        self._folder = folder

    def holds(self, backup: str, part: str) -> bool:
        """Whether the part's file is there."""
        return self._path(backup, part).is_file()

    def write(self, backup: str, part: str, raws: Iterable[bytes], *, digest: str) -> None:
        """Write the documents beside, read them back, and give the file its name only then."""
        path = self._path(backup, part)
        with _told(path):
            path.parent.mkdir(exist_ok=True)
            with _locked(path.parent):
                _remove_leftovers(path)
            partial = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.partial")
            try:
                with _begun(partial) as file:
                    # No file name and no time in the header: equal documents are equal bytes.
                    with gzip.GzipFile("", "wb", _LEVEL, file, mtime=0) as packed:
                        packed.writelines(raws)
                    file.flush()
                    os.fsync(file.fileno())
                    if Tally().all(_documents(partial)).digest != digest:
                        raise _damaged(path, "what stands in the file is not what was written")
                    with _locked(path.parent):
                        if not path.exists():
                            partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)

    def read(self, backup: str, part: str) -> Iterator[bytes]:
        """The documents of a part, streamed; at the end its hash is that of the manifest, where it stands in it."""
        path = self._path(backup, part)
        with _told(path):
            if not path.is_file():
                raise _damaged(path, "the file is not there")
            kept = _manifest(path.parent).get(part, {}).get("sha256")
            yield from _documents(path)
            if kept is not None and kept != _sha256(path):
                raise _damaged(path, "its SHA-256 is not that of the manifest")

    def proofs(self, part: str) -> list[Proof]:
        """The manifests' entries about a part."""
        with _told(self._folder):
            found = [
                _proof(folder, part, kept)
                for folder in self._folder.glob(f"{NAME_PREFIX}*")
                if (kept := _manifest(folder).get(part)) is not None
            ]
        return sorted(found, key=lambda proof: (proof.taken_at, proof.backup), reverse=True)

    def keep(self, proof: Proof) -> None:
        """Write an entry into the backup's manifest, with the file's SHA-256."""
        path = self._path(proof.backup, proof.part)
        with _told(path), _locked(path.parent):
            entry = asdict(proof) | {"taken_at": proof.taken_at.isoformat(), "file": path.name}
            parts = _manifest(path.parent)
            # What was refused keeps the hash that it was proved with.
            proved = parts.get(proof.part, {}).get("sha256") if proof.refused else None
            parts[proof.part] = entry | {"sha256": proved or _sha256(path)}
            write_json(path.parent / MANIFEST, {"parts": parts})

    def _path(self, backup: str, part: str) -> Path:
        return self._folder / backup / f"{part}.bson.gz"


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what the file system or an archive says into an error for a person."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _damaged(path, f"the archive is cut off or damaged ({error})") from error
    except OSError as error:
        raise PermanentError(
            f"the backup cannot be written or read: {error.strerror or error}",
            item=str(error.filename or path),
            remedy="See to the disk and to the folder's rights (REGISTRY_BACKUP_PATH), then materialise this again",
        ) from error


def _documents(path: Path) -> Iterator[bytes]:
    with gzip.open(path, "rb") as packed, io.BufferedReader(packed, _BUFFER) as stream:
        while head := stream.read(4):
            size = unpack("<i", head)[0] if len(head) == 4 else 0
            rest = stream.read(size - 4) if _SMALLEST_DOCUMENT <= size <= _LARGEST_DOCUMENT else b""
            if not rest or len(rest) != size - 4:
                raise _damaged(path, "it holds something that is no BSON document")
            yield head + rest


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.exists():
        return {}
    try:
        parts = json.loads(path.read_text(encoding="utf-8"))["parts"]
        return {part: dict(entry) for part, entry in parts.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _wrong(path) from error


def _proof(folder: Path, part: str, kept: dict[str, Any]) -> Proof:
    try:
        said = {name: kept[name] for name in _FIELDS}
        proof = Proof(**said | {"taken_at": datetime.fromisoformat(kept["taken_at"])})
    except (KeyError, TypeError, ValueError) as error:
        raise _wrong(folder / MANIFEST) from error
    if (proof.backup, proof.part) != (folder.name, part) or proof.taken_at.tzinfo is None:
        raise _wrong(folder / MANIFEST)
    return proof


def _wrong(path: Path) -> PermanentError:
    return PermanentError(
        "the manifest cannot be read",
        item=str(path),
        remedy=f"Put it right, or take the folder {path.parent.name} out of REGISTRY_BACKUP_PATH (do not delete it),"
        " then materialise registry/staging_backup again",
    )


def _damaged(path: Path, why: str) -> Damaged:
    return Damaged(
        why,
        item=str(path),
        remedy="Bring the file back as it was, or materialise registry/staging_backup again",
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _begun(partial: Path) -> BinaryIO:
    """A new file, locked before anybody may take it for a leftover: as long as it is, its run is alive."""
    with _locked(partial.parent):
        file = partial.open("xb")
        fcntl.flock(file, fcntl.LOCK_EX)
        return file


def _remove_leftovers(path: Path) -> None:
    """Remove half files of runs that were killed; one that is still locked is being written."""
    for leftover in path.parent.glob(f".{path.name}.*.partial"):
        # Where it has gone meanwhile, its run has just ended.
        with suppress(BlockingIOError, FileNotFoundError), leftover.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            leftover.unlink(missing_ok=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One at a time: layers of one backup are taken by several processes."""
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
