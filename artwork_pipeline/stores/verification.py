"""The comparison of both sides of a slice, and what it is worth as a report with every row and column named.

The comparison itself stands in `sql/verification.sql`; the rules on the clean rows are a suite of their own.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from artwork_pipeline.artworks.phases import Tables
from artwork_pipeline.stores import evidence, phase
from artwork_pipeline.stores.sessions import scalar
from migration_kit.accounting import Accounting
from migration_kit.failures import TransientError
from migration_kit.postgres import transient_errors
from migration_kit.suites import RuleResult, SuiteReport

MOST_EXAMPLES = 10

_SOURCE_ROWS = "SELECT artwork_migration.source_rows(%s)"
_DIFFERENCES = """
    SELECT problem, artwork_id::text, column_name, expected, found FROM artwork_migration.differences(%s)
    ORDER BY 1, 2, 3
"""
_HASHES = """
    SELECT COALESCE(encode(sha256(string_agg(said, ''::bytea ORDER BY item)), 'hex'), 'empty')
    FROM (SELECT item, sha256(convert_to(concat_ws(':', item, state, reason, source_hash, target_hash), 'UTF8')) AS said
          FROM artwork_migration.outcomes WHERE partition = %s) AS each
"""
_CLEAN_ROWS = """
    SELECT v.id::text AS id, v.user_id::text AS user_id, v.customer_name, v.customer_email, v.pet_mom_image_url,
           v.pet_image_url, v.generated_image_url, v.upscaled_image_url, v.generation_status, v.upscale_status,
           v.access_token, v.token_expires_at, v.legacy::text AS legacy,
           public.normalised_email(v.customer_email) = v.customer_email AS address_is_normal,
           v.generation_status <> 'completed' OR COALESCE(v.generated_image_url, '') <> '' AS finished_has_picture,
           EXISTS (SELECT FROM public.artwork_token_aliases l WHERE l.token = v.access_token) AS token_is_an_alias
    FROM artwork_migration.outcomes o JOIN {} v ON v.id = o.item::uuid
    WHERE o.partition = {} AND o.state = 'migrated'
"""
# A backfill that writes nothing changes nothing, but nobody knows that of one that is under way.
_FILLED = """
    SELECT COALESCE(string_agg(c::text, ' ' ORDER BY part), 'never')
    FROM artwork_migration.cursors c WHERE partition = %s
"""
_HOLD = "SELECT FROM artwork_migration.cursors WHERE partition = %s ORDER BY part FOR SHARE"
_COUNTS = "SELECT state, reason, count(*) FROM artwork_migration.outcomes WHERE partition = %s GROUP BY state, reason"


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it should be; values of people are told by length and hash."""

    problem: str
    artwork_id: str
    column: str | None
    expected: str
    found: str

    @property
    def rule(self) -> str:
        """What the difference breaks, with the column where one is concerned."""
        return f"{self.problem}: {self.column}" if self.column else self.problem


@dataclass(frozen=True)
class Comparison:
    """Both sides of a slice in one snapshot: its rows (count), what became of them, every difference.

    ``filled_until`` says how far its backfill was then.
    """

    partition: str
    rows: int
    accounting: Accounting
    candidate: str
    tables: Tables
    filled_until: str
    differences: tuple[Difference, ...]


def compare(connection: psycopg.Connection[Any], partition: str) -> Comparison:
    """Compare the slice in one snapshot, so that people who write meanwhile make no difference."""
    with transient_errors(f"verification of {partition}"), evidence.snapshot(connection):
        rows = int(scalar(connection, _SOURCE_ROWS, [partition]))
        counts = connection.execute(_COUNTS, [partition]).fetchall()
        differences = tuple(Difference(*row) for row in connection.execute(_DIFFERENCES, [partition]))
        called = phase.tables(connection)
        candidate = str(scalar(connection, _HASHES, [partition]))
        filled = _filled_until(connection, partition)
    accounting = Accounting.from_counts(rows, counts)
    return Comparison(partition, rows, accounting, candidate, called, filled, differences)


@contextmanager
def as_compared(connection: psycopg.Connection[Any], comparison: Comparison) -> Iterator[None]:
    """Let nobody fill the slice while its verdict is published; whoever comes then withdraws the verdict.

    Raises:
        TransientError: it was filled since the snapshot that was compared.
    """
    with transient_errors(f"verification of {comparison.partition}"), connection.transaction():
        connection.execute(_HOLD, [comparison.partition])
        if _filled_until(connection, comparison.partition) != comparison.filled_until:
            raise TransientError(
                "it was filled while it was compared, so the comparison is of an older state",
                item=comparison.partition,
                remedy="Materialise artwork/verification again once its backfill has ended",
            )
        yield


def _filled_until(connection: psycopg.Connection[Any], partition: str) -> str:
    return str(scalar(connection, _FILLED, [partition]))


def clean_rows_query(partition: str, tables: Tables) -> str:
    """The month's clean rows for a suite of rules, with what a rule cannot compute by itself."""
    clean = sql.Identifier(*tables.clean_name.split("."))
    return sql.SQL(_CLEAN_ROWS).format(clean, sql.Literal(partition)).as_string()


def content_report(comparison: Comparison, suite: str, rules: Mapping[str, str]) -> SuiteReport:
    """The comparison as a suite's report: a line for each kind of difference, and for each column that differs."""
    found = Counter(difference.rule for difference in comparison.differences)
    examples: dict[str, list[str]] = {}
    for difference in comparison.differences:
        told = examples.setdefault(difference.rule, [])
        if len(told) < MOST_EXAMPLES:
            told.append(f"{difference.artwork_id} should be {difference.expected}, is {difference.found}")
    balanced = comparison.accounting.balanced
    conserved = RuleResult(
        rule="every row of the source has one outcome",
        column="",
        severity="critical",
        passed=balanced,
        unexpected=abs(comparison.accounting.remainder),
    )
    broken = [
        RuleResult(
            rule=name,
            column=name.partition(": ")[2],
            severity="critical",
            passed=False,
            unexpected=rows,
            examples=tuple(examples[name]),
        )
        for name, rows in sorted(found.items())
    ]
    seen = {difference.problem for difference in comparison.differences}
    held = [
        RuleResult(rule=f"{problem}: {meaning}", column="", severity="critical", passed=True)
        for problem, meaning in rules.items()
        if problem not in seen
    ]
    return SuiteReport(suite=suite, rows=comparison.rows, results=(conserved, *broken, *held))
