-- What a next version may do without breaking the workers of this one: columns, results and optional arguments at the
-- end. Runs in the transaction of the upgrade.
ALTER TABLE flywheel.traces ADD COLUMN added text;
ALTER TABLE flywheel.verdicts ADD COLUMN added text;
ALTER TABLE flywheel.validator_versions ADD COLUMN added text;
ALTER TABLE flywheel.providers ADD COLUMN added text;

CREATE SCHEMA previous;
ALTER FUNCTION flywheel.claim_judgements SET SCHEMA previous;
CREATE FUNCTION flywheel.claim_judgements(provider text, qty int, lease_seconds int, added text DEFAULT NULL) RETURNS TABLE (
    msg_id bigint, attempt int, step_id bigint, version_id int, rubric text, model text, temperature double precision,
    input text, output text, expected text, context jsonb, content bigint, votes int, examples jsonb, added_too text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT c.msg_id, c.attempt, c.step_id, c.version_id, c.rubric, c.model, c.temperature, c.input, c.output, c.expected,
           c.context, c.content, c.votes, c.examples, 'new'
    FROM previous.claim_judgements(provider, qty, lease_seconds) c;
END
$$;

ALTER FUNCTION flywheel.record_judgements SET SCHEMA previous;
CREATE FUNCTION flywheel.record_judgements(provider text, results jsonb, added text DEFAULT NULL) RETURNS int
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT previous.record_judgements(provider, results) $$;

SELECT flywheel.apply_grants();
