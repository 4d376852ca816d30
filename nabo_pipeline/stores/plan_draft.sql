-- A category's plan while it is made. {candidate} is its table; each statement stands under its name.

-- name: settle_rivals
-- One avatar for an owner, one file for a target path: the first by path goes. Another picture of the same owner waits
-- for it; another file of the same path would overwrite it.
update {candidate} as one set
    alternate_of = case when one.media_type = 'avatar' then rival.first end,
    action = case when one.media_type = 'avatar' then one.action else 'quarantined' end,
    reason = case when one.media_type = 'avatar' then one.reason else %(same_path)s end,
    treatment = case when one.media_type = 'avatar' then %(waiting)s else '' end,
    estimated_bytes = 0,
    estimated_seconds = 0
from (
    select item, first_value(item) over (partition by claim order by item collate "C") as first
    from {candidate} where action = 'migrate'
) rival
where rival.item = one.item and rival.first <> one.item;

-- name: totals
select count(*), count(*) filter (where action = 'migrate'),
    coalesce(sum(size) filter (where action = 'migrate'), 0)::bigint,
    count(*) filter (where action = 'migrate' and alternate_of is null),
    coalesce(sum(size) filter (where action = 'migrate' and alternate_of is null), 0)::bigint,
    coalesce(sum(estimated_bytes), 0)::bigint, coalesce(sum(estimated_seconds), 0)::float8
from {candidate};

-- name: groups
-- What happens to how many, by treatment or reason, with an example of each.
select action, coalesce(reason, treatment), count(*), sum(size)::bigint, sum(estimated_bytes)::bigint,
    sum(estimated_seconds)::float8, min(item collate "C")
from {candidate} group by 1, 2 order by (action <> 'migrate'), action, count(*) desc, 2;

-- name: fingerprint
-- A sum of the rows' SHA-256 in four parts, so that the order does not matter and no row travels.
select count(*)::text, sum(part_1)::text, sum(part_2)::text, sum(part_3)::text, sum(part_4)::text
from (
    select ('x' || substr(hash, 1, 16))::bit(64)::bigint as part_1, ('x' || substr(hash, 17, 16))::bit(64)::bigint as part_2,
        ('x' || substr(hash, 33, 16))::bit(64)::bigint as part_3, ('x' || substr(hash, 49, 16))::bit(64)::bigint as part_4
    from (
        select encode(sha256(convert_to(row({columns})::text, 'UTF8')), 'hex') as hash
        from {candidate} where category = %(category)s
    ) hashed
) parts;
