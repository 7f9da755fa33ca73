-- What the worker returns unanswered.

CREATE FUNCTION flywheel.unread(provider text, msg_ids bigint[]) RETURNS int[]
    LANGUAGE plpgsql
AS $$
DECLARE
    versions int[];
BEGIN
    EXECUTE format('WITH back AS (UPDATE pgmq.%I SET vt = clock_timestamp(), read_ct = greatest(read_ct - 1, 0)
                                  WHERE msg_id = ANY ($1) RETURNING message)
                    SELECT array_agg((b.message ->> ''version'')::int) FROM back b', 'q_flywheel_judge_' || provider)
    INTO versions USING msg_ids;
    RETURN versions;
END
$$;

COMMENT ON FUNCTION flywheel.unread(text, bigint[]) IS
'Internal: puts messages back as if they had not been read: an attempt that never reached the model is not the step''s. Returns their versions.';

CREATE FUNCTION flywheel.give_back(provider text, msg_ids bigint[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    versions int[] := flywheel.unread(provider, msg_ids);
BEGIN
    PERFORM flywheel.settle_calls(provider, '{}', msg_ids);
    UPDATE flywheel.judge_state j SET paused_until = NULL, probing = false WHERE j.probing AND j.version_id = ANY (versions);
    PERFORM flywheel.account_calls(provider,
        (SELECT jsonb_agg(jsonb_build_object('version_id', v, 'called', false)) FROM unnest(versions) AS v));
END
$$;

COMMENT ON FUNCTION flywheel.give_back(text, bigint[]) IS
'For the worker: returns leased judgements unanswered, without counting the attempt.';
