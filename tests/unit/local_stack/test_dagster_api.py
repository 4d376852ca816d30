"""What is understood of Dagster's answers, and what is said when it gives none. A small server speaks for it."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from local_stack.dagster_api import AssetStatus, Backfill, Dagster, DagsterError
from local_stack.demo import migrations
from local_stack.servers.ports import free_ports

Say = Callable[..., Dagster]


@pytest.fixture
def asked() -> list[dict]:
    """What the server was asked, in order."""
    return []


@pytest.fixture
def say(asked: list[dict]) -> Iterator[Say]:
    """A client of a server that gives these answers, one after the other, the last one ever after."""
    answers: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    clients = []

    def say(*texts: object) -> Dagster:
        answers[:] = [
            one.encode() if isinstance(one, str) else json.dumps({"data": one}).encode() for one in texts
        ]
        clients.append(Dagster(f"http://127.0.0.1:{server.server_port}"))
        return clients[-1]

    yield say
    for client in clients:
        client.__exit__()
    server.shutdown()
    server.server_close()
    thread.join()


def locations(*statuses: str, error: str | None = None) -> dict:
    kind = {"__typename": "PythonError", "message": error} if error else {"__typename": "RepositoryLocation"}
    entries = [
        {"name": f"location{number}", "loadStatus": status, "locationOrLoadError": kind}
        for number, status in enumerate(statuses)
    ]
    return {"workspaceOrError": {"__typename": "Workspace", "locationEntries": entries}}


def backfill(status: str, *assets: dict, error: str | None = None) -> dict:
    return {
        "partitionBackfillOrError": {
            "__typename": "PartitionBackfill",
            "id": "b1",
            "status": status,
            "timestamp": 100.0,
            "endTimestamp": None,
            "error": {"message": error} if error else None,
            "assetBackfillData": {"assetBackfillStatuses": list(assets)},
        }
    }


def events(*found: dict, cursor: str = "", more: bool = False) -> dict:
    return {"logsForRun": {"cursor": cursor, "hasMore": more, "events": list(found)}}


def step_failure(step: str, *, error: str, description: str | None = None, cause: str | None = None) -> dict:
    return {
        "__typename": "ExecutionStepFailureEvent",
        "stepKey": step,
        "error": {"message": error, "causes": [{"message": cause}] if cause else []},
        "failureMetadata": {"description": description},
    }


RUN_FAILURE = {"__typename": "RunFailureEvent", "message": "The run's process has exited unexpectedly"}
PARTITIONED = {
    "__typename": "AssetPartitionsStatusCounts",
    "assetKey": {"path": ["nabo", "images"]},
    "numPartitionsTargeted": 4,
    "numPartitionsInProgress": 1,
    "numPartitionsMaterialized": 2,
    "numPartitionsFailed": 1,
}
WHOLE = {
    "__typename": "UnpartitionedAssetStatus",
    "assetKey": {"path": ["nabo", "migration_report"]},
    "inProgress": False,
    "materialized": True,
    "failed": False,
}


def test_it_answers_once_every_location_is_loaded(say):
    assert say(locations("LOADED", "LOADED")).answers()
    assert not say(locations("LOADED", "LOADING")).answers()
    assert not say(locations()).answers()


def test_what_is_not_dagster_does_not_answer(say):
    assert not say("<html>another program</html>").answers()
    assert not Dagster(f"http://127.0.0.1:{free_ports(1)[0]}").answers()


def test_a_dagster_that_is_gone_is_said_in_one_line():
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    with Dagster(url) as api, pytest.raises(DagsterError) as gone:
        api.backfill("b1")
    assert str(gone.value) == f"Dagster at {url} does not answer (ConnectError)"


def test_a_location_that_does_not_load_is_named_with_its_error(say):
    assert say(locations("LOADED", error="SyntaxError: line 3")).load_errors() == {
        "location0": "SyntaxError: line 3"
    }
    assert say(locations("LOADED")).load_errors() == {}


def test_a_refusal_is_its_first_line(say):
    refused = {
        "launchPartitionBackfill": {"__typename": "PythonError", "message": "no such asset\n  trace\n"}
    }
    with pytest.raises(DagsterError, match=r"^no such asset$"):
        say(refused).launch_backfill([("nabo", "images")], title="t")
    with pytest.raises(DagsterError, match=r"^bad query$"):
        say(json.dumps({"errors": [{"message": "bad query\nat 1:1"}]})).backfill("b1")


def test_a_backfills_state_counts_partitions_and_an_unpartitioned_asset_as_one(say):
    found = say(backfill("REQUESTED", PARTITIONED, WHOLE)).backfill("b1")
    assert found.assets == (
        AssetStatus(("nabo", "images"), targeted=4, materialized=2, in_progress=1, failed=1),
        AssetStatus(("nabo", "migration_report"), targeted=1, materialized=1, in_progress=0, failed=0),
    )
    assert not found.ended


@pytest.mark.parametrize(
    ("status", "ended", "succeeded"),
    [
        ("REQUESTED", False, False),
        ("CANCELING", False, False),
        ("FAILING", False, False),
        ("COMPLETED_SUCCESS", True, True),
        ("COMPLETED_FAILED", True, False),
        ("FAILED", True, False),
        ("CANCELED", True, False),
    ],
)
def test_a_backfill_has_succeeded_only_if_it_says_so(say, status, ended, succeeded):
    found = say(backfill(status)).backfill("b1")
    assert (found.ended, found.succeeded) == (ended, succeeded)


def test_a_failed_step_is_told_by_its_own_reason_from_every_page_of_the_log(say):
    pages = [
        events(step_failure("images", error="Failure", description="disk full\n"), cursor="c", more=True),
        events(step_failure("records", error="KeyError: 'id'"), RUN_FAILURE),
    ]
    assert list(say(*pages).failures("r1")) == ["images: disk full", "records: KeyError: 'id'"]


def test_a_step_that_gave_up_is_told_by_the_error_that_it_gave_up_on(say):
    gave_up = step_failure("images", error="Exceeded max_retries of 3\n", cause="OSError: no space left\n")
    assert list(say(events(gave_up)).failures("r1")) == ["images: OSError: no space left"]


def test_a_run_whose_process_died_is_told_by_the_runs_own_words(say):
    assert list(say(events(RUN_FAILURE)).failures("r1")) == [RUN_FAILURE["message"]]


def test_what_an_interrupted_demo_left_is_cancelled_with_its_runs_and_nothing_else(say, asked):
    found = [
        {"id": "b1", "title": "nabo: the whole migration"},
        {"id": "b2", "title": "by hand"},
        {"id": "b3", "title": None},
    ]
    run = {"id": "r1", "status": "QUEUED", "tags": [], "assetSelection": None}
    api = say(
        {"partitionBackfillsOrError": {"__typename": "PartitionBackfills", "results": found}},
        {"cancelPartitionBackfill": {"__typename": "CancelBackfillSuccess", "backfillId": "b1"}},
        {"runsOrError": {"__typename": "Runs", "results": [run]}},
        {"terminateRuns": {"__typename": "TerminateRunsResult"}},
    )
    assert migrations.cancel_leftovers(api) == ["b1"]
    assert [one["variables"].get("id") or one["variables"].get("ids") for one in asked] == [
        *(None, "b1", None, ["r1"]),
    ]


def test_the_progress_counts_failed_partitions_as_done_and_says_that_they_failed():
    state = Backfill(
        "b1",
        "REQUESTED",
        100.0,
        None,
        (AssetStatus(("nabo", "images"), 4, 2, 1, 1), AssetStatus(("nabo", "migration_report"), 1, 0, 0, 0)),
    )
    assert migrations._line("nabo", state) == "nabo 3/5 1 failed; images"
    assert migrations._line("nabo", Backfill("b1", "REQUESTED", 100.0, None, ())) == "nabo 0/?"


@pytest.mark.parametrize(
    ("error", "told"), [("no daemon", "no daemon"), (None, "the backfill ended as CANCELED")]
)
def test_a_backfill_that_ends_without_a_failed_run_still_has_a_reason(say, error, told):
    api = say({"runsOrError": {"__typename": "Runs", "results": []}})
    outcome = migrations._outcome(api, "nabo", Backfill("b1", "CANCELED", 100.0, 104.0, (), error))
    assert outcome.failures == (told,)
    assert outcome.seconds == 4.0


def test_a_failed_run_is_told_with_its_partition(say):
    run = {
        "id": "r1",
        "status": "FAILURE",
        "tags": [{"key": "dagster/partition", "value": "chat"}],
        "assetSelection": [{"path": ["nabo", "images"]}],
    }
    api = say(
        {"runsOrError": {"__typename": "Runs", "results": [run]}},
        events(step_failure("images", error="Failure", description="disk full")),
    )
    outcome = migrations._outcome(api, "nabo", Backfill("b1", "COMPLETED_FAILED", 100.0, 104.0, ()))
    assert outcome.failures == ("partition chat: images: disk full",)


def test_decisions_are_taken_up_by_turning_their_sensor_on(say, asked):
    migrations.take_up_decisions(say({"startSensor": {"__typename": "Sensor"}}))
    assert asked[0]["variables"]["selector"]["sensorName"] == "registry_decisions"
    with pytest.raises(DagsterError, match="cannot be turned on: SensorNotFoundError"):
        migrations.take_up_decisions(say({"startSensor": {"__typename": "SensorNotFoundError"}}))
