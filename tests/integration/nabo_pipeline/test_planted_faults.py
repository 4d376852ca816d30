"""Every fault that verification exists for, planted and found by its name; and the gate that closes on it."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from nabo_pipeline.media.reconciliation import Whose
from nabo_pipeline.media.records import media_id
from nabo_pipeline.stores.storage import MARK, Storage

THEIRS = "00000000-0000-4000-8000-0000000000aa"
"""A folder that this migration never wrote to."""

Plant = Callable[[Any, dict[str, Any]], str]
"""Plants a fault in a migrated picture, or beside it, and returns the subject that must be named."""


def rewrite(place: Any, one: dict[str, Any], data: bytes, mime: str = "") -> str:
    place.bucket(one["bucket"]).update(one["path"], data, {"content-type": mime or one["mime"]})
    return str(one["item"])


def bytes_of(place: Any, one: dict[str, Any]) -> bytes:
    return bytes(place.bucket(one["bucket"]).download(one["path"]))


def upload(place: Any, one: dict[str, Any], path: str, **more: Any) -> str:
    options = {"content-type": one["mime"], **more}
    place.bucket(one["bucket"]).upload(path, bytes_of(place, one), options)
    return f"object {path}"


def wrong_byte(place, one):
    data = bytes_of(place, one)
    return rewrite(place, one, data[:-1] + bytes([data[-1] ^ 1]))


def truncated(place, one):
    return rewrite(place, one, bytes_of(place, one)[:-200])


def wrong_type(place, one):
    wrong = "image/png" if one["mime"] != "image/png" else "image/webp"
    return rewrite(place, one, bytes_of(place, one), wrong)


def lost_object(place, one):
    place.bucket(one["bucket"]).remove([one["path"]])
    return one["item"]


def lost_row(place, one):
    place.query("delete from public.media where id = %s", one["row"]["id"])
    return one["item"]


def wrong_owner(place, one):
    place.query(
        "update public.media set owner_id = (select id from profiles where id <> %s limit 1) where id = %s",
        one["owner"], one["row"]["id"],
    )  # fmt: skip
    return one["item"]


def doubled_row(place, one):
    place.query(
        "insert into public.media (file_path, media_type, owner_id) values (%s, %s::public.media_type, %s)",
        one["path"], one["media_type"], a_person(place),
    )  # fmt: skip
    return one["item"]


def a_person(place):
    return place.query("select id from public.profiles order by id limit 1")[0][0]


def service_changed_hands(place, one):
    place.query(
        "update public.services set stylist_id = (select id from profiles where id <> %s limit 1) where id = %s",
        one["owner"], one["service"],
    )  # fmt: skip
    return one["item"]


def stray_in_our_folder(place, one):
    return upload(place, one, f"{one['path'].split('/')[0]}/stray.webp")


def stray_of_ours_elsewhere(place, one):
    return upload(place, one, f"{THEIRS}/lost.webp", metadata=dict(MARK))


def stray_row(place, one):
    """A row of ours without ledger entry and without object."""
    path = f"{THEIRS}/never.webp"
    return _row(place, one, path)


def stray_row_and_object(place, one):
    """Both of ours, and the ledger knows nothing of them."""
    path = f"{THEIRS}/both.webp"
    _row(place, one, path)
    return upload(place, one, path)


def _row(place, one, path):
    row = media_id(one["bucket"], path)
    place.query(
        "insert into public.media (id, file_path, media_type, owner_id) values (%s, %s, 'other', %s)",
        row, path, one["owner"],
    )  # fmt: skip
    return f"row {row} ({path})"


def missing_parent(place, one):
    """As after somebody took the constraint away."""
    place.query("alter table public.media drop constraint if exists media_service_id_fkey")
    place.query("update public.media set service_id = %s where id = %s", THEIRS, one["row"]["id"])
    return one["item"]


def second_preview(place, one):
    place.query(
        "insert into public.media (file_path, media_type, service_id, owner_id, is_preview_image)"
        " values ('their/own.png', 'service_image', %s, %s, true)",
        one["service"], one["owner"],
    )  # fmt: skip
    return one["service"]


def no_preview(place, one):
    place.query("update public.media set is_preview_image = false where service_id = %s", one["service"])
    return one["service"]


def wrong_order(place, one):
    place.query("update public.media set created_at = now() where service_id = %s", one["service"])
    return one["service"]


def other_preview(place, one):
    place.query("update public.media set is_preview_image = id = %s where service_id = %s", one["row"]["id"],
        one["service"])  # fmt: skip
    return one["service"]


PICTURE_FAULTS: list[tuple[Plant, str]] = [
    (wrong_byte, "each object's hash is the ledger's"),
    (truncated, "each object decodes"),
    (wrong_type, "each object's content type and name are those of its bytes"),
    (lost_object, "each migrated picture is in Storage"),
    (service_changed_hands, "each row is its owner's"),
    (stray_of_ours_elsewhere, "no object and no row without a ledger entry"),
    (stray_in_our_folder, "no object and no row without a ledger entry"),
]
ROW_FAULTS: list[tuple[Plant, str]] = [
    (lost_row, "each migrated picture has its row in public.media"),
    (wrong_owner, "each row is as it was written"),
    (doubled_row, "each object is shown by one row"),
    (missing_parent, "each row's owner, service and message exist"),
    (stray_row, "no object and no row without a ledger entry"),
    (stray_row_and_object, "no object and no row without a ledger entry"),
]
GALLERY_FAULTS: list[tuple[Plant, str]] = [
    (second_preview, "each service has exactly one preview"),
    (no_preview, "each service has exactly one preview"),
    (wrong_order, "created_at increases in path order"),
    (other_preview, "a preview of ours is the first picture by path"),
]


def failures(result: Any) -> tuple[str, list[str]]:
    """What the failed step says, and the failed checks' names."""
    text = "\n".join(
        str(event.step_failure_data.user_failure_data.description)
        for event in result.all_events
        if event.event_type_value == "STEP_FAILURE" and event.step_failure_data.user_failure_data
    )
    return text, [check.check_name for check in result.get_asset_check_evaluations() if not check.passed]


def examples(result: Any) -> dict[str, str]:
    """Rule -> the rows that broke it, as the checks show them."""
    tables = [check.metadata["rules"].records for check in result.get_asset_check_evaluations()]
    return {str(row.data["rule"]): str(row.data["examples"]) for rows in tables for row in rows}


def listed(place: Any, category: str) -> dict[str, list[str]]:
    """The file of everything that is wrong: subject -> what it breaks."""
    path = place.reports / "nabo" / f"media-validation-{category}-problems.json"
    return {line["subject"]: line["broken"] for line in json.loads(path.read_text())}


def require_found(place: Any, planted: list[tuple[str, str, str]]) -> None:
    """Each fault (name, subject, rule) is named in the failure, in the check and in the file."""
    result = place.run("service", "media_validation")
    assert not result.success
    text, _ = failures(result)
    shown, everything = examples(result), listed(place, "service")
    for name, subject, rule in planted:
        assert rule in text, (name, text)
        assert subject in text, (name, text)
        broken = [examples for named, examples in shown.items() if named.startswith(rule)]
        assert subject[:80] in broken[0], (name, shown)
        assert [line for line in everything if subject in line], (name, everything)


def galleries(entries: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The pictures of each service that has several."""
    by_service: dict[str, list[dict[str, Any]]] = {}
    for one in entries:
        by_service.setdefault(one["service"], []).append(one)
    return (pictures for pictures in by_service.values() if len(pictures) > 1)


def restore(place: Any, rows: list[tuple[Any, ...]], objects: dict[str, tuple[bytes, str]]) -> None:
    """Rows, services and objects of `service-media` as they were."""
    place.query("delete from public.media")
    for row in rows:
        place.query(f"insert into public.media values ({', '.join(['%s'] * len(row))})", *row)
    place.query(
        "update public.services s set stylist_id = m.owner_id from public.media m where m.service_id = s.id"
    )
    bucket = place.bucket("service-media")
    standing = [path.split("/", 1)[1] for path in place.objects() if path.startswith("service-media/")]
    bucket.remove(standing)
    for path, (data, mime) in objects.items():
        bucket.upload(path, data, {"content-type": mime})


def test_each_planted_fault_is_found_and_named(folder_place):
    place = folder_place
    assert place.run("service").success
    entries = place.migrated("service")
    rows = place.query("select * from public.media")
    objects = {one["path"]: (bytes_of(place, one), one["mime"]) for one in entries}
    for faults in (PICTURE_FAULTS, ROW_FAULTS):
        planted = [
            (fault.__name__, fault(place, one), rule)
            for (fault, rule), one in zip(faults, entries, strict=False)
        ]
        require_found(place, planted)
        restore(place, rows, objects)
    victims = [pictures[-1] for pictures in galleries(entries)]
    for start in range(0, len(GALLERY_FAULTS), len(victims)):
        planted = [
            (fault.__name__, fault(place, one), rule)
            for (fault, rule), one in zip(GALLERY_FAULTS[start:], victims, strict=False)
        ]
        require_found(place, planted)
        restore(place, rows, objects)
    assert place.run("service", "media_validation").success
    assert listed(place, "service") == {}


def test_an_object_that_a_quarantined_file_met_is_no_orphan_and_a_second_avatar_closes_the_gate_of_the_report(
    folder_place, monkeypatch
):
    place = folder_place
    assert place.run("profile", "media_inventory", "migration_plan", "images").success
    one = place.migrated("profile")[0]
    bucket = place.bucket(one["bucket"])
    bucket.remove([one["path"]])
    bucket.upload(one["path"], b"theirs", {"content-type": one["mime"]})
    place.query("delete from nabo_migration.outcomes where item = %s", one["item"])
    assert place.run("profile", "images", "media_records", "media_validation").success
    assert place.outcomes()[one["item"]] == ("quarantined", "Another object stands at the target path")

    with monkeypatch.context() as meanwhile:
        _there_is_no_verdict_on_outcomes_that_change_while_they_are_verified(place, meanwhile)

    first, second = place.migrated("profile")[:2]
    place.query(
        "insert into public.media (file_path, media_type, owner_id) values ('x.png', 'avatar', %s)",
        first["owner"],
    )
    lost_row(place, second)
    result = place.run("profile", "media_validation")
    text, failed_checks = failures(result)
    assert failed_checks == ["pictures_reconciled", "one_avatar_per_owner"]
    for owner in (first["owner"], second["owner"]):
        assert owner in text
    report = place.run(None, "migration_report")
    assert not report.success
    assert "profile: its newest checks failed" in failures(report)[0]


def _there_is_no_verdict_on_outcomes_that_change_while_they_are_verified(place, monkeypatch):
    verdicts = place.query("select * from nabo_migration.verdicts order by id")
    one = place.migrated("profile")[0]
    download = Storage.download

    def meanwhile(storage: Storage, bucket: str, path: str) -> bytes:
        place.query("update nabo_migration.outcomes set target_hash = 'x' where item = %s", one["item"])
        return download(storage, bucket, path)

    monkeypatch.setattr(Storage, "download", meanwhile)
    text, _ = failures(place.run("profile", "media_validation"))
    assert "outcomes changed while they were verified" in text
    assert place.query("select * from nabo_migration.verdicts order by id") == verdicts
    place.query(
        "update nabo_migration.outcomes set target_hash = %s where item = %s", one["target_hash"], one["item"]
    )


def test_objects_of_others_are_listed_and_left_and_stop_nothing(folder_place):
    place = folder_place
    bucket = place.bucket("avatars")
    for path in (f"{THEIRS}/shown.png", f"{THEIRS}/orphan.png"):
        bucket.upload(path, b"theirs", {"content-type": "image/png"})
    place.query(
        "insert into public.media (file_path, media_type) values (%s, 'logo_asset')", f"{THEIRS}/shown.png"
    )
    result = place.run("profile")
    assert result.success
    (check,) = [one for one in result.get_asset_check_evaluations() if not one.passed]
    assert (check.check_name, check.severity.value) == ("objects_of_others", "WARN")
    assert list(listed(place, "profile")) == [f"object {THEIRS}/orphan.png"]
    # In a folder that this migration writes to it depends on who was there first.
    stray = stray_in_our_folder(place, place.migrated("profile")[0])
    text, _ = failures(place.run("profile", "media_validation"))
    assert f"{stray} ({Whose.NOBODYS})" in text
    place.query(
        'update nabo_migration.plans set summary = summary || \'{"records_start": "2999-01-01T00:00:00+00:00"}\''
    )
    assert place.run("profile", "media_validation").success
    assert set(listed(place, "profile")) == {f"object {THEIRS}/orphan.png", stray}
    assert bucket.download(f"{THEIRS}/orphan.png") == b"theirs"


def test_what_is_ours_is_found_where_nothing_was_migrated(folder_place):
    """Also after everything was taken back: the gate does not pass over what was left behind."""
    place = folder_place
    assert place.run("chat").success
    assert place.query("select count(*) from nabo_migration.outcomes where state <> 'excluded'") == [(0,)]
    options = {"content-type": "image/png", "metadata": dict(MARK)}
    place.bucket("chat-media").upload(f"{THEIRS}/left.png", b"ours", options)
    row = media_id("chat-media", f"{THEIRS}/row.png")
    place.query(
        "insert into public.media (id, file_path, media_type) values (%s, %s, 'chat_image')",
        row,
        f"{THEIRS}/row.png",
    )
    text, _ = failures(place.run("chat", "media_validation"))
    assert f"object {THEIRS}/left.png ({Whose.OURS_BY_MARK})" in text
    assert f"row {row} ({THEIRS}/row.png)" in text


def test_a_category_of_nothing_but_quarantined_files_is_verified(folder_place):
    place = folder_place
    place.query("delete from public.services")
    assert place.run("service").success
    assert {state for state, _ in place.outcomes().values()} == {"excluded", "quarantined"}
