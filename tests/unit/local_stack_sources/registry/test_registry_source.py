"""The synthetic registry: real counts and skews, the same bytes for each seed."""

import csv
import io
from collections import Counter
from collections.abc import Iterable
from itertools import islice

import bson
import pytest
from pymongo import MongoClient

from local_stack.sources.registry import MARKER, REAL, SMALL, _make, fill, proportioned, taxonomy
from local_stack.sources.registry.decisions import COLUMNS, DecisionsCsv
from local_stack.sources.registry.documents import Made
from local_stack.sources.registry.hostile import _documents

KEYS = [
    "_id", "layer", "category", "subcategory", "name", "nna_address", "gcpStorageUrl", "source", "tags",
    "description", "trainingData", "rights", "components", "registeredBy", "createdAt", "updatedAt", "__v",
]  # fmt: skip


@pytest.fixture(scope="module")
def made() -> list[Made]:
    return list(_make(7, REAL, dirt=True))


def layer(made: list[Made], letter: str) -> list[dict]:
    return [one.document for one in made if one.document["layer"] == letter]


def test_the_same_seed_makes_the_same_bytes_and_another_seed_others(made: list[Made]) -> None:
    def raw(documents: Iterable[Made]) -> bytes:
        return b"".join(bson.encode(one.document) for one in documents)

    assert raw(_make(7, REAL, dirt=True)) == raw(made)
    assert raw(_make(8, REAL, dirt=True)) != raw(made)


def test_staging_has_its_1681_documents_with_exactly_its_keys(made: list[Made]) -> None:
    assert Counter(one.document["layer"] for one in made) == {
        "S": 88,
        "L": 156,
        "W": 76,
        "M": 58,
        "G": 34,
        "C": 1269,
    }
    for one in made:
        assert [key for key in KEYS if key in one.document] == list(one.document)
        assert {*KEYS} - {*one.document} <= {"trainingData", "rights"}
    for unique in ("_id", "name", "nna_address"):
        assert len({str(one.document[unique]) for one in made}) == len(made)


def test_descriptions_are_long_in_four_of_five_stars_and_one_of_five_looks(made: list[Made]) -> None:
    shares = {}
    for letter in "SL":
        texts = [document["description"] for document in layer(made, letter)]
        shares[letter] = sum(len(text) > 500 for text in texts) / len(texts)
    assert 0.65 < shares["S"] < 0.9
    assert 0.1 < shares["L"] < 0.3


def test_three_songs_stand_behind_nine_of_ten_composites(made: list[Made]) -> None:
    songs = layer(made, "G")
    hot = [{song["nna_address"], song["name"], str(song["_id"])} for song in songs[:3]]
    texts = [str(document["components"]) + document["name"] for document in layer(made, "C")]
    behind = sum(any(key in text for keys in hot for key in keys) for text in texts)
    assert behind / len(texts) > 0.85


def test_composites_refer_to_their_components_in_every_form(made: list[Made]) -> None:
    documents = layer(made, "C")
    lists = [document["name"].partition(":")[2] for document in documents]
    assert any("+" in text for text in lists)
    assert any("," in text for text in lists)
    assert any(text.startswith("[") for text in lists)
    assert any(not text for text in lists)
    entries = [entry for document in documents for entry in document["components"]]
    assert any(isinstance(entry, dict) and "_id" in entry for entry in entries)
    assert any(isinstance(entry, str) and entry[:2] == "1." for entry in entries)
    assert any(isinstance(entry, str) and ".HIP.MOD." in entry for entry in entries)
    assert any(document["components"] == [] for document in documents)
    assert any(document["components"] == [""] for document in documents)
    assert max(int(document["nna_address"].rsplit(".", 1)[1]) for document in documents) > 999


def test_one_song_has_the_broken_address_and_songs_have_their_real_lines(made: list[Made]) -> None:
    songs = layer(made, "G")
    assert [song["nna_address"] for song in songs].count("G.undefined.undefined.001") == 1
    assert (songs[0]["name"], songs[0]["nna_address"]) == ("G.HIP.MOD.001", "G.003.003.001")
    assert "Stand by Me by Ben E. King" in [song["description"] for song in songs]


def test_decisions_cover_the_songs_but_one_and_name_the_source_they_were_about(made: list[Made]) -> None:
    def decided(*, all_components: bool) -> list[dict[str, str]]:
        written = DecisionsCsv(all_components=all_components)
        assert list(written.about(made)) == made
        return list(csv.DictReader(io.StringIO(written.text)))

    rows = decided(all_components=False)
    assert tuple(rows[0]) == COLUMNS
    songs = [row for row in rows if row["layer"] == "G"]
    assert Counter(row["decision"] for row in songs) == {"edit": 31, "reject": 1}
    assert all(len(row["source_hash"]) == 64 for row in rows)
    assert all(0 < len(row["creatorDescription"]) <= 500 for row in songs if row["decision"] == "edit")
    assert sum(row["layer"] != "G" for row in decided(all_components=True)) > 370


def test_a_small_source_has_the_same_kinds_of_dirt() -> None:
    kinds = {kind for one in _make(7, SMALL, dirt=True) for kind in one.dirt}
    assert {"undefined_in_address", "unparseable_json", "address_mismatch", "unknown_code", "code_as_category",
            "placeholder_description", "no_description", "broken_structure", "undefined_in_url"} <= kinds  # fmt: skip
    assert not any(one.dirt for one in _make(7, SMALL, dirt=False) if one.document["layer"] != "C")


def test_a_large_source_has_the_same_proportions_and_begins_before_it_is_made_whole() -> None:
    layers = proportioned(1_000_000)
    assert sum(layers.values()) == 1_000_000
    assert all(abs(layers[layer] / 1_000_000 - count / 1_681) < 0.001 for layer, count in REAL.items())
    assert [one.document["layer"] for one in islice(_make(7, layers, dirt=True), 3)] == ["S"] * 3
    assert proportioned(1_681) == dict(REAL)


def test_the_taxonomy_gives_the_registrys_own_example() -> None:
    stars = taxonomy.table()["S"]["categories"]["001"]
    assert stars["code"] == "POP"
    assert stars["subcategories"]["007"]["code"] == "HPM"


def test_bad_input_covers_every_field_with_every_type() -> None:
    told = [what for _, what in _documents()]
    assert len(told) == len({*told}) > 600
    for what in (
        "almost 16 MB",
        "text that is no UTF-8",
        "int64 in tags",
        "no name",
        "regex in layer",
        "a symbol",
    ):
        assert what in told


@pytest.fixture
def staging(mongo, tmp_path):
    """The variables of an empty staging, and its database."""
    environment = {
        "REGISTRY_STAGING_URI": mongo.uri,
        "REGISTRY_STAGING_DB": mongo.staging,
        "REGISTRY_DECISIONS": str(tmp_path / "decisions.csv"),
    }
    with MongoClient(mongo.uri) as client:
        yield environment, client[mongo.staging]


@pytest.mark.parametrize("collection", ["assets", "taxonomies"])
def test_somebody_elses_staging_is_left_as_it_is(staging, collection):
    environment, database = staging
    database[collection].insert_one({"_id": "theirs"})
    with pytest.raises(ValueError, match="not ours"):
        fill(environment, layers=SMALL)
    assert database.list_collection_names() == [collection]
    assert list(database[collection].find()) == [{"_id": "theirs"}]


def test_a_filling_that_was_cut_short_is_made_anew_and_a_third_changes_nothing(staging):
    environment, database = staging
    assert fill(environment, layers=SMALL).made
    whole = list(database["assets"].find())
    database[MARKER].update_one({}, {"$unset": {"complete": 1}})  # as it reads while the assets are inserted
    database["assets"].delete_one({})
    assert fill(environment, layers=SMALL).made
    assert list(database["assets"].find()) == whole
    assert not fill(environment, layers=SMALL).made
