-- What a customer sees: their artworks by address, and one artwork by its token. Both read what routing.sql serves.
-- Neither tells a token, nor what is the migration's or the workers' own. Few rows are always looked up by their keys:
-- left to itself, the planner reads tables that were small when it looked last.

CREATE OR REPLACE FUNCTION public.artwork_label(
    generation_status text, upscale_status text, generation_started_at timestamptz, created_at timestamptz
) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN generation_status = 'completed' AND upscale_status = 'completed' THEN 'completed, high-res available'
        WHEN generation_status = 'completed' THEN 'completed, ready for prints'
        WHEN generation_status = 'processing' THEN format('processing, %s min remaining', GREATEST(1, ceil(
            -- A generation cannot have begun after now, whatever the clock says that stamped it.
            (@typical_seconds@ - GREATEST(0, COALESCE(
                extract(epoch FROM now()) - extract(epoch FROM COALESCE(generation_started_at, created_at)), 0))) / 60)))
        ELSE generation_status END
$$;

-- Newest first. Test rows and twins are not among what is served.
CREATE OR REPLACE FUNCTION public.customer_artworks(email text) RETURNS TABLE (
    id uuid, customer_name text, pet_name text, pet_mom_image_url text, pet_image_url text, generated_image_url text,
    upscaled_image_url text, generation_status text, upscale_status text, mockup_urls jsonb, created_at timestamptz,
    updated_at timestamptz, label text
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    address text := public.normalised_email(customer_artworks.email);
BEGIN
    RETURN QUERY
    SELECT r.id, r.customer_name, r.pet_name, r.pet_mom_image_url, r.pet_image_url, r.generated_image_url,
           r.upscaled_image_url, r.generation_status, r.upscale_status, r.mockup_urls, r.created_at, r.updated_at,
           public.artwork_label(r.generation_status, r.upscale_status, r.generation_started_at, r.created_at)
    FROM public.routed_artworks r WHERE r.customer_email = address
    ORDER BY r.created_at DESC NULLS LAST, r.id;
END $$;

-- The artwork that a token opens, its own or its twin's, as long as that token is valid.
CREATE OR REPLACE FUNCTION public.artwork_by_token(token text) RETURNS TABLE (
    id uuid, customer_name text, pet_name text, pet_mom_image_url text, pet_image_url text, generated_image_url text,
    upscaled_image_url text, generation_status text, upscale_status text, mockup_urls jsonb, created_at timestamptz,
    updated_at timestamptz, label text, token_expires_at timestamptz
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    opened record;
BEGIN
    SELECT o.artwork_id, o.expires_at INTO opened FROM public.artwork_opened_by(artwork_by_token.token) o
    WHERE o.expires_at > now() LIMIT 1;
    -- A statement of its own: with the id at hand, one row is looked up on either side.
    RETURN QUERY
    SELECT r.id, r.customer_name, r.pet_name, r.pet_mom_image_url, r.pet_image_url, r.generated_image_url,
           r.upscaled_image_url, r.generation_status, r.upscale_status, r.mockup_urls, r.created_at, r.updated_at,
           public.artwork_label(r.generation_status, r.upscale_status, r.generation_started_at, r.created_at),
           opened.expires_at
    FROM public.routed_artworks r WHERE r.id = opened.artwork_id;
END $$;

-- Writing through the view: the clean table is written, and its trigger has it in the old one at once.
CREATE OR REPLACE FUNCTION public.routed_artworks_write() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    wanted uuid := CASE WHEN TG_OP <> 'INSERT' THEN OLD.id END;
    was @clean@;
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO @clean@ (@clean_columns@) VALUES (@new_columns@) RETURNING * INTO NEW;
        RETURN NEW;
    END IF;
    @reach@
    IF TG_OP = 'DELETE' THEN
        DELETE FROM @clean@ v WHERE v.id = wanted;
        RETURN CASE WHEN FOUND THEN OLD END;
    END IF;
    SELECT v.* INTO was FROM @clean@ v WHERE v.id = wanted FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    -- What the writer left alone is not written: the row was read before it was locked, and others may have changed it.
    UPDATE @clean@ v SET (@clean_columns@) = ROW (@changed_columns@) WHERE v.id = wanted RETURNING v.* INTO NEW;
    RETURN NEW;
END $$;
