-- Whom judges ask, and how each provider is doing: its address, its limits, its breaker, its prices.

CREATE TABLE flywheel.providers (
    name                text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,29}$'),
    base_url            text NOT NULL CHECK (base_url ~ '^https?://[^@?#]+$'), -- no password, no key
    api_key_env         text CHECK (api_key_env ~ '^[A-Za-z_][A-Za-z0-9_]*$'),
    max_in_flight       int NOT NULL CHECK (max_in_flight > 0),
    requests_per_minute int CHECK (requests_per_minute > 0),
    timeout_seconds     double precision NOT NULL CHECK (timeout_seconds > 0),
    created_at          timestamptz NOT NULL DEFAULT now(),
    daily_usd           numeric CHECK (daily_usd >= 0),
    daily_calls         bigint CHECK (daily_calls >= 0)
);

COMMENT ON TABLE flywheel.providers IS
'OpenAI-compatible endpoints that judges call. Write with flywheel.set_provider(). API keys are named here and read from the worker''s environment, never stored.';
COMMENT ON COLUMN flywheel.providers.name IS 'Lower-case name; the queue is flywheel_judge_<name>.';
COMMENT ON COLUMN flywheel.providers.base_url IS 'Up to and without /chat/completions, such as https://host/v1.';
COMMENT ON COLUMN flywheel.providers.api_key_env IS 'Environment variable of the worker that holds the key; NULL for a server that asks for none.';
COMMENT ON COLUMN flywheel.providers.max_in_flight IS 'Calls under way at once, per worker process.';
COMMENT ON COLUMN flywheel.providers.requests_per_minute IS 'Calls a minute over all workers; NULL for no limit.';
COMMENT ON COLUMN flywheel.providers.timeout_seconds IS 'A call that takes longer is given up.';
COMMENT ON COLUMN flywheel.providers.created_at IS 'When it was first set.';
COMMENT ON COLUMN flywheel.providers.daily_usd IS 'US dollars a day (UTC) over all its judges; NULL for no limit. What is over it is deferred to the next day.';
COMMENT ON COLUMN flywheel.providers.daily_calls IS 'Calls a day (UTC) over all its judges; NULL for no limit.';

CREATE TABLE flywheel.provider_state (
    provider      text PRIMARY KEY REFERENCES flywheel.providers ON DELETE CASCADE,
    paused_until  timestamptz,
    paused_reason text,
    failures      int NOT NULL DEFAULT 0,
    strikes       int NOT NULL DEFAULT 0,
    probe         bigint,
    credits       int,
    answered_at   timestamptz,
    tokens        double precision,
    refilled_at   timestamptz
);

COMMENT ON TABLE flywheel.provider_state IS
'How each provider is doing: its breaker, which opens after failures that are not a step''s fault, and its rate limit''s token bucket. Written by workers. To have a paused one tried at once: UPDATE flywheel.provider_state SET paused_until = NULL.';
COMMENT ON COLUMN flywheel.provider_state.provider IS 'flywheel.providers.name.';
COMMENT ON COLUMN flywheel.provider_state.paused_until IS 'No call before this time: its judgements are deferred until then.';
COMMENT ON COLUMN flywheel.provider_state.paused_reason IS 'The failure that paused it.';
COMMENT ON COLUMN flywheel.provider_state.failures IS 'Pauses in a row; each doubles the next one. 0: the breaker is closed.';
COMMENT ON COLUMN flywheel.provider_state.strikes IS 'Calls in a row that failed through no fault of their step.';
COMMENT ON COLUMN flywheel.provider_state.probe IS 'After a pause, the one message that tries whether the provider is back.';
COMMENT ON COLUMN flywheel.provider_state.credits IS 'While calls ramp up after a pause: how many may begin now. Every answer adds two. NULL: not counted.';
COMMENT ON COLUMN flywheel.provider_state.answered_at IS 'When it last answered a call.';
COMMENT ON COLUMN flywheel.provider_state.tokens IS 'Calls that the rate limit allows right now.';
COMMENT ON COLUMN flywheel.provider_state.refilled_at IS 'When tokens was last brought up to date.';

CREATE TABLE flywheel.prices (
    provider               text REFERENCES flywheel.providers ON DELETE CASCADE,
    model                  text,
    usd_per_million_input  numeric NOT NULL CHECK (usd_per_million_input >= 0),
    usd_per_million_output numeric NOT NULL CHECK (usd_per_million_output >= 0),
    PRIMARY KEY (provider, model)
);

COMMENT ON TABLE flywheel.prices IS
'US dollars per million tokens, by provider and model. INSERT yours; without a price cost_usd of a judge''s verdict is NULL.';
COMMENT ON COLUMN flywheel.prices.provider IS 'flywheel.providers.name.';
COMMENT ON COLUMN flywheel.prices.model IS 'Model name as the judge asks for it.';
COMMENT ON COLUMN flywheel.prices.usd_per_million_input IS 'Prompt tokens.';
COMMENT ON COLUMN flywheel.prices.usd_per_million_output IS 'Completion tokens.';
