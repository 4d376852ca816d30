-- What hangs on a table and would keep it from being dropped, or would be broken by that: without what is ours, and
-- without what belongs to the table itself and goes with it.
WITH ours AS (
    SELECT 'pg_proc'::regclass AS classid, oid FROM pg_proc
    WHERE pronamespace = to_regnamespace('artwork_migration')
       OR pronamespace = 'public'::regnamespace AND proname = ANY (%(functions)s)
    UNION ALL
    SELECT 'pg_rewrite'::regclass, oid FROM pg_rewrite WHERE ev_class = to_regclass(%(view)s)
    UNION ALL
    SELECT 'pg_class'::regclass, to_regclass(%(view)s)::oid
    UNION ALL
    -- Foreign keys of our own tables, and what belongs to the table itself and goes with it.
    SELECT 'pg_constraint'::regclass, oid FROM pg_constraint
    WHERE conrelid = to_regclass(%(table)s)
       OR conrelid = to_regclass('public.artwork_token_aliases') AND %(with_aliases)s
    UNION ALL SELECT 'pg_policy'::regclass, oid FROM pg_policy WHERE polrelid = to_regclass(%(table)s)
    UNION ALL SELECT 'pg_trigger'::regclass, oid FROM pg_trigger WHERE tgrelid = to_regclass(%(table)s)
    UNION ALL SELECT 'pg_attrdef'::regclass, oid FROM pg_attrdef WHERE adrelid = to_regclass(%(table)s)
)
SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid) AS told
FROM pg_depend d
WHERE d.deptype = 'n'
  AND (d.refclassid = 'pg_class'::regclass AND d.refobjid = to_regclass(%(table)s)
       OR d.refclassid = 'pg_type'::regclass AND d.refobjid IN (
           SELECT unnest(ARRAY[t.oid, t.typarray]) FROM pg_type t WHERE t.typrelid = to_regclass(%(table)s)))
  AND NOT EXISTS (SELECT FROM ours o WHERE o.classid = d.classid AND o.oid = d.objid)
UNION ALL
-- A function knows tables by their names alone: nothing but its text tells.
SELECT 'the text of function ' || p.oid::regprocedure
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND p.prosrc ~ %(name)s
  AND NOT EXISTS (SELECT FROM ours o WHERE o.classid = 'pg_proc'::regclass AND o.oid = p.oid)
ORDER BY 1
