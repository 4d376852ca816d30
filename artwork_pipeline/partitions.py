"""The partitions of the artworks. Which row belongs to which is `artworks.slices`'s knowledge.

How the rows are cut is a setting that is read when the code location loads: Dagster shows partitions before any run.
"""

import os

import dagster as dg

from artwork_pipeline.artworks.slices import VARIABLE, slicing_of

SLICING = slicing_of(os.environ.get(VARIABLE))

slice_of_rows = dg.StaticPartitionsDefinition(list(SLICING.names))
"""Months in which uploads were taken with two open ends, or buckets: every row is in exactly one, dated or not."""

EVERY_SLICE = dg.AllPartitionMapping()
"""For what needs all of them: the report."""
