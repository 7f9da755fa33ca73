-- How the step was chosen comes from the claim.
INSERT INTO flywheel.labels (step_id, validator, passed, critique, rater)
VALUES (%(step_id)s, %(validator)s, %(passed)s, %(critique)s, %(rater)s)
