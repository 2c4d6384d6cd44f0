-- The filter language and 100 strings that try to break out of it: as a value
-- in every place where one can stand, as a name, and as they are, with either
-- meaning of backslashes in SQL, for a superuser and for a plain user.

CREATE TABLE hostile (id integer GENERATED ALWAYS AS IDENTITY, t text);
INSERT INTO hostile (t) VALUES
	(''), (' '), ('x'), ('X'), (''''), (''''''), (''''''''), ('"'), ('""'), ('"""'),
	('\'), ('\\'), ('\\\'), ('\'''), ('\\'''), ('''\'), ('\"'), ('"\'), ('''"'), ('"'''),
	('--'), ('-- '), ('''--'), ('x''--'), ('/*'), ('*/'), ('/**/'), ('''/*'), ('/* '' */'), ('/*/*'),
	(';'), (''';'), ('; DROP TABLE canary'), ('''; DROP TABLE canary; --'), ('\''; DROP TABLE canary; --'),
	(''') OR TRUE; --'), (''' OR ''''='''), ('x'' OR ''x''=''x'), ('1 OR 1=1'), (') OR (1=1'),
	('$$'), ('$$x$$'), ('$a$'), ('$a$ x $a$'), ('$1'), ('$x'), ('$'), ('''$$'''), ('$$; DROP TABLE canary; $$'), ('$p'),
	('E''x'''), ('E''\'''), ('e''\\'''), ('U&''\0041'''), ('U&"\0041"'), ('x''::text'), ('''::text'), ('N''x'''), ('B''1'''), ('X''41'''),
	('\0'), ('\x00'), ('\u0000'), ('\u0027'), ('\x27'), ('\047'), ('\n'), ('%s'), ('%00'), ('%'),
	('_'), ('%I'), ('%L'), ('%1$s'), ('{}'), ('{"a": 1}'), ('[]'), ('["x"]'), ('null'), ('NULL'),
	('true'), ('TRUE'), ('{x,y}'), ('{'), (E'\n'), (E'\r\n'), (E'\t'), (E'a\nb'''), (E'--\n; DROP TABLE canary'), (E'\x01\x1f\x7f'),
	(U&'\02BC'), (U&'\FF07'), (U&'\2019'), (U&'\00A0'), (U&'\202E'), (U&'\FEFF'), (U&'\+01F600'''), (U&'e\0301'),
	(repeat('''', 10001)), (repeat('\"''', 20000));
ALTER TABLE hostile ADD metadata jsonb;
UPDATE hostile SET metadata = jsonb_build_object('value', t, 'list', jsonb_build_array(t), 'key', jsonb_build_object(t, id));

CREATE TABLE canary (x integer);
INSERT INTO canary VALUES (1);

-- the text as a value, and as a name, of the filter language
CREATE FUNCTION quoted(s text) RETURNS text LANGUAGE sql IMMUTABLE AS
	$$SELECT '''' || replace(s, '''', '''''') || ''''$$;
CREATE FUNCTION named(s text) RETURNS text LANGUAGE sql IMMUTABLE AS
	$$SELECT '"' || replace(s, '"', '""') || '"'$$;

-- The rows that match.  The condition stands where only one expression may
-- stand, and in a cursor, which takes only one statement.
CREATE FUNCTION matching(filter text, params jsonb) RETURNS integer[] LANGUAGE plpgsql AS $$
DECLARE
	condition text := vecstore.filter_sql(filter, 'hostile', params);
	form text;
	ids integer[];
	first integer[];
BEGIN
	FOREACH form IN ARRAY ARRAY['%s', '(%s)', 'TRUE AND %s AND TRUE', '(SELECT %s)', 'coalesce(%s, FALSE)'] LOOP
		FOR ids IN EXECUTE 'SELECT coalesce(array_agg(id ORDER BY id), ''{}'') FROM hostile WHERE '
				|| replace(form, '%s', condition) LOOP
			first := coalesce(first, ids);
			IF ids <> first THEN
				RAISE 'more than one expression';
			END IF;
		END LOOP;
	END LOOP;
	RETURN first;
END
$$;

-- What is wrong with a string as a value or a name; NULL: nothing.
CREATE FUNCTION as_value(s text, own integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	params jsonb := jsonb_build_object('p', s, 'list', jsonb_build_array(s, s), s, s);
	only_own integer[] := ARRAY[own];
	part_of integer[] := (SELECT array_agg(id ORDER BY id) FROM hostile WHERE strpos(t, s) > 0);
	all_but_own integer[] := (SELECT array_agg(id ORDER BY id) FROM hostile WHERE id <> own);
	filter text;
	want integer[];
	problems text;
BEGIN
	FOR filter, want IN VALUES
		('t = ' || quoted(s), only_own),
		('t IN (' || quoted(s) || ')', only_own),
		('t IN (' || quoted(s) || ', ' || quoted(s) || ')', only_own),
		('t != ' || quoted(s), all_but_own),
		('NOT t IN (' || quoted(s) || ')', all_but_own),
		('t CONTAINS ' || quoted(s), part_of),
		('t = $p', only_own),
		('t IN $list', only_own),
		('value = ' || quoted(s), only_own),
		('value IN (' || quoted(s) || ', 1)', only_own),
		('value != ' || quoted(s), all_but_own),
		('value >= ' || quoted(s) || ' AND value <= ' || quoted(s), only_own),
		('value CONTAINS ' || quoted(s), part_of),
		('list CONTAINS [' || quoted(s) || ']', only_own),
		('list CONTAINS ' || quoted(s), only_own),
		('value = $p', only_own),
		('list CONTAINS $list', only_own),
		('metadata.key.' || named(s) || ' = ' || own, only_own),
		('"key".' || named(s) || ' IS NOT NULL', only_own),
		('key.' || named(s) || ' < 1000', only_own)
	LOOP
		BEGIN
			IF matching(filter, params) IS DISTINCT FROM want THEN
				problems := concat_ws(', ', problems, left(filter, 60) || ' matches others');
			END IF;
		EXCEPTION WHEN OTHERS THEN
			problems := concat_ws(', ', problems, left(filter, 60) || ': ' || SQLSTATE || ' ' || SQLERRM);
		END;
	END LOOP;
	RETURN problems;
END
$$;

-- The same for the string as it is, as a filter or a part of one: one
-- expression, or an error of the filter language.
CREATE FUNCTION as_filter(s text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	filter text;
	problems text;
BEGIN
	FOREACH filter IN ARRAY ARRAY[
		s, 't = ' || s, 't = ''x''' || s, 't = ''x'' ' || s, 't = ''' || s || '''', 't IN (' || s || ')', 't CONTAINS ' || s,
		'value IN (''' || s || ''')', 'value < ''' || s || '''', 't ' || s || ' ''x''', s || ' = ''x''', '"' || s || '" = 1', 'key."' || s || '" = 1',
		'(' || s || ')', 'NOT ' || s, 't = $' || s, s || ' OR t = ''x''', 't = ''x'' AND ' || s
	] LOOP
		BEGIN
			PERFORM matching(filter, '{"p": "x", "x": "x", "1": "x", "a": "x"}');
		EXCEPTION
			WHEN syntax_error OR invalid_parameter_value OR null_value_not_allowed OR datatype_mismatch THEN
				-- PostgreSQL's own errors have other words
				IF SQLERRM !~ 'filter|column "t" of type text is no array' THEN
					problems := concat_ws(', ', problems, left(filter, 60) || ': ' || SQLSTATE || ' ' || SQLERRM);
				END IF;
			WHEN OTHERS THEN
				problems := concat_ws(', ', problems, left(filter, 60) || ': ' || SQLSTATE || ' ' || SQLERRM);
		END;
	END LOOP;
	RETURN problems;
END
$$;

CREATE TABLE result (who name, conforming text, id integer, value_problems text, filter_problems text);
CREATE ROLE regress_vecstore_hostile;
GRANT SELECT ON hostile TO regress_vecstore_hostile;
GRANT INSERT ON result TO regress_vecstore_hostile;

SET standard_conforming_strings = on;
INSERT INTO result SELECT current_user, 'on', id, as_value(t, id), as_filter(t) FROM hostile;
SET standard_conforming_strings = off;
INSERT INTO result SELECT current_user, 'off', id, as_value(t, id), as_filter(t) FROM hostile;
SET ROLE regress_vecstore_hostile;
INSERT INTO result SELECT current_user, 'off', id, as_value(t, id), as_filter(t) FROM hostile;
SET standard_conforming_strings = on;
INSERT INTO result SELECT current_user, 'on', id, as_value(t, id), as_filter(t) FROM hostile;
RESET ROLE;

SELECT plan(2 * 400 + 3);
SELECT is(count(DISTINCT t)::int, 100, '100 strings') FROM hostile;
SELECT is(value_problems, NULL, format('string %s as a value, %s, standard_conforming_strings %s', id, who, conforming)) FROM result;
SELECT is(filter_problems, NULL, format('string %s as a filter, %s, standard_conforming_strings %s', id, who, conforming)) FROM result;
SELECT is((SELECT array_agg(x) FROM canary), '{1}', 'the canary lives');
SELECT is((SELECT count(*)::int FROM hostile), 100, 'and so do the rows');

DROP OWNED BY regress_vecstore_hostile;
DROP ROLE regress_vecstore_hostile;
SELECT * FROM finish();
