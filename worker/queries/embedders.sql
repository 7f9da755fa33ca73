SELECT m.name AS embedder, m.model, m.dimensions, p.name, p.base_url, p.api_key_env, p.max_in_flight, p.timeout_seconds AS timeout_s,
       EXISTS (SELECT FROM flywheel.validator_versions w WHERE w.provider = p.name) AS judges
FROM flywheel.embedding_models_in_use() m JOIN flywheel.providers p ON p.name = m.provider
