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

-- The address comes in its one form: whoever looks for its user has it already, and making it is the dearest part.
CREATE OR REPLACE FUNCTION artwork_migration.clean(
    s artwork_migration.source_row, email text, owner uuid, issued_token text, issued_at timestamptz
) RETURNS @clean@
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v @clean@;
    kept jsonb;
BEGIN
    v.id := s.id;
    v.user_id := COALESCE(s.user_id, owner);
    v.customer_name := s.customer_name;
    v.customer_email := email;
    v.pet_name := s.pet_name;
    v.pet_mom_image_url := artwork_migration.first_picture(s.original_pet_mom_url, s.source_images, 'pet_mom_photo');
    v.pet_image_url := artwork_migration.first_picture(s.original_pet_url, s.source_images, 'pet_photo');
    v.generated_image_url := COALESCE(
        artwork_migration.first_picture(s.generated_image_url, s.generated_images, 'artwork_preview'),
        artwork_migration.json_text(s.generated_images, 'artwork_full_res'));
    v.upscaled_image_url := artwork_migration.first_picture(s.upscaled_image_url, s.generated_images, 'artwork_full_res');
    v.generation_status := artwork_migration.generation_status(
        s.generation_step, s.generation_status, COALESCE(v.generated_image_url, '') <> '');
    v.upscale_status := artwork_migration.upscale_status(s.upscale_status, COALESCE(v.upscaled_image_url, '') <> '');
    -- When a phase began and ended is unknown and stays NULL.
    v.upscale_completed_at := s.upscaled_at;
    -- An empty token would open the artwork to everybody who sends none.
    v.access_token := COALESCE(NULLIF(s.access_token, ''), issued_token);
    v.token_expires_at := COALESCE(s.token_expires_at, COALESCE(s.created_at, issued_at) + interval '720 hours');
    v.mockup_urls := COALESCE(s.mockup_urls, CASE
        WHEN s.delivery_images -> 'mockups' NOT IN ('{}', '[]')
             AND jsonb_typeof(s.delivery_images -> 'mockups') IN ('object', 'array')
        THEN s.delivery_images -> 'mockups' END);
    v.mockup_generated_at := s.mockup_generated_at;
    v.created_at := s.created_at;
    v.updated_at := s.updated_at;
    kept := jsonb_build_object('original_image_url', s.original_image_url, 'generation_status', s.generation_status,
                                   'upscale_status', s.upscale_status);
    -- The old value, where the clean row says something else. Joining documents is dear: only those with something in them.
    IF s.generated_image_url IS DISTINCT FROM v.generated_image_url THEN
        kept := kept || jsonb_build_object('generated_image_url', s.generated_image_url);
    END IF;
    IF s.upscaled_image_url IS DISTINCT FROM v.upscaled_image_url THEN
        kept := kept || jsonb_build_object('upscaled_image_url', s.upscaled_image_url);
    END IF;
    IF s.original_pet_mom_url IS DISTINCT FROM v.pet_mom_image_url THEN
        kept := kept || jsonb_build_object('original_pet_mom_url', s.original_pet_mom_url);
    END IF;
    IF s.original_pet_url IS DISTINCT FROM v.pet_image_url THEN
        kept := kept || jsonb_build_object('original_pet_url', s.original_pet_url);
    END IF;
    IF s.customer_email IS DISTINCT FROM v.customer_email THEN
        kept := kept || jsonb_build_object('customer_email', s.customer_email);
    END IF;
    IF s.access_token IS DISTINCT FROM v.access_token THEN
        kept := kept || jsonb_build_object('access_token', s.access_token);
    END IF;
    IF s.mockup_urls IS NULL AND v.mockup_urls IS NOT NULL THEN
        kept := kept || '{"mockup_urls": null}';
    END IF;
    IF s.user_id IS NULL THEN
        kept := kept || '{"user_id": null}';
    END IF;
    IF s.token_expires_at IS NULL THEN
        kept := kept || '{"token_expires_at": null}';
    END IF;
    IF s.generation_step IS NOT NULL THEN
        kept := kept || jsonb_build_object('generation_step', s.generation_step);
    END IF;
    IF s.source_images IS NOT NULL THEN
        kept := kept || jsonb_build_object('source_images', s.source_images);
    END IF;
    IF s.generated_images IS NOT NULL THEN
        kept := kept || jsonb_build_object('generated_images', s.generated_images);
    END IF;
    IF s.delivery_images IS NOT NULL THEN
        kept := kept || jsonb_build_object('delivery_images', s.delivery_images);
    END IF;
    IF s.generation_steps IS NOT NULL THEN
        kept := kept || jsonb_build_object('generation_steps', s.generation_steps);
    END IF;
    v.legacy := kept;
    RETURN v;
END $$;

CREATE OR REPLACE FUNCTION artwork_migration.legacy_or(legacy jsonb, key text, kept text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CASE WHEN legacy ? key THEN legacy ->> key ELSE kept END $$;

-- The old row that a clean row came from, to the last column: the proof that nothing was lost.
CREATE OR REPLACE FUNCTION artwork_migration.restore(v @clean@) RETURNS artwork_migration.source_row
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    s artwork_migration.source_row;
BEGIN
    s.id := v.id;
    s.user_id := CASE WHEN v.legacy ? 'user_id' THEN NULL ELSE v.user_id END;
    s.original_image_url := v.legacy ->> 'original_image_url';
    s.generated_image_url := artwork_migration.legacy_or(v.legacy, 'generated_image_url', v.generated_image_url);
    s.upscaled_image_url := artwork_migration.legacy_or(v.legacy, 'upscaled_image_url', v.upscaled_image_url);
    s.upscale_status := v.legacy ->> 'upscale_status';
    s.upscaled_at := v.upscale_completed_at;
    s.pet_name := v.pet_name;
    s.customer_name := v.customer_name;
    s.customer_email := artwork_migration.legacy_or(v.legacy, 'customer_email', v.customer_email);
    s.original_pet_mom_url := artwork_migration.legacy_or(v.legacy, 'original_pet_mom_url', v.pet_mom_image_url);
    s.original_pet_url := artwork_migration.legacy_or(v.legacy, 'original_pet_url', v.pet_image_url);
    s.access_token := artwork_migration.legacy_or(v.legacy, 'access_token', v.access_token);
    s.token_expires_at := CASE WHEN v.legacy ? 'token_expires_at' THEN NULL ELSE v.token_expires_at END;
    s.generation_status := v.legacy ->> 'generation_status';
    s.mockup_urls := CASE WHEN v.legacy ? 'mockup_urls' THEN NULL ELSE v.mockup_urls END;
    s.mockup_generated_at := v.mockup_generated_at;
    s.created_at := v.created_at;
    s.updated_at := v.updated_at;
    s.source_images := v.legacy -> 'source_images';
    s.generated_images := v.legacy -> 'generated_images';
    s.delivery_images := v.legacy -> 'delivery_images';
    s.generation_steps := v.legacy -> 'generation_steps';
    s.generation_step := v.legacy ->> 'generation_step';
    RETURN s;
END $$;
