"""How fast the artworks' migration is, against the plan's own statement, and what it costs those who write meanwhile.

Each part is measured by a function of a module beside this one, on databases of its own; a part that fails is named
under `failed` and does not lose the others' figures. BENCH_PARTS picks parts; BENCH_ROWS sets how many rows `large`
has: 300,000 if unset, 1,000,000 with BENCH_SCALE=full. What must be true whatever the speed belongs to the tests.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.parts import measured_parts

PARTS = ("large", "switch")
LARGE, FULL = 300_000, 1_000_000
GOALS = {
    "vs_single_statement": (">=", 0.7),
    "rate_large_vs_10k": (">=", 0.8),
    "verify_rows_per_s": (">=", 250_000.0),
    "switch_ms": ("<", 500.0),
    "failed_reads": ("<=", 0.0),
}
"""What is to be reached, by figure."""


def run(environment: Mapping[str, str]) -> dict[str, Any]:
    """The figures of every part, the machine they were measured on, and what failed."""
    return measured_parts(environment.get("BENCH_PARTS"), PARTS, lambda part: _figures(part, environment))


def _figures(part: str, environment: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """The figures of a part as they come, so that those before a failure are kept."""
    from benchmarks import artwork_scale, artwork_switch

    if part not in PARTS:
        raise ValueError(f"there is no part {part}; there are {', '.join(PARTS)}")
    usual = FULL if environment.get("BENCH_SCALE") == "full" else LARGE
    rows = int(environment.get("BENCH_ROWS") or usual)
    if part == "large":
        yield from artwork_scale.large(environment, rows)
        return
    with artwork_scale.own_database(environment) as url:
        yield artwork_switch.prepared_and_measured(url, rows)
