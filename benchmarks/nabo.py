"""How fast, how small and how exact pictures are carried over, against the plan's own way, and with how much memory.

Each part is measured by a module of its own, in a database and a Storage project of its own; a part that fails is named
under `failed` and does not lose the others' figures. BENCH_PARTS picks parts; BENCH_FILES (pictures of `ways`),
BENCH_ITEMS (done items of `recheck`) and BENCH_ROWS (files of `scale`) set how many; BENCH_SCALE=full takes the real
numbers and adds `scale`. What must be true of the migration, whatever the speed, belongs to the tests.
"""

import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.parts import measured_parts

PARTS = ("ways", "memory", "recheck")
FULL_PARTS = (*PARTS, "scale")
GOALS = {
    "throughput_vs_plan": (">=", 6.0),
    "saved_percent": (">=", 30.0),
    "similarity_vs_plan": (">=", 0.0),
    "cpu_vs_codecs": ("<=", 1.25),
    "recheck_per_s": (">=", 2000.0),
    "peak_mib": ("<", 600.0),
    "peak_mib_50mp": ("<", 1024.0),
}
"""What is to be reached, by figure."""


def run(environment: Mapping[str, str]) -> dict[str, Any]:
    """The figures of every part, the machine they were measured on, and what failed."""
    parts = FULL_PARTS if environment.get("BENCH_SCALE") == "full" else PARTS
    return measured_parts(environment.get("BENCH_PARTS"), parts, lambda part: _figures(part, environment))


def _figures(part: str, environment: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """The figures of a part as they come, so that those before a failure are kept."""
    with (
        _servers_of_its_own(environment, part) as ours,
        tempfile.TemporaryDirectory(prefix="bench-media-", dir="/var/tmp") as folder,
    ):
        if part == "scale":
            from benchmarks import nabo_scale

            rows = {"BENCH_FILES": environment.get("BENCH_ROWS", "")}
            yield {f"scale_{name}": value for name, value in nabo_scale.run(ours | rows).items()}
        else:
            yield from import_module(f"benchmarks.nabo_{part}").run(ours, Path(folder))


@contextmanager
def _servers_of_its_own(environment: Mapping[str, str], part: str) -> Iterator[dict[str, str]]:
    """The environment with a fresh database (dropped at the end) and an empty project of the Storage stand-in."""
    import psycopg
    from psycopg import sql

    name = f"bench_{part}_{uuid.uuid4().hex[:8]}"
    url, database = environment["NABO_DATABASE_URL"], sql.Identifier(name)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(database))
        try:
            yield {
                **environment,
                "NABO_DATABASE_URL": urlsplit(url)._replace(path=f"/{name}").geturl(),
                "SUPABASE_URL": f"{environment['SUPABASE_URL'].partition('/projects/')[0].rstrip('/')}"
                f"/projects/{name.replace('_', '-')}",
            }
        finally:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(database))
