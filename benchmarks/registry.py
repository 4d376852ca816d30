"""How fast the asset registry's migration is, with how much memory, and what its stages take.

Each part is measured by a function of `registry_scale`, on databases of its own; a part that fails is named under
`failed` and does not lose the others' figures. BENCH_PARTS picks parts; BENCH_ROWS sets how many documents `large` has:
200,000 if unset, 1,000,000 with BENCH_SCALE=full. What must be true whatever the speed belongs to the tests.
"""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.parts import measured_parts

PARTS = ("plan_size", "large")
LARGE, FULL = 200_000, 1_000_000
GOALS = {
    "plan_size_s": ("<", 5.0),
    "docs_per_s": (">=", 6000.0),
    "vs_plain_copy": ("<=", 8.0),
    "rate_large_vs_10k": (">=", 0.8),
    "peak_mib": ("<", 500.0),
}
"""What is to be reached, by figure."""


def run(environment: Mapping[str, str]) -> dict[str, Any]:
    """The figures of every part, the machine they were measured on, and what failed."""
    _warm_up()
    return measured_parts(environment.get("BENCH_PARTS"), PARTS, lambda part: _figures(part, environment))


def _figures(part: str, environment: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """The figures of a part as they come, so that those before a failure are kept."""
    from benchmarks import registry_scale

    with tempfile.TemporaryDirectory(prefix="bench-registry-", dir="/var/tmp") as folder:
        if part == "plan_size":
            yield from registry_scale.plan_size(environment, Path(folder))
        else:
            usual = FULL if environment.get("BENCH_SCALE") == "full" else LARGE
            documents = int(environment.get("BENCH_ROWS") or usual)
            yield from registry_scale.large(environment, Path(folder), documents)


def _warm_up() -> None:
    """Import what the first validation imports (seconds), so that it is not counted as a layer's time."""
    import pandas as pd

    from migration_kit.suites import Suite, validate_frame

    validate_frame(pd.DataFrame({"warm": [1]}), Suite("warm_up", ()))
