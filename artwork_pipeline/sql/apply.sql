-- Writing rows into the clean table: one way for the backfill and for the forward triggers.
--
-- Rows are always looked up by their ids. Left to itself, the planner reads whole tables for a batch, whose cost then
-- grows with what is there already: the tables grow faster than what it knows of them.

-- Carry out the plan for rows of the old table that the caller holds locked. What says the same already is not
-- rewritten: neither in the clean table nor among the outcomes. Returns the clean rows and the outcomes written.
CREATE OR REPLACE FUNCTION artwork_migration.apply_rows(ids uuid[], run text, batch text, OUT clean_rows bigint, OUT outcomes bigint)
-- Planned once in a session: it takes longer than carrying out the plan for one row of a live write does.
LANGUAGE plpgsql SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    moved uuid[];
    altered uuid[];
BEGIN
    PERFORM set_config('artwork_migration.carrying', 'on', true);
    INSERT INTO artwork_migration.issued_tokens (artwork_id, access_token)
    SELECT a.id, encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex')
    FROM @old@ a
    WHERE a.id = ANY (ids) AND (COALESCE(a.access_token, '') = '' OR a.token_expires_at IS NULL AND a.created_at IS NULL)
    ON CONFLICT DO NOTHING;

    -- Rows that end elsewhere than before, or whose token changed: take away what stands for the earlier state.
    moved := ARRAY(
        SELECT p.artwork_id
        FROM unnest(ids) AS wanted (id)
        JOIN artwork_migration.plan p ON p.artwork_id = wanted.id
        LEFT JOIN artwork_migration.set_aside k ON k.artwork_id = wanted.id
        WHERE k.state <> p.state
           OR k.state = 'merged' AND EXISTS (SELECT FROM @old@ a WHERE a.id = k.artwork_id
                                             AND a.access_token IS DISTINCT FROM (k.source).access_token)
           OR p.state <> 'migrated' AND EXISTS (SELECT FROM @clean@ v WHERE v.id = p.artwork_id));
    IF cardinality(moved) > 0 THEN
        DELETE FROM public.artwork_token_aliases l USING artwork_migration.set_aside k
        WHERE k.artwork_id = ANY (moved) AND k.state = 'merged' AND l.token = (k.source).access_token;
        DELETE FROM artwork_migration.set_aside k USING artwork_migration.plan p
        WHERE k.artwork_id = ANY (moved) AND p.artwork_id = k.artwork_id AND p.state = 'migrated';
        PERFORM artwork_migration.delete_clean(v.id) FROM @clean@ v JOIN artwork_migration.plan p ON p.artwork_id = v.id
        WHERE v.id = ANY (moved) AND p.state <> 'migrated';
    END IF;

    -- Each row is read once; what is there already is compared here, so that a second run writes nothing.
    WITH mapped AS MATERIALIZED (
        SELECT p.artwork_id, p.partition, p.state, p.reason, p.merged_into, p.source_hash, artwork_migration.as_source(a) AS s,
               t.access_token AS issued_token, t.issued_at, v AS before, o AS outcome, owner.id AS owner,
               CASE WHEN p.state = 'migrated' THEN artwork_migration.clean(
                   artwork_migration.as_source(a), owner.email, owner.id, t.access_token, t.issued_at) END AS plain
        FROM unnest(ids) AS wanted (id)
        JOIN artwork_migration.plan p ON p.artwork_id = wanted.id
        JOIN @old@ a ON a.id = wanted.id
        LEFT JOIN artwork_migration.issued_tokens t ON t.artwork_id = wanted.id
        LEFT JOIN @clean@ v ON v.id = wanted.id
        LEFT JOIN artwork_migration.outcomes o ON o.item = wanted.id::text
        -- The user found the first time, whatever the user's address is by now; another customer, another user.
        -- LIMIT 1 makes it a look into the index for each row; a join would read every user for each batch.
        CROSS JOIN LATERAL (
            SELECT customer.email, CASE WHEN p.state = 'migrated' THEN COALESCE(
                CASE WHEN v.customer_email = customer.email
                     THEN (SELECT u.id FROM public.users u WHERE u.id = (o.detail ->> 'user_id')::uuid) END,
                -- A user who was deleted is not made up for by another one, unless the customer is another.
                CASE WHEN (v.customer_email = customer.email AND v.user_id IS NULL) IS NOT TRUE
                     THEN (SELECT u.id FROM public.users u
                           WHERE public.normalised_email(u.email) = customer.email LIMIT 1) END) END AS id
            FROM (SELECT public.normalised_email(a.customer_email) AS email OFFSET 0) AS customer
            OFFSET 0) AS owner
    ), cleaned AS MATERIALIZED (
        -- Where the clean row says more than the old one can (a write on its side said so, and left its hash), that stays.
        SELECT mapped.*, CASE WHEN (outcome).target_hash = artwork_migration.row_hash(before)
                              THEN artwork_migration.held(before, plain, s, ((outcome).detail ->> 'user_id')::uuid, owner,
                                                          issued_token, issued_at)
                              ELSE plain END AS v
        FROM mapped
    ), written AS (
        INSERT INTO @clean@
        SELECT (v).* FROM cleaned
        -- Binary comparison: 1.0 and 1.00 in a JSON document are not the same bytes.
        WHERE state = 'migrated' AND run <> 'live' AND ((before).id IS NULL OR before *<> v)
        ON CONFLICT (id) DO UPDATE SET (@clean_columns@) = ROW (@excluded_columns@)
        RETURNING id
    ), written_live AS MATERIALIZED (
        -- The table may be the one that is served, with the installation's triggers on it.
        SELECT artwork_id AS id, v, artwork_migration.write_clean(v) AS stored FROM cleaned
        WHERE state = 'migrated' AND run = 'live' AND ((before).id IS NULL OR before *<> v)
    ), kept AS (
        INSERT INTO artwork_migration.set_aside AS kept (artwork_id, state, reason, source)
        SELECT artwork_id, state, reason, s FROM cleaned WHERE state <> 'migrated'
        ON CONFLICT (artwork_id) DO UPDATE SET state = excluded.state, reason = excluded.reason, source = excluded.source
        WHERE kept *<> excluded
    ), aliases AS (
        INSERT INTO public.artwork_token_aliases AS kept (token, artwork_id, expires_at)
        SELECT (s).access_token, merged_into,
               COALESCE((s).token_expires_at, COALESCE((s).created_at, issued_at) + interval '720 hours')
        FROM cleaned WHERE state = 'merged' AND (s).access_token <> ''
        ON CONFLICT (token) DO UPDATE SET artwork_id = excluded.artwork_id, expires_at = excluded.expires_at
        WHERE (kept.artwork_id, kept.expires_at) IS DISTINCT FROM (excluded.artwork_id, excluded.expires_at)
    ), said AS (
        SELECT artwork_id::text AS item, partition, state, reason, source_hash,
               -- What a write on the clean side left is kept while the row is as it was: nothing is to be written then.
               CASE WHEN v *<> plain OR (outcome).target_hash = artwork_migration.row_hash(v)
                    THEN artwork_migration.row_hash(v) END AS target_hash,
               -- The user that was found by the address; one that the old row names since is told by the row itself.
               CASE WHEN (s).user_id IS NOT NULL AND state = 'migrated' AND (outcome).state = 'migrated' THEN (outcome).detail
                    WHEN (v).user_id IS NOT NULL THEN jsonb_build_object('user_id', (v).user_id)
                    WHEN merged_into IS NOT NULL THEN jsonb_build_object('merged_into', merged_into)
                    ELSE '{}' END AS detail, outcome
        FROM cleaned
    ), told AS (
        INSERT INTO artwork_migration.outcomes
            (item, partition, state, reason, source_hash, target_hash, detail, run_id, batch_id, updated_at)
        -- Not the time the transaction began: whoever compares what was touched since must not miss a long one.
        SELECT item, partition, state, reason, source_hash, target_hash, detail, run, batch, clock_timestamp() FROM said
        WHERE ((outcome).partition, (outcome).state, (outcome).reason, (outcome).source_hash, (outcome).target_hash,
               (outcome).detail)
            IS DISTINCT FROM (partition, state, reason, source_hash, target_hash, detail)
        ON CONFLICT (item) DO UPDATE SET
            partition = excluded.partition, state = excluded.state, reason = excluded.reason,
            source_hash = excluded.source_hash, target_hash = excluded.target_hash, detail = excluded.detail,
            run_id = excluded.run_id, batch_id = excluded.batch_id, updated_at = excluded.updated_at
        RETURNING item
    )
    SELECT (SELECT count(*) FROM written) + (SELECT count(*) FROM written_live), (SELECT count(*) FROM told),
           (SELECT array_agg(id) FROM written_live WHERE stored *<> v)
    INTO clean_rows, outcomes, altered;
    -- What the clean table's own triggers made of it is told to the old one.
    PERFORM artwork_migration.carry_back(id, false) FROM unnest(altered) AS id;
END $$;
