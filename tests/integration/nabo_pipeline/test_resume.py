"""What a run finds that another one left, or that another one does at the same time."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg

from local_stack.sources.media import SMALL
from nabo_pipeline.definitions import build_defs
from nabo_pipeline.steps.transfer import REPLACED
from nabo_pipeline.stores import outcomes


def test_only_what_is_not_verified_is_sent_again(place):
    assert place.run("service").success
    before = place.objects()
    lost = place.query(
        "select item, detail->>'path' from nabo_migration.outcomes where state = 'migrated' order by item limit 2"
    )
    place.query("delete from nabo_migration.outcomes where item = %s", lost[0][0])
    place.bucket("service-media").remove([lost[1][1]])
    assert place.run("service", "images").success
    after = place.objects()
    assert after.keys() == before.keys()
    changed = {path for path in after if after[path] != before[path]}
    assert changed == {f"service-media/{lost[1][1]}"}
    assert place.run("service", "media_records", "media_validation").success
    assert place.query("select count(*) from public.media") == [(SMALL.mapped_service_images,)]


def test_what_a_lost_run_sent_and_did_not_record_is_known_as_this_migrations_own(place, monkeypatch):
    assert place.run("service", "media_inventory", "migration_plan").success

    def lost(*_: object) -> int:
        raise dg.Failure("the process is lost", allow_retries=False)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(outcomes, "record_outcomes", lost)
        assert not place.run("service", "images").success
    sent = place.objects()
    assert len(sent) == SMALL.mapped_service_images
    assert place.migrated("service") == []
    assert place.run("service").success
    assert place.objects() == sent
    assert len(place.migrated("service")) == SMALL.mapped_service_images


def test_an_equal_object_that_somebody_else_put_there_is_adopted_and_not_called_ours(place):
    assert place.run("service", "media_inventory", "migration_plan", "images").success
    one = place.migrated("service")[0]
    bucket = place.bucket(one["bucket"])
    data = bucket.download(one["path"])
    bucket.remove([one["path"]])
    bucket.upload(one["path"], data, {"content-type": one["mime"]})
    place.query("delete from nabo_migration.outcomes where item = %s", one["item"])
    assert place.run("service").success
    assert place.outcomes()[one["item"]] == ("already_present", None)


def test_a_file_that_changed_after_it_was_migrated_is_quarantined_and_what_was_migrated_stands(place):
    assert place.run("profile").success
    first, second = place.migrated("profile")[:2]
    objects, rows = place.objects(), place.query("select * from public.media order by id")
    original = place.backup_bytes(first["item"])
    place.put(first["item"], place.backup_bytes(second["item"]))
    for _ in range(2):
        assert place.run("profile").success
        assert place.outcomes()[first["item"]] == ("quarantined", REPLACED)
        # No second avatar, of which the app would show none; and what is there stays known with its hash.
        assert place.objects() == objects
        assert place.query("select * from public.media order by id") == rows
        kept = place.query(
            "select target_hash, detail->'row' from nabo_migration.outcomes where item = %s", first["item"]
        )
        assert kept == [(first["target_hash"], first["row"])]
    place.put(first["item"], original)
    assert place.run("profile").success
    assert place.outcomes()[first["item"]] == ("migrated", None)


def test_two_runners_at_once_write_each_picture_once(place):
    assert place.run("service", "media_inventory", "migration_plan").success
    job = build_defs().resolve_implicit_global_asset_job_def()

    def apply(_: int) -> bool:
        with dg.DagsterInstance.ephemeral() as instance:
            keys = [dg.AssetKey(["nabo", name]) for name in ("images", "media_records")]
            return job.execute_in_process(
                instance=instance, partition_key="service", asset_selection=keys
            ).success

    with ThreadPoolExecutor(2) as both:
        assert all(both.map(apply, range(2)))
    assert place.run("service", "media_validation").success
    states = [state for state, _ in place.outcomes().values()]
    assert states.count("migrated") == SMALL.mapped_service_images
    assert "already_present" not in states
    assert place.query("select count(*), count(distinct file_path) from public.media") == [
        (SMALL.mapped_service_images,) * 2
    ]


def test_an_avatar_that_its_owner_sets_meanwhile_wins_and_ours_leaves_no_trace(place):
    assert place.run("profile", "media_inventory", "migration_plan", "images").success
    item, owner, path = place.query(
        "select item, detail->>'owner', detail->>'path' from nabo_migration.outcomes where state = 'migrated' limit 1"
    )[0]
    place.query(
        "insert into public.media (file_path, media_type, owner_id) values ('own.png', 'avatar', %s)", owner
    )
    # Materialised again, images knows the object as its own and leaves it to who writes the row.
    assert place.run("profile", "images", "media_records", "media_validation").success
    assert place.outcomes()[item] == ("excluded", "Owner already has an avatar")
    assert f"avatars/{path}" not in place.objects()
    assert place.query("select file_path from public.media where owner_id = %s", owner) == [("own.png",)]


def test_an_object_that_went_before_its_row_was_refused_keeps_no_one_from_their_rows(place):
    assert place.run("profile", "media_inventory", "migration_plan", "images").success
    one = place.migrated("profile")[0]
    place.query(
        "insert into public.media (file_path, media_type, owner_id) values ('own.png', 'avatar', %s)",
        one["owner"],
    )
    place.bucket("avatars").remove([one["path"]])
    assert place.run("profile", "media_records", "media_validation").success
    assert place.outcomes()[one["item"]] == ("excluded", "Owner already has an avatar")
    assert place.query("select count(*) from public.media") == [(SMALL.mapped_profiles,)]


def test_a_gallery_out_of_order_costs_no_other_gallery_its_rows(place):
    assert place.run("service").success
    galleries: dict[str, list[str]] = {}
    for one in place.migrated("service"):
        galleries.setdefault(one["service"], []).append(one["item"])
    (broken, *_), *_ = (service for service, items in galleries.items() if len(items) > 1), None
    whole = next(service for service in galleries if service != broken)
    place.query("update public.media set created_at = timestamptz '2020-01-01' where service_id = %s", broken)
    for service in (broken, whole):
        item = galleries[service][0]
        earlier = f"{item.rpartition('/')[0]}/00000000-0000-4000-8000-000000000000"
        place.put(earlier, place.backup_bytes(item))
    assert not place.run("service").success
    arrived = "select service_id::text from public.media where file_path like '%%/00000000-%%'"
    assert place.query(arrived) == [(whole,)]


def test_a_person_who_left_meanwhile_costs_one_picture(place):
    assert place.run("profile", "media_inventory", "migration_plan", "images").success
    item, owner = place.query(
        "select item, detail->>'owner' from nabo_migration.outcomes where state = 'migrated' limit 1"
    )[0]
    place.query("delete from auth.users where id = %s", owner)
    assert place.run("profile", "media_records", "media_validation").success
    assert place.outcomes()[item] == ("quarantined", "Mapped user has no profile in the database")
    assert place.query("select count(*) from public.media") == [(SMALL.mapped_profiles - 1,)]


def test_a_file_that_arrives_later_takes_its_place_in_the_gallery(place):
    assert place.run("service").success
    service = place.query("select service_id from public.media where is_preview_image limit 1")[0][0]
    first = place.query(
        "select item from nabo_migration.outcomes where detail->>'service' = %s order by item limit 1",
        str(service),
    )[0][0]
    picture = place.query("select 1 from public.media where service_id = %s", service)
    body = place.backup_bytes(first)
    earlier = f"{first.rpartition('/')[0]}/00000000-0000-4000-8000-000000000000"
    place.put(earlier, body)
    assert place.run("service").success
    rows = place.query(
        "select is_preview_image from public.media where service_id = %s order by created_at", service
    )
    assert [preview for (preview,) in rows] == [True] + [False] * len(picture)
    path = place.query(
        "select file_path from public.media where service_id = %s and is_preview_image", service
    )
    assert path[0][0].startswith(f"{service}/00000000-")


def test_a_backup_that_was_copied_is_read_again_but_nothing_is_sent(folder_place):
    assert folder_place.run("service").success
    objects, rows = folder_place.objects(), folder_place.query("select * from public.media order by id")
    for path in Path(folder_place.environment["S3_BACKUP_PATH"]).rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    assert folder_place.run("service").success
    assert folder_place.objects() == objects
    assert folder_place.query("select * from public.media order by id") == rows
    states = [state for state, _ in folder_place.outcomes().values()]
    assert states.count("migrated") == SMALL.mapped_service_images
