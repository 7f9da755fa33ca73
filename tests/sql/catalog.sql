-- Everything in schema flywheel as (kind, name, definition, comment, rights): what two installations are compared by.
-- But for the partitions that were made since.
WITH ours AS (
    SELECT c.*, c.oid::regclass::text AS name FROM pg_class c
    WHERE c.relnamespace = 'flywheel'::regnamespace AND c.relname !~ '^(traces|verdicts)_p-?[0-9]'
)
SELECT 'schema', n.nspname::text, '', obj_description(n.oid, 'pg_namespace'), n.nspacl::text
FROM pg_namespace n WHERE n.nspname IN ('flywheel', 'pgmq')

UNION ALL
SELECT 'relation ' || c.relkind::text, c.name,
       concat_ws(' ', c.relpersistence, c.reloptions::text, c.relrowsecurity, pg_get_viewdef(c.oid), pg_get_indexdef(i.indexrelid),
                 (SELECT row(s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqcache, s.seqcycle) FROM pg_sequence s WHERE s.seqrelid = c.oid)),
       obj_description(c.oid, 'pg_class'), c.relacl::text
FROM ours c LEFT JOIN pg_index i ON i.indexrelid = c.oid

UNION ALL
SELECT 'column', c.name || '.' || a.attname,
       concat_ws(' ', a.attnum, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
                 a.attcollation::regcollation, a.attstorage, pg_get_expr(d.adbin, d.adrelid)),
       col_description(c.oid, a.attnum), a.attacl::text
FROM ours c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum

UNION ALL
SELECT 'constraint', c.name || '.' || k.conname, pg_get_constraintdef(k.oid), obj_description(k.oid, 'pg_constraint'), ''
FROM pg_constraint k JOIN ours c ON c.oid = k.conrelid

UNION ALL
SELECT 'trigger', c.name || '.' || t.tgname, pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text, obj_description(t.oid, 'pg_trigger'), ''
FROM pg_trigger t JOIN ours c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal

UNION ALL
SELECT 'policy', c.name || '.' || p.polname, concat_ws(' ', p.polcmd::text, p.polpermissive, p.polroles::text, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)),
       obj_description(p.oid, 'pg_policy'), ''
FROM pg_policy p JOIN ours c ON c.oid = p.polrelid

UNION ALL
-- The definition has the source, volatility, parallel safety, security, settings, cost and rows.
SELECT 'function', p.oid::regprocedure::text, pg_get_functiondef(p.oid), obj_description(p.oid, 'pg_proc'), p.proacl::text
FROM pg_proc p WHERE p.pronamespace = 'flywheel'::regnamespace

UNION ALL
SELECT 'type', t.oid::regtype::text, t.typtype::text, obj_description(t.oid, 'pg_type'), t.typacl::text
FROM pg_type t WHERE t.typnamespace = 'flywheel'::regnamespace AND t.typname !~ '^_?(traces|verdicts)_p-?[0-9]'

UNION ALL
SELECT 'row of python_validators', p.name, p::text, '', '' FROM flywheel.python_validators p
UNION ALL
SELECT 'row of maintenance', m.task, m::text, '', '' FROM flywheel.maintenance m
