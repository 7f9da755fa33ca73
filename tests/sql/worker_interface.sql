-- The signatures of these functions: what workers rely on. One row per function; arguments and result columns in order.
SELECT p.proname::text AS name,
       pg_get_function_arguments(p.oid) AS arguments,
       pg_get_function_result(p.oid) AS result
FROM pg_proc p
WHERE p.pronamespace = 'flywheel'::regnamespace AND p.proname = ANY (%s)
ORDER BY 1, 2
