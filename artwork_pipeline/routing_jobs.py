"""The job that has one customer served by the old table or by the clean one. What serves them is the database's.

A click does no harm: by default it only tells what it would do.
"""

import dagster as dg

from artwork_pipeline.assets.common import POOL, PREFIX
from artwork_pipeline.resources import ArtworkDatabase
from migration_kit.failures import PermanentError
from migration_kit.orchestration import NETWORK_RETRY, failing

VERSIONS = ("v1", "v2", "default")
_TO_DO_IT = """```yaml
ops:
  route_customer:
    config:
      email: customer@example.com
      version: v2  # v1: the old table; v2: the clean one; default: the one called artworks, as for everybody
      by: who decides this
      confirm: customer@example.com
      dry_run: false
```"""


class RouteConfig(dg.Config):
    """Which customer, and by which table they are to be served."""

    email: str
    """The customer's address, in any spelling. It stays in the configuration of the run."""
    version: str = "default"
    """v1 (the old table), v2 (the clean one), or default (the one that is called artworks)."""
    by: str = ""
    """Who decides this; kept with the route."""
    confirm: str = ""
    """The address once more."""
    dry_run: bool = True
    """True: only tell what would be done."""


@dg.op(
    description="Has one customer served by the old table or by the clean one; both hold the same.",
    pool=POOL,
    retry_policy=NETWORK_RETRY,
    out=dg.Out(dg.Nothing),
)
def route_customer(context: dg.OpExecutionContext, config: RouteConfig, database: ArtworkDatabase) -> None:
    """Routes one customer, or tells what routing would do."""
    from artwork_pipeline.stores import routing

    with failing(context):
        _require_confirmed(config)
        version: routing.Version | None = None
        if config.version == "v1":
            version = "v1"
        elif config.version == "v2":
            version = "v2"
        with database.session() as connection:
            if config.dry_run:
                done = routing.look(connection, config.email, version)
            else:
                made = routing.make_index(connection)
                if made:
                    context.log.info("The old table has its index by address now")
                done = routing.route(connection, config.email, version, by=config.by)
            named = routing.counts(connection)
    verb = "would be" if config.dry_run else "is"
    context.log.info(
        f"Customer {done.customer}, {done.artworks} artworks: served by {done.before}, {verb} served by {done.after}"
    )
    if done.artworks == 0:
        context.log.warning(
            "Nobody with this address has an artwork: is it spelled as the customer spells it?"
        )
    context.add_output_metadata(
        {
            "customer": done.customer,
            "served_before": done.before,
            "served_after": done.after,
            "changed": done.changed and not config.dry_run,
            "artworks": done.artworks,
            "not_the_same": dg.MetadataValue.json([list(one) for one in done.differences[:50]]),
            "customers_on_v1": named.get("v1", 0),
            "customers_on_v2": named.get("v2", 0),
            "to_do_it": dg.MetadataValue.md(_TO_DO_IT),
        }
    )


@dg.job(
    name=f"{PREFIX}_route",
    description="Has one customer served by the old table or by the clean one, before the switch-over or after it,"
    " without touching anybody else. As it stands it only tells what it would do; to do it, launch it with this"
    f" configuration:\n\n{_TO_DO_IT}",
    tags={"pipeline": PREFIX, "stage": "routing"},
)
def artwork_route() -> None:
    """One customer's way to the clean table, and back."""
    route_customer()


def _require_confirmed(config: RouteConfig) -> None:
    wrong = (
        f"version is {config.version!r}, and needs to be one of {', '.join(VERSIONS)}"
        if config.version not in VERSIONS
        else "confirm is not the address that is in email"
        if not config.dry_run and config.confirm != config.email
        else "by is empty"
        if not config.dry_run and not config.by.strip()
        else None
    )
    if wrong:
        raise PermanentError(
            wrong, item="artwork_route", remedy="Nothing was changed; see the job's description"
        )


JOBS = [artwork_route]
