"""What a plan still has to have carried over, settled in the database: only what is proved done is left out."""

from dataclasses import replace

import psycopg
import pytest

from migration_kit.accounting import State
from migration_kit.failures import PermanentError
from migration_kit.ledger import Entry
from migration_kit.ledger.postgres import PostgresLedger
from migration_kit.postgres import connect
from nabo_pipeline.media.plans import PlanItem
from nabo_pipeline.stores import pending
from nabo_pipeline.stores.state import SCHEMA, StateStore

GOES = PlanItem(
    "a", "migrate", None, 9, "v1", "image/png", "avatars", "p/a", "avatar", owner="p", service=None
)  # fmt: skip
DONE = Entry(
    "a", "profile", State.MIGRATED, None, "1" * 64, "2" * 64,
    {"bucket": "avatars", "path": "p/a.webp", "bytes": 5, "version": "v1", "media_type": "avatar", "owner": "p"},
    "run", "batch",
)  # fmt: skip


class Here:
    """A ledger and a plan in an empty database, and one connection to both."""

    def __init__(self, url: str, connection) -> None:
        self.ledger, self.state, self.connection = PostgresLedger(url, SCHEMA), StateStore(url), connection
        self.ledger.install()
        self.state.install()
        pending.prepare(connection)
        connection.execute(
            'create temp table bucket_listing (path text collate "C" primary key, size bigint, mime text not null)'
        )

    def plan(self, *items: PlanItem) -> None:
        columns = list(items[0].__dataclass_fields__)
        for item in items:
            values = [getattr(item, name) for name in columns]
            marks = ", ".join(["%s"] * (len(columns) + 1))
            self.connection.execute(
                f"insert into {SCHEMA}.plan_items ({', '.join(columns)}, category) values ({marks})",
                [*values, "profile"],
            )

    def listed(self, **objects: int) -> None:
        for path, size in objects.items():
            self.connection.execute("insert into bucket_listing values (%s, %s, 'image/webp')", [path, size])

    def waiting(self, *, alternates: bool = False) -> list[tuple[str, bool, bool]]:
        pending.queue(self.connection, "profile")
        chunks = pending.pending_chunks(self.connection, alternates=alternates)
        return [(one.item.item, one.known is not None, one.taken) for chunk in chunks for one in chunk]


@pytest.fixture
def here(postgres_url):
    with connect(postgres_url, autocommit=True) as connection:
        made = Here(postgres_url, connection)
        yield made
        made.ledger.close()
        made.state.close()


def test_what_the_ledger_calls_done_and_what_stands_with_its_size_is_not_asked_for_again(here):
    here.plan(GOES)
    here.ledger.record([DONE])
    here.listed(**{"p/a.webp": 5})
    assert here.waiting() == []


@pytest.mark.parametrize(
    ("change", "listed"),
    [
        ({}, {}),
        ({}, {"p/a.webp": 6}),
        ({"detail": {**DONE.detail, "version": "v0"}}, {"p/a.webp": 5}),
        ({"detail": {**DONE.detail, "bucket": "service-media"}}, {"p/a.webp": 5}),
        ({"detail": {**DONE.detail, "path": "q/a.webp"}}, {"p/a.webp": 5, "q/a.webp": 5}),
        ({"state": State.QUARANTINED, "reason": "broken", "detail": {}}, {"p/a.webp": 5}),
        (
            {"state": State.QUARANTINED, "reason": "changed", "detail": {**DONE.detail, "was": "migrated"}},
            {"p/a.webp": 5},
        ),
    ],
    ids=[
        "object gone",
        "other size",
        "other version",
        "other bucket",
        "other path",
        "quarantined",
        "changed",
    ],
)
def test_whatever_is_not_proved_done_is_looked_at_again(here, change, listed):
    here.plan(GOES)
    here.ledger.record([replace(DONE, **change)])
    here.listed(**listed)
    assert here.waiting() == [("a", True, False)]


def test_files_come_chunk_by_chunk_in_the_order_of_their_paths_and_alternates_by_themselves(
    here, monkeypatch
):
    monkeypatch.setattr(pending, "CHUNK", 2)
    firsts = [replace(GOES, item=name, stem=f"p/{name}", owner=name) for name in ("b", "É", "a", "C", "d")]
    second = replace(GOES, item="A2", stem="p/A2", owner="a", alternate_of="a")
    here.plan(*firsts, second)
    assert [item for item, *_ in here.waiting()] == ["C", "a", "b", "d", "É"]
    assert here.waiting(alternates=True) == [("A2", False, False)]
    # What was recorded since the queue was made counts: the first of the two is the avatar now.
    here.ledger.record([replace(DONE, detail={**DONE.detail, "owner": "a"})])
    (chunk,) = pending.pending_chunks(here.connection, alternates=True)
    assert [one.taken for one in chunk] == [True]


def test_a_connection_that_keeps_no_session_is_named_with_its_remedy(here):
    here.plan(GOES)
    pending.queue(here.connection, "profile")
    here.connection.execute("discard temp")  # as another server behind a transaction pooler
    with pytest.raises(PermanentError, match=r'"pending" does not exist.*6543'):
        next(pending.pending_chunks(here.connection, alternates=False))
    here.connection.execute(f"drop table {SCHEMA}.plan_items")
    with pytest.raises(psycopg.errors.UndefinedTable):
        pending.anything_to_carry(here.connection, "profile")


def test_a_plan_s_own_decisions_are_recorded_once_and_never_over_what_was_migrated(here):
    excluded = replace(
        GOES, action="excluded", reason="no mapping", bucket="", stem="", media_type="", owner=None
    )
    broken = Entry(
        "c", "profile", State.QUARANTINED, "broken", "1" * 64, run_id="earlier", batch_id="earlier"
    )
    here.plan(excluded, replace(excluded, item="b"), replace(excluded, item="c"), replace(GOES, item="d"))
    here.ledger.record([DONE, broken])
    assert pending.anything_to_carry(here.connection, "profile")
    assert not pending.anything_to_carry(here.connection, "chat")
    assert pending.settle_decided(here.connection, "profile", "run 2", "batch 2") == 2
    assert pending.settle_decided(here.connection, "profile", "run 3", "batch 3") == 0
    assert here.ledger.entry("a") == DONE
    recorded = Entry("b", "profile", State.EXCLUDED, "no mapping", run_id="run 2", batch_id="batch 2")
    assert here.ledger.entry("b") == recorded
    assert here.ledger.entry("c") == replace(recorded, item="c")


def test_galleries_come_whole_and_only_those_in_which_a_row_is_missing(here):
    def picture(item: str, service: str | None, **more: object) -> Entry:
        return replace(DONE, item=item, detail={**DONE.detail, "service": service, **more})

    here.ledger.record(
        [
            picture("1", "s1", row={"id": "x"}), picture("2", "s1"), picture("3", "s2", row={"id": "y"}),
            picture("4", None), picture("5", "s3"),
            Entry("6", "profile", State.EXCLUDED, "no mapping", detail={"service": "s3"}),
        ]
    )  # fmt: skip
    batches = pending.galleries_without_rows(here.connection, "profile", pictures=2)
    found = [[[entry.item for entry in gallery] for gallery in batch] for batch in batches]
    assert sorted(gallery for batch in found for gallery in batch) == [["1", "2"], ["4"], ["5"]]
    assert len(found) == 2
    assert pending.rows_known(here.connection, "profile") == 2
