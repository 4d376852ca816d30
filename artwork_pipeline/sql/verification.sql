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

-- Every difference in a slice: which row, which column, what should be there and what is.
CREATE OR REPLACE FUNCTION artwork_migration.differences(wanted text)
RETURNS TABLE (problem text, artwork_id uuid, column_name text, expected text, found text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    slice record;
    ids uuid[];
BEGIN
    SELECT * INTO STRICT slice FROM artwork_migration.slice_named(wanted);
    -- With the ids at hand every table is asked for the rows of the slice alone.
    ids := ARRAY(SELECT a.id FROM @old@ a
                 WHERE artwork_migration.is_within(a.id, a.created_at, slice.first_moment, slice.end_before, slice.bucket));
    RETURN QUERY
    WITH source AS (
        SELECT a.id, artwork_migration.as_source(a) AS s, public.normalised_email(a.customer_email) AS email
        FROM @old@ a
        WHERE artwork_migration.is_within(a.id, a.created_at, slice.first_moment, slice.end_before, slice.bucket) OFFSET 0
    ), sides AS (
        SELECT source.id, source.s, p.state AS planned, p.merged_into, o.state, o.partition, o.source_hash,
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
        WHERE (state, partition, source_hash) IS DISTINCT FROM (planned, wanted, hash)
           OR (state = 'migrated') IS DISTINCT FROM is_clean
           OR is_clean AND (said *<> s OR should_be *<> v AND target_hash IS DISTINCT FROM artwork_migration.row_hash(v))
           OR state IN ('merged', 'quarantined') AND (kept *= s) IS NOT TRUE
           OR expiry IS NOT NULL AND (opens, opens_until) IS DISTINCT FROM (merged_into, expiry)
    )
    SELECT 'unaccounted', id, NULL, COALESCE(planned, 'an outcome'), COALESCE(state, 'no outcome')
    FROM suspects WHERE (state, partition, source_hash) IS DISTINCT FROM (planned, wanted, hash)
    UNION ALL
    SELECT 'unaccounted', o.item::uuid, NULL, 'no outcome', o.state || ', without a row in the old table'
    FROM artwork_migration.outcomes o
    WHERE o.partition = wanted AND NOT EXISTS (SELECT FROM @old@ a WHERE a.id = o.item::uuid)
    UNION ALL
    SELECT 'missing', id, NULL, 'a row', 'no row' FROM suspects WHERE state = 'migrated' AND NOT is_clean
    UNION ALL
    SELECT 'extra', id, NULL, 'no row', 'a row' FROM suspects WHERE state IS DISTINCT FROM 'migrated' AND is_clean
    UNION ALL
    SELECT 'extra', v.id, NULL, 'no row', 'a row' FROM @clean@ v
    WHERE artwork_migration.is_within(v.id, v.created_at, slice.first_moment, slice.end_before, slice.bucket)
      AND NOT EXISTS (SELECT FROM @old@ a WHERE a.id = v.id)
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
    FROM suspects WHERE expiry IS NOT NULL AND (opens, opens_until) IS DISTINCT FROM (merged_into, expiry)
    UNION ALL
    SELECT 'extra alias', l.artwork_id, 'access_token', 'no alias', 'a token that no twin of this row had'
    FROM public.artwork_token_aliases l
    WHERE l.artwork_id = ANY (ids) AND NOT EXISTS (SELECT FROM @old@ t JOIN artwork_migration.plan p ON p.artwork_id = t.id
                      WHERE t.access_token = l.token AND p.merged_into = l.artwork_id)
    UNION ALL
    SELECT 'dangling', r.artwork_id, r.via, 'a clean row', 'no row'
    FROM artwork_migration.referenced() r
    WHERE r.artwork_id = ANY (ids) AND NOT EXISTS (SELECT FROM @clean@ v WHERE v.id = r.artwork_id)
    ORDER BY 1, 2, 3;
END $$;
