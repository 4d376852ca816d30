-- One check row for each reading: the object as it was read, the listing, and the row, beside the ledger.

insert into nabo_migration.picture_checks
    (category, subject, in_ledger, object_found, object_equals_ledger, object_decodes, content_type_fits,
     row_found, row_equals_ledger, row_is_only_one, parents_exist, owner_fits)
select %(category)s, r.item, true, r.found, r.equal, r.decodes,
    case when r.found then
        r.sniffed = r.mime and coalesce(b.mime, '') = r.mime and r.path like '%%.' || r.extension
    end,
    m.id is not null,
    case when m.id is not null then
        (m.created_at, m.file_path, m.media_type::text, m.owner_id, m.service_id, m.chat_message_id,
         m.is_preview_image, m.application_id, m.review_id, m.booking_note_id)
        is not distinct from
        (r.created_at, r.path, r.media_type, r.owner, r.service, r.chat_message,
         r.is_preview_image, null, null, null)
    end,
    coalesce(w.rows, 0) <= 1,
    case when m.id is not null then
        (m.owner_id is null or p.id is not null) and (m.service_id is null or s.id is not null)
        and (m.chat_message_id is null or c.id is not null)
    end,
    -- The app's row-level rules go by the first folder; a picture without the parent that it needs fits nobody.
    case when m.id is not null then
        coalesce(case m.media_type
            when 'avatar' then split_part(m.file_path, '/', 1) = m.owner_id::text
            when 'service_image' then
                split_part(m.file_path, '/', 1) = m.service_id::text and (s.id is null or s.stylist_id = m.owner_id)
            when 'chat_image' then
                c.id is null or (split_part(m.file_path, '/', 1) = c.chat_id::text and c.sender_id = m.owner_id)
            else false
        end, false)
    end
from readings r
left join bucket_listing b on b.path = r.path
left join public.media m on m.id = r.row_id
left join (
    select o.file_path, o.media_type::text, count(*) as rows
    from public.media o join readings also on also.path = o.file_path and also.media_type = o.media_type::text
    group by 1, 2
) w on w.file_path = r.path and w.media_type = r.media_type
left join public.profiles p on p.id = m.owner_id
left join public.services s on s.id = m.service_id
left join public.chat_messages c on c.id = m.chat_message_id
