-- Register an LLM judge.

CREATE FUNCTION flywheel.add_judge(
    name        text,
    rubric      text,
    model       text,
    provider    text DEFAULT 'default',
    pipeline    text DEFAULT NULL,
    node        text DEFAULT NULL,
    node_type   text DEFAULT NULL,
    sample_rate double precision DEFAULT 1,
    mode        text DEFAULT 'eager',
    temperature double precision DEFAULT 0,
    enabled     boolean DEFAULT true,
    few_shot    int DEFAULT 0,
    votes       int DEFAULT 1
) RETURNS int
    LANGUAGE plpgsql
AS $$
DECLARE
    w flywheel.validator_versions;
BEGIN
    IF coalesce(btrim(rubric), '') = '' THEN
        RAISE EXCEPTION 'judge "%" has no rubric', name
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Say what passes and what fails, such as ''Passes if the answer is supported by the context.''';
    END IF;
    IF coalesce(btrim(model), '') = '' THEN
        RAISE EXCEPTION 'judge "%" has no model', name
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give the model name that the provider expects.';
    END IF;
    IF temperature IS NULL OR NOT temperature BETWEEN 0 AND 2 THEN
        RAISE EXCEPTION 'bad temperature: %', coalesce(temperature::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Expected 0 to 2; 0 is the most reproducible.';
    END IF;
    IF few_shot IS NULL OR NOT few_shot BETWEEN 0 AND 20 THEN
        RAISE EXCEPTION 'bad number of few-shot examples: %', coalesce(few_shot::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Expected 0 to 20.';
    END IF;
    IF votes IS NULL OR votes NOT IN (1, 3, 5, 7, 9) THEN
        RAISE EXCEPTION 'bad number of votes: %', coalesce(votes::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Expected 1, or an odd number up to 9, so that there is a majority.';
    END IF;
    IF votes > 1 AND temperature = 0 THEN
        RAISE EXCEPTION 'judge "%" would give % times the same answer: its temperature is 0', name, votes
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Votes want a temperature over 0, such as 0.7; else leave votes at 1.';
    END IF;
    IF NOT EXISTS (SELECT FROM flywheel.providers p WHERE p.name = provider) THEN
        RAISE EXCEPTION 'provider "%" does not exist', provider
            USING ERRCODE = 'undefined_object',
                  HINT = format('Known: %s. Add one: SELECT flywheel.set_provider(%L, ''https://host/v1'', api_key_env => ''NAME_OF_THE_VARIABLE'').',
                                coalesce((SELECT string_agg(p.name, ', ' ORDER BY p.name) FROM flywheel.providers p), 'none'), provider);
    END IF;
    w.validator := name;
    w.runs_in := 'judge';
    w.config := jsonb_build_object('temperature', temperature, 'few_shot', few_shot, 'votes', votes);
    w.pipeline := pipeline;
    w.node := node;
    w.node_type := node_type;
    w.reads := ARRAY['input', 'output', 'expected', 'context'];
    w.provider := provider;
    w.model := model;
    w.rubric := rubric;
    w.fingerprint := md5(rubric);
    RETURN flywheel.register(w, 'judge', mode, sample_rate, enabled);
END
$$;

COMMENT ON FUNCTION flywheel.add_judge(text, text, text, text, text, text, text, double precision, text, double precision, boolean, int, int) IS
'Registers an LLM judge, or makes a new version of it when something changed; returns the version''s id. rubric: what passes and what fails. provider: one of flywheel.providers. pipeline, node, node_type, sample_rate, mode: as for flywheel.add_validator. few_shot: approved labels shown to it as examples, 0 to 20. votes: how often it is asked; the majority decides; wants a temperature over 0.';
