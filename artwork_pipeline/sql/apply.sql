-- Writing rows into the clean table: one way for the backfill and for the forward triggers.

-- Carry out the plan for rows of the old table that the caller holds locked. What says the same already is not
-- rewritten: neither in the clean table nor among the outcomes. Returns the clean rows and the outcomes written.
CREATE OR REPLACE FUNCTION artwork_migration.apply_rows(ids uuid[], run text, batch text, OUT clean_rows bigint, OUT outcomes bigint)
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO artwork_migration.issued_tokens (artwork_id, access_token)
    SELECT a.id, encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex')
    FROM public.artworks a
    WHERE a.id = ANY (ids) AND (COALESCE(a.access_token, '') = '' OR a.token_expires_at IS NULL AND a.created_at IS NULL)
    ON CONFLICT DO NOTHING;

    -- A row that came out of quarantine or was taken for a twin has a token of its own again.
    DELETE FROM public.artwork_token_aliases l USING artwork_migration.set_aside k, artwork_migration.plan p
    WHERE p.artwork_id = ANY (ids) AND k.artwork_id = p.artwork_id AND k.state = 'merged'
      AND l.token = (k.source).access_token
      AND (p.state <> 'merged' OR EXISTS (SELECT FROM public.artworks a WHERE a.id = p.artwork_id
                                          AND a.access_token IS DISTINCT FROM l.token));
    DELETE FROM artwork_migration.set_aside k USING artwork_migration.plan p
    WHERE p.artwork_id = ANY (ids) AND k.artwork_id = p.artwork_id AND p.state = 'migrated';
    DELETE FROM public.artworks_v2 v USING artwork_migration.plan p
    WHERE p.artwork_id = ANY (ids) AND v.id = p.artwork_id AND p.state <> 'migrated';

    INSERT INTO public.artworks_v2 AS kept
    SELECT (mapped.v).*
    FROM (SELECT artwork_migration.clean(
                     artwork_migration.as_source(a),
                     -- The user found the first time, whatever the user's address is by now; another customer, another user.
                     COALESCE(CASE WHEN before.customer_email = public.normalised_email(a.customer_email)
                                   THEN recorded.id END, by_email.id),
                     t.access_token, t.issued_at) AS v
          FROM artwork_migration.plan p
          JOIN public.artworks a ON a.id = p.artwork_id
          LEFT JOIN artwork_migration.issued_tokens t ON t.artwork_id = a.id
          LEFT JOIN public.artworks_v2 before ON before.id = a.id
          LEFT JOIN artwork_migration.outcomes o ON o.item = a.id::text
          LEFT JOIN public.users recorded ON recorded.id = (o.detail ->> 'user_id')::uuid
          LEFT JOIN public.users by_email ON public.normalised_email(by_email.email) = public.normalised_email(a.customer_email)
          WHERE p.artwork_id = ANY (ids) AND p.state = 'migrated'
          ORDER BY p.artwork_id) AS mapped
    ON CONFLICT (id) DO UPDATE SET (@clean_columns@) = ROW (@excluded_columns@)
    -- Binary comparison: 1.0 and 1.00 in a JSON document are not the same bytes.
    WHERE kept *<> excluded;
    GET DIAGNOSTICS clean_rows = ROW_COUNT;

    INSERT INTO artwork_migration.set_aside AS kept (artwork_id, state, reason, source)
    SELECT p.artwork_id, p.state, p.reason, artwork_migration.as_source(a)
    FROM artwork_migration.plan p JOIN public.artworks a ON a.id = p.artwork_id
    WHERE p.artwork_id = ANY (ids) AND p.state <> 'migrated'
    ON CONFLICT (artwork_id) DO UPDATE SET state = excluded.state, reason = excluded.reason, source = excluded.source
    WHERE kept *<> excluded;

    INSERT INTO public.artwork_token_aliases AS kept (token, artwork_id, expires_at)
    SELECT a.access_token, p.merged_into, COALESCE(a.token_expires_at, COALESCE(a.created_at, t.issued_at) + interval '720 hours')
    FROM artwork_migration.plan p JOIN public.artworks a ON a.id = p.artwork_id
         LEFT JOIN artwork_migration.issued_tokens t ON t.artwork_id = a.id
    WHERE p.artwork_id = ANY (ids) AND p.state = 'merged' AND a.access_token <> ''
    ON CONFLICT (token) DO UPDATE SET artwork_id = excluded.artwork_id, expires_at = excluded.expires_at
    WHERE (kept.artwork_id, kept.expires_at) IS DISTINCT FROM (excluded.artwork_id, excluded.expires_at);

    INSERT INTO artwork_migration.outcomes AS kept
        (item, partition, state, reason, source_hash, target_hash, detail, run_id, batch_id)
    SELECT p.artwork_id::text, p.partition, p.state, p.reason, p.source_hash,
           CASE WHEN v.id IS NOT NULL THEN artwork_migration.row_hash(v) END,
           jsonb_strip_nulls(jsonb_build_object('user_id', v.user_id, 'merged_into', p.merged_into)), run, batch
    FROM artwork_migration.plan p JOIN public.artworks a ON a.id = p.artwork_id
         LEFT JOIN public.artworks_v2 v ON v.id = p.artwork_id
    WHERE p.artwork_id = ANY (ids)
    ON CONFLICT (item) DO UPDATE SET
        partition = excluded.partition, state = excluded.state, reason = excluded.reason,
        source_hash = excluded.source_hash, target_hash = excluded.target_hash, detail = excluded.detail,
        run_id = excluded.run_id, batch_id = excluded.batch_id, updated_at = now()
    WHERE (kept.partition, kept.state, kept.reason, kept.source_hash, kept.target_hash, kept.detail)
        IS DISTINCT FROM (excluded.partition, excluded.state, excluded.reason, excluded.source_hash,
                          excluded.target_hash, excluded.detail);
    GET DIAGNOSTICS outcomes = ROW_COUNT;
END $$;

-- One batch of a slice's backfill, in one transaction with its cursor. Two runners share the work: the cursor's lock
-- gives each the next batch. Raises AM001 where rows changed behind the triggers' back.
CREATE OR REPLACE FUNCTION artwork_migration.backfill_batch(
    wanted text, size integer, run text, batch text,
    OUT read_rows bigint, OUT clean_rows bigint, OUT outcomes bigint, OUT last_read uuid
) LANGUAGE plpgsql AS $$
DECLARE
    place artwork_migration.cursors;
    ids uuid[];
    survivors uuid[];
    changed text;
BEGIN
    SELECT * INTO place FROM artwork_migration.cursors WHERE partition = wanted FOR UPDATE;
    IF place.finished THEN
        read_rows := 0; clean_rows := 0; outcomes := 0;
        RETURN;
    ELSIF place.last_id IS NULL THEN
        ids := ARRAY(SELECT artwork_id FROM artwork_migration.plan WHERE partition = wanted
                     ORDER BY artwork_id LIMIT size);
    ELSE
        ids := ARRAY(SELECT artwork_id FROM artwork_migration.plan WHERE partition = wanted AND artwork_id > place.last_id
                     ORDER BY artwork_id LIMIT size);
    END IF;
    read_rows := cardinality(ids);
    last_read := ids[cardinality(ids)];
    survivors := ARRAY(SELECT merged_into FROM artwork_migration.plan
                       WHERE artwork_id = ANY (ids) AND merged_into IS NOT NULL);

    -- Lock, then read: a copy of an unlocked row would overwrite what somebody writes meanwhile, or revive what they delete.
    PERFORM FROM public.artworks a WHERE a.id = ANY (ids || survivors) ORDER BY a.id FOR NO KEY UPDATE;

    SELECT string_agg(p.artwork_id::text, ', ') INTO changed
    FROM (SELECT p.artwork_id FROM artwork_migration.plan p JOIN public.artworks a ON a.id = p.artwork_id
          WHERE p.artwork_id = ANY (ids) AND p.source_hash <> artwork_migration.row_hash(artwork_migration.as_source(a))
          LIMIT 10) AS p;
    IF changed IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AM001', MESSAGE = 'rows changed since the plan was made, and no trigger saw it: ' || changed;
    END IF;

    -- A merge holds as long as the other row is there and migrated; that row may be of another slice or another batch.
    UPDATE artwork_migration.plan p SET state = 'migrated', merged_into = NULL
    WHERE p.artwork_id = ANY (ids) AND p.state = 'merged' AND NOT EXISTS (
        SELECT FROM artwork_migration.plan s JOIN public.artworks a ON a.id = s.artwork_id
        WHERE s.artwork_id = p.merged_into AND s.state = 'migrated');
    ids := ids || ARRAY(SELECT s.id FROM unnest(survivors) AS s (id) JOIN public.artworks a ON a.id = s.id
                        WHERE NOT EXISTS (SELECT FROM public.artworks_v2 v WHERE v.id = s.id));

    SELECT * INTO clean_rows, outcomes FROM artwork_migration.apply_rows(ids, run, batch);
    UPDATE artwork_migration.cursors SET last_id = COALESCE(last_read, last_id), finished = read_rows < size,
           run_id = run, moved_at = now()
    WHERE partition = wanted;
END $$;
