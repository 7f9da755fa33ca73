-- What hostile_sql.sql finds: a schema that may be read, and around it what must not be. Whatever is called takes
-- a lock of the session, which neither a rollback undoes nor a read-only transaction forbids.
CREATE SCHEMA planted;
CREATE TABLE planted.secrets (secret text);
CREATE TABLE public.secrets (secret text);
GRANT SELECT ON public.secrets TO PUBLIC;
CREATE FUNCTION public.tell(int) RETURNS int LANGUAGE sql SECURITY DEFINER VOLATILE AS 'SELECT length(pg_advisory_lock(42)::text)';
CREATE FUNCTION public.told(int) RETURNS boolean LANGUAGE sql VOLATILE AS 'SELECT public.tell(1) = 0';
CREATE FUNCTION public.sure(int) RETURNS int LANGUAGE plpgsql SECURITY DEFINER IMMUTABLE AS 'BEGIN PERFORM public.tell(1); RETURN 1; END';
CREATE FUNCTION public.tell_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM public.tell(1); RETURN NULL; END';
CREATE FUNCTION public.tell_two(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT public.tell(1) = 0';
CREATE PROCEDURE public.tell_all() LANGUAGE sql AS 'SELECT public.tell(1)';
CREATE OPERATOR public.<~~> (FUNCTION = public.tell_two, LEFTARG = int, RIGHTARG = int);
CREATE DOMAIN public.told AS int CHECK (public.told(VALUE));
CREATE TYPE public.told_row AS (a public.told);

CREATE SCHEMA shop;
CREATE TABLE shop.orders (id int, customer text, total numeric);
INSERT INTO shop.orders SELECT g, 'customer ' || g, g FROM generate_series(1, 20) AS g;
CREATE TABLE shop.pg_sleep (pg_sleep int);
CREATE TABLE shop.withheld (id int);
CREATE VIEW shop.large AS SELECT * FROM shop.orders WHERE total > 10;
CREATE SEQUENCE shop.numbers;
CREATE FOREIGN DATA WRAPPER anywhere;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER anywhere;
CREATE FOREIGN TABLE shop.elsewhere (id int) SERVER elsewhere;
CREATE FUNCTION shop.tell(int) RETURNS int LANGUAGE sql AS 'SELECT public.tell(1)';
CREATE FUNCTION shop.tell_definer() RETURNS int LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT public.tell(1)';
CREATE FUNCTION shop.calm(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT public.tell(1)';
CREATE FUNCTION shop.upper(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT public.tell(1)::text';
CREATE FUNCTION shop.format(text, text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT public.tell(1)::text';
CREATE FUNCTION shop.tell_two(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT public.tell(1) = 0';
CREATE OPERATOR shop.<~> (FUNCTION = shop.tell_two, LEFTARG = int, RIGHTARG = int);
CREATE TYPE shop.pair AS (a int);
CREATE FUNCTION shop.tell_pair(shop.pair) RETURNS int LANGUAGE sql AS 'SELECT public.tell(1)';
CREATE CAST (shop.pair AS int) WITH FUNCTION shop.tell_pair(shop.pair);
CREATE FUNCTION shop.tell_sum(int, int) RETURNS int LANGUAGE sql AS 'SELECT public.tell(1)';
CREATE AGGREGATE shop.tell_all(int) (SFUNC = shop.tell_sum, STYPE = int);
