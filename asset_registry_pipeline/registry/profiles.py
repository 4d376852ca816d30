"""Profiles: which named strategy each plan uses where; what the strategies do is in `strategies`.

The YAML files are in `asset_registry_pipeline/profiles`; reading them is a store's work.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil, floor
from typing import Any

from asset_registry_pipeline.registry import strategies
from asset_registry_pipeline.registry.decisions import AGAINST
from asset_registry_pipeline.registry.layers import MIGRATED_LAYERS
from asset_registry_pipeline.registry.target_shapes import MADE_FIELDS, SHAPES, Wanted
from migration_kit.failures import PermanentError
from migration_kit.fingerprints import fingerprint

KINDS = ("components", "songs", "composites")
ALL_COMPONENTS, OWN_COMPONENTS = "all_components", "own_components"
"""The barrier before composites: all layers of their components have passed, or each one's own components are in."""
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "creator_description": tuple(strategies.CREATOR_DESCRIPTION),
    "ai_metadata": tuple(strategies.AI_METADATA),
    "album_art": tuple(strategies.ALBUM_ART),
    "album_art_pending": ("publish", "hold"),
    "music_metadata": tuple(strategies.MUSIC_METADATA),
    "curation": ("none", "by_findings", "required"),
    "json_strings": ("keep", "parse"),
    "composite_components": ("keep", "addresses"),
    "barrier": (ALL_COMPONENTS, OWN_COMPONENTS),
    "cascade": ("hold", "exclude"),
    "names_as_words": ("refuse", "allow"),
    "counts": ("about", "at_least"),
}
_PER: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("creator_description", "ai_metadata", "album_art", "curation"), KINDS),
    "cascade": tuple(AGAINST),
}
"""Choices that are made for each of several things, and those things."""
_FOR_SONGS = (strategies.LOOKED_UP, strategies.REGENERATED)
"""Strategies that only songs have what they take: title, words and a place in the look-up."""
COPY, IN_PLACE = "copy", "in_place"
_MODES = (COPY, IN_PLACE)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
FROM_SOURCE = "source"
"""The expectation of a profile that takes the source's numbers as they are."""


@dataclass(frozen=True)
class Profile:
    """One plan's choices, named as in its YAML file.

    `expected` counts per layer (empty: whatever the source has), `tolerance` the share they may be off by (0.1 = 10%),
    `counts` whether more than expected is off, too. `album_art_pending`: whether a song goes without a picture while
    its album art waits for a curator, and is brought up to date later, or is held. `cascade`: what a curator's verdict
    against a component does to its composites. `names_as_words`: whether a name may stand as creatorDescription.
    `quarantine_limit` is the share of a layer that may be quarantined before its gate stays closed.
    `rewrite_bucket` is the bucket that storage URLs are rewritten to, None to keep them.
    """

    name: str
    mode: str
    creator_description: Mapping[str, str]
    ai_metadata: Mapping[str, str]
    album_art: Mapping[str, str]
    album_art_pending: str
    music_metadata: str
    curation: Mapping[str, str]
    json_strings: str
    composite_components: str
    barrier: str
    cascade: Mapping[str, str]
    names_as_words: str
    counts: str
    target_shapes: Mapping[str, Wanted]
    rewrite_bucket: str | None
    expected: Mapping[str, int]
    tolerance: float
    quarantine_limit: float
    digest: str

    def wants(self, strategy: str) -> bool:
        """Whether songs are made by this one of the strategies that need an enrichment."""
        return strategy in (self.album_art["songs"], self.ai_metadata["songs"])

    def wants_enrichment(self, kind: str) -> bool:
        """Whether documents of a kind need what is found out about songs."""
        return kind == "songs" and any(map(self.wants, _FOR_SONGS))

    def expected_range(self, *layers: str) -> tuple[int, int | None] | None:
        """The least and the most documents of some layers that are about the expected number; None: none is expected.

        The most is None where more than expected is fine.
        """
        if not self.expected:
            return None
        expected = sum(self.expected[layer] for layer in layers)
        off = round(expected * self.tolerance, 6)
        return ceil(expected - off), None if self.counts == "at_least" else floor(expected + off)

    def as_expected(self, layers: str | Iterable[str], documents: int) -> bool:
        """Whether the number of documents of one or several layers is the expected one, within the tolerance."""
        least, most = self.expected_range(*layers) or (0, None)
        return least <= documents and (most is None or documents <= most)


def from_mapping(values: Mapping[str, Any], *, where: str) -> Profile:
    """Build a profile from what its YAML file says; `where` names the file in errors.

    Raises:
        PermanentError: a key is missing or unknown, or names a strategy that does not exist.
    """
    wanted = {
        *_CHOICES,
        "name",
        "mode",
        "storage_url",
        "target_shapes",
        "expected",
        "tolerance",
        "quarantine_limit",
    }
    if wrong := sorted(map(str, wanted ^ {*values} - {"description"})):
        raise _refused(where, f"missing or unknown: {', '.join(wrong)}")
    if values["mode"] not in _MODES:
        raise _refused(where, f"mode is {values['mode']!r}, one of {', '.join(_MODES)} expected")
    for key, choices in _CHOICES.items():
        _check_choice(key, values[key], choices, where)
    expected = values["expected"]
    if expected == FROM_SOURCE:
        expected = {}
    elif (
        not isinstance(expected, Mapping)
        or {*expected} != {*MIGRATED_LAYERS}
        or not all(type(n) is int and n >= 0 for n in expected.values())
    ):
        raise _refused(where, f"expected needs one count for each of {', '.join(MIGRATED_LAYERS)}")
    return Profile(
        **{key: values[key] for key in _CHOICES},
        target_shapes=_shapes(values["target_shapes"], where),
        name=str(values["name"]),
        mode=values["mode"],
        rewrite_bucket=_bucket(values["storage_url"], where),
        expected=dict(expected),
        tolerance=_share(values["tolerance"], "tolerance", where),
        quarantine_limit=_share(values["quarantine_limit"], "quarantine_limit", where),
        digest=fingerprint(dict(values)),
    )


def _check_choice(key: str, chosen: object, choices: tuple[str, ...], where: str) -> None:
    if key not in _PER:
        chosen = {"": chosen}
    elif not isinstance(chosen, Mapping) or set(chosen) != {*_PER[key]}:
        raise _refused(where, f"{key} needs one strategy for each of {', '.join(_PER[key])}")
    for thing, strategy in chosen.items():
        if strategy not in choices:
            raise _refused(where, f"{key} {thing}: {strategy!r} is not one of {', '.join(choices)}")
        if strategy in _FOR_SONGS and thing != "songs":
            raise _refused(where, f"{key} {thing}: {strategy!r} is for songs only")


def _shapes(chosen: object, where: str) -> dict[str, Wanted]:
    """For each kind the fields that are made, each with the shapes it may have; one or a list of them."""
    if not isinstance(chosen, Mapping) or set(chosen) != {*KINDS}:
        raise _refused(where, f"target_shapes needs the fields of each of {', '.join(KINDS)}")
    found: dict[str, Wanted] = {}
    for kind, fields in chosen.items():
        if not isinstance(fields, Mapping) or {*MADE_FIELDS[kind]} != {*fields}:
            raise _refused(where, f"target_shapes {kind} needs {', '.join(MADE_FIELDS[kind])}")
        several = {field: [names] if isinstance(names, str) else names for field, names in fields.items()}
        for field, names in several.items():
            if not isinstance(names, list) or not names or not {*map(str, names)} <= {*SHAPES[field]}:
                known = ", ".join(SHAPES[field])
                raise _refused(where, f"target_shapes {kind}: {field} is {names!r}, of {known} expected")
        found[kind] = tuple((field, tuple(several[field])) for field in MADE_FIELDS[kind])
    return found


def _bucket(policy: object, where: str) -> str | None:
    if policy == "keep":
        return None
    bucket = policy.get("rewrite") if isinstance(policy, Mapping) and len(policy) == 1 else None
    if isinstance(bucket, str) and _BUCKET.fullmatch(bucket):
        return bucket
    raise _refused(where, f"storage_url is {policy!r}, 'keep' or 'rewrite: BUCKET' expected")


def _share(value: object, key: str, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise _refused(where, f"{key} is {value!r}, a number from 0 to 1 expected")
    return float(value)


def _refused(where: str, reason: str) -> PermanentError:
    return PermanentError(reason, item=where, remedy="Correct the profile; every choice is a named strategy")
