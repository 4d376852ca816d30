"""The partitions of the artworks. Which row belongs to which is `artworks.months`'s knowledge."""

import dagster as dg

from artwork_pipeline.artworks.months import SLICES

month_of_creation = dg.StaticPartitionsDefinition(list(SLICES))
"""The months in which uploads were taken, and two open ends: every row is in exactly one, dated or not."""

EVERY_MONTH = dg.AllPartitionMapping()
"""For what needs all of them: the report."""
