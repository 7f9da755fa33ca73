-- What this database has, and what its server could give it.
SELECT to_regprocedure('flywheel.version()') IS NOT NULL,
       EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_flywheel'),
       (SELECT count(*) = 2 FROM pg_available_extensions a WHERE a.name IN ('pg_flywheel_python', 'plpython3u'))
           AND (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user),
       EXISTS (SELECT FROM pg_available_extensions a WHERE a.name = 'pg_flywheel')
           AND (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user),
       EXISTS (SELECT FROM pg_available_extensions a WHERE a.name = 'pgmq')
