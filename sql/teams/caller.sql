-- Who called a SECURITY DEFINER function. Inside of it current_user is its owner, whom row security does not limit.

CREATE FUNCTION flywheel.caller() RETURNS name
    LANGUAGE sql STABLE
    RETURN coalesce(nullif(current_setting('role'), 'none')::name, session_user);

COMMENT ON FUNCTION flywheel.caller() IS
'The user of the session, or the role that it SET: also within a SECURITY DEFINER function, where current_user is the owner.';

CREATE FUNCTION flywheel.caller_pipelines() RETURNS text[]
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    caller name := flywheel.caller();
BEGIN
    IF NOT EXISTS (SELECT FROM flywheel.team_pipelines)
        OR EXISTS (SELECT FROM pg_roles r WHERE r.rolname = caller AND r.rolbypassrls)
        OR EXISTS (SELECT FROM pg_class c WHERE c.oid = 'flywheel.traces'::regclass AND pg_has_role(caller, c.relowner, 'USAGE'))
        OR pg_has_role(caller, to_regrole('flywheel_admin'), 'USAGE') OR pg_has_role(caller, to_regrole('flywheel_worker'), 'USAGE')
    THEN
        RETURN NULL;
    END IF;
    RETURN ARRAY(SELECT p.pipeline FROM flywheel.team_pipelines p WHERE pg_has_role(caller, to_regrole(quote_ident(p.team)), 'USAGE'));
END
$$;

COMMENT ON FUNCTION flywheel.caller_pipelines() IS
'What flywheel.my_pipelines() is to row security, for SECURITY DEFINER functions: the pipelines that the caller is limited to; NULL: to none.';
