"""The table of prices and rates: the one of NABO_PRICES, or the packaged one. What it says is `media.estimates`'s."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from migration_kit.failures import PermanentError
from nabo_pipeline.media.estimates import Estimates, parse_estimates

PACKAGED = "estimates.yaml"


def read_estimates(path: str) -> Estimates:
    """The table at `path`, or the packaged one if it is empty. Raises PermanentError naming the file."""
    if not path:
        text = files("nabo_pipeline.media").joinpath(PACKAGED).read_text(encoding="utf-8")
        return parse_estimates(text, PACKAGED)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PermanentError(
            f"the table of prices cannot be read: {error}",
            item=f"NABO_PRICES={path}",
            remedy="Correct NABO_PRICES, or unset it for the packaged table.",
        ) from error
    return parse_estimates(text, path)
