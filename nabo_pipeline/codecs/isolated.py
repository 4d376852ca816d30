"""Compression in an isolated process, with a second chance for the picture when a codec fails it."""

from __future__ import annotations

from dataclasses import replace

from migration_kit.accounting import State
from migration_kit.pictures.isolation import IsolatedWorkers
from nabo_pipeline.codecs.compress import compress
from nabo_pipeline.media import compression as rules
from nabo_pipeline.media.compression import Compressed, Rejected, Task


def compress_isolated(workers: IsolatedWorkers, task: Task) -> Compressed | Rejected:
    """What to upload for a picture, or why nothing may be uploaded: also where a codec crashed, hung or hoarded.

    Encoders fail more often than decoders. So a picture that one of them failed on is looked at once more without any:
    if it decodes, it goes as it is.
    """
    failure = workers.run_or_reason(compress, task)
    if not isinstance(failure, str):
        return failure
    careful = replace(task, settings=replace(task.settings, policy=rules.AS_IT_IS))
    result = workers.run_or_reason(compress, careful)
    if isinstance(result, Compressed) and result.verdict == rules.KEPT_BY_POLICY:
        return replace(result, verdict=rules.KEPT_CODEC)
    return Rejected(State.QUARANTINED, failure)
