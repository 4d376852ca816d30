"""A synthetic media backup with the real shape, and the target it migrates to.

`fill` makes the demonstration's source and target (idempotent); `make_hostile` makes bad input for tests, apart from
the counts. For `make demo` and tests only: pipelines never import this package.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_stack.sources.media.shape import REAL, SMALL, Dataset, Shape, build

if TYPE_CHECKING:
    from local_stack.sources.media.hostile import Hostile

__all__ = ["REAL", "SMALL", "Filled", "Shape", "fill", "make_hostile"]

MARKER = ".media-source.json"
"""Stands beside the mapping files and says what was made; the backup itself holds nothing but the backup."""


@dataclass(frozen=True)
class Filled:
    """What stands at the source after `fill`: counts, and whether this call made it (`made`) or found it."""

    files: int
    bytes: int
    migratable: int
    exclusions: Mapping[str, int]
    users: int
    services: int
    made: bool


def fill(
    environment: Mapping[str, str], *, seed: int = 7, scale: str = "small", shape: Shape = REAL
) -> Filled:
    """Makes the backup (S3_BACKUP_PATH), the mapping files (NABO_MAPPINGS_PATH) and the target they refer to.

    The target (NABO_DATABASE_URL, SUPABASE_URL) gets schema, users, services and buckets where they are missing; what a
    migration has written stays. A second call with the same arguments changes nothing.
    `scale`: "small" (some 130 MB in all) or "real" (some 9 GB).
    """
    from local_stack.sources.media import servers

    if scale not in ("small", "real"):
        raise ValueError(f'scale is "small" or "real", not {scale!r}')
    dataset = build(shape, seed)
    servers.install_schema(environment["NABO_DATABASE_URL"])
    servers.put_people(environment["NABO_DATABASE_URL"], dataset)
    servers.make_buckets(environment)

    mappings = Path(environment["NABO_MAPPINGS_PATH"])
    recipe = {"seed": seed, "scale": scale, "shape": asdict(shape), "backup": environment["S3_BACKUP_PATH"]}
    marker = _read_marker(mappings)
    made = marker.get("recipe") != recipe or marker.get("stands") != list(servers.backup_size(environment))
    if made:
        stands = servers.put_backup(environment, _contents(dataset, seed, scale))
        _write_mappings(mappings, dataset)
        marker = {"recipe": recipe, "stands": list(stands)}
        (mappings / MARKER).write_text(json.dumps(marker))
    files, size = marker["stands"]
    exclusions = shape.expected_exclusions
    return Filled(files, size, shape.migratable, exclusions, len(dataset.users), len(dataset.services), made)


def make_hostile(environment: Mapping[str, str], *, seed: int = 7) -> Hostile:
    """Adds bad input (spec: zero bytes, truncations, bombs, odd names, wrong mappings, ...) to source and target.

    Returns what was added with the outcome each file must end in. Call it on a source of its own: it changes the
    mapping files and the counts.
    """
    from local_stack.sources.media import hostile

    return hostile.make(environment, seed=seed)


def _contents(dataset: Dataset, seed: int, scale: str) -> Iterator[tuple[str, bytes]]:
    from local_stack.sources.media.photographs import content

    for file in dataset.files:
        yield file.key, content(file, seed=seed, scale=scale)


def _read_marker(mappings: Path) -> dict[str, Any]:
    path = mappings / MARKER
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _write_mappings(folder: Path, dataset: Dataset) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in (
        ("user-id-mapping.json", dataset.user_mapping),
        ("services-created.json", dataset.services_created),
    ):
        (folder / name).write_text(json.dumps(value, indent=2))
