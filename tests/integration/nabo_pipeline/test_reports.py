"""The reports on real servers: laid beside the database, the objects in Storage and the files of the backup."""

import hashlib
import io
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from local_stack.sources.media.servers import storage_client
from nabo_pipeline.codecs.isolation import isolated_workers
from nabo_pipeline.media.statistics import Done
from nabo_pipeline.steps.showing import LARGEST, RANDOM, WORST, Viewer, show
from nabo_pipeline.stores.backup import FolderBackup
from nabo_pipeline.stores.storage import Storage
from tests.integration.nabo_pipeline.test_guards import told
from tests.integration.nabo_pipeline.test_rollback import roll_back

HOSTILE = """<script>alert('x')&"$(touch hacked)".png"""
BUCKETS = {"profile": "avatars", "service": "service-media"}
INVENTORY = "scannedAt totalFiles totalSize migratableFiles migratableSize items summary"
UPLOADS = "migrated_at successful_uploads failed_uploads compression_stats uploads"
STATISTICS = "total_original_size total_compressed_size average_compression_ratio total_size_saved"
UPLOAD = [
    "oldUserId",
    "newUserId",
    "filename",
    "storagePath",
    "originalSize",
    "compressedSize",
    "compressionRatio",
    "success",
]
SERVICE_UPLOAD = [*UPLOAD, "oldServiceId", "newServiceId", "imageId", "isPreview"]
SUMMARY = (
    "completed_at total_files_processed successfully_migrated failed_migrations skipped_files original_data_size"
    " compressed_data_transferred compression_savings categories validation_status next_steps"
)


def read(place: Any, name: str) -> Any:
    return json.loads((place.reports / "nabo" / name).read_text(encoding="utf-8"))


def has(document: dict[str, Any], fields: str | list[str]) -> bool:
    names = fields.split() if isinstance(fields, str) else fields
    return set(names) <= set(document)


def as_png(colour: tuple[int, int, int], side: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(out, "PNG", compress_level=0)
    return out.getvalue()


def with_chats(place: Any) -> None:
    """Two chat pictures that go: a large one of plain magenta (most is saved on it), one under a hostile name."""
    (sender,), (stylist,) = place.query("select id::text from public.profiles order by id limit 2")
    chat, folder = "22222222-2222-4222-8222-222222222222", Path(place.environment["NABO_MAPPINGS_PATH"])
    place.query(
        "insert into public.chats (id, customer_id, stylist_id) values (%s, %s, %s)", chat, sender, stylist
    )
    names = {
        "11111111-1111-4111-8111-111111111111": "magenta.png",
        "11111111-1111-4111-8111-111111111112": HOSTILE,
    }
    for message in names:
        place.query(
            "insert into public.chat_messages (id, chat_id, sender_id, content) values (%s, %s, %s, '')",
            message, chat, sender,
        )  # fmt: skip
    created = {
        "created_at": "", "metadata": {},
        "created_chats": [{"id": chat, "customer_id": sender, "stylist_id": stylist}],
        "created_messages": [{"id": message, "chat_id": chat, "sender_id": sender} for message in names],
    }  # fmt: skip
    shown = [
        {"message": {"id": message, "chat_id": chat, "message": name, "is_image": "1"}, "chat_id": chat}
        for message, name in names.items()
    ]
    (folder / "chats-created.json").write_text(json.dumps(created))
    (folder / "chats-extracted.json").write_text(json.dumps({"imageMessages": shown}))
    for name in names.values():
        place.put(f"Chat-Images/{chat}/{name}", as_png((255, 0, 255), 700))


class Page(HTMLParser):
    """What a browser sees of the page: its text, its elements and what they refer to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.references: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.references += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append(" ".join(data.split()))


def test_the_reports_say_what_stands_in_backup_storage_and_database_and_show_no_chat(folder_place):
    place, backup = folder_place, Path(folder_place.environment["S3_BACKUP_PATH"])
    (backup / "stray-0.bin").unlink()  # the category `other` is empty now
    with_chats(place)
    mapped = json.loads((place.reports.parent / "mappings" / "user-id-mapping.json").read_text())["mapping"]
    broken = next(path for path in sorted(backup.glob("Profile-Pics/[bs][ut]*/*")) if path.name in mapped)
    broken.write_bytes(b"")
    results = place.migrate()
    assert all(result.success for result in results.values())
    check_numbers(place)
    check_page(place)
    quarantined = {one["path"]: one for one in read(place, "media-migration-quarantined.json")}
    assert quarantined[str(broken.relative_to(backup))]["reason"] == "Empty file (0 bytes)"
    assert "broken in the backup" in quarantined[str(broken.relative_to(backup))]["whatToDo"]
    sheets = sheets_of(place)
    assert set(sheets) == {"worst-similarity", "largest-saving", "random"}
    for sheet in sheets.values():
        assert not (
            (sheet[..., 0] > 200) & (sheet[..., 1] < 60) & (sheet[..., 2] > 200)
        ).any()  # no magenta: no chat

    worst = read_worst(place)
    (backup / worst).write_bytes(b"\xff\xd8\xff\xe0 this was a picture")
    assert place.run(None, "migration_report").success
    again = sheets_of(place)["worst-similarity"]
    assert missing_tiles(again) == missing_tiles(sheets["worst-similarity"]) + 3  # before, and both details
    assert again.shape == sheets["worst-similarity"].shape


def check_numbers(place):
    """Every number of the JSON reports against what it is about."""
    backup = Path(place.environment["S3_BACKUP_PATH"])
    on_disk = {
        str(path.relative_to(backup)): path.stat().st_size for path in backup.rglob("*") if path.is_file()
    }
    inventory = read(place, "media-inventory.json")
    assert has(inventory, INVENTORY)
    assert {one["path"]: one["size"] for one in inventory["items"]} == on_disk
    assert (inventory["totalFiles"], inventory["totalSize"]) == (len(on_disk), sum(on_disk.values()))
    assert inventory["migratableFiles"] == sum(one["canMigrate"] for one in inventory["items"])
    assert inventory["migratableSize"] == sum(one["size"] for one in inventory["items"] if one["canMigrate"])
    assert all((one["skipReason"] is None) == one["canMigrate"] for one in inventory["items"])
    assert {"profilePics", "serviceImages", "chatImages"} <= set(inventory["summary"])
    assert sum(one["total"] for one in inventory["summary"].values()) == len(on_disk)

    plan = place.query("select item, action, reason from nabo_migration.plan_items")
    mapping = read(place, "mapping-validation-results.json")
    assert {(one["path"], one["action"], one["reason"]) for one in mapping["items"]} == set(plan)
    assert mapping["mapped"] == sum(
        action == "migrate" for item, action, _ in plan if not item.startswith("Chat")
    )
    unmapped = {reason: [] for _, _, reason in plan}
    for item, _, reason in plan:
        unmapped[reason].append(item.split("/"))
    assert {one["id"] for one in mapping["unmappedIds"]["profile"]} == {
        parts[2] for parts in unmapped["User ID not found in mapping"]
    }
    assert {one["id"] for one in mapping["unmappedIds"]["service"]} == {
        parts[1] for parts in unmapped["Service ID not found in mapping or service not migrated"]
    }

    objects = place.objects()
    for category, bucket in BUCKETS.items():
        check_uploads(place, category, bucket, {n: o for n, o in objects.items() if n.startswith(bucket)})
    records = read(place, "media-records-created.json")
    columns = (
        "id::text, file_path, media_type::text, owner_id::text, service_id::text, chat_message_id::text,"
    )
    rows = place.query(f"select {columns} is_preview_image, created_at from public.media")
    names = ["id", "file_path", "media_type", "owner_id", "service_id", "chat_message_id", "is_preview_image"]
    assert {tuple(one[name] for name in names) for one in records["records"]} == {row[:-1] for row in rows}
    assert {one["created_at"] for one in records["records"]} == {row[-1].isoformat() for row in rows}
    assert records["total_records"] == len(rows) == sum(records["by_type"].values())

    summary, outcomes = read(place, "media-migration-summary.json"), place.outcomes()
    assert has(summary, SUMMARY)
    states = [state for state, _ in outcomes.values()]
    assert summary["total_files_processed"] == len(on_disk) == len(outcomes)
    assert summary["successfully_migrated"] == len(objects) == states.count("migrated")
    assert summary["failed_migrations"] == states.count("quarantined")
    assert summary["skipped_files"] == states.count("excluded")
    assert summary["compressed_data_transferred"] == sum(one["metadata"]["size"] for one in objects.values())
    assert summary["original_data_size"] == sum(
        on_disk[item] for item, (state, _) in outcomes.items() if state == "migrated"
    )
    assert summary["validation_status"] == "passed"
    validation = read(place, "media-migration-validation.json")
    assert validation["validation_status"] == "passed"
    assert validation["failed_items"] == []
    asked = [
        check["checked"]
        for one in validation["categories"].values()
        for check in one["validation"]["checks"]
        if check["check"] == "each migrated picture is in Storage"
    ]
    assert sum(asked) == len(objects)
    assert validation["categories"].keys() == summary["categories"].keys()


def check_uploads(place, category, bucket, objects):
    report = read(place, f"{category}-images-migrated.json")
    assert has(report, UPLOADS)
    assert has(report["compression_stats"], STATISTICS)
    uploads = report["uploads"]
    assert all(has(one, SERVICE_UPLOAD if category == "service" else UPLOAD) for one in uploads)
    done = [one for one in uploads if one["success"]]
    assert {one["storagePath"] for one in done} == set(objects)
    rows = {
        path: (owner, service, preview)
        for path, owner, service, preview in place.query(
            "select file_path, owner_id::text, service_id::text, is_preview_image from public.media"
        )
    }
    for one in done:
        path = one["storagePath"].partition("/")[2]
        data = place.bucket(bucket).download(path)
        assert (len(data), hashlib.sha256(data).hexdigest()) == (one["compressedSize"], one["uploadedSha256"])
        assert one["compressionRatio"] == pytest.approx(len(data) / one["originalSize"], abs=1e-4)
        assert rows[path] == (one["newUserId"], one.get("newServiceId"), one.get("isPreview", False))
        assert one["oldUserId"] is not None
    assert (report["successful_uploads"], report["failed_uploads"]) == (len(done), len(uploads) - len(done))
    if category == "service":
        assert report["services_processed"] == len({one["newServiceId"] for one in uploads})
    statistics = report["compression_stats"]
    before, after = (sum(one[name] for one in done) for name in ("originalSize", "compressedSize"))
    assert (statistics["total_original_size"], statistics["total_compressed_size"]) == (before, after)
    assert statistics["total_size_saved"] == before - after
    ratios = [one["compressedSize"] / one["originalSize"] for one in done]
    assert statistics["average_compression_ratio"] == pytest.approx(sum(ratios) / len(ratios), abs=1e-4)


def check_page(place):
    """The page: numbers as in the JSON, names as text, nothing fetched from anywhere."""
    text = (place.reports / "nabo" / "media-migration-summary.html").read_text(encoding="utf-8")
    page, summary = Page(text), read(place, "media-migration-summary.json")
    assert "script" not in page.tags
    assert any(HOSTILE in words for words in page.words)
    for reference in page.references:
        assert (
            reference.startswith(("data:image/jpeg", "#")) or (place.reports / "nabo" / reference).is_file()
        )
    words = page.words
    for label, number in {
        "Files in the backup": summary["total_files_processed"],
        "In Supabase": summary["successfully_migrated"],
        "Excluded by a rule": summary["skipped_files"],
        "Quarantined": summary["failed_migrations"],
        "Saved": summary["compression_savings"],
    }.items():
        assert words[words.index(label) + 1] == str(number)
    table = words[words.index("Left over") + 1 :]
    for name, category in zip(
        ("Profile pictures", "Service images", "Chat images", "Other files"),
        summary["categories"].values(),
        strict=True,
    ):
        at = table.index(name)
        excluded, quarantined = (sum(category[state].values()) for state in ("excluded", "quarantined"))
        assert [int(number) for number in table[at + 1 : at + 7]] == [
            category["source"], category["migrated"], category["already_present"], excluded, quarantined, 0,
        ]  # fmt: skip
    assert "Balanced and verified" in " ".join(words)


def sheets_of(place) -> dict[str, np.ndarray]:
    found = (place.reports / "nabo").glob("contact-sheet-*.jpg")
    return {
        path.stem.removeprefix("contact-sheet-"): np.asarray(Image.open(path).convert("RGB"))
        for path in found
    }


def missing_tiles(sheet: np.ndarray) -> int:
    """Tiles of the grey that stands for a picture which could not be read."""
    grey = (np.abs(sheet.astype(int) - 216) < 6).all(axis=2)
    return round(grey.sum() / (320 * 320))


def read_worst(place) -> str:
    ((item,),) = place.query(
        "select item from nabo_migration.outcomes where (detail ->> 'similarity')::float < 1 and partition <> 'chat'"
        " order by (detail ->> 'similarity')::float, item limit 1"
    )
    return item


def test_after_a_rollback_and_a_failed_validation_the_reports_are_true_again(folder_place):
    place = folder_place
    assert all(result.success for result in place.migrate().values())
    assert roll_back(place, "profiles").success
    assert "outcomes have changed since they were validated" in told(place.run(None, "migration_report"))
    assert place.run("profile").success
    assert place.run(None, "migration_report").success
    check_numbers(place)

    lost = place.migrated("service")[0]
    place.bucket(lost["bucket"]).remove([lost["path"]])
    assert not place.run("service", "media_validation").success
    validation = read(place, "media-migration-validation.json")
    assert validation["validation_status"] == "failed"
    assert validation["categories"]["service"]["validation"]["status"] == "failed"
    assert validation["categories"]["profile"]["validation"]["status"] == "passed"
    (failed,) = validation["failed_items"]
    assert (failed["category"], failed["subject"]) == ("service", lost["item"])
    assert failed["failed"] == ["each migrated picture is in Storage"]
    assert validation["failed_checks"] == 1


def test_broken_missing_and_private_pictures_cost_no_other_its_place(storage, tmp_path):
    good = as_png((200, 120, 40), 60)
    files = {"good": good, "broken": good[:60], "text": b"no picture at all", "chat": good}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    target = storage_client(
        {"SUPABASE_URL": storage.url, "SUPABASE_SERVICE_ROLE_KEY": storage.service_role_key}
    )
    target.create_bucket("avatars", options={"public": True})
    for name in ("good", "broken", "text", "chat", "left"):
        target.from_("avatars").upload(name, good, {"content-type": "image/png"})
    done = {
        name: Done(name, "chat" if name == "chat" else "profile", "image/png", "image/png", "compressed", None,
                   len(good), len(good) // 2, 50.0, "avatars", name)
        for name in (*files, "left", "gone")
    }  # fmt: skip
    (tmp_path / "gone").write_bytes(good)
    chosen = {
        WORST: [],
        LARGEST: [*done.values()],
        RANDOM: [done["good"], done["chat"]],
    }
    with isolated_workers(1, seconds=20, memory=4 << 30) as workers:
        store = Storage(storage.url, storage.service_role_key)
        viewer = Viewer(FolderBackup(tmp_path), store, workers, 1 << 20, 2)
        shown = show(viewer, chosen)
        nothing = show(viewer, {WORST: [done["chat"]]})
    assert [(sheet.kind, sheet.pairs) for sheet in shown.sheets] == [(LARGEST, 5), (RANDOM, 1)]
    largest = np.asarray(Image.open(io.BytesIO(shown.sheets[0].jpeg)).convert("RGB"))
    assert missing_tiles(largest) == 4 * 3  # broken, text, left the backup, gone from Storage
    assert shown.small is not None
    assert len(shown.small) < 60_000
    assert (nothing.sheets, nothing.small) == ((), None)
