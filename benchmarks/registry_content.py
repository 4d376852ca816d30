"""Whether a measured migration is one: every document of staging against its outcome and against development.

Written apart from the pipeline, from the registry's contract alone: what it says must not hang on what it judges.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.registry_place import Place

ADDED = ("creatorDescription", "albumArt", "aiMetadata")
ADDED_TO_LAYER = {"G": "musicMetadata", "C": "componentAnalysis"}
JSON_STRINGS = ("trainingData", "rights")
MOST_WORDS = 500


def require_migrated(here: "Place", documents: int) -> dict[str, int]:
    """The outcomes and how many documents have each.

    Raises:
        RuntimeError: a document has no outcome, is not where its outcome says, or is not what its source makes it.
    """
    staging, development = (_by_id(database["assets"]) for database in (here.staging, here.development))
    ledger = here.development["migration_ledger"].find({}, {"state": 1}).sort("_id", 1)
    addresses = {
        row["nna_address"]
        for row in here.development["assets"].find({"layer": {"$ne": "C"}}, {"nna_address": 1})
    }
    outcomes: Counter[str] = Counter()
    there = next(development, None)
    # All ids are ObjectIds: their order is that of their hex digits, which the ledger's keys are.
    for source, outcome in zip_longest(staging, ledger):
        if source is None or outcome is None or str(source["_id"]) != outcome["_id"]:
            raise RuntimeError(f"staging and ledger part at {source and source['_id']} and {outcome}")
        outcomes[outcome["state"]] += 1
        found = there if there is not None and there["_id"] == source["_id"] else None
        if (found is not None) != (outcome["state"] == "migrated"):
            raise RuntimeError(f"{outcome['_id']} is {outcome['state']}, in development: {found is not None}")
        if found is not None:
            if wrong := _wrong(source, found, addresses):
                raise RuntimeError(f"{source['name']}: {wrong}")
            there = next(development, None)
    if there is not None or sum(outcomes.values()) != documents:
        raise RuntimeError(f"{documents} documents, outcomes {dict(outcomes)}; left over: {there}")
    return dict(outcomes)


def _by_id(assets: Any) -> Iterator[dict[str, Any]]:
    found: Iterator[dict[str, Any]] = assets.find().sort("_id", 1)
    return found


def _wrong(source: Mapping[str, Any], found: Mapping[str, Any], addresses: set[str]) -> str | None:
    """The first thing that is not as it should be."""
    layer = source["layer"]
    added = [*ADDED, *([ADDED_TO_LAYER[layer]] if layer in ADDED_TO_LAYER else [])]
    if {*found} != {*source, *added}:
        return f"it has the fields {sorted({*found} ^ {*source, *added})}, or lacks them"
    for field, value in source.items():
        wanted = json.loads(value) if field in JSON_STRINGS else value
        if field != "components" and found[field] != wanted:
            return f"{field} is another"
    if len(found["creatorDescription"] or "") > MOST_WORDS:
        return "creatorDescription is too long"
    listed, analysis = found["components"], found.get("componentAnalysis")
    if layer != "C":
        return "components of a component" if listed else None
    if analysis is None or analysis["totalComponents"] != len(listed) or not {*listed} <= addresses:
        return f"components {listed}, of which not all are in development"
    plain = [
        one for one in source["components"] if isinstance(one, str) and one[1:2] == "." and one[2:3].isdigit()
    ]
    return "its components are others" if plain and plain[0][0].isalpha() and plain != listed else None
