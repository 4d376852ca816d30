"""Taking back: what this migration created goes, what anybody touched stays, and a run that is lost costs nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nabo_pipeline.media.rollback import (
    NOT_IN_LEDGER,
    OBJECT_REPLACED,
    OBJECT_SHOWN,
    ROW_CHANGED,
    ROW_REFERRED,
)
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
    told,
)


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


def _refer_to_row(place, one):
    place.query(
        "create table public.landing_pages (id int, picture uuid references public.media (id) on delete cascade)"
    )
    place.query("insert into public.landing_pages values (1, %s)", one["row"]["id"])


LEFT: dict[str, tuple[Callable[[Any, Any], None], str]] = {
    "row changed": (_change_row, ROW_CHANGED),
    "row used": (_use_row, ROW_CHANGED),
    "object replaced": (replace_object, OBJECT_REPLACED),
    "object shown by somebody": (show_object, OBJECT_SHOWN),
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
