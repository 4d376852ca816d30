-- Take away what was published, view, functions and the old table's index by address, before the clean table goes. What
-- somebody built on it refuses; what somebody else made, of whatever name, stays.
DROP VIEW IF EXISTS public.routed_artworks;
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT format('DROP TRIGGER %I ON %s', t.tgname, t.tgrelid::regclass) AS statement
        FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
        WHERE p.pronamespace = 'public'::regnamespace AND p.proname = 'artworks_in_form' AND NOT t.tgisinternal
    LOOP
        EXECUTE one.statement;
    END LOOP;
    FOR one IN
        SELECT 'DROP INDEX ' || i.indexrelid::regclass AS statement FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relname IN ('artworks', 'artworks_v1')
          AND pg_get_indexdef(i.indexrelid) LIKE '%normalised_email(customer_email)%'
    LOOP
        EXECUTE one.statement;
    END LOOP;
    FOR one IN
        SELECT 'DROP FUNCTION ' || p.oid::regprocedure AS statement FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND p.proname IN (@functions@)
              AND obj_description(p.oid, 'pg_proc') = @mark@
           OR p.pronamespace = to_regnamespace('artwork_migration') AND p.proname IN (
               'served', 'anybody_served_by_v1', 'as_served_by_v1', 'reach', 'customer_differences')
    LOOP
        EXECUTE one.statement;
    END LOOP;
END $$;
