-- Run once, by the image's entry point, in the new database of POSTGRES_DB.
\set ON_ERROR_STOP on
\getenv worker_password WORKER_PASSWORD

CREATE EXTENSION pg_cron;
CREATE EXTENSION pg_flywheel_python CASCADE;
CREATE ROLE worker LOGIN PASSWORD :'worker_password' IN ROLE flywheel_worker, flywheel_reader; -- reader: for its health check, flywheel status

-- The drain runs with few rights, and so do the validators in SQL that it calls.
SELECT flywheel.schedule();
UPDATE cron.job SET username = 'worker' WHERE jobname = 'flywheel';
