-- The rows of a synthetic source, made set-wise; the same seed gives the same bytes.
-- Put in by fill(): :seed, :rows. Rows come in blocks of 20 with a fixed composition, so that every kind of row
-- occurs in any source of a few hundred rows, and the expected outcome of each is known when it is made:
--   0-13  seven uploads, each the finished artwork and its twin that never completes
--   14-15 artworks alone      16  artworks with as many NULLs as the schema allows
--   17-18 look-alikes of twins, which must not be merged
--   19    test rows of each rule, a test row with an order, look-alikes of test rows

CREATE FUNCTION pg_temp.pick(i bigint, salt text, n integer) RETURNS integer LANGUAGE sql IMMUTABLE AS
    $$ SELECT ((hashtextextended(salt || i, :seed) & 9223372036854775807) % n)::integer $$;
CREATE FUNCTION pg_temp.hex(i bigint, salt text) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT encode(sha256(convert_to(salt || i || ':' || :seed, 'UTF8')), 'hex') $$;
CREATE FUNCTION pg_temp.id(i bigint, salt text) RETURNS uuid LANGUAGE sql IMMUTABLE AS
    $$ SELECT left(pg_temp.hex(i, salt), 32)::uuid $$;
-- The ways in which people and browsers write one address.
CREATE FUNCTION pg_temp.variant(email text, way integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE way
        WHEN 0 THEN upper(email)
        WHEN 1 THEN '  ' || email || ' '
        WHEN 2 THEN email || U&'\00A0'
        WHEN 3 THEN U&'\200B' || email
        WHEN 4 THEN translate(email, '0123456789', U&'\FF10\FF11\FF12\FF13\FF14\FF15\FF16\FF17\FF18\FF19')
        WHEN 5 THEN initcap(email)
        ELSE email END $$;

CREATE TEMP TABLE placed ON COMMIT DROP AS
SELECT i, block, slot, upload, twin, trio,
       -- A customer is known by number; the sixth upload of a block is made by the customer of its first.
       CASE WHEN upload = 5 THEN block * 20
            WHEN upload IS NOT NULL THEN block * 20 + upload * 2
            WHEN trio THEN block * 20 + 14
            WHEN slot = 18 AND block % 4 <> 2 THEN i - 1
            ELSE i END AS customer,
       CASE WHEN slot < 14 THEN 'upload'
            WHEN slot < 16 THEN 'alone'
            WHEN slot = 16 THEN 'sparse'
            WHEN slot < 19 THEN (ARRAY['both_empty', 'both_done', 'trio', 'other_name'])[block % 4 + 1]
            ELSE (ARRAY['test_pending', 'test_uploaded', 'test_prefix', 'localhost_url', 'example_customer',
                        'test_token', 'test_with_order', 'lookalike'])[block % 8 + 1] END AS kind
FROM (SELECT i, i / 20 AS block, (i % 20)::integer AS slot,
             CASE WHEN i % 20 < 14 THEN (i % 20 / 2)::integer END AS upload,
             i % 20 < 14 AND i % 2 = 1 AS twin,
             i % 20 IN (17, 18) AND (i / 20) % 4 = 2 AS trio
      FROM generate_series(0, :rows - 1) AS i) AS numbered;

CREATE TEMP TABLE made ON COMMIT DROP AS
SELECT placed.*,
       kind = 'upload' AND NOT twin
           OR kind IN ('alone', 'both_done', 'test_with_order', 'lookalike') AND pg_temp.pick(i, 'done', 4) > 0
           OR kind = 'both_done' AS done,
       pg_temp.id(i, 'artwork') AS id,
       (ARRAY['Anna', 'Zoë', 'José', 'Łukasz', 'Mary Jane', 'Oğuz', '美咲', 'Siobhán', 'Test', 'D''Arcy'])
           [pg_temp.pick(customer, 'first', 10) + 1] || ' '
       || (ARRAY['Smith', 'Müller', 'Nuñez', 'Kowalski', 'O''Neil', 'Yılmaz', '山田', 'Testa', 'van Dijk', 'Brown'])
           [pg_temp.pick(customer, 'last', 10) + 1]
       || CASE WHEN kind = 'other_name' AND slot = 18 THEN ' junior' ELSE '' END AS name,
       'customer' || customer || '@'
       || (ARRAY['example.net', 'example.org', 'mail.example.org', 'example.com'])
           [pg_temp.pick(customer, 'domain', 4) + 1] AS email,
       CASE WHEN kind = 'sparse' AND block % 10 = 0 THEN NULL
            WHEN slot = 15 AND block % 20 = 9 THEN timestamptz '2031-05-05 05:05:05+00'
            ELSE (CASE WHEN block % 20 = 7 THEN timestamptz '2024-11-01 00:00:00+00'
                       ELSE timestamptz '2025-01-01 00:00:00+00' + make_interval(months => (block % 10)::integer) END)
                 -- Uploads of a customer lie days apart; what looks like a twin lies seconds apart.
                 + make_interval(
                       days => CASE WHEN upload IS NOT NULL THEN upload * 3 WHEN trio THEN 22
                                    WHEN slot = 18 THEN 25 ELSE slot + 8 END,
                       secs => pg_temp.pick(CASE WHEN twin OR slot = 18 AND NOT trio THEN i - 1
                                                 WHEN trio THEN block * 20 + 14 ELSE i END, 'second', 80000)
                               + CASE WHEN twin OR slot = 18 OR trio THEN 1 + pg_temp.pick(i, 'apart', 8) ELSE 0 END)
       END AS created_at
FROM placed;

INSERT INTO users (id, email, created_at, updated_at)
SELECT pg_temp.id(i * 4 + copy, 'user'), CASE copy WHEN 0 THEN email ELSE pg_temp.variant(email, copy - 1) END,
       timestamptz '2024-06-01 00:00:00+00' + make_interval(mins => pg_temp.pick(i * 4 + copy, 'joined', 200000)),
       timestamptz '2024-12-01 00:00:00+00'
FROM made CROSS JOIN LATERAL generate_series(0, CASE WHEN block % 3 = 0 THEN 2 ELSE 0 END) AS copy
WHERE slot IN (0, 14) AND kind IN ('upload', 'alone');

INSERT INTO artworks (id, user_id, original_image_url, generated_image_url, pet_name, customer_name, customer_email,
                      original_pet_mom_url, original_pet_url, access_token, token_expires_at, generation_status,
                      created_at, updated_at)
SELECT id,
       CASE WHEN slot = 14 AND block % 5 = 3 THEN pg_temp.id(i * 4 + CASE WHEN block % 3 = 0 THEN 1 ELSE 0 END, 'user') END,
       CASE kind WHEN 'test_pending' THEN 'test-pending'
                 WHEN 'test_uploaded' THEN 'Test-Uploaded'
                 WHEN 'test_prefix' THEN 'TEST-' || i || '.jpg'
                 WHEN 'test_with_order' THEN 'test-' || i || '.jpg'
                 WHEN 'localhost_url' THEN 'http://LOCALHOST:3000/uploads/' || i || '.jpg'
                 WHEN 'lookalike' THEN (ARRAY['https://img.example.org/test-' || i || '.jpg', 'latest-test-pending',
                     'https://localhost.example.org/' || i || '.jpg', 'testimony-' || i || '.jpg'])[block / 8 % 4 + 1]
                 ELSE CASE WHEN pg_temp.pick(i, 'original', 5) < 3 THEN 'pending'
                           ELSE 'https://img.example.org/original/' || id || '.jpg' END END,
       CASE WHEN done THEN 'https://img.example.org/generated/' || id || '.png' END,
       CASE WHEN kind = 'sparse' THEN NULL
            ELSE (ARRAY['Rex', 'Mîna', '', NULL, 'Señor Whiskers', '雪'])
                [pg_temp.pick(CASE WHEN twin THEN i - 1 ELSE i END, 'pet', 6) + 1] END,
       CASE WHEN kind = 'example_customer' THEN 'Test Customer' ELSE name END,
       CASE WHEN kind = 'example_customer' THEN 'Shop' || i || '@Example.com'
            ELSE pg_temp.variant(email, pg_temp.pick(i, 'variant', 20)) END,
       CASE WHEN kind = 'sparse' OR pg_temp.pick(i, 'mom', 9) = 0 THEN NULL
            ELSE 'https://img.example.org/mom/' || id || '.jpg' END,
       CASE WHEN kind = 'sparse' OR pg_temp.pick(i, 'pet_url', 9) = 0 THEN NULL
            ELSE 'https://img.example.org/pet/' || id || '.jpg' END,
       CASE WHEN kind = 'test_token' THEN 'test-token-' || i
            WHEN kind = 'sparse' OR pg_temp.pick(i, 'no_token', 12) = 0 THEN NULL
            ELSE pg_temp.hex(i, 'token') END,
       CASE WHEN kind = 'sparse' OR pg_temp.pick(i, 'no_expiry', 12) = 0 THEN NULL
            WHEN pg_temp.pick(i, 'valid', 6) = 0 THEN timestamptz '2036-01-01 00:00:00+00'
            ELSE created_at + interval '30 days' END,
       CASE WHEN kind = 'sparse' OR done AND pg_temp.pick(i, 'no_status', 15) = 0 THEN NULL
            WHEN done THEN 'completed'
            WHEN twin OR kind IN ('both_empty', 'trio') THEN 'pending'
            ELSE (ARRAY['pending', 'failed'])[pg_temp.pick(i, 'status', 2) + 1] END,
       created_at,
       CASE WHEN kind <> 'sparse' THEN created_at + make_interval(mins => pg_temp.pick(i, 'touched', 90)) END
FROM made;

INSERT INTO orders (id, artwork_id, stripe_session_id, product_type, product_size, price_cents, customer_email,
                    customer_name, shipping_address, order_status, created_at, updated_at)
SELECT pg_temp.id(i, 'order'),
       CASE WHEN slot <> 12 THEN id END,
       'cs_' || left(pg_temp.hex(i, 'stripe'), 40),
       (ARRAY['digital', 'art_print', 'framed_canvas'])[pg_temp.pick(i, 'product', 3) + 1],
       (ARRAY[NULL, '8x10', '16x20'])[pg_temp.pick(i, 'size', 3) + 1],
       1900 + 100 * pg_temp.pick(i, 'price', 90), email, name,
       jsonb_build_object('city', 'Łódź', 'line1', pg_temp.pick(i, 'house', 200)::text || ' Rue de l’Été'),
       (ARRAY['pending', 'paid', 'processing', 'shipped', 'delivered', 'cancelled', 'failed'])
           [pg_temp.pick(i, 'order_status', 7) + 1],
       created_at + interval '1 hour', created_at + interval '1 hour'
FROM made
WHERE slot IN (0, 6) AND pg_temp.pick(i, 'ordered', 2) = 0 OR kind = 'test_with_order' OR slot = 12 AND block % 5 = 0;

INSERT INTO order_status_history (id, order_id, status, notes, created_at)
SELECT pg_temp.id(row_number() OVER (ORDER BY orders.id, step), 'history'), orders.id, orders.order_status, NULL,
       orders.created_at + make_interval(mins => step)
FROM orders CROSS JOIN generate_series(1, 2) AS step;

INSERT INTO admin_reviews (id, artwork_id, status, notes, created_at)
SELECT pg_temp.id(i, 'review'), id, (ARRAY['pending', 'approved'])[pg_temp.pick(i, 'review_status', 2) + 1],
       NULL, created_at
FROM made
WHERE slot = 4 AND block % 2 = 0 OR slot = 13 AND block % 10 = 3;  -- slot 13: a twin that is under review

INSERT INTO support_tickets (id, artwork_id, subject, created_at)
SELECT pg_temp.id(i, 'ticket'), id, 'When will it be here?', created_at FROM made WHERE slot = 2 AND block % 4 = 0;

-- What must become of each row, known from how it was made.
CREATE TABLE synthetic_source.expected AS
SELECT id, CASE WHEN twin AND NOT (slot = 13 AND block % 10 = 3) THEN 'merged'
                WHEN kind IN ('test_pending', 'test_uploaded', 'test_prefix', 'localhost_url', 'example_customer',
                              'test_token') THEN 'quarantined'
                ELSE 'migrated' END AS state,
       CASE WHEN kind LIKE 'test_%' AND kind <> 'test_with_order' OR kind IN ('localhost_url', 'example_customer')
            THEN kind END AS reason,
       CASE WHEN twin AND NOT (slot = 13 AND block % 10 = 3) THEN pg_temp.id(i - 1, 'artwork') END AS merged_into
FROM made;
