"""Backups of staging: what each place for them promises, and the hash by which a backup is known.

A backup has a name with its date and consists of parts: one for each layer, one for documents of no layer, one for the
taxonomies. A part is there whole or not at all, and is never overwritten. How they are proved is the steps' matter.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from asset_registry_pipeline.stores import codec
from migration_kit.failures import PermanentError, TransientError
from migration_kit.fingerprints import SetDigest

NAME_PREFIX = "assets_backup_"
TAXONOMIES_PART = "taxonomies"
SCRATCH_PREFIX = "migration_scratch_"
_CHUNK_ROWS, _CHUNK_BYTES = 1_000, 8 * 1024 * 1024


class AtWork(TransientError):  # noqa: N818 - reads as what happened
    """Another run is at the same part at this moment: soon it will be there, proved."""


class Damaged(PermanentError):  # noqa: N818 - reads as what happened
    """A part is not there, or holds something else than was put there; not one that could not be read just now."""


@dataclass(frozen=True)
class Proof:
    """The manifest's entry about a part: that it was restored and compared with staging, and what it then held.

    `digest` is the hash of the set of its documents, the same as the inventory's fingerprint of a layer. `refused` says
    why the part may not be built upon any more.
    """

    backup: str
    part: str
    documents: int
    bytes: int
    digest: str
    taxonomy: str
    taken_at: datetime
    run_id: str
    refused: str = ""


class Tally:
    """Number, size and hash of documents, in whatever order they come; it holds none of them."""

    def __init__(self) -> None:
        self.documents = 0
        self.bytes = 0
        self._digest = SetDigest()

    def through(self, raws: Iterable[bytes]) -> Iterator[bytes]:
        """The documents, counted as they pass."""
        for raw in raws:
            self._digest.add(f"{codec.item_of(raw)} {codec.content_hash(raw)}")
            self.documents += 1
            self.bytes += len(raw)
            yield raw

    def all(self, raws: Iterable[bytes]) -> "Tally":
        """Itself, with all the documents counted."""
        for _ in self.through(raws):
            pass
        return self

    @property
    def digest(self) -> str:
        """Hash of the set of the documents."""
        return self._digest.hexdigest()


class BackupStore(Protocol):
    """A place for backups."""

    place: str
    """What to call it in a message."""

    def holds(self, backup: str, part: str) -> bool:
        """Whether the part is there, proved or not."""

    def write(self, backup: str, part: str, raws: Iterable[bytes], *, digest: str) -> None:
        """Keep the documents as a part, whole and read back, or not at all; one that is there already stays.

        `digest`: the hash that they must have.

        Raises:
            PermanentError: what was written is not what came, or the place refuses to be written to.
            AtWork: another run is at the same part.
            TransientError: the place is lost.
        """

    def read(self, backup: str, part: str) -> Iterator[bytes]:
        """The documents of a part in the order of their `_id`, streamed.

        Raises:
            Damaged: it is not there, or cannot be what was written.
            PermanentError: the place refuses to be read.
            TransientError: the place is lost.
        """

    def proofs(self, part: str) -> list[Proof]:
        """The manifests' entries about a part, the newest first.

        Raises:
            PermanentError: a manifest cannot be read.
        """

    def keep(self, proof: Proof) -> None:
        """Write an entry into the manifest, in the place of an earlier one about the same part."""


def chunks(raws: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Documents in lists that one message to the server can carry."""
    chunk: list[bytes] = []
    size = 0
    for raw in raws:
        if chunk and (len(chunk) >= _CHUNK_ROWS or size + len(raw) > _CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(raw)
        size += len(raw)
    if chunk:
        yield chunk
