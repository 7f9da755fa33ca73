-- Who looked at the test split, and when: each look makes it a little less of a test.

CREATE TABLE flywheel.test_reads (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    validator text NOT NULL,
    reader    text NOT NULL DEFAULT session_user,
    at        timestamptz NOT NULL DEFAULT now(),
    what      text NOT NULL
);

CREATE INDEX test_reads_validator ON flywheel.test_reads (validator);

COMMENT ON TABLE flywheel.test_reads IS
'Every read of the test split through flywheel: alignment on it, flywheel.read_labels(), flywheel labels export. Tuning a judge until its test numbers look good makes a dev split of it: SELECT count(*) says how far that has gone. A plain SELECT on flywheel.labels leaves no row.';
COMMENT ON COLUMN flywheel.test_reads.id IS 'Key.';
COMMENT ON COLUMN flywheel.test_reads.validator IS 'Whose test labels were read.';
COMMENT ON COLUMN flywheel.test_reads.reader IS 'The database user who read.';
COMMENT ON COLUMN flywheel.test_reads.at IS 'When.';
COMMENT ON COLUMN flywheel.test_reads.what IS 'What was read: labels, alignment ...';
COMMENT ON INDEX flywheel.test_reads_validator IS 'How often a validator''s test split was read.';

CREATE FUNCTION flywheel.note_test_read(validator text, what text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('transaction_read_only')::boolean THEN
        RAISE EXCEPTION 'reading the test split is logged, which a read-only transaction cannot do'
            USING ERRCODE = 'read_only_sql_transaction', HINT = 'Add WHERE split = ''dev'', or read it in a transaction that may write.';
    END IF;
    -- Once per statement: flywheel.alignment comes here for each version.
    INSERT INTO flywheel.test_reads (validator, what, at)
    SELECT note_test_read.validator, note_test_read.what, statement_timestamp()
    WHERE NOT EXISTS (SELECT FROM flywheel.test_reads t
                      WHERE t.validator = note_test_read.validator AND t.what = note_test_read.what
                        AND t.reader = session_user AND t.at = statement_timestamp());
    RETURN (SELECT count(*) FROM flywheel.test_reads t WHERE t.validator = note_test_read.validator);
END
$$;

COMMENT ON FUNCTION flywheel.note_test_read(text, text) IS
'Logs in flywheel.test_reads that the session''s user reads the test split of a validator, once per statement; returns how often that was done. Not in a read-only transaction, which therefore cannot read it.';
