"""What each profile makes of two dozen documents of all layers and kinds of dirt, kept in `golden/`, field by field.

A difference that is wanted is taken over by running this module (`PYTHONPATH=. python` and its path); review it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from bson import json_util

from asset_registry_pipeline.registry import strategies, target_shapes
from asset_registry_pipeline.registry.aggregation import features_of
from asset_registry_pipeline.registry.composites import Component
from asset_registry_pipeline.registry.decisions import (
    ArtChoice,
    Decision,
    FactsGiven,
    SongTitleGiven,
    Verdict,
)
from asset_registry_pipeline.registry.documents import SourceDocument
from asset_registry_pipeline.registry.enrichment import Enrichment
from asset_registry_pipeline.registry.findings import inspect
from asset_registry_pipeline.registry.layers import kind_of
from asset_registry_pipeline.registry.profiles import Profile, from_mapping
from asset_registry_pipeline.registry.taxonomy import from_table
from asset_registry_pipeline.registry.transform import (
    NOT_IN_STAGING,
    Absence,
    Directory,
    Planned,
    absence_of,
    plan_asset,
    plan_composite,
)
from tests.unit.asset_registry_pipeline.conftest import TABLE
from tests.unit.asset_registry_pipeline.found_out import found_out
from tests.unit.asset_registry_pipeline.lookups import index_components

GOLDEN = Path(__file__).parent / "golden"
PROFILES = ("default", "plan_000", "plan_001", "plan_002")
OPTIONS = json_util.JSONOptions(json_mode=json_util.JSONMode.RELAXED, tz_aware=True, tzinfo=UTC)
DECIDED = datetime(2025, 9, 1, tzinfo=UTC)

FIELDS_OF: Mapping[str, set[str]] = {
    "creator_description": {"creatorDescription", "aiMetadata", "componentAnalysis"},
    "ai_metadata": {"aiMetadata", "componentAnalysis"},
    # With a picture comes how long the song is that it was found for.
    "album_art": {"albumArt", "musicMetadata"},
    "album_art_pending": set(),
    "music_metadata": {"musicMetadata"},
    "json_strings": {"trainingData", "rights"},
    "composite_components": {"components"},
    "storage_url": {"gcpStorageUrl"},
}
"""The fields that a choice may change, those derived from it included; all other choices change none."""


def sources() -> list[dict[str, Any]]:
    return json_util.loads((GOLDEN / "sources.json").read_text(encoding="utf-8"), json_options=OPTIONS)


@cache
def choices(name: str) -> dict[str, Any]:
    return yaml.safe_load(files("asset_registry_pipeline.profiles").joinpath(f"{name}.yaml").read_text())


def migrated(profile: Profile) -> dict[str, Planned]:
    """The outcomes of all sources: components first, composites upon what the profile has made of them."""
    taxonomy = from_table(TABLE, version="golden")
    planned: dict[str, Planned] = {}
    later = []
    for one in sources():
        body = one["document"]
        source = SourceDocument(str(body["_id"]), body["layer"], "present", 1000, body)
        found = inspect(source, taxonomy)
        if body["layer"] == "C":
            later.append((one["about"], source, found))
        else:
            about = decision(one)
            planned[one["about"]] = plan_asset(
                source, found, about, profile, enrichment(one, source, about, profile)
            )
    directory = directory_over(planned.values())
    for about, source, found in later:
        planned[about] = plan_composite(source, found, profile, directory)
    return planned


def decision(one: dict[str, Any]) -> Decision | None:
    if "decision" not in one:
        return None
    given, body = one["decision"], one["document"]
    return Decision(
        body["layer"], body["name"], body["nna_address"], given.get("source_hash", "present"),
        Verdict(given["verdict"]), given["words"], None, "curator", DECIDED,
        SongTitleGiven(**given["title"]) if "title" in given else None,
        ArtChoice(**given["album_art"]) if "album_art" in given else None,
        FactsGiven(**given["facts"]) if "facts" in given else None,
    )  # fmt: skip


def enrichment(
    one: dict[str, Any], source: SourceDocument, about: Decision | None, profile: Profile
) -> Enrichment | None:
    """What was found out about a song: everything, but for what its source says; nothing where that says so."""
    if source.layer != "G" or one.get("enrichment", {}) is None:
        return None
    return found_out(source, about, profile, **one.get("enrichment", {}))


def directory_over(planned: Any) -> Directory:
    ready = {each.source.item: each.document for each in planned if each.document is not None}
    index = index_components(
        Component(item, made["layer"], made["name"], made["nna_address"]) for item, made in ready.items()
    )
    absences = {
        each.source.body["nna_address"]: absence_of(str(each.disposition), each.reason, each.detail)
        for each in planned
        if each.document is None
    }
    return Directory(
        index.get,
        lambda item: features_of(ready[item]),
        lambda key: absences.get(key, Absence(NOT_IN_STAGING)),
    )


def shown(planned: Mapping[str, Planned]) -> dict[str, Any]:
    """The outcomes as they are kept: with each document's fields that are new or other than in its source."""
    told = {}
    for about, one in planned.items():
        assert one.source.body is not None
        made = {
            field: value
            for field, value in (one.document or {}).items()
            if field not in one.source.body or one.source.body[field] != value
        }
        row = {"disposition": str(one.disposition), "reason": one.reason, "detail": one.detail, "made": made}
        told[about] = {key: value for key, value in row.items() if value}
    return told


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_makes_of_each_document_what_is_kept(name: str) -> None:
    kept = json_util.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"), json_options=OPTIONS)
    now = shown(migrated(from_mapping(choices(name), where=name)))
    assert [*now] == [*kept]
    differences = [
        f"{about}: {part} is {now[about].get(part)!r}, kept {kept[about].get(part)!r}"
        for about in kept
        for part in ("disposition", "reason", "detail")
        if now[about].get(part) != kept[about].get(part)
    ]
    for about in kept:
        made, wanted = now[about].get("made", {}), kept[about].get("made", {})
        differences += [
            f"{about}: {field} is {made.get(field, '(as in staging)')!r}, kept {wanted.get(field, '(as in staging)')!r}"
            for field in dict.fromkeys((*made, *wanted))
            if made.get(field, ...) != wanted.get(field, ...)
        ]
    assert not differences, "\n".join(["", *differences])


@pytest.mark.parametrize("name", PROFILES)
def test_every_document_that_is_ready_has_the_shape_its_profile_names(name: str) -> None:
    profile = from_mapping(choices(name), where=name)
    ready = [one for one in migrated(profile).values() if one.document is not None]
    assert {one.source.layer for one in ready} == {*"SLWMGC"}
    for one in ready:
        assert one.document is not None
        kind = kind_of(one.source.layer)
        assert target_shapes.shape_errors(one.document, kind, profile, one.source.body) == []


@pytest.mark.parametrize("one", PROFILES)
@pytest.mark.parametrize("other", PROFILES)
def test_switching_the_profile_changes_only_the_fields_whose_choices_differ(one: str, other: str) -> None:
    differing = {key for key in choices(one) if choices(one)[key] != choices(other)[key]}
    allowed = set().union(*(FIELDS_OF.get(choice, set()) for choice in differing))
    assert changed(choices(one), choices(other)) <= allowed


@pytest.mark.parametrize(
    ("choice", "strategy"),
    [
        *(("creator_description", name) for name in strategies.CREATOR_DESCRIPTION if name != "curator_only"),
        *(("ai_metadata", name) for name in strategies.AI_METADATA),
        *(("album_art", name) for name in strategies.ALBUM_ART),
        *(("music_metadata", name) for name in strategies.MUSIC_METADATA),
        ("album_art_pending", "hold"),
        ("json_strings", "keep"),
        ("composite_components", "keep"),
        ("storage_url", {"rewrite": "another_bucket"}),
        ("barrier", "own_components"),
        ("cascade", dict.fromkeys(("reject", "test", "exclude"), "exclude")),
        ("names_as_words", "allow"),
        ("counts", "at_least"),
        ("tolerance", 0.9),
        ("mode", "in_place"),
    ],
)
def test_one_choice_changes_its_own_fields_and_no_other(choice: str, strategy: Any) -> None:
    before = choices("default")
    per_kind = choice in ("creator_description", "ai_metadata", "album_art")
    kinds = ("songs",) if strategy in ("looked_up", "regenerated") else ("components", "songs", "composites")
    after = before | {choice: before[choice] | dict.fromkeys(kinds, strategy) if per_kind else strategy}
    assert changed(before, after) <= FIELDS_OF.get(choice, set())


def changed(one: dict[str, Any], other: dict[str, Any]) -> set[str]:
    """The fields that differ in documents that are ready under both; curation is left out, so that more of them are."""
    without_curators = {"curation": dict.fromkeys(("components", "songs", "composites"), "none")}
    first, second = (migrated(from_mapping(each | without_curators, where="")) for each in (one, other))
    fields = set()
    for about, planned in first.items():
        made, also = planned.document, second[about].document
        if made is None or also is None:
            continue
        fields |= {field for field in {*made, *also} if made.get(field, ...) != also.get(field, ...)}
    return fields


def write() -> None:
    """Take what the profiles make now as what is kept."""
    for name in PROFILES:
        told = shown(migrated(from_mapping(choices(name), where=name)))
        text = json_util.dumps(told, json_options=OPTIONS, indent=1, ensure_ascii=False)
        (GOLDEN / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
