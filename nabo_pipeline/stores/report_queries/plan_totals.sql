-- Files and bytes of the newest plan, by category, by what it does with them, and why.
select category, action as state, reason, count(*) as files, coalesce(sum(size), 0)::bigint as bytes
from nabo_migration.plan_items
group by category, action, reason
order by category, files desc, action, reason
