"""The rules of what is written, through the assets, with chunks so small that every edge of them is met."""

import json
from itertools import groupby

import pytest

from local_stack.sources.media import SMALL
from nabo_pipeline.media.plans import HAS_AVATAR
from nabo_pipeline.media.records import media_id
from nabo_pipeline.steps import recording, transfer
from nabo_pipeline.stores import pending

STAGES = ("media_inventory", "migration_plan", "images", "media_records")


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(pending, "CHUNK", 2)
    monkeypatch.setattr(transfer, "RECORD_EVERY", 1)
    monkeypatch.setattr(recording, "BATCH", 3)


def people(place):
    """(old id, new id, the file's key) of everybody whose picture is mapped, in the order of the keys."""
    mapping = json.loads((place.reports.parent / "mappings" / "user-id-mapping.json").read_text())["mapping"]
    items = place.query("select item from nabo_migration.plan_items where action = 'migrate' order by item")
    return [(key.rpartition("/")[2], mapping[key.rpartition("/")[2]], key) for (key,) in items]


def other_side(key):
    return key.replace("/buyer/", "/stylist/") if "/buyer/" in key else key.replace("/stylist/", "/buyer/")


def test_each_owner_gets_one_avatar_the_own_one_wins_and_the_next_file_stands_in_for_a_broken_one(
    place, small_chunks
):
    assert place.run("profile", "media_inventory", "migration_plan").success
    (_, own, own_key), (_, twice, twice_key), (_, broken, broken_key), *_ = people(place)
    place.query(
        "insert into public.media (file_path, media_type, owner_id) values ('own.png', 'avatar', %s)", own
    )
    sound = place.backup_bytes(broken_key)
    for key in (twice_key, broken_key):
        place.put(other_side(key), sound)
    first, second = sorted((broken_key, other_side(broken_key)))
    place.put(first, sound[: len(sound) // 2])

    assert place.run("profile", *STAGES).success
    outcomes = place.outcomes()
    assert outcomes[own_key] == ("excluded", HAS_AVATAR)
    assert not [path for path in place.objects() if path.startswith(f"avatars/{own}/")]
    assert (
        outcomes[min(twice_key, other_side(twice_key))],
        outcomes[max(twice_key, other_side(twice_key))],
    ) == (
        ("migrated", None),
        ("excluded", HAS_AVATAR),
    )
    assert outcomes[first][0] == "quarantined"
    assert outcomes[second] == ("migrated", None)
    owners = place.query(
        "select owner_id::text, count(*) from public.media where media_type = 'avatar' group by 1"
    )
    assert set(owners) >= {(own, 1), (twice, 1), (broken, 1)}
    assert {number for _, number in owners} == {1}

    # Repaired, the first file comes too late: the avatar that stands is not replaced.
    place.put(first, sound)
    objects, rows = place.objects(), place.query("select * from public.media order by id")
    assert place.run("profile", *STAGES).success
    assert place.outcomes()[first] == ("excluded", HAS_AVATAR)
    assert (place.objects(), place.query("select * from public.media order by id")) == (objects, rows)


def test_galleries_keep_their_order_their_owner_and_their_preview_however_they_are_cut_into_batches(
    place, small_chunks
):
    assert place.run("service", "media_inventory", "migration_plan").success
    shown, broken = place.query(
        "select service, min(item) from nabo_migration.plan_items where action = 'migrate'"
        " group by 1 having count(*) > 1 order by 1 limit 2"
    )
    place.query(
        "insert into public.media (file_path, media_type, service_id, owner_id, is_preview_image)"
        " select 'theirs.png', 'service_image', id, stylist_id, true from public.services where id = %s",
        shown[0],
    )
    place.put(broken[1], b"")
    assert place.run("service", *STAGES).success

    assert place.outcomes()[broken[1]][0] == "quarantined"
    rows = place.query(
        "select m.service_id::text, m.id::text, m.file_path, m.is_preview_image, m.owner_id = s.stylist_id,"
        " m.created_at from public.media m join public.services s on s.id = m.service_id"
        " where m.file_path <> 'theirs.png'"
        ' order by m.service_id, m.file_path collate "C"'
    )
    assert len(rows) == SMALL.mapped_service_images - 1
    for service, gallery in groupby(rows, key=lambda row: row[0]):
        _, ids, paths, previews, owned, times = zip(*gallery, strict=True)
        assert list(ids) == [media_id("service-media", path) for path in paths]
        assert all(owned)
        assert list(times) == sorted(set(times))
        expected = [service != shown[0]] + [False] * (len(paths) - 1)
        assert list(previews) == expected, service

    before = place.query("select xmin, m.* from public.media m order by id")
    again = place.run("service", "images", "media_records")
    assert again.success
    assert place.query("select xmin, m.* from public.media m order by id") == before


def test_of_two_pictures_of_one_owner_that_two_runs_sent_only_one_gets_a_row(place):
    assert place.run("profile", "media_inventory", "migration_plan", "images").success
    one = place.migrated("profile")[0]
    rival = f"{one['path'].rpartition('.')[0]}.gif"
    bucket = place.bucket("avatars")
    bucket.upload(rival, bucket.download(one["path"]), {"content-type": "image/png"})
    place.query(
        "insert into nabo_migration.outcomes"
        " (item, partition, state, source_hash, target_hash, detail, run_id, batch_id)"
        " select item || '~', partition, state, source_hash, target_hash,"
        " detail || jsonb_build_object('path', %s::text), run_id, batch_id"
        " from nabo_migration.outcomes where item = %s",
        rival,
        one["item"],
    )
    assert place.run("profile", "media_records").success
    rows = place.query("select file_path from public.media where owner_id = %s", one["owner"])
    assert rows == [(one["path"],)]
    assert place.outcomes()[f"{one['item']}~"] == ("excluded", HAS_AVATAR)
    assert f"avatars/{rival}" not in place.objects()
