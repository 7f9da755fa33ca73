-- What pg_dump has to save when this is an extension: everything that is neither derived nor installed. metric_rollup is
-- counted again while the verdicts are loaded, the coverage ledger when it is next settled.

DO $$
DECLARE
    t text;
BEGIN
    IF EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_flywheel') THEN
        -- In this order: pg_dump loads tables in the order that their foreign keys ask for.
        FOREACH t IN ARRAY ARRAY[
            'providers', 'provider_state', 'prices', 'validators', 'validator_versions', 'activations',
            'traces', 'verdicts', 'dead_letters', 'deferrals', 'inbox', 'traces_id_seq', 'validator_versions_id_seq',
            'activations_id_seq']
        LOOP
            PERFORM pg_extension_config_dump(format('flywheel.%I', t)::regclass, '');
        END LOOP;
    END IF;
END
$$;
