-- Objects of schema flywheel without a comment. Not asked for: indexes behind constraints, columns of composite types.
SELECT CASE c.relkind WHEN 'r' THEN 'table ' WHEN 'p' THEN 'table ' WHEN 'i' THEN 'index ' WHEN 'c' THEN 'type ' ELSE 'view ' END
       || c.oid::regclass
FROM pg_class c
WHERE c.relnamespace = 'flywheel'::regnamespace AND c.relkind IN ('r', 'p', 'i', 'c', 'v', 'm')
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid)
  AND CASE c.relkind WHEN 'c' THEN obj_description(c.reltype, 'pg_type') ELSE obj_description(c.oid, 'pg_class') END IS NULL
UNION ALL
SELECT format('column %s.%I', a.attrelid::regclass, a.attname)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'flywheel'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
  AND a.attnum > 0 AND NOT a.attisdropped AND col_description(a.attrelid, a.attnum) IS NULL
UNION ALL
SELECT 'routine ' || p.oid::regprocedure
FROM pg_proc p WHERE p.pronamespace = 'flywheel'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL
UNION ALL
SELECT format('trigger %I on %s', t.tgname, t.tgrelid::regclass)
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = 'flywheel'::regnamespace AND NOT t.tgisinternal AND obj_description(t.oid, 'pg_trigger') IS NULL
UNION ALL
SELECT format('policy %I on %s', p.polname, p.polrelid::regclass)
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
WHERE c.relnamespace = 'flywheel'::regnamespace AND obj_description(p.oid, 'pg_policy') IS NULL
UNION ALL
SELECT 'type ' || t.oid::regtype
FROM pg_type t WHERE t.typnamespace = 'flywheel'::regnamespace AND t.typtype IN ('e', 'd', 'r') AND obj_description(t.oid, 'pg_type') IS NULL
UNION ALL
SELECT 'schema flywheel' WHERE obj_description('flywheel'::regnamespace, 'pg_namespace') IS NULL
