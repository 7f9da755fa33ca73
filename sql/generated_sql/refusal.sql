-- What a generated statement may not contain, told from the server's own parse tree, before anything of it is planned
-- or run: a role may do whatever PUBLIC may, and that is too much.

CREATE FUNCTION flywheel.generated_sql_refusal(parsed oid, target oid, functions text[]) RETURNS text
    LANGUAGE plpgsql STABLE -- keeps its plan, which takes 1 ms to make
AS $$
BEGIN
    RETURN (
    -- What initdb made is in the tree and not in pg_depend; what users made is in pg_depend.
    WITH tree AS (
        SELECT p.prosqlbody::text AS nodes FROM pg_proc p WHERE p.oid = parsed
    ), named AS (
        SELECT DISTINCT m[1] AS field, m[2]::oid AS id
        FROM tree, regexp_matches(nodes, ' :(relid|\w*funcid|aggfnoid|winfnoid|tsmhandler) (\d+)', 'g') AS m
    ), used AS (
        SELECT d.refclassid AS class, d.refobjid AS id FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = parsed
    ), called AS (
        SELECT s.nspname, p.proname::text, s.oid = target OR s.nspname = 'pg_catalog' AS bare,
               s.nspname = 'pg_catalog' AND p.provolatile <> 'v'
               -- These read settings, catalogs, sessions, or any table by its name.
               AND p.proname !~ '^(pg_|has_|to_reg|txid_|fmgr_|inet_(client|server)_|(table|schema|database)_to_xml|((obj|col|shobj)_description|format_type|oidvectortypes|row_security_active|current_setting|version)$)'
               -- Input and output functions take any type by its number.
               AND NOT '{cstring,internal}'::regtype[]::oid[] && (p.proargtypes::oid[] || p.prorettype) AS reads
        FROM pg_proc p JOIN pg_namespace s ON s.oid = p.pronamespace
        WHERE p.oid IN (SELECT n.id FROM named n WHERE n.field <> 'relid'
                        UNION ALL SELECT u.id FROM used u WHERE u.class = 'pg_proc'::regclass
                        UNION ALL SELECT o.oprcode FROM pg_operator o JOIN used u ON u.class = 'pg_operator'::regclass AND u.id = o.oid)
    )
    (SELECT 'is no query that only reads: expected one SELECT, VALUES, TABLE or WITH'
     FROM tree WHERE nodes ~ ' :(commandType [^1]|hasModifyingCTE true|hasForUpdate true|isReturn true)')
    UNION ALL
    (SELECT format('reads %s, which is no table or view of its schema', n.id::regclass)
     FROM named n LEFT JOIN pg_class c ON c.oid = n.id
     WHERE n.field = 'relid' AND n.id <> 0 AND (c.relnamespace = target AND c.relkind IN ('r', 'p', 'v', 'm')) IS NOT TRUE
     ORDER BY 1 LIMIT 1)
    UNION ALL
    (SELECT format('calls %s.%s, which is not allowed', c.nspname, c.proname)
     FROM called c
     WHERE NOT c.reads AND c.nspname || '.' || c.proname <> ALL (functions) AND NOT (c.bare AND c.proname = ANY (functions))
     ORDER BY 1 LIMIT 1)
    UNION ALL
    -- A text that becomes one of these, or a row of the catalog, which has columns of them, is looked up in the catalog.
    (SELECT format('uses type %s, which is not allowed', t.oid::regtype)
     FROM tree, regexp_matches(nodes, ' :(?!\w*typmod)\w*typ\w* (?:\(o )?(\d[\d ]*)', 'g') AS m, string_to_table(btrim(m[1]), ' ') AS id
          JOIN pg_type t ON t.oid = id::oid LEFT JOIN pg_type e ON e.oid = t.typelem
     WHERE coalesce(e.typname, t.typname) ~ '^(aclitem|reg(class|collation|namespace|oper|operator|proc|procedure|role|type|database))$'
        OR t.typnamespace = 'pg_catalog'::regnamespace AND coalesce(e.typtype, t.typtype) = 'c'
     ORDER BY 1 LIMIT 1)
    UNION ALL
    -- The conditions of a domain, and of what it is part of, call functions.
    (SELECT format('uses type %s, which is not allowed', t.oid::regtype)
     FROM used u JOIN pg_type t ON t.oid = u.id AND u.class = 'pg_type'::regclass LEFT JOIN pg_type e ON e.oid = t.typelem
     WHERE t.typnamespace <> ALL (ARRAY[target, 'pg_catalog'::regnamespace]) AND coalesce(e.typtype, t.typtype) NOT IN ('b', 'e')
     ORDER BY 1 LIMIT 1)
    LIMIT 1);
END
$$;

COMMENT ON FUNCTION flywheel.generated_sql_refusal(oid, oid, text[]) IS
'Internal: why a generated statement, parsed as the body of a function, is not run: it does more than read, reads outside of the schema target, or calls a function that is neither one of Postgres that only computes nor among functions. NULL: nothing speaks against it. flywheel.allow_generated_sql() makes a copy of it.';
