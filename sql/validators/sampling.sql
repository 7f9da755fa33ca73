-- Sampling without stored rows: a hash of the trace and the validator's name.

CREATE FUNCTION flywheel.sample_point(trace_id text, validator text) RETURNS double precision
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN ('x' || left(md5(validator || ':' || trace_id), 13))::bit(52)::bigint / 4503599627370496.0::double precision;

COMMENT ON FUNCTION flywheel.sample_point(text, text) IS
'Where a trace falls in 0..1 for a validator: it is sampled when this is below the sample rate. The first 52 bits of md5(validator:trace_id), the same in every language; a higher rate keeps every trace of a lower one.';

CREATE FUNCTION flywheel.reads_any(reads text[], changed text[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN reads IS NULL OR reads && changed
        OR changed && ARRAY['id', 'trace_id', 'pipeline', 'node', 'node_type', 'variant', 'created_at'];

COMMENT ON FUNCTION flywheel.reads_any(text[], text[]) IS
'Whether a version that reads these columns (NULL: all) is affected by a change of those. What decides eligibility and the slice of the metrics affects every version.';

CREATE FUNCTION flywheel.filter_matches(
    w flywheel.validator_versions, pipeline text, node text, node_type text
) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (w.pipeline IS NULL OR w.pipeline = $2)
        AND (w.node IS NULL OR w.node IS NOT DISTINCT FROM $3)
        AND (w.node_type IS NULL OR w.node_type IS NOT DISTINCT FROM $4);

COMMENT ON FUNCTION flywheel.filter_matches(flywheel.validator_versions, text, text, text) IS
'Whether a step of this pipeline, node and node type passes the version''s filter.';
