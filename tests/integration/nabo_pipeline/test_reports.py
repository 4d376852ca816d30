"""The reports on real servers: true after a migration, a rollback and a failed validation, and showing no chat."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from local_stack.sources.media.servers import storage_client
from migration_kit.pictures.isolation import isolated_workers
from nabo_pipeline.media.statistics import Done
from nabo_pipeline.steps.showing import LARGEST, RANDOM, WORST, Viewer, show
from nabo_pipeline.stores.backup import FolderBackup
from nabo_pipeline.stores.storage import Storage
from tests.integration.nabo_pipeline.report_checks import HOSTILE, check_numbers, check_page, read
from tests.integration.nabo_pipeline.test_guards import told
from tests.integration.nabo_pipeline.test_rollback import roll_back


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
