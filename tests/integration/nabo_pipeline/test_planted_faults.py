"""Every fault that verification exists for, planted and found by its name; and the gate that closes on it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from nabo_pipeline.media.records import media_id


@dataclass(frozen=True)
class Fault:
    """How to plant a fault, and what the failed run must say: which rule broke, and the subject that broke it."""

    plant: Callable[[Any, dict[str, str]], str]
    rule: str


def victim(place: Any, category: str = "service") -> dict[str, str]:
    """A migrated picture that is no preview."""
    row = place.query(
        "select item, detail->>'bucket', detail->>'path', detail->'row'->>'id', detail->>'service', detail->>'owner'"
        " from nabo_migration.outcomes where state = 'migrated' and partition = %s"
        " order by (detail->'row'->>'is_preview_image')::boolean, item limit 1",
        category,
    )[0]
    return dict(zip(("item", "bucket", "path", "id", "service", "owner"), row, strict=True))


def lose_object(place, one):
    place.bucket(one["bucket"]).remove([one["path"]])
    return one["item"]


def swap_object(place, one):
    bucket = place.bucket(one["bucket"])
    data = bucket.download(one["path"])
    bucket.update(one["path"], data[:-1] + bytes([data[-1] ^ 1]), {"content-type": "image/webp"})
    return one["item"]


def spoil_content_type(place, one):
    bucket = place.bucket(one["bucket"])
    bucket.update(one["path"], bucket.download(one["path"]), {"content-type": "image/png"})
    return one["item"]


def lose_row(place, one):
    place.query("delete from public.media where id = %s", one["id"])
    return one["item"]


def change_row(place, one):
    place.query(
        "update public.media set owner_id = (select min(id::text)::uuid from profiles) where id = %s",
        one["id"],
    )
    return one["item"]


def double_row(place, one):
    place.query(
        "insert into public.media (file_path, media_type, service_id, owner_id)"
        " select file_path, media_type, service_id, owner_id from public.media where id = %s",
        one["id"],
    )
    return one["item"]


def stray_object(place, one):
    path = f"{one['service']}/stray.webp"
    place.bucket(one["bucket"]).upload(
        path, place.bucket(one["bucket"]).download(one["path"]), {"content-type": "image/webp"}
    )
    return path


def stray_row(place, one):
    path = f"{one['service']}/stray.webp"
    place.query(
        "insert into public.media (id, file_path, media_type, service_id, owner_id)"
        " values (%s, %s, 'service_image', %s, %s)",
        media_id(one["bucket"], path), path, one["service"], one["owner"],
    )  # fmt: skip
    return path


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


FAULTS = {
    "object lost": Fault(lose_object, "each migrated picture is in Storage"),
    "object with other bytes": Fault(swap_object, "each object's hash is the ledger's"),
    "wrong content type": Fault(spoil_content_type, "each object's content type is that of its bytes"),
    "row lost": Fault(lose_row, "each migrated picture has its row"),
    "row changed": Fault(change_row, "each row is as it was written"),
    "row doubled": Fault(double_row, "each row is as it was written"),
    "object without row and ledger": Fault(stray_object, "no object and no row without a ledger entry"),
    "row without ledger": Fault(stray_row, "no object and no row without a ledger entry"),
    "second preview": Fault(second_preview, "each service has exactly one preview"),
    "no preview": Fault(no_preview, "each service has exactly one preview"),
}


def failures(result: Any) -> tuple[str, list[str]]:
    """What the failed step says, and the failed checks' rules and examples."""
    text = "\n".join(
        str(event.step_failure_data.user_failure_data.description)
        for event in result.all_events
        if event.event_type_value == "STEP_FAILURE" and event.step_failure_data.user_failure_data
    )
    return text, [check.check_name for check in result.get_asset_check_evaluations() if not check.passed]


def test_each_planted_fault_is_found_and_named(place):
    assert place.run("service").success
    one = victim(place)
    kept_rows = place.query("select * from public.media")
    kept_object = place.bucket(one["bucket"]).download(one["path"])
    for name, fault in FAULTS.items():
        subject = fault.plant(place, one)
        result = place.run("service", "media_validation")
        assert not result.success, f"{name} was not found"
        text, failed_checks = failures(result)
        assert failed_checks, name
        assert fault.rule in text, (name, text)
        assert subject in text, (name, text)
        repair(place, one, kept_rows, kept_object)
    assert place.run("service", "media_validation").success


def repair(place: Any, one: dict[str, str], rows: list[tuple[Any, ...]], data: bytes) -> None:
    place.query("delete from public.media")
    for row in rows:
        place.query(f"insert into public.media values ({', '.join(['%s'] * len(row))})", *row)
    bucket = place.bucket(one["bucket"])
    bucket.remove([one["path"], f"{one['service']}/stray.webp"])
    bucket.upload(
        one["path"], data, {"content-type": f"image/{one['path'].rsplit('.')[-1].replace('jpg', 'jpeg')}"}
    )


def test_a_second_avatar_closes_the_gate_of_the_report(place):
    assert all(result.success for result in place.migrate().values())
    one = victim(place, "profile")
    place.query(
        "insert into public.media (file_path, media_type, owner_id) values ('x.png', 'avatar', %s)",
        one["owner"],
    )
    result = place.run("profile", "media_validation")
    text, failed_checks = failures(result)
    assert failed_checks == ["one_avatar_per_owner"]
    assert one["owner"] in text
    report = place.run(None, "migration_report")
    assert not report.success
    assert "profile" in failures(report)[0]


def test_created_at_out_of_order_is_found(place):
    assert place.run("service").success
    service = place.query("select service_id from public.media group by 1 having count(*) > 1 limit 1")
    if not service:
        pytest.fail("the small backup should hold a service of several pictures")
    place.query("update public.media set created_at = now() where service_id = %s", service[0][0])
    text, failed_checks = failures(place.run("service", "media_validation"))
    assert "galleries_in_order" in failed_checks
    assert str(service[0][0]) in text
