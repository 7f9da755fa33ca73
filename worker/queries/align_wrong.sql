-- Labelled steps of dev that a version got wrong, newest first: what to read to improve its rubric. And the labels of other
-- rubrics that wait to be given again, as in flywheel.stale_labels, which not everybody may read.
SELECT (SELECT array_agg(s.step_id) FROM (
            SELECT a.step_id FROM flywheel.aligned a
            WHERE a.version_id = w.id AND a.split = 'dev' AND a.passed AND NOT a.human ORDER BY a.step_id DESC LIMIT 5) s) AS passed_wrongly,
       (SELECT array_agg(s.step_id) FROM (
            SELECT a.step_id FROM flywheel.aligned a
            WHERE a.version_id = w.id AND a.split = 'dev' AND NOT a.passed AND a.human ORDER BY a.step_id DESC LIMIT 5) s) AS failed_wrongly,
       (SELECT count(*) FROM flywheel.labels l
        WHERE l.validator = w.validator AND l.rubric_version <> w.rubric_version AND l.step_changed_at IS NULL
          AND NOT EXISTS (SELECT FROM flywheel.labels n
                          WHERE n.step_id = l.step_id AND n.validator = l.validator AND n.rubric_version = w.rubric_version)) AS stale
FROM flywheel.validator_versions w
WHERE w.validator = %(judge)s AND w.version = %(version)s
