-- The forward triggers: what happens to the old table reaches the clean one in the same transaction.
-- They run with the migration's rights, not with those of whoever writes: so the search path holds nothing that others
-- can put functions into, and every name is qualified. They run in the writer's session: the hash of a row is made of
-- texts as they are sent, so the client's encoding must be the migration's.
--
-- Rows that arrive live are judged by the rules for test rows. They are never merged: when a row comes, nobody can
-- know that it will not be finished. A row that is migrated stays migrated; one that was set aside is migrated as
-- soon as an order or a review points at it, its content no longer fits the rule, or, for a twin, something is made of it.
--
-- A customer waits for all of this. It is looked up by keys, whose values say nothing about how: each plan is made once in
-- a session (force_generic_plan). Planning the statements again for each write took three times as long as running them.

-- The installation's own triggers on users need not qualify their names: they find those in public. Here every call is
-- qualified that somebody could match better there than pg_catalog does: those that take any type, operators among them.
CREATE OR REPLACE FUNCTION artwork_migration.create_user_of(wanted uuid[]) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF pg_catalog.cardinality(wanted) = 0 THEN
        RETURN;
    END IF;
    WITH new AS (
        INSERT INTO public.users (email, is_anonymous)
        SELECT DISTINCT address, true
        FROM @old@ a CROSS JOIN LATERAL public.normalised_email(a.customer_email) AS address
        WHERE a.id = ANY (wanted) AND a.user_id IS NULL AND address <> ''
          -- Of another customer than before: a user who was deleted is not made anew.
          AND NOT EXISTS (SELECT FROM @clean@ v WHERE v.id = a.id AND v.customer_email = address)
          AND NOT EXISTS (SELECT FROM public.users u WHERE public.normalised_email(u.email) = address)
        ORDER BY address
        ON CONFLICT DO NOTHING
        RETURNING *
    )
    INSERT INTO artwork_migration.made_users (id, source) SELECT id, pg_catalog.to_jsonb(new) FROM new;
END $$;

-- The twins of a row that goes are rows of their own again. Returns their ids, their rows locked.
CREATE OR REPLACE FUNCTION artwork_migration.release_twins(survivor uuid) RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE
    twins uuid[];
BEGIN
    PERFORM FROM @old@ a JOIN artwork_migration.plan p ON p.artwork_id = a.id
    WHERE p.merged_into = survivor ORDER BY a.id FOR NO KEY UPDATE OF a;
    WITH released AS (
        UPDATE artwork_migration.plan SET state = 'migrated', merged_into = NULL WHERE merged_into = survivor
        RETURNING artwork_id
    ) SELECT COALESCE(array_agg(artwork_id), '{}') INTO twins FROM released;
    PERFORM artwork_migration.create_user_of(twins);
    RETURN twins;
END $$;

-- Judge one row of the old table as it is now, and carry that out.
CREATE OR REPLACE FUNCTION artwork_migration.follow(wanted uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    s artwork_migration.source_row;
    known artwork_migration.plan;
    why text;
    becomes text := 'migrated';
    released uuid[] := '{}';
BEGIN
    SELECT (artwork_migration.as_source(a)).* INTO s FROM @old@ a WHERE a.id = wanted FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT * INTO known FROM artwork_migration.plan WHERE artwork_id = wanted;
    IF s.customer_name IS NULL OR s.customer_email IS NULL THEN
        IF @clean_is_served@ AND artwork_migration.is_referenced(wanted) THEN
            -- Orders point at the clean row by now: they would go with it.
            RAISE not_null_violation USING
                MESSAGE = format('the artwork %s would lose its customer, and other rows point at it', wanted),
                HINT = 'The clean table needs the name and the e-mail address of every customer.';
        END IF;
        becomes := 'quarantined';
        why := artwork_migration.quarantine_reason(s);
        released := artwork_migration.release_twins(wanted);
    ELSIF known.state = 'migrated' OR artwork_migration.is_referenced(wanted) THEN
        becomes := 'migrated';
    ELSE
        why := artwork_migration.quarantine_reason(s);
        IF why IS NOT NULL THEN
            becomes := 'quarantined';
        ELSIF known.state = 'merged' AND artwork_migration.is_unfinished(s) AND EXISTS (
            SELECT FROM @old@ a
            WHERE a.id = known.merged_into AND btrim(a.customer_name) = btrim(s.customer_name)
              AND public.normalised_email(a.customer_email) = public.normalised_email(s.customer_email)
        ) THEN
            becomes := 'merged';
        END IF;
    END IF;

    INSERT INTO artwork_migration.plan (artwork_id, partition, state, reason, merged_into, source_hash)
    VALUES (wanted, artwork_migration.slice_of(s.id, s.created_at), becomes, CASE becomes WHEN 'quarantined' THEN why END,
            CASE becomes WHEN 'merged' THEN known.merged_into END, artwork_migration.row_hash(s))
    ON CONFLICT (artwork_id) DO UPDATE SET
        partition = excluded.partition, state = excluded.state, reason = excluded.reason,
        merged_into = excluded.merged_into, source_hash = excluded.source_hash;
    IF becomes = 'migrated' THEN
        PERFORM artwork_migration.create_user_of(ARRAY[wanted]);
    ELSIF becomes = 'merged' THEN
        -- The alias needs the clean row of the other one, which the backfill may not have reached.
        released := ARRAY(SELECT known.merged_into WHERE NOT EXISTS (
            SELECT FROM @clean@ v WHERE v.id = known.merged_into));
        PERFORM FROM @old@ a WHERE a.id = ANY (released) FOR NO KEY UPDATE;
        PERFORM artwork_migration.create_user_of(released);
    END IF;
    PERFORM artwork_migration.apply_rows(wanted || released, 'live', 'live');
END $$;

-- A row of the old table is gone: so is everything that was made of it.
CREATE OR REPLACE FUNCTION artwork_migration.forget(gone uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    released uuid[] := artwork_migration.release_twins(gone);
BEGIN
    IF released <> '{}' THEN
        PERFORM artwork_migration.apply_rows(released, 'live', 'live');
    END IF;
    DELETE FROM public.artwork_token_aliases l USING artwork_migration.set_aside k
    WHERE k.artwork_id = gone AND k.state = 'merged' AND l.token = (k.source).access_token;
    PERFORM artwork_migration.delete_clean(gone);
    DELETE FROM artwork_migration.set_aside WHERE artwork_id = gone;
    DELETE FROM artwork_migration.issued_tokens WHERE artwork_id = gone;
    DELETE FROM artwork_migration.plan WHERE artwork_id = gone;
    DELETE FROM artwork_migration.outcomes WHERE item = gone::text;
END $$;

CREATE OR REPLACE FUNCTION artwork_migration.forward() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET client_encoding = 'UTF8' SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    before text := COALESCE(current_setting('artwork_migration.carrying', true), '');
BEGIN
    PERFORM set_config('artwork_migration.carrying', 'on', true);
    IF TG_OP = 'DELETE' THEN
        PERFORM artwork_migration.forget(OLD.id);
        PERFORM set_config('artwork_migration.carrying', before, true);
        RETURN NULL;
    ELSIF TG_OP = 'UPDATE' THEN
        IF OLD.id <> NEW.id THEN
            PERFORM artwork_migration.rename_clean(OLD.id, NEW.id);
            PERFORM artwork_migration.forget(OLD.id);
        END IF;
    END IF;
    PERFORM artwork_migration.follow(NEW.id);
    PERFORM set_config('artwork_migration.carrying', before, true);
    RETURN NULL;
END $$;

-- An order or a review was placed on a row that was set aside: it is a real one. The argument is the pointing column.
CREATE OR REPLACE FUNCTION artwork_migration.forward_reference() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET client_encoding = 'UTF8' SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    before text := COALESCE(current_setting('artwork_migration.carrying', true), '');
    pointed_at uuid := (to_jsonb(NEW) ->> TG_ARGV[0])::uuid;
BEGIN
    PERFORM set_config('artwork_migration.carrying', 'on', true);
    IF EXISTS (SELECT FROM artwork_migration.plan WHERE artwork_id = pointed_at AND state <> 'migrated') THEN
        PERFORM artwork_migration.follow(pointed_at);
    END IF;
    PERFORM set_config('artwork_migration.carrying', before, true);
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION artwork_migration.refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'TRUNCATE of %.% is refused while it is being migrated', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING HINT = 'Delete the rows with DELETE, which the migration follows.';
END $$;
