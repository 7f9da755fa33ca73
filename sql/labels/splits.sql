-- Which labels may teach a judge and which may measure it: decided per group of traces, before anybody knows the answer.

CREATE TABLE flywheel.trace_groups (
    trace_group text PRIMARY KEY,
    split       text NOT NULL CHECK (split IN ('few_shot', 'dev', 'test')),
    UNIQUE (trace_group, split)
);

COMMENT ON TABLE flywheel.trace_groups IS
'The split of each group of traces with a label, fixed with its first label: no group is in two.';
COMMENT ON COLUMN flywheel.trace_groups.trace_group IS 'session_id of the step, else its trace_id: steps that know of each other.';
COMMENT ON COLUMN flywheel.trace_groups.split IS
'few_shot: may stand in prompts. dev: look at it as often as you like. test: kept for the final say; reading it is logged.';

CREATE TABLE flywheel.split_shares (
    few_shot double precision NOT NULL CHECK (few_shot BETWEEN 0 AND 1),
    dev      double precision NOT NULL CHECK (dev BETWEEN 0 AND 1),
    test     double precision NOT NULL CHECK (test BETWEEN 0 AND 1),
    CONSTRAINT split_shares_add_up CHECK (abs(few_shot + dev + test - 1) < 1e-9)
);

CREATE UNIQUE INDEX split_shares_one_row ON flywheel.split_shares ((true));

COMMENT ON TABLE flywheel.split_shares IS
'How much of what is labelled goes into which split: one row, or none for 0.2, 0.4, 0.4. Write with flywheel.set_split_shares().';
COMMENT ON COLUMN flywheel.split_shares.few_shot IS 'Share of the trace groups whose labels may stand in prompts.';
COMMENT ON COLUMN flywheel.split_shares.dev IS 'Share whose labels measure a judge while it is being worked on.';
COMMENT ON COLUMN flywheel.split_shares.test IS 'Share whose labels are kept for the final say.';
COMMENT ON CONSTRAINT split_shares_add_up ON flywheel.split_shares IS 'Every group is in one split.';
COMMENT ON INDEX flywheel.split_shares_one_row IS 'There is one setting.';

CREATE FUNCTION flywheel.set_split_shares(few_shot double precision, dev double precision, test double precision) RETURNS void
    LANGUAGE plpgsql
AS $$
BEGIN
    IF (few_shot BETWEEN 0 AND 1 AND dev BETWEEN 0 AND 1 AND test BETWEEN 0 AND 1 AND abs(few_shot + dev + test - 1) < 1e-9) IS NOT TRUE THEN
        RAISE EXCEPTION 'bad shares: few_shot %, dev %, test %', few_shot, dev, test
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Expected three numbers from 0 to 1 that add up to 1, such as 0.2, 0.4, 0.4.';
    END IF;
    DELETE FROM flywheel.split_shares;
    INSERT INTO flywheel.split_shares VALUES (few_shot, dev, test);
END
$$;

COMMENT ON FUNCTION flywheel.set_split_shares(double precision, double precision, double precision) IS
'Sets the shares of the splits, for trace groups that get their first label from now on: no label changes sides.';

CREATE FUNCTION flywheel.trace_group(session_id text, trace_id text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(session_id, trace_id);

COMMENT ON FUNCTION flywheel.trace_group(text, text) IS
'What is kept together in one split: the session, else the trace.';

CREATE FUNCTION flywheel.split_of(trace_group text) RETURNS text
    LANGUAGE sql STABLE
    RETURN coalesce(
        (SELECT g.split FROM flywheel.trace_groups g WHERE g.trace_group = split_of.trace_group),
        (SELECT CASE WHEN p < few_shot THEN 'few_shot' WHEN p < few_shot + dev THEN 'dev' ELSE 'test' END
         FROM (SELECT flywheel.sample_point(split_of.trace_group, 'split') AS p) s,
              (SELECT 0.2 AS few_shot, 0.4 AS dev WHERE NOT EXISTS (SELECT FROM flywheel.split_shares)
               UNION ALL SELECT few_shot, dev FROM flywheel.split_shares) h));

COMMENT ON FUNCTION flywheel.split_of(text) IS
'The split of a trace group: the one it has, else the one that its hash gives, by flywheel.split_shares. A new group with a near-duplicate of a labelled step goes to that one''s split instead.';
