-- What an unqualified name means in our functions is decided here, not by whoever calls them: a function or an operator
-- of the caller's search_path that fits the argument types better than pg_catalog's would run with the caller's rights,
-- in a drain with those of flywheel_worker. Views, and SQL functions with a parsed body, were bound at installation.

CREATE FUNCTION flywheel.pin_search_paths() RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN
        SELECT p.oid FROM pg_proc p
        WHERE p.pronamespace = 'flywheel'::regnamespace AND p.prosqlbody IS NULL
          AND NOT coalesce(array_to_string(p.proconfig, ' '), '') ~ 'search_path='
          -- These run or look up the user's functions, which may rely on the path of the session. They write
          -- OPERATOR(pg_catalog.=) and pg_catalog.format() wherever no exact match in pg_catalog settles it.
          AND p.proname NOT IN ('add_validator', 'resolve_function', 'check', 'drain', 'run', 'validate', 'store_outcomes', 'try_call')
    LOOP
        EXECUTE format('ALTER ROUTINE %s SET search_path = pg_catalog, pg_temp', f);
    END LOOP;
END
$$;

COMMENT ON FUNCTION flywheel.pin_search_paths() IS
'Internal: pins search_path = pg_catalog, pg_temp of every function that does not run or look up user-defined validators. The install script calls it; so does an upgrade that adds or replaces functions.';

SELECT flywheel.pin_search_paths();
