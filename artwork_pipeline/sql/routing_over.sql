-- The same names as in routing.sql when the old table is gone: everybody is served by the one that is left.

CREATE OR REPLACE VIEW public.routed_artworks AS SELECT @v_columns@ FROM @clean@ v;

CREATE OR REPLACE FUNCTION public.artwork_opened_by(wanted text) RETURNS TABLE (artwork_id uuid, expires_at timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT v.id, v.token_expires_at FROM @clean@ v WHERE v.access_token = wanted
    UNION ALL
    SELECT l.artwork_id, l.expires_at FROM public.artwork_token_aliases l WHERE l.token = wanted
$$;

DROP FUNCTION IF EXISTS artwork_migration.customer_differences(text);
DROP FUNCTION IF EXISTS artwork_migration.reach(uuid);
DROP FUNCTION IF EXISTS artwork_migration.served(text);
DROP FUNCTION IF EXISTS artwork_migration.anybody_served_by_v1();
-- By its name alone: its arguments' type goes with the old table.
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_proc WHERE proname = 'as_served_by_v1'
               AND pronamespace = to_regnamespace('artwork_migration')) THEN
        DROP FUNCTION artwork_migration.as_served_by_v1;
    END IF;
END $$;
