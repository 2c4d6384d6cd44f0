-- Text and binary input and output, type modifiers.
\pset format unaligned
\pset tuples_only on

-- good text: blanks, signs, points, exponents
SELECT input, input::vecstore FROM (VALUES
	('[1,2,3]'), (E' [ 1 ,\t2,\n3 ] '), ('[0]'), ('[-0]'), ('[+1.5,-.5,2.]'),
	('[1e3,1E-3,1.5e+2]'), ('[1e-46,-1e-46]'), ('[1e-45]'), ('[1.1754944e-38]'),
	('[3.4028235e38,-3.4028235e38]'), ('[3.40282349e38]'),
	('[0.1,0.2,0.3]'), ('[16777217]'), ('[123456789]'), ('[0.000000000000000000000000000000000000000000001]')
	) AS t (input);

-- bad text
SELECT input || ' => ' || outcome(format('SELECT %L::vecstore', input)) FROM (VALUES
	(''), ('  '), ('1,2,3'), ('{1,2,3}'), ('(1,2)'),
	('[]'), ('[ ]'), ('['), ('[1'), ('[1,2'), ('[1,'), ('[1, '),
	('[1,]'), ('[,1]'), ('[1,,2]'), ('[,]'), ('[1 2]'), ('[1;2]'), ('[1,2}'),
	('[1,2]3'), ('[1,2],3'), ('[1,2],[3]'), ('[1,2]]'), ('[[1,2]]'),
	('[a]'), ('[1,null]'), ('[0x10]'), ('[1_000]'), ('[1e]'), ('[1e+]'), ('[.]'), ('[-]'), ('[+-1]'), ('[--1]'), ('["1"]'), ('[1.2.3]'),
	('[NaN]'), ('[1,nan]'), ('[-nan]'), ('[inf]'), ('[-Infinity,1]'), ('[infinite]'),
	('[4e38]'), ('[1,-1e400]'), ('[1e99999999999999999999]'),
	('[1] and a long tail that goes on and on and on and on')
	) AS t (input);
SELECT outcome(format('SELECT %L::vecstore', '[1' || repeat('0', 60) || ']'));
-- a message never cuts a character in two
SELECT outcome(format('SELECT %L::vecstore', '[1,' || repeat(chr(233), 50) || ']')) LIKE '%"' || repeat(chr(233), 20) || '..."%' OR getdatabaseencoding() <> 'UTF8';

-- dimensions: 16000 is the most
SELECT vector_dims(('[' || repeat('1,', 15999) || '1]')::vecstore);
SELECT outcome('SELECT (''['' || repeat(''1,'', 16000) || ''1]'')::vecstore');
SELECT outcome('SELECT (''['' || repeat(''1,'', 1000000) || ''1]'')::vecstore');
SELECT outcome('SELECT (repeat(''['', 100000))::vecstore');

-- output reads back as the same floats: compare the bits over the whole range
SELECT count(*), count(*) FILTER (WHERE vecstore_send(v::text::vecstore) <> vecstore_send(v)) AS differ
	FROM (SELECT ARRAY[(sin(i) * 10 ^ (i % 78 - 40))::float4, (1 / (i + 0.5))::float4]::vecstore AS v
		FROM generate_series(1, 4000) i) t;

-- type modifiers
SELECT outcome($$SELECT '[1,2,3]'::vecstore(3)$$);
SELECT outcome($$SELECT '[1,2]'::vecstore(3)$$);
SELECT outcome($$SELECT '[1,2]'::vecstore::vecstore(3)$$);
SELECT outcome($$SELECT '[1]'::vecstore(0)$$);
SELECT outcome($$SELECT '[1]'::vecstore(-1)$$);
SELECT outcome($$SELECT '[1]'::vecstore(16001)$$);
SELECT outcome($$SELECT '[1]'::vecstore(1,2)$$);
SELECT outcome($$SELECT '[1]'::vecstore('x')$$);
CREATE TABLE type_io (v vecstore(2), w vecstore, a vecstore(1)[]);
SELECT attname, format_type(atttypid, atttypmod), attstorage FROM pg_attribute
	WHERE attrelid = 'type_io'::regclass AND attnum > 0 ORDER BY attnum;
SELECT outcome($$INSERT INTO type_io (v) VALUES ('[1,2]') RETURNING v$$);
SELECT outcome($$INSERT INTO type_io (v) VALUES ('[1,2,3]')$$);
SELECT outcome($$INSERT INTO type_io (v) SELECT '[1,2,3]'::vecstore$$);
SELECT outcome($$INSERT INTO type_io (w) VALUES ('[1,2,3]') RETURNING w$$);
SELECT outcome($$INSERT INTO type_io (a) VALUES ('{[1],[2]}') RETURNING a$$);
SELECT outcome($$INSERT INTO type_io (a) VALUES ('{"[1,2]"}')$$);
SELECT outcome($$ALTER TABLE type_io ALTER w TYPE vecstore(2)$$);

-- binary output
SELECT encode(vecstore_send('[1,-2.5]'), 'hex');

-- Binary input, which only COPY and drivers can reach: the outcome of a COPY
-- of one field that holds these bytes.
CREATE TABLE type_io_binary (v vecstore);
CREATE TABLE type_io_binary_2 (v vecstore(2));
CREATE FUNCTION receive(field bytea, into_table text = 'type_io_binary') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	file bytea = '\x5047434f50590aff0d0a00' || int4send(0) || int4send(0)
		|| int2send(1::int2) || int4send(length(field)) || field || int2send((-1)::int2);
	octal text;
	error text;
	result text;
BEGIN
	SELECT string_agg('\' || b / 64 || b / 8 % 8 || b % 8, '' ORDER BY i) INTO octal
		FROM generate_series(0, length(file) - 1) i, get_byte(file, i) b;
	EXECUTE format('TRUNCATE %I', into_table);
	error = outcome(format('COPY %I FROM PROGRAM %L (FORMAT binary)', into_table, 'printf ''' || octal || ''''));
	EXECUTE format('SELECT v FROM %I', into_table) INTO result;
	RETURN coalesce(error, '') || coalesce(result, '');
END
$$;
SELECT receive('\x000200003f800000c0200000');
SELECT receive('\x000200003f800000c0200000', 'type_io_binary_2');
SELECT receive('\x000100003f800000', 'type_io_binary_2');
SELECT receive(vecstore_send(v)) FROM (VALUES ('[1,2,3]'::vecstore), ('[1e-45,-3.4028235e38,0.1]')) t (v);
SELECT vector_dims(receive(vecstore_send(array_to_vecstore(array_agg(i), -1, true)))::vecstore) FROM generate_series(1, 5000) i;
-- too short, too long, empty
SELECT receive('');
SELECT receive('\x00');
SELECT receive('\x0002');
SELECT receive('\x00020000');
SELECT receive('\x000200003f800000');
SELECT receive('\x000200003f8000003f8000');
SELECT receive('\x000100003f8000003f800000');
-- dimensions 0, -1, -32768, 16001, 32767
SELECT receive('\x00000000');
SELECT receive('\xffff0000');
SELECT receive('\x80000000');
SELECT receive('\x3e810000');
SELECT receive('\x7fff00003f800000');
-- another element kind
SELECT receive('\x000100013f800000');
SELECT receive('\x0001ffff3f800000');
-- NaN, infinity
SELECT receive('\x000100007fc00000');
SELECT receive('\x000200003f800000ff800000');

-- Soft errors, where the server has them: the input function reports, the
-- statement goes on.
CREATE FUNCTION soft_errors() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	bad text;
	valid bool;
BEGIN
	IF current_setting('server_version_num')::int >= 160000 THEN
		FOREACH bad IN ARRAY ARRAY['', '[', '[]', '[1', '[1,2]', '[1,]', '[1]x', '[NaN]', '[inf]', '[4e38]', '[1 1]', '[x]', '[' || repeat('1,', 16000) || '1]'] LOOP
			EXECUTE 'SELECT pg_input_is_valid($1, ''vecstore(1)'')' INTO valid USING bad;
			IF valid THEN
				RETURN bad || ' accepted';
			END IF;
		END LOOP;
		EXECUTE 'SELECT pg_input_is_valid(''[1]'', ''vecstore(1)'')' INTO valid;
		IF NOT valid THEN
			RETURN '[1] refused';
		END IF;
	END IF;
	RETURN 'as it should be';
END
$$;
SELECT soft_errors();

DROP TABLE type_io, type_io_binary, type_io_binary_2;
DROP FUNCTION receive, soft_errors;
