-- The application's reads, made on a sample of both sides in one snapshot: by id, by token, a customer's list, the newest
-- of each state, an order with its artwork. A line for each kind of read with the number of reads (subject NULL), and a
-- line for each thing that differs. Parameters: old_percent, clean_percent, orders_percent (of the rows), newest (rows).
--
-- What is not filled in yet, and what was set aside or merged, is not expected on the clean side; a merged row's token is.
WITH old_sample AS MATERIALIZED (
    SELECT a.id, a.customer_email, a.generation_status, a.access_token, a.token_expires_at, o.state,
           (o.detail ->> 'merged_into')::uuid AS merged_into
    FROM @old@ a TABLESAMPLE BERNOULLI (%(old_percent)s)
    LEFT JOIN artwork_migration.outcomes o ON o.item = a.id::text
), clean_sample AS MATERIALIZED (
    SELECT v.id FROM @clean@ v TABLESAMPLE BERNOULLI (%(clean_percent)s)
), newest AS MATERIALIZED (
    -- The newest of each state, as the workers ask for them on either side.
    SELECT each.id
    FROM (SELECT DISTINCT generation_status AS word FROM old_sample) AS words
    CROSS JOIN LATERAL (SELECT a.id FROM @old@ a WHERE a.generation_status IS NOT DISTINCT FROM word
                        ORDER BY a.created_at DESC NULLS LAST LIMIT %(newest)s) AS each
    JOIN artwork_migration.outcomes o ON o.item = each.id::text AND o.state = 'migrated'
    UNION
    SELECT each.id FROM unnest(ARRAY['pending', 'processing', 'completed', 'failed']) AS words (word)
    CROSS JOIN LATERAL (SELECT v.id FROM @clean@ v WHERE v.generation_status = word
                        ORDER BY v.created_at DESC NULLS LAST LIMIT %(newest)s) AS each
), ordered AS MATERIALIZED (
    SELECT r.id AS order_id, r.artwork_id AS id FROM public.orders r TABLESAMPLE BERNOULLI (%(orders_percent)s)
    JOIN artwork_migration.outcomes o ON o.item = r.artwork_id::text
), pairs AS MATERIALIZED (
    -- Each artwork that is read, on both sides: as it is in the old table, and as the clean one says it.
    SELECT each.id, a.id IS NOT NULL AS is_old, v.id IS NOT NULL AS is_clean,
           CASE WHEN a.id IS NOT NULL THEN artwork_migration.as_source(a) END AS s,
           CASE WHEN v.id IS NOT NULL THEN artwork_migration.back(
               v, (o.detail ->> 'user_id')::uuid, t.access_token, t.issued_at) END AS said
    FROM (SELECT id FROM old_sample WHERE state = 'migrated' UNION SELECT id FROM clean_sample
          UNION SELECT id FROM newest UNION SELECT id FROM ordered) AS each
    LEFT JOIN @old@ a ON a.id = each.id LEFT JOIN @clean@ v ON v.id = each.id
    LEFT JOIN artwork_migration.outcomes o ON o.item = each.id::text
    LEFT JOIN artwork_migration.issued_tokens t ON t.artwork_id = each.id
), by_id AS (
    SELECT * FROM pairs WHERE id IN (SELECT id FROM old_sample WHERE state = 'migrated' UNION SELECT id FROM clean_sample)
), by_token AS MATERIALIZED (
    SELECT known.id, COALESCE(merged_into, known.id) AS expected, known.token_expires_at AS expires,
           opened.id AS found, opened.expires_at AS found_expires
    FROM old_sample AS known LEFT JOIN LATERAL (
        SELECT v.id, v.token_expires_at AS expires_at FROM @clean@ v WHERE v.access_token = known.access_token
        UNION ALL
        SELECT l.artwork_id, l.expires_at FROM public.artwork_token_aliases l WHERE l.token = known.access_token
        LIMIT 1
    ) AS opened ON true
    WHERE state IN ('migrated', 'merged') AND known.access_token <> ''
), customers AS MATERIALIZED (
    -- The old application finds an address as it was written; the new one every way of writing it.
    SELECT spelled, public.normalised_email(spelled) AS email
    FROM (SELECT DISTINCT customer_email AS spelled FROM old_sample WHERE state = 'migrated') AS each
), by_email AS MATERIALIZED (
    SELECT customers.spelled, old_list.ids AS expected, clean_list.ids AS found
    FROM customers
    LEFT JOIN (
        SELECT a.customer_email, array_agg(a.id ORDER BY a.created_at DESC NULLS LAST, a.id) AS ids
        FROM @old@ a JOIN artwork_migration.outcomes o ON o.item = a.id::text AND o.state = 'migrated'
        WHERE a.customer_email IN (SELECT spelled FROM customers) GROUP BY a.customer_email
    ) AS old_list ON old_list.customer_email = customers.spelled
    LEFT JOIN LATERAL (
        SELECT array_agg(v.id ORDER BY v.created_at DESC NULLS LAST, v.id) AS ids
        FROM @clean@ v LEFT JOIN @old@ a ON a.id = v.id
        WHERE v.customer_email = customers.email AND (a.id IS NULL OR a.customer_email = customers.spelled)
    ) AS clean_list ON true
), by_status AS (
    SELECT * FROM pairs WHERE id IN (SELECT id FROM newest)
), by_order AS (
    SELECT ordered.order_id, pairs.* FROM ordered JOIN pairs ON pairs.id = ordered.id
    -- An order of a row that was set aside since; of one that was merged there is none.
    WHERE is_clean OR is_old
)
SELECT 'by_id' AS read, (SELECT count(*) FROM by_id) AS compared, NULL AS subject, NULL AS column_name, NULL AS expected, NULL AS found
UNION ALL SELECT 'by_token', (SELECT count(*) FROM by_token), NULL, NULL, NULL, NULL
UNION ALL SELECT 'by_email', (SELECT count(*) FROM by_email), NULL, NULL, NULL, NULL
UNION ALL SELECT 'by_status', (SELECT count(*) FROM by_status), NULL, NULL, NULL, NULL
UNION ALL SELECT 'by_order', (SELECT count(*) FROM by_order), NULL, NULL, NULL, NULL
UNION ALL
SELECT 'by_id', 0, 'artwork ' || id, NULL, CASE WHEN is_old THEN 'a row' ELSE 'no row' END,
       CASE WHEN is_clean THEN 'a row' ELSE 'no row' END
FROM by_id WHERE is_old <> is_clean
UNION ALL
SELECT 'by_id', 0, 'artwork ' || id, each.name, artwork_migration.told(each.name, each.expected),
       artwork_migration.told(each.name, each.found)
FROM by_id CROSS JOIN LATERAL (VALUES @source_pairs@) AS each (name, expected, found)
WHERE is_old AND is_clean AND s *<> said AND each.expected IS DISTINCT FROM each.found
UNION ALL
SELECT 'by_token', 0, 'artwork ' || id, 'access_token', 'opens ' || expected || COALESCE(' until ' || expires, ''),
       COALESCE('opens ' || found || COALESCE(' until ' || found_expires, ''), 'opens nothing')
FROM by_token WHERE found IS DISTINCT FROM expected OR expires <> found_expires
UNION ALL
SELECT 'by_email', 0, 'customer ' || left(encode(sha256(convert_to(spelled, 'UTF8')), 'hex'), 12), 'id',
       COALESCE(array_length(expected, 1), 0) || ' artworks, the newest ' || COALESCE(expected[1]::text, 'none'),
       COALESCE(array_length(found, 1), 0) || ' artworks, the newest ' || COALESCE(found[1]::text, 'none')
FROM by_email WHERE expected IS DISTINCT FROM found
UNION ALL
SELECT 'by_status', 0, 'artwork ' || id, 'generation_status',
       CASE WHEN is_old THEN artwork_migration.told('generation_status', (s).generation_status) ELSE 'no row' END,
       CASE WHEN is_clean THEN artwork_migration.told('generation_status', (said).generation_status) ELSE 'no row' END
FROM by_status WHERE is_old <> is_clean OR (s).generation_status IS DISTINCT FROM (said).generation_status
UNION ALL
SELECT 'by_order', 0, 'order ' || order_id, 'artwork_id', 'artwork ' || id,
       CASE WHEN is_clean THEN 'an artwork with another customer or picture' ELSE 'no artwork' END
FROM by_order WHERE NOT is_clean OR ((s).customer_name, (s).generated_image_url)
    IS DISTINCT FROM ((said).customer_name, (said).generated_image_url)
ORDER BY 1, 3 NULLS FIRST, 4
