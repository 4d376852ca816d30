-- The triggers that keep rows in form and take writes through the view, and who may call what. Run once.

-- First of all triggers of a row: whatever else the installation hangs on the table sees the row as it will be. Rows
-- that the migration carries from one table to the other are in form already, and are not touched.
CREATE OR REPLACE TRIGGER artworks_in_form BEFORE INSERT OR UPDATE ON @clean@
    FOR EACH ROW WHEN (current_setting('artwork_migration.carrying', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION public.artworks_in_form();
CREATE OR REPLACE TRIGGER routed_artworks_write INSTEAD OF INSERT OR UPDATE OR DELETE ON public.routed_artworks
    FOR EACH ROW EXECUTE FUNCTION public.routed_artworks_write();

-- The functions and the view act with their owner's rights, past row-level security: so nobody may use them but the
-- owner and, on Supabase, the server's own role. A token opens an artwork for whoever has it, and yet old tokens may be
-- guessed by whoever may ask as often as they like: pages that ask from the browser, as anon, are let in by their
-- installation's owner with GRANT EXECUTE ON FUNCTION public.artwork_by_token(text) TO anon. The comments say that the
-- rights were set once: what the owner grants later stays.
DO $$
DECLARE
    one record;
    has_service boolean := EXISTS (SELECT FROM pg_roles WHERE rolname = 'service_role');
BEGIN
    FOR one IN
        -- Whoever has a right on what is new has it by default privileges.
        SELECT made.*, (
            SELECT string_agg(DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END, ', ')
            FROM aclexplode(made.acl) AS a WHERE a.grantee <> made.owner) AS others
        FROM (
            SELECT 'FUNCTION' AS kind, p.oid::regprocedure::text AS name, p.proowner AS owner,
                   COALESCE(p.proacl, acldefault('f', p.proowner)) AS acl,
                   p.proname IN ('create_artwork', 'update_artwork_lifecycle', 'customer_artworks', 'artwork_by_token') AS is_called
            FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.proname IN (@functions@)
              AND obj_description(p.oid, 'pg_proc') IS NULL
            UNION ALL
            SELECT 'TABLE', c.oid::regclass::text, c.relowner, COALESCE(c.relacl, acldefault('r', c.relowner)), true
            FROM pg_class c
            WHERE c.oid = 'public.routed_artworks'::regclass AND obj_description(c.oid, 'pg_class') IS NULL
        ) AS made
    LOOP
        IF one.others IS NOT NULL THEN
            EXECUTE format('REVOKE ALL ON %s %s FROM %s', one.kind, one.name, one.others);
        END IF;
        IF one.is_called AND has_service THEN
            EXECUTE format('GRANT %s ON %s %s TO service_role',
                           CASE one.kind WHEN 'TABLE' THEN 'SELECT, INSERT, UPDATE, DELETE' ELSE 'EXECUTE' END, one.kind, one.name);
        END IF;
        EXECUTE format('COMMENT ON %s %s IS %L', CASE one.kind WHEN 'TABLE' THEN 'VIEW' ELSE one.kind END, one.name, @mark@);
    END LOOP;
END $$;
