"""A ledger of each kind on a real server, so that one set of tests holds both to the same promises."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from migration_kit.ledger import Ledger


@pytest.fixture(params=["postgres", "mongo"])
def open_ledger(request: pytest.FixtureRequest) -> Iterator[Callable[[], Ledger]]:
    """Opens a ledger on one and the same store at each call, as another process would."""
    with ExitStack() as cleanup:
        if request.param == "postgres":
            from migration_kit.ledger.postgres import PostgresLedger

            url = request.getfixturevalue("postgres_url")

            def open_one() -> Ledger:
                made = PostgresLedger(url, "test migration")
                cleanup.callback(made.close)
                return made
        else:
            from migration_kit.ledger.mongo import MongoLedger
            from migration_kit.mongo import connect

            place = request.getfixturevalue("mongo")

            def open_one() -> Ledger:
                return MongoLedger(cleanup.enter_context(connect(place.uri))[place.development])

        yield open_one


@pytest.fixture
def ledger(open_ledger: Callable[[], Ledger]) -> Ledger:
    """An installed, empty ledger."""
    made = open_ledger()
    made.install()
    return made
