"""The assets, thin: read, call a step, write, report. One module a stage, in the order of the stages."""

from asset_registry_pipeline.assets.apply import components, composites, songs
from asset_registry_pipeline.assets.backup import staging_backup
from asset_registry_pipeline.assets.enrichment import song_enrichment
from asset_registry_pipeline.assets.inventory import staging_inventory
from asset_registry_pipeline.assets.plan import component_candidates, composite_candidates, song_candidates
from asset_registry_pipeline.assets.preflight import preflight
from asset_registry_pipeline.assets.prerequisites import composite_prerequisites
from asset_registry_pipeline.assets.report import migration_report
from asset_registry_pipeline.assets.verify import reconciliation

ASSETS = [
    preflight,
    staging_inventory,
    staging_backup,
    component_candidates,
    song_enrichment,
    song_candidates,
    composite_prerequisites,
    composite_candidates,
    components,
    songs,
    composites,
    reconciliation,
    migration_report,
]
