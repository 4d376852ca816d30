"""What several routes ask for: who asks, the request's key, and which item is meant."""

from typing import Annotated

from fastapi import Depends, Path
from pydantic import Field, StringConstraints

from asset_registry_pipeline.desk.api.writing import keyed
from asset_registry_pipeline.desk.security.access import api_at_least, api_user
from asset_registry_pipeline.registry.roles import Actor, Role
from asset_registry_pipeline.stores.requests import Keyed

_LONGEST = 5_000
"""Characters; a name has 4,000 at most."""
_NAMES = "The asset's id (24 hex digits, or as `int:5`), its name, its address, or the queue's key"

Reader = Annotated[Actor, Depends(api_user)]
Curator = Annotated[Actor, Depends(api_at_least(Role.CURATOR))]
Key = Annotated[Keyed | None, Depends(keyed)]
Called = Annotated[str, StringConstraints(min_length=1, max_length=_LONGEST), Field(description=_NAMES)]
"""An item of the queue, in a body."""
Id = Annotated[str, Path(alias="id", max_length=_LONGEST, description=_NAMES)]
"""The same in a path."""
