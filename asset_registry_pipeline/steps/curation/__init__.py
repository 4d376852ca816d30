"""The curators' queue: what desk and API call, and what runs of the pipeline bring into it. Knows no HTTP.

Each act is a function over an open registry. Who acts and what time it is are handed in; what is refused is a
`CurationError` with a code, and holds what the curator had written.
"""

from asset_registry_pipeline.steps.curation.batches import approve_batch, preview_batch
from asset_registry_pipeline.steps.curation.claiming import claim, claim_next, release, renew
from asset_registry_pipeline.steps.curation.deciding import decide, undo
from asset_registry_pipeline.steps.curation.errors import CurationError
from asset_registry_pipeline.steps.curation.exchange import export_decisions, import_decisions_text
from asset_registry_pipeline.steps.curation.overviews import audit, deciders, errors, held, progress
from asset_registry_pipeline.steps.curation.reading import item, page, queued, settled
from asset_registry_pipeline.steps.curation.refreshing import install, refresh
from asset_registry_pipeline.steps.curation.retrying import request_retry, unplanned

__all__ = [
    "CurationError",
    "approve_batch",
    "audit",
    "claim",
    "claim_next",
    "decide",
    "deciders",
    "errors",
    "export_decisions",
    "held",
    "import_decisions_text",
    "install",
    "item",
    "page",
    "preview_batch",
    "progress",
    "queued",
    "refresh",
    "release",
    "renew",
    "request_retry",
    "settled",
    "undo",
    "unplanned",
]
