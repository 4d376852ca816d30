"""Dagster glue that the three code locations share: gates, errors, metadata. Dagster's only place in the kit.

What is decided about data does not belong here: these functions carry verdicts into Dagster's terms.
"""

from migration_kit.orchestration.asking import (
    Ask,
    CannotLookError,
    ask_nothing,
    ask_once,
    looking,
    standing,
    tags_of_batch,
)
from migration_kit.orchestration.errors import failing
from migration_kit.orchestration.gating import gate_check_specs, require_gate, validate_then_publish
from migration_kit.orchestration.metadata import (
    accounting_metadata,
    configuration_to_do_it,
    problems_metadata,
)
from migration_kit.orchestration.rerun import (
    UNPARTITIONED,
    Launch,
    NewestRuns,
    asset_graph,
    launch_and_tell,
    newest_runs,
)
from migration_kit.orchestration.runs import (
    BATCH_TAG,
    NETWORK_RETRY,
    batch_id,
    batch_of,
    batch_seconds,
    environment_variable,
)
from migration_kit.orchestration.stages import AssetAttributes, Stage, asset_attributes

__all__ = [
    "BATCH_TAG",
    "NETWORK_RETRY",
    "UNPARTITIONED",
    "Ask",
    "AssetAttributes",
    "CannotLookError",
    "Launch",
    "NewestRuns",
    "Stage",
    "accounting_metadata",
    "ask_nothing",
    "ask_once",
    "asset_attributes",
    "asset_graph",
    "batch_id",
    "batch_of",
    "batch_seconds",
    "configuration_to_do_it",
    "environment_variable",
    "failing",
    "gate_check_specs",
    "launch_and_tell",
    "looking",
    "newest_runs",
    "problems_metadata",
    "require_gate",
    "standing",
    "tags_of_batch",
    "validate_then_publish",
]
