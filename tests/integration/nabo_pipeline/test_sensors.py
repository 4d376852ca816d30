"""What goes on by night: sensors and schedule, evaluated on real stores."""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest

from migration_kit.accounting import State
from migration_kit.ledger import Entry
from migration_kit.orchestration import BATCH_TAG, CannotLookError, standing
from nabo_pipeline.definitions import build_defs
from nabo_pipeline.media.mappings import ChatImage, Mappings
from nabo_pipeline.media.paths import CATEGORIES, CHAT_NOT_MIGRATED
from nabo_pipeline.media.plans import NO_MESSAGE, NO_PROFILE, NO_SERVICE, USER_NOT_MAPPED
from nabo_pipeline.resources import resources
from nabo_pipeline.schedules import nightly_delta
from nabo_pipeline.sensors import pick_up_mapped, report_when_verified
from nabo_pipeline.stores.appeared import appeared
from nabo_pipeline.stores.mapping_files import read_mappings


def tick(sensor: dg.SensorDefinition, instance: dg.DagsterInstance, cursor: str | None = None) -> Any:
    # Closed here, not when it is forgotten: Dagster's global state goes by the order in which contexts end.
    with dg.build_sensor_context(
        instance=instance, cursor=cursor, definitions=build_defs(), resources=resources()
    ) as context:
        return sensor.evaluate_tick(context)


def ended(instance: dg.DagsterInstance, request: dg.RunRequest, status: dg.DagsterRunStatus) -> str:
    """The run of a request, as Dagster keeps it once it has come so far."""
    run = dg.DagsterRun(job_name="nabo_migrate_category", tags=dict(request.tags), status=status)
    return instance.add_run(run).run_id


def change_mapping(place: Any, change: Mapping[str, str]) -> None:
    path = Path(place.environment["NABO_MAPPINGS_PATH"]) / "user-id-mapping.json"
    document = json.loads(path.read_text())
    document["mapping"] |= change
    document["metadata"]["total_mappings"] = len(document["mapping"])
    path.write_text(json.dumps(document))


def users_of(place: Any) -> dict[str, str]:
    path = Path(place.environment["NABO_MAPPINGS_PATH"]) / "user-id-mapping.json"
    return json.loads(path.read_text())["mapping"]


def now_possible(place: Any) -> dict[str, tuple[int, str]]:
    mappings = read_mappings(Path(place.environment["NABO_MAPPINGS_PATH"]))
    found = appeared(place.environment["NABO_DATABASE_URL"], mappings)
    return {category: (one.files, one.examples[0]) for category, one in found.items()}


def test_files_whose_mapping_has_appeared_are_asked_for_until_a_run_succeeded(folder_place):
    place, instance = folder_place, folder_place.instance
    assert tick(pick_up_mapped, instance).run_requests == []
    assert place.run("profile").success
    first = tick(pick_up_mapped, instance)
    assert (first.run_requests, first.cursor) == ([], "{}")
    assert "no file is left out" in first.skip_message

    item = next(item for item, (_, reason) in sorted(place.outcomes().items()) if reason == USER_NOT_MAPPED)
    free = "select id::text from auth.users u where not exists (select from public.media where owner_id = u.id) limit 1"
    new, users = place.query(free)[0][0], users_of(place)
    old = next(old for old, owner in users.items() if owner == new)
    place.query("update auth.users set raw_user_meta_data = '{}' where id = %s", new)
    change_mapping(place, {old: str(uuid.uuid4()), item.rpartition("/")[2]: new})

    keys = []
    for _ in range(3):
        (request,) = (found := tick(pick_up_mapped, instance)).run_requests
        assert (request.partition_key, found.cursor) == ("profile", "{}")
        keys.append(request.run_key)
        ended(instance, request, dg.DagsterRunStatus.FAILURE)
    assert len(set(keys)) == 3
    given_up = tick(pick_up_mapped, instance)
    assert given_up.run_requests == []
    assert "given up after 3 attempts" in given_up.skip_message

    assert place.run("profile").success
    assert place.outcomes()[item] == ("migrated", None)
    assert tick(pick_up_mapped, instance, given_up.cursor).cursor == "{}"


def test_a_person_or_service_that_has_appeared_in_the_database_is_seen_and_what_is_still_missing_is_not(
    folder_place,
):
    place = folder_place
    backup, users = Path(place.environment["S3_BACKUP_PATH"]), users_of(place)
    avatar = next(path.name for path in sorted(backup.glob("Profile-Pics/*/*")) if path.name in users)
    person, services = users[avatar], {path.name for path in backup.glob("Service-Images/*")}
    service = next(
        found for (found,) in place.query("select id::text from public.services") if found in services
    )
    kept_service = place.query("select to_jsonb(s) from public.services s where id = %s", service)[0][0]
    kept_person = place.query("select to_jsonb(u) from auth.users u where id = %s", person)[0][0]
    place.query("delete from public.services where id = %s or stylist_id = %s", service, person)
    place.query("delete from auth.users where id = %s", person)
    for category in ("profile", "service"):
        assert place.run(category, "media_inventory", "migration_plan", "images").success
    reasons = {reason for _, reason in place.outcomes().values()}
    assert {NO_PROFILE, NO_SERVICE} <= reasons
    assert now_possible(place) == {}

    place.query(
        "insert into auth.users select * from jsonb_populate_record(null::auth.users, %s::jsonb)",
        json.dumps(kept_person),
    )
    place.query(
        "insert into public.services select * from jsonb_populate_record(null::public.services, %s::jsonb)",
        json.dumps(kept_service),
    )
    found = now_possible(place)
    assert found["profile"][1].endswith(avatar)
    assert service in found["service"][1]
    assert {request.partition_key for request in tick(pick_up_mapped, place.instance).run_requests} == {
        "profile",
        "service",
    }


def test_chat_images_whose_message_has_appeared_are_seen(ledger, postgres_url):
    ids = [str(uuid.UUID(int=number, version=4)) for number in range(4)]
    customer, stylist, chat, message = ids
    reasons = {"mapped.jpg": CHAT_NOT_MIGRATED, "waits.jpg": NO_MESSAGE, "unknown.jpg": CHAT_NOT_MIGRATED}
    mapped = {("old", name): ChatImage(chat, message, customer) for name in ("mapped.jpg", "waits.jpg")}
    mappings = Mappings({"a": customer}, {}, frozenset(["old"]), mapped)
    ledger.record(
        Entry(f"Chat-Images/old/{name}", "chat", State.EXCLUDED, reason) for name, reason in reasons.items()
    )
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for name in reasons:
            connection.execute(
                "insert into nabo_migration.inventory (key, category, size, version, mime, parent, name)"
                " values (%s, 'chat', 1, '1', 'image/jpeg', 'old', %s)",
                [f"Chat-Images/old/{name}", name],
            )
        assert appeared(postgres_url, mappings)["chat"].files == 1
        for person in (customer, stylist):
            connection.execute(
                "insert into auth.users (id, email) values (%s, %s)", [person, f"{person}@x.invalid"]
            )
        connection.execute(
            "insert into public.chats (id, customer_id, stylist_id) values (%s, %s, %s)",
            [chat, customer, stylist],
        )
        connection.execute(
            "insert into public.chat_messages (id, chat_id, sender_id, content) values (%s, %s, %s, 'x')",
            [message, chat, customer],
        )
    found = appeared(postgres_url, mappings)["chat"]
    assert (found.files, found.examples) == (2, ("Chat-Images/old/mapped.jpg", "Chat-Images/old/waits.jpg"))


def test_mappings_that_cannot_be_read_fail_the_tick_and_name_the_file(ledger, instance, tmp_path):
    (tmp_path / "services-created.json").unlink()
    with pytest.raises(CannotLookError, match=r"services-created\.json: the mapping file is missing"):
        tick(pick_up_mapped, instance)


def test_a_run_that_is_at_work_or_was_cancelled_is_not_asked_for_again(instance):
    request = standing(instance, "key").request()
    ended(instance, request, dg.DagsterRunStatus.STARTED)
    assert "queued or at work" in standing(instance, "key").wait
    cancelled = standing(instance, "other key").request()
    ended(instance, cancelled, dg.DagsterRunStatus.CANCELED)
    assert "cancelled" in standing(instance, "other key").wait


def test_the_report_follows_once_for_each_verified_state_and_counts_the_batch_verified_last(
    passed, ledger, instance
):
    assert "not verified" in tick(report_when_verified, instance).skip_message
    night = dg.DagsterRun(job_name="nabo_migrate_category", tags={BATCH_TAG: "night-1"})
    instance.add_run(night)
    for category in CATEGORIES:
        assert tick(report_when_verified, instance).run_requests == []
        passed("verify", category, run=night.run_id)
    (request,) = (first := tick(report_when_verified, instance)).run_requests
    assert request.tags[BATCH_TAG] == "night-1"
    ended(instance, request, dg.DagsterRunStatus.FAILURE)
    (retried,) = tick(report_when_verified, instance, first.cursor).run_requests
    assert retried.run_key != request.run_key
    ended(instance, retried, dg.DagsterRunStatus.SUCCESS)
    done = tick(report_when_verified, instance, first.cursor)
    assert done.run_requests == []
    assert "has succeeded" in done.skip_message
    passed("verify", "chat", candidate="another")
    assert len(tick(report_when_verified, instance, done.cursor).run_requests) == 1


def test_the_nightly_delta_asks_for_each_category_that_nothing_is_at_as_one_batch():
    night = datetime(2026, 3, 1, 2, tzinfo=UTC)
    with (
        dg.instance_for_test() as instance,
        dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=night,
            repository_def=build_defs().get_repository_def(),
        ) as context,
    ):
        requests = nightly_delta.evaluate_tick(context).run_requests
        assert [request.partition_key for request in requests] == list(CATEGORIES)
        assert {request.tags[BATCH_TAG] for request in requests} == {"nabo-delta-2026-03-01"}
        assert len({request.run_key for request in requests}) == len(CATEGORIES)
        at_work(instance, "chat")
        requests = nightly_delta.evaluate_tick(context).run_requests
        assert [request.partition_key for request in requests] == ["profile", "service", "other"]
        for category in ("profile", "service", "other"):
            at_work(instance, category)
        assert "queued or at work" in nightly_delta.evaluate_tick(context).skip_message


def at_work(instance: dg.DagsterInstance, category: str) -> None:
    """A run of a category that has begun and has not ended."""
    instance.create_run_for_job(
        build_defs().resolve_job_def("nabo_migrate_category"),
        tags={"dagster/partition": category},
        status=dg.DagsterRunStatus.STARTED,
    )
