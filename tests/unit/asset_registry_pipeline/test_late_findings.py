"""Findings of planning, publishing and of the surroundings: one table of kinds, each read from an outcome."""

from typing import Any

import pytest

from asset_registry_pipeline.registry.kinds import KINDS, Effect
from asset_registry_pipeline.registry.late_findings import found_by_outcome
from asset_registry_pipeline.registry.outcomes import CONFLICT, TAKEN
from asset_registry_pipeline.registry.transform import BLOCKED, NOT_IN_STAGING, Absence, absence_of


@pytest.mark.parametrize(
    ("absence", "kind"),
    [
        (Absence(NOT_IN_STAGING), "reference_to_missing"),
        (absence_of("excluded", "rejected by a curator", {}), "reference_to_rejected"),
        (absence_of("excluded", "marked as a test by a curator", {}), "reference_to_rejected"),
        (absence_of("held", "waiting for a curator", {}), "reference_to_unmigrated"),
        (Absence("not migrated yet"), "reference_to_unmigrated"),
    ],
)
def test_a_component_that_is_not_to_be_had_is_a_finding_of_its_composite(absence: Absence, kind: str) -> None:
    missing = [{"reference": "S.001.007.001", "why": absence.why, "kind": absence.kind}]
    (finding,) = found_by_outcome("c-1", "C", BLOCKED, {"missing": missing})
    assert (finding.item, finding.kind, finding.effect) == ("c-1", kind, Effect.HOLD)
    assert finding.detail == f"S.001.007.001: {absence.why}"


def test_components_that_lack_for_one_reason_are_one_finding_that_lists_them() -> None:
    missing = [{"reference": ref, "why": "w", "kind": "reference_to_missing"} for ref in ("a", "b")]
    assert [one.detail for one in found_by_outcome("c", "C", BLOCKED, {"missing": missing})] == ["a: w, b: w"]


@pytest.mark.parametrize(
    ("reason", "detail", "kind"),
    [
        (CONFLICT, {"fields": ["tags"]}, "collision"),
        (TAKEN, {"by": "5" * 24}, "name_or_address_taken"),
    ],
)
def test_a_collision_in_development_is_a_finding(reason: str, detail: dict[str, Any], kind: str) -> None:
    (finding,) = found_by_outcome("s-1", "S", reason, detail)
    assert (finding.kind, finding.effect) == (kind, Effect.QUARANTINE)


@pytest.mark.parametrize("reason", [None, "rejected by a curator", "waiting for a curator"])
def test_an_outcome_without_such_a_reason_is_no_finding(reason: str | None) -> None:
    assert list(found_by_outcome("s-1", "S", reason, {"why": "x"})) == []


def test_what_is_found_in_the_surroundings_either_refuses_or_is_only_told() -> None:
    assert KINDS["source_is_target"][0] is KINDS["unique_index_on_absent_field"][0] is Effect.REFUSE
    assert KINDS["legacy_database_name"][0] is KINDS["counts_off_the_expectation"][0] is Effect.REPORT
