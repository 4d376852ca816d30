"""Composites of the synthetic staging database: reuse as skewed as the real one, references in every form."""

from __future__ import annotations

from random import Random
from typing import Any

from local_stack.sources.registry import taxonomy, texts
from local_stack.sources.registry.documents import Document, Made, document

# Of 711 real composites three songs stand behind 645, nine are incomplete and 23 pairs share one set.
_REAL, _BEHIND_THREE_SONGS, _INCOMPLETE, _EQUAL_PAIRS = 711, 645, 9, 23
_HOT_SONGS = 3
_LAYERS = ("G", "S", "L", "M", "W")
_NUMBERS = {"G": 1, "S": 2, "L": 3, "M": 4, "W": 5}


def composites(seed: int, count: int, parts: dict[str, list[Made]], *, dirt: bool) -> list[Made]:
    """The composites over components and songs that are there; `parts` by layer."""
    random = Random(f"{seed}/C")
    usable = {layer: _usable(made) for layer, made in parts.items()}
    blocked = [one.document for layer in _LAYERS for one in parts[layer] if not _goes(one)] if dirt else []
    sets = _component_sets(random, count, usable, blocked, dirt=dirt)
    places = taxonomy.places("C")
    made = []
    for index, members in enumerate(sets):
        # More than 999 in one place, as in the real registry: three digits are the least, not the most.
        place = places[0] if count < 100 or index % 50 else places[1 + index % (len(places) - 1)]
        base = document(
            seed, "C", index, place=place, sequence=f"{index + 1:03d}", random=random,
            text=texts.description(random, "C", long=False),
        )  # fmt: skip
        made.append(_written(base, members, index, dirt=dirt))
    if dirt and count >= 10:
        # Not among the last ones, which repeat the component sets of others.
        made[2], made[4], made[6] = _broken(made[2], made[4], made[6], made[0])
    return made


def _usable(made: list[Made]) -> list[Document]:
    return [one.document for one in made if _goes(one)]


def _goes(one: Made) -> bool:
    fatal = {"undefined_in_address", "unparseable_json", "address_mismatch", "unknown_code"}
    return not one.undecided and one.verdict != "reject" and not fatal & {*one.dirt}


def _component_sets(
    random: Random, count: int, usable: dict[str, list[Document]], blocked: list[Document], *, dirt: bool
) -> list[list[Document]]:
    hot, other = usable["G"][:_HOT_SONGS], usable["G"][_HOT_SONGS:] or usable["G"]
    cool = count - round(count * _BEHIND_THREE_SONGS / _REAL)
    incomplete = round(count * _INCOMPLETE / _REAL) if dirt else 0
    pairs = round(count * _EQUAL_PAIRS / _REAL) if dirt else 0
    seen: set[frozenset[str]] = set()
    sets: list[list[Document]] = []
    while len(sets) < count - pairs:
        index = len(sets)
        members = [random.choice(other) if index < cool else hot[index % len(hot)]]
        members += [random.choice(usable[layer]) for layer in _LAYERS[1:]]
        if 10 <= index < 10 + len(blocked) and count >= 10 + 2 * len(blocked):
            member = blocked[index - 10]
            members = [member if member["layer"] == one["layer"] else one for one in members]
        elif index >= count - pairs - incomplete:
            members = members[: 3 + index % 2]
        if random.random() < 0.3:
            random.shuffle(members)
        addresses = frozenset(one["nna_address"] for one in members)
        if addresses not in seen:
            seen.add(addresses)
            sets.append(members)
    complete = count - pairs - incomplete
    return sets + [sets[(7 * pair + 1) % complete] for pair in range(pairs)]


def _written(base: Document, members: list[Document], index: int, *, dirt: bool) -> Made:
    """The composite in one of the forms that occur; most have the plain one."""
    addresses = [one["nna_address"] for one in members]
    name, listed = f"{base['name']}:{':'.join(addresses)}", list[Any](addresses)
    form = index % 20 if dirt else 0
    if form == 3:
        name = f"{base['name']}:{'+'.join(addresses)}"
    elif form == 5:
        name = f"{base['name']}:{', '.join(addresses)}"
    elif form == 7:
        names = [one["name"] for one in members]
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
        listed = [str(one["_id"]) for one in members]
    dirty = ("blank_components",) if listed == [""] else ()
    return Made(base | {"name": name, "components": listed}, dirt=dirty)


def _as_object(member: Document, index: int) -> Any:
    if index % 40 == 11:
        return {"id": str(member["_id"]), "name": member["name"], "layer": member["layer"]}
    return {
        "_id": member["_id"],
        "friendlyName": member["name"],
        "layer": member["layer"],
        "nnaAddress": member["nna_address"],
    }


def _numeric(address: str) -> str:
    letter, _, rest = address.partition(".")
    return f"{_NUMBERS[letter]}.{rest}" if "undefined" not in address else address


def _broken(one: Made, second: Made, third: Made, first: Made) -> tuple[Made, Made, Made]:
    """One with the same component twice, one around another composite, one that refers to what never was."""
    twice = one.document["components"] or ["S.001.001.001"]
    around = [first.document["nna_address"], "S.001.002.004"]
    dangling = ["S.001.002.998", "L.006.005.998", "G.003.003.001"]
    return (
        _relisted(one, [twice[0], twice[0]], "broken_structure"),
        _relisted(second, around, "broken_structure"),
        _relisted(third, dangling, "dangling_reference"),
    )


def _relisted(made: Made, listed: list[Any], *dirt: str) -> Made:
    return Made(
        made.document | {"components": listed}, dirt=(*made.dirt, *dirt, "components_differ_from_name")
    )
