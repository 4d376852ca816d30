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
MAPPING_FILES = ("user-id-mapping.json", "services-created.json")
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

    Raises:
        ValueError: one of the places holds what was not made here; it is never added to nor overwritten.
    """
    from local_stack.sources.media import servers

    if scale not in ("small", "real"):
        raise ValueError(f'scale is "small" or "real", not {scale!r}')
    dataset = build(shape, seed)
    mappings = Path(environment["NABO_MAPPINGS_PATH"])
    recipe = {"seed": seed, "scale": scale, "shape": asdict(shape), "backup": environment["S3_BACKUP_PATH"]}
    marker = _read_marker(mappings)
    size_now = servers.backup_size(environment)
    _refuse_what_is_not_ours(environment, marker, dataset, files_of_backup=size_now[0])

    servers.install_schema(environment["NABO_DATABASE_URL"])
    servers.put_people(environment["NABO_DATABASE_URL"], dataset)
    servers.make_buckets(environment)
    made = marker.get("recipe") != recipe or marker.get("stands") != list(size_now)
    if made:
        # First: what a filling that is cut short leaves behind is ours too.
        mappings.mkdir(parents=True, exist_ok=True)
        (mappings / MARKER).write_text(json.dumps({"recipe": recipe}))
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


def _refuse_what_is_not_ours(
    environment: Mapping[str, str], marker: Mapping[str, Any], dataset: Dataset, *, files_of_backup: int
) -> None:
    from local_stack.sources.media import servers

    backup = environment["S3_BACKUP_PATH"]
    if files_of_backup and marker.get("recipe", {}).get("backup") != backup:
        raise ValueError(f"S3_BACKUP_PATH: {backup} holds files that were not made here; take an empty place")
    mappings = Path(environment["NABO_MAPPINGS_PATH"])
    if not marker and any((mappings / name).exists() for name in MAPPING_FILES):
        raise ValueError(
            f"NABO_MAPPINGS_PATH: {mappings} holds mappings that were not made here; take another"
        )
    if servers.has_other_people(environment["NABO_DATABASE_URL"], dataset):
        raise ValueError("NABO_DATABASE_URL: the database holds users that were not made here; take another")


def _write_mappings(folder: Path, dataset: Dataset) -> None:
    for name, value in zip(MAPPING_FILES, (dataset.user_mapping, dataset.services_created), strict=True):
        (folder / name).write_text(json.dumps(value, indent=2))
