"""What stops a run: a changed source, a closed gate, wrong mappings, a backup or target that is not there."""

import json

import dagster as dg
import pytest

from migration_kit.gates import Verdict, VerdictStatus
from nabo_pipeline.resources import DatabaseResource


def told(result: dg.ExecuteInProcessResult) -> str:
    """What the failed steps of a run say."""
    assert not result.success
    failures = [
        event.step_failure_data for event in result.all_events if event.event_type_value == "STEP_FAILURE"
    ]
    return "\n".join(
        str(failure.user_failure_data.description if failure.user_failure_data else failure.error)
        for failure in failures
    )


def test_apply_refuses_a_plan_whose_source_has_changed(place):
    assert place.run("profile", "media_inventory", "migration_plan").success
    place.put("Profile-Pics/buyer/00000000-0000-4000-8000-000000000000", b"new since the plan")
    answer = told(place.run("profile", "images"))
    assert "changed since the plan was made" in answer
    assert "nabo/media_inventory" in answer
    assert place.objects() == {}
    assert place.outcomes() == {}


def test_apply_refuses_a_plan_whose_mappings_have_changed(place):
    assert place.run("profile", "media_inventory", "migration_plan").success
    path = place.reports.parent / "mappings" / "user-id-mapping.json"
    mapping = json.loads(path.read_text())
    mapping["mapping"].popitem()
    mapping["metadata"]["total_mappings"] -= 1
    path.write_text(json.dumps(mapping))
    assert "mapping files changed" in told(place.run("profile", "images"))


@pytest.mark.parametrize("status", [VerdictStatus.FAILED, VerdictStatus.RUNNING])
def test_apply_refuses_a_plan_that_did_not_pass_its_gate(place, status):
    assert place.run("profile", "media_inventory", "migration_plan").success
    with DatabaseResource(url=place.environment["NABO_DATABASE_URL"]).ledger() as ledger:
        candidate = ledger.publications("plan")["profile"]
        ledger.record_verdict(Verdict.now("plan", "profile", candidate, status, "another run"))
    assert "Needed partitions of plan have not passed" in told(place.run("profile", "images"))
    assert place.objects() == {}


def test_the_report_refuses_while_a_category_is_not_verified(place):
    for category in ("profile", "chat", "other"):
        assert place.run(category).success
    answer = told(place.run(None, "migration_report"))
    assert "service" in answer
    assert not (place.reports / "nabo" / "migration-summary.json").exists()


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("user-id-mapping.json", '{"metadata": {"total_mappings": 0}, "mapping": {}}', "holds 0 mappings"),
        ("services-created.json", '{"metadata": {', "malformed"),
        ("user-id-mapping.json", None, "missing"),
    ],
)
def test_a_wrong_mapping_file_stops_the_plan_and_is_named(place, name, text, why):
    path = place.reports.parent / "mappings" / name
    path.unlink() if text is None else path.write_text(text)
    assert place.run("profile", "media_inventory").success
    answer = told(place.run("profile", "migration_plan"))
    assert name in answer
    assert why in answer


def test_a_missing_bucket_is_an_error_and_no_empty_backup(place, monkeypatch):
    monkeypatch.setenv("S3_BACKUP_PATH", "s3://there-is-no-such-bucket/backup")
    assert "NoSuchBucket" in told(place.run("profile", "media_inventory"))


def test_a_wrong_prefix_is_an_error_and_no_empty_category(place, monkeypatch):
    monkeypatch.setenv("S3_BACKUP_PATH", place.environment["S3_BACKUP_PATH"] + "-elsewhere")
    assert "holds no file of this category" in told(place.run("profile", "media_inventory"))


def test_a_wrong_key_for_storage_stops_the_plan(place, monkeypatch):
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", "e30.e30.c2lnbmF0dXJl")
    assert place.run("profile", "media_inventory").success
    answer = told(place.run("profile", "migration_plan"))
    assert "SUPABASE_SERVICE_ROLE_KEY" in answer
    assert "e30.e30" not in answer


def test_a_link_in_a_folder_is_listed_but_never_followed(folder_place):
    backup = folder_place.environment["S3_BACKUP_PATH"]
    target = folder_place.reports / "secret"
    target.write_text("not part of the backup")
    link = f"{backup}/Profile-Pics/buyer/00000000-0000-4000-8000-000000000000"
    (folder_place.reports / link).symlink_to(target)
    assert folder_place.run("profile").success
    key = "Profile-Pics/buyer/00000000-0000-4000-8000-000000000000"
    assert folder_place.outcomes()[key] == ("excluded", "Unsupported file type: inode/symlink")
