-- What the apply stage asks of ledger and plan set-wise. Each statement stands under its name (`-- name: ...`).

-- name: prepare
-- Whose avatar a picture is, and to which gallery it belongs: asked chunk by chunk, of millions.
create index if not exists outcomes_avatar_owner on nabo_migration.outcomes ((detail ->> 'owner'))
    where detail ->> 'media_type' = 'avatar';
create index if not exists outcomes_gallery on nabo_migration.outcomes (partition, coalesce(detail ->> 'service', item));

-- name: anything_to_carry
select exists (select 1 from nabo_migration.plan_items where category = %(category)s and action = 'migrate')
    or exists (select 1 from nabo_migration.outcomes
               where partition = %(category)s and state in ('migrated', 'already_present'));

-- name: settle_decided
-- What has been migrated stays so in the ledger, even if a later plan leaves it out: its object is ours. And what was
-- taken away stays so, even if a later plan has room for it again.
insert into nabo_migration.outcomes as kept (item, partition, state, reason, run_id, batch_id)
select item, category, action, reason, %(run)s, %(batch)s
from nabo_migration.plan_items where category = %(category)s and action <> 'migrate'
order by item
on conflict (item) do update set
    partition = excluded.partition, state = excluded.state, reason = excluded.reason, source_hash = null,
    target_hash = null, detail = excluded.detail, run_id = excluded.run_id, batch_id = excluded.batch_id,
    updated_at = now()
where not (kept.state in ('migrated', 'already_present') or kept.detail ?| array['was', 'taken_away'])
  and (kept.partition, kept.state, kept.reason, kept.source_hash, kept.target_hash, kept.detail)
      is distinct from (excluded.partition, excluded.state, excluded.reason, null, null, excluded.detail);

-- name: settle_taken_away
-- Somebody deleted both row and object in the app: theirs to do, and no later run brings the picture back.
update nabo_migration.outcomes o
set state = 'excluded', reason = %(reason)s, target_hash = null, run_id = %(run)s, batch_id = %(batch)s,
    detail = jsonb_build_object('taken_away', o.detail - 'was'), updated_at = now()
where o.partition = %(category)s and (o.state in ('migrated', 'already_present') or o.detail ? 'was')
  and o.detail ? 'row'
  and not exists (select 1 from public.media m where m.id = (o.detail #>> '{row,id}')::uuid)
  and not exists (select 1 from bucket_listing l where l.path = o.detail ->> 'path');

-- name: make_pending
create temp table if not exists pending
    (place bigint generated always as identity primary key, item text not null, alternate boolean not null);
truncate pending restart identity;

-- name: fill_pending
-- All that is to be migrated, but what the ledger calls verified, in this version, and what stands with its size.
insert into pending (item, alternate)
select p.item, p.alternate_of is not null
from nabo_migration.plan_items p
left join nabo_migration.outcomes o on o.item = p.item
left join bucket_listing l on l.path = o.detail ->> 'path'
where p.category = %(category)s and p.action = 'migrate' and not coalesce(o.detail ? 'taken_away', false)
  and not coalesce(
      o.state in ('migrated', 'already_present')
      and o.detail ->> 'version' = p.version
      and {in_place}
      and l.size = (o.detail ->> 'bytes')::bigint,
      false)
order by p.alternate_of is not null, p.item collate "C";

-- name: count_pending
select count(*) filter (where not alternate), count(*) filter (where alternate) from pending;

-- name: pending_chunk
-- `taken`: another file of the same owner is the avatar by now.
select w.place, {plan_columns}, o.item, o.partition, o.state, o.reason, o.source_hash, o.target_hash, o.detail,
    o.run_id, o.batch_id,
    p.media_type = 'avatar' and exists (
        select 1 from nabo_migration.outcomes a
        where a.detail ->> 'media_type' = 'avatar' and a.detail ->> 'owner' = p.owner and a.partition = p.category
          and a.item <> p.item and (a.state in ('migrated', 'already_present') or a.detail ? 'was'))
from pending w
join nabo_migration.plan_items p on p.item = w.item
left join nabo_migration.outcomes o on o.item = w.item
where w.place > %(after)s and w.alternate = %(alternates)s
order by w.place limit %(chunk)s;

-- name: transfer_totals
select coalesce(detail ->> 'verdict', ''), count(*), sum((detail ->> 'source_bytes')::bigint)::bigint,
    sum((detail ->> 'bytes')::bigint)::bigint
from nabo_migration.outcomes
where partition = %(category)s and state in ('migrated', 'already_present')
group by 1 order by 1;

-- name: make_galleries
create temp table if not exists galleries
    (place bigint generated always as identity primary key, gallery text not null, pictures bigint not null);
truncate galleries restart identity;

-- name: fill_galleries
-- A gallery is a service's pictures; an avatar or chat image is one by itself. Only those that lack a row.
insert into galleries (gallery, pictures)
select coalesce(o.detail ->> 'service', o.item), count(*)
from nabo_migration.outcomes o
where o.partition = %(category)s and {may_have_row}
group by 1 having not bool_and(o.detail ? 'row') order by 1;

-- name: galleries_after
select place, gallery, pictures from galleries where place > %(after)s order by place limit %(chunk)s;

-- name: gallery_entries
select o.item, o.partition, o.state, o.reason, o.source_hash, o.target_hash, o.detail, o.run_id, o.batch_id
from nabo_migration.outcomes o
where o.partition = %(category)s and coalesce(o.detail ->> 'service', o.item) = any(%(galleries)s::text[])
  and {may_have_row}
order by o.item collate "C";

-- name: rows_known
select count(*) from nabo_migration.outcomes where partition = %(category)s and detail ? 'row';
