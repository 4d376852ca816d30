"""What stops a run: a changed source, a closed gate, wrong mappings, a backup or target that is not there."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import dagster as dg
import pytest

from local_stack.sources.media import SMALL
from migration_kit.failures import TransientError
from migration_kit.gates import Verdict, VerdictStatus
from nabo_pipeline.resources import DatabaseResource
from nabo_pipeline.steps import showing, transfer
from nabo_pipeline.stores.backup import FolderBackup
from nabo_pipeline.stores.backup_errors import UnreadableError


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


def test_nothing_goes_by_a_plan_that_did_not_pass_its_gate_though_pictures_were_sent(place):
    assert place.run("service", "media_inventory", "migration_plan", "images").success
    with DatabaseResource(url=place.environment["NABO_DATABASE_URL"]).ledger() as ledger:
        ledger.record_verdict(Verdict.now("plan", "service", "another", VerdictStatus.FAILED, "another run"))
    for name in ("media_records", "media_validation"):
        assert "Needed partitions of plan have not passed" in told(place.run("service", name))
    assert place.query("select count(*) from public.media") == [(0,)]


def test_apply_refuses_rows_that_are_not_those_of_the_accepted_plan(place):
    assert place.run("profile", "media_inventory", "migration_plan").success
    place.query("update nabo_migration.plan_items set owner = 'someone else' where action = 'migrate'")
    assert "other rows are stored than the plan stands for" in told(place.run("profile", "images"))
    place.query("update nabo_migration.plans set fingerprint = 'another run is about to publish this'")
    assert "the stored plan is not the one that was validated" in told(place.run("profile", "images"))
    assert place.objects() == {}


def test_a_plan_needs_an_inventory_and_one_that_knew_whether_chats_were_migrated(folder_place):
    place = folder_place
    assert "chat: there is no inventory" in told(place.run("chat", "migration_plan"))
    assert place.run("chat", "media_inventory").success
    folder, ids = place.reports.parent / "mappings", "11111111-1111-4111-8111-111111111111"
    message = {"id": ids, "chat_id": ids, "sender_id": ids}
    created = {"metadata": {}, "created_chats": [{"id": ids}], "created_messages": [message]}
    shown = {"imageMessages": [{"message": {"id": ids, "message": "a.jpg"}, "chat_id": ids}]}
    (folder / "chats-created.json").write_text(json.dumps(created))
    (folder / "chats-extracted.json").write_text(json.dumps(shown))
    assert "chat mappings came or went since the inventory" in told(place.run("chat", "migration_plan"))
    assert place.run("chat", "media_inventory", "migration_plan").success


def test_the_report_refuses_outcomes_that_changed_after_they_were_verified(place, monkeypatch):
    def change(detail: str) -> None:
        place.query(
            "update nabo_migration.outcomes set detail = detail || %s::jsonb where item ="
            " (select min(item) from nabo_migration.outcomes where state = 'migrated' and partition = 'service')",
            detail,
        )

    assert all(result.success for result in place.migrate().values())
    (place.reports / "nabo" / "migration-summary.json").unlink()
    show = showing.show

    def meanwhile(*given: object) -> object:
        change('{"seconds": 0.5}')
        assert place.run("service", "media_validation").success
        return show(*given)

    with monkeypatch.context() as patched:
        patched.setattr(showing, "show", meanwhile)
        answer = told(place.run(None, "migration_report"))
    assert "service: it was migrated and verified anew while the report was being made" in answer
    change('{"bytes": 1}')
    answer = told(place.run(None, "migration_report"))
    assert "service: outcomes have changed since they were validated" in answer
    assert not (place.reports / "nabo" / "migration-summary.json").exists()


def test_a_file_that_came_and_one_that_went_do_not_make_up_for_each_other(place):
    assert all(result.success for result in place.migrate().values())
    (gone,) = (
        item for (item,) in place.query("select item from nabo_migration.outcomes where partition = 'other'")
    )
    place.remove_from_backup(gone)
    place.put("another-stray.txt", b"new since the migration")
    assert place.run("profile", "media_inventory").success
    assert "the backup changed between the inventories" in told(place.run(None, "migration_report"))
    for category in ("profile", "service", "chat", "other"):
        assert place.run(category, "media_inventory", "migration_plan").success
    answer = told(place.run(None, "migration_report"))
    assert "another-stray.txt (not in ledger)" in answer
    assert "(1 in all)" in answer
    # What stood for nothing and has gone is forgotten, and stops nobody.
    assert place.run("other").success
    assert gone not in place.outcomes()


@pytest.mark.parametrize(("code", "status"), [("ExpiredToken", 400), ("InvalidAccessKeyId", 403)])
def test_credentials_that_expire_on_the_way_quarantine_no_file(place, monkeypatch, code, status):
    from botocore.exceptions import ClientError

    from nabo_pipeline.stores.backup import S3Backup

    assert place.run("service", "media_inventory", "migration_plan").success

    def expired(backup: S3Backup, key: str, _: int) -> bytes:
        def ask() -> bytes:
            answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
            raise ClientError(answer, "GetObject")

        return backup._call(key, ask)

    monkeypatch.setattr(S3Backup, "_get", expired)
    assert code in told(place.run("service", "images"))
    assert not any(state == "quarantined" for state, _ in place.outcomes().values())


def test_a_key_for_storage_that_is_refused_on_the_way_quarantines_no_file(place, monkeypatch):
    assert place.run("service", "media_inventory", "migration_plan").success
    monkeypatch.setattr("nabo_pipeline.stores.storage.Storage.rules", _rules_of_before(place))
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", "e30.e30.c2lnbmF0dXJl")
    assert "SUPABASE_SERVICE_ROLE_KEY" in told(place.run("service", "images"))
    assert not any(state == "quarantined" for state, _ in place.outcomes().values())


def _rules_of_before(place):
    from nabo_pipeline.stores.storage import Storage

    rules = Storage(place.environment["SUPABASE_URL"], place.environment["SUPABASE_SERVICE_ROLE_KEY"]).rules(
        "service-media"
    )
    return lambda *_: rules


def test_a_backup_whose_folder_goes_on_the_way_quarantines_no_file(tmp_path):
    (tmp_path / "Profile-Pics").mkdir()
    (tmp_path / "Profile-Pics" / "one").write_bytes(b"1")
    backup = FolderBackup(tmp_path)
    assert backup.read("Profile-Pics/one", at_most=9) == b"1"
    with pytest.raises(UnreadableError):
        backup.read("Profile-Pics/two", at_most=9)
    (tmp_path / "Profile-Pics").rename(tmp_path / "unmounted")
    with pytest.raises(TransientError, match="folder of the backup is gone"):
        backup.read("Profile-Pics/one", at_most=9)


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
    assert "holds no file at all" in told(place.run("other", "media_inventory"))
    monkeypatch.setenv("S3_BACKUP_PATH", place.environment["S3_BACKUP_PATH"] + "/Profile-Pics")
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


def test_a_plan_that_another_run_makes_meanwhile_is_noticed_and_nothing_is_lost(place, monkeypatch):
    assert place.run("profile", "media_inventory", "migration_plan").success
    carry_all = transfer.carry_all

    def meanwhile(*arguments, **options):
        written = carry_all(*arguments, **options)
        place.put("Profile-Pics/buyer/00000000-0000-4000-8000-000000000000", b"new since the plan")
        with ThreadPoolExecutor(1) as another, dg.DagsterInstance.ephemeral() as instance:
            theirs = replace(place, instance=instance)
            planned = another.submit(theirs.run, "profile", "media_inventory", "migration_plan")
            assert planned.result().success
        return written

    with monkeypatch.context() as one_run:
        one_run.setattr(transfer, "carry_all", meanwhile)
        assert "another plan was made" in told(place.run("profile", "images"))
    assert place.run("profile", "images", "media_records").success
    assert place.query("select count(*) from public.media") == [(SMALL.mapped_profiles,)]
