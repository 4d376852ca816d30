"""Composites of the synthetic staging database: reuse as skewed as the real one, references in every form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from local_stack.sources.registry import taxonomy, texts
from local_stack.sources.registry.documents import Document, Made, document

# Of 711 real composites three songs stand behind 645, nine are incomplete and 23 pairs share one set.
_REAL, _BEHIND_THREE_SONGS, _INCOMPLETE, _EQUAL_PAIRS = 711, 645, 9, 23
_HOT_SONGS = 3
_LAYERS = ("G", "S", "L", "M", "W")
_NUMBERS = {"G": 1, "S": 2, "L": 3, "M": 4, "W": 5}


@dataclass(frozen=True, slots=True)
class Member:
    """What composites say of a component. `number`: its place in its layer; `goes`: whether it will be migrated."""

    id: Any
    layer: str
    name: str
    address: str
    number: int
    goes: bool


def member(one: Made, number: int) -> Member:
    """What is kept of a component until the composites are made: its document is not."""
    fatal = {"undefined_in_address", "unparseable_json", "address_mismatch", "unknown_code"}
    goes = not one.undecided and one.verdict != "reject" and not fatal & {*one.dirt}
    document = one.document
    return Member(document["_id"], document["layer"], document["name"], document["nna_address"], number, goes)


def composites(seed: int, count: int, parts: Mapping[str, Sequence[Member]], *, dirt: bool) -> Iterator[Made]:
    """The composites over components and songs that are there; `parts` by layer."""
    # Two generators, so that the sets need not be complete before the first document is made.
    choosing, random = Random(f"{seed}/C"), Random(f"{seed}/C/documents")
    places = taxonomy.places("C")
    first = ""
    for index, members in enumerate(_component_sets(choosing, count, parts, dirt=dirt)):
        # More than 999 in one place, as in the real registry: three digits are the least, not the most.
        place = places[0] if count < 100 or index % 50 else places[1 + index % (len(places) - 1)]
        base = document(
            seed, "C", index, place=place, sequence=f"{index + 1:03d}", random=random,
            text=texts.description(random, "C", long=False),
        )  # fmt: skip
        first = first or base["nna_address"]
        made = _written(base, members, index, dirt=dirt)
        yield _broken(made, index, first) if dirt and count >= 10 else made


def _component_sets(
    random: Random, count: int, parts: Mapping[str, Sequence[Member]], *, dirt: bool
) -> Iterator[Sequence[Member]]:
    usable = {layer: [one for one in members if one.goes] for layer, members in parts.items()}
    blocked = [one for layer in _LAYERS for one in parts[layer] if not one.goes] if dirt else []
    hot, other = usable["G"][:_HOT_SONGS], usable["G"][_HOT_SONGS:] or usable["G"]
    cool = count - round(count * _BEHIND_THREE_SONGS / _REAL)
    incomplete = round(count * _INCOMPLETE / _REAL) if dirt else 0
    pairs = round(count * _EQUAL_PAIRS / _REAL) if dirt else 0
    complete = count - pairs - incomplete
    repeated = [(7 * pair + 1) % complete for pair in range(pairs)]
    kept: dict[int, Sequence[Member]] = dict.fromkeys(repeated, ())
    seen: set[int] = set()
    index = 0
    while index < count - pairs:
        members = [random.choice(other) if index < cool else hot[index % len(hot)]]
        members += [random.choice(usable[layer]) for layer in _LAYERS[1:]]
        if 10 <= index < 10 + len(blocked) and count >= 10 + 2 * len(blocked):
            stuck = blocked[index - 10]
            members = [stuck if stuck.layer == one.layer else one for one in members]
        elif index >= complete:
            members = members[: 3 + index % 2]
        if random.random() < 0.3:
            random.shuffle(members)
        if (together := _together(members)) not in seen:
            seen.add(together)
            if index in kept:
                kept[index] = members
            yield members
            index += 1
    yield from (kept[one] for one in repeated)


def _together(members: Sequence[Member]) -> int:
    """One number for a set of components, whatever their order: a million frozensets would fill the memory."""
    return sum((one.number + 1) << (24 * _LAYERS.index(one.layer)) for one in members)


def _written(base: Document, members: Sequence[Member], index: int, *, dirt: bool) -> Made:
    """The composite in one of the forms that occur; most have the plain one."""
    addresses = [one.address for one in members]
    name, listed = f"{base['name']}:{':'.join(addresses)}", list[Any](addresses)
    form = index % 20 if dirt else 0
    if form == 3:
        name = f"{base['name']}:{'+'.join(addresses)}"
    elif form == 5:
        name = f"{base['name']}:{', '.join(addresses)}"
    elif form == 7:
        names = [one.name for one in members]
        name, listed = f"{base['name']}:{':'.join(names)}", names
    elif form == 9:
        name = f"{base['name']}:[{','.join(addresses)}].mp4"
    elif form == 11:
        listed = [_as_object(one, index) for one in members]
    elif form == 13:
        name = f"{base['name']}:"
    elif form == 15:
        listed = [""] if index % 40 == 15 else []
    elif form == 17:
        listed = [_numeric(address) for address in addresses]
    elif form == 19 and index % 40 == 19:
        listed = [str(one.id) for one in members]
    dirty = ("blank_components",) if listed == [""] else ()
    return Made(base | {"name": name, "components": listed}, dirt=dirty)


def _as_object(member: Member, index: int) -> Any:
    if index % 40 == 11:
        return {"id": str(member.id), "name": member.name, "layer": member.layer}
    return {
        "_id": member.id,
        "friendlyName": member.name,
        "layer": member.layer,
        "nnaAddress": member.address,
    }


def _numeric(address: str) -> str:
    letter, _, rest = address.partition(".")
    return f"{_NUMBERS[letter]}.{rest}" if "undefined" not in address else address


def _broken(made: Made, index: int, first: str) -> Made:
    """One with the same component twice, one around another composite, one that refers to what never was.

    Not among the last ones, which repeat the component sets of others. `first`: the address of the first composite.
    """
    if index == 2:
        twice = made.document["components"] or ["S.001.001.001"]
        return _relisted(made, [twice[0], twice[0]], "broken_structure")
    if index == 4:
        return _relisted(made, [first, "S.001.002.004"], "broken_structure")
    if index == 6:
        return _relisted(made, ["S.001.002.998", "L.006.005.998", "G.003.003.001"], "dangling_reference")
    return made


def _relisted(made: Made, listed: list[Any], *dirt: str) -> Made:
    return Made(
        made.document | {"components": listed}, dirt=(*made.dirt, *dirt, "components_differ_from_name")
    )
