CREATE FUNCTION flywheel.reason_key(reason text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN left(regexp_replace(regexp_replace(coalesce(reason, ''), '"[^"]*"|''[^'']*''', '…', 'g'), '[0-9]+(\.[0-9]+)?', 'N', 'g'), 120);

COMMENT ON FUNCTION flywheel.reason_key(text) IS
'A verdict''s reason with quotations and numbers masked, to group by.';
