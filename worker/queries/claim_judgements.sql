-- Columns by name: the schema of the next version may have more. The context as text: it may be JSON that Python does
-- not read, such as numbers of 5,000 digits.
SELECT msg_id, attempt, step_id, version_id, rubric, model, temperature, input, output, expected,
       context::text AS context, content, votes, examples
FROM flywheel.claim_judgements(%s, %s, %s)
