"""What a preflight looked at and what is wrong with it, as values; looking is the steps' work."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from migration_kit.failures import PermanentError

Row = Mapping[str, object]


@dataclass(frozen=True)
class Concern:
    """Something that is not as it should be. `refused`: nothing may be migrated as long as it is so."""

    item: str
    reason: str
    remedy: str
    refused: bool

    @property
    def row(self) -> Row:
        """What a table shows of it."""
        return {"what": self.item, "why": self.reason, "what to do": self.remedy}


@dataclass
class Preflight:
    """What was looked at, as rows of tables, and what is wrong with it."""

    servers: list[Row] = field(default_factory=list)
    privileges: list[Row] = field(default_factory=list)
    indexes: list[Row] = field(default_factory=list)
    validators: list[Row] = field(default_factory=list)
    layers: list[Row] = field(default_factory=list)
    unknown_fields: list[Row] = field(default_factory=list)
    choices: list[Row] = field(default_factory=list)
    taxonomy: str = ""
    concerns: list[Concern] = field(default_factory=list)

    @property
    def refusals(self) -> list[Concern]:
        """What has to be put right before anything is migrated."""
        return [concern for concern in self.concerns if concern.refused]

    @property
    def warnings(self) -> list[Concern]:
        """What a person should know, and what stops nothing."""
        return [concern for concern in self.concerns if not concern.refused]

    def warn(self, item: str, reason: str, remedy: str) -> None:
        """Add what stops nothing."""
        self.concerns.append(Concern(item, reason, remedy, refused=False))

    def refuse(self, item: str, reason: str, remedy: str) -> None:
        """Add what stops everything."""
        self.concerns.append(Concern(item, reason, remedy, refused=True))

    def require_fit(self) -> None:
        """Go on only if nothing is refused.

        Raises:
            PermanentError: naming everything that is.
        """
        match self.refusals:
            case []:
                return
            case [one]:
                raise PermanentError(one.reason, item=one.item, remedy=one.remedy)
            case several:
                told = "".join(f"\n- {one.item}: {one.reason}. {one.remedy}." for one in several)
                raise PermanentError(f"{len(several)} things stand in the way:{told}", item="preflight")
