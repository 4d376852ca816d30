"""Errors for the person on call, and retries of the transient kind."""

import pickle

import pytest

from migration_kit.failures import LONGEST_RETRY_AFTER, PermanentError, TransientError, retrying


def test_an_error_says_item_reason_and_remedy():
    error = PermanentError("is empty.", item="mapping.json", remedy="Export it again")
    assert str(error) == "mapping.json: is empty. Export it again."


def test_an_error_survives_the_way_between_processes():
    error = pickle.loads(pickle.dumps(TransientError("timed out", item="a.png", remedy="Wait")))
    assert isinstance(error, TransientError)
    assert str(error) == "a.png: timed out. Wait."


def test_a_transient_error_is_tried_again_until_it_passes():
    calls = []

    def flaky():
        calls.append(1)
        if len(calls) < 3:
            raise TransientError("busy")
        return "done"

    assert retrying(first_delay=0.001)(flaky) == "done"
    assert len(calls) == 3


def test_a_permanent_error_is_never_tried_again():
    calls = []

    def broken():
        calls.append(1)
        raise PermanentError("wrong")

    with pytest.raises(PermanentError):
        retrying(first_delay=0.001)(broken)
    assert len(calls) == 1


def test_retries_end_with_the_last_error():
    def busy():
        raise TransientError("busy")

    with pytest.raises(TransientError, match="busy"):
        retrying(attempts=2, first_delay=0.001)(busy)


def test_a_wait_that_the_other_side_asks_for_is_kept_to():
    waits, calls = [], []

    def limited():
        calls.append(1)
        if len(calls) < 3:
            error = TransientError("too many requests")
            error.retry_after = 7.0 if len(calls) == 1 else 9_999.0
            raise error
        return "done"

    patient = retrying(first_delay=0.001)
    patient.sleep = waits.append
    assert patient(limited) == "done"
    assert waits == [7.0, LONGEST_RETRY_AFTER]
