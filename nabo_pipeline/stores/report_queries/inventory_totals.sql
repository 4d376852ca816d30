-- Files and bytes of the newest inventory, by category and by the reason that keeps a file back (null: none).
select category, reason, count(*) as files, coalesce(sum(size), 0)::bigint as bytes
from nabo_migration.inventory
group by category, reason
order by category, files desc, reason
