-- What changes from 0.1.0 to 0.2.0: nothing yet but the version.

CREATE OR REPLACE FUNCTION flywheel.version() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '0.2.0';
