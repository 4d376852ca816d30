-- Files of the present plan that someone has to look at.
select o.item, o.partition as category, o.reason, p.size as bytes
from nabo_migration.outcomes o
join nabo_migration.plan_items p on p.item = o.item
where o.state = 'quarantined'
