"""Apply: a plan that still holds is published to development, and what became of it is read back from the ledger."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from asset_registry_pipeline.registry.answers import ANSWER_COLUMNS
from asset_registry_pipeline.registry.outcomes import IN_DEVELOPMENT
from asset_registry_pipeline.registry.profiles import Profile
from asset_registry_pipeline.registry.transform import Disposition
from asset_registry_pipeline.steps import text_index
from asset_registry_pipeline.steps.accounting import account_layer
from asset_registry_pipeline.steps.plan import outcome_line
from asset_registry_pipeline.steps.publishing import Tally, publish_range
from asset_registry_pipeline.steps.sources import layer_parts, other_parts
from asset_registry_pipeline.steps.spreading import spread
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.id_ranges import IdRange
from asset_registry_pipeline.stores.progress import Progress, Status
from migration_kit.accounting import Accounting, State, require_balanced
from migration_kit.failures import PermanentError
from migration_kit.fingerprints import SetDigest
from migration_kit.ledger import Plan
from migration_kit.progress import track

READY = "ready"
"""The column that is true for what is to be published, which the rules about documents are for."""
COLUMNS = ("item", "label", "disposition", "reason", "explained", "has_document", READY, *ANSWER_COLUMNS)
_UNANSWERED = (None,) * len(ANSWER_COLUMNS)


@dataclass(frozen=True)
class Staged:
    """A plan that still holds: everything it was made from is as it was."""

    plan: Plan

    @property
    def layer(self) -> str:
        """The layer that was planned."""
        return self.plan.partition

    @property
    def source(self) -> str:
        """The hash of the layer's documents that the plan was made from."""
        digest: str = self.plan.summary["parts"]["staging"]
        return digest

    @property
    def dispositions(self) -> Mapping[str, int]:
        """How many documents have which outcome."""
        counts: Mapping[str, int] = self.plan.summary["dispositions"]
        return counts

    @property
    def album_art_pending(self) -> int:
        """Songs that are ready and whose album art nobody has settled yet."""
        states: Mapping[str, int] = self.plan.summary.get("album_art_pending", {})
        return sum(states.values())


@dataclass(frozen=True)
class Published:
    """What publishing a layer did: documents written and their bytes, the accounting of the batch.

    `over_the_limit`: more of the layer is quarantined than the profile allows, so that it has not passed.
    """

    written: int
    bytes: int
    accounting: Accounting
    over_the_limit: bool


def load_staged(registry: Registry, layer: str, accepted: Mapping[str, str] | None = None) -> Staged:
    """The layer's plan, if everything it was made from is as it was.

    Raises:
        PermanentError: there is no plan, or its source has changed.
    """
    plan = registry.ledger.plan(layer)
    if plan is None:
        raise PermanentError("there is no plan", item=f"layer {layer}", remedy=_remedy(layer))
    _require_same(plan, layer_parts(registry, layer, accepted))
    return Staged(plan)


def require_unchanged(registry: Registry, staged: Staged, accepted: Mapping[str, str] | None = None) -> None:
    """Go on only if what the plan was made from, staging apart, is still as it was when it was loaded.

    Raises:
        PermanentError: it has changed since.
    """
    _require_same(staged.plan, {"staging": staged.source, **other_parts(registry, staged.layer, accepted)})


def _require_same(plan: Plan, parts: Mapping[str, str]) -> None:
    planned: Mapping[str, str] = plan.summary.get("parts", {})
    if changed := sorted(part for part in {*parts, *planned} if planned.get(part) != parts.get(part)):
        reason = f"what the plan was made from has changed since: {', '.join(changed)}"
        inventory = "Take the inventory again, m" if "staging" in changed else "M"
        raise PermanentError(
            reason,
            item=f"layer {plan.partition}",
            remedy=f"{inventory}{_remedy(plan.partition)[1:]}",
        )


def outcome_rows(registry: Registry, staged: Staged) -> Iterator[tuple[Any, ...]]:
    """A row for each staged outcome, in the order of COLUMNS, streamed; answers only about what is ready.

    Raises:
        PermanentError: at the end, if these are other outcomes than the plan has.
    """
    seen = SetDigest()
    for rows, part in spread(registry, staged.layer, outcome_rows_of_range, light=True):
        seen.update(part)
        yield from rows
    _require_planned(staged, seen)


def outcome_rows_of_range(
    registry: Registry, layer: str, within: IdRange
) -> tuple[list[tuple[Any, ...]], SetDigest]:
    """The rows of a range, and the digest of its outcomes."""
    rows: list[tuple[Any, ...]] = []
    seen = SetDigest()
    for one, with_document, answers in registry.workspace.staged_outcomes(layer, within):
        seen.add(outcome_line(one))
        ready = one.disposition == Disposition.READY
        explained, complete = (one.reason is None) == ready, with_document == ready
        answered = answers if ready and answers else _UNANSWERED
        rows.append((one.item, one.label, one.disposition, one.reason, explained, complete, ready, *answered))
    return rows, seen


def _require_planned(staged: Staged, seen: SetDigest) -> None:
    if seen.hexdigest() != staged.plan.fingerprint:
        raise PermanentError(
            "other outcomes are staged than the plan has; another run may be planning at this moment",
            item=f"layer {staged.layer}",
            remedy=_remedy(staged.layer),
        )


def _remedy(layer: str) -> str:
    return f"Materialise the candidates of {layer} again, then this"


def publish(
    registry: Registry, staged: Staged, *, run_id: str, batch: str, log: Callable[[str], None]
) -> Published:
    """Write what is ready and not there, and record an outcome for every document of the layer.

    Raises:
        PermanentError: an index cannot be made, or documents remain without an outcome.
        TransientError: the server was lost; a new run takes up what is left.
    """
    layer = staged.layer
    registry.preimages.install()
    for index, problem in registry.development.ensure_indexes().items():
        log(f"the index {index} cannot be made, and verifying will say so: {problem}")
    registry.progress.save(_recorded(registry, staged, Status.IN_PROGRESS))
    done = Tally()
    work = partial(publish_range, run_id=run_id, batch=batch)
    for each in track(spread(registry, layer, work), total=None, log=log, what=f"publishing {layer}, ranges"):
        done += each
    # Whoever staged other outcomes meanwhile has changed what the verdict would stand for.
    _require_planned(staged, done.outcomes)
    if not text_index.comes_with_composites(registry, layer):
        registry.development.begin_text_index(registry.settings.development_uri)
    accounting = account_layer(registry, layer, batch=batch)
    require_balanced(accounting, where=f"layer {layer}")
    over = too_many_quarantined(accounting, registry.profile)
    registry.progress.save(_progress(layer, accounting, Status.FAILED if over else Status.COMPLETED))
    return Published(done.written, done.bytes, accounting, over)


def too_many_quarantined(accounting: Accounting, profile: Profile) -> bool:
    """Whether more of a layer is quarantined than the profile allows, with what only publishing could find."""
    return sum(accounting.quarantined.values()) > profile.quarantine_limit * accounting.source


def note_failed(registry: Registry, staged: Staged) -> None:
    """Say that the layer's newest plan has not passed; what earlier ones brought still counts."""
    registry.progress.save(_recorded(registry, staged, Status.FAILED))


def _recorded(registry: Registry, staged: Staged, status: Status) -> Progress:
    """Where the layer stands by the ledger; while it is published, chunks are added to it."""
    counts = Counter[State]()
    for state, _, documents in registry.ledger.counts(partition=staged.layer):
        counts[state] += documents
    return Progress(
        staged.layer,
        total=staged.plan.items,
        migrated=sum(counts[state] for state in IN_DEVELOPMENT),
        failed=counts[State.QUARANTINED],
        status=status,
    )


def _progress(layer: str, accounting: Accounting, status: Status) -> Progress:
    return Progress(
        layer,
        total=accounting.source,
        migrated=accounting.migrated + accounting.already_present,
        failed=sum(accounting.quarantined.values()),
        status=status,
    )
