-- What workers share about each judge: whether it answers at all, and what it spent.

CREATE TABLE flywheel.judge_state (
    version_id    int PRIMARY KEY REFERENCES flywheel.validator_versions ON DELETE CASCADE,
    paused_until  timestamptz,
    paused_reason text,
    failures      int NOT NULL DEFAULT 0,
    probing       boolean NOT NULL DEFAULT false,
    answered_at   timestamptz,
    unreadable    int NOT NULL DEFAULT 0,
    parked_until  timestamptz
);

COMMENT ON TABLE flywheel.judge_state IS
'How each version of a judge is doing: paused when it fails for every step (a model that does not exist), while other judges of its provider go on. Written by workers. To have a paused one tried at once: UPDATE flywheel.judge_state SET paused_until = NULL.';
COMMENT ON COLUMN flywheel.judge_state.version_id IS 'flywheel.validator_versions.id.';
COMMENT ON COLUMN flywheel.judge_state.paused_until IS 'No call before this time: its judgements are deferred until then.';
COMMENT ON COLUMN flywheel.judge_state.paused_reason IS 'The failure that paused it.';
COMMENT ON COLUMN flywheel.judge_state.failures IS 'Pauses in a row; each doubles the next one. 0: not paused.';
COMMENT ON COLUMN flywheel.judge_state.probing IS 'One call is trying whether it answers again; another may when paused_until is over.';
COMMENT ON COLUMN flywheel.judge_state.answered_at IS 'When it last gave a verdict.';
COMMENT ON COLUMN flywheel.judge_state.unreadable IS 'Steps that ended as error since then, because what it said was no answer.';
COMMENT ON COLUMN flywheel.judge_state.parked_until IS 'Its messages that were met in the queue while it may not be asked are set aside until then, out of the way of other judges. They come back as soon as it may.';

CREATE TABLE flywheel.spending (
    day       date NOT NULL,
    provider  text NOT NULL REFERENCES flywheel.providers ON DELETE CASCADE,
    validator text NOT NULL REFERENCES flywheel.validators ON DELETE CASCADE,
    calls     bigint NOT NULL DEFAULT 0,
    reserved  bigint NOT NULL DEFAULT 0,
    cost_usd  numeric NOT NULL DEFAULT 0,
    PRIMARY KEY (day, provider, validator)
);

COMMENT ON TABLE flywheel.spending IS
'What judges cost, by the day (UTC) of the call: verdicts, and calls that failed. A row is counted in the transaction that stores what the call brought.';
COMMENT ON COLUMN flywheel.spending.day IS 'UTC.';
COMMENT ON COLUMN flywheel.spending.provider IS 'flywheel.providers.name.';
COMMENT ON COLUMN flywheel.spending.validator IS 'flywheel.validators.name; all versions.';
COMMENT ON COLUMN flywheel.spending.calls IS 'Calls that came back, with an answer or a failure.';
COMMENT ON COLUMN flywheel.spending.reserved IS 'Calls that workers hold, counted while a budget is set. A lost worker''s stay for the day: they may have been paid.';
COMMENT ON COLUMN flywheel.spending.cost_usd IS 'US dollars, from flywheel.prices and the tokens that the provider reported.';

CREATE FUNCTION flywheel.utc_day() RETURNS date
    LANGUAGE sql STABLE
    RETURN (now() AT TIME ZONE 'UTC')::date;

COMMENT ON FUNCTION flywheel.utc_day() IS 'The day of a budget.';
