"""Pictures that stand no more where, or as, they were migrated: they stay known, and nothing is doubled."""

import json
import uuid
from pathlib import Path

from nabo_pipeline.media.plans import HAS_AVATAR
from nabo_pipeline.steps.placing import CONFLICT
from nabo_pipeline.steps.transfer import MOVED, RENAMED
from nabo_pipeline.stores.pending import TAKEN_AWAY

APPLY = ("media_inventory", "migration_plan", "images", "media_records")


def map_to_somebody_new(place, one):
    """The mapping was wrong: the picture is another person's."""
    new = str(uuid.uuid4())
    place.query("insert into auth.users (id, email) values (%s, %s)", new, f"{new}@example.org")
    path = Path(place.environment["NABO_MAPPINGS_PATH"], "user-id-mapping.json")
    told = json.loads(path.read_text())
    told["mapping"][one["item"].rpartition("/")[2]] = new
    path.write_text(json.dumps(told))
    return new


def known(place):
    return {
        item: (state, reason, row, path)
        for item, state, reason, row, path in place.query(
            "select item, state, reason, detail->'row'->>'id', detail->>'path' from nabo_migration.outcomes"
            " where detail ? 'row'"
        )
    }


def test_what_was_migrated_stays_known_when_its_object_or_its_place_changed(folder_place):
    place = folder_place
    assert place.run("profile", *APPLY).success
    moved, replaced, renamed, broken, *_ = place.migrated("profile")
    bucket, rows = place.bucket("avatars"), place.query("select * from public.media order by id")
    map_to_somebody_new(place, moved)
    bucket.update(replaced["path"], b"theirs", {"content-type": replaced["mime"]})
    bucket.remove([renamed["path"], broken["path"]])
    # As if other settings had been in force when it was compressed.
    other = f"{renamed['path'].rpartition('.')[0]}.gif"
    place.query(
        "update nabo_migration.outcomes set detail = detail || jsonb_build_object('path', %s::text) where item = %s",
        other, renamed["item"],
    )  # fmt: skip
    Path(place.environment["S3_BACKUP_PATH"], broken["item"]).write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    objects = place.objects()

    for _ in range(2):
        assert place.run("profile", *APPLY).success
        found = known(place)
        expected = {
            moved["item"]: MOVED, replaced["item"]: CONFLICT, renamed["item"]: RENAMED,
        }  # fmt: skip
        for item, reason in expected.items():
            assert found[item][:2] == ("quarantined", reason)
        assert found[broken["item"]][0] == "quarantined"
        for one in (moved, replaced, renamed, broken):
            assert found[one["item"]][2] == one["row"]["id"]
        assert (place.objects(), place.query("select * from public.media order by id")) == (objects, rows)


def test_no_row_is_written_for_a_person_that_the_plan_does_not_name_any_more(folder_place):
    place = folder_place
    assert place.run("profile", "media_inventory", "migration_plan", "images").success
    one = place.migrated("profile")[0]
    new = map_to_somebody_new(place, one)
    assert place.run("profile", "media_inventory", "migration_plan").success
    assert place.run("profile", "media_records").success
    assert (
        place.query("select 1 from public.media where owner_id = any(%s::uuid[])", [one["owner"], new]) == []
    )


def test_an_object_of_ours_that_somebody_else_shows_stays_when_it_gets_no_row_of_ours(folder_place):
    place = folder_place
    assert place.run("profile", "media_inventory", "migration_plan", "images").success
    one = place.migrated("profile")[0]
    place.query(
        "insert into public.media (file_path, media_type, owner_id) values (%s, 'avatar', %s)",
        one["path"], one["owner"],
    )  # fmt: skip
    assert place.run("profile", "media_records", "media_validation").success
    assert place.outcomes()[one["item"]] == ("excluded", HAS_AVATAR)
    assert f"avatars/{one['path']}" in place.objects()


def test_a_picture_that_somebody_deleted_in_the_app_is_never_brought_back(folder_place):
    place = folder_place
    assert place.run("profile").success
    deleted, exchanged, *_ = place.migrated("profile")
    for one in (deleted, exchanged):
        place.query("delete from public.media where id = %s", one["row"]["id"])
        place.bucket("avatars").remove([one["path"]])
    own = "insert into public.media (file_path, media_type, owner_id) values ('own.png', 'avatar', %s)"
    place.query(own, exchanged["owner"])
    objects, rows = place.objects(), place.query("select * from public.media order by id")
    assert place.run("profile").success
    assert (place.objects(), place.query("select * from public.media order by id")) == (objects, rows)
    # Also when the person has no avatar at all any more, and the plan has room for ours again.
    place.query("delete from public.media where file_path = 'own.png'")
    assert place.run("profile", *APPLY).success
    assert place.objects() == objects
    for one in (deleted, exchanged):
        assert place.outcomes()[one["item"]] == ("excluded", TAKEN_AWAY)


def test_an_object_that_went_alone_is_sent_again_and_a_row_that_went_alone_is_left_to_validation(
    folder_place,
):
    place = folder_place
    assert place.run("profile").success
    one, other, *_ = place.migrated("profile")
    place.bucket("avatars").remove([one["path"]])
    place.query("delete from public.media where id = %s", other["row"]["id"])
    assert place.run("profile", *APPLY).success
    assert f"avatars/{one['path']}" in place.objects()
    for each in (one, other):
        assert place.outcomes()[each["item"]] == ("migrated", None)
    assert place.query("select 1 from public.media where id = %s", other["row"]["id"]) == []
    result = place.run("profile", "media_validation")
    assert not result.success
    (failed,) = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    assert other["item"] in failed.event_specific_data.user_failure_data.description
    assert one["item"] not in failed.event_specific_data.user_failure_data.description
