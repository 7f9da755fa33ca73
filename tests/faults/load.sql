-- What every cell is loaded with: three validators, two of them paced, so that a rate says whether work goes on and not
-- how busy the machine is. The ids are so far apart that a message has eight steps.
ALTER TABLE flywheel.traces ALTER COLUMN id SET INCREMENT BY 256;

CREATE ROLE application LOGIN IN ROLE flywheel_writer;
CREATE ROLE worker LOGIN IN ROLE flywheel_worker;
CREATE ROLE dashboard LOGIN IN ROLE flywheel_reviewer;

CREATE TABLE pace (seconds double precision);
INSERT INTO pace VALUES (%(pace_s)s);
GRANT SELECT ON pace TO PUBLIC;

CREATE FUNCTION paced(step flywheel.traces, config jsonb) RETURNS boolean
    LANGUAGE sql
    RETURN (SELECT pg_sleep(p.seconds) IS NOT NULL FROM public.pace p);

SELECT flywheel.add_validator('paced', 'paced');
SELECT flywheel.add_validator('short', 'py:max_length', '{"limit": 15}');
SELECT flywheel.set_provider('default', %(base_url)s, max_in_flight => %(in_flight)s);
SELECT flywheel.add_judge('helpful', 'Passes if the output answers the input.', 'model-1', 'default', node => 'answer');
