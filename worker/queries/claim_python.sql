-- Columns by name: the schema of the next version may have more.
SELECT msg_id, attempt, version_id, validator, config, ids, columns, content
FROM flywheel.claim_python(%s)
