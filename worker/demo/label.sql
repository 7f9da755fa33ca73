-- A person who reads answers drawn at random, and knows what was planted in them.
INSERT INTO flywheel.labels (step_id, validator, passed, critique, rater)
SELECT d.step_id, d.validator, bad.kind IS NULL, 'planted: ' || bad.kind, 'demo'
FROM flywheel.claim_review('demo', 150, 'demo.helpful', 'random') d
JOIN flywheel.traces t ON t.id = d.step_id
LEFT JOIN LATERAL (
    SELECT k AS kind FROM jsonb_array_elements_text(t.attributes -> 'planted') AS k
    WHERE k IN ('evasive', 'empty', 'as_an_ai', 'made_up_period') LIMIT 1) bad ON true
