-- Files of a category that were to be uploaded: those that the plan sends, and those whose object stands by the ledger
-- (also if a later plan leaves them out, or if they have left the backup since).
select
    coalesce(p.item, o.item) as item,
    p.item is not null as in_backup,
    coalesce(o.state in ('migrated', 'already_present'), false) as success,
    o.state,
    case when o.item is null then 'no outcome is recorded yet' else o.reason end as error,
    coalesce((o.detail ->> 'source_bytes')::bigint, p.size) as source_bytes,
    coalesce((o.detail ->> 'bytes')::bigint, 0) as bytes,
    coalesce(o.detail ->> 'owner', p.owner) as owner,
    coalesce(o.detail ->> 'service', p.service) as service,
    o.detail ->> 'bucket' as bucket,
    o.detail ->> 'path' as path,
    o.detail ->> 'mime' as mime,
    o.detail ->> 'verdict' as verdict,
    (o.detail ->> 'similarity')::float8 as similarity,
    (o.detail ->> 'seconds')::float8 as seconds,
    coalesce((o.detail -> 'row' ->> 'is_preview_image')::boolean, false) as is_preview,
    o.source_hash,
    o.target_hash
from (select * from nabo_migration.plan_items where category = %(category)s) p
full join (select * from nabo_migration.outcomes where partition = %(category)s) o on o.item = p.item
where p.action = 'migrate' or o.state in ('migrated', 'already_present') or o.detail ? 'was'
