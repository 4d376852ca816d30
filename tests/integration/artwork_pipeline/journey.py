"""The steps after the backfill as plain calls of the stores: compared, backed up. The switch-over's stand in `shop`."""

from contextlib import closing

from artwork_pipeline.artworks.months import SLICES
from artwork_pipeline.stores import archive, verification
from artwork_pipeline.stores.sessions import SCHEMA, session
from migration_kit.gates import Verdict, VerdictStatus
from migration_kit.ledger.postgres import PostgresLedger


def verify(url: str) -> None:
    """Compare every slice, and leave the verdicts that the asset leaves where both sides are equal."""
    with session(url) as connection, closing(PostgresLedger(url, SCHEMA)) as ledger:
        for name in SLICES:
            ledger.begin_verdict("verify", name, "compared", "verify")
            assert verification.compare(connection, name).differences == ()
            ledger.publish(Verdict.now("verify", name, "compared", VerdictStatus.PASSED, "verify"))


def back_up(url: str) -> None:
    """A proved archive of everything that is to be kept; its files are below REPORTS_PATH."""
    with session(url) as connection:
        archive.back_up(connection, archive.what_to_keep(connection), by="tests", run_id="backup")
