"""Comparing what came back from a backup with staging: every difference is found, whatever is out of step."""

import bson
from hypothesis import given
from hypothesis import strategies as st

from asset_registry_pipeline.steps.backup import compare
from asset_registry_pipeline.stores.backup import Tally, chunks

_documents = st.dictionaries(st.integers(0, 30), st.sampled_from("abc"))


def _stream(documents: dict[int, str]) -> list[bytes]:
    return [bson.encode({"_id": key, "name": documents[key]}) for key in sorted(documents)]


@given(_documents, _documents)
def test_missing_extra_and_different_documents_are_counted_as_a_lookup_would_count_them(
    expected: dict[int, str], found: dict[int, str]
) -> None:
    compared = compare(_stream(expected), _stream(found))
    different = {key for key in {*expected} & {*found} if expected[key] != found[key]}
    assert (compared.missing, compared.extra, compared.different) == (
        len({*expected} - {*found}),
        len({*found} - {*expected}),
        len(different),
    )
    assert compared.equal == (expected == found)
    told = len({*expected} ^ {*found}) + len(different)
    assert len(compared.named) == min(told, 20)


@given(_documents, st.randoms())
def test_a_tally_is_the_same_in_any_order_and_another_for_other_documents(
    documents: dict[int, str], random: object
) -> None:
    stream = _stream(documents)
    shuffled = list(stream)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert Tally().all(stream).digest == Tally().all(shuffled).digest
    if stream:
        assert Tally().all(stream[1:]).digest != Tally().all(stream).digest
        assert Tally().all([*stream, stream[0]]).digest != Tally().all(stream).digest


def test_a_comparison_of_two_foreign_streams_ends_early_and_holds_no_more_than_it_needs() -> None:
    seen = []

    def endless(first: int, step: int) -> object:
        for number in range(first, 10_000_000, step):
            seen.append(number)
            yield bson.encode({"_id": number})

    compared = compare(endless(0, 2), endless(1, 2))  # type: ignore[arg-type]
    assert not compared.equal
    assert len(seen) < 5_000


def test_chunks_fit_into_a_message_however_large_the_documents_are() -> None:
    raws = [bytes(size) for size in (9_000_000, 5, 5, 8_000_000, 8_000_000)] + [b"small"] * 2_500
    cut = list(chunks(raws))
    assert [one for chunk in cut for one in chunk] == raws
    assert all(len(chunk) <= 1_000 for chunk in cut)
    assert all(len(chunk) == 1 or sum(map(len, chunk)) <= 8 * 1024 * 1024 for chunk in cut)
