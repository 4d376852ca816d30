"""How fast the curators' desk answers at 100,000 queued items with eight curators at once, and what live progress asks.

Curators look at each page for half a second on average, several times as fast as people do; `saturated` is without any
pause. The desk runs as a process of its own, over the network; the queue is filled by the pipeline's own plan.
BENCH_ROWS sets how many items wait. That no item was handed out twice and no decision was lost is checked at the end.
"""

import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from asset_registry_pipeline.desk.security.tokens import line_of
from asset_registry_pipeline.registry.roles import Role
from benchmarks.desk_curators import Curator, Day, looking_on
from benchmarks.parts import measured_parts
from benchmarks.registry_place import Place, place

PARTS = ("desk",)
CURATORS, ITEMS_EACH, PAUSE_SECONDS = 8, 15, 0.5
QUEUED = 100_000
VIEWERS, WATCHED_SECONDS = 50, 10.0
GOALS = {"p95_ms": ("<", 100.0), "live_queries_per_s": ("<=", 1.0)}
"""What is to be reached, by figure."""


def run(environment: Mapping[str, str]) -> dict[str, Any]:
    """The figures, and the machine they were measured on."""
    return measured_parts(environment.get("BENCH_PARTS"), PARTS, lambda _: _figures(environment))


def _figures(environment: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    queued = int(environment.get("BENCH_ROWS") or QUEUED)
    # By this plan a curator looks at every component.
    asked = {**environment, "REGISTRY_PROFILE": "plan_000"}
    with (
        tempfile.TemporaryDirectory(prefix="bench-desk-", dir="/var/tmp") as folder,
        place(asked, _layers(queued), Path(folder)) as here,
    ):
        began = time.perf_counter()
        with patch.dict("os.environ", {"REGISTRY_DECISIONS": ""}):
            here.migrate("queue", only=("staging_inventory", "component_candidates"))
        waiting = here.development["migration_queue"].count_documents({"state": "open"})
        yield {"queued": waiting, "queue_filled_s": time.perf_counter() - began}
        tokens = [f"token-of-curator-{number}" for number in range(CURATORS)]
        with _serving(here.environment, tokens) as url:
            yield _answers(url, tokens, here, pause=PAUSE_SECONDS)
            saturated = _answers(url, tokens, here, pause=0.0)
            yield {f"saturated_{name}": saturated[name] for name in ("p95_ms", "median_ms", "answers_per_s")}
            yield _live(url, tokens[0], here)


def _layers(queued: int) -> dict[str, int]:
    """So many components in the real proportions, and as few of what nobody is asked about as may be."""
    parts = {"S": 88, "L": 156, "W": 76, "M": 58}
    return {layer: queued * part // sum(parts.values()) for layer, part in parts.items()} | {"G": 12, "C": 60}


@contextmanager
def _serving(environment: Mapping[str, str], tokens: Sequence[str]) -> Iterator[str]:
    """The desk as a process, and its address."""
    lines = [line_of(f"curator {number}", Role.CURATOR, token) for number, token in enumerate(tokens)]
    variables = {**environment, "CURATOR_TOKENS": ",".join(lines), "DESK_URL": ""}
    command = [sys.executable, "-m", "asset_registry_pipeline.desk", "serve", "--port", "0"]
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) as process:
        try:
            told = process.stdout.readline() if process.stdout else ""
            if "http://" not in told:
                raise RuntimeError(f"the desk did not start: {told}")
            yield told.split()[-1]
        finally:
            process.terminate()


def _answers(url: str, tokens: Sequence[str], here: Place, *, pause: float) -> dict[str, Any]:
    """Milliseconds of the answers to all curators together, over all kinds of pages and for each kind."""
    curators = [Curator(url, token, seed, pause=pause) for seed, token in enumerate(tokens)]
    began = time.perf_counter()
    with ThreadPoolExecutor(len(curators)) as threads:
        days = [*threads.map(lambda curator: curator.work(ITEMS_EACH), curators)]
    seconds = time.perf_counter() - began
    _require_kept(days, here)
    kinds: dict[str, list[float]] = {}
    for day in days:
        for kind, took in day.seconds.items():
            kinds.setdefault(kind, []).extend(took)
    every = [one for took in kinds.values() for one in took]
    return {
        "p95_ms": _p95(every),
        "median_ms": statistics.median(every) * 1000,
        "answers": len(every),
        "answers_per_s": len(every) / seconds,
        **{f"p95_{kind.replace(' ', '_')}_ms": _p95(took) for kind, took in kinds.items()},
    }


def _p95(seconds: Sequence[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1] * 1000


def _require_kept(days: Sequence[Day], here: Place) -> None:
    """No item was decided twice, and every decision that was acknowledged is stored."""
    decided = [key for day in days for key in day.decided]
    stored = here.development["migration_decisions"].count_documents({"_id": {"$in": decided}})
    if len(set(decided)) != len(decided) or stored != len(decided) or len(decided) != CURATORS * ITEMS_EACH:
        told = f"{len(decided)} decisions, {len(set(decided))} items, {stored} stored"
        raise RuntimeError(f"of {CURATORS * ITEMS_EACH} items: {told}")


def _live(url: str, token: str, here: Place) -> dict[str, Any]:
    """Queries a second that the server gets while many look on at the progress, and nobody does anything else."""
    with looking_on(url, token, VIEWERS) as seen:
        here.development.command("profile", 2)
        began = time.monotonic()
        threading.Event().wait(WATCHED_SECONDS)
        here.development.command("profile", 0)
        seconds = time.monotonic() - began
    ours = {"ns": {"$not": {"$regex": r"\.system\."}}, "op": {"$in": ["query", "command", "getmore"]}}
    asked = here.development["system.profile"].count_documents(ours)
    return {"live_viewers": seen(), "live_queries_per_s": asked / seconds}
