"""What a person watches while both tables are there: whether the reads agree, and where the migration stands."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from artwork_pipeline.assets.common import PREFIX, stage
from artwork_pipeline.assets.report import migration_report
from artwork_pipeline.assets.verify import verification
from artwork_pipeline.partitions import EVERY_SLICE
from artwork_pipeline.resources import ArtworkDatabase
from migration_kit.orchestration import NETWORK_RETRY, failing
from migration_kit.reports import markdown_table, reports_path, write_bytes, write_json

if TYPE_CHECKING:
    from artwork_pipeline.stores.comparison import ParallelRun, Rate

READS_AGREE = "reads_agree"
PARALLEL_RUN = dg.AssetKey([PREFIX, "parallel_run"])
SHOWN_RATES = 30
_COLUMNS = ("read", "subject", "column", "expected", "found")


class ParallelRunConfig(dg.Config):
    """How much is read."""

    sample: int = 500
    """About so many rows of each side; small tables are read whole."""


@dg.asset(
    **stage("verify"),
    deps=[dg.AssetDep(verification, partition_mapping=EVERY_SLICE)],
    retry_policy=NETWORK_RETRY,
    check_specs=[
        dg.AssetCheckSpec(
            READS_AGREE,
            asset=PARALLEL_RUN,
            description="The application's reads give the same on both sides; how often they did not, run by run.",
        )
    ],
)
def parallel_run(
    context: dg.AssetExecutionContext, database: ArtworkDatabase, config: ParallelRunConfig
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[Any]]:
    """The application's reads on both sides, sampled and compared: by id, token, e-mail and state, and by order.

    What differs is named and kept in `artwork_migration.comparisons`. Where there is nothing to compare, it says so.
    """
    from artwork_pipeline.stores import comparison, evidence

    with failing(context), database.session() as connection:
        if why := comparison.nothing_to_compare(connection):
            context.log.warning(f"Nothing was compared: {why}")
            yield _unproved(f"nothing was compared: {why}", {})
            yield dg.MaterializeResult(metadata={"compared": 0, "why": why})
            return
        found = comparison.compare(connection, config.sample)
        comparison.keep(connection, context.run.run_id, found)
        # Whether others read the old table is asked of the server regularly, and this asset is made regularly.
        evidence.sample(connection, run_id=context.run.run_id)
        rates = comparison.history(connection, SHOWN_RATES)
    yield _check(found, rates)
    yield dg.MaterializeResult(metadata=_told(found, rates))


def _check(found: "ParallelRun", rates: "list[Rate]") -> dg.AssetCheckResult:
    metadata: dict[str, Any] = {
        "mismatch_percent": round(found.rate * 100, 4),
        "mismatched": sum(map(found.mismatched, found.compared)),
        "newest_rates": _newest(rates),
    }
    if not sum(found.compared.values()):
        return _unproved("nothing was compared: no row is filled in yet", metadata)
    told = f"{sum(found.compared.values())} reads gave the same on both sides"
    if found.mismatches:
        differing = (
            f"{read}: {found.mismatched(read)} of {compared} differ"
            for read, compared in found.compared.items()
            if found.mismatched(read)
        )
        told = f"{'; '.join(differing)}. artwork_verify_slice names every row and column of a slice"
    return dg.AssetCheckResult(
        asset_key=PARALLEL_RUN,
        check_name=READS_AGREE,
        passed=not found.mismatches,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata=metadata,
        description=told,
    )


def _unproved(why: str, metadata: dict[str, Any]) -> dg.AssetCheckResult:
    """Nothing was compared, so nothing is proved: a warning, not a pass."""
    return dg.AssetCheckResult(
        asset_key=PARALLEL_RUN,
        check_name=READS_AGREE,
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=metadata,
        description=why,
    )


def _told(found: "ParallelRun", rates: "list[Rate]") -> dict[str, Any]:
    from artwork_pipeline.pages import pictures
    from artwork_pipeline.stores.comparison import READS

    reads = [
        {"read": READS[read], "compared": compared, "differ": found.mismatched(read)}
        for read, compared in found.compared.items()
    ]
    differences = [vars(one) for one in found.mismatches]
    folder = reports_path(PREFIX)
    path = write_json(folder / "parallel-run.json", {"reads": reads, "mismatches": differences})
    picture = pictures.trend([one.rate for one in rates], [f"{one.at:%d.%m. %H:%M}" for one in rates])
    drawn = write_bytes(folder / "parallel-run.png", picture)
    return {
        "compared": sum(found.compared.values()),
        "mismatched": sum(map(found.mismatched, found.compared)),
        "mismatch_percent": round(found.rate * 100, 4),
        "reads": dg.MetadataValue.md(markdown_table(reads, ("read", "compared", "differ"))),
        "mismatches": dg.MetadataValue.md(markdown_table(differences, _COLUMNS) if differences else "none"),
        "trend": dg.MetadataValue.md(
            pictures.in_markdown(picture, "Share of reads that differed, run by run")
        ),
        "phase": str(found.phase),
        "seconds": round(found.seconds, 2),
        "all_mismatches": dg.MetadataValue.path(str(path)),
        "picture": dg.MetadataValue.path(str(drawn)),
    }


def _newest(rates: "list[Rate]") -> dg.TableMetadataValue:
    columns = [dg.TableColumn(name, "string") for name in ("at", "phase")]
    columns += [dg.TableColumn(name, "int") for name in ("reads", "differ")]
    records = [
        dg.TableRecord(
            {
                "at": f"{one.at:%Y-%m-%d %H:%M:%S}",
                "phase": one.phase,
                "reads": one.compared,
                "differ": one.mismatched,
            }
        )
        for one in reversed(rates)
    ]
    return dg.MetadataValue.table(records, schema=dg.TableSchema(columns))


@dg.asset(**stage("report"), deps=[migration_report, parallel_run], retry_policy=NETWORK_RETRY)
def state(context: dg.AssetExecutionContext, database: ArtworkDatabase) -> dg.MaterializeResult[Any]:
    """Where the migration stands: its phase, how it came there and who led it, what may follow. Reads only.

    Materialise it at any time; before the first stage it says that nothing has begun.
    """
    from artwork_pipeline.pages import pictures
    from artwork_pipeline.stores.standing import standing

    with failing(context), database.session() as connection:
        now = standing(connection)
    history = [
        {
            "at": f"{one.at:%Y-%m-%d %H:%M}",
            "to": one.to_phase,
            "by": one.by,
            "seconds": "" if one.seconds is None else f"{one.seconds:.1f}",
            "blocked_ms": "" if one.blocking_ms is None else f"{one.blocking_ms:.0f}",
            "run": one.run_id,
        }
        for one in reversed(now.history)
    ]
    following = [{"phase": phase, "by": job} for phase, job in now.following.items()]
    picture = pictures.phases(now.phase)
    folder = reports_path(PREFIX)
    drawn = write_bytes(folder / "state.png", picture)
    report = {"phase": now.phase, "since": now.since, "history": history, "following": following}
    path = write_json(folder / "state.json", report)
    columns = ("at", "to", "by", "seconds", "blocked_ms")
    return dg.MaterializeResult(
        metadata={
            "phase": str(now.phase),
            "since": f"{now.since:%Y-%m-%d %H:%M:%S %Z}" if now.since else "nothing has begun",
            "days_since_the_switch": now.days_since_the_switch
            if now.days_since_the_switch is not None
            else "not switched",
            "tables": f"old: {now.tables.old or 'gone'}, clean: {now.tables.clean}",
            "picture": dg.MetadataValue.md(
                pictures.in_markdown(picture, f"The phases of the migration; it is {now.phase}")
            ),
            "may_follow": dg.MetadataValue.md(markdown_table(following, ("phase", "by"))),
            "history": dg.MetadataValue.md(markdown_table(history, columns, limit=100)),
            "report": dg.MetadataValue.path(str(path)),
            "picture_file": dg.MetadataValue.path(str(drawn)),
        }
    )
