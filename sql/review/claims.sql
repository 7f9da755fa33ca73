-- Who is labelling what, for half an hour, and how the step was chosen: the label takes that from here.

CREATE TABLE flywheel.review_claims (
    step_id               bigint,
    validator             text REFERENCES flywheel.validators,
    second                boolean,
    rater                 text NOT NULL,
    pipeline              text NOT NULL,
    sampling_design       text NOT NULL,
    inclusion_probability double precision,
    why                   text NOT NULL,
    until                 timestamptz NOT NULL DEFAULT now() + interval '30 minutes',
    PRIMARY KEY (step_id, validator, second)
);

CREATE INDEX review_claims_rater ON flywheel.review_claims (rater);

COMMENT ON TABLE flywheel.review_claims IS
'Steps that somebody is labelling: see flywheel.claim_review(). A label of the rater closes the claim and takes its sampling design; DELETE a row to give the step back at once.';
COMMENT ON COLUMN flywheel.review_claims.step_id IS 'flywheel.traces.id.';
COMMENT ON COLUMN flywheel.review_claims.validator IS 'The validator or judge whose question is to be answered.';
COMMENT ON COLUMN flywheel.review_claims.second IS 'Whether the step has a label of somebody else, and is to get a second one.';
COMMENT ON COLUMN flywheel.review_claims.rater IS 'Who claimed it.';
COMMENT ON COLUMN flywheel.review_claims.pipeline IS 'Of the step.';
COMMENT ON COLUMN flywheel.review_claims.sampling_design IS 'How the step was chosen: see flywheel.labels.sampling_design.';
COMMENT ON COLUMN flywheel.review_claims.inclusion_probability IS 'Probability that the design chose this step; NULL for priority.';
COMMENT ON COLUMN flywheel.review_claims.why IS 'Why it is to be labelled, without a hint at what the judge said.';
COMMENT ON COLUMN flywheel.review_claims.until IS 'From then on somebody else may get it.';
COMMENT ON INDEX flywheel.review_claims_rater IS 'The claims of a rater.';

CREATE FUNCTION flywheel.take_claim() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.sampling_design = 'convenience' AND NEW.inclusion_probability IS NULL THEN
        SELECT c.sampling_design, c.inclusion_probability INTO NEW.sampling_design, NEW.inclusion_probability
        FROM flywheel.review_claims c
        WHERE c.step_id = NEW.step_id AND c.validator = NEW.validator AND c.rater = NEW.rater;
        NEW.sampling_design := coalesce(NEW.sampling_design, 'convenience');
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION flywheel.take_claim() IS
'Trigger: a label that does not say how its step was chosen has it from the rater''s claim.';

CREATE FUNCTION flywheel.close_claim() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM flywheel.review_claims c
    WHERE c.step_id = NEW.step_id AND c.validator = NEW.validator AND c.rater = NEW.rater;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION flywheel.close_claim() IS
'Trigger: a labelled step is not claimed any more.';

-- By name after complete_label, and a second one because INSERT ... ON CONFLICT may yet refuse the row.
CREATE TRIGGER take_claim BEFORE INSERT ON flywheel.labels
    FOR EACH ROW EXECUTE FUNCTION flywheel.take_claim();
CREATE TRIGGER close_claim AFTER INSERT OR UPDATE OF passed, score, category ON flywheel.labels
    FOR EACH ROW EXECUTE FUNCTION flywheel.close_claim();

COMMENT ON TRIGGER take_claim ON flywheel.labels IS 'How the step was chosen comes from the claim.';
COMMENT ON TRIGGER close_claim ON flywheel.labels IS 'The claim is done with.';
