-- The tables of the live catalog, as the config of the validators that look names up without running anything.

CREATE FUNCTION flywheel.known_names(VARIADIC schemas text[]) RETURNS jsonb
    LANGUAGE sql STABLE
AS $$
    SELECT jsonb_object_agg(CASE WHEN cardinality(schemas) > 1 THEN t.schema || '.' ELSE '' END || t.name, t.columns)
    FROM (SELECT s.nspname AS schema, c.relname AS name, jsonb_agg(a.attname ORDER BY a.attnum) AS columns
          FROM pg_namespace s JOIN pg_class c ON c.relnamespace = s.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
          WHERE s.nspname = ANY (schemas) GROUP BY 1, 2) t
$$;

COMMENT ON FUNCTION flywheel.known_names(text[]) IS
'Tables and views of these schemas with their columns, now, as py:sql_known_names and py:sql_equivalent take them: SELECT flywheel.add_validator(''names'', ''py:sql_known_names'', jsonb_build_object(''schema'', flywheel.known_names(''shop''))). The same call again, after a migration, makes a new version if they changed. NULL where there is none.';
