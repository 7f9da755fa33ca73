-- What people said of a step is about its content, and goes with it: theirs is text of users, too.

CREATE FUNCTION flywheel.forget_opinions(gone bigint[], rewritten bigint[]) RETURNS void
    LANGUAGE plpgsql
AS $$
BEGIN
    IF gone IS NOT NULL THEN
        DELETE FROM flywheel.labels l WHERE l.step_id = ANY (gone);
        DELETE FROM flywheel.fixes f WHERE f.step_id = ANY (gone);
        DELETE FROM flywheel.annotations a WHERE a.step_id = ANY (gone);
    END IF;
    IF rewritten IS NOT NULL THEN
        UPDATE flywheel.labels l SET step_changed_at = now(), example_approved_by = NULL
        WHERE l.step_id = ANY (rewritten) AND l.step_changed_at IS NULL;
    END IF;
END
$$;

COMMENT ON FUNCTION flywheel.forget_opinions(bigint[], bigint[]) IS
'Internal: removes labels, fixes and annotations of steps that are gone; labels of steps with another content no longer count.';
