-- The price of an INSERT, in the server: the same statements into flywheel.traces and into the bare table.

DO $do$
DECLARE
    target text;
BEGIN
    FOREACH target IN ARRAY '{flywheel.traces,bench.bare}'::text[] LOOP
        EXECUTE format($create$
            CREATE FUNCTION bench.insert_into_%2$s(statements int, rows int) RETURNS double precision -- µs a statement
                LANGUAGE plpgsql
            AS $$
            DECLARE
                output text := bench.text_of(1, 700);
                began  timestamptz := clock_timestamp();
            BEGIN
                FOR i IN 1..statements LOOP
                    IF rows = 1 THEN
                        INSERT INTO %1$s (pipeline, node, input, output) VALUES ('support', 'answer', 'Where is it?', output);
                    ELSE
                        INSERT INTO %1$s (pipeline, node, input, output)
                        SELECT 'support', 'answer', 'Where is it?', output FROM generate_series(1, rows);
                    END IF;
                END LOOP;
                RETURN extract(epoch FROM clock_timestamp() - began) * 1e6 / statements;
            END
            $$
        $create$, target, split_part(target, '.', 2));
    END LOOP;
END
$do$;

-- Median of the differences between neighbouring blocks of statements, µs a statement.
CREATE FUNCTION bench.insert_overhead(blocks int, statements int, rows int) RETURNS double precision
    LANGUAGE sql
BEGIN ATOMIC
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY
        CASE b % 2
            WHEN 0 THEN bench.insert_into_traces(statements, rows) - bench.insert_into_bare(statements, rows)
            ELSE -bench.insert_into_bare(statements, rows) + bench.insert_into_traces(statements, rows)
        END)
    FROM generate_series(1, blocks) AS b;
END;

CREATE PROCEDURE bench.forget()
    LANGUAGE sql
BEGIN ATOMIC
    DELETE FROM flywheel.inbox;
END;

CREATE PROCEDURE bench.write_copy_file(path text, rows int)
    LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('COPY (SELECT ''support'', ''answer'', ''Where is it?'', bench.text_of(i, 700) FROM generate_series(1, %s) AS i) TO %L',
                   rows, path);
END
$$;

CREATE PROCEDURE bench.copy_into(target regclass, path text)
    LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('COPY %s (pipeline, node, input, output) FROM %L', target, path);
END
$$;
