"""The expansion taken back: the database is as it was before it, but for what people wrote since."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from artwork_pipeline.artworks.phases import Phase
from artwork_pipeline.stores import phase, switching, taking_back
from artwork_pipeline.stores.sessions import session
from local_stack.sources import artworks
from migration_kit.failures import PermanentError, TransientError
from tests.integration.artwork_pipeline import shop

Query = Callable[..., list[Any]]
pytestmark = pytest.mark.usefixtures("reports_path")

_TABLES = ("artworks", "users", "orders", "order_status_history", "admin_reviews", "wishes", "notes")
_SHAPE = """
    SELECT 'column', c.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL SELECT 'index', c.relname, pg_get_indexdef(c.oid) FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'i'
    UNION ALL SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'trigger', tgrelid::regclass || '.' || tgname, pg_get_triggerdef(oid) FROM pg_trigger
    WHERE NOT tgisinternal
    UNION ALL SELECT 'function', oid::regprocedure::text, md5(prosrc) FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND proname <> 'normalised_email'
    UNION ALL SELECT 'policy', polrelid::regclass || '.' || polname, polcmd::text FROM pg_policy
"""


def shape(url: str) -> set[tuple[str, ...]]:
    """What there is in the schema public, but for what planning needs."""
    with psycopg.connect(url) as connection:
        return {tuple(row) for row in connection.execute(_SHAPE)}


def content(url: str) -> dict[str, list[Any]]:
    """Every row, but for the time of its last change: that of a row whose user was merged moves with that."""
    with psycopg.connect(url) as connection:
        return {
            table: connection.execute(
                f"SELECT to_jsonb(t) - 'updated_at' FROM {table} t ORDER BY 1"
            ).fetchall()
            for table in _TABLES
        }


def _fill(url: str) -> None:
    owner = shop.owned(url)
    artworks.fill({"ARTWORK_DATABASE_URL": owner}, rows=120)
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(_TWO_SPELLINGS)


@pytest.fixture
def filled(clones: Any) -> str:
    """A source in the hands of a plain owner, with two users who are one person and what points at them."""
    shop.make_roles(clones.server.url)
    return shop.owned(clones.of("to be taken back", _fill))


def _full(clones: Any, steps: Any) -> str:
    def make(url: str) -> None:
        _fill(url)
        expand(shop.owned(url), steps)

    shop.make_roles(clones.server.url)
    return shop.owned(clones.of("full, to be taken back", make))


@pytest.fixture
def full(clones: Any, steps: Any) -> str:
    """The same, expanded and filled."""
    return _full(clones, steps)


@pytest.fixture(scope="module")
def still_full(templates: Any, steps: Any) -> Iterator[str]:
    """The same, one for all tests of this module that leave it as it was."""
    own = type(templates)(templates.server, templates.made)
    yield _full(own, steps)
    own.drop()


_TWO_SPELLINGS = """
    INSERT INTO users (id, email) VALUES ('00000000-0000-0000-0000-00000000000a', 'Zoe@Example.org'),
                                         ('00000000-0000-0000-0000-00000000000b', 'zoe@example.org ');
    CREATE TABLE wishes (id integer PRIMARY KEY, user_id uuid REFERENCES users (id), wish text);
    INSERT INTO wishes VALUES (1, '00000000-0000-0000-0000-00000000000a', 'one'),
                              (2, '00000000-0000-0000-0000-00000000000b', 'two'),
                              (3, '00000000-0000-0000-0000-00000000000b', 'three');
    CREATE TABLE notes (user_id uuid REFERENCES users (id), note text);
    INSERT INTO notes VALUES ('00000000-0000-0000-0000-00000000000b', 'no primary key');
    UPDATE artworks SET user_id = '00000000-0000-0000-0000-00000000000b'
    WHERE id = (SELECT id FROM artworks WHERE customer_email <> 'x' ORDER BY id LIMIT 1)
"""


def expand(url: str, steps: Any) -> None:
    steps.prepare(url)
    steps.fill_all(url)


def take_back(url: str) -> taking_back.Outcome | None:
    with session(url) as connection:
        return taking_back.carry_out(connection, taking_back.Order("tester", "run"), log=print)


def rules(url: str) -> dict[str, str]:
    with session(url) as connection:
        return {one.item: one.rule for one in taking_back.prepare(connection).refusals}


def test_the_database_is_to_the_last_row_as_it_was_and_the_next_expansion_gives_the_same_tokens(
    filled: str, steps: Any, query: Query
) -> None:
    rows, before = content(filled), shape(filled)
    tokens = []
    for _ in range(2):
        expand(filled, steps)
        assert shape(filled) != before
        assert steps.differences(filled) == []
        tokens.append(query(filled, "SELECT id, access_token FROM artworks_v2 ORDER BY id"))
        done = take_back(filled)
        assert done is not None
        assert done.users_restored > 0
        assert done.users_removed > 0
        assert shape(filled) == before
        assert content(filled) == rows
        with session(filled) as connection:
            assert phase.current(connection) is Phase.PLANNED
            assert phase.history(connection)[-1].details["archive"] == done.archive
        assert take_back(filled) is None
    assert tokens[0] == tokens[1]


def test_what_people_wrote_to_either_side_meanwhile_is_in_the_old_table(full: str, query: Query) -> None:
    (id_,) = query(full, "SELECT min(id::text) FROM artworks_v2")[0]
    (made,) = query(
        full, "SELECT id FROM create_artwork('Ann', 'Ann@Example.org', 'Rex', 'https://a/m', 'https://a/p')"
    )
    query(
        full,
        "UPDATE artworks_v2 SET pet_name = 'Bello' WHERE id = %s",
        id_,
    )
    query(
        full,
        "INSERT INTO artworks (id, original_image_url, customer_name, customer_email)"
        " VALUES ('00000000-0000-0000-0000-0000000000ff', 'pending', 'Bob', 'bob@shop.org')",
    )
    take_back(full)
    assert query(full, "SELECT customer_email FROM artworks WHERE id = %s", made[0]) == [("ann@example.org",)]
    assert query(full, "SELECT pet_name FROM artworks WHERE id = %s", id_) == [("Bello",)]
    assert query(full, "SELECT count(*) FROM artworks WHERE customer_name = 'Bob'") == [(1,)]
    # Ann's artwork points at the user who was made for her.
    assert query(full, "SELECT count(*) FROM users WHERE email = 'ann@example.org'") == [(1,)]
    query(full, "DELETE FROM artworks WHERE customer_name = 'Bob'")


def test_users_stay_as_people_changed_them_since(full: str, query: Query) -> None:
    """Who registered stays; what was given to another user since the merging stays there."""
    (registered,) = query(full, "UPDATE users SET is_anonymous = false WHERE id = (SELECT min(id::text)::uuid FROM"
                                " artwork_migration.made_users) RETURNING id")  # fmt: skip
    (other,) = query(full, "INSERT INTO users (email) VALUES ('other@shop.org') RETURNING id")
    query(full, "UPDATE wishes SET user_id = %s WHERE id = 2", other[0])
    take_back(full)
    assert query(full, "SELECT count(*) FROM users WHERE id = %s", registered[0]) == [(1,)]
    assert query(full, "SELECT user_id FROM wishes WHERE id = 2") == [(other[0],)]
    assert query(full, "SELECT user_id::text FROM wishes WHERE id = 3")[0][0].endswith("b")


def test_whoever_was_deleted_since_the_merging_is_restored_under_no_spelling(full: str, query: Query) -> None:
    query(full, "DELETE FROM wishes; DELETE FROM notes")
    query(full, "DELETE FROM users WHERE id = (SELECT merged_into FROM artwork_migration.merged_users"
                " WHERE id::text ~ '[ab]$' AND merged_into::text ~ '[ab]$')")  # fmt: skip
    others = query(full, "SELECT count(*) - 1 FROM artwork_migration.merged_users")[0][0]
    done = take_back(full)
    assert done is not None
    assert done.users_restored == others
    zoes = "SELECT count(*) FROM users WHERE id::text LIKE '00000000-%%' AND email ILIKE 'zoe%%'"
    assert query(full, zoes.replace("%%", "%")) == [(0,)]


def test_it_is_taken_back_after_a_switch_that_was_rolled_back(filled: str, steps: Any) -> None:
    rows, before = content(filled), shape(filled)
    expand(filled, steps)
    shop.pass_verification(filled)
    shop.back_up(filled)
    shop.switch(filled)
    with session(filled) as connection, pytest.raises(PermanentError, match="the phase is switched"):
        taking_back.prepare(connection)
    shop.roll_back(filled)
    with session(filled) as connection:
        switching.validate(connection, log=print)
    take_back(filled)
    assert content(filled) == rows
    assert shape(filled) == before


def _past_the_triggers(pet_name: str) -> str:
    return (
        "ALTER TABLE artworks_v2 DISABLE TRIGGER USER;"
        f"UPDATE artworks_v2 SET pet_name = {pet_name};"
        "ALTER TABLE artworks_v2 ENABLE TRIGGER USER"
    )


_ZOE = "UPDATE users SET email = '{}' WHERE id = '00000000-0000-0000-0000-00000000000a'"
_NAMES_IT = "CREATE FUNCTION hanging() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM artworks_v2'"
_ROUTED = "INSERT INTO artwork_migration.routing (email, version, by_person) VALUES ('a@example.org', 'v2', 'tester')"
# What happens, the rule, and what is to be done about it.
REFUSALS = {
    "drift": (_past_the_triggers("pet_name || '!'"), "drift", _past_the_triggers("left(pet_name, -1)")),
    "a trigger that is off": ("ALTER TABLE artworks DISABLE TRIGGER artwork_migration_forward", "triggers",
                              "ALTER TABLE artworks ENABLE TRIGGER artwork_migration_forward"),
    "a view on the clean table": ("CREATE VIEW hanging AS SELECT id FROM artworks_v2", "dependent",
                                  "DROP VIEW hanging"),
    "a key to the clean table": ("CREATE TABLE hanging (id uuid REFERENCES artworks_v2 (id))", "dependent",
                                 "DROP TABLE hanging"),
    "a view on the published view": ("CREATE VIEW hanging AS SELECT id FROM routed_artworks", "dependent",
                                     "DROP VIEW hanging"),
    "a function that names it": (_NAMES_IT, "dependent", "DROP FUNCTION hanging()"),
    "a customer who is served by it": (_ROUTED, "routed", "DELETE FROM artwork_migration.routing"),
    "an address that is somebody else's now": (_ZOE.format("zoe@example.org "), "address",
                                               _ZOE.format("Zoe@Example.org")),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_it_is_refused_and_nothing_changes_and_with_the_reason_gone_it_is_not(
    still_full: str, query: Query, case: str
) -> None:
    statement, rule, remedy = REFUSALS[case]
    query(still_full, statement)
    before = shape(still_full)
    assert rule in rules(still_full).values()
    with pytest.raises(PermanentError, match=rule):
        take_back(still_full)
    assert shape(still_full) == before
    with session(still_full) as connection:
        assert phase.current(connection) is Phase.EXPANDED
    query(still_full, remedy)
    assert rules(still_full) == {}


# The archive, the first thing that is dropped, users half restored, and the last statement before the commit.
BOUNDARIES = ("COPY (", "DROP TRIGGER", "INSERT INTO public.users", "NOTIFY")


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_connection_that_is_lost_anywhere_leaves_everything_and_the_next_run_does_it(
    full: str, monkeypatch: pytest.MonkeyPatch, boundary: str
) -> None:
    before, rows = shape(full), content(full)
    execute = psycopg.Cursor.execute
    lost = []

    def and_is_lost(cursor: Any, query: Any, *arguments: Any, **named: Any) -> Any:
        text = query.decode() if isinstance(query, bytes) else query
        text = text if isinstance(text, str) else text.as_string(None)
        if boundary in text and not lost:
            lost.append(boundary)
            with psycopg.connect(full, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s)", [cursor.connection.info.backend_pid])
        return execute(cursor, query, *arguments, **named)

    monkeypatch.setattr(psycopg.Cursor, "execute", and_is_lost)
    if boundary == "COPY (":
        monkeypatch.setattr(psycopg.Cursor, "copy", _copy_that_is_lost(full, lost))
    with pytest.raises(TransientError):
        take_back(full)
    assert lost == [boundary]
    assert (shape(full), content(full)) == (before, rows)
    assert take_back(full) is not None
    with session(full) as connection:
        assert phase.current(connection) is Phase.PLANNED


def _copy_that_is_lost(url: str, lost: list[str]) -> Callable[..., Any]:
    copy = psycopg.Cursor.copy

    def and_is_lost(cursor: Any, *arguments: Any, **named: Any) -> Any:
        if not lost:
            lost.append("COPY (")
            with psycopg.connect(url, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s)", [cursor.connection.info.backend_pid])
        return copy(cursor, *arguments, **named)

    return and_is_lost
