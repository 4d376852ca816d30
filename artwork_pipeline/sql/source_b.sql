-- A row of dialect B in the shape that all dialects share, column by column in the order of source_row.
CREATE OR REPLACE FUNCTION artwork_migration.as_source(a @old@) RETURNS artwork_migration.source_row
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT ROW(
        a.id::uuid,
        a.user_id::uuid,
        a.original_image_url::text,
        a.generated_image_url::text,
        a.upscaled_image_url::text,
        a.upscale_status::text,
        a.upscaled_at::timestamptz,
        a.pet_name::text,
        a.customer_name::text,
        a.customer_email::text,
        a.original_pet_mom_url::text,
        a.original_pet_url::text,
        a.access_token::text,
        a.token_expires_at::timestamptz,
        a.generation_status::text,
        a.mockup_urls::jsonb,
        a.mockup_generated_at::timestamptz,
        a.created_at::timestamptz,
        a.updated_at::timestamptz,
        NULL::jsonb,  -- source_images
        NULL::jsonb,  -- generated_images
        NULL::jsonb,  -- delivery_images
        NULL::jsonb,  -- generation_steps
        NULL::text  -- generation_step
    )::artwork_migration.source_row
$$;
