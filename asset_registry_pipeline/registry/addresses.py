"""Addresses of assets in their three spellings, without meaning: no taxonomy, no documents.

HFN `S.POP.HPM.001` (codes), letter MFA `S.001.007.001`, numeric MFA `2.001.007.001`.
Letter and numeric form convert into each other here; HFN to MFA needs a taxonomy (see `taxonomy`).
"""

import re
from dataclasses import dataclass

from asset_registry_pipeline.registry.layers import LAYER_NUMBERS
from asset_registry_pipeline.registry.shapes import is_text

# ASCII and fullmatch: a bare `$` would let a trailing newline through, `\d` an Arabic digit.
HFN_PATTERN = re.compile(r"([GSLMWBPTRCENAIFX])\.([A-Z0-9]{2,5})\.([A-Z0-9]{1,5})\.(\d{3,})", re.ASCII)
LETTER_PATTERN = re.compile(r"([GSLMWBPTRCENAIFX])\.(\d{3})\.(\d{3})\.(\d{3,})", re.ASCII)
NUMERIC_PATTERN = re.compile(r"([1-9]|10)\.(\d{3})\.(\d{3})\.(\d{3,})", re.ASCII)

_LETTERS = {str(number): letter for letter, number in LAYER_NUMBERS.items()}


class AddressError(ValueError):
    """A text that is not an address of the kind asked for."""


@dataclass(frozen=True, order=True)
class Hfn:
    """A human-friendly name; `sequence` stays text, because `001` and `0001` are two names."""

    layer: str
    category: str
    subcategory: str
    sequence: str

    def __str__(self) -> str:
        return f"{self.layer}.{self.category}.{self.subcategory}.{self.sequence}"


@dataclass(frozen=True, order=True)
class Mfa:
    """A machine-friendly address; category and subcategory are three digits, as text."""

    layer: str
    category: str
    subcategory: str
    sequence: str

    @property
    def letter(self) -> str:
        """The letter form, which the registry stores."""
        return f"{self.layer}.{self.category}.{self.subcategory}.{self.sequence}"

    @property
    def numeric(self) -> str:
        """The numeric form.

        Raises:
            AddressError: the layer has a letter but no number.
        """
        number = LAYER_NUMBERS.get(self.layer)
        if number is None:
            raise AddressError(f"layer {self.layer} has no number, so {self.letter} has no numeric form")
        return f"{number}.{self.category}.{self.subcategory}.{self.sequence}"

    def __str__(self) -> str:
        return self.letter


def is_hfn(text: object) -> bool:
    """Whether a value is one whole HFN and nothing else.

    An MFA such as `S.001.007.001` also has the shape of an HFN, since codes may be digits; it is not one.
    """
    return is_text(text) and HFN_PATTERN.fullmatch(text) is not None and not is_mfa(text)


def is_mfa(text: object) -> bool:
    """Whether a value is one whole MFA, letter or numeric."""
    return is_text(text) and (
        LETTER_PATTERN.fullmatch(text) is not None or NUMERIC_PATTERN.fullmatch(text) is not None
    )


def is_sequence(text: str) -> bool:
    """Whether a text is the last part of a name or an address: three ASCII digits or more."""
    return len(text) >= 3 and text.isascii() and text.isdigit()


def parse_hfn(text: str) -> Hfn:
    """Read an HFN.

    Raises:
        AddressError: the text has another shape (digits-only codes are an MFA).
    """
    match = HFN_PATTERN.fullmatch(text)
    if match is None or is_mfa(text):
        raise AddressError(f"{text!r} is not a name of the form LAYER.CATEGORY.SUBCATEGORY.SEQUENCE")
    return Hfn(*match.groups())


def parse_mfa(text: str) -> Mfa:
    """Read an MFA in letter or numeric form.

    Raises:
        AddressError: the text has another shape.
    """
    if match := LETTER_PATTERN.fullmatch(text):
        return Mfa(*match.groups())
    if match := NUMERIC_PATTERN.fullmatch(text):
        number, category, subcategory, sequence = match.groups()
        return Mfa(_LETTERS[number], category, subcategory, sequence)
    raise AddressError(f"{text!r} is not an address such as S.001.007.001 or 2.001.007.001")
