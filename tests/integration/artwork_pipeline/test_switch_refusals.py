"""Every reason against a switch-over fires, says which rule it is, and changes nothing."""

import psycopg
import pytest

from artwork_pipeline.artworks.phases import Phase
from artwork_pipeline.stores import drift, exchange, phase, switching
from artwork_pipeline.stores.preparation import ROLL_BACK
from artwork_pipeline.stores.sessions import session
from migration_kit.failures import PermanentError
from migration_kit.gates import VerdictStatus
from tests.integration.artwork_pipeline import shop

POINTED_AT = "(SELECT artwork_id FROM orders WHERE artwork_id IS NOT NULL ORDER BY 1 LIMIT 1)"
CASES = {
    "drift": "ALTER TABLE artworks_v2 DISABLE TRIGGER USER; UPDATE artworks_v2 SET pet_name = 'other' "
    "WHERE id = (SELECT min(id::text)::uuid FROM artworks_v2); ALTER TABLE artworks_v2 ENABLE TRIGGER USER",
    "dangling": "ALTER TABLE artworks ALTER customer_email DROP NOT NULL; "
    f"UPDATE artworks SET customer_email = NULL WHERE id = {POINTED_AT}",
    "triggers": "ALTER TABLE artworks DISABLE TRIGGER artwork_migration_forward",
    "row-level security": "ALTER TABLE artworks_v2 DISABLE ROW LEVEL SECURITY",
    "blind role": "ALTER TABLE artworks DISABLE ROW LEVEL SECURITY; GRANT SELECT ON artworks TO anon; "
    "DROP POLICY artworks_of_their_user ON artworks",
    "name": "CREATE TABLE artworks_v1 (id int)",
    "dependent": "CREATE VIEW originals AS SELECT original_image_url FROM artworks",
    "publication": "ALTER PUBLICATION supabase_realtime SET TABLE artworks WHERE (id IS NOT NULL)",
}


def test_every_reason_against_it_is_found_and_all_are_told_at_once(backed_up, query):
    for statements in CASES.values():
        for statement in statements.split("; "):
            query(backed_up, statement)
    shop.pass_verification(backed_up, "2025-03", status=VerdictStatus.FAILED)
    with pytest.raises(PermanentError) as refused:
        shop.switch(backed_up, replacements={"view public.nobody": "SELECT 1"})
    told = str(refused.value)
    for rule in (*CASES, "not verified", "replacement"):
        assert f"\n- {rule}: " in told
    assert "- not verified: 2025-03: its newest checks failed" in told
    assert "- replacement: view public.nobody: nothing of this name hangs on artworks" in told
    with session(backed_up) as connection:
        assert phase.current(connection) is Phase.EXPANDED


@pytest.mark.parametrize("rule", ["drift", "row-level security", "blind role"])
def test_one_reason_is_told_alone(rule, backed_up, query):
    for statement in CASES[rule].split("; "):
        query(backed_up, statement)
    assert rule in shop.rules(backed_up).values()


def test_a_trigger_of_the_other_way_that_is_off_is_a_reason_too(backed_up, query):
    query(backed_up, "ALTER TABLE artworks_v2 DISABLE TRIGGER artwork_migration_reverse")
    assert "triggers" in shop.rules(backed_up).values()


def test_a_slice_that_was_filled_again_after_its_comparison_is_a_reason(backed_up, query):
    query(
        backed_up,
        "UPDATE artwork_migration.publications SET candidate = 'filled again' WHERE partition = '2025-04'",
    )
    assert shop.rules(backed_up) == {"2025-04": "not verified"}


def test_without_a_proved_archive_or_with_an_old_one_it_is_refused(ready, query):
    assert shop.rules(ready) == {"archive": "backup"}
    shop.back_up(ready)
    assert shop.rules(ready) == {}
    query(ready, "UPDATE artwork_migration.archives SET taken_at = taken_at - interval '25 hours', "
                 "proved_at = proved_at - interval '25 hours'")  # fmt: skip
    assert list(shop.rules(ready).values()) == ["backup"]


def test_what_belongs_to_somebody_else_is_a_reason(backed_up, clones):
    superuser = clones.server.url.rsplit("/", 1)[0] + "/" + backed_up.rsplit("/", 1)[1]
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute("ALTER TABLE admin_reviews OWNER TO postgres")
        connection.execute("GRANT ALL ON admin_reviews TO shop_owner")
    found = [one for one in shop.look(backed_up).refusals if one.rule == "owner"]
    assert [one.item for one in found] == ["pointer public.admin_reviews.admin_reviews_artwork_id_fkey"]
    assert "belongs to postgres" in found[0].reason


def test_a_role_that_a_policy_of_the_clean_table_serves_is_not_blind(backed_up, query):
    for statement in CASES["blind role"].split("; "):
        query(backed_up, statement)
    query(backed_up, "CREATE POLICY everybody ON artworks_v2 FOR SELECT USING (false)")
    query(
        backed_up, "CREATE POLICY for_the_service ON artworks_v2 TO service_role, authenticated USING (true)"
    )
    assert shop.rules(backed_up) == {}


@pytest.mark.parametrize(
    ("direction", "told"), [(ROLL_BACK, "the phase is expanded, and this is done in switched only")]
)
def test_in_another_phase_it_is_refused(direction, told, backed_up):
    with pytest.raises(PermanentError, match=told):
        shop.carry_out(backed_up, direction)


def test_before_the_expansion_it_is_refused(source):
    with pytest.raises(PermanentError, match="has never been here"):
        shop.switch(source)


def test_a_rollback_is_refused_while_both_sides_differ(backed_up, query):
    shop.switch(backed_up)
    query(backed_up, "ALTER TABLE artworks DISABLE TRIGGER artwork_migration_reverse")
    query(
        backed_up,
        "UPDATE artworks SET pet_name = 'unseen' WHERE id = (SELECT min(id::text)::uuid FROM artworks)",
    )
    with pytest.raises(PermanentError) as refused:
        shop.roll_back(backed_up)
    assert "- drift: " in str(refused.value)
    assert "- triggers: " in str(refused.value)


def test_a_function_that_breaks_only_under_the_new_names_stops_it_under_the_locks(backed_up, query):
    query(backed_up, """
        CREATE FUNCTION artworks_later() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
            IF to_regclass('public.artworks_v1') IS NOT NULL THEN
                PERFORM original_image_url FROM public.artworks;
            END IF;
        END $$""")  # fmt: skip
    assert shop.rules(backed_up) == {}
    with pytest.raises(
        PermanentError, match=r"function public.artworks_later.*finds a name or a type no more"
    ):
        shop.switch(backed_up)
    with session(backed_up) as connection:
        assert phase.current(connection) is Phase.EXPANDED


def test_a_function_that_misses_a_name_already_is_not_held_against_it(backed_up, query):
    query(backed_up, "CREATE FUNCTION broken() RETURNS void LANGUAGE plpgsql AS "
                     "$$ BEGIN PERFORM nothing_like_it FROM artworks; END $$")  # fmt: skip
    outcome = shop.switch(backed_up)
    assert any("function public.broken()" in told for told in outcome.told)


def test_anything_that_is_otherwise_afterwards_undoes_it(backed_up, monkeypatch):
    monkeypatch.setattr(exchange.dependents, "set_grants", lambda *_: None)
    with pytest.raises(
        PermanentError, match=r"bound function public.find_artwork_by_token.*after the exchange it is changed"
    ):
        shop.switch(backed_up)
    with session(backed_up) as connection:
        assert phase.current(connection) is Phase.EXPANDED


def test_too_many_rows_written_since_the_comparison_are_compared_whole_again(backed_up, query, monkeypatch):
    monkeypatch.setattr(drift, "MOST_TOUCHED", 3)
    inside = switching.exchange

    def written_meanwhile(*arguments):
        query(
            backed_up, "UPDATE artworks SET pet_name = 'late' WHERE id IN (SELECT id FROM artworks LIMIT 5)"
        )
        monkeypatch.setattr(switching, "exchange", inside)
        return inside(*arguments)

    monkeypatch.setattr(switching, "exchange", written_meanwhile)
    assert shop.switch(backed_up).attempts == 2


def test_rows_that_point_at_nothing_are_named_when_keys_are_validated(backed_up, query):
    shop.switch(backed_up)
    query(backed_up, "ALTER TABLE admin_reviews DROP CONSTRAINT admin_reviews_artwork_id_fkey")
    query(backed_up, "INSERT INTO admin_reviews (artwork_id) VALUES (gen_random_uuid())")
    query(
        backed_up,
        "ALTER TABLE admin_reviews ADD CONSTRAINT again FOREIGN KEY (artwork_id) REFERENCES artworks NOT VALID",
    )
    with (
        session(backed_up) as connection,
        pytest.raises(PermanentError, match=r"admin_reviews.again: rows of it point at"),
    ):
        switching.validate(connection, log=print)
