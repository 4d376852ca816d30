"""The page that lays the plans side by side says what the profiles do, choice by choice."""

from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[3]
PAGE = PROJECT / "docs" / "registry_profiles.md"
PROFILES = PROJECT / "asset_registry_pipeline" / "profiles"
NAMES = ("plan_000", "plan_001", "plan_002", "default")


def told() -> dict[str, dict[str, str]]:
    """The cells of the page's table of choices, by profile and choice."""
    section = PAGE.read_text().partition("## Choice by choice")[2].partition("\n## ")[0]
    rows = [
        [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("|")
    ]
    head, _, *body = rows
    assert tuple(head[1:]) == NAMES
    return {name: {row[0]: row[at] for row in body} for at, name in enumerate(head) if at}


def chosen(name: str) -> dict[str, str]:
    values: dict[str, Any] = yaml.safe_load((PROFILES / f"{name}.yaml").read_text())
    found = {}
    for choice, value in values.items():
        if choice in ("name", "description"):
            continue
        parts = value if isinstance(value, dict) else {"": value}
        for part, strategy in parts.items() if choice != "expected" else [("", value)]:
            shown = (
                ", ".join(f"{layer} {n}" for layer, n in strategy.items())
                if isinstance(strategy, dict)
                else strategy
            )
            found[f"{choice} {part}".strip()] = str(shown)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_page_names_exactly_the_strategies_of_a_profile(name):
    assert told()[name] == chosen(name)


def test_the_page_knows_every_packaged_profile():
    assert {path.stem for path in PROFILES.glob("*.yaml")} == {*NAMES}
