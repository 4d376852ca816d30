"""Rolling back while something happens: a run is lost, somebody is at the same pictures, two runs take turns."""

from typing import Any

import psycopg
import pytest

from migration_kit.failures import PermanentError, TransientError
from nabo_pipeline.media.rollback import (
    OBJECT_REPLACED_MEANWHILE,
    OBJECT_SHOWN_MEANWHILE,
    UNREADABLE,
)
from nabo_pipeline.stores.rollback import RollbackStore
from nabo_pipeline.stores.storage import Storage
from nabo_pipeline.stores.turns import turn
from tests.integration.nabo_pipeline.rollback_runs import (
    APPLY,
    contents,
    failure,
    lines,
    migrate,
    replace_object,
    roll_back,
    rows,
    show_object,
)


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
        show_object(place, shown_late)
        replace_object(place, replaced_late)
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
