"""The preflight: whether servers, databases, logins and settings are fit for a migration, before anything is written.

It collects everything that is wrong, so that a person repairs it in one go. What is in the documents is for the
inventory to find; here only what is unknown as a whole is counted.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pymongo.database import Database
from pymongo.errors import OperationFailure

from asset_registry_pipeline.registry import privileges
from asset_registry_pipeline.registry.layers import MIGRATED_LAYERS
from asset_registry_pipeline.registry.preflight import Preflight, Row
from asset_registry_pipeline.registry.privileges import Need
from asset_registry_pipeline.registry.stages import APPLY, BACKUP, INVENTORY, VERIFY
from asset_registry_pipeline.steps.probing import samples
from asset_registry_pipeline.stores import servers
from asset_registry_pipeline.stores.connections import (
    Places,
    backup_database,
    connected,
    pinned_taxonomy,
    refuse_one_server_by_two_names,
    require_replica_set,
)
from asset_registry_pipeline.stores.development import ASSETS, Development
from asset_registry_pipeline.stores.indexes import WANTED_INDEXES
from asset_registry_pipeline.stores.settings import Settings
from asset_registry_pipeline.stores.staging import Staging
from migration_kit.environment import hosts, required_folder
from migration_kit.failures import PermanentError
from migration_kit.gates import VerdictStatus
from migration_kit.ledger.mongo import MongoLedger
from migration_kit.redaction import redact

T = TypeVar("T")


def look(settings: Settings) -> Preflight:
    """Look at everything that a migration stands on; nothing is written.

    Raises:
        PermanentError: a setting is missing or refused, so that nothing can be looked at.
        TransientError: a server does not answer.
    """
    seen = Preflight()
    with connected(settings) as places:
        for warning in places.warnings:
            seen.warn("database name", warning, "Make sure that it is the database that is meant")
        _look_at_servers(seen, settings, places)
        if _look_at_logins(seen, settings, places):
            _look_at_target(seen, settings, places)
            _look_at_source(seen, settings, places)
    return seen


def _look_at_servers(seen: Preflight, settings: Settings, places: Places) -> None:
    profile = places.profile
    seen.choices = [
        {"choice": name, "value": _told(value)} for name, value in vars(profile).items() if name != "digest"
    ]
    for role, client, uri, database in (
        ("staging", places.source, settings.staging_uri, settings.staging_db),
        ("development", places.target, settings.development_uri, settings.development_db),
    ):
        row = {"role": role, "database": database, "server": ", ".join(hosts(uri))}
        seen.servers.append(
            row | {"version": servers.version(client), "replica set": servers.replica_set(client) or "none"}
        )
    if settings.backup_path.strip():
        seen.servers.append({"role": "backup", "database": f"files in {settings.backup_path}"})
        _collect(seen, lambda: required_folder("REGISTRY_BACKUP_PATH", settings.backup_path))
    else:
        seen.servers.append({**seen.servers[-1], "role": "backup", "database": backup_database(settings)})
    _collect(seen, lambda: require_replica_set(places.target))
    if not places.in_place:
        _collect(seen, lambda: refuse_one_server_by_two_names(places.source, places.target, settings))


def _look_at_logins(seen: Preflight, settings: Settings, places: Places) -> bool:
    """Privileges needed against granted; whether it makes sense to ask for more."""
    wanted = privileges.needs(
        staging=settings.staging_db,
        development=settings.development_db,
        backup=None if settings.backup_path.strip() else backup_database(settings),
        taxonomies=not settings.taxonomy.strip(),
        in_place=places.in_place,
    )
    allowed = True
    for role, client, database in (
        ("staging", places.source, settings.staging_db),
        ("development", places.target, settings.development_db),
    ):
        login = servers.login(client, database)
        own = [
            need for need in wanted if need.place == role or (role, need.place) == ("development", "backup")
        ]
        missing = {need: privileges.lacking(need, login.grants) if login.asked else () for need in own}
        who = login.user or ("nobody is logged in" if login.asked else "the server asks for no login")
        seen.privileges += [_privilege_row(need, who, lacks) for need, lacks in missing.items()]
        for need, lacks in missing.items():
            if lacks:
                allowed = False
                seen.refuse(
                    f"REGISTRY_{role.upper()}_URI",
                    f"{who}: may not {', '.join(lacks)} on {need.what} of {need.database}",
                    "Give the login the role read (staging) or readWrite (development, backup) on that database",
                )
        changes = privileges.changes_allowed(database, ASSETS, login.grants)
        if role == "staging" and changes and not places.in_place:
            seen.warn(
                "REGISTRY_STAGING_URI",
                f"{who} may not only read staging, but {', '.join(changes)}",
                "Use a login with the role read; nothing is written there all the same",
            )
    return allowed


def _privilege_row(need: Need, who: str, lacks: Sequence[str]) -> Row:
    return {
        "place": need.place,
        "collections": f"{need.database}: {need.what}",
        "login": who,
        "needed": ", ".join(need.actions),
        "missing": ", ".join(lacks) or "nothing",
    }


def _look_at_target(seen: Preflight, settings: Settings, places: Places) -> None:
    database: Database[Any] = places.target[settings.development_db]
    development = Development(database)
    seen.indexes = list(_indexes(seen, development))
    _collect(seen, development.refuse_foreign_unique_indexes)
    found = servers.validation(database, ASSETS)
    where = f"{settings.development_db}.{ASSETS}"
    if found.kind != "collection" or found.capped:
        kind = "a capped collection" if found.capped else f"a {found.kind}"
        seen.refuse(where, f"it is {kind}, and not a plain collection", "Migrate into a plain collection")
    if found.collation:
        reason = f"it has a collation ({found.collation}): names that it holds for equal collide"
        seen.warn(where, reason, "Make it without one, unless that is what is wanted")
    if found.rules:
        _ask_validator(seen, settings, places, refuses=found.refuses)
    else:
        seen.validators = [{"collection": where, "document": "any", "answer": "there is no validator"}]
    ledger = MongoLedger(database)
    for stage in (INVENTORY, BACKUP, APPLY, VERIFY):
        for layer, verdict in ledger.verdicts(stage).items():
            if verdict.status is VerdictStatus.RUNNING:
                seen.warn(
                    f"{stage} of {layer}",
                    f"run {verdict.run_id} is at work, or was lost",
                    "Wait for it, or see in Dagster that it has ended; two runs at once do no harm",
                )


def _indexes(seen: Preflight, development: Development) -> Iterator[Row]:
    there, missing, building = development.indexes(), development.missing_indexes(), development.being_built()
    wanted = {index.name: index for index in WANTED_INDEXES}
    for name, index in there.items():
        keys = ", ".join(f"{key} {kind}" for key, kind in index["key"])
        state = "stays" if name == "_id_" else "wanted, and there" if name in wanted else "not ours; stays"
        if name in building:
            state = "wanted, and being built" if name in wanted else "not ours, being built; stays"
        elif name in missing:
            state = f"in the way of the wanted one: {missing[name]}"
            seen.refuse(f"index {name}", state, f"Drop it: db.{ASSETS}.dropIndex('{name}')")
        elif name not in wanted and (other := _stands_for(index, missing)) is not None:
            state = f"in the way of {other}"
            seen.refuse(f"index {name}", f"it is {state}", f"Drop it: db.{ASSETS}.dropIndex('{name}')")
        yield {"index": name, "keys": keys, "unique": bool(index.get("unique")), "state": state}
    for name in missing:
        if name not in there:
            keys = ", ".join(f"{key} {kind}" for key, kind in wanted[name].keys)
            unique = bool(wanted[name].options.get("unique"))
            yield {"index": name, "keys": keys, "unique": unique, "state": "missing; made when publishing"}


def _stands_for(index: Mapping[str, Any], missing: Mapping[str, str]) -> str | None:
    """The wanted index that cannot be made beside this one: over the same fields, or the one for texts."""
    keys = [tuple(key) for key in index["key"]]
    for one in WANTED_INDEXES:
        text = one.keys[0][1] == "text" and any(kind == "text" for _, kind in keys)
        if one.name in missing and (text or keys == list(one.keys)):
            return one.name
    return None


def _ask_validator(seen: Preflight, settings: Settings, places: Places, *, refuses: bool) -> None:
    """Let development's validator judge a few documents of the new shape, or say that it only warns."""
    target: Database[Any] = places.target[settings.development_db]
    where = f"{settings.development_db}.{ASSETS}"
    if not refuses:
        seen.validators = [{"collection": where, "document": "any", "answer": "its validator only warns"}]
        seen.warn(where, "it has a validator that only warns", "Look into development's log after publishing")
        return
    staging = Staging(places.source[settings.staging_db])
    try:
        taxonomy = pinned_taxonomy(settings, staging)
    except PermanentError:
        return  # told where the source is looked at
    for label, document in samples(staging, places.profile, taxonomy):
        why = servers.refusal(target, ASSETS, document)
        seen.validators.append({"collection": where, "document": label, "answer": why or "taken"})
        if why is not None and not any(concern.item == where for concern in seen.refusals):
            seen.refuse(
                where,
                f"its validator refuses documents of the new shape, the first {label}: {why}",
                "Let the validator allow the Phase 2B fields (db.runCommand({collMod: 'assets', validator: ...}))",
            )
    if not seen.validators:
        seen.warn(where, "it has a validator, and no document could be made to ask it", "Ask it by hand")


def _look_at_source(seen: Preflight, settings: Settings, places: Places) -> None:
    database: Database[Any] = places.source[settings.staging_db]
    found = _collect(seen, lambda: pinned_taxonomy(settings, Staging(database)))
    seen.taxonomy = found.pinned if found is not None else "none"
    counts = _allowed(seen, lambda: servers.layers(database, ASSETS)) or {}
    expected = places.profile.expected
    seen.layers = [
        {"layer": layer, "documents": counts.get(layer, 0), "expected": expected.get(layer, "as they are")}
        for layer in (*MIGRATED_LAYERS, *sorted({*counts} - {*MIGRATED_LAYERS}))
    ]
    if not counts:
        seen.refuse(
            f"{settings.staging_db}.{ASSETS}",
            "staging has no document at all",
            "Check REGISTRY_STAGING_URI and REGISTRY_STAGING_DB; an empty source is never a finished one",
        )
    seen.unknown_fields = list(_allowed(seen, lambda: servers.unknown_fields(database, ASSETS)) or ())


def _collect(seen: Preflight, ask: Callable[[], T]) -> T | None:
    """Take in a refusal that a store raises, and go on."""
    try:
        return ask()
    except PermanentError as error:
        seen.refuse(error.item or "", error.reason, error.remedy or "")
    return None


def _allowed(seen: Preflight, ask: Callable[[], T]) -> T | None:
    """What a server answers; a question that it does not take is told, and stops nothing."""
    try:
        return ask()
    except OperationFailure as error:
        told = redact(str((error.details or {}).get("errmsg", error)))
        seen.warn("staging", f"the server did not answer a question: {told}", "The inventory looks again")
    return None


def _told(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {one}" for key, one in value.items())
    return "" if value is None else str(value)
