-- Steps to label: 150 words each, one in fifty an earlier one of another trace with one or two words changed.

CREATE FUNCTION bench.words(seed int, n int) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg('word' || (hashint8extended(g, seed) & 4095) ORDER BY g) FROM generate_series(1, n) g
$$;

CREATE PROCEDURE bench.fill_steps(n int) LANGUAGE sql AS $$
    INSERT INTO flywheel.traces (trace_id, node, input, output, tags)
    SELECT 'trace ' || g, 'answer', 'What about ' || w.words[1] || '?', array_to_string(w.words, ' '),
           CASE WHEN g % 50 = 0 THEN ARRAY['copy of trace ' || g - 25] END
    FROM generate_series(1, n) g
    CROSS JOIN LATERAL (SELECT CASE WHEN g % 50 = 0 THEN bench.words(g - 25, 150) ELSE bench.words(g, 150) END AS words) s
    CROSS JOIN LATERAL (SELECT CASE WHEN g % 50 = 0 THEN s.words[:69] || 'changed'::text || s.words[71:] ELSE s.words END AS words) w
$$;
