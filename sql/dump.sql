-- What pg_dump saves of the extension: the rows that somebody wrote. The schema itself comes from CREATE EXTENSION.
--
-- Of a partitioned table pg_dump saves the partitions, and those that were made later have no place in CREATE EXTENSION.
-- Saved as tables of their own they could not be attached again: attaching makes the indexes that pg_dump then makes once
-- more. So they are members without data, and the default partition, which is always there, stands for all of them: its
-- condition makes pg_dump read the whole table. A restore finds everything in the default partition (with
-- --load-via-partition-root in those that are there), and flywheel.make_partitions() puts it into partitions again.
--
-- not saved                         where it comes from after a restore
-- coverage_ledger, _dirty, _horizon the sweep settles every block anew
-- queue_stats                       the next drain measures
-- failure_reason_counts             the next drain refreshes
-- stopped_drains                    about sessions of this server
-- review_claims                     people claim again
-- embeddings                        the drain and the worker embed anew, from five minutes after its last look on
-- python_validators                 the install script; their rows would collide with it
--
-- The queues are ordinary tables, which pg_dump saves anyway.

-- What triggers derive or check is in the dump, too, and was checked when it was written. By both settings that pg_dump
-- writes, because what is not counted while it loads is not counted later.
CREATE FUNCTION flywheel.loads_a_dump() RETURNS boolean
    LANGUAGE sql STABLE
    RETURN current_setting('check_function_bodies') = 'off' AND current_setting('row_security') = 'off';

COMMENT ON FUNCTION flywheel.loads_a_dump() IS
'Internal: whether the output of pg_dump is being loaded.';

DO $$
DECLARE
    name text;
BEGIN
    IF EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_flywheel') THEN
        FOREACH name IN ARRAY ARRAY[
            'providers', 'provider_state', 'prices', 'judge_state', 'spending', 'validators', 'validator_versions',
            'activations', 'metric_rollup', 'dead_letters', 'deferrals', 'inbox', 'retention', 'maintenance',
            'team_pipelines', 'topics', 'topic_examples', 'rubrics', 'trace_groups', 'labels', 'fixes', 'aligned',
            'alignment_rollup', 'align_again', 'test_reads', 'split_shares', 'annotations', 'embedding_models',
            'embedded_pipelines', 'shadow_examples',
            'labels_id_seq', 'fixes_id_seq', 'traces_id_seq', 'validator_versions_id_seq', 'activations_id_seq',
            'annotations_id_seq', 'test_reads_id_seq']
        LOOP
            PERFORM pg_extension_config_dump(format('flywheel.%I', name)::regclass, '');
        END LOOP;
        PERFORM pg_extension_config_dump('flywheel.traces_default', 'WHERE false UNION ALL TABLE flywheel.traces');
        PERFORM pg_extension_config_dump('flywheel.verdicts_default', 'WHERE false UNION ALL TABLE flywheel.verdicts');
    END IF;
END
$$;
