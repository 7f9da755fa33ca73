SELECT flywheel.version(),
       CASE WHEN EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_flywheel') THEN 'extension' ELSE 'schema' END,
       CASE WHEN flywheel.has_python() THEN 'full' ELSE 'portable' END
