-- Files that the ledger leaves out for want of a mapping, or of a row in the app's tables, and for which it has
-- appeared since. One line a category: how many, a digest of which (the order plays no part), and the first few.
-- The mappings come as arrays; every join is on a key or on few rows, and no file leaves the database but the first few.

with users as (
    select * from unnest(%(old_users)s::text[], %(new_users)s::uuid[]) as u (old, new)
), services as (
    select * from unnest(%(old_services)s::text[], %(new_services)s::uuid[], %(stylists)s::uuid[])
        as s (old, new, stylist)
), messages as (
    select * from unnest(%(chats)s::text[], %(files)s::text[], %(messages)s::uuid[], %(senders)s::uuid[])
        as m (chat, file, message, sender)
), left_out as (
    select o.item, o.partition, o.reason, i.parent, i.name
    from nabo_migration.outcomes o join nabo_migration.inventory i on i.key = o.item
    where o.partition = any(array['profile', 'service', 'chat'])
      and o.state = any(array['excluded', 'quarantined'])
      and o.reason = any(%(reasons)s::text[])
), appeared as (
    select l.* from left_out l join users u on l.partition = 'profile' and u.old = l.name
    where l.reason = %(user_not_mapped)s
       or (l.reason = %(no_profile)s and exists (select from public.profiles p where p.id = u.new))
    union all
    select l.* from left_out l join services s on l.partition = 'service' and s.old = l.parent
    where l.reason = %(service_not_mapped)s
       or (l.reason = %(no_service)s and exists (select from public.services a where a.id = s.new))
       or (l.reason = %(no_profile)s and exists (select from public.profiles p where p.id = s.stylist))
    union all
    select l.* from left_out l join messages m on l.partition = 'chat' and m.chat = l.parent and m.file = l.name
    where l.reason = any(%(chat_not_mapped)s::text[])
       or (l.reason = %(no_message)s and exists (select from public.chat_messages c where c.id = m.message))
       or (l.reason = %(no_profile)s and exists (select from public.profiles p where p.id = m.sender))
)
select partition, count(*),
       sum(('x' || left(md5(item || chr(10) || reason), 15))::bit(60)::bigint)::text,
       (array_agg(item order by item collate "C"))[1:3]
from appeared group by partition;
