"""Files that configure a migration: profiles, a taxonomy, recorded decisions; what they mean is the domain's."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from asset_registry_pipeline.registry.decisions import Decision
from asset_registry_pipeline.registry.decisions_csv import RefusedRow, read_csv
from asset_registry_pipeline.registry.profiles import Profile, from_mapping
from migration_kit.environment import refuse_literal_credentials
from migration_kit.failures import PermanentError

_PACKAGED = "asset_registry_pipeline.profiles"


def refuse_credentials(*paths: str) -> None:
    """Refuse configuration that holds a password in an address; what is no file is passed over.

    Raises:
        PermanentError: naming file and line, never the password.
    """
    for path in paths:
        if path.strip() and Path(path).is_file():
            refuse_literal_credentials(Path(path))


def load_profile(name: str) -> Profile:
    """The profile of that name, or of that path to a YAML file; `default` where the name is empty.

    Raises:
        PermanentError: there is no such profile, or it is not a valid one.
    """
    wanted = name.strip() or "default"
    if wanted.endswith((".yaml", ".yml")):
        path = Path(wanted)
        if not path.is_file():
            raise PermanentError(
                f"there is no file {path}", item="REGISTRY_PROFILE", remedy="Correct the path"
            )
        text = path.read_text(encoding="utf-8")
    else:
        packaged = files(_PACKAGED)
        known = sorted(
            entry.name.removesuffix(".yaml") for entry in packaged.iterdir() if ".yaml" in entry.name
        )
        if wanted not in known:
            remedy = f"Set it to {', '.join(known)}, or to the path of a YAML file"
            raise PermanentError(f"there is no profile {wanted!r}", item="REGISTRY_PROFILE", remedy=remedy)
        text = packaged.joinpath(f"{wanted}.yaml").read_text(encoding="utf-8")
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise PermanentError(f"it is not YAML: {error}", item=wanted, remedy="Correct the profile") from error
    if not isinstance(values, dict):
        raise PermanentError("it holds no choices", item=wanted, remedy="Start from the profile default.yaml")
    return from_mapping(values, where=f"profile {wanted}")


def load_taxonomy(path: Path) -> tuple[dict[str, Any], str]:
    """A taxonomy table and its version from a JSON file: the table itself, or `{"version", "layers"}`.

    Raises:
        PermanentError: the file is missing or holds no JSON object.
    """
    remedy = "Correct REGISTRY_TAXONOMY, or leave it empty to use the registry's own collection"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PermanentError(
            f"the taxonomy cannot be read: {error}", item=str(path), remedy=remedy
        ) from error
    if not isinstance(content, dict):
        raise PermanentError("the taxonomy is no JSON object", item=str(path), remedy=remedy)
    if isinstance(content.get("layers"), dict):
        return content["layers"], str(content.get("version", "unversioned"))
    return content, "unversioned"


def load_decisions(path: str) -> tuple[tuple[Decision, ...], tuple[RefusedRow, ...]]:
    """The decisions of the CSV at REGISTRY_DECISIONS and the rows that are none; nothing where it is unset.

    Raises:
        PermanentError: the file is missing, is no UTF-8, or lacks a column.
    """
    if not path.strip():
        return (), ()
    remedy = "Correct REGISTRY_DECISIONS, or leave it empty when there are no recorded decisions"
    try:
        # Not read_text: it would change the ends of lines within a curator's words.
        return read_csv(Path(path).read_bytes().decode("utf-8"))
    except (OSError, ValueError) as error:
        raise PermanentError(f"the decisions cannot be read: {error}", item=path, remedy=remedy) from error
