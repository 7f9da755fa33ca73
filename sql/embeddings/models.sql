-- Which model embeds and which one serves: they differ while a new one catches up.

CREATE FUNCTION flywheel.vector_schema() RETURNS name
    LANGUAGE sql STABLE
    RETURN (SELECT n.nspname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid JOIN pg_namespace n ON n.oid = t.typnamespace
            WHERE a.attrelid = 'flywheel.embeddings'::regclass AND a.attname = 'embedding');

COMMENT ON FUNCTION flywheel.vector_schema() IS
'The schema that pgvector was installed into: its operators are not found by a function with a pinned search_path.';

CREATE FUNCTION flywheel.check_embedding() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.embedding IS NOT NULL THEN
        PERFORM flywheel.check_dimensions(NEW.embedding, NEW.model);
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION flywheel.check_embedding() IS
'Trigger: a vector of another length than its model''s, or of zeros, is refused. (pgvector itself refuses NaN and infinity.)';

CREATE TRIGGER check_embedding BEFORE INSERT OR UPDATE ON flywheel.embeddings
    FOR EACH ROW EXECUTE FUNCTION flywheel.check_embedding();

COMMENT ON TRIGGER check_embedding ON flywheel.embeddings IS 'No vector that could not be found.';

CREATE FUNCTION flywheel.add_embedding_partition(model text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    leaf       CONSTANT text := 'embeddings_' || model;
    dimensions CONSTANT int := (SELECT m.dimensions FROM flywheel.embedding_models m WHERE m.name = add_embedding_partition.model);
BEGIN
    IF to_regclass(format('flywheel.%I', leaf)) IS NOT NULL THEN
        RETURN;
    ELSIF dimensions IS NULL THEN
        RAISE EXCEPTION 'there is no embedding model "%"', coalesce(model, 'NULL')
            USING ERRCODE = 'undefined_object', HINT = 'SELECT flywheel.set_embedding_model(...) makes one.';
    END IF;
    EXECUTE format('CREATE TABLE flywheel.%I (LIKE flywheel.embeddings INCLUDING ALL) WITH (autovacuum_vacuum_scale_factor = 0.05)', leaf);
    EXECUTE format('CREATE INDEX %I ON flywheel.%I USING hnsw ((embedding::%I.vector(%s)) %I.vector_cosine_ops)',
                   leaf || '_hnsw', leaf, flywheel.vector_schema(), dimensions, flywheel.vector_schema());
    EXECUTE format('COMMENT ON TABLE flywheel.%I IS %L', leaf, format('flywheel.embeddings by model %s.', model));
    EXECUTE format('COMMENT ON INDEX flywheel.%I IS %L', leaf || '_hnsw', 'Nearest neighbours by cosine distance, about.');
    EXECUTE format('ALTER TABLE flywheel.embeddings ATTACH PARTITION flywheel.%I FOR VALUES IN (%L)', leaf, model);
    EXECUTE format('COMMENT ON TRIGGER check_embedding ON flywheel.%I IS %L', leaf, 'That of flywheel.embeddings.');
    IF to_regrole('flywheel_admin') IS NOT NULL THEN
        EXECUTE format('REVOKE ALL ON flywheel.%I FROM flywheel_admin', leaf); -- as flywheel.close_partitions() does
    END IF;
    -- pg_dump leaves members alone, as it does the partitions of traces.
    IF EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_flywheel')
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = format('flywheel.%I', leaf)::regclass AND d.deptype = 'e')
    THEN
        EXECUTE format('ALTER EXTENSION pg_flywheel ADD TABLE flywheel.%I', leaf);
    END IF;
END
$$;

COMMENT ON FUNCTION flywheel.add_embedding_partition(text) IS
'Internal: the partition and the index of a model, unless they are there. Empty, so nobody waits for it.';

CREATE FUNCTION flywheel.serving_embedding_model() RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT m.name FROM flywheel.embedding_models m WHERE m.current OR m.ready_at IS NOT NULL
    ORDER BY m.ready_at IS NULL, m.current DESC, m.ready_at DESC LIMIT 1
$$;

COMMENT ON FUNCTION flywheel.serving_embedding_model() IS
'The model to search with: the current one, or, until that has embedded all steps, the one before.';

-- A row that pg_dump saved takes the place of the one that CREATE EXTENSION made; and the current one is the last that says so.
CREATE FUNCTION flywheel.replace_embedding_model() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM flywheel.embedding_models m WHERE m.name = NEW.name;
    UPDATE flywheel.embedding_models m SET current = false WHERE NEW.current AND m.current;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION flywheel.replace_embedding_model() IS
'Trigger: a restored row replaces the installed one, and only the last current model is current.';

CREATE TRIGGER replace_embedding_model BEFORE INSERT ON flywheel.embedding_models
    FOR EACH ROW EXECUTE FUNCTION flywheel.replace_embedding_model();

COMMENT ON TRIGGER replace_embedding_model ON flywheel.embedding_models IS 'Models survive a restore; one is current.';

CREATE FUNCTION flywheel.set_embedding_model(name text, provider text DEFAULT NULL, model text DEFAULT NULL, dimensions int DEFAULT 256)
    RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    known flywheel.embedding_models;
BEGIN
    IF name IS NULL OR name !~ '^[a-z][a-z0-9_]{0,29}$' THEN
        RAISE EXCEPTION 'bad name of an embedding model: %', coalesce(quote_literal(name), 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'A lower-case letter, then up to 29 of a-z, 0-9 and _.';
    END IF;
    IF dimensions IS NULL OR dimensions NOT BETWEEN 1 AND 2000 THEN
        RAISE EXCEPTION 'bad dimensions: %', coalesce(dimensions::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Expected 1 to 2000: an HNSW index takes no more. Many models return fewer on request.';
    END IF;
    PERFORM flywheel.tend_embeddings_soon(); -- whose row is locked first: by the drain, too
    SELECT * INTO known FROM flywheel.embedding_models m WHERE m.name = set_embedding_model.name;
    IF known.name IS NULL THEN
        IF num_nonnulls(set_embedding_model.provider, set_embedding_model.model) < 2 THEN
            RAISE EXCEPTION 'embedding model % needs a provider and the provider''s name of the model', name
                USING ERRCODE = 'invalid_parameter_value', HINT = 'Built in is only ngrams: SELECT flywheel.set_embedding_model(''ngrams'').';
        END IF;
        IF NOT EXISTS (SELECT FROM flywheel.providers p WHERE p.name = set_embedding_model.provider) THEN
            RAISE EXCEPTION 'there is no provider %', quote_literal(provider)
                USING ERRCODE = 'invalid_parameter_value', HINT = 'Add it first: SELECT flywheel.set_provider(name, base_url, api_key_env).';
        END IF;
        INSERT INTO flywheel.embedding_models (name, provider, model, dimensions, current)
        VALUES (set_embedding_model.name, set_embedding_model.provider, set_embedding_model.model, set_embedding_model.dimensions, true);
    ELSIF (known.provider, known.model, known.dimensions)
        IS DISTINCT FROM (set_embedding_model.provider, set_embedding_model.model, set_embedding_model.dimensions) THEN
        RAISE EXCEPTION 'embedding model % is another: %, % dimensions', name,
                        coalesce(known.model || ' of ' || known.provider, 'built in'), known.dimensions
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give the new one a name of its own: the old one serves until it is ready.';
    ELSE
        UPDATE flywheel.embedding_models m SET current = false WHERE m.current AND m.name <> set_embedding_model.name;
        UPDATE flywheel.embedding_models m SET current = true, problem = NULL, measured_at = NULL WHERE m.name = set_embedding_model.name;
    END IF;
    PERFORM flywheel.add_embedding_partition(name);
END
$$;

COMMENT ON FUNCTION flywheel.set_embedding_model(text, text, text, int) IS
'Makes an embedding model the current one: ngrams, which is built in, or a model of an OpenAI-compatible provider. All steps of flywheel.embed_wanted are embedded in the background; until that is done, searches go on with the one before. Then the old embeddings are removed within the day. dimensions: asked of the provider, and checked. Its calls (32 inputs each) do not count in the budgets and the rate limit of the provider, which are for judges.';

INSERT INTO flywheel.embedding_models (name, dimensions, current, ready_at) VALUES ('ngrams', 256, true, now());
SELECT flywheel.add_embedding_partition('ngrams');
