-- The price of an INSERT, in the server: the same statements into flywheel.traces, into the bare table, and into one that
-- is partitioned as traces are and has no triggers.

CREATE TABLE bench.partitioned (LIKE flywheel.traces INCLUDING ALL) PARTITION BY RANGE (id);

DO $do$
DECLARE
    target text;
    p      record;
BEGIN
    FOR p IN SELECT n, lo, hi FROM flywheel.partitions LOOP
        EXECUTE format('CREATE TABLE bench.partitioned_p%s PARTITION OF bench.partitioned FOR VALUES FROM (%s) TO (%s)', p.n, p.lo, p.hi + 1);
    END LOOP;
    CREATE TABLE bench.partitioned_default PARTITION OF bench.partitioned DEFAULT;

    FOREACH target IN ARRAY '{flywheel.traces,bench.bare,bench.partitioned}'::text[] LOOP
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
CREATE FUNCTION bench.insert_overhead(target text, blocks int, statements int, rows int) RETURNS double precision
    LANGUAGE plpgsql
AS $$
DECLARE
    ours        double precision;
    bare        double precision;
    differences double precision[];
BEGIN
    FOR b IN 1..blocks LOOP
        IF b % 2 = 0 THEN
            bare := bench.insert_into_bare(statements, rows);
        END IF;
        EXECUTE format('SELECT bench.insert_into_%s($1, $2)', target) INTO ours USING statements, rows;
        IF b % 2 = 1 THEN
            bare := bench.insert_into_bare(statements, rows);
        END IF;
        differences := differences || ours - bare;
    END LOOP;
    RETURN (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY d) FROM unnest(differences) AS d);
END
$$;

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
