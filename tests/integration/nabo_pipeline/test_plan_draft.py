"""The plan while it is made, on a real PostgreSQL: rivals, rules, fingerprint, and what is written of it."""

from dataclasses import replace

import psycopg
import pytest

from migration_kit.suites import validate_query
from nabo_pipeline.media.plans import SAME_PATH, PlanItem
from nabo_pipeline.stores.plan_draft import PUBLISHED, candidate_table, drafted_plan, plan_fingerprint
from nabo_pipeline.stores.state import StateStore
from nabo_pipeline.suites.plan import PLAN, rows_query

PERSON, SERVICE = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
AVATAR = PlanItem(
    "b", "migrate", None, 10, "v", "image/png", "avatars", f"{PERSON}/b", "avatar", PERSON,
    treatment="PNG to lossless WebP", estimated_bytes=7, estimated_seconds=0.5,
)  # fmt: skip
PICTURE = replace(
    AVATAR, item="p", bucket="service-media", stem=f"{SERVICE}/x", media_type="service_image", service=SERVICE
)
STAYS = PlanItem("s", "excluded", "a rule says so", 5, "v", "text/plain")


@pytest.fixture
def state(postgres_url):
    state = StateStore(postgres_url)
    state.install()
    yield state
    state.close()


def made(state, *items, category="profile"):
    """The rows, fingerprint and rows written of a plan that was made of these items."""
    with drafted_plan(state.conninfo, category) as draft:
        draft.stage(items)
        draft.settle_rivals()
        fingerprint = draft.fingerprint()
        written = draft.publish()
    return list(state.plan_items(category)), fingerprint, written


def test_the_first_by_path_goes_and_its_rivals_wait_or_are_kept_back(state):
    others = [replace(AVATAR, item=item, stem=f"{PERSON}/{item}") for item in ("B", "Å")]
    twin = replace(PICTURE, item="q")
    everything = [AVATAR, *others, PICTURE, twin]
    for items in (everything, everything[::-1]):
        rows, _, _ = made(state, *items)
        found = {row.item: (row.action, row.reason, row.alternate_of) for row in rows}
        assert found == {
            # By bytes, as in all the pipeline: capital letters first, whatever the database's collation.
            "B": ("migrate", None, None), "b": ("migrate", None, "B"), "Å": ("migrate", None, "B"),
            "p": ("migrate", None, None), "q": ("quarantined", SAME_PATH, None),
        }  # fmt: skip
        waits = next(row for row in rows if row.item == "b")
        assert (waits.estimated_bytes, waits.estimated_seconds) == (0, 0)


def test_a_plan_that_says_the_same_is_not_written_again(state):
    _, first, written = made(state, AVATAR, STAYS)
    assert written == 2
    before = state.connection.execute("select xmin, xmax, * from nabo_migration.plan_items").fetchall()
    _, second, written = made(state, STAYS, AVATAR)
    assert (second, written) == (first, 0)
    assert (
        state.connection.execute("select xmin, xmax, * from nabo_migration.plan_items").fetchall() == before
    )
    # Another category's plan is another matter, and what is gone is taken away.
    assert made(state, replace(STAYS, item="o"), category="other")[2] == 1
    rows, _, written = made(state, replace(AVATAR, size=11))
    assert ([row.size for row in rows], written) == ([11], 2)
    assert len(list(state.plan_items("other"))) == 1


def test_estimates_do_not_make_another_plan_but_everything_else_does(state):
    _, first, _ = made(state, AVATAR, STAYS)
    _, again, written = made(
        state, replace(AVATAR, treatment="kept", estimated_bytes=1, estimated_seconds=9), STAYS
    )
    assert (again, written) == (first, 1)
    assert plan_fingerprint(state.connection, PUBLISHED, "profile") == first
    for changes in (
        {"owner": "x"},
        {"stem": "x"},
        {"size": 11},
        {"version": "w"},
        {"over_limit": True},
        {"mime": "x"},
    ):
        assert made(state, replace(AVATAR, **changes), STAYS)[1] != first
    assert made(state, AVATAR)[1] != first


def broken(state, *items):
    with drafted_plan(state.conninfo, "profile") as draft:
        draft.stage(items)
        report = validate_query(state.conninfo, rows_query(draft.table), PLAN)
    return {result.rule: result.examples for result in report.broken}


def test_a_sound_plan_passes_and_each_rule_fires_and_names_its_file(state):
    waits = replace(AVATAR, item="w", alternate_of="b")
    assert broken(state, AVATAR, waits, PICTURE, STAYS) == {}
    assert set(broken(state)) == {"there are rows to check"}
    found = broken(
        state, AVATAR, STAYS, STAYS,
        replace(AVATAR, item="same claim"),
        replace(STAYS, item="odd action", action="delete"),
        replace(STAYS, item="no reason", reason=None),
        replace(PICTURE, item="bad path", stem="../x"),
        replace(PICTURE, item="odd type", media_type="other"),
        replace(PICTURE, item="no owner", owner=None, stem=f"{SERVICE}/y"),
        replace(STAYS, item="less than nothing", size=-1),
    )  # fmt: skip
    expected = {
        "each file is planned once": "s", "each file has an action": "odd action",
        "what is not migrated has a reason": "no reason", "each target path is claimed once": "same claim",
        "a target path begins with the new id": "bad path", "each picture has a media type": "odd type",
        "each picture has an owner": "no owner", "sizes are not negative": "less than nothing",
    }  # fmt: skip
    assert found.keys() == expected.keys()
    for rule, item in expected.items():
        assert any(f"item={item}" in example for example in found[rule]), rule


def test_what_a_lost_run_left_is_taken_away_and_a_run_that_is_at_it_is_waited_for(state):
    table = candidate_table("profile")
    state.connection.execute(f"create table {table} (left_by_a_lost_run text)")
    with drafted_plan(state.conninfo, "profile") as draft:
        draft.stage([AVATAR])
        with psycopg.connect(state.conninfo) as other, pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute("set lock_timeout = '10ms'")
            other.execute("select pg_advisory_lock(hashtext(%s))", [table])
    assert state.connection.execute("select to_regclass(%s)", [table]).fetchone() == (None,)


def test_no_rows_are_fetched_to_validate_a_plan_however_many_are_wrong(state):
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    fetched = []

    def count(_connection, cursor, *_):
        fetched.append(cursor.rowcount)

    event.listen(Engine, "after_cursor_execute", count)
    try:
        wrong = broken(state, *(replace(STAYS, item=f"{number}", size=-1) for number in range(100)))
    finally:
        event.remove(Engine, "after_cursor_execute", count)
    assert set(wrong) == {"sizes are not negative"}
    assert max(fetched) == len(wrong["sizes are not negative"]) == 10
