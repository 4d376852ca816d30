-- Files that have left the backup since they were migrated: their objects and rows stand.
select o.item, o.partition as category, o.detail ->> 'bucket' as bucket, o.detail ->> 'path' as path
from nabo_migration.outcomes o
where (o.state in ('migrated', 'already_present') or o.detail ? 'was')
    and not exists (select from nabo_migration.plan_items p where p.item = o.item)
