-- The one definition of which versions may not run now, until when, and why: the claim minds it, coverage and why show it.

CREATE VIEW flywheel.holds AS
(
    SELECT DISTINCT ON (w.id) w.id AS version_id, w.validator, w.provider, h.whole_provider, h.until, h.reason
    FROM flywheel.validator_versions w
    JOIN flywheel.providers p ON p.name = w.provider
    JOIN flywheel.validators d ON d.name = w.validator
    JOIN flywheel.provider_state s ON s.provider = w.provider
    LEFT JOIN flywheel.judge_state j ON j.version_id = w.id
    LEFT JOIN flywheel.budgets pb ON pb.provider = w.provider
    LEFT JOIN flywheel.budgets jb ON jb.validator = w.validator
    CROSS JOIN (SELECT (flywheel.utc_day() + 1)::timestamp AT TIME ZONE 'UTC' AS midnight) m
    CROSS JOIN LATERAL (VALUES
        (true, s.paused_until, format('provider %s is paused: %s', p.name, s.paused_reason)),
        (true, CASE WHEN pb.calls_left <= 0 THEN m.midnight END,
         format('the daily budget of provider %s is spent: %s calls, %s USD, see flywheel.set_provider()',
                p.name, pb.calls + pb.reserved, round(pb.cost_usd, 4))),
        (false, CASE WHEN least(pb.daily_calls - pb.calls - pb.reserved, jb.daily_calls - jb.calls - jb.reserved)
                          BETWEEN 1 AND flywheel.votes_of(w) - 1
                     THEN m.midnight END,
         format('the daily budget leaves less than the %s calls of one judgement by %s, see flywheel.budgets', flywheel.votes_of(w), w.validator)),
        (false, j.paused_until, format('judge %s is paused, it fails for every step: %s', w.validator, j.paused_reason)),
        (false, CASE WHEN jb.calls_left <= 0 THEN m.midnight END,
         format('the daily budget of judge %s is spent: %s calls, %s USD, see flywheel.set_budget()',
                w.validator, jb.calls + jb.reserved, round(jb.cost_usd, 4))),
        (false, CASE WHEN coalesce(p.daily_usd, d.daily_usd) IS NOT NULL AND NOT EXISTS (
                         SELECT FROM flywheel.prices x WHERE x.provider = w.provider AND x.model = w.model)
                     THEN m.midnight END,
         format('daily_usd cannot be kept: flywheel.prices has no price of model %s of provider %s, INSERT it', w.model, p.name))
    ) AS h (whole_provider, until, reason)
    WHERE h.until > now()
    ORDER BY w.id, h.whole_provider DESC, h.until DESC
)
UNION ALL
SELECT w.id, w.validator, w.provider, false, 'infinity', w.suspended
FROM flywheel.validator_versions w WHERE w.suspended IS NOT NULL;

COMMENT ON VIEW flywheel.holds IS
'Validators that may not run now: a judge or its provider is paused after failures, a daily budget is spent, or a validator switched itself off. Their steps are deferred. A judge has one row per version, what concerns the whole provider first.';
COMMENT ON COLUMN flywheel.holds.version_id IS 'flywheel.validator_versions.id.';
COMMENT ON COLUMN flywheel.holds.validator IS 'flywheel.validators.name.';
COMMENT ON COLUMN flywheel.holds.provider IS 'flywheel.providers.name; NULL for a code validator.';
COMMENT ON COLUMN flywheel.holds.whole_provider IS 'Whether all judges of the provider are held.';
COMMENT ON COLUMN flywheel.holds.until IS 'When it is tried again, at the latest; infinity for one that was switched off.';
COMMENT ON COLUMN flywheel.holds.reason IS 'Why, and what to do.';
