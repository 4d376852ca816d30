"""The two tables as they are called before a switch-over and after it, without all that a switch-over does besides."""

import pytest

from artwork_pipeline.artworks.phases import AFTER, BEFORE, Phase
from artwork_pipeline.stores import installation, phase, rendering
from artwork_pipeline.stores.sessions import session

NEW = (
    "INSERT INTO {} (customer_name, customer_email, pet_mom_image_url, pet_image_url) "
    "VALUES (%s, %s, 'https://img.example.org/m.png', 'https://img.example.org/p.png') RETURNING id"
)
OUTCOME = "SELECT state, reason FROM artwork_migration.outcomes WHERE item = %s"
ORDER = (
    "INSERT INTO orders (artwork_id, stripe_session_id, product_type, price_cents, customer_email, customer_name) "
    "SELECT id, %s, 'digital', 1900, 'a@example.net', 'A' FROM {} WHERE id = %s"
)
NAMES = {"expanded": (BEFORE.old, BEFORE.clean), "switched": (AFTER.old, AFTER.clean)}
either_way = pytest.mark.parametrize("sides", NAMES, indirect=True)


def rename(url, *, switched):
    """The names, the functions and the phase, in one transaction; the installation's triggers go along."""
    with session(url) as connection, connection.transaction():
        source = installation.recognise_source(connection)
        served = connection.execute(
            "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'artworks'::regclass "
            "AND NOT tgisinternal AND tgname NOT ILIKE 'artwork%migration%' AND tgname <> 'artworks_in_form'"
        ).fetchall()
        for name, _ in served:
            connection.execute(f"DROP TRIGGER {name} ON artworks")
        before, after = ("artworks_v2", "artworks_v1") if switched else ("artworks_v1", "artworks_v2")
        connection.execute(f"ALTER TABLE artworks RENAME TO {after}")
        connection.execute(f"ALTER TABLE {before} RENAME TO artworks")
        for _, definition in served:
            connection.execute(definition)
        connection.execute(rendering.functions(source, AFTER if switched else BEFORE))
        phase.advance(connection, Phase.SWITCHED if switched else Phase.ROLLED_BACK, by="test", run_id="run")


def a_row(query, url, clean, where="true"):
    return query(
        url,
        f"SELECT v.id FROM {clean} v JOIN artwork_migration.plan p ON p.artwork_id = v.id WHERE {where} "
        "ORDER BY 1 LIMIT 1",
    )[0][0]
