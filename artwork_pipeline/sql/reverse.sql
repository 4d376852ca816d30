-- The way back: what a clean row is in the old table, and the writes that carry it there in the same transaction.
-- The specification of back() and held() is artwork_pipeline/artworks/mapping.py; tests hold both equal.

-- The old row for a clean row, whoever wrote that. What legacy kept goes back as it was, as long as the mapping makes
-- of it what the clean row says; else the clean row's value does, in the old words. `owner` is the user who was found
-- by the row's address. Columns that the dialect lacks are NULL.
CREATE OR REPLACE FUNCTION artwork_migration.back(
    v @clean@, owner uuid, issued_token text, issued_at timestamptz
) RETURNS artwork_migration.source_row
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    s artwork_migration.source_row;
    -- Whoever writes the clean table may write anything into this column.
    kept jsonb := CASE WHEN jsonb_typeof(v.legacy) = 'object' THEN v.legacy ELSE '{}' END;
    has_image boolean := COALESCE(v.generated_image_url, '') <> '';
    has_upscaled boolean := COALESCE(v.upscaled_image_url, '') <> '';
BEGIN
    s.id := v.id;
    s.user_id := CASE WHEN NOT kept ? 'user_id' OR v.user_id IS DISTINCT FROM owner THEN v.user_id END;
    s.source_images := kept -> 'source_images';
    s.generated_images := kept -> 'generated_images';
    s.delivery_images := kept -> 'delivery_images';
    s.generation_steps := kept -> 'generation_steps';
    -- The normal value of real rows.
    s.original_image_url := CASE WHEN kept ? 'original_image_url' THEN kept ->> 'original_image_url' ELSE 'pending' END;
    s.generated_image_url := kept ->> 'generated_image_url';
    IF NOT kept ? 'generated_image_url' OR artwork_migration.generated_picture(s) IS DISTINCT FROM v.generated_image_url THEN
        s.generated_image_url := v.generated_image_url;
    END IF;
    s.upscaled_image_url := kept ->> 'upscaled_image_url';
    IF NOT kept ? 'upscaled_image_url' OR artwork_migration.upscaled_picture(s) IS DISTINCT FROM v.upscaled_image_url THEN
        s.upscaled_image_url := v.upscaled_image_url;
    END IF;
    s.original_pet_mom_url := kept ->> 'original_pet_mom_url';
    IF NOT kept ? 'original_pet_mom_url' OR artwork_migration.pet_mom_picture(s) IS DISTINCT FROM v.pet_mom_image_url THEN
        s.original_pet_mom_url := v.pet_mom_image_url;
    END IF;
    s.original_pet_url := kept ->> 'original_pet_url';
    IF NOT kept ? 'original_pet_url' OR artwork_migration.pet_picture(s) IS DISTINCT FROM v.pet_image_url THEN
        s.original_pet_url := v.pet_image_url;
    END IF;
    IF kept ? 'upscale_status'
       AND artwork_migration.upscale_status(kept ->> 'upscale_status', has_upscaled) = v.upscale_status
       AND artwork_migration.upscale_status(
               kept ->> 'upscale_status', kept ? 'upscale_judged_by_picture') = v.upscale_status THEN
        s.upscale_status := kept ->> 'upscale_status';
    ELSIF v.upscale_status = 'not_started' THEN
        -- The old default 'pending' would mean finished, where there is a picture.
        s.upscale_status := CASE WHEN has_upscaled THEN 'not_required' ELSE 'pending' END;
    ELSE
        s.upscale_status := v.upscale_status;
    END IF;
    s.upscaled_at := v.upscale_completed_at;
    s.pet_name := v.pet_name;
    s.customer_name := v.customer_name;
    s.customer_email := v.customer_email;
    IF kept ? 'customer_email' AND public.normalised_email(kept ->> 'customer_email') = v.customer_email THEN
        s.customer_email := kept ->> 'customer_email';
    END IF;
    s.access_token := CASE WHEN kept ? 'access_token' AND v.access_token = issued_token
                           THEN kept ->> 'access_token' ELSE v.access_token END;
    s.token_expires_at := v.token_expires_at;
    IF kept ? 'token_expires_at'
       AND v.token_expires_at = COALESCE(v.created_at, issued_at) + interval '720 hours' THEN
        s.token_expires_at := NULL;
    END IF;
    IF kept ? 'generation_status' AND v.generation_status = artwork_migration.generation_status(
        kept ->> 'generation_step', kept ->> 'generation_status', has_image)
       AND v.generation_status = artwork_migration.generation_status(
        kept ->> 'generation_step', kept ->> 'generation_status', kept ? 'generation_judged_by_picture') THEN
        s.generation_step := kept ->> 'generation_step';
        s.generation_status := kept ->> 'generation_status';
    ELSE
        -- What is being made has no word of its own in the old status.
        s.generation_status := CASE v.generation_status WHEN 'processing' THEN 'pending' ELSE v.generation_status END;
        IF kept ->> 'generation_step' IS NOT NULL OR kept = '{}' THEN
            s.generation_step := CASE v.generation_status WHEN 'processing' THEN 'monalisa_generation'
                                                          ELSE v.generation_status END;
        END IF;
    END IF;
    IF NOT kept ? 'mockup_urls' OR artwork_migration.mockups(s.delivery_images) IS DISTINCT FROM v.mockup_urls THEN
        s.mockup_urls := v.mockup_urls;
    END IF;
    s.mockup_generated_at := v.mockup_generated_at;
    s.created_at := v.created_at;
    s.updated_at := v.updated_at;
    @lacking@
    RETURN s;
END $$;

-- The clean row after the old one changed: a column of which the old row says the same as before keeps its value, so
-- that what was carried back comes forward unchanged. `owner` is the user found by the address of `before`, `owner_now`
-- by that of the old row.
CREATE OR REPLACE FUNCTION artwork_migration.held(
    before @clean@, plain @clean@, s artwork_migration.source_row, owner uuid, owner_now uuid,
    issued_token text, issued_at timestamptz
) RETURNS @clean@
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    said artwork_migration.source_row := artwork_migration.back(before, owner, issued_token, issued_at);
    was @clean@;
    mixed @clean@ := plain;
BEGIN
    IF said *= s THEN
        RETURN before;
    END IF;
    was := artwork_migration.clean(
        said, public.normalised_email(said.customer_email), owner, issued_token, issued_at);
    @keep_what_is_said_alike@
    IF artwork_migration.back(mixed, owner_now, issued_token, issued_at) *<> s THEN
        mixed := plain;
        @keep_what_is_never_said@
    END IF;
    RETURN mixed;
END $$;

-- Writes to the tables that the installation's own triggers hang on: those find their names in public. Nothing but
-- qualified names is called here.
CREATE OR REPLACE FUNCTION artwork_migration.write_old(s artwork_migration.source_row) RETURNS artwork_migration.source_row
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    stored @old@;
BEGIN
    UPDATE @old@ a SET (@old_columns@) = ROW (@old_values@) WHERE a.id = s.id RETURNING a.* INTO stored;
    IF NOT FOUND THEN
        INSERT INTO @old@ (@old_columns@) VALUES (@old_values@) RETURNING * INTO stored;
    END IF;
    IF stored.id IS NULL THEN
        RAISE EXCEPTION 'the old table did not take the row %', s.id
            USING HINT = 'Look for a trigger or a rule on it that swallows rows.';
    END IF;
    RETURN artwork_migration.as_source(stored);
END $$;

CREATE OR REPLACE FUNCTION artwork_migration.write_clean(v @clean@) RETURNS @clean@
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    stored @clean@;
BEGIN
    INSERT INTO @clean@ SELECT (v).*
    ON CONFLICT (id) DO UPDATE SET (@clean_columns@) = ROW (@excluded_columns@) RETURNING * INTO stored;
    IF stored.id IS NULL THEN
        RAISE EXCEPTION 'the clean table did not take the row %', v.id
            USING HINT = 'Look for a trigger or a rule on it that swallows rows.';
    END IF;
    RETURN stored;
END $$;

CREATE OR REPLACE FUNCTION artwork_migration.delete_old(gone uuid) RETURNS void
LANGUAGE sql SET search_path = public, pg_temp AS $$ DELETE FROM @old@ WHERE id = gone $$;

CREATE OR REPLACE FUNCTION artwork_migration.delete_clean(gone uuid) RETURNS void
LANGUAGE sql SET search_path = public, pg_temp AS $$ DELETE FROM @clean@ WHERE id = gone $$;

-- Another id, not another row: what points at it must not be deleted with it.
CREATE OR REPLACE FUNCTION artwork_migration.rename_old(before uuid, after uuid) RETURNS void
LANGUAGE sql SET search_path = public, pg_temp AS $$
    UPDATE artwork_migration.issued_tokens SET artwork_id = after WHERE artwork_id = before;
    UPDATE @old@ SET id = after WHERE id = before;
$$;

CREATE OR REPLACE FUNCTION artwork_migration.rename_clean(before uuid, after uuid) RETURNS void
LANGUAGE sql SET search_path = public, pg_temp AS $$
    UPDATE artwork_migration.issued_tokens SET artwork_id = after WHERE artwork_id = before;
    UPDATE @clean@ SET id = after WHERE id = before;
$$;

-- Carry a clean row to the old table, and keep plan and outcome: a row of the clean table is a migrated one, whatever
-- it looks like. What the old table's own triggers make of it (the time of change) comes forward again, once.
CREATE OR REPLACE FUNCTION artwork_migration.carry_back(wanted uuid, comes_forward boolean) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v @clean@;
    s artwork_migration.source_row;
    said artwork_migration.source_row;
    recorded uuid;
    issued artwork_migration.issued_tokens;
    slice text;
BEGIN
    SELECT c.* INTO v FROM @clean@ c WHERE c.id = wanted;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT (artwork_migration.as_source(a)).* INTO s FROM @old@ a WHERE a.id = wanted FOR NO KEY UPDATE;
    SELECT * INTO issued FROM artwork_migration.issued_tokens WHERE artwork_id = wanted;
    SELECT (o.detail ->> 'user_id')::uuid INTO recorded FROM artwork_migration.outcomes o WHERE o.item = wanted::text;
    IF v.user_id <> recorded OR recorded IS NULL THEN
        -- With another address comes another user; a user that somebody names is told to the old table by name.
        recorded := COALESCE((SELECT u.id FROM public.users u
                              WHERE u.id = v.user_id AND public.normalised_email(u.email) = v.customer_email), recorded);
    END IF;
    said := artwork_migration.back(v, recorded, issued.access_token, issued.issued_at);
    IF (s *= said) IS NOT TRUE THEN
        s := artwork_migration.write_old(said);
    END IF;

    slice := artwork_migration.slice_of(s.id, s.created_at);
    INSERT INTO artwork_migration.plan (artwork_id, partition, state, source_hash)
    VALUES (wanted, slice, 'migrated', artwork_migration.row_hash(s))
    ON CONFLICT (artwork_id) DO UPDATE SET
        partition = excluded.partition, state = excluded.state, reason = NULL, merged_into = NULL,
        source_hash = excluded.source_hash;
    INSERT INTO artwork_migration.outcomes
        (item, partition, state, source_hash, target_hash, detail, run_id, batch_id, updated_at)
    VALUES (wanted::text, slice, 'migrated', artwork_migration.row_hash(s), artwork_migration.row_hash(v),
            jsonb_strip_nulls(jsonb_build_object('user_id', CASE WHEN s.user_id IS NULL THEN v.user_id ELSE recorded END)),
            'live', 'live', clock_timestamp())
    ON CONFLICT (item) DO UPDATE SET
        partition = excluded.partition, state = excluded.state, reason = NULL, source_hash = excluded.source_hash,
        target_hash = excluded.target_hash, detail = excluded.detail, run_id = excluded.run_id,
        batch_id = excluded.batch_id, updated_at = excluded.updated_at;
    IF comes_forward AND s *<> said THEN
        PERFORM artwork_migration.apply_rows(ARRAY[wanted], 'live', 'live');
    END IF;
END $$;

-- What is written while a write is carried comes from there: the triggers of the other side let it pass.
CREATE OR REPLACE FUNCTION artwork_migration.reverse() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET client_encoding = 'UTF8' SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    before text := COALESCE(current_setting('artwork_migration.carrying', true), '');
BEGIN
    PERFORM set_config('artwork_migration.carrying', 'on', true);
    IF TG_OP = 'DELETE' THEN
        PERFORM artwork_migration.delete_old(OLD.id);
        PERFORM artwork_migration.forget(OLD.id);
        PERFORM set_config('artwork_migration.carrying', before, true);
        RETURN NULL;
    ELSIF TG_OP = 'UPDATE' THEN
        IF OLD.id <> NEW.id THEN
            PERFORM artwork_migration.rename_old(OLD.id, NEW.id);
            PERFORM artwork_migration.forget(OLD.id);
        END IF;
    ELSIF EXISTS (SELECT FROM @old@ a WHERE a.id = NEW.id) THEN
        -- Set aside, or not filled yet: carrying the new row there would overwrite it.
        RAISE unique_violation USING
            MESSAGE = format('an artwork with the id %s is in the old table already', NEW.id),
            HINT = 'Give the new artwork another id; the backfill brings the old one.';
    END IF;
    PERFORM artwork_migration.carry_back(NEW.id, true);
    PERFORM set_config('artwork_migration.carrying', before, true);
    RETURN NULL;
END $$;
