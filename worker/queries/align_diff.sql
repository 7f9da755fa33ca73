-- A version against the one before, on the same steps: over all of them, and how many slices got worse.
SELECT d.labelled, d.only_a_right, d.only_b_right, d.accuracy_a, d.accuracy_b, d.accuracy_difference, d.accuracy_difference_lo,
       d.accuracy_difference_hi, d.mcnemar_p, d.judged, d.pass_rate_difference, d.pass_rate_difference_lo, d.pass_rate_difference_hi,
       (count(*) FILTER (WHERE d.got_worse) OVER () - coalesce(d.got_worse, false)::int) AS slices_worse
FROM flywheel.judge_version_diff(%(judge)s, %(old)s, %(new)s) WITH ORDINALITY AS d
ORDER BY d.ordinality
LIMIT 1
