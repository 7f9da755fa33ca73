-- Whether pg_flywheel is here, and what the server lets this user install: both extensions, the one, pgmq's.
SELECT to_regprocedure('flywheel.version()') IS NOT NULL,
       count(*) FILTER (WHERE a.name IN ('pg_flywheel_python', 'plpython3u')) = 2,
       count(*) FILTER (WHERE a.name = 'pg_flywheel') = 1,
       count(*) FILTER (WHERE a.name = 'pgmq') = 1
FROM (
    SELECT v.name
    FROM pg_available_extension_versions v
    JOIN pg_roles r ON r.rolname = current_user
    WHERE NOT v.superuser OR v.trusted OR r.rolsuper
    GROUP BY v.name
) a
