-- Examples that differ from each other: two nearly alike teach a model no more than one.

CREATE FUNCTION flywheel.similarity(a vector, b vector) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 1 - (a <=> b);

COMMENT ON FUNCTION flywheel.similarity(vector, vector) IS
'Cosine similarity of two embeddings: 1 the same direction, 0 nothing in common.';

CREATE FUNCTION flywheel.mmr(weights double precision[], embeddings vector[], pools int[], k int, diversity double precision) RETURNS int[]
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    chosen int[] := '{}';
    size   int := coalesce(cardinality(weights), 0);
    taken  double precision[] := array_fill(0.0::double precision, ARRAY[size]); -- how like it is to what is chosen
    best   int;
    latest flywheel.embeddings.embedding%TYPE;
BEGIN
    FOR i IN 1..least(k, size) LOOP
        SELECT u.n INTO best
        FROM unnest(weights, taken, pools) WITH ORDINALITY AS u (weight, taken, pool, n)
        WHERE u.n <> ALL (chosen)
        ORDER BY (SELECT count(*) FROM unnest(chosen) AS c WHERE pools[c] = u.pool),
                 (1 - diversity) * u.weight - diversity * u.taken DESC, u.n
        LIMIT 1;
        chosen := chosen || best;
        IF diversity > 0 THEN
            latest := embeddings[best];
            taken := ARRAY(SELECT greatest(u.taken, flywheel.similarity(u.embedding, latest))
                           FROM unnest(taken, embeddings) WITH ORDINALITY AS u (taken, embedding, n) ORDER BY u.n);
        END IF;
    END LOOP;
    RETURN chosen;
END
$$;

COMMENT ON FUNCTION flywheel.mmr(double precision[], vector[], int[], int, double precision) IS
'Internal: positions of k candidates by maximal marginal relevance (Carbonell and Goldstein 1998): each time that of the largest (1 - diversity) * weight - diversity * similarity to those chosen, from the pool that has fewest.';
