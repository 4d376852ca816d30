"""Dagster as its UI speaks to it: GraphQL over HTTP. Backfills and jobs are launched and followed here.

The command line has no way to launch an asset backfill over differing partitions. What to launch, and what to
tell people about it, belongs to the demo.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from local_stack import dagster_queries as queries

_UNFINISHED_RUNS = ("QUEUED", "NOT_STARTED", "MANAGED", "STARTING", "STARTED", "CANCELING")
_ENDED = {"COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED", "COMPLETED"}


class DagsterError(RuntimeError):
    """Dagster refused a request, in its own first line, or did not answer."""


@dataclass(frozen=True)
class AssetStatus:
    """How far a backfill is with one asset, in partitions (an unpartitioned asset counts as one)."""

    key: tuple[str, ...]
    targeted: int
    materialized: int
    in_progress: int
    failed: int


@dataclass(frozen=True)
class Backfill:
    """A backfill's state; times are seconds since the epoch."""

    id: str
    status: str
    started_at: float
    ended_at: float | None
    assets: tuple[AssetStatus, ...]
    error: str | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.status in _ENDED

    @property
    def succeeded(self) -> bool:
        """Whether every partition was materialised."""
        return self.status == "COMPLETED_SUCCESS"


@dataclass(frozen=True)
class Run:
    """A run of a backfill."""

    id: str
    status: str
    assets: tuple[tuple[str, ...], ...]
    partition: str | None


class Dagster:
    """A client of one webserver; use as a context manager."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, timeout=60.0)

    def __enter__(self) -> "Dagster":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def answers(self) -> bool:
        """Whether the webserver has loaded its workspace, with or without errors."""
        try:
            entries = self._ask(queries.LOCATIONS)["workspaceOrError"].get("locationEntries", [])
        except DagsterError:
            return False
        return bool(entries) and all(entry["loadStatus"] == "LOADED" for entry in entries)

    def load_errors(self) -> dict[str, str]:
        """The code locations that did not load, with the error of each."""
        entries = self._ask(queries.LOCATIONS)["workspaceOrError"]["locationEntries"]
        told = {entry["name"]: _load_error(entry["locationOrLoadError"]) for entry in entries}
        return {name: error for name, error in told.items() if error}

    def assets(self, location: str) -> list[tuple[str, ...]]:
        """The keys of the location's assets, sorted."""
        nodes = self._ask(queries.ASSETS)["assetNodes"]
        return sorted(
            tuple(node["assetKey"]["path"])
            for node in nodes
            if node["repository"]["location"]["name"] == location
        )

    def launch_backfill(self, assets: Sequence[tuple[str, ...]], *, title: str) -> str:
        """Launch a backfill of all partitions of these assets and return its id."""
        params = {
            "assetSelection": [{"path": list(key)} for key in assets],
            "allPartitions": True,
            "title": title,
        }
        return str(
            _granted(self._ask(queries.LAUNCH, params=params)["launchPartitionBackfill"])["backfillId"]
        )

    def retry_from_failure(self, backfill_id: str) -> str:
        """Launch "retry from failure" of a backfill, as its button does, and return the new one's id."""
        params = {"parentRunId": backfill_id, "strategy": "FROM_FAILURE"}
        return str(
            _granted(self._ask(queries.RETRY, params=params)["reexecutePartitionBackfill"])["backfillId"]
        )

    def unfinished_backfills(self) -> dict[str, str]:
        """The backfills that are still to do or to cancel: their titles by id."""
        found = _granted(self._ask(queries.UNFINISHED)["partitionBackfillsOrError"])["results"]
        return {one["id"]: one["title"] or "" for one in found}

    def cancel_backfill(self, backfill_id: str) -> None:
        """Let a backfill start nothing any more, and end its runs at once, those too whose process is gone.

        The backfill itself reads *canceling* until the daemon's next tick.
        """
        _granted(self._ask(queries.CANCEL, id=backfill_id)["cancelPartitionBackfill"])
        if runs := [run.id for run in self.runs(backfill_id, statuses=_UNFINISHED_RUNS)]:
            _granted(self._ask(queries.TERMINATE, ids=runs)["terminateRuns"])

    def backfill(self, backfill_id: str) -> Backfill:
        """How far the backfill is."""
        said = _granted(self._ask(queries.BACKFILL, id=backfill_id)["partitionBackfillOrError"])
        statuses = (said["assetBackfillData"] or {}).get("assetBackfillStatuses", [])
        return Backfill(
            id=backfill_id,
            status=said["status"],
            started_at=said["timestamp"],
            ended_at=said["endTimestamp"],
            assets=tuple(map(_asset_status, statuses)),
            error=(said["error"] or {}).get("message"),
        )

    def runs(self, backfill_id: str, *, statuses: Sequence[str] = ()) -> list[Run]:
        """The backfill's runs, newest first."""
        wanted = {
            "tags": [{"key": "dagster/backfill", "value": backfill_id}],
            "statuses": list(statuses) or None,
        }
        return [
            _run(run) for run in _granted(self._ask(queries.RUNS, filter=wanted)["runsOrError"])["results"]
        ]

    def failures(self, run_id: str) -> Iterator[str]:
        """What the run's failed steps say, in their own words; without one, what the run says (its process died)."""
        cursor, more, of_a_step, of_the_run = None, True, False, ""
        while more:
            page = _granted(self._ask(queries.FAILURES, id=run_id, cursor=cursor)["logsForRun"])
            for event in page["events"]:
                if event["__typename"] == "ExecutionStepFailureEvent":
                    of_a_step = True
                    yield f"{event['stepKey']}: {_reason(event)}"
                elif event["__typename"] == "RunFailureEvent":
                    of_the_run = event["message"].strip()
            cursor, more = page["cursor"], page["hasMore"]
        if of_the_run and not of_a_step:
            yield of_the_run

    def reload(self, location: str) -> str | None:
        """Load the location's code anew; the error if it does not load."""
        return _load_error(
            self._ask(queries.RELOAD, name=location)["reloadRepositoryLocation"].get("locationOrLoadError")
        )

    def start_sensor(self, location: str, name: str) -> None:
        """Turn a sensor on, as its switch does."""
        selector = {
            "repositoryLocationName": location,
            "repositoryName": "__repository__",
            "sensorName": name,
        }
        answer = _granted(self._ask(queries.START_SENSOR, selector=selector)["startSensor"])
        if answer["__typename"] != "Sensor":
            raise DagsterError(f"the sensor {name} cannot be turned on: {answer['__typename']}")

    def launch_job(self, location: str, job: str, config: Mapping[str, Any]) -> str:
        """Launch a job with this configuration of its ops, as its launchpad does, and return the run's id."""
        selector = {
            "repositoryLocationName": location,
            "repositoryName": "__repository__",
            "jobName": job,
        }
        params = {"selector": selector, "runConfigData": {"ops": config}}
        answer = self._ask(queries.LAUNCH_RUN, params=params)["launchRun"]
        if refused := answer.get("errors"):
            raise DagsterError(f"{job}: {refused[0]['message']}")
        return str(_granted(answer)["run"]["runId"])

    def run_status(self, run_id: str) -> str:
        """How far a run is, in Dagster's words: SUCCESS, FAILURE and CANCELED are the ends."""
        return str(_granted(self._ask(queries.RUN, id=run_id)["runOrError"])["status"])

    def limit_pool(self, pool: str, limit: int) -> None:
        """Let at most ``limit`` steps of the pool run at once."""
        self._ask(queries.SET_POOL, pool=pool, limit=limit)

    def _ask(self, query: str, **variables: object) -> dict[str, Any]:
        try:
            answer = self._http.post("/graphql", json={"query": query, "variables": variables}).json()
        except (httpx.HTTPError, ValueError) as problem:
            raise DagsterError(
                f"Dagster at {self.url} does not answer ({type(problem).__name__})"
            ) from problem
        if answer.get("errors"):
            raise DagsterError(str(answer["errors"][0]["message"]).splitlines()[0])
        data: dict[str, Any] = answer["data"]
        return data


def _granted(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    if "message" in answer:
        raise DagsterError(str(answer["message"]).strip().splitlines()[0])
    return answer


def _reason(failure: Mapping[str, Any]) -> str:
    """Why the step failed: as the pipeline told it, else the error below Dagster's own ("Exceeded max_retries")."""
    described = (failure["failureMetadata"] or {}).get("description")
    error = failure["error"]
    return str(described or next(iter(error["causes"]), error)["message"]).strip()


def _load_error(said: Mapping[str, Any] | None) -> str | None:
    """What went wrong in the code itself: the innermost cause, on one line. Dagster's own words come around it."""
    if not said or said["__typename"] != "PythonError":
        return None
    messages = [said["message"], *(cause["message"] for cause in said.get("causes") or ())]
    return " ".join(messages[-1].split())


def _asset_status(said: Mapping[str, Any]) -> AssetStatus:
    key = tuple(said["assetKey"]["path"])
    if said["__typename"] == "UnpartitionedAssetStatus":
        return AssetStatus(key, 1, int(said["materialized"]), int(said["inProgress"]), int(said["failed"]))
    return AssetStatus(
        key,
        said["numPartitionsTargeted"],
        said["numPartitionsMaterialized"],
        said["numPartitionsInProgress"],
        said["numPartitionsFailed"],
    )


def _run(said: Mapping[str, Any]) -> Run:
    tags = {tag["key"]: tag["value"] for tag in said["tags"]}
    return Run(
        id=said["id"],
        status=said["status"],
        assets=tuple(tuple(key["path"]) for key in said["assetSelection"] or ()),
        partition=tags.get("dagster/partition"),
    )
