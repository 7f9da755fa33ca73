SELECT c.validator, c.version, c.enabled, c.steps, c.verdicts, c.pending, c.deferred, c.dead_letters, c.not_eligible,
       c.filtered, c.sampled_out, c.not_requested, c.before, c.paused, c.suspended
FROM flywheel.coverage c
ORDER BY c.validator
