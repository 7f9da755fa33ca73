-- What the current version says, for after the label.
SELECT v.passed, v.status, v.score, v.reason
FROM flywheel.verdicts v JOIN flywheel.validators d ON d.version_id = v.version_id
WHERE v.step_id = %(step_id)s AND d.name = %(validator)s
