-- Every outcome is a row here. Partitioned as traces are: a step's verdicts lie in the partition of its range.

CREATE TABLE flywheel.verdicts (
    step_id           bigint NOT NULL,
    version_id        int NOT NULL,
    passed            boolean,
    latency_ms        real,
    score             double precision,
    step_created_at   timestamptz NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT now(),
    prompt_tokens     int,
    completion_tokens int,
    status            text NOT NULL CHECK (status IN ('ok', 'abstained', 'error', 'timeout')),
    pipeline          text NOT NULL,
    node              text,
    variant           text,
    reason            text,
    details           jsonb,
    cost_usd          numeric,
    prompt_hash       bytea,
    PRIMARY KEY (step_id, version_id),
    CHECK (status = 'ok' OR passed IS NULL)
) PARTITION BY RANGE (step_id);

-- Failures, errors and abstentions are what people look for, and few.
CREATE INDEX verdicts_not_passed ON flywheel.verdicts (version_id, step_id) WHERE passed IS NOT TRUE;

-- The same prompt is paid for once.
CREATE INDEX verdicts_prompt_hash ON flywheel.verdicts (prompt_hash, version_id) WHERE prompt_hash IS NOT NULL;

-- Steps with a known label are few.
CREATE INDEX verdicts_labels ON flywheel.verdicts (version_id, step_id) WHERE details ? 'label';

COMMENT ON TABLE flywheel.verdicts IS
'One row per step and validator version. No foreign key to traces: it would cost a look-up per row; the triggers on traces and the drain keep the two together.';
COMMENT ON COLUMN flywheel.verdicts.step_id IS 'flywheel.traces.id.';
COMMENT ON COLUMN flywheel.verdicts.version_id IS 'flywheel.validator_versions.id.';
COMMENT ON COLUMN flywheel.verdicts.passed IS 'Whether the step passed. NULL unless status is ok; also NULL where a validator gives a score only.';
COMMENT ON COLUMN flywheel.verdicts.latency_ms IS 'Milliseconds: of the call for a judge (the slowest of its votes), of the function for SQL, mean of its batch for Python.';
COMMENT ON COLUMN flywheel.verdicts.score IS 'The validator''s score; its scale is the validator''s.';
COMMENT ON COLUMN flywheel.verdicts.step_created_at IS 'created_at of the step: the time axis of the metrics.';
COMMENT ON COLUMN flywheel.verdicts.created_at IS 'When the verdict was written.';
COMMENT ON COLUMN flywheel.verdicts.prompt_tokens IS 'Judges: tokens sent. 0 where an identical prompt had been paid for.';
COMMENT ON COLUMN flywheel.verdicts.completion_tokens IS 'Judges: tokens received.';
COMMENT ON COLUMN flywheel.verdicts.status IS 'ok: decided. abstained: the validator does not apply, see reason. error, timeout: the validator could not decide; never counted as a failing output.';
COMMENT ON COLUMN flywheel.verdicts.pipeline IS 'pipeline of the step when it was validated.';
COMMENT ON COLUMN flywheel.verdicts.node IS 'node of the step.';
COMMENT ON COLUMN flywheel.verdicts.variant IS 'variant of the step.';
COMMENT ON COLUMN flywheel.verdicts.reason IS 'Why, in words.';
COMMENT ON COLUMN flywheel.verdicts.details IS 'Why, for programs.';
COMMENT ON COLUMN flywheel.verdicts.cost_usd IS 'Judges: US dollars, from flywheel.prices.';
COMMENT ON COLUMN flywheel.verdicts.prompt_hash IS 'Judges: SHA-256 of the rendered prompt.';
COMMENT ON INDEX flywheel.verdicts_labels IS 'Verdicts that name a label, for flywheel.confusion_matrix.';
COMMENT ON INDEX flywheel.verdicts_not_passed IS 'The failing steps of a version.';
COMMENT ON INDEX flywheel.verdicts_prompt_hash IS 'An answer that was already paid for.';

CREATE TABLE flywheel.dead_letters (
    step_id    bigint NOT NULL,
    version_id int NOT NULL,
    attempts   int NOT NULL,
    error      text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (step_id, version_id)
);

COMMENT ON TABLE flywheel.dead_letters IS
'Steps that a validator version was given up on, and why. flywheel.redrive(name) tries them again.';
COMMENT ON COLUMN flywheel.dead_letters.step_id IS 'flywheel.traces.id.';
COMMENT ON COLUMN flywheel.dead_letters.version_id IS 'flywheel.validator_versions.id.';
COMMENT ON COLUMN flywheel.dead_letters.attempts IS 'How often it was tried.';
COMMENT ON COLUMN flywheel.dead_letters.error IS 'The last error.';
COMMENT ON COLUMN flywheel.dead_letters.created_at IS 'When it was given up.';

CREATE TABLE flywheel.deferrals (
    step_id    bigint NOT NULL,
    version_id int NOT NULL,
    until      timestamptz NOT NULL,
    reason     text NOT NULL,
    failed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (step_id, version_id)
);

COMMENT ON TABLE flywheel.deferrals IS
'Judgements that failed and are tried again, when, and why. The queue message is what will run; this row explains it to readers, who do not touch queues.';
COMMENT ON COLUMN flywheel.deferrals.step_id IS 'flywheel.traces.id.';
COMMENT ON COLUMN flywheel.deferrals.version_id IS 'flywheel.validator_versions.id.';
COMMENT ON COLUMN flywheel.deferrals.until IS 'Not tried again before.';
COMMENT ON COLUMN flywheel.deferrals.reason IS 'The failure that deferred it.';
COMMENT ON COLUMN flywheel.deferrals.failed_at IS 'When it last failed: what the provider answered to others since then tells whose fault that was.';
