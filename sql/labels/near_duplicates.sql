-- Steps of different trace groups with nearly the same text: one in the prompt and the other in the test would measure memory.
-- Nearly the same: but for one or two words. Found without a scan: the pairs of words in a text are dealt into 12 parts by
-- hash, and each part is one key. Two words that differ touch 8 pairs at most, and so leave 4 of the 12 keys as they are,
-- whatever the length; fewer where a part is empty, which has no key. MinHash over shingles, the usual way, takes every step
-- of a long prompt template for every other.

CREATE FUNCTION flywheel.shingles(content text) RETURNS int[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT -- plpgsql, here and below: it keeps the plan, which takes longer than the work
AS $$
BEGIN
    RETURN (SELECT coalesce(array_agg(DISTINCT h), '{}') FROM (
          SELECT hashtext(concat_ws(' ', lag(word) OVER (), word)) AS h
          FROM regexp_split_to_table(
              -- Chinese, Japanese and Korean write no spaces: each character is a word.
              CASE WHEN content ~ '[\u2E80-\uD7A3]' THEN regexp_replace(lower(left(content, 100000)), '([\u2E80-\uD7A3])', ' \1 ', 'g')
                   ELSE lower(left(content, 100000)) END,
              '[\s[:punct:]]+') AS word
          WHERE word <> '') s);
END
$$;

COMMENT ON FUNCTION flywheel.shingles(text) IS
'The set of pairs of neighbouring words of a text, hashed, without case and punctuation; of its first 100,000 characters.';

CREATE FUNCTION flywheel.shingle_keys(shingles int[]) RETURNS int[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT
AS $$
BEGIN
    RETURN (SELECT coalesce(array_agg(key ORDER BY key) FILTER (WHERE cardinality(shingles) > 4), '{}') FROM (
                SELECT hashint8(sum(s) * 12 + part) AS key
                FROM (SELECT s, (s & 2147483647) % 12 AS part FROM unnest(shingles) AS s) p GROUP BY part) k);
END
$$;

COMMENT ON FUNCTION flywheel.shingle_keys(int[]) IS
'Internal: a key for each twelfth of the shingles; texts that differ in one or two words have all but eight in common, short ones more. None for fewer than five words: "Yes" is not a duplicate of "Yes".';

CREATE FUNCTION flywheel.near_duplicates(trace_group text, shingles int[], keys int[])
    RETURNS TABLE (label_id bigint, split text)
    LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN QUERY
    SELECT n.id, n.split
    FROM (
        SELECT c.id, c.split, d.differing, count(*) FILTER (WHERE d.differing > 0 AND c.nth = 1) OVER () AS wordings
        FROM (
            SELECT min(l.id) AS id, min(l.step_id) AS step_id, l.split, row_number() OVER (PARTITION BY l.keys ORDER BY min(l.id)) AS nth
            FROM flywheel.labels l
            WHERE l.keys && near_duplicates.keys AND l.trace_group <> near_duplicates.trace_group
              AND l.step_changed_at IS NULL AND l.duplicate_of IS NULL
              AND (SELECT count(*) FROM unnest(l.keys) AS k WHERE k = ANY (near_duplicates.keys))
                  >= greatest(1, cardinality(near_duplicates.keys) - least(8, cardinality(shingles) / 4)) -- as d.differing below
            GROUP BY l.keys, l.split
            ORDER BY l.keys = near_duplicates.keys DESC, 1 LIMIT 20
        ) c
        JOIN flywheel.traces t ON t.id = c.step_id
        CROSS JOIN LATERAL (SELECT flywheel.shingles(concat_ws(E'\n', t.input, t.output)) AS theirs) o
        CROSS JOIN LATERAL (
            SELECT cardinality(shingles) + cardinality(o.theirs) - 2 * count(*) AS differing, count(*) AS common
            FROM unnest(o.theirs) AS s JOIN unnest(shingles) AS mine ON mine = s
        ) d
        WHERE d.differing <= least(8, d.common / 4.0)
    ) n
    WHERE n.differing = 0 OR n.wordings < 5
    ORDER BY n.id;
END
$$;

COMMENT ON FUNCTION flywheel.near_duplicates(text, int[], int[]) IS
'Labels that count, of other trace groups, whose step has the same text but for one or two words (at most 8 word pairs differ, and four fifths are common). Where five different wordings are that near it is a template that is filled in, and only the very same text is a duplicate.';

CREATE FUNCTION flywheel.another_twin() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM flywheel.labels l WHERE l.id = OLD.duplicate_of) THEN
        NEW.duplicate_of := (
            SELECT n.label_id
            FROM flywheel.traces t
            CROSS JOIN LATERAL flywheel.near_duplicates(NEW.trace_group, flywheel.shingles(concat_ws(E'\n', t.input, t.output)), NEW.keys) n
            WHERE t.id = NEW.step_id AND n.split <> NEW.split LIMIT 1);
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION flywheel.another_twin() IS
'Trigger: when the label goes that this one is a duplicate of, another of the same text may stand: of another rater, or for another validator.';

CREATE TRIGGER another_twin
    BEFORE UPDATE OF duplicate_of ON flywheel.labels
    FOR EACH ROW WHEN (OLD.duplicate_of IS NOT NULL AND NEW.duplicate_of IS NULL) EXECUTE FUNCTION flywheel.another_twin();

COMMENT ON TRIGGER another_twin ON flywheel.labels IS 'A text in two splits counts once.';
