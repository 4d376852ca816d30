-- Where the files of the present plan stand, with their bytes in the backup; state is null where there is no outcome.
select p.category, o.state, o.reason, count(*) as files, coalesce(sum(p.size), 0)::bigint as bytes
from nabo_migration.plan_items p
left join nabo_migration.outcomes o on o.item = p.item
group by p.category, o.state, o.reason
order by p.category, o.state, files desc, o.reason
