"""Bringing a backup back, for people: into an empty database of their choice, checked. It never writes into staging.

Taking a migration back is another thing, and goes by the ledger.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from asset_registry_pipeline.registry.layers import MIGRATED_LAYERS, UNFILED
from asset_registry_pipeline.steps.backup import open_backups
from asset_registry_pipeline.stores.backup import TAXONOMIES_PART, BackupStore, Proof, Tally
from asset_registry_pipeline.stores.backup_collections import EmptyDatabase
from asset_registry_pipeline.stores.connections import Registry, check_restored_database
from asset_registry_pipeline.stores.staging import ASSETS, TAXONOMIES
from migration_kit.failures import PermanentError
from migration_kit.mongo import connect

PARTS = (*MIGRATED_LAYERS, UNFILED, TAXONOMIES_PART)


@dataclass(frozen=True)
class Restored:
    """A part that is back: its entry in the manifest, and the collection it is in."""

    proof: Proof
    collection: str


def restore(registry: Registry, backup: str, database: str) -> tuple[Restored, ...]:
    """Restore every proved part of a backup into an empty database on development's server, and read it back.

    Raises:
        PermanentError: there is no such backup, the database is not an empty one that may be written to, or what came
            back is not what was proved.
        TransientError: a server is lost; what is there by then has to be dropped.
    """
    check_restored_database(registry.settings, database)
    with open_backups(registry.settings) as (store, _), connect(registry.settings.development_uri) as client:
        proofs = [proof for part in PARTS for proof in store.proofs(part) if proof.backup == backup]
        usable = [proof for proof in proofs if not proof.refused]
        if not usable:
            known = sorted({proof.backup for part in PARTS for proof in store.proofs(part)})
            remedy = f"There are {', '.join(known)}" if known else "Materialise registry/staging_backup first"
            raise PermanentError(
                f"no proved backup of this name is in {store.place}", item=backup, remedy=remedy
            )
        target = EmptyDatabase(client.get_database(database))
        target.require_empty()
        restored = []
        for proof in usable:
            collection = TAXONOMIES if proof.part == TAXONOMIES_PART else ASSETS
            target.fill(collection, _as_proved(store, proof))
            restored.append(Restored(proof, collection))
        for collection in (ASSETS, TAXONOMIES):
            _read_back(
                store, target, collection, [one.proof for one in restored if one.collection == collection]
            )
    return tuple(restored)


def _as_proved(store: BackupStore, proof: Proof) -> Iterator[bytes]:
    tally = Tally()
    yield from tally.through(store.read(proof.backup, proof.part))
    if tally.digest != proof.digest:
        raise PermanentError(
            f"the backup in {store.place} was changed since it was proved",
            item=f"{proof.backup}, {proof.part}",
            remedy="Drop the database that it was restored into, and restore another backup",
        )


def _read_back(store: BackupStore, target: EmptyDatabase, collection: str, proofs: list[Proof]) -> None:
    wanted = Tally()
    for proof in proofs:
        wanted.all(store.read(proof.backup, proof.part))
    if Tally().all(target.read(collection)).digest != wanted.digest:
        raise PermanentError(
            "what was restored is not what the backup holds; two parts may hold one document",
            item=f"{target.name}.{collection}",
            remedy="Drop that database and try again; see the server's log",
        )
