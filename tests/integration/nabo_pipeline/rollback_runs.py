"""Rolling back through the jobs, and what stands afterwards: shared by the tests of rollback."""

import hashlib
import json
from typing import Any

import dagster as dg

APPLY = ("images", "media_records")


def migrate(place: Any, category: str) -> None:
    """Up to the rows; what is not looked at here need not be validated."""
    assert place.run(category, "media_inventory", "migration_plan", *APPLY).success


def roll_back(place: Any, what: str, *, dry_run: bool = False) -> dg.ExecuteInProcessResult:
    from nabo_pipeline.definitions import build_defs

    return (
        build_defs()
        .resolve_job_def(f"nabo_rollback_{what}")
        .execute_in_process(
            instance=place.instance,
            run_config={"ops": {f"rollback_{what}": {"config": {"dry_run": dry_run}}}},
            raise_on_error=False,
        )
    )


def told(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """The numbers and texts that a rollback shows of itself."""
    (event,) = [one for one in result.all_events if one.event_type_value == "STEP_OUTPUT"]
    return {name: value.value for name, value in event.event_specific_data.metadata.items()}


def failure(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [one for one in result.all_events if one.event_type_value == "STEP_FAILURE"]
    return str(event.step_failure_data.user_failure_data.description)


def rows(place: Any) -> list[tuple[Any, ...]]:
    return place.query("select * from public.media order by id")


def contents(place: Any) -> dict[str, tuple[str, str]]:
    """Every object: bucket/path -> the hash of its bytes, and its content type."""
    found = {}
    for name, entry in place.objects().items():
        bucket, _, path = name.partition("/")
        data = place.bucket(bucket).download(path)
        found[name] = (hashlib.sha256(data).hexdigest(), entry["metadata"]["mimetype"])
    return found


def lines(place: Any, name: str) -> list[dict[str, Any]]:
    return json.loads((place.reports / "nabo" / name).read_text())


def replace_object(place, one):
    bucket = place.bucket(one["bucket"])
    data = bucket.download(one["path"])
    bucket.update(one["path"], data[:-1] + bytes([data[-1] ^ 1]), {"content-type": one["mime"]})


def show_object(place, one):
    place.query(
        "insert into public.media (file_path, media_type, owner_id) values (%s, 'other', %s)",
        one["path"], one["owner"],
    )  # fmt: skip
