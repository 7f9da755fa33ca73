-- What pg_dump saves of the extension: the rows that somebody wrote. The schema itself comes from CREATE EXTENSION, so
-- triggers are on while these rows are loaded.
--
-- not saved                         where it comes from after a restore
-- metric_rollup                     counted by the trigger while the verdicts are loaded; saved, it would count twice
-- coverage_ledger, _dirty, _horizon the sweep settles every block anew
-- queue_stats, failure_reasons      the next drain measures and refreshes
-- python_validators, maintenance    the install script; their rows would collide with it. An interval that was changed
--                                   in maintenance is back at its default
--
-- The queues are ordinary tables, which pg_dump saves anyway.

DO $$
DECLARE
    name text;
BEGIN
    IF EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_flywheel') THEN
        FOREACH name IN ARRAY ARRAY[
            'providers', 'provider_state', 'prices', 'validators', 'validator_versions', 'activations',
            'traces', 'verdicts', 'dead_letters', 'deferrals', 'inbox',
            'traces_id_seq', 'validator_versions_id_seq', 'activations_id_seq']
        LOOP
            PERFORM pg_extension_config_dump(format('flywheel.%I', name)::regclass, '');
        END LOOP;
        PERFORM pg_extension_config_dump('flywheel.sql_validators', $q$WHERE function NOT LIKE 'flywheel.%'$q$); -- not ours
    END IF;
END
$$;
