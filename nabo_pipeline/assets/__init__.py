"""The assets, thin: read, call a step, write, report. One module a stage, in the order of the stages."""

from nabo_pipeline.assets.apply import images, media_records
from nabo_pipeline.assets.inventory import media_inventory
from nabo_pipeline.assets.plan import migration_plan
from nabo_pipeline.assets.report import migration_report
from nabo_pipeline.assets.verify import media_validation

ASSETS = [media_inventory, migration_plan, images, media_records, media_validation, migration_report]
