"""The taxonomy of the synthetic registry: real layers and codes where they are known, others in their manner."""

from __future__ import annotations

from typing import Any

VERSION = "2025-06"

# A subcategory's number is its place in the list, so the order is part of the data: HPM is number 007.
_SUB = {
    "S": [("BAS", "Base"), ("DIV", "Pop_Diva_Female_Stars"), ("IDF", "Pop_Idol_Female_Stars"),
          ("LGF", "Pop_Legend_Female_Stars"), ("LGM", "Pop_Legend_Male_Stars"), ("ICM", "Pop_Icon_Male_Stars"),
          ("HPM", "Pop_Hipster_Male_Stars")],
    "L": [("BAS", "Base"), ("PRF", "Performance"), ("URB", "Urban"), ("RET", "Retro"), ("Y2K", "Y2K_Revival")],
    "W": [("BAS", "Base"), ("STG", "Stage"), ("CIT", "City"), ("NAT", "Nature")],
    "M": [("BAS", "Base"), ("SLO", "Slow_Groove"), ("FST", "Fast_Steps")],
    "G": [("BAS", "Base"), ("CLA", "Classic"), ("MOD", "Modern")],
    "C": [("POP", "Pop"), ("HIP", "Hip_Hop"), ("MIX", "Mixed")],
}  # fmt: skip
_CATEGORIES = {
    "S": [("POP", "Pop"), ("ROC", "Rock"), ("HIP", "Hip_Hop"), ("KPO", "K_Pop")],
    "L": [("BAS", "Base"), ("CAS", "Casual"), ("FOR", "Formal"), ("STG", "Stage"), ("SPO", "Sport"),
          ("VIN", "Vintage"), ("FUT", "Futuristic")],
    "W": [("BAS", "Base"), ("CLB", "Club"), ("BCH", "Beach"), ("CON", "Concert"), ("STR", "Street"),
          ("FAN", "Fantasy"), ("SPC", "Space")],
    "M": [(f"D{number:02d}", f"Dance_{number:02d}") for number in range(1, 17)] + [("TIK", "TikTok")],
    "G": [("POP", "Pop"), ("ROC", "Rock"), ("HIP", "Hip_Hop"), ("RNB", "R_and_B"), ("ELE", "Electronic")],
    "C": [("FUL", "Full")],
}  # fmt: skip
_NAMES = {"G": "Songs", "S": "Stars", "L": "Looks", "M": "Moves", "W": "Worlds", "C": "Composites"}


def table() -> dict[str, Any]:
    """The whole table: `{LAYER: {name, categories: {"001": {code, name, subcategories: {...}}}}}`."""
    return {layer: _layer(layer) for layer in _NAMES}


def _layer(layer: str) -> dict[str, Any]:
    categories = {}
    for number, (code, name) in enumerate(_CATEGORIES[layer], 1):
        subcategories = {
            f"{place:03d}": {"code": subcode, "name": _subname(layer, name, subname)}
            for place, (subcode, subname) in enumerate(_SUB[layer], 1)
        }
        categories[f"{number:03d}"] = {"code": code, "name": name, "subcategories": subcategories}
    return {"name": _NAMES[layer], "categories": categories}


def _subname(layer: str, category: str, subcategory: str) -> str:
    # "Hip_Hop" / "Modern_Hip_Hop" is how the registry names a song's subcategory.
    return f"{subcategory}_{category}" if layer == "G" else subcategory


def places(layer: str) -> list[tuple[str, str, str, str, str, str]]:
    """Every place of a layer: category code, name and number, subcategory code, name and number."""
    return [
        (category["code"], category["name"], number, sub["code"], sub["name"], subnumber)
        for number, category in table()[layer]["categories"].items()
        for subnumber, sub in category["subcategories"].items()
    ]
