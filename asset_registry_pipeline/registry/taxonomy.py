"""The taxonomy table: codes, numbers and names of categories; no documents, no reading of files or collections.

Shape: `{LAYER: {name, categories: {"001": {code, name, subcategories: {"001": {code, name}}}}}}`.
An unknown code raises; nothing is ever guessed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from asset_registry_pipeline.registry.addresses import Hfn, Mfa, is_hfn, is_sequence
from migration_kit.failures import PermanentError
from migration_kit.fingerprints import fingerprint


class UnknownCodeError(ValueError):
    """A code, number or layer that the taxonomy does not have."""


class Place(NamedTuple):
    """A subcategory: its address without a sequence (`S.001.007`), its layer and the names of the two levels."""

    address: str
    layer: str
    category: str
    subcategory: str


@dataclass(frozen=True)
class Taxonomy:
    """One pinned version of the table; `version` names it, `digest` is the hash of its content."""

    version: str
    digest: str
    _numbers: Mapping[tuple[str, str], str] = field(repr=False)
    _subnumbers: Mapping[tuple[str, str, str], str] = field(repr=False)
    _codes: Mapping[tuple[str, str], tuple[str, str]] = field(repr=False)
    _subcodes: Mapping[tuple[str, str, str], tuple[str, str]] = field(repr=False)
    places: Mapping[str, Place] = field(repr=False)
    """Each subcategory by the names' beginning (`S.POP.HPM`); only those of which names can be made."""

    def address_of(self, name: str) -> str | None:
        """The letter MFA of a text that is an HFN; None where it is none, or has a code that is not in the table."""
        beginning, _, sequence = name.rpartition(".")
        place = self.places.get(beginning)
        return f"{place.address}.{sequence}" if place is not None and is_sequence(sequence) else None

    @property
    def pinned(self) -> str:
        """What a run records: the version and the first digits of the content's hash."""
        return f"{self.version}+{self.digest[:12]}"

    def to_mfa(self, name: Hfn) -> Mfa:
        """The address of a name.

        Raises:
            UnknownCodeError: a code is not in the table.
        """
        category = self._numbers.get((name.layer, name.category))
        if category is None:
            raise UnknownCodeError(f"layer {name.layer} has no category with the code {name.category!r}")
        subcategory = self._subnumbers.get((name.layer, category, name.subcategory))
        if subcategory is None:
            raise UnknownCodeError(
                f"category {name.layer}.{name.category} has no subcategory with the code {name.subcategory!r}"
            )
        return Mfa(name.layer, category, subcategory, name.sequence)

    def to_hfn(self, address: Mfa) -> Hfn:
        """The name of an address.

        Raises:
            UnknownCodeError: a number is not in the table.
        """
        category = self._codes.get((address.layer, address.category))
        if category is None:
            raise UnknownCodeError(
                f"layer {address.layer} has no category with the number {address.category}"
            )
        subcategory = self._subcodes.get((address.layer, address.category, address.subcategory))
        if subcategory is None:
            raise UnknownCodeError(
                f"category {address.layer}.{address.category} has no subcategory "
                f"with the number {address.subcategory}"
            )
        return Hfn(address.layer, category[0], subcategory[0], address.sequence)

    def names_of(self, name: Hfn) -> tuple[str, str]:
        """The names of a name's category and subcategory.

        Raises:
            UnknownCodeError: a code is not in the table.
        """
        address = self.to_mfa(name)
        return (
            self._codes[(address.layer, address.category)][1],
            self._subcodes[(address.layer, address.category, address.subcategory)][1],
        )


def from_table(table: Mapping[str, Any], *, version: str) -> Taxonomy:
    """Build a taxonomy and assert that every name in it survives the round trip.

    Raises:
        PermanentError: the table is empty, has another shape, or uses one code for two numbers.
    """
    numbers: dict[tuple[str, str], str] = {}
    subnumbers: dict[tuple[str, str, str], str] = {}
    codes: dict[tuple[str, str], tuple[str, str]] = {}
    subcodes: dict[tuple[str, str, str], tuple[str, str]] = {}
    remedy = "Correct the taxonomy at its source; an address must have one meaning"
    try:
        for layer, entry in table.items():
            for number, category in entry["categories"].items():
                _put(numbers, (layer, category["code"]), number)
                codes[(layer, number)] = (category["code"], str(category["name"]))
                for subnumber, subcategory in category["subcategories"].items():
                    _put(subnumbers, (layer, number, subcategory["code"]), subnumber)
                    subcodes[(layer, number, subnumber)] = (
                        subcategory["code"],
                        str(subcategory["name"]),
                    )
    except (KeyError, TypeError, AttributeError) as error:
        raise PermanentError(f"the taxonomy has an unknown shape ({error!r})", remedy=remedy) from error
    if not subcodes:
        raise PermanentError(
            "the taxonomy is empty", remedy="Check the taxonomies collection or REGISTRY_TAXONOMY"
        )
    taxonomy = Taxonomy(
        version, fingerprint(table), numbers, subnumbers, codes, subcodes, _places(codes, subcodes)
    )
    for layer, number, subnumber in subcodes:
        address = Mfa(layer, number, subnumber, "001")
        if taxonomy.to_mfa(taxonomy.to_hfn(address)) != address:
            raise PermanentError(f"{address} does not survive the round trip", remedy=remedy)
    return taxonomy


def _places(
    codes: Mapping[tuple[str, str], tuple[str, str]], subcodes: Mapping[tuple[str, str, str], tuple[str, str]]
) -> dict[str, Place]:
    found = {}
    for (layer, number, subnumber), (subcode, subcategory) in subcodes.items():
        code, category = codes[(layer, number)]
        beginning = f"{layer}.{code}.{subcode}"
        if is_hfn(f"{beginning}.001"):
            found[beginning] = Place(f"{layer}.{number}.{subnumber}", layer, category, subcategory)
    return found


def _put(numbers: dict[Any, str], key: tuple[str, ...], number: str) -> None:
    if not all(isinstance(part, str) for part in (*key, number)):
        raise TypeError(f"{key} and {number!r} should be texts")
    if numbers.setdefault(key, number) != number:
        raise PermanentError(
            f"the taxonomy uses one code for two numbers: {key} is {numbers[key]} and {number}",
            remedy="Correct the taxonomy at its source; an address must have one meaning",
        )
