-- Columns by name: the schema of the next version may have more. Only code of the schema's own version runs: otherwise
-- a verdict would bear the version of one code and come from the other. Workers of that version take these steps.
SELECT msg_id, attempt, version_id, validator, config, ids, columns, content
FROM flywheel.claim_python(%s)
WHERE flywheel.version() = %s
