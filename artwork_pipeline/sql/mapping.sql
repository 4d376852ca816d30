-- What a row of the old table becomes. One function for the backfill, the forward triggers and the verification.
-- The specification is artwork_pipeline/artworks/mapping.py; tests hold both equal.

CREATE OR REPLACE FUNCTION artwork_migration.first_picture(kept text, document jsonb, key text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT COALESCE(kept, artwork_migration.json_text(document, key)) $$;

-- The step says more than the status where an installation has one; what neither names is judged by the picture.
CREATE OR REPLACE FUNCTION artwork_migration.generation_status(step text, status text, has_image boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN step IN ('completed', 'failed') THEN step
                WHEN step IN ('monalisa_generation', 'pet_integration') THEN 'processing'
                WHEN step IN ('upscaling', 'mockup_generation')
                    THEN CASE WHEN has_image THEN 'completed' ELSE 'processing' END
                WHEN status IN ('pending', 'processing', 'completed', 'failed') THEN status
                WHEN has_image THEN 'completed' ELSE 'pending' END
$$;

-- The old default 'pending' meant that nobody had asked for an upscaling.
CREATE OR REPLACE FUNCTION artwork_migration.upscale_status(status text, has_image boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN status IN ('processing', 'completed', 'failed') THEN status
                WHEN status IN ('not_required', 'not_started') THEN 'not_started'
                WHEN has_image THEN 'completed' ELSE 'not_started' END
$$;

-- The pictures of a row: the old column's, else what an installation with documents keeps there.
CREATE OR REPLACE FUNCTION artwork_migration.generated_picture(s artwork_migration.source_row) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT COALESCE(s.generated_image_url, artwork_migration.json_text(s.generated_images, 'artwork_preview'),
                    artwork_migration.json_text(s.generated_images, 'artwork_full_res'))
$$;
CREATE OR REPLACE FUNCTION artwork_migration.upscaled_picture(s artwork_migration.source_row) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT artwork_migration.first_picture(s.upscaled_image_url, s.generated_images, 'artwork_full_res')
$$;
CREATE OR REPLACE FUNCTION artwork_migration.pet_mom_picture(s artwork_migration.source_row) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT artwork_migration.first_picture(s.original_pet_mom_url, s.source_images, 'pet_mom_photo')
$$;
CREATE OR REPLACE FUNCTION artwork_migration.pet_picture(s artwork_migration.source_row) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT artwork_migration.first_picture(s.original_pet_url, s.source_images, 'pet_photo')
$$;
CREATE OR REPLACE FUNCTION artwork_migration.mockups(document jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN document -> 'mockups' NOT IN ('{}', '[]') AND jsonb_typeof(document -> 'mockups') IN ('object', 'array')
                THEN document -> 'mockups' END
$$;

-- An empty token would open the artwork to everybody who sends none.
CREATE OR REPLACE FUNCTION artwork_migration.token_of(s artwork_migration.source_row, issued_token text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT COALESCE(NULLIF(s.access_token, ''), issued_token) $$;

-- One pair of a document, or nothing: joining with nothing is cheap.
CREATE OR REPLACE FUNCTION artwork_migration.pair_if(wanted boolean, key text, value anyelement) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT CASE WHEN wanted THEN jsonb_build_object(key, value) ELSE '{}' END $$;

-- What the old row had and the clean one cannot say: always the three columns without a place of their own, and each
-- old value where the clean row says something else.
CREATE OR REPLACE FUNCTION artwork_migration.legacy(s artwork_migration.source_row, email text, issued_token text) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- Nearly no row has a user: that pair is made with the first three.
    SELECT CASE WHEN s.user_id IS NULL
           THEN jsonb_object('{original_image_url, generation_status, upscale_status, user_id}',
                             ARRAY[s.original_image_url, s.generation_status, s.upscale_status, NULL])
           ELSE jsonb_object('{original_image_url, generation_status, upscale_status}',
                             ARRAY[s.original_image_url, s.generation_status, s.upscale_status]) END
        || artwork_migration.pair_if(s.customer_email IS DISTINCT FROM email, 'customer_email', s.customer_email)
        || artwork_migration.pair_if(COALESCE(s.access_token, '') = '' AND s.access_token IS DISTINCT FROM issued_token,
                                     'access_token', s.access_token)
        || artwork_migration.pair_if(s.token_expires_at IS NULL, 'token_expires_at', NULL::text)
        || artwork_migration.pair_if(s.generated_image_url IS NULL AND artwork_migration.generated_picture(s) IS NOT NULL,
                                     'generated_image_url', NULL::text)
        || artwork_migration.pair_if(s.upscaled_image_url IS NULL AND artwork_migration.upscaled_picture(s) IS NOT NULL,
                                     'upscaled_image_url', NULL::text)
        || artwork_migration.pair_if(s.original_pet_mom_url IS NULL AND artwork_migration.pet_mom_picture(s) IS NOT NULL,
                                     'original_pet_mom_url', NULL::text)
        || artwork_migration.pair_if(s.original_pet_url IS NULL AND artwork_migration.pet_picture(s) IS NOT NULL,
                                     'original_pet_url', NULL::text)
        || artwork_migration.pair_if(s.mockup_urls IS NULL AND artwork_migration.mockups(s.delivery_images) IS NOT NULL,
                                     'mockup_urls', NULL::text)
        || artwork_migration.pair_if(s.generation_step IS NOT NULL, 'generation_step', s.generation_step)
        -- Without these two nobody could tell, once a picture was made, whether an old word stood beside one already.
        || artwork_migration.pair_if(
            artwork_migration.generation_status(s.generation_step, s.generation_status, false)
                <> artwork_migration.generation_status(s.generation_step, s.generation_status, true)
            AND artwork_migration.generated_picture(s) <> '', 'generation_judged_by_picture', true)
        || artwork_migration.pair_if(
            artwork_migration.upscale_status(s.upscale_status, false) <> artwork_migration.upscale_status(s.upscale_status, true)
            AND artwork_migration.upscaled_picture(s) <> '', 'upscale_judged_by_picture', true)
        || artwork_migration.pair_if(s.source_images IS NOT NULL, 'source_images', s.source_images)
        || artwork_migration.pair_if(s.generated_images IS NOT NULL, 'generated_images', s.generated_images)
        || artwork_migration.pair_if(s.delivery_images IS NOT NULL, 'delivery_images', s.delivery_images)
        || artwork_migration.pair_if(s.generation_steps IS NOT NULL, 'generation_steps', s.generation_steps)
$$;

-- One expression, column by column in the order of the clean table. The planner puts it in the place of each call, and
-- what a dialect lacks falls away: a row costs a quarter of what it costs in PL/pgSQL. The address comes in its one
-- form: whoever looks for its user has it already.
CREATE OR REPLACE FUNCTION artwork_migration.clean(
    s artwork_migration.source_row, email text, owner uuid, issued_token text, issued_at timestamptz
) RETURNS @clean@
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT ROW(
        s.id,
        COALESCE(s.user_id, owner),
        s.customer_name,
        email,
        s.pet_name,
        artwork_migration.pet_mom_picture(s),
        artwork_migration.pet_picture(s),
        artwork_migration.generated_picture(s),
        artwork_migration.upscaled_picture(s),
        artwork_migration.generation_status(
            s.generation_step, s.generation_status, COALESCE(artwork_migration.generated_picture(s), '') <> ''),
        artwork_migration.upscale_status(s.upscale_status, COALESCE(artwork_migration.upscaled_picture(s), '') <> ''),
        -- When a phase began and ended is unknown and stays NULL.
        NULL::timestamptz,  -- generation_started_at
        NULL::timestamptz,  -- generation_completed_at
        NULL::timestamptz,  -- upscale_started_at
        s.upscaled_at,
        artwork_migration.token_of(s, issued_token),
        COALESCE(s.token_expires_at, COALESCE(s.created_at, issued_at) + interval '720 hours'),
        COALESCE(s.mockup_urls, artwork_migration.mockups(s.delivery_images)),
        s.mockup_generated_at,
        NULL::text,  -- fal_request_id
        NULL::jsonb,  -- generation_params
        artwork_migration.legacy(s, email, issued_token),
        s.created_at,
        s.updated_at
    )::@clean@
$$;
