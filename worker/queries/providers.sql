SELECT p.name, p.base_url, p.api_key_env, p.max_in_flight, p.timeout_seconds AS timeout_s
FROM flywheel.providers p
