-- Old ids of people (by the file's name) or of services (by its folder) that no mapping names, with their files.
select case when %(category)s = 'profile' then i.name else i.parent end as id, count(*) as files
from nabo_migration.plan_items p
join nabo_migration.inventory i on i.key = p.item
where p.category = %(category)s and p.reason = %(reason)s
group by 1
order by 1
