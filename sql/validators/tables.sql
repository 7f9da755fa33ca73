-- The registry: what is validated, by which version of what, and over which steps.

CREATE TYPE flywheel.verdict AS (
    passed  boolean,
    score   double precision,
    reason  text,
    details jsonb
);

COMMENT ON TYPE flywheel.verdict IS
'What a validator returns. passed and score NULL with a reason: the validator abstains. A NULL verdict is an error of the validator, never a failing output.';

CREATE TABLE flywheel.python_validators (
    name          text PRIMARY KEY,
    fields        text[] NOT NULL,
    config_schema jsonb NOT NULL,
    fingerprint   text NOT NULL,
    doc           text
);

COMMENT ON TABLE flywheel.python_validators IS
'The Python validators of the pyvalidators package: use one as ''py:<name>'' in flywheel.add_validator(). Filled at installation, brought up to date by the worker.';
COMMENT ON COLUMN flywheel.python_validators.name IS 'Without the py: prefix.';
COMMENT ON COLUMN flywheel.python_validators.fields IS 'Columns of a step that it reads, in the order of its parameters.';
COMMENT ON COLUMN flywheel.python_validators.config_schema IS 'JSON Schema of its config.';
COMMENT ON COLUMN flywheel.python_validators.fingerprint IS 'Hash of its source: a changed one makes a new validator version.';
COMMENT ON COLUMN flywheel.python_validators.doc IS 'Its documentation: what passes, what fails, its config.';

CREATE TABLE flywheel.validators (
    name        text PRIMARY KEY CHECK (name ~ '^[A-Za-z][A-Za-z0-9_.-]{0,62}$'),
    kind        text NOT NULL CHECK (kind IN ('code', 'judge')),
    mode        text NOT NULL CHECK (mode IN ('eager', 'on_demand')),
    enabled     boolean NOT NULL DEFAULT true,
    sample_rate double precision NOT NULL DEFAULT 1 CHECK (sample_rate BETWEEN 0 AND 1),
    version_id  int, -- no foreign key: two that point at each other cannot be restored from a dump
    created_at  timestamptz NOT NULL DEFAULT now(),
    daily_usd   numeric CHECK (daily_usd >= 0),
    daily_calls bigint CHECK (daily_calls >= 0)
);

COMMENT ON TABLE flywheel.validators IS
'Registered validators and judges. Write with add_validator, add_judge and set_validator.';
COMMENT ON COLUMN flywheel.validators.name IS 'The name that metrics, coverage and why use.';
COMMENT ON COLUMN flywheel.validators.kind IS 'code: runs in the database (or in the worker, where plpython3u is missing). judge: an LLM.';
COMMENT ON COLUMN flywheel.validators.mode IS 'eager: every eligible new step. on_demand: nothing until flywheel.evaluate() asks.';
COMMENT ON COLUMN flywheel.validators.enabled IS 'A disabled validator takes no new steps; what is queued for it still runs.';
COMMENT ON COLUMN flywheel.validators.sample_rate IS 'Share of the traces that are validated, 0..1, decided by flywheel.sample_point().';
COMMENT ON COLUMN flywheel.validators.version_id IS 'The current version.';
COMMENT ON COLUMN flywheel.validators.created_at IS 'When it was first added.';
COMMENT ON COLUMN flywheel.validators.daily_usd IS 'Judges: US dollars a day (UTC); NULL for no limit. Write with flywheel.set_budget().';
COMMENT ON COLUMN flywheel.validators.daily_calls IS 'Judges: calls a day (UTC); NULL for no limit.';

CREATE TABLE flywheel.validator_versions (
    id             int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    validator      text NOT NULL REFERENCES flywheel.validators,
    version        int NOT NULL,
    runs_in        text NOT NULL CHECK (runs_in IN ('sql', 'python', 'judge')),
    function       text,
    config         jsonb NOT NULL,
    pipeline       text,
    node           text,
    node_type      text,
    reads          text[],
    provider       text REFERENCES flywheel.providers,
    model          text,
    rubric         text,
    rubric_version int NOT NULL,
    fingerprint    text NOT NULL,
    stuck          int NOT NULL DEFAULT 0,
    suspended      text,
    created_at     timestamptz NOT NULL DEFAULT now(),
    created_by     text NOT NULL DEFAULT session_user,
    UNIQUE (validator, version)
);

COMMENT ON TABLE flywheel.validator_versions IS
'Every version of every validator. A changed function, config, filter, rubric, model or provider is a new version; verdicts and metrics say which one they belong to.';
COMMENT ON COLUMN flywheel.validator_versions.id IS 'Part of the key of verdicts.';
COMMENT ON COLUMN flywheel.validator_versions.validator IS 'flywheel.validators.name.';
COMMENT ON COLUMN flywheel.validator_versions.version IS '1, 2, 3 ... within the validator.';
COMMENT ON COLUMN flywheel.validator_versions.runs_in IS 'sql: a function of this database. python: pyvalidators. judge: an LLM.';
COMMENT ON COLUMN flywheel.validator_versions.function IS 'The function''s signature, or the name of the Python validator; NULL for a judge.';
COMMENT ON COLUMN flywheel.validator_versions.config IS 'Second argument of the function, keyword arguments of a Python validator, or parameters of a judge.';
COMMENT ON COLUMN flywheel.validator_versions.pipeline IS 'Only steps of this pipeline; NULL for all.';
COMMENT ON COLUMN flywheel.validator_versions.node IS 'Only steps of this node; NULL for all.';
COMMENT ON COLUMN flywheel.validator_versions.node_type IS 'Only steps of this node type; NULL for all.';
COMMENT ON COLUMN flywheel.validator_versions.reads IS 'Columns it reads: a change of another one does not validate the step again. NULL: all.';
COMMENT ON COLUMN flywheel.validator_versions.provider IS 'Judges: who is asked.';
COMMENT ON COLUMN flywheel.validator_versions.model IS 'Judges: the model.';
COMMENT ON COLUMN flywheel.validator_versions.rubric IS 'Judges: what the output is held against.';
COMMENT ON COLUMN flywheel.validator_versions.rubric_version IS 'flywheel.rubrics.version: people''s labels under it are what the version is held against.';
COMMENT ON COLUMN flywheel.validator_versions.fingerprint IS 'Hash of the function''s source. When the source changes, the next drain makes a new version.';
COMMENT ON COLUMN flywheel.validator_versions.stuck IS 'Steps in a row that timed out or killed their process; from 10 on the version is suspended.';
COMMENT ON COLUMN flywheel.validator_versions.suspended IS 'Why it switched itself off; NULL: it did not. Its steps are deferred. flywheel.set_validator(name, enabled => true) brings it back, and so does a new version.';
COMMENT ON COLUMN flywheel.validator_versions.created_at IS 'When the version was made.';
COMMENT ON COLUMN flywheel.validator_versions.created_by IS 'Who made it.';

CREATE TABLE flywheel.activations (
    id          int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version_id  int NOT NULL REFERENCES flywheel.validator_versions,
    kind        text NOT NULL CHECK (kind IN ('live', 'backfill', 'evaluate')),
    lo          bigint NOT NULL,
    hi          bigint,
    since       timestamptz NOT NULL DEFAULT '-infinity',
    until       timestamptz NOT NULL DEFAULT 'infinity',
    sample_rate double precision NOT NULL CHECK (sample_rate BETWEEN 0 AND 1),
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX activations_version ON flywheel.activations (version_id);

COMMENT ON TABLE flywheel.activations IS
'Which steps each version is to validate. Eligibility follows from these rows and from the step alone, so that it can be explained afterwards without a stored row per step.';
COMMENT ON COLUMN flywheel.activations.id IS 'Key.';
COMMENT ON COLUMN flywheel.activations.version_id IS 'flywheel.validator_versions.id.';
COMMENT ON COLUMN flywheel.activations.kind IS 'live: steps as they come; backfill and evaluate: steps asked for.';
COMMENT ON COLUMN flywheel.activations.lo IS 'First step id.';
COMMENT ON COLUMN flywheel.activations.hi IS 'Last step id; NULL while live.';
COMMENT ON COLUMN flywheel.activations.since IS 'Steps with created_at from here on (inclusive).';
COMMENT ON COLUMN flywheel.activations.until IS 'Steps with created_at before this (exclusive).';
COMMENT ON COLUMN flywheel.activations.sample_rate IS 'Share of the traces, 0..1, in force for these steps.';
COMMENT ON COLUMN flywheel.activations.created_at IS 'When it was asked for.';
COMMENT ON INDEX flywheel.activations_version IS 'The activations of a version.';
