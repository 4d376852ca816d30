-- Which customer is served by which table, as long as there are two. Both hold the same, for what is written to one is
-- in the other in the same transaction: so a customer is routed to and fro without a row being moved.
-- A customer who is not named in artwork_migration.routing is served by the table that is called artworks.

CREATE OR REPLACE FUNCTION artwork_migration.served(email text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
    SELECT COALESCE((SELECT r.version FROM artwork_migration.routing r WHERE r.email = public.normalised_email($1)),
                    @default_version@)
$$;

-- Whether anybody at all is served by the old table: without, nothing of ours reads it.
CREATE OR REPLACE FUNCTION artwork_migration.anybody_served_by_v1() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT @default_version@ = 'v1' OR EXISTS (SELECT FROM artwork_migration.routing r WHERE r.version = 'v1')
$$;

-- What the old table says, and of the clean one what the old cannot say. `recorded` is the user whom the migration found.
-- With its owner's rights: what a view calls runs with those of whoever reads it, who knows nothing of this schema.
CREATE OR REPLACE FUNCTION artwork_migration.as_served_by_v1(
    a @old@, v @clean@, recorded uuid, owner uuid, issued_token text, issued_at timestamptz
) RETURNS @clean@
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s artwork_migration.source_row := artwork_migration.as_source(a);
    email text := public.normalised_email(s.customer_email);
    same_user uuid := CASE WHEN v.customer_email = email THEN v.user_id ELSE owner END;
    plain @clean@ := artwork_migration.clean(s, email, same_user, issued_token, issued_at);
BEGIN
    IF v.id IS NULL THEN
        RETURN plain;
    END IF;
    RETURN artwork_migration.held(v, plain, s, recorded, same_user, issued_token, issued_at);
END $$;

-- The artworks as their customers are served, in the shape of the clean table.
CREATE OR REPLACE VIEW public.routed_artworks AS
SELECT @v_columns@
FROM @clean@ v
WHERE COALESCE((SELECT r.version FROM artwork_migration.routing r WHERE r.email = v.customer_email), @default_version@) = 'v2'
UNION ALL
-- id and address stand by themselves: by them rows are looked up with an index.
SELECT @v1_columns@
FROM @old@ a
JOIN artwork_migration.plan p ON p.artwork_id = a.id AND p.state = 'migrated'
LEFT JOIN artwork_migration.issued_tokens t ON t.artwork_id = a.id
LEFT JOIN artwork_migration.outcomes o ON o.item = a.id::text
LEFT JOIN @clean@ v ON v.id = a.id
LEFT JOIN LATERAL (SELECT u.id FROM public.users u WHERE public.normalised_email(u.email) = public.normalised_email(a.customer_email)
                   LIMIT 1) AS by_email ON true
CROSS JOIN LATERAL artwork_migration.as_served_by_v1(
    a, v, (o.detail ->> 'user_id')::uuid, by_email.id, t.access_token, t.issued_at) AS m
WHERE (SELECT artwork_migration.anybody_served_by_v1())
  AND COALESCE((SELECT r.version FROM artwork_migration.routing r WHERE r.email = public.normalised_email(a.customer_email)),
               @default_version@) = 'v1';

-- What a token opens, and until when.
CREATE OR REPLACE FUNCTION public.artwork_opened_by(wanted text) RETURNS TABLE (artwork_id uuid, expires_at timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT v.id, v.token_expires_at FROM @clean@ v
    WHERE v.access_token = wanted
      -- A token that the old row never had is the migration's gift to customers of either table.
      AND (v.legacy ? 'access_token' OR artwork_migration.served(v.customer_email) = 'v2')
    UNION ALL
    SELECT l.artwork_id, l.expires_at FROM public.artwork_token_aliases l JOIN @clean@ v ON v.id = l.artwork_id
    WHERE l.token = wanted AND artwork_migration.served(v.customer_email) = 'v2'
    UNION ALL
    SELECT COALESCE(p.merged_into, a.id),
           COALESCE(a.token_expires_at, COALESCE(a.created_at, t.issued_at) + interval '720 hours')
    FROM @old@ a JOIN artwork_migration.plan p ON p.artwork_id = a.id AND p.state IN ('migrated', 'merged')
    LEFT JOIN artwork_migration.issued_tokens t ON t.artwork_id = a.id
    WHERE a.access_token = wanted AND wanted <> '' AND (SELECT artwork_migration.anybody_served_by_v1())
      AND artwork_migration.served(a.customer_email) = 'v1'
$$;

-- Before a row of the clean table is changed: its old row locked first, as whoever writes to the old table does it, for
-- two who lock in another order wait for each other. A row that the backfill has not reached is brought along.
CREATE OR REPLACE FUNCTION artwork_migration.reach(wanted uuid) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    before bigint := artwork_migration.uncounted_scans();
BEGIN
    PERFORM FROM @old@ a WHERE a.id = wanted FOR NO KEY UPDATE;
    IF FOUND AND NOT EXISTS (SELECT FROM @clean@ v WHERE v.id = wanted)
       AND EXISTS (SELECT FROM artwork_migration.plan p WHERE p.artwork_id = wanted AND p.state = 'migrated') THEN
        UPDATE @old@ a SET id = a.id WHERE a.id = wanted;
    END IF;
    -- Whoever asks who still reads the old table after the switch need not count this.
    PERFORM artwork_migration.count_scans(before);
END $$;

-- What keeps a customer from being served by either table alike: each row of theirs that is not the same on both sides,
-- and why. Nothing, for a customer who may be routed.
CREATE OR REPLACE FUNCTION artwork_migration.customer_differences(address text)
RETURNS TABLE (artwork_id uuid, problem text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT a.id, CASE
        WHEN p.artwork_id IS NULL THEN 'not planned'
        WHEN o.item IS NULL THEN 'not filled in yet'
        WHEN o.state <> p.state THEN 'planned as ' || p.state || ', and ' || o.state
        WHEN p.state = 'migrated' AND v.id IS NULL THEN 'missing in the clean table'
        WHEN p.state = 'migrated' THEN 'not the same in both tables'
        ELSE 'in the clean table, and ' || p.state END
    FROM @old@ a
    LEFT JOIN artwork_migration.plan p ON p.artwork_id = a.id
    LEFT JOIN artwork_migration.outcomes o ON o.item = a.id::text
    LEFT JOIN artwork_migration.issued_tokens t ON t.artwork_id = a.id
    LEFT JOIN @clean@ v ON v.id = a.id
    WHERE public.normalised_email(a.customer_email) = address
      AND (p.artwork_id IS NULL OR o.state IS DISTINCT FROM p.state OR (p.state = 'migrated') <> (v.id IS NOT NULL)
           OR v.id IS NOT NULL AND artwork_migration.as_served_by_v1(
               a, v, (o.detail ->> 'user_id')::uuid, NULL, t.access_token, t.issued_at) *<> v)
    UNION ALL
    SELECT v.id, 'missing in the old table' FROM @clean@ v
    WHERE v.customer_email = address AND NOT EXISTS (SELECT FROM @old@ a WHERE a.id = v.id)
$$;
