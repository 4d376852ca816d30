"""What the reports say, laid beside the database, the objects in Storage and the files of the backup."""

import hashlib
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

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
