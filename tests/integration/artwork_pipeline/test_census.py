"""What installations think of hanging on a table: every kind is found, carried to the clean table, and back again."""

from pathlib import Path

import psycopg
import pytest

from artwork_pipeline.stores import census, switching
from artwork_pipeline.stores.installation import recognise_source
from artwork_pipeline.stores.sessions import session
from local_stack.sources import artworks
from tests.integration.artwork_pipeline import shop
from tests.integration.artwork_pipeline.shop import hanging

HOSTILE = Path(__file__).with_name("hostile.sql")


@pytest.fixture
def hostile(clones, archives, monkeypatch, steps):
    """A database with everything that people hang on a table, verified and backed up."""
    shop.make_roles(clones.server.url)
    monkeypatch.setenv("REPORTS_PATH", str(archives))

    def make(url):
        owner = shop.owned(url)
        artworks.fill({"ARTWORK_DATABASE_URL": owner}, rows=100)
        with psycopg.connect(owner, autocommit=True) as connection:
            connection.execute(HOSTILE.read_text(encoding="utf-8").encode())
        steps.prepare(owner)
        steps.fill_all(owner)
        shop.pass_verification(owner)
        shop.back_up(owner)

    return shop.owned(clones.of("hostile", make))


EXPECTED = {
    'view "Odd Schema"."My View"',
    "view public.seen",
    "view public.busy",
    "materialised view public.per_customer",
    'bound function "Odd Schema"."Of Many"(VARIADIC many public.artworks[])',
    'bound function "Odd Schema".latest(n integer)',
    "bound function public.bound()",
    "bound function public.may_see(one public.artworks)",
    'function "Odd Schema"."touch All"(INOUT n bigint)',
    'policy "for Several" on public.artworks',
    "policy by_function on public.artworks",
    'trigger "Sleeping"',
    "trigger late",
    'rule "write Down" on public.artworks',
    "rule elsewhere from_ticket on public.support_tickets",
    'pointer "Odd Schema"."Notes"."Its Artwork"',
    'pointer "Odd Schema"."Notes"."Notes_opened_fkey"',
    "pointer public.visits.visits_artwork_id_fkey",
    "index btree (customer_email) WHERE (generation_status = 'failed'::text)",
    "index btree (lower(customer_name))",
    "index unique btree (id, customer_name)",
    "index btree (original_image_url)",
    "grant SELECT(id) to anon",
    "grant UPDATE(pet_name) to authenticated",
    "comment column original_image_url",
    "replica identity table",
}


def test_everything_that_hangs_on_the_table_is_found_by_its_name(hostile):
    assert EXPECTED - set(hanging(hostile)) == set()


def test_everything_is_carried_to_the_clean_table_and_back_as_it_was(hostile, query):
    before = hanging(hostile)
    outcome = shop.switch(hostile)

    # The comment and the index are about a column that the clean table lacks.
    lost = {"comment column original_image_url": "missing", "index btree (original_image_url)": "missing"}
    differing = census.differences(before, hanging(hostile))
    assert {key: how for key, how in differing.items() if how != "new" and not _is_name(key, how)} == lost
    assert set(outcome.changed) >= set(lost)
    assert outcome.told == ()
    with session(hostile) as connection:
        waiting = switching.unvalidated(connection)
        assert switching.validate(connection, log=print) == waiting
    assert query(hostile, "SELECT count(*) > 0 FROM busy") == query(
        hostile, "SELECT count(*) > 0 FROM per_customer WHERE n > 1"
    )
    assert query(hostile, 'SELECT (SELECT count(*) FROM "Odd Schema".latest(2)), bound() > 10, '
                          "(SELECT count(*) FROM seen) > 10") == [(2, True, True)]  # fmt: skip

    shop.roll_back(hostile)
    differing = census.differences(before, hanging(hostile))
    assert {key: how for key, how in differing.items() if not _is_name(key, how)} == {}
    assert query(hostile, "SELECT count(*) FROM pg_constraint WHERE conname = 'to Itself' "
                          "AND conrelid = 'artworks'::regclass AND confrelid = conrelid") == [(1,)]  # fmt: skip


def _is_name(key, how):
    """An index of another name that does the same."""
    return key.startswith("index ") and how == "changed"


def test_what_rests_on_a_view_keeps_its_oid_its_trigger_and_its_grants(hostile, query):
    asked = (
        "SELECT oid, relacl::text, (SELECT array_agg(tgname::text) FROM pg_trigger WHERE tgrelid = c.oid) "
        "FROM pg_class c WHERE relname IN ('My View', 'upon it', 'busy') ORDER BY relname"
    )
    before = query(hostile, asked)
    shop.switch(hostile)
    assert query(hostile, asked) == before


TIES = {
    # a column, a domain and a default of the row type, a table that inherits
    "CREATE TABLE snapshots (id int, was artworks)": "unmovable table public.snapshots",
    "CREATE DOMAIN an_artwork AS artworks": "unmovable type public.an_artwork",
    "CREATE TABLE kept (ok boolean DEFAULT has_picture(NULL))": "unmovable default value for column ok of table",
    "CREATE TABLE more () INHERITS (artworks)": "unmovable public.more, which inherits from it",
    # views: a column that the clean table lacks, the whole row, every column
    "CREATE VIEW originals AS SELECT id, original_image_url FROM artworks": "view public.originals",
    "CREATE VIEW whole AS SELECT a FROM artworks a": "view public.whole",
    "CREATE VIEW every AS SELECT * FROM artworks": "view public.every",
    # functions and triggers that read one
    "CREATE FUNCTION o() RETURNS text LANGUAGE sql AS 'SELECT original_image_url FROM public.artworks LIMIT 1'": (
        "function public.o()"
    ),
    """CREATE FUNCTION p(wanted uuid) RETURNS text LANGUAGE plpgsql STRICT AS
       $$ BEGIN RETURN (SELECT original_image_url FROM artworks WHERE id = wanted); END $$""": (
        "function public.p(wanted uuid)"
    ),
    """CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.upscaled_at := NULL; RETURN NEW; END $$;
       CREATE TRIGGER reads BEFORE UPDATE ON artworks FOR EACH ROW EXECUTE FUNCTION t()""": "trigger reads",
    """CREATE TRIGGER watches AFTER UPDATE OF original_pet_url ON artworks FOR EACH ROW
       EXECUTE FUNCTION announce_artwork()""": "trigger watches",
    # policies, grants, what is published, rules
    "CREATE POLICY sees ON artworks USING (original_pet_url <> '')": "policy sees on public.artworks",
    """CREATE POLICY looks ON support_tickets USING (EXISTS (
       SELECT FROM artworks a WHERE a.id = artwork_id AND a.original_pet_url <> ''))""": (
        "policy elsewhere looks on public.support_tickets"
    ),
    "GRANT SELECT (original_pet_url) ON artworks TO anon": "grant SELECT(original_pet_url) to anon",
    "ALTER PUBLICATION supabase_realtime SET TABLE artworks (id, pet_name)": "publication supabase_realtime",
    """CREATE RULE writes AS ON DELETE TO support_tickets
       DO ALSO UPDATE artworks SET original_pet_url = '' WHERE false""": (
        "rule elsewhere writes on public.support_tickets"
    ),
}


def test_what_does_not_fit_the_clean_table_is_refused_by_name_before_anything_is_locked(ready, query):
    told = []
    for tie, key in TIES.items():
        with psycopg.connect(ready) as connection:
            connection.execute(tie)
            own = census.own_names(connection, recognise_source(connection))
            found = _refused(connection, census.census(connection, "public.artworks", own))
            told.append((tie, key, found))
            connection.rollback()
    assert [(tie, key, found) for tie, key, found in told if key not in " ".join(found)] == []


def _refused(connection, before):
    from artwork_pipeline.stores import dependents, refusals
    from artwork_pipeline.stores.census import columns_of

    taken = dependents.carried(before, {})
    found = [
        *refusals.misfits(connection, before, taken, "public.artworks_v2", ()),
        *refusals.column_grants(before, columns_of(connection, "public.artworks_v2"), {}),
    ]
    return {one.item for one in found}
