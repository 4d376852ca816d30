"""The whole migration on real servers, and what a second run does."""

import hashlib
import json
from datetime import datetime

from local_stack.sources.media import SMALL, fill
from nabo_pipeline.media.records import media_id

TABLES = (
    "nabo_migration.outcomes", "nabo_migration.plans", "nabo_migration.plan_items", "nabo_migration.inventory",
    "nabo_migration.listings", "public.media",
)  # fmt: skip


def snapshot(place):
    """Everything a run could have written, with the hidden version of each row, and every object."""
    tables = {table: sorted(map(str, place.query(f"select xmin, t.* from {table} t"))) for table in TABLES}
    return tables, place.objects()


def test_every_file_is_accounted_for_and_a_second_run_writes_nothing(place):
    results = place.migrate()
    assert all(result.success for result in results.values())

    summary = json.loads((place.reports / "nabo" / "migration-summary.json").read_text())
    expected = {reason: files for reason, files in SMALL.expected_exclusions.items() if files}
    assert summary["source"] == SMALL.files
    assert summary["migrated"] in (0, SMALL.migratable)
    assert summary["migrated"] + summary["already_present"] == SMALL.migratable
    assert summary["excluded"] == expected
    assert summary["quarantined"] == {}
    assert summary["balanced"]
    assert summary["verified"]
    check_target(place)
    check_reports(place)

    before = snapshot(place)
    again = place.migrate()
    assert all(result.success for result in again.values())
    assert snapshot(place) == before
    summary = json.loads((place.reports / "nabo" / "migration-summary.json").read_text())
    assert (summary["migrated"], summary["already_present"]) == (0, SMALL.migratable)


def check_target(place):
    objects = place.objects()
    assert len(objects) == SMALL.migratable
    rows = place.query(
        "select m.id::text, m.file_path, m.media_type::text, m.owner_id::text, m.service_id::text, s.stylist_id::text,"
        " m.is_preview_image, m.created_at from public.media m left join public.services s on s.id = m.service_id"
    )
    assert len(rows) == SMALL.migratable
    mapping = json.loads((place.reports.parent / "mappings" / "user-id-mapping.json").read_text())["mapping"]
    galleries: dict[str, list[tuple[str, bool, datetime]]] = {}
    for identity, path, kind, owner, service, stylist, preview, created in rows:
        bucket = "avatars" if kind == "avatar" else "service-media"
        assert f"{bucket}/{path}" in objects
        assert identity == media_id(bucket, path)
        folder, name = path.split("/")
        if kind == "avatar":
            assert (folder, preview, service) == (owner, False, None)
            assert mapping[name.split(".")[0]] == owner
        else:
            assert (folder, owner) == (service, stylist)
            galleries.setdefault(service, []).append((path, preview, created))
    assert len(galleries) == SMALL.mapped_services
    for gallery in galleries.values():
        gallery.sort()
        assert [preview for _, preview, _ in gallery] == [True] + [False] * (len(gallery) - 1)
        times = [created for _, _, created in gallery]
        assert times == sorted(set(times))
    for item, bucket, path, mime, target_hash in place.query(
        "select item, detail->>'bucket', detail->>'path', detail->>'mime', target_hash"
        " from nabo_migration.outcomes where state = 'migrated'"
    ):
        stored = objects[f"{bucket}/{path}"]
        assert stored["metadata"]["mimetype"] == mime, item
        assert stored["metadata"]["cacheControl"] == "max-age=3600"
        assert hashlib.sha256(place.bucket(bucket).download(path)).hexdigest() == target_hash


def check_reports(place):
    folder = place.reports / "nabo"
    inventory = json.loads((folder / "media-inventory.json").read_text())
    assert inventory["totalFiles"] == len(inventory["items"]) == SMALL.files
    assert inventory["totalSize"] == place.filled.bytes
    uploads = {
        name: json.loads((folder / f"{name}-images-migrated.json").read_text())
        for name in ("profile", "service")
    }
    assert uploads["profile"]["successful_uploads"] == SMALL.mapped_profiles
    assert uploads["service"]["successful_uploads"] == SMALL.mapped_service_images
    assert uploads["service"]["services_processed"] == SMALL.mapped_services
    assert sum(upload["isPreview"] for upload in uploads["service"]["uploads"]) == SMALL.mapped_services
    assert (
        json.loads((folder / "media-records-created.json").read_text())["total_records"] == SMALL.migratable
    )
    assert (
        json.loads((folder / "media-migration-validation.json").read_text())["validation_status"] == "passed"
    )
    assert json.loads((folder / "mapping-validation-results.json").read_text())["mapped"] == SMALL.migratable
    summary = json.loads((folder / "media-migration-summary.json").read_text())
    assert summary["total_files_processed"] == SMALL.files
    assert summary["successfully_migrated"] == SMALL.migratable
    assert 0 < summary["compressed_data_transferred"] < summary["original_data_size"]


def test_filling_the_source_again_leaves_a_finished_migration_alone(place):
    place.run("profile")
    before = snapshot(place)
    again = fill(place.environment, shape=SMALL)
    assert not again.made
    assert snapshot(place) == before


def test_a_backup_in_a_folder_migrates_like_one_on_s3(folder_place):
    result = folder_place.run("service")
    assert result.success
    states = [state for state, _ in folder_place.outcomes().values()]
    assert states.count("migrated") == SMALL.mapped_service_images


def test_chat_images_go_to_their_messages_where_chats_were_migrated(place):
    sender, stylist = (row[0] for row in place.query("select id from public.profiles order by id limit 2"))
    keys = _chat_keys(place)
    chat, message = keys[0].split("/")[1], "11111111-1111-4111-8111-111111111111"
    place.query(
        "insert into public.chats (id, customer_id, stylist_id) values (%s, %s, %s)", chat, sender, stylist
    )
    place.query(
        "insert into public.chat_messages (id, chat_id, sender_id, content) values (%s, %s, %s, '')",
        message, chat, sender,
    )  # fmt: skip
    name = keys[0].split("/")[2]
    folder = place.reports.parent / "mappings"
    created = {
        "created_at": "", "metadata": {},
        "created_chats": [{"id": chat, "customer_id": str(sender), "stylist_id": str(stylist)}],
        "created_messages": [{"id": message, "chat_id": chat, "sender_id": str(sender)}],
    }  # fmt: skip
    extracted = {
        "imageMessages": [
            {"message": {"id": message, "chat_id": chat, "message": name, "is_image": "1"}, "chat_id": chat}
        ]
    }
    (folder / "chats-created.json").write_text(json.dumps(created))
    (folder / "chats-extracted.json").write_text(json.dumps(extracted))
    assert place.run("chat").success
    rows = place.query(
        "select file_path, owner_id, chat_message_id::text, media_type::text from public.media"
    )
    assert rows == [(f"{chat}/{message}/{name}", sender, message, "chat_image")]
    reasons = {reason for key, (_, reason) in place.outcomes().items() if key != keys[0]}
    assert reasons <= {
        "No migrated chat message shows this file",
        "Chat ID not found in mapping or chat not migrated",
    }


def _chat_keys(place):
    place.run("chat", "media_inventory")
    return [
        key
        for (key,) in place.query(
            "select key from nabo_migration.inventory where category = 'chat' order by key"
        )
    ]
