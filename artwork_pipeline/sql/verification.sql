-- The comparison of both sides, to the last row and column. Reads only; run it in one snapshot.
--
-- Each row is compared whole and in its binary form (*<>), which tells NULL from '' and from JSON's null, and 1.0 from
-- 1.00. Only rows that are not as they should be are looked at column by column.
--
-- A pair is right if the clean row goes back to the old one to the bit, and is the plain mapping of it or, where it
-- says more than the old row can, what the last live write left there: that write left the hash of the row.

-- A value as it may be shown: states and times as they are, people's data as length and hash.
CREATE OR REPLACE FUNCTION artwork_migration.told(column_name text, value text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN value IS NULL THEN 'NULL'
                WHEN value = '' THEN 'empty text'
                WHEN column_name ~ '(_status|_step|_at|_id)$' OR column_name = 'id' THEN value
                ELSE format('text of %s characters, sha256 %s', length(value),
                            left(encode(sha256(convert_to(value, 'UTF8')), 'hex'), 12)) END
$$;

-- Whether everything that the old row said is in the clean one: in its column, or else in legacy. Of a row that is the
-- plain mapping of its old one this is what back() gives; it is one expression, so that the planner puts it in place.
CREATE OR REPLACE FUNCTION artwork_migration.says_all(v @clean@, s artwork_migration.source_row) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT v.id = s.id
       AND (v.pet_name, v.customer_name, v.upscale_completed_at, v.mockup_generated_at, v.created_at, v.updated_at)
           IS NOT DISTINCT FROM
           (s.pet_name, s.customer_name, s.upscaled_at, s.mockup_generated_at, s.created_at, s.updated_at)
       AND s.original_image_url IS NOT DISTINCT FROM v.legacy ->> 'original_image_url'
       AND s.generation_status IS NOT DISTINCT FROM v.legacy ->> 'generation_status'
       AND s.upscale_status IS NOT DISTINCT FROM v.legacy ->> 'upscale_status'
       AND s.user_id IS NOT DISTINCT FROM CASE WHEN NOT v.legacy ? 'user_id' THEN v.user_id END
       AND s.token_expires_at IS NOT DISTINCT FROM CASE WHEN NOT v.legacy ? 'token_expires_at' THEN v.token_expires_at END
       AND s.customer_email IS NOT DISTINCT FROM
           CASE WHEN v.legacy ? 'customer_email' THEN v.legacy ->> 'customer_email' ELSE v.customer_email END
       AND s.access_token IS NOT DISTINCT FROM
           CASE WHEN v.legacy ? 'access_token' THEN v.legacy ->> 'access_token' ELSE v.access_token END
       AND CASE WHEN v.legacy ?| '{generated_image_url, upscaled_image_url, original_pet_mom_url, original_pet_url, mockup_urls}'
                -- The old columns that a document filled were NULL.
                THEN s.generated_image_url IS NOT DISTINCT FROM
                         CASE WHEN NOT v.legacy ? 'generated_image_url' THEN v.generated_image_url END
                     AND s.upscaled_image_url IS NOT DISTINCT FROM
                         CASE WHEN NOT v.legacy ? 'upscaled_image_url' THEN v.upscaled_image_url END
                     AND s.original_pet_mom_url IS NOT DISTINCT FROM
                         CASE WHEN NOT v.legacy ? 'original_pet_mom_url' THEN v.pet_mom_image_url END
                     AND s.original_pet_url IS NOT DISTINCT FROM
                         CASE WHEN NOT v.legacy ? 'original_pet_url' THEN v.pet_image_url END
                     AND s.mockup_urls::text IS NOT DISTINCT FROM
                         CASE WHEN NOT v.legacy ? 'mockup_urls' THEN v.mockup_urls::text END
                ELSE (s.generated_image_url, s.upscaled_image_url, s.original_pet_mom_url, s.original_pet_url)
                         IS NOT DISTINCT FROM
                         (v.generated_image_url, v.upscaled_image_url, v.pet_mom_image_url, v.pet_image_url)
                     -- As texts: 1.0 and 1.00 are not the same.
                     AND s.mockup_urls::text IS NOT DISTINCT FROM v.mockup_urls::text END
       AND CASE WHEN v.legacy ?| '{source_images, generated_images, delivery_images, generation_steps, generation_step}'
                THEN (s.source_images::text, s.generated_images::text, s.delivery_images::text, s.generation_steps::text,
                      s.generation_step)
                     IS NOT DISTINCT FROM
                     ((v.legacy -> 'source_images')::text, (v.legacy -> 'generated_images')::text,
                      (v.legacy -> 'delivery_images')::text, (v.legacy -> 'generation_steps')::text,
                      v.legacy ->> 'generation_step')
                ELSE (s.source_images, s.generated_images, s.delivery_images, s.generation_steps, s.generation_step) IS NULL END
$$;

-- The rows of the old table (of a slice, or of all of them) that are not shown at one look to be what they should be:
-- accounted for as planned, the version that was judged, its clean row the plain mapping of it to the bit and saying all
-- of it, or set aside whole with its token leading on. One row for each of them, and one without an id for all others;
-- with how many of their clean rows and outcomes were met, so that whoever counts those knows whether any were not.
-- A query of its own and nothing but expressions, so that PostgreSQL reads every table once, in parallel: the planner
-- thinks that all rows would come back from its workers, and is told that this costs nothing.
-- Whoever is named here may still be right: `differences` tells.
CREATE OR REPLACE FUNCTION artwork_migration.first_look(wanted text)
RETURNS TABLE (id uuid, clean_rows bigint, outcomes bigint)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan SET parallel_tuple_cost = 0 SET parallel_setup_cost = 100 AS $$
DECLARE
    slice record;
BEGIN
    IF wanted IS NOT NULL THEN
        SELECT * INTO STRICT slice FROM artwork_migration.slice_named(wanted);
    ELSE
        SELECT NULL::timestamptz AS first_moment, NULL::timestamptz AS end_before, NULL::integer AS bucket INTO slice;
    END IF;
    RETURN QUERY
    SELECT CASE WHEN
           p.artwork_id IS NULL
           OR (o.state, o.partition, o.source_hash) IS DISTINCT FROM (p.state, p.partition, p.source_hash)
           OR wanted IS NULL AND p.partition <> artwork_migration.slice_of(a.id, a.created_at)
           OR (p.seen_xmin, p.seen_ctid) IS DISTINCT FROM (a.xmin, a.ctid)
              AND p.source_hash <> artwork_migration.row_hash(artwork_migration.as_source(a))
           OR (p.state = 'migrated') <> (v.id IS NOT NULL)
           OR CASE WHEN v.id IS NOT NULL
                   THEN v.customer_email IS DISTINCT FROM public.normalised_email(a.customer_email)
                        OR v.user_id IS DISTINCT FROM COALESCE(a.user_id, (o.detail ->> 'user_id')::uuid)
                        OR artwork_migration.clean(artwork_migration.as_source(a), v.customer_email, v.user_id,
                                                   t.access_token, t.issued_at) *<> v
                        OR artwork_migration.says_all(v, artwork_migration.as_source(a)) IS NOT TRUE
                   ELSE k.artwork_id IS NULL OR k.source *<> artwork_migration.as_source(a)
                        OR p.state = 'merged' AND a.access_token <> ''
                           AND (l.artwork_id, l.expires_at) IS DISTINCT FROM
                               (p.merged_into,
                                COALESCE(a.token_expires_at, COALESCE(a.created_at, t.issued_at) + interval '720 hours')) END
           THEN a.id END, count(v.id), count(o.item)
    FROM @old@ a
    LEFT JOIN artwork_migration.plan p ON p.artwork_id = a.id AND (wanted IS NULL OR p.partition = wanted)
    LEFT JOIN artwork_migration.outcomes o ON o.item = a.id::text AND (wanted IS NULL OR o.partition = wanted)
    LEFT JOIN @clean@ v ON v.id = a.id
        AND (wanted IS NULL
             OR artwork_migration.is_within(v.id, v.created_at, slice.first_moment, slice.end_before, slice.bucket))
    LEFT JOIN artwork_migration.set_aside k ON k.artwork_id = a.id
    LEFT JOIN artwork_migration.issued_tokens t ON t.artwork_id = a.id
    LEFT JOIN public.artwork_token_aliases l ON l.token = a.access_token AND p.state = 'merged'
    WHERE (wanted IS NULL
           OR artwork_migration.is_within(a.id, a.created_at, slice.first_moment, slice.end_before, slice.bucket))
    GROUP BY 1;
END $$;

-- Every difference in a slice (or in all of them, at one go): which row, which column, what should be there and what is.
CREATE OR REPLACE FUNCTION artwork_migration.differences(wanted text)
RETURNS TABLE (problem text, artwork_id uuid, column_name text, expected text, found text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    slice record;
    seen record;
    ids uuid[];
BEGIN
    IF wanted IS NOT NULL THEN
        SELECT * INTO STRICT slice FROM artwork_migration.slice_named(wanted);
    ELSE
        SELECT NULL::timestamptz AS first_moment, NULL::timestamptz AS end_before, NULL::integer AS bucket INTO slice;
    END IF;
    SELECT array_agg(look.id) FILTER (WHERE look.id IS NOT NULL) AS ids,
           COALESCE(sum(look.clean_rows), 0) AS clean_rows, COALESCE(sum(look.outcomes), 0) AS outcomes
    INTO seen FROM artwork_migration.first_look(wanted) AS look;
    ids := COALESCE(seen.ids, '{}');
    -- With the ids at hand every table is asked for these rows alone. What there is no need to ask is not even planned.
    IF ids <> '{}' THEN
        RETURN QUERY
        WITH source AS (
            SELECT a.id, artwork_migration.as_source(a) AS s, public.normalised_email(a.customer_email) AS email
            FROM @old@ a WHERE a.id = ANY (ids) OFFSET 0
        ), sides AS (
            SELECT source.id, source.s, p.state AS planned,
                   COALESCE(wanted, artwork_migration.slice_of(source.id, (source.s).created_at)) AS belongs, p.merged_into, o.state, o.partition, o.source_hash,
                   v AS v, v.id IS NOT NULL AS is_clean, k.source AS kept, k.artwork_id IS NOT NULL AS is_set_aside,
                   artwork_migration.row_hash(source.s) AS hash,
                   CASE WHEN v.id IS NOT NULL THEN artwork_migration.clean(
                       source.s, source.email, COALESCE(recorded.id, by_email.id), t.access_token, t.issued_at) END AS should_be,
                   CASE WHEN v.id IS NOT NULL THEN artwork_migration.back(
                       v, COALESCE((o.detail ->> 'user_id')::uuid, by_email.id), t.access_token, t.issued_at) END AS said,
                   o.target_hash,
                   CASE WHEN o.state = 'merged' AND (source.s).access_token <> '' THEN
                       COALESCE((source.s).token_expires_at,
                                COALESCE((source.s).created_at, t.issued_at) + interval '720 hours') END AS expiry,
                   l.artwork_id AS opens, l.expires_at AS opens_until
            FROM source
            LEFT JOIN artwork_migration.plan p ON p.artwork_id = source.id AND p.artwork_id = ANY (ids)
            LEFT JOIN artwork_migration.outcomes o ON o.item = source.id::text AND o.item = ANY (ids::text[])
            LEFT JOIN @clean@ v ON v.id = source.id AND v.id = ANY (ids)
            LEFT JOIN artwork_migration.set_aside k ON k.artwork_id = source.id AND k.artwork_id = ANY (ids)
            LEFT JOIN artwork_migration.issued_tokens t ON t.artwork_id = source.id AND t.artwork_id = ANY (ids)
            LEFT JOIN public.artwork_token_aliases l ON o.state = 'merged' AND l.token = (source.s).access_token
            LEFT JOIN public.users recorded ON recorded.id = (o.detail ->> 'user_id')::uuid
            LEFT JOIN LATERAL (SELECT u.id FROM public.users u
                               -- A user who was deleted leaves none; whoever has the address now is somebody else's.
                               WHERE recorded.id IS NULL AND v.user_id IS NOT NULL AND public.normalised_email(u.email) = source.email
                               LIMIT 1) AS by_email ON true
            OFFSET 0
        ), suspects AS MATERIALIZED (
            SELECT * FROM sides
            WHERE (state, partition, source_hash) IS DISTINCT FROM (planned, belongs, hash)
               OR (state = 'migrated') IS DISTINCT FROM is_clean
               OR is_clean AND (said *<> s OR should_be *<> v AND target_hash IS DISTINCT FROM artwork_migration.row_hash(v))
               OR state IN ('merged', 'quarantined') AND (kept *= s) IS NOT TRUE
               OR expiry IS NOT NULL AND (opens, opens_until) IS DISTINCT FROM (merged_into, expiry)
        )
        SELECT 'unaccounted', id, NULL, COALESCE(planned, 'an outcome'), COALESCE(state, 'no outcome')
        FROM suspects WHERE (state, partition, source_hash) IS DISTINCT FROM (planned, belongs, hash)
        UNION ALL
        SELECT 'missing', id, NULL, 'a row', 'no row' FROM suspects WHERE state = 'migrated' AND NOT is_clean
        UNION ALL
        SELECT 'extra', id, NULL, 'no row', 'a row' FROM suspects WHERE state IS DISTINCT FROM 'migrated' AND is_clean
        UNION ALL
        SELECT 'changed', id, each.name, artwork_migration.told(each.name, each.expected),
               artwork_migration.told(each.name, each.found)
        FROM suspects CROSS JOIN LATERAL (VALUES @clean_pairs@) AS each (name, expected, found)
        -- A row that live writes made what it is, and that is as they left it, is right in all that goes back.
        WHERE is_clean AND should_be *<> v AND target_hash IS DISTINCT FROM artwork_migration.row_hash(v)
          AND each.expected IS DISTINCT FROM each.found
        UNION ALL
        SELECT 'not restorable', id, each.name, artwork_migration.told(each.name, each.expected),
               artwork_migration.told(each.name, each.found)
        FROM suspects CROSS JOIN LATERAL (VALUES @source_pairs@) AS each (name, expected, found)
        WHERE is_clean AND (should_be *= v OR target_hash = artwork_migration.row_hash(v))
          AND each.expected IS DISTINCT FROM each.found
        UNION ALL
        SELECT 'not kept', id, NULL, 'the whole row, set aside', CASE WHEN is_set_aside THEN 'another row' ELSE 'nothing' END
        FROM suspects WHERE state IN ('merged', 'quarantined') AND (kept *= s) IS NOT TRUE
        UNION ALL
        SELECT 'lost alias', id, 'access_token', 'opens ' || merged_into || ' until ' || expiry,
               COALESCE('opens ' || opens || ' until ' || opens_until, 'opens nothing')
        FROM suspects WHERE expiry IS NOT NULL AND (opens, opens_until) IS DISTINCT FROM (merged_into, expiry);
    END IF;
    IF seen.outcomes <> (SELECT count(*) FROM artwork_migration.outcomes o WHERE wanted IS NULL OR o.partition = wanted) THEN
        RETURN QUERY
        SELECT 'unaccounted', o.item::uuid, NULL, 'no outcome', o.state || ', without a row in the old table'
        FROM artwork_migration.outcomes o
        WHERE (wanted IS NULL OR o.partition = wanted) AND NOT EXISTS (SELECT FROM @old@ a WHERE a.id = o.item::uuid);
    END IF;
    IF seen.clean_rows <> (
        SELECT count(*) FROM @clean@ v
        WHERE wanted IS NULL
           OR artwork_migration.is_within(v.id, v.created_at, slice.first_moment, slice.end_before, slice.bucket)) THEN
        RETURN QUERY
        SELECT 'extra', v.id, NULL, 'no row', 'a row' FROM @clean@ v
        WHERE (wanted IS NULL
               OR artwork_migration.is_within(v.id, v.created_at, slice.first_moment, slice.end_before, slice.bucket))
          AND NOT EXISTS (SELECT FROM @old@ a WHERE a.id = v.id);
    END IF;
    RETURN QUERY
    SELECT 'extra alias', l.artwork_id, 'access_token', 'no alias', 'a token that no twin of this row had'
    FROM public.artwork_token_aliases l
    JOIN artwork_migration.plan s ON s.artwork_id = l.artwork_id AND (wanted IS NULL OR s.partition = wanted)
    WHERE NOT EXISTS (SELECT FROM @old@ t JOIN artwork_migration.plan p ON p.artwork_id = t.id
                      WHERE t.access_token = l.token AND p.merged_into = l.artwork_id)
    UNION ALL
    SELECT 'dangling', r.artwork_id, r.via, 'a clean row', 'no row'
    FROM artwork_migration.referenced() r
    JOIN artwork_migration.plan p ON p.artwork_id = r.artwork_id AND (wanted IS NULL OR p.partition = wanted)
    WHERE NOT EXISTS (SELECT FROM @clean@ v WHERE v.id = r.artwork_id);
END $$;
