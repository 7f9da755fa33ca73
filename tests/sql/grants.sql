-- What each role may do, from the catalog: one line per object and role for what holds rows, one line per object for
-- the rest. Partitions are left out: nobody needs rights on them, which the test sees to.
WITH roles (role, name) AS (
    VALUES ('public', 'PUBLIC'), ('flywheel_writer', 'writer'), ('flywheel_reader', 'reader'), ('flywheel_reviewer', 'reviewer'),
           ('flywheel_worker', 'worker'), ('flywheel_admin', 'admin')
), relations AS (
    SELECT c.oid, CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'table' END AS kind
    FROM pg_class c
    WHERE c.relnamespace = 'flywheel'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S') AND NOT c.relispartition
), rights AS (
    SELECT c.oid, c.kind, r.name, p.n,
           CASE WHEN c.kind = 'sequence' THEN
                    CASE WHEN p.privilege IN ('SELECT', 'UPDATE', 'USAGE') AND has_sequence_privilege(r.role, c.oid, p.privilege) THEN p.privilege END
                WHEN p.privilege = 'USAGE' THEN NULL
                WHEN has_table_privilege(r.role, c.oid, p.privilege) THEN p.privilege
                WHEN p.privilege IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') AND has_any_column_privilege(r.role, c.oid, p.privilege) THEN
                    (SELECT format('%s(%s)', p.privilege, CASE
                         WHEN count(*) FILTER (WHERE a.granted) > count(*) / 2
                         THEN 'all but ' || string_agg(a.attname, ', ' ORDER BY a.attnum) FILTER (WHERE NOT a.granted)
                         ELSE string_agg(a.attname, ', ' ORDER BY a.attnum) FILTER (WHERE a.granted) END)
                     FROM (SELECT attname, attnum, has_column_privilege(r.role, c.oid, attnum, p.privilege) AS granted
                           FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) a)
           END AS allowed
    FROM relations c CROSS JOIN roles r
    CROSS JOIN unnest(ARRAY['USAGE', 'SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) WITH ORDINALITY AS p (privilege, n)
)
SELECT format('%s %s | %s | %s', kind, oid::regclass, name, string_agg(allowed, ' ' ORDER BY n)) AS line
FROM rights WHERE allowed IS NOT NULL GROUP BY oid, kind, name
UNION ALL
SELECT format('%s %s | nobody', kind, oid::regclass) FROM rights GROUP BY oid, kind HAVING count(allowed) = 0
UNION ALL
SELECT format('%s %s%s | %s', CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END, p.oid::regprocedure,
              CASE WHEN p.prosecdef THEN ' as its owner' END,
              coalesce(string_agg(r.name, ' ' ORDER BY r.name) FILTER (WHERE has_function_privilege(r.role, p.oid, 'EXECUTE')), 'nobody'))
FROM pg_proc p CROSS JOIN roles r WHERE p.pronamespace = 'flywheel'::regnamespace GROUP BY p.oid
UNION ALL
SELECT format('type %s | %s', t.oid::regtype,
              coalesce(string_agg(r.name, ' ' ORDER BY r.name) FILTER (WHERE has_type_privilege(r.role, t.oid, 'USAGE')), 'nobody'))
FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid CROSS JOIN roles r
WHERE t.typnamespace = 'flywheel'::regnamespace AND t.typcategory <> 'A' AND (c.oid IS NULL OR c.relkind = 'c') GROUP BY t.oid
UNION ALL
SELECT format('schema %s | %s | %s', n.nspname, r.name, concat_ws(' ',
              CASE WHEN has_schema_privilege(r.role, n.oid, 'USAGE') THEN 'USAGE' END,
              CASE WHEN has_schema_privilege(r.role, n.oid, 'CREATE') THEN 'CREATE' END))
FROM pg_namespace n CROSS JOIN roles r
WHERE n.nspname IN ('flywheel', 'pgmq') AND has_schema_privilege(r.role, n.oid, 'USAGE, CREATE')
