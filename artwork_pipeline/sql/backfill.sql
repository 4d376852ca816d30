-- The backfill of a slice, batch by batch. What a row becomes stands in mapping.sql; rows of which something is there
-- already go the way of live writes (apply.sql).
--
-- Rows are always looked up by their ids. Left to itself, the planner reads whole tables for a batch, whose cost then
-- grows with what is there already: the tables grow faster than what it knows of them.

-- Begin a slice, or go on with one that another runner is in the middle of, or died in. It is cut into `parts` parts of
-- as many rows each.
CREATE OR REPLACE FUNCTION artwork_migration.begin_backfill(wanted text, parts integer, run text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    cuts uuid[];
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('artwork_migration.cursors'), hashtext(wanted));
    IF EXISTS (SELECT FROM artwork_migration.cursors WHERE partition = wanted AND NOT finished) THEN
        RETURN;
    END IF;
    SELECT percentile_disc(ARRAY(SELECT n::float8 / parts FROM generate_series(1, parts - 1) AS n))
               WITHIN GROUP (ORDER BY COALESCE(merged_into, artwork_id))
    INTO cuts FROM artwork_migration.plan WHERE partition = wanted;
    DELETE FROM artwork_migration.cursors WHERE partition = wanted;
    INSERT INTO artwork_migration.cursors (partition, part, after_lead, last_lead, until_lead, run_id)
    SELECT wanted, n, cuts[n - 1], cuts[n - 1], COALESCE(cuts[n], 'ffffffff-ffff-ffff-ffff-ffffffffffff'), run
    FROM generate_series(1, parts) AS n;
END $$;

-- Rows of which nothing is there yet, held locked by the caller: inserted, and nothing asked that only later writes can
-- bring about. Each row is read once. `unseen`: rows that are not what was planned (at most ten of them);
-- `without_user`: how many customers have no user.
CREATE OR REPLACE FUNCTION artwork_migration.fill_rows(
    ids uuid[], run text, batch text, OUT clean_rows bigint, OUT outcomes bigint, OUT without_user bigint, OUT unseen uuid[]
)
-- PostgreSQL's own checks of foreign keys keep their plans with `auto` alone: they are half the cost of a row without.
LANGUAGE plpgsql SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET plan_cache_mode = auto AS $$
BEGIN
    WITH due AS MATERIALIZED (
        SELECT p.artwork_id, p.partition, p.state, p.reason, p.merged_into, p.source_hash, token.is_fresh, token.value AS token,
               customer.email,
               -- The same version of the row has the same content; another may have, too.
               (p.seen_xmin, p.seen_ctid) IS DISTINCT FROM (a.xmin, a.ctid)
                   AND p.source_hash <> artwork_migration.row_hash(artwork_migration.as_source(a)) AS is_unseen,
               CASE WHEN p.state <> 'migrated' THEN artwork_migration.as_source(a) END AS s,
               CASE WHEN p.state = 'migrated' THEN artwork_migration.clean(
                   artwork_migration.as_source(a), customer.email, customer.owner, token.value, token.issued_at) END AS v,
               CASE WHEN p.state = 'merged' AND a.access_token <> '' THEN COALESCE(
                   a.token_expires_at, COALESCE(a.created_at, token.issued_at) + interval '720 hours') END AS alias_until
        FROM unnest(ids) AS wanted (id)
        JOIN artwork_migration.plan p ON p.artwork_id = wanted.id
        JOIN @old@ a ON a.id = wanted.id
        -- A row without a token is given one, once; so is a row without any date, for the time when that was.
        CROSS JOIN LATERAL (
            SELECT t.artwork_id IS NULL AND needed AS is_fresh,
                   CASE WHEN needed THEN COALESCE(t.access_token, encode(
                       sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex')) END AS value,
                   CASE WHEN needed THEN COALESCE(t.issued_at, now()) END AS issued_at
            FROM (SELECT COALESCE(a.access_token, '') = '' OR a.token_expires_at IS NULL AND a.created_at IS NULL AS needed) AS asked
            LEFT JOIN artwork_migration.issued_tokens t ON needed AND t.artwork_id = wanted.id
            OFFSET 0) AS token
        CROSS JOIN LATERAL (
            SELECT one.email, CASE WHEN p.state = 'migrated' THEN (
                -- LIMIT 1 makes it a look into the index for each row; a join would read every user for each batch.
                SELECT u.id FROM public.users u WHERE public.normalised_email(u.email) = one.email LIMIT 1) END AS owner
            FROM (SELECT public.normalised_email(a.customer_email) AS email OFFSET 0) AS one
            OFFSET 0) AS customer
    ), issued AS (
        INSERT INTO artwork_migration.issued_tokens (artwork_id, access_token)
        SELECT artwork_id, token FROM due WHERE is_fresh
    ), written AS (
        INSERT INTO @clean@ SELECT (v).* FROM due WHERE state = 'migrated' RETURNING id
    ), kept AS (
        INSERT INTO artwork_migration.set_aside (artwork_id, state, reason, source)
        SELECT artwork_id, state, reason, s FROM due WHERE state <> 'migrated'
    ), aliases AS (
        INSERT INTO public.artwork_token_aliases (token, artwork_id, expires_at)
        SELECT (s).access_token, merged_into, alias_until FROM due WHERE alias_until IS NOT NULL
        ON CONFLICT (token) DO UPDATE SET artwork_id = excluded.artwork_id, expires_at = excluded.expires_at
    ), told AS (
        INSERT INTO artwork_migration.outcomes (item, partition, state, reason, source_hash, detail, run_id, batch_id)
        SELECT artwork_id::text, partition, state, reason, source_hash,
               CASE WHEN (v).user_id IS NOT NULL THEN jsonb_build_object('user_id', (v).user_id)
                    WHEN merged_into IS NOT NULL THEN jsonb_build_object('merged_into', merged_into)
                    ELSE '{}' END, run, batch
        FROM due
    )
    SELECT count(*) FILTER (WHERE state = 'migrated'), count(*),
           count(*) FILTER (WHERE state = 'migrated' AND (v).user_id IS NULL AND email <> ''),
           (array_agg(artwork_id) FILTER (WHERE is_unseen))[:10]
    INTO clean_rows, outcomes, without_user, unseen FROM due;
END $$;

-- One batch of a slice's backfill, in one transaction with its cursor. Whoever comes takes a part that nobody is at, or
-- else waits for one: so workers and runners share a slice. `finished` when no part has anything left.
-- Raises AM001 where rows changed behind the triggers' back, AM002 where customers have no user.
CREATE OR REPLACE FUNCTION artwork_migration.backfill_batch(
    wanted text, size integer, run text, batch text,
    OUT read_rows bigint, OUT clean_rows bigint, OUT outcomes bigint, OUT finished boolean
) LANGUAGE plpgsql SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET plan_cache_mode = auto AS $$
DECLARE
    place artwork_migration.cursors;
    lowest CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
    highest CONSTANT uuid := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
    ids uuid[];
    leads uuid[];
    elsewhere uuid[];
    known uuid[];
    unseen uuid[];
    without_user bigint;
    known_rows record;
    patience text := current_setting('lock_timeout');
BEGIN
    -- Until the transaction ends, and it is all of it: a setting of our own in the function's definition needs a superuser.
    PERFORM set_config('artwork_migration.carrying', 'on', true);
    SELECT * INTO place FROM artwork_migration.cursors c WHERE c.partition = wanted AND NOT c.finished
    ORDER BY part LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        -- Nobody waits for a cursor but backfills: here one may wait longer than for a customer's row.
        PERFORM set_config('lock_timeout', '60s', true);
        SELECT * INTO place FROM artwork_migration.cursors c WHERE c.partition = wanted AND NOT c.finished
        ORDER BY part LIMIT 1 FOR UPDATE;
        PERFORM set_config('lock_timeout', patience, true);
    END IF;
    SELECT array_agg(next.artwork_id), array_agg(next.lead) INTO ids, leads
    FROM (SELECT p.artwork_id, COALESCE(p.merged_into, p.artwork_id) AS lead FROM artwork_migration.plan p
          WHERE p.partition = place.partition AND COALESCE(p.merged_into, p.artwork_id) <= place.until_lead
            AND COALESCE(p.merged_into, p.artwork_id) >= COALESCE(place.last_lead, lowest)
            AND (place.last_lead IS NULL OR (COALESCE(p.merged_into, p.artwork_id), p.artwork_id)
                                          > (place.last_lead, COALESCE(place.last_id, highest)))
          ORDER BY COALESCE(p.merged_into, p.artwork_id), p.artwork_id LIMIT size) AS next;
    ids := COALESCE(ids, '{}');
    read_rows := cardinality(ids);
    place.last_id := COALESCE(ids[read_rows], place.last_id);
    place.last_lead := COALESCE(leads[read_rows], place.last_lead);

    -- Lock, then read: a copy of an unlocked row would overwrite what somebody writes meanwhile, or revive what they
    -- delete. A twin's survivor may be of another slice, or of the batch before this.
    elsewhere := ARRAY(SELECT unnest(leads) EXCEPT SELECT unnest(ids));
    PERFORM FROM @old@ a WHERE a.id = ANY (ids || elsewhere) ORDER BY a.id FOR NO KEY UPDATE;

    -- A merge holds as long as the other row is there and migrated.
    UPDATE artwork_migration.plan p SET state = 'migrated', merged_into = NULL
    FROM unnest(ids, leads) AS twin (id, lead)
    WHERE twin.id <> twin.lead AND p.artwork_id = twin.id AND p.state = 'merged' AND NOT EXISTS (
        SELECT FROM artwork_migration.plan s JOIN @old@ a ON a.id = s.artwork_id
        WHERE s.artwork_id = p.merged_into AND s.state = 'migrated');
    ids := ids || ARRAY(SELECT p.artwork_id FROM artwork_migration.plan p
                        WHERE p.artwork_id = ANY (elsewhere) AND p.state = 'migrated'
                          AND NOT EXISTS (SELECT FROM @clean@ v WHERE v.id = p.artwork_id));

    -- Joined, not asked by EXISTS: for that the planner would read all of what is there already, for each batch.
    known := ARRAY(SELECT i.id FROM unnest(ids) AS i (id)
                   LEFT JOIN artwork_migration.outcomes o ON o.item = i.id::text
                   LEFT JOIN @clean@ v ON v.id = i.id
                   LEFT JOIN artwork_migration.set_aside k ON k.artwork_id = i.id
                   WHERE o.item IS NOT NULL OR v.id IS NOT NULL OR k.artwork_id IS NOT NULL);
    SELECT filled.* INTO clean_rows, outcomes, without_user, unseen
    FROM artwork_migration.fill_rows(
        CASE known WHEN '{}' THEN ids ELSE ARRAY(SELECT unnest(ids) EXCEPT SELECT unnest(known)) END, run, batch) AS filled;
    IF known <> '{}' THEN
        unseen := unseen || ARRAY(
            SELECT p.artwork_id FROM artwork_migration.plan p JOIN @old@ a ON a.id = p.artwork_id
            WHERE p.artwork_id = ANY (known) AND (p.seen_xmin, p.seen_ctid) IS DISTINCT FROM (a.xmin, a.ctid)
              AND p.source_hash <> artwork_migration.row_hash(artwork_migration.as_source(a)) LIMIT 10);
        SELECT applied.* INTO known_rows FROM artwork_migration.apply_rows(known, run, batch) AS applied;
        clean_rows := clean_rows + known_rows.clean_rows;
        outcomes := outcomes + known_rows.outcomes;
    END IF;
    IF unseen <> '{}' THEN
        RAISE EXCEPTION USING ERRCODE = 'AM001',
            MESSAGE = 'rows changed since the plan was made, and no trigger saw it: ' || array_to_string(unseen[:10], ', ');
    ELSIF without_user > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'AM002', MESSAGE = without_user || ' rows have no user yet';
    END IF;
    IF clean_rows + outcomes > 0 THEN
        -- What was compared before is not what is there now: a verdict on it opens the gate no more.
        UPDATE artwork_migration.publications SET candidate = 'filled again, not compared yet', run_id = run, at = now()
        WHERE stage = 'verify' AND candidate <> 'filled again, not compared yet'
          AND partition IN (SELECT p.partition FROM artwork_migration.plan p WHERE p.artwork_id = ANY (ids));
    END IF;
    UPDATE artwork_migration.cursors c
    SET last_lead = place.last_lead, last_id = place.last_id, finished = read_rows < size, run_id = run, moved_at = now()
    WHERE c.partition = place.partition AND c.part = place.part;
    finished := NOT EXISTS (SELECT FROM artwork_migration.cursors c WHERE c.partition = wanted AND NOT c.finished);
END $$;
