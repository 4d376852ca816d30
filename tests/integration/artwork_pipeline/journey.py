"""The way of a shop through the migration, as the tests of all of it take it; single stages stand in `shop`."""

from artwork_pipeline.artworks.months import SLICES
from artwork_pipeline.stores import verification
from artwork_pipeline.stores.sessions import session
from tests.integration.artwork_pipeline.shop import back_up, pass_verification, roll_back, switch

__all__ = ["back_up", "roll_back", "switch", "verify"]


def verify(url: str) -> None:
    """Compare every slice, and leave the verdicts that the asset leaves if both sides are equal."""
    with session(url) as connection:
        for name in SLICES:
            assert verification.compare(connection, name).differences == ()
    pass_verification(url)
