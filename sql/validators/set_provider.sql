-- Providers: where judges are asked.

CREATE FUNCTION flywheel.set_provider(
    name                text,
    base_url            text,
    api_key_env         text DEFAULT NULL,
    max_in_flight       int DEFAULT 16,
    requests_per_minute int DEFAULT NULL,
    timeout_seconds     double precision DEFAULT 60,
    daily_usd           numeric DEFAULT NULL,
    daily_calls         bigint DEFAULT NULL
) RETURNS void
    LANGUAGE plpgsql
AS $$
BEGIN
    IF name IS NULL OR name !~ '^[a-z][a-z0-9_]{0,29}$' THEN
        RAISE EXCEPTION 'bad provider name: %', coalesce(quote_literal(name), 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'A lower-case letter, then up to 29 of a-z, 0-9 and _.';
    END IF;
    IF base_url ~ '[@?#]' THEN -- do not repeat it
        RAISE EXCEPTION 'the base URL holds an @, ? or #, as one with a password or a key does'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give only https://host/v1, and the key in a variable of the worker''s environment, named by api_key_env.';
    END IF;
    IF base_url IS NULL OR base_url !~ '^https?://' THEN
        RAISE EXCEPTION 'bad base URL: %', coalesce(quote_literal(base_url), 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Such as https://host/v1: without /chat/completions.';
    END IF;
    IF api_key_env !~ '^[A-Za-z_][A-Za-z0-9_]*$' THEN
        RAISE EXCEPTION 'api_key_env is not the name of an environment variable' -- it may be a key: do not repeat it
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give the name of a variable of the worker''s environment, such as OPENAI_API_KEY, and never the key itself.';
    END IF;
    PERFORM flywheel.check_budget(daily_usd, daily_calls);
    INSERT INTO flywheel.providers AS p
        (name, base_url, api_key_env, max_in_flight, requests_per_minute, timeout_seconds, daily_usd, daily_calls)
    VALUES (set_provider.name, set_provider.base_url, set_provider.api_key_env, set_provider.max_in_flight,
            set_provider.requests_per_minute, set_provider.timeout_seconds, set_provider.daily_usd, set_provider.daily_calls)
    ON CONFLICT ON CONSTRAINT providers_pkey DO UPDATE
    SET base_url = excluded.base_url, api_key_env = excluded.api_key_env, max_in_flight = excluded.max_in_flight,
        requests_per_minute = excluded.requests_per_minute, timeout_seconds = excluded.timeout_seconds,
        daily_usd = excluded.daily_usd, daily_calls = excluded.daily_calls;
    INSERT INTO flywheel.provider_state (provider) VALUES (set_provider.name) ON CONFLICT DO NOTHING;
END
$$;

COMMENT ON FUNCTION flywheel.set_provider(text, text, text, int, int, double precision, numeric, bigint) IS
'Adds or changes an OpenAI-compatible provider. api_key_env names a variable of the worker''s environment (the key itself is never stored). max_in_flight: calls at once per worker. requests_per_minute: over all workers. daily_usd, daily_calls: budget of a day (UTC); what is over it is deferred to the next. Workers notice a change within seconds.';
