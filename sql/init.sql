-- Every other test needs this one to have run in the same database.
CREATE EXTENSION vecstore;

-- The first column of a query's first row, nothing for another statement, or "SQLSTATE message | detail |
-- hint" of the error it raises.
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
	state text;
	message text;
	detail text;
	hint text;
BEGIN
	IF statement ~ '^SELECT|RETURNING' THEN
		EXECUTE statement INTO result;
	ELSE
		EXECUTE statement;
	END IF;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS
		state = RETURNED_SQLSTATE,
		message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL,
		hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', state || ' ' || message, nullif(detail, ''), nullif(hint, ''));
END
$$;
SELECT outcome('SELECT 1 + 1') AS value, outcome('SELECT 1 / 0') AS error;
