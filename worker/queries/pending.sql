SELECT coalesce(sum(c.pending), 0)::bigint FROM flywheel.coverage c
