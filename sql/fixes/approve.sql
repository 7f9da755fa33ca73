-- The gate before the application's prompts: a second pair of eyes.

CREATE FUNCTION flywheel.approve_fix(id bigint, withdraw boolean DEFAULT false) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fix   flywheel.fixes;
    input text;
BEGIN
    SELECT * INTO fix FROM flywheel.fixes f
    WHERE f.id = approve_fix.id AND coalesce(f.pipeline = ANY (flywheel.caller_pipelines()), true) FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no fix %', coalesce(id::text, 'NULL')
            USING ERRCODE = 'no_data_found', HINT = 'Expected an id of flywheel.fixes.';
    ELSIF withdraw IS NULL THEN
        RAISE EXCEPTION 'approve or withdraw fix %?', id
            USING ERRCODE = 'invalid_parameter_value', HINT = 'withdraw is true or false.';
    ELSIF withdraw THEN
        UPDATE flywheel.fixes f SET approved_by = NULL, approved_at = NULL, approved_content = NULL WHERE f.id = fix.id;
        RETURN;
    -- By the session's user: whoever may SET ROLE would else be somebody else at will.
    ELSIF fix.created_by = session_user AND NOT flywheel.is_admin(session_user) THEN
        RAISE EXCEPTION 'fix % is your own', id
            USING ERRCODE = 'insufficient_privilege', HINT = 'Somebody else approves it: another flywheel_reviewer, or a flywheel_admin.';
    END IF;
    SELECT t.input INTO input FROM flywheel.traces t WHERE t.id = fix.step_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'step % of fix % is gone', fix.step_id, id USING ERRCODE = 'no_data_found', HINT = 'Delete the fix.';
    END IF;
    UPDATE flywheel.fixes f SET approved_by = NULL, approved_at = NULL, approved_content = NULL
    WHERE f.step_id = fix.step_id AND f.approved_at IS NOT NULL AND f.id <> fix.id;
    UPDATE flywheel.fixes f SET approved_by = session_user, approved_at = now(), approved_content = flywheel.embedded_content(input)
    WHERE f.id = fix.id;
END
$$;

COMMENT ON FUNCTION flywheel.approve_fix(bigint, boolean) IS
'Lets flywheel.demonstrations() serve a fix, in the place of another one of the step; withdraw => true takes it back. Not by its author, unless he is a flywheel_admin. A fix that is changed, or whose step gets another input, waits for approval again.';
