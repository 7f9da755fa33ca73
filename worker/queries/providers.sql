SELECT p.name, p.base_url, p.api_key_env, p.max_in_flight, p.timeout_seconds AS timeout_s
FROM flywheel.providers p
-- One that no judge asks needs no key.
WHERE EXISTS (SELECT FROM flywheel.validator_versions w WHERE w.provider = p.name)
