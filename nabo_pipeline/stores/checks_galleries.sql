-- Every gallery that received pictures: previews of all its rows, order and first picture of ours.

insert into nabo_migration.gallery_checks (category, service, previews, preview_comes_first, created_at_increases)
select %(category)s, g.service::text, coalesce(p.previews, 0),
    coalesce(bool_and(o.place = 1 or not o.is_preview_image), true),
    coalesce(bool_and(o.before is null or o.before < o.created_at), true)
from (select distinct service from readings where service is not null) g
left join (
    select m.service_id, count(*) filter (where m.is_preview_image) as previews
    from public.media m
    where m.media_type = 'service_image' and m.service_id in (select service from readings)
    group by 1
) p on p.service_id = g.service
left join (
    select r.service, m.created_at, m.is_preview_image,
        lag(m.created_at) over gallery as before, row_number() over gallery as place
    from readings r join public.media m on m.id = r.row_id
    window gallery as (partition by r.service order by r.item)
) o on o.service = g.service
group by g.service, p.previews
