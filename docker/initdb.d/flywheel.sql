-- Run once, by the image's entry point, in the new database of POSTGRES_DB.
\set ON_ERROR_STOP on
\getenv worker_password WORKER_PASSWORD

CREATE EXTENSION pg_cron;
CREATE EXTENSION pg_flywheel_python CASCADE;
SELECT flywheel.schedule();

CREATE ROLE worker LOGIN PASSWORD :'worker_password' IN ROLE flywheel_worker;
