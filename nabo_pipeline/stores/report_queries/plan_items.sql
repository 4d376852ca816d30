-- The plan of a category, in the order of the paths.
select item, action, reason, size, bucket, stem, owner, service
from nabo_migration.plan_items
where category = %(category)s
order by item collate "C"
