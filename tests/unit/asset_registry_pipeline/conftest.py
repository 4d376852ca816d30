"""A taxonomy and clean documents for the domain's tests; no server."""

from datetime import UTC, datetime
from typing import Any

import pytest

from asset_registry_pipeline.registry.documents import SourceDocument
from asset_registry_pipeline.registry.taxonomy import Taxonomy, from_table

TABLE = {
    "S": {
        "name": "Stars",
        "categories": {
            "001": {
                "code": "POP",
                "name": "Pop",
                "subcategories": {
                    "004": {"code": "ICM", "name": "Pop_Icon_Male_Stars"},
                    "007": {"code": "HPM", "name": "Pop_Hipster_Male_Stars"},
                },
            }
        },
    },
    "G": {
        "name": "Songs",
        "categories": {
            "003": {
                "code": "HIP",
                "name": "Hip_Hop",
                "subcategories": {"003": {"code": "MOD", "name": "Modern_Hip_Hop"}},
            }
        },
    },
    "L": {
        "name": "Looks",
        "categories": {
            "006": {
                "code": "VIN",
                "name": "Vintage",
                "subcategories": {"005": {"code": "Y2K", "name": "Y2K_Revival"}},
            }
        },
    },
    "W": {
        "name": "Worlds",
        "categories": {
            "007": {
                "code": "URB",
                "name": "Urban",
                "subcategories": {"004": {"code": "ROO", "name": "Rooftops"}},
            }
        },
    },
    "M": {
        "name": "Moves",
        "categories": {
            "017": {
                "code": "HIP",
                "name": "Hip_Hop_Moves",
                "subcategories": {"001": {"code": "GRO", "name": "Groove"}},
            }
        },
    },
    "C": {
        "name": "Composites",
        "categories": {
            "001": {"code": "FUL", "name": "Full", "subcategories": {"001": {"code": "POP", "name": "Pop"}}}
        },
    },
}


@pytest.fixture(scope="session")
def taxonomy() -> Taxonomy:
    return from_table(TABLE, version="test")


def star(**changes: Any) -> dict[str, Any]:
    """A star as staging has it, but for the given changes; a change to `...` removes the field."""
    document = {
        "_id": "star-1",
        "layer": "S",
        "category": "Pop",
        "subcategory": "Pop_Hipster_Male_Stars",
        "name": "S.POP.HPM.001",
        "nna_address": "S.001.007.001",
        "gcpStorageUrl": "https://storage.googleapis.com/nna_registry_assets_stg/S/POP/HPM/S.POP.HPM.001.png",
        "source": "ReViz",
        "tags": ["pop", "hipster"],
        "description": "A calm performer with a warm voice.",
        "trainingData": '{"prompts":[],"images":[],"videos":[]}',
        "rights": '{"source":"Original","rights_split":"100%"}',
        "components": [""],
        "registeredBy": "curator01@example.invalid",
        "createdAt": datetime(2025, 3, 1, tzinfo=UTC),
        "updatedAt": datetime(2025, 3, 2, tzinfo=UTC),
        "__v": 0,
    } | changes
    return {key: value for key, value in document.items() if value is not ...}


def song(**changes: Any) -> dict[str, Any]:
    """A song as staging has it, but for the given changes."""
    return star(
        **{
            "_id": "song-1",
            "layer": "G",
            "category": "Hip_Hop",
            "subcategory": "Modern_Hip_Hop",
            "name": "G.HIP.MOD.001",
            "nna_address": "G.003.003.001",
            "description": "Anxiety by Doechii.  A smooth and introspective track.",
            "tags": ["hip-hop", "G7"],
        }
        | changes
    )


def composite(listed: list[Any], **changes: Any) -> dict[str, Any]:
    """A composite of the given components, but for the given changes."""
    return star(
        **{
            "_id": "composite-1",
            "layer": "C",
            "category": "Full",
            "subcategory": "Pop",
            "name": "C.FUL.POP.125:" + ":".join(map(str, listed)),
            "nna_address": "C.001.001.125",
            "components": listed,
        }
        | changes
    )


def source(document: dict[str, Any], *, source_hash: str = "hash-1") -> SourceDocument:
    """The document as a step has read it."""
    layer = document.get("layer")
    return SourceDocument(
        str(document["_id"]), layer if isinstance(layer, str) else "S", source_hash, 1000, document,
        identifier=document["_id"],
    )  # fmt: skip


@pytest.fixture(scope="session")
def make() -> Any:
    """The makers above, for tests in modules that are imported on their own."""

    class Make:
        star = staticmethod(star)
        song = staticmethod(song)
        composite = staticmethod(composite)
        source = staticmethod(source)

    return Make
