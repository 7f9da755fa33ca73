DELETE FROM flywheel.review_claims c
WHERE c.rater = %(rater)s AND (c.step_id, c.validator) IN (SELECT * FROM unnest(%(steps)s::bigint[], %(validators)s::text[]))
