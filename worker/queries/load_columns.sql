-- The columns of flywheel.traces that a file may give, and whether the server fills one that it leaves out.
SELECT attname::text                   AS name,
       format_type(atttypid, NULL)     AS type,
       atthasdef                       AS has_default
FROM pg_catalog.pg_attribute
WHERE attrelid = 'flywheel.traces'::regclass
  AND attnum > 0
  AND NOT attisdropped
  AND attidentity = ''
  AND attgenerated = ''
ORDER BY attnum;
