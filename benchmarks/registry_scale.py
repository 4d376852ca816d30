"""How fast the migration is at the real number of documents, at ten thousand and at very many, against a bare copy.

The copies are made between the stages of the same run, so that what the machine does besides weighs on both alike.
That what was measured is a migration, and a whole one, is checked at the end by `registry_content`.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.measure import MIB, watched_memory
from benchmarks.registry_content import require_migrated
from benchmarks.registry_place import MIGRATION, Migration, Place, place

SMALL = 10_000
COPY = "bench_copy"
COPY_CHUNK = 1_000
COPY_BEFORE = frozenset({"component_candidates", "composite_candidates", "composites", "reconciliation"})
"""A bare copy is made just before each of these assets, and one at the end."""


def plan_size(environment: Mapping[str, str], folder: Path) -> Iterator[dict[str, Any]]:
    """The real registry's numbers, of which the plans speak."""
    from local_stack.sources.registry import REAL

    with place(environment, REAL, folder) as here:
        first = here.migrate("first")
        yield {
            "plan_size_s": first.seconds(*MIGRATION),
            "plan_size_expectations_s": sum(first.stages[stage].expectations for stage in MIGRATION),
            **{f"plan_size_{stage}_s": spent.seconds for stage, spent in first.stages.items()},
        }
        require_migrated(here, sum(REAL.values()))
        yield {"plan_size_second_run_s": _again(here)}


def large(environment: Mapping[str, str], folder: Path, documents: int) -> Iterator[dict[str, Any]]:
    """`documents` in the real layers' proportions, and ten thousand before, to compare the rates."""
    from local_stack.sources.registry import proportioned

    rate_small = None
    if documents > SMALL:
        with place(environment, proportioned(SMALL), folder) as here:
            rate_small = SMALL / here.migrate("first").seconds(*MIGRATION)
    began = time.perf_counter()
    with place(environment, proportioned(documents), folder) as here:
        filled, copies = time.perf_counter() - began, list[float]()
        with watched_memory() as memory:
            first = here.migrate("first", between=_copying(here, copies))
        copies.append(_copy(here))
        migration, copy = first.seconds(*MIGRATION), statistics.median(copies)
        rate = documents / migration
        yield {
            "large_n": documents,
            "docs_per_s": rate,
            "vs_plain_copy": migration / copy,
            "rate_large_vs_10k": rate / (rate_small or rate),
            "peak_mib": memory.largest / MIB,
            "peak_process": memory.largest_name,
            "peak_all_processes_mib": memory.together / MIB,
            "docs_per_s_10k": rate_small or rate,
            "fill_s": filled,
            "plain_copy_docs_per_s": documents / copy,
            "plain_copies_s": [round(seconds, 2) for seconds in copies],
            **_by_stage(first, documents),
        }
        yield {"outcomes": require_migrated(here, documents)}
        yield {"second_run_s": _again(here)}


def _by_stage(took: Migration, documents: int) -> dict[str, Any]:
    """Seconds and core-microseconds a document of each stage, Great Expectations' share of them, and each asset's."""
    figures: dict[str, Any] = {"docs_per_s_with_all_stages": documents / took.seconds()}
    for stage, spent in took.stages.items():
        figures |= {
            f"{stage}_s": spent.seconds,
            f"{stage}_core_us_a_doc": (spent.cpu + spent.mongod) / documents * 1e6,
            f"{stage}_mongod_us_a_doc": spent.mongod / documents * 1e6,
            f"{stage}_expectations_s": spent.expectations,
        }
    return figures | {"assets_s": {name: round(seconds, 2) for name, seconds in took.assets.items()}}


def _again(here: Place) -> float:
    """Seconds of a second migration.

    Raises:
        RuntimeError: it changed something.
    """
    before = here.contents()
    again = here.migrate("second")
    changed = {name for name, digest in here.contents().items() if before.get(name) != digest}
    if changed:
        raise RuntimeError(f"a second migration changed {', '.join(sorted(changed))}")
    return again.seconds(*MIGRATION)


def _copying(here: Place, copies: list[float]) -> Callable[[str], None]:
    def copy(asset: str) -> None:
        if asset in COPY_BEFORE:
            copies.append(_copy(here))

    return copy


def _copy(here: Place) -> float:
    """Seconds that a bare copy takes: every document read and inserted elsewhere, no index, nothing looked at."""
    from bson.codec_options import CodecOptions
    from bson.raw_bson import RawBSONDocument

    from migration_kit.chunks import chunked

    raw: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
    source = here.staging.get_collection("assets", codec_options=raw)
    target = here.staging.get_collection(COPY, codec_options=raw)
    target.drop()
    began = time.perf_counter()
    for chunk in chunked(source.find(), COPY_CHUNK):
        target.insert_many(chunk, ordered=False)
    seconds = time.perf_counter() - began
    target.drop()
    return seconds
