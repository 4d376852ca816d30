-- What is to become of each row. The specification is artwork_pipeline/artworks/{rules,twins}.py.
-- NULL-safe throughout: a comparison with NULL is never taken for "no".

-- Why a row would be set aside, were nothing pointing at it. Rendered from the rules in rules.py.
CREATE OR REPLACE FUNCTION artwork_migration.quarantine_reason(s artwork_migration.source_row) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT @quarantine_reason@ $$;

-- The rows that an order, a review or another table's row points at, and from where. Read from the catalog.
CREATE OR REPLACE FUNCTION artwork_migration.referenced() RETURNS TABLE (artwork_id uuid, via text)
LANGUAGE sql STABLE AS $$ @referenced@ $$;

CREATE OR REPLACE FUNCTION artwork_migration.is_referenced(wanted uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM artwork_migration.referenced() r WHERE r.artwork_id = wanted);
END $$;

CREATE OR REPLACE FUNCTION artwork_migration.has_image(s artwork_migration.source_row) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT COALESCE(NULLIF(s.generated_image_url, ''), NULLIF(s.upscaled_image_url, ''),
                    artwork_migration.json_text(s.generated_images, 'artwork_preview'),
                    artwork_migration.json_text(s.generated_images, 'artwork_full_res')) IS NOT NULL
$$;

-- A row that may be the twin of another: nothing was ever made of it.
CREATE OR REPLACE FUNCTION artwork_migration.is_unfinished(s artwork_migration.source_row) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT NOT artwork_migration.has_image(s)
       AND COALESCE(s.generation_status, 'pending') = 'pending'
       AND COALESCE(s.generation_step, 'pending') = 'pending'
       AND COALESCE(s.upscale_status, 'pending') IN ('pending', 'not_required')
       AND s.mockup_urls IS NULL AND s.mockup_generated_at IS NULL AND s.upscaled_at IS NULL
$$;

-- How many rows the old table has in a slice, or in all of them.
CREATE OR REPLACE FUNCTION artwork_migration.source_rows(wanted text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    slice record;
BEGIN
    IF wanted IS NULL THEN
        RETURN (SELECT count(*) FROM @old@);
    END IF;
    SELECT * INTO STRICT slice FROM artwork_migration.slice_named(wanted);
    RETURN (SELECT count(*) FROM @old@ a
            WHERE artwork_migration.is_within(a.id, a.created_at, slice.first_moment, slice.end_before, slice.bucket));
END $$;

-- Rows of a slice that the plan does not know, or knows in another slice.
CREATE OR REPLACE FUNCTION artwork_migration.unplanned_rows(wanted text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    slice record;
BEGIN
    SELECT * INTO STRICT slice FROM artwork_migration.slice_named(wanted);
    RETURN (SELECT count(*) FROM @old@ a
            WHERE artwork_migration.is_within(a.id, a.created_at, slice.first_moment, slice.end_before, slice.bucket)
              AND NOT EXISTS (SELECT FROM artwork_migration.plan p WHERE p.artwork_id = a.id AND p.partition = wanted));
END $$;

-- The dry run over the whole table: reads only.
CREATE OR REPLACE FUNCTION artwork_migration.classify() RETURNS SETOF artwork_migration.plan
LANGUAGE sql STABLE AS $$
    WITH read AS (
        -- OFFSET 0: each row is put into its common shape once, not once for every use.
        SELECT artwork_migration.as_source(a) AS s, a.xmin AS seen_xmin, a.ctid AS seen_ctid FROM @old@ a OFFSET 0
    ), judged AS (
        SELECT (s).id, (s).created_at, seen_xmin, seen_ctid,
               public.normalised_email((s).customer_email) AS email,
               btrim((s).customer_name) AS name,
               NULLIF(btrim((s).pet_name), '') AS pet,
               artwork_migration.quarantine_reason(s) AS reason,
               artwork_migration.has_image(s) AS has_image,
               artwork_migration.is_unfinished(s) AS is_unfinished,
               artwork_migration.row_hash(s) AS source_hash
        FROM read OFFSET 0
    ), pointed_at AS (
        SELECT DISTINCT artwork_id FROM artwork_migration.referenced()
    ), known AS (
        SELECT j.*, p.artwork_id IS NOT NULL AS is_referenced,
               j.reason IS NULL OR p.artwork_id IS NOT NULL AND j.reason <> @no_customer_name@
                   AND j.email IS NOT NULL AS is_real
        FROM judged j LEFT JOIN pointed_at p ON p.artwork_id = j.id
    ), marked AS (
        -- Rows of one customer that follow each other within seconds are one cluster.
        SELECT k.*, created_at - lag(created_at) OVER customer <= @apart@ IS TRUE AS follows
        FROM known k WHERE is_real AND isfinite(created_at)
        WINDOW customer AS (PARTITION BY email, name ORDER BY created_at, id)
    ), clustered AS (
        SELECT m.*, count(*) FILTER (WHERE NOT follows) OVER (PARTITION BY email, name ORDER BY created_at, id) AS cluster
        FROM marked m
    ), paired AS (
        SELECT c.*, count(*) OVER pair AS together,
               COALESCE(lag(id) OVER pair_in_order, lead(id) OVER pair_in_order) AS other_id,
               COALESCE(lag(pet) OVER pair_in_order, lead(pet) OVER pair_in_order) AS other_pet,
               COALESCE(lag(has_image OR is_referenced) OVER pair_in_order,
                        lead(has_image OR is_referenced) OVER pair_in_order) AS other_is_kept
        FROM clustered c
        WINDOW pair AS (PARTITION BY email, name, cluster),
               pair_in_order AS (PARTITION BY email, name, cluster ORDER BY created_at, id)
    ), twins AS (
        SELECT id, other_id FROM paired
        WHERE together = 2 AND is_unfinished AND NOT is_referenced AND other_is_kept
          AND (pet = other_pet) IS NOT FALSE
    )
    SELECT k.id, artwork_migration.slice_of(k.id, k.created_at),
           CASE WHEN NOT k.is_real THEN 'quarantined' WHEN t.id IS NOT NULL THEN 'merged' ELSE 'migrated' END,
           CASE WHEN NOT k.is_real THEN k.reason END, t.other_id, k.source_hash, k.seen_xmin, k.seen_ctid
    FROM known k LEFT JOIN twins t ON t.id = k.id
$$;
