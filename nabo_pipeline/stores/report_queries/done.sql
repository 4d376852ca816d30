-- Every migrated picture of the present plan as figures: what compression made of it.
select
    o.item,
    o.partition as category,
    p.mime as source_type,
    o.detail ->> 'mime' as stored_type,
    o.detail ->> 'verdict' as verdict,
    (o.detail ->> 'similarity')::float8 as similarity,
    (o.detail ->> 'source_bytes')::bigint as source_bytes,
    (o.detail ->> 'bytes')::bigint as bytes,
    coalesce(100 * (1 - (o.detail ->> 'bytes')::float8 / nullif((o.detail ->> 'source_bytes')::float8, 0)), 0) as saved,
    o.detail ->> 'bucket' as bucket,
    o.detail ->> 'path' as path
from nabo_migration.outcomes o
join nabo_migration.plan_items p on p.item = o.item
where o.state in ('migrated', 'already_present')
