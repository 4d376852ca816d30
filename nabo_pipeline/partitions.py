"""The partitions of the media migration. Which file belongs to which is `media.paths`'s knowledge."""

import dagster as dg

from nabo_pipeline.media.paths import CATEGORIES

media_category = dg.StaticPartitionsDefinition(list(CATEGORIES))
"""`profile`, `service`, `chat`, and `other`: whatever lies outside the three trees, so that the sum is the backup."""

EVERY_CATEGORY = dg.AllPartitionMapping()
"""For what needs all of them: the report."""
