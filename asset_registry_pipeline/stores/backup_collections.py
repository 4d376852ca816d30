"""Collections of whole documents beside the migrated ones: backups in a database of their own, and scratch.

Documents go in and come out as the bytes they are; nothing is decoded. What is compared with what is the steps' matter.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError, CollectionInvalid, OperationFailure, PyMongoError

from asset_registry_pipeline.registry.documents import masked
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.backup import SCRATCH_PREFIX, AtWork, Damaged, Proof, Tally, chunks
from migration_kit.failures import PermanentError, TransientError
from migration_kit.mongo import is_passing, raw_documents
from migration_kit.redaction import redact

MANIFEST = "assets_backup_manifest"
_DUPLICATE_KEY, _UNAUTHORIZED, _OUT_OF_DISK_SPACE = 11000, 13, 14031
_NOT_THERE, _THERE_ALREADY, _DROPPED = 26, 48, 175
_REMEDIES = {
    _UNAUTHORIZED: "Give its user the right to read and write the database",
    _OUT_OF_DISK_SPACE: "Free disk space on the server, then materialise registry/staging_backup again",
}
_FIELDS = tuple(field.name for field in fields(Proof))


class DatabaseBackups:
    """Backups in a database: a part is the collection `assets_backup_<date>.<part>`."""

    def __init__(self, database: Database[Any]) -> None:
        self.place = f"database {database.name}"
        self._database = database
        self._manifest = database.get_collection(MANIFEST, codec_options=codec.OPTIONS)

    def holds(self, backup: str, part: str) -> bool:
        """Whether the part's collection is there."""
        with told(self.place):
            return f"{backup}.{part}" in self._database.list_collection_names()

    def write(self, backup: str, part: str, raws: Iterable[bytes], *, digest: str) -> None:
        """Write the documents beside, read them back, and give the collection its name only then."""
        scratch = Scratch(self._database, part, digest)
        try:
            scratch.fill(raws)
            found = Tally().all(scratch.read())
            if found.digest != digest:
                scratch.require_own()
                raise PermanentError(
                    f"what {self.place} holds after writing is not what was written",
                    item=f"{backup}.{part}",
                    remedy="See the server's log, then materialise registry/staging_backup again",
                )
            scratch.rename(f"{backup}.{part}")
        finally:
            scratch.drop()

    def read(self, backup: str, part: str) -> Iterator[bytes]:
        """The documents of a part, streamed."""
        if not self.holds(backup, part):
            raise Damaged(
                f"the collection is not in {self.place}",
                item=f"{backup}.{part}",
                remedy="Bring it back, or materialise registry/staging_backup again",
            )
        yield from _read(self._database, f"{backup}.{part}", self.place)

    def proofs(self, part: str) -> list[Proof]:
        """The manifest's entries about a part."""
        with told(self.place):
            rows = list(self._manifest.find({"part": part}).sort([("taken_at", -1), ("_id", -1)]))
        try:
            return [Proof(**{name: row[name] for name in _FIELDS}) for row in rows]
        except KeyError as missing:
            raise PermanentError(
                f"an entry has no {missing}",
                item=f"{self._database.name}.{MANIFEST}",
                remedy="Somebody changed the manifest: put the entry right or remove it, then materialise"
                " registry/staging_backup again",
            ) from missing

    def keep(self, proof: Proof) -> None:
        """Write an entry into the manifest."""
        identifier = f"{proof.backup}/{proof.part}"
        with told(self.place):
            self._manifest.replace_one({"_id": identifier}, {"_id": identifier, **asdict(proof)}, upsert=True)


class Scratch:
    """A collection to be dropped: `migration_scratch_<part>.<hash of what goes in>`.

    Two runs that write the same share it: what one has inserted the other finds. Leftovers of other contents, of a run
    that was killed, are dropped when the next one begins.
    """

    def __init__(self, database: Database[Any], part: str, digest: str) -> None:
        self._database = database
        self.name = f"{SCRATCH_PREFIX}{part}.{digest[:16]}"
        self._part = part
        self._identity: Any = None
        self._place = f"database {database.name}"

    def fill(self, raws: Iterable[bytes]) -> None:
        """Insert documents; those that another run has inserted already stay."""
        with told(self._place):
            for name in self._database.list_collection_names():
                if name.startswith(f"{SCRATCH_PREFIX}{self._part}.") and name != self.name:
                    self._database.drop_collection(name)
            self._create()
            _fill(self._database, self.name, raws)

    def read(self) -> Iterator[bytes]:
        """The documents in the order of their `_id`, streamed."""
        return _read(self._database, self.name, self._place)

    def require_own(self) -> None:
        """Make sure that this is still the collection that was filled.

        Raises:
            AtWork: another run has dropped or renamed it meanwhile.
        """
        if self._identity is None or self._seen() != self._identity:
            raise AtWork("another run was at work on the same backup", item=self.name)

    def rename(self, name: str) -> None:
        """Make it a collection to be kept. Where one of that name stands already, that one stays.

        Raises:
            AtWork: another run has dropped or renamed it meanwhile.
        """
        with told(self._place):
            self.require_own()
            try:
                self._database[self.name].rename(name)
            except OperationFailure as error:
                if error.code not in (_NOT_THERE, _THERE_ALREADY):
                    raise

    def drop(self) -> None:
        """Remove it, if it is still there."""
        with told(self._place):
            self._database.drop_collection(self.name)

    def _create(self) -> None:
        try:
            self._database.create_collection(self.name)
        except CollectionInvalid:
            pass  # the driver saw that it is there already
        except OperationFailure as error:
            if error.code != _THERE_ALREADY:
                raise
        self._identity = self._seen()
        # Nothing by that name now: the other run was just done with it.
        self.require_own()

    def _seen(self) -> Any:
        found = list(self._database.list_collections(filter={"name": self.name}))
        return found[0]["info"].get("uuid") if found else None


class EmptyDatabase:
    """A database that a backup is restored into."""

    def __init__(self, database: Database[Any]) -> None:
        self.name = database.name
        self._database = database

    def require_empty(self) -> None:
        """Make sure that nothing is there.

        Raises:
            PermanentError: it has collections.
        """
        with told(f"database {self.name}"):
            there = self._database.list_collection_names()
        if there:
            raise PermanentError(
                f"it is not empty: it has {', '.join(sorted(there)[:5])}",
                item=f"database {self.name}",
                remedy="Name a database that does not exist yet, or drop this one if nobody needs it",
            )

    def fill(self, collection: str, raws: Iterable[bytes]) -> None:
        """Insert documents into a collection."""
        with told(f"database {self.name}"):
            _fill(self._database, collection, raws)

    def read(self, collection: str) -> Iterator[bytes]:
        """The documents of a collection in the order of their `_id`, streamed."""
        return _read(self._database, collection, f"database {self.name}")


@contextmanager
def told(place: str) -> Iterator[None]:
    """Turn the server's errors into ones for a person: which place, why, what to do.

    Raises:
        TransientError: the server is lost for the moment, or (`AtWork`) a collection was dropped while it was read.
        PermanentError: it refuses.
    """
    try:
        yield
    except PyMongoError as error:
        if is_passing(error):
            raise TransientError(redact(str(error)), item=place) from error
        code, words = getattr(error, "code", None), str(error)
        if code == _DROPPED:
            raise AtWork("another run was at work on the same backup", item=place) from error
        if isinstance(error, BulkWriteError) and (failed := error.details.get("writeErrors")):
            code, words = failed[0].get("code"), str(failed[0].get("errmsg"))
        raise PermanentError(
            f"the server refuses: {masked(redact(words))[:300]}",
            item=place,
            remedy=_REMEDIES.get(code or 0, "Do what the server says, then materialise this again"),
        ) from error


def _fill(database: Database[Any], name: str, raws: Iterable[bytes]) -> None:
    collection = database.get_collection(name, codec_options=codec.RAW)
    for chunk in chunks(raws):
        _insert(collection, chunk)


def _insert(collection: Collection[Any], chunk: list[bytes]) -> None:
    try:
        collection.insert_many([RawBSONDocument(raw) for raw in chunk], ordered=False)
    except BulkWriteError as error:
        if any(one["code"] != _DUPLICATE_KEY for one in error.details["writeErrors"]):
            raise


def _read(database: Database[Any], name: str, place: str) -> Iterator[bytes]:
    with told(place):
        yield from raw_documents(database[name].find_raw_batches().sort("_id", 1))
