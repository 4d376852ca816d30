-- The rows of public.media that this migration wrote, as the ledger keeps them.
select
    o.detail -> 'row' ->> 'id' as id,
    o.detail -> 'row' ->> 'created_at' as created_at,
    o.detail ->> 'path' as file_path,
    o.detail ->> 'media_type' as media_type,
    o.detail ->> 'owner' as owner_id,
    o.detail ->> 'service' as service_id,
    o.detail ->> 'chat_message' as chat_message_id,
    (o.detail -> 'row' ->> 'is_preview_image')::boolean as is_preview_image,
    o.item as source
from nabo_migration.outcomes o
where o.detail ? 'row'
