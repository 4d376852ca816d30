"""What becomes of an error in Dagster: which are tried again, which fail at once, and what the person reads."""

import dagster as dg
import psycopg
import pytest
from psycopg import errors
from pymongo.errors import AutoReconnect

from migration_kit.failures import PermanentError, TransientError
from migration_kit.orchestration import NETWORK_RETRY, failing
from migration_kit.orchestration import errors as orchestration_errors


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(orchestration_errors, "FIRST_WAIT_SECONDS", 0)


def tries(error: Exception) -> tuple[int, str, str]:
    """How often an asset that raises this is tried, why it failed at last, and all that its event log keeps."""
    tried = []

    @dg.asset(retry_policy=NETWORK_RETRY)
    def troubled(context: dg.AssetExecutionContext) -> None:
        with failing(context):
            tried.append(1)
            raise error

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([troubled], instance=instance, raise_on_error=False)
        log = "\n".join(f"{entry.user_message} {entry}" for entry in instance.all_logs(result.run_id))
    (event,) = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    return len(tried), event.event_specific_data.user_failure_data.description, log


@pytest.mark.parametrize(
    "passing",
    [
        TransientError("busy"),
        psycopg.OperationalError("server closed the connection unexpectedly"),
        errors.DeadlockDetected("deadlock detected"),
        AutoReconnect("connection closed"),
        ConnectionResetError("reset by peer"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_may_pass_is_tried_again(passing):
    tried, told, _ = tries(passing)
    assert tried == orchestration_errors.MOST_RETRIES + 1
    assert "given up after 3 retries" in told


@pytest.mark.parametrize(
    "wrong",
    [PermanentError("wrong"), KeyError("name"), TypeError("no"), errors.UndefinedTable("no such table")],
    ids=lambda error: type(error).__name__,
)
def test_what_cannot_pass_is_tried_once(wrong):
    assert tries(wrong)[0] == 1


def test_a_mistake_in_the_code_is_told_with_its_traceback_in_the_log_and_without_passwords():
    _, told, log = tries(ValueError("cannot use postgresql://app:secret-word@db/app"))
    assert told.startswith("unexpected ValueError: cannot use postgresql://***@db/app")
    assert "Traceback" in log
    assert "raise error" in log
    assert "secret-word" not in told + log


def test_what_is_tried_again_leaves_no_password_in_the_event_log():
    tried, told, log = tries(psycopg.OperationalError("no answer of postgresql://app:secret-word@db/app"))
    assert tried > 1
    assert "postgresql://***@db/app" in told
    assert "secret-word" not in told + log
