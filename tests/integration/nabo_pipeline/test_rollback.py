"""Taking back: what this migration created goes, what anybody touched stays, and a run that is lost costs nothing."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest

from migration_kit.failures import PermanentError, TransientError
from nabo_pipeline.media.rollback import (
    NOT_IN_LEDGER,
    OBJECT_REPLACED,
    OBJECT_REPLACED_MEANWHILE,
    OBJECT_SHOWN,
    OBJECT_SHOWN_MEANWHILE,
    ROW_CHANGED,
    ROW_REFERRED,
    UNREADABLE,
)
from nabo_pipeline.stores.rollback import RollbackStore
from nabo_pipeline.stores.storage import Storage
from nabo_pipeline.stores.turns import turn

APPLY = ("images", "media_records")


def migrate(place: Any, category: str) -> None:
    """Up to the rows; what is not looked at here need not be validated."""
    assert place.run(category, "media_inventory", "migration_plan", *APPLY).success


def roll_back(place: Any, what: str, *, dry_run: bool = False) -> dg.ExecuteInProcessResult:
    from nabo_pipeline.definitions import build_defs

    return (
        build_defs()
        .resolve_job_def(f"nabo_rollback_{what}")
        .execute_in_process(
            instance=place.instance,
            run_config={"ops": {f"rollback_{what}": {"config": {"dry_run": dry_run}}}},
            raise_on_error=False,
        )
    )


def told(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """The numbers and texts that a rollback shows of itself."""
    (event,) = [one for one in result.all_events if one.event_type_value == "STEP_OUTPUT"]
    return {name: value.value for name, value in event.event_specific_data.metadata.items()}


def failure(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [one for one in result.all_events if one.event_type_value == "STEP_FAILURE"]
    return str(event.step_failure_data.user_failure_data.description)


def rows(place: Any) -> list[tuple[Any, ...]]:
    return place.query("select * from public.media order by id")


def contents(place: Any) -> dict[str, tuple[str, str]]:
    """Every object: bucket/path -> the hash of its bytes, and its content type."""
    found = {}
    for name, entry in place.objects().items():
        bucket, _, path = name.partition("/")
        data = place.bucket(bucket).download(path)
        found[name] = (hashlib.sha256(data).hexdigest(), entry["metadata"]["mimetype"])
    return found


def lines(place: Any, name: str) -> list[dict[str, Any]]:
    return json.loads((place.reports / "nabo" / name).read_text())


def put_theirs(place: Any) -> None:
    """Rows and objects of the app's own people beside ours."""
    service, owner = place.query("select id, stylist_id from public.services order by id limit 1")[0]
    place.bucket("service-media").upload(f"{service}/their-own.png", b"theirs", {"content-type": "image/png"})
    place.query(
        "insert into public.media (file_path, media_type, service_id, owner_id)"
        " values (%s, 'service_image', %s, %s)",
        f"{service}/their-own.png", service, owner,
    )  # fmt: skip


def test_migrate_roll_back_and_migrate_again(folder_place):
    place = folder_place
    put_theirs(place)
    before = (contents(place), rows(place))
    assert all(place.run(category).success for category in ("profile", "service", "chat", "other"))
    migrated = (contents(place), rows(place))
    outcomes = place.outcomes()

    rehearsal = roll_back(place, "complete", dry_run=True)
    assert rehearsal.success
    assert (contents(place), rows(place), place.outcomes()) == (*migrated, outcomes)
    assert (told(rehearsal)["pictures"], told(rehearsal)["left"]) == (18, 0)
    assert "dry_run: false" in told(rehearsal)["to_do_it"]
    assert {line["done"] for line in lines(place, "rollback-service-rehearsal.json")} == {
        "would be taken back"
    }

    profiles = roll_back(place, "profiles")
    assert profiles.success
    assert told(profiles) | {"pictures": 6, "rows": 6, "objects": 6, "left": 0} == told(profiles)
    assert not [path for path in place.objects() if path.startswith("avatars/")]
    others = {path: one for path, one in migrated[0].items() if not path.startswith("avatars/")}
    assert contents(place) == others
    assert rows(place) == place.query("select * from public.media where media_type <> 'avatar' order by id")
    observed = [one for one in profiles.all_events if one.event_type_value == "ASSET_OBSERVATION"]
    assert {(str(one.asset_key.path[-1]), one.partition) for one in observed} == {
        ("images", "profile"),
        ("media_records", "profile"),
    }
    # What was taken back has no outcome: nothing may call the migration whole.
    for stage in ("media_records", "media_validation"):
        assert "not in ledger" in failure(place.run("profile", stage))
    assert "outcomes have changed since they were validated" in failure(place.run(None, "migration_report"))
    assert place.run("service", "media_validation").success

    assert roll_back(place, "services").success
    assert (contents(place), rows(place)) == before
    kept = {item: outcome for item, outcome in outcomes.items() if outcome[0] == "excluded"}
    assert place.outcomes() == kept
    history = place.query("select * from nabo_migration.rolled_back order by id")
    assert len(history) == 18
    assert place.query(
        "select distinct row_done, object_done, finished_at is not null, outcome->>'state'"
        " from nabo_migration.rolled_back"
    ) == [("removed", "removed", True, "migrated")]

    again = roll_back(place, "complete")
    assert (told(again)["pictures"], told(again)["left"]) == (0, 0)
    assert (contents(place), rows(place), place.outcomes()) == (*before, kept)
    assert place.query("select * from nabo_migration.rolled_back order by id") == history

    for category in ("profile", "service"):
        migrate(place, category)
    assert (contents(place), rows(place), place.outcomes()) == (*migrated, outcomes)
    assert roll_back(place, "services").success
    kept = {path: one for path, one in migrated[0].items() if path.startswith("avatars/")}
    assert contents(place) == before[0] | kept
    assert {row for row in rows(place) if row not in before[1]} == set(
        place.query("select * from public.media where media_type = 'avatar'")
    )
    assert place.run("profile", "media_validation").success


def _change_row(place, one):
    place.query("update public.media set owner_id = null where id = %s", one["row"]["id"])


def _use_row(place, one):
    """A column that this migration leaves empty is somebody's mark as well."""
    application = place.query(
        "insert into public.applications (user_id) select id from profiles limit 1 returning id"
    )[0][0]
    place.query("update public.media set application_id = %s where id = %s", application, one["row"]["id"])


def _replace_object(place, one):
    bucket = place.bucket(one["bucket"])
    data = bucket.download(one["path"])
    bucket.update(one["path"], data[:-1] + bytes([data[-1] ^ 1]), {"content-type": one["mime"]})


def _show_object(place, one):
    place.query(
        "insert into public.media (file_path, media_type, owner_id) values (%s, 'other', %s)",
        one["path"], one["owner"],
    )  # fmt: skip


def _refer_to_row(place, one):
    place.query(
        "create table public.landing_pages (id int, picture uuid references public.media (id) on delete cascade)"
    )
    place.query("insert into public.landing_pages values (1, %s)", one["row"]["id"])


LEFT: dict[str, tuple[Callable[[Any, Any], None], str]] = {
    "row changed": (_change_row, ROW_CHANGED),
    "row used": (_use_row, ROW_CHANGED),
    "object replaced": (_replace_object, OBJECT_REPLACED),
    "object shown by somebody": (_show_object, OBJECT_SHOWN),
    "row referred to": (_refer_to_row, ROW_REFERRED.format(table="landing_pages")),
}


def test_what_somebody_changed_since_is_left_and_listed_and_what_went_is_noted(folder_place):
    place = folder_place
    migrate(place, "service")
    entries = place.migrated("service")
    touched = dict(zip(LEFT, entries, strict=False))
    for name, one in touched.items():
        LEFT[name][0](place, one)
    row_gone, object_gone, both_gone = entries[len(LEFT) : len(LEFT) + 3]
    for one in (row_gone, both_gone):
        place.query("delete from public.media where id = %s", one["row"]["id"])
    for one in (object_gone, both_gone):
        place.bucket(one["bucket"]).remove([one["path"]])
    stay = {one["path"] for one in touched.values()}
    before, rows_before = contents(place), rows(place)

    result = roll_back(place, "services")
    assert result.success
    listed = {line["item"]: line["reason"] for line in lines(place, "rollback-service.json")}
    assert {one["item"]: LEFT[name][1] for name, one in touched.items()} == {
        item: reason for item, reason in listed.items() if reason
    }
    for name, one in touched.items():
        assert one["item"] in told(result)["left_and_why"], name
    assert contents(place) == {
        path: one for path, one in before.items() if path.removeprefix("service-media/") in stay
    }
    assert rows(place) == [row for row in rows_before if row[2] in stay]
    history_rows = place.query("select item, row_done, object_done from nabo_migration.rolled_back")
    done = {item: (row, one) for item, row, one in history_rows}
    assert done[row_gone["item"]] == ("already gone", "removed")
    assert done[object_gone["item"]] == ("removed", "already gone")
    assert done[both_gone["item"]] == ("already gone", "already gone")
    assert {item for item, (state, _) in place.outcomes().items() if state == "migrated"} == {
        one["item"] for one in touched.values()
    }
    # What was left is left again, and nothing is written.
    stands = (
        contents(place),
        rows(place),
        place.query("select * from nabo_migration.outcomes order by item"),
    )
    second = roll_back(place, "services")
    assert (told(second)["pictures"], told(second)["left"]) == (0, len(LEFT))
    assert stands == (
        contents(place), rows(place), place.query("select * from nabo_migration.outcomes order by item"),
    )  # fmt: skip


def test_an_object_that_was_there_before_stays_and_the_row_that_shows_it_goes(folder_place):
    place = folder_place
    assert place.run("profile", "media_inventory", "migration_plan", "images").success
    one = place.migrated("profile")[0]
    bucket = place.bucket(one["bucket"])
    data = bucket.download(one["path"])
    bucket.remove([one["path"]])
    bucket.upload(one["path"], data, {"content-type": one["mime"]})
    place.query("delete from nabo_migration.outcomes where item = %s", one["item"])
    assert place.run("profile", *APPLY).success
    assert place.outcomes()[one["item"]][0] == "already_present"
    assert roll_back(place, "complete").success
    assert list(place.objects()) == [f"{one['bucket']}/{one['path']}"]
    assert rows(place) == []
    assert place.query("select object_done from nabo_migration.rolled_back where item = %s", one["item"]) == [
        ("not ours",)
    ]
    assert place.run("profile", *APPLY).success
    assert place.outcomes()[one["item"]][0] == "already_present"


def test_what_was_migrated_of_a_file_that_changed_since_goes_too(folder_place):
    place = folder_place
    migrate(place, "profile")
    first, second = (
        Path(place.environment["S3_BACKUP_PATH"], one["item"]) for one in place.migrated("profile")[:2]
    )
    first.write_bytes(second.read_bytes())
    migrate(place, "profile")
    assert [state for state, _ in place.outcomes().values()].count("quarantined") == 1
    assert roll_back(place, "profiles").success
    assert (contents(place), rows(place)) == ({}, [])
    migrate(place, "profile")
    assert "quarantined" not in {state for state, _ in place.outcomes().values()}


def test_what_is_ours_and_in_no_ledger_is_left_and_told_with_its_remedy(folder_place):
    place = folder_place
    migrate(place, "profile")
    one = place.migrated("profile")[0]
    place.query("delete from nabo_migration.outcomes where item = %s", one["item"])
    first = roll_back(place, "profiles")
    assert (told(first)["pictures"], told(first)["ours_but_in_no_ledger"]) == (5, 2)
    left = [line for line in lines(place, "rollback-profile.json") if line["reason"]]
    assert [(line["object"], line["row"], line["reason"]) for line in left] == [
        (f"avatars/{one['path']}", one["row"]["id"], NOT_IN_LEDGER),
        (f"avatars/{one['path']}", None, NOT_IN_LEDGER),
    ]
    assert list(place.objects()) == [f"avatars/{one['path']}"]
    assert place.run("profile", *APPLY).success
    second = roll_back(place, "profiles")
    assert (told(second)["pictures"], told(second)["ours_but_in_no_ledger"]) == (6, 0)
    assert (contents(place), rows(place)) == ({}, [])


class _LostError(RuntimeError):
    """The process is gone."""


def _lost(*_: object, **__: object) -> None:
    raise _LostError


def _before_rows(monkeypatch):
    monkeypatch.setattr(RollbackStore, "begin", _lost)


def _in_rows_transaction(monkeypatch):
    begin = RollbackStore.begin
    monkeypatch.setattr(RollbackStore, "begin", lambda *given: (begin(*given), _lost()))


def _between_rows_and_objects(monkeypatch):
    monkeypatch.setattr(RollbackStore, "shown", _lost)


def _after_objects(monkeypatch):
    remove = Storage.remove_all
    monkeypatch.setattr(Storage, "remove_all", lambda *given: (remove(*given), _lost()))


BOUNDARIES = {
    "before the rows went": _before_rows,
    "before the rows' transaction ended": _in_rows_transaction,
    "between rows and objects": _between_rows_and_objects,
    "between objects and ledger": _after_objects,
}


def test_a_rollback_that_is_lost_anywhere_is_finished_by_the_next_or_undone_by_a_migration(
    folder_place, monkeypatch
):
    place = folder_place
    migrate(place, "profile")
    stands = (contents(place), rows(place), place.outcomes())
    with monkeypatch.context() as meanwhile:
        _after_objects(meanwhile)
        assert not roll_back(place, "profiles").success
    assert place.run("profile", *APPLY, "media_validation").success
    assert stands == (contents(place), rows(place), place.outcomes())
    place.query("truncate nabo_migration.rolled_back")
    assert roll_back(place, "profiles").success
    undisturbed = history(place)
    for name, lose in BOUNDARIES.items():
        place.query("truncate nabo_migration.rolled_back")
        assert place.run("profile", *APPLY).success, name
        with monkeypatch.context() as meanwhile:
            lose(meanwhile)
            assert not roll_back(place, "profiles").success, name
        shown = place.query("select 'avatars/' || file_path from public.media")
        assert {path for (path,) in shown} <= place.objects().keys(), name
        assert roll_back(place, "profiles").success, name
        assert (contents(place), rows(place)) == ({}, []), name
        assert history(place) == undisturbed, name
        assert "migrated" not in {state for state, _ in place.outcomes().values()}, name


def history(place: Any) -> list[tuple[Any, ...]]:
    return place.query(
        "select item, partition, row_done, object_done, finished_at is not null, outcome->'detail'->'row'"
        " from nabo_migration.rolled_back order by item"
    )


def test_what_somebody_shows_or_replaces_in_the_last_moment_stays_and_what_cannot_be_read_and_the_job_says_so(
    folder_place, monkeypatch
):
    place = folder_place
    migrate(place, "profile")
    shown_late, unreadable, replaced_late, *_ = place.migrated("profile")
    shown, download = RollbackStore.shown, Storage.download

    def show_before(store: RollbackStore, paths: Any) -> Any:
        _show_object(place, shown_late)
        _replace_object(place, replaced_late)
        return shown(store, paths)

    def refuse(storage: Storage, bucket: str, path: str) -> bytes:
        if path == unreadable["path"]:
            raise PermanentError("Storage answered 400", item=path)
        return download(storage, bucket, path)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(RollbackStore, "shown", show_before)
        meanwhile.setattr(Storage, "download", refuse)
        assert "1 objects cannot be read" in failure(roll_back(place, "profiles"))
    assert set(place.objects()) == {
        f"avatars/{one['path']}" for one in (shown_late, unreadable, replaced_late)
    }
    # Of the first only the row of somebody else stands.
    assert {row[2] for row in rows(place)} == {shown_late["path"], unreadable["path"]}
    left = {line["item"]: line["reason"] for line in lines(place, "rollback-profile.json") if line["reason"]}
    assert left == {
        shown_late["item"]: OBJECT_SHOWN_MEANWHILE,
        replaced_late["item"]: OBJECT_REPLACED_MEANWHILE,
        unreadable["item"]: UNREADABLE.format(why="Storage answered 400"),
    }


def test_while_an_object_is_taken_away_no_row_can_begin_to_show_it(folder_place):
    place = folder_place
    place.run("other", "media_inventory", "migration_plan", "images")
    store = RollbackStore(place.environment["NABO_DATABASE_URL"])
    store.install()
    with (
        store.transaction(),
        psycopg.connect(place.environment["NABO_DATABASE_URL"]) as other,
        pytest.raises(psycopg.errors.LockNotAvailable),
    ):
        store.shown(["a"])
        other.execute("set lock_timeout = '50ms'")
        other.execute("insert into public.media (file_path, media_type) values ('a', 'other')")
    store.close()


def test_rolling_back_and_migrating_refuse_each_other_and_name_the_run(folder_place):
    place = folder_place
    assert place.run("profile", "media_inventory", "migration_plan").success
    url = place.environment["NABO_DATABASE_URL"]
    with turn(url, "profile", "rollback run-1", alone=True):
        for stage in APPLY:
            assert "nabo rollback run-1 works on this category" in failure(place.run("profile", stage))
    with turn(url, "profile", "images run-2", alone=False):
        assert place.run("profile", *APPLY).success
        stands = (contents(place), rows(place))
        for what in ("profiles", "complete"):
            assert "nabo images run-2 works on this category" in failure(roll_back(place, what))
        assert roll_back(place, "services").success
        assert (contents(place), rows(place)) == stands
    with turn(url, "profile", "validation run-3", alone=True, kind="validating"):
        validation = failure(place.run("profile", "media_validation"))
        assert "nabo validation run-3 works on this category" in validation
        assert roll_back(place, "profiles").success


def test_a_turn_that_is_lost_with_its_connection_is_noticed_and_free(postgres_url):
    with turn(postgres_url, "profile", "rollback run-1", alone=True) as mine:
        mine.require()
        with psycopg.connect(postgres_url, autocommit=True) as other:
            other.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'nabo rollback run-1'"
            )
        with pytest.raises(TransientError, match="turn of profile"):
            mine.require()
        with turn(postgres_url, "profile", "images run-2", alone=False) as theirs:
            theirs.require()
