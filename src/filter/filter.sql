-- filter.sql: the filter language.  docs/filter-language.md describes it.

CREATE FUNCTION vecstore.filter_sql(filter text, relation regclass, filter_params jsonb DEFAULT '{}') RETURNS text
	AS 'MODULE_PATHNAME', 'vecstore_filter_sql'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore.filter_sql(text, regclass, jsonb) IS
	'the condition of SQL that a filter stands for on the rows of a relation, with the placeholders'' values from filter_params';

