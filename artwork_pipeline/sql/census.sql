-- Everything that hangs on a table, each with the statement that makes it again. Reads the catalog alone.
-- Run with an empty search_path: then every name in a definition has its schema. Parameters: table, own (names of the
-- migration's own functions and views in other schemas), aliases (a table that points here and stays).
--
-- What hangs on something that must be dropped to be made again (a function with the row type in its signature, a
-- materialised view) hangs on the table, too: `reached` follows such things to their end.
WITH RECURSIVE itself AS (
    SELECT c.*, c.oid AS id, y.typarray AS array_type FROM pg_class c LEFT JOIN pg_type y ON y.oid = c.reltype
    WHERE c.oid = to_regclass(%(table)s)
), reached (class, id, depth, goes) AS (
    SELECT 'pg_class'::regclass::oid, id, 0, true FROM itself
    UNION SELECT 'pg_type'::regclass::oid, reltype, 0, true FROM itself
    UNION SELECT 'pg_type'::regclass::oid, array_type, 0, true FROM itself
    UNION
    SELECT CASE WHEN w.oid IS NULL THEN d.classid ELSE 'pg_class'::regclass::oid END, COALESCE(v.oid, w.oid, d.objid),
           r.depth + 1, d.classid = 'pg_proc'::regclass OR COALESCE(v.relkind, '') = 'm'
    FROM reached r
    JOIN pg_depend d ON d.refclassid = r.class AND d.refobjid = r.id AND d.deptype = 'n'
    -- A view is its rule; other rules are themselves.
    LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid AND w.rulename = '_RETURN'
    LEFT JOIN pg_class v ON v.oid = w.ev_class
    LEFT JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
    WHERE r.goes AND r.depth < 50
      AND COALESCE(p.pronamespace, 0) <> COALESCE(to_regnamespace('artwork_migration'), 1)
      AND (p.oid IS NULL OR p.pronamespace::regnamespace || '.' || quote_ident(p.proname) <> ALL (%(own)s))
      AND NOT (d.classid = 'pg_class'::regclass AND d.objid = (SELECT id FROM itself))
), deepest AS (
    SELECT class, id, max(depth) AS depth FROM reached WHERE depth > 0 GROUP BY class, id
), views AS (
    SELECT c.*, c.oid AS id, d.depth, format('%%s', c.oid::regclass) AS name, NULLIF(array_to_string(c.reloptions, ', '), '') AS options
    FROM deepest d JOIN pg_class c ON d.class = 'pg_class'::regclass AND c.oid = d.id AND c.relkind IN ('v', 'm')
    WHERE c.oid::regclass::text <> ALL (%(own)s)
), functions AS (
    SELECT p.*, p.oid AS id, d.depth,
           format('%%I.%%I(%%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) AS name
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    LEFT JOIN deepest d ON d.class = 'pg_proc'::regclass AND d.id = p.oid
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'artwork_migration') AND p.prokind IN ('f', 'p')
      AND n.nspname || '.' || quote_ident(p.proname) <> ALL (%(own)s)
      AND (d.id IS NOT NULL OR p.prosrc ~* ('\m' || (SELECT relname FROM itself) || '\M'))
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')
), policies AS (
    SELECT y.*, COALESCE(d.depth, 0) AS depth, d.id IS NOT NULL AS is_reached, y.polrelid = (SELECT id FROM itself) AS is_own
    FROM pg_policy y LEFT JOIN deepest d ON d.class = 'pg_policy'::regclass AND d.id = y.oid
    WHERE y.polrelid = (SELECT id FROM itself) OR d.id IS NOT NULL
), granted AS (
    SELECT NULL AS column_name, a.* FROM itself CROSS JOIN LATERAL aclexplode(COALESCE(relacl, acldefault('r', relowner))) AS a
    UNION ALL
    SELECT t.attname, a.* FROM itself JOIN pg_attribute t ON t.attrelid = id CROSS JOIN LATERAL aclexplode(t.attacl) AS a
    WHERE NOT t.attisdropped
)
SELECT 'pointer' AS kind, format('%%s.%%I', k.conrelid::regclass, k.conname) AS name,
       format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', k.conrelid::regclass, k.conname,
              regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', '')) AS definition,
       jsonb_build_object('relation', k.conrelid::regclass::text, 'own_name', k.conname, 'partitioned', c.relkind = 'p',
           'columns', ARRAY(SELECT a.attname FROM unnest(k.conkey) WITH ORDINALITY AS x (num, at)
                            JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = x.num ORDER BY x.at),
           'keys', ARRAY(SELECT a.attname FROM unnest(k.confkey) WITH ORDINALITY AS x (num, at)
                         JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = x.num ORDER BY x.at),
           'comment', obj_description(k.oid, 'pg_constraint'), 'depth', 0, 'owner', c.relowner::regrole::text) AS detail
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE k.contype = 'f' AND k.conparentid = 0 AND k.confrelid = (SELECT id FROM itself) AND k.conrelid <> k.confrelid
  AND k.conrelid IS DISTINCT FROM to_regclass(%(aliases)s)
UNION ALL
SELECT CASE relkind WHEN 'v' THEN 'view' ELSE 'materialised view' END, name,
       CASE relkind
           WHEN 'v' THEN format('CREATE OR REPLACE VIEW %%s%%s AS %%s', name, ' WITH (' || options || ')', pg_get_viewdef(id))
           ELSE format('CREATE MATERIALIZED VIEW %%s%%s AS %%s%%s', name, ' WITH (' || options || ')',
                       rtrim(pg_get_viewdef(id), ';'), CASE WHEN relispopulated THEN '' ELSE ' WITH NO DATA' END) END,
       jsonb_build_object('depth', depth, 'comment', obj_description(id, 'pg_class'), 'owner', relowner::regrole::text,
           'relation', name, 'own_name', relname,
           -- Changes nothing and locks the view alone; LOCK TABLE would lock all that it reads.
           'lock', format('ALTER %%s %%s SET SCHEMA %%s', CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'MATERIALIZED VIEW' END,
                          name, relnamespace::regnamespace),
           'columns', ARRAY(SELECT format('%%I %%s%%s', a.attname, format_type(a.atttypid, a.atttypmod),
                                          CASE WHEN a.attcollation <> y.typcollation THEN ' COLLATE ' || a.attcollation::regcollation END)
                            FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid
                            WHERE a.attrelid = views.id AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
           'stub', 'CREATE OR REPLACE VIEW ' || name || ' AS SELECT ' ||
               (SELECT COALESCE(string_agg(format('NULL::%%s%%s AS %%I', format_type(a.atttypid, a.atttypmod),
                    CASE WHEN a.attcollation <> y.typcollation THEN ' COLLATE ' || a.attcollation::regcollation END, a.attname),
                    ', ' ORDER BY a.attnum), '')
                FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid
                WHERE a.attrelid = views.id AND a.attnum > 0 AND NOT a.attisdropped),
           'besides', CASE relkind WHEN 'm' THEN ARRAY(SELECT pg_get_indexdef(indexrelid) FROM pg_index
                                                      WHERE indrelid = views.id ORDER BY indexrelid::regclass::text) END,
           'grants', (SELECT jsonb_agg(jsonb_build_array(CASE a.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(a.grantee) END,
                                       a.privilege_type, a.is_grantable) ORDER BY a.grantee, a.privilege_type)
                      FROM aclexplode(COALESCE(relacl, acldefault('r', relowner))) AS a))
FROM views
UNION ALL
-- In its source a function knows the table by name, and finds whichever is called so; in its signature by the row type.
SELECT CASE WHEN depth IS NULL THEN 'function' ELSE 'bound function' END, name, pg_get_functiondef(id),
       jsonb_build_object('depth', COALESCE(depth, 0), 'comment', obj_description(id, 'pg_proc'), 'owner', proowner::regrole::text,
           'own_name', proname, 'schema', pronamespace::regnamespace::text, 'procedure', prokind = 'p', 'strict', proisstrict, 'variadic', provariadic <> 0,
           'returns_trigger', prorettype IN ('trigger'::regtype, 'event_trigger'::regtype), 'language', l.lanname,
           'arguments', ARRAY(SELECT format_type(x.t, NULL) FROM unnest(proargtypes) WITH ORDINALITY AS x (t, at) ORDER BY x.at),
           'drop', format('DROP %%s %%s', CASE prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, name),
           'grants', (SELECT jsonb_agg(jsonb_build_array(CASE a.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(a.grantee) END,
                                       a.privilege_type, a.is_grantable) ORDER BY a.grantee, a.privilege_type)
                      FROM aclexplode(COALESCE(proacl, acldefault('f', proowner))) AS a))
FROM functions JOIN pg_language l ON l.oid = prolang
UNION ALL
SELECT CASE WHEN is_own THEN 'policy' ELSE 'policy elsewhere' END, format('%%I on %%s', polname, polrelid::regclass),
       format('CREATE POLICY %%I ON %%s AS %%s FOR %%s TO %%s%%s%%s', polname, polrelid::regclass,
              CASE WHEN polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
              CASE polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
              (SELECT string_agg(CASE role WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(role)) END, ', ' ORDER BY role)
               FROM unnest(polroles) AS role),
              ' USING (' || pg_get_expr(polqual, polrelid) || ')', ' WITH CHECK (' || pg_get_expr(polwithcheck, polrelid) || ')'),
       jsonb_build_object('own_name', polname, 'relation', polrelid::regclass::text, 'reached', is_reached, 'depth', depth,
           'comment', obj_description(policies.oid, 'pg_policy'), 'owner', c.relowner::regrole::text)
FROM policies JOIN pg_class c ON c.oid = polrelid
UNION ALL
SELECT 'trigger', quote_ident(g.tgname),
       pg_get_triggerdef(g.oid) || CASE g.tgenabled WHEN 'O' THEN '' ELSE format('; ALTER TABLE %%s %%s TRIGGER %%I', g.tgrelid::regclass,
           CASE g.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END, g.tgname) END,
       jsonb_build_object('own_name', g.tgname, 'relation', g.tgrelid::regclass::text,
           'depth', COALESCE((SELECT depth FROM deepest WHERE class = 'pg_trigger'::regclass AND id = g.oid), 0),
           'comment', obj_description(g.oid, 'pg_trigger'))
FROM pg_trigger g
WHERE g.tgrelid = (SELECT id FROM itself) AND NOT g.tgisinternal AND g.tgname NOT LIKE 'artwork\_migration\_%%'
  AND g.tgname <> 'artworks_in_form'
UNION ALL
SELECT CASE WHEN w.ev_class = (SELECT id FROM itself) THEN 'rule' ELSE 'rule elsewhere' END,
       format('%%I on %%s', w.rulename, w.ev_class::regclass),
       pg_get_ruledef(w.oid) || CASE w.ev_enabled WHEN 'O' THEN '' ELSE format(' ALTER TABLE %%s %%s RULE %%I;', w.ev_class::regclass,
           CASE w.ev_enabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END, w.rulename) END,
       jsonb_build_object('own_name', w.rulename, 'relation', w.ev_class::regclass::text,
           'depth', COALESCE((SELECT depth FROM deepest WHERE class = 'pg_rewrite'::regclass AND id = w.oid), 0),
           'comment', obj_description(w.oid, 'pg_rewrite'), 'owner', c.relowner::regrole::text)
FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class
WHERE w.rulename <> '_RETURN' AND (w.ev_class = (SELECT id FROM itself)
      OR w.oid IN (SELECT id FROM deepest WHERE class = 'pg_rewrite'::regclass)) AND w.ev_class::regclass::text <> ALL (%(own)s)
UNION ALL
SELECT 'grant', format('%%s%%s to %%s', privilege_type, '(' || quote_ident(column_name) || ')',
                       CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END),
       format('GRANT %%s%%s ON TABLE %%s TO %%s%%s', privilege_type, ' (' || quote_ident(column_name) || ')',
              (SELECT id::regclass FROM itself), CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
              CASE WHEN bool_or(is_grantable) AND grantee <> 0 THEN ' WITH GRANT OPTION' ELSE '' END),
       jsonb_build_object('column', column_name, 'role', CASE grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(grantee) END,
           'privilege', privilege_type, 'depth', 0)
FROM granted WHERE grantee <> (SELECT relowner FROM itself) GROUP BY privilege_type, column_name, grantee
UNION ALL
SELECT 'comment', COALESCE('column ' || quote_ident(a.attname), 'table'),
       format('COMMENT ON %%s IS %%L', COALESCE('COLUMN ' || s.objoid::regclass || '.' || quote_ident(a.attname),
                                               'TABLE ' || s.objoid::regclass), s.description),
       jsonb_build_object('column', a.attname, 'depth', 0)
FROM pg_description s LEFT JOIN pg_attribute a ON a.attrelid = s.objoid AND a.attnum = s.objsubid AND s.objsubid > 0
WHERE s.classoid = 'pg_class'::regclass AND s.objoid = (SELECT id FROM itself)
UNION ALL
SELECT 'publication', quote_ident(b.pubname),
       format('ALTER PUBLICATION %%I ADD TABLE %%s', b.pubname, (SELECT id::regclass FROM itself)),
       jsonb_build_object('own_name', b.pubname, 'owner', b.pubowner::regrole::text, 'depth', 0,
           -- Row filters and lists of columns are there from PostgreSQL 15 on.
           'part_of_it', to_jsonb(m) ->> 'prqual' IS NOT NULL OR to_jsonb(m) ->> 'prattrs' IS NOT NULL)
FROM pg_publication_rel m JOIN pg_publication b ON b.oid = m.prpubid WHERE m.prrelid = (SELECT id FROM itself)
UNION ALL
SELECT 'replica identity', 'table',
       format('ALTER TABLE %%s REPLICA IDENTITY %%s', id::regclass,
              CASE relreplident WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING'
                                ELSE 'USING INDEX ' || (SELECT quote_ident(x.relname) FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
                                                        WHERE i.indrelid = id AND i.indisreplident) END),
       jsonb_build_object('depth', 0)
FROM itself WHERE relreplident <> 'd'
UNION ALL
-- By what it does: two indexes of different names that do the same are one.
SELECT 'index', regexp_replace(regexp_replace(pg_get_indexdef(i.indexrelid), '^CREATE (UNIQUE )?INDEX .* ON (ONLY )?\S+ USING ', '\1'),
                               '^UNIQUE ', 'unique '),
       pg_get_indexdef(i.indexrelid),
       jsonb_build_object('own_name', x.relname, 'unique', i.indisunique,
                          'valid', i.indisvalid, 'depth', 0)
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = (SELECT id FROM itself)
  -- The migration's own on the old table: the clean one has the address in its one form.
  AND pg_get_indexdef(i.indexrelid) NOT LIKE '%%normalised_email(customer_email)%%'
UNION ALL
-- What no statement makes again elsewhere: a column or a domain of the row type, an index or a default over a function.
SELECT 'unmovable', pg_describe_object(d.class, d.id, 0), '', jsonb_build_object('depth', d.depth)
FROM deepest d
WHERE d.class NOT IN ('pg_proc'::regclass, 'pg_policy'::regclass, 'pg_rewrite'::regclass, 'pg_trigger'::regclass)
  AND NOT (d.class = 'pg_class'::regclass AND d.id IN (SELECT oid FROM pg_class WHERE relkind IN ('v', 'm')))
  AND NOT (d.class = 'pg_constraint'::regclass AND d.id IN (SELECT oid FROM pg_constraint WHERE
        conrelid = (SELECT id FROM itself) OR contype = 'f' AND confrelid = (SELECT id FROM itself)))
  AND NOT (d.class = 'pg_publication_rel'::regclass)
UNION ALL
SELECT 'unmovable', 'aggregate ' || p.oid::regprocedure, '', jsonb_build_object('depth', d.depth)
FROM deepest d JOIN pg_proc p ON d.class = 'pg_proc'::regclass AND p.oid = d.id AND p.prokind NOT IN ('f', 'p')
UNION ALL
SELECT 'unmovable', format('trigger %%I on %%s', g.tgname, g.tgrelid::regclass), '', jsonb_build_object('depth', d.depth)
FROM deepest d JOIN pg_trigger g ON d.class = 'pg_trigger'::regclass AND g.oid = d.id
WHERE g.tgrelid <> (SELECT id FROM itself) AND NOT g.tgisinternal
UNION ALL
SELECT 'unmovable', format('%%s, which inherits from it', h.inhrelid::regclass), '', '{"depth": 0}'
FROM pg_inherits h WHERE h.inhparent = (SELECT id FROM itself)
UNION ALL
SELECT 'unmovable', format('%%s, from which it inherits', h.inhparent::regclass), '', '{"depth": 0}'
FROM pg_inherits h WHERE h.inhrelid = (SELECT id FROM itself)
