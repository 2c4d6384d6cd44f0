-- am.sql: the access method vecstore, its operator classes and the functions
-- that look into an index.

CREATE FUNCTION vecstore_handler(internal) RETURNS index_am_handler
	AS 'MODULE_PATHNAME' LANGUAGE C;
COMMENT ON FUNCTION vecstore_handler(internal) IS 'handler of the access method vecstore';

CREATE ACCESS METHOD vecstore TYPE INDEX HANDLER vecstore_handler;
COMMENT ON ACCESS METHOD vecstore IS 'HNSW graph for nearest-neighbour search, ORDER BY column <distance operator> vector';

-- One support function an operator class: it tells the index its metric.  The
-- names are those of VS_METRICS in src/distance/metrics.h.

CREATE FUNCTION vecstore_l2_metric(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_l2_metric(internal) IS 'tells a vecstore index that its metric is Euclidean distance';
CREATE OPERATOR CLASS vecstore_l2_ops FOR TYPE vecstore USING vecstore AS
	OPERATOR 1 <-> (vecstore, vecstore) FOR ORDER BY float_ops,
	FUNCTION 1 vecstore_l2_metric(internal);
COMMENT ON OPERATOR CLASS vecstore_l2_ops USING vecstore IS 'nearest rows by Euclidean distance, ORDER BY column <-> vector';

CREATE FUNCTION vecstore_ip_metric(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_ip_metric(internal) IS 'tells a vecstore index that its metric is negative inner product';
CREATE OPERATOR CLASS vecstore_ip_ops FOR TYPE vecstore USING vecstore AS
	OPERATOR 1 <#> (vecstore, vecstore) FOR ORDER BY float_ops,
	FUNCTION 1 vecstore_ip_metric(internal);
COMMENT ON OPERATOR CLASS vecstore_ip_ops USING vecstore IS 'nearest rows by negative inner product, ORDER BY column <#> vector';

CREATE FUNCTION vecstore_cosine_metric(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_cosine_metric(internal) IS 'tells a vecstore index that its metric is cosine distance';
CREATE OPERATOR CLASS vecstore_cosine_ops FOR TYPE vecstore USING vecstore AS
	OPERATOR 1 <=> (vecstore, vecstore) FOR ORDER BY float_ops,
	FUNCTION 1 vecstore_cosine_metric(internal);
COMMENT ON OPERATOR CLASS vecstore_cosine_ops USING vecstore IS 'nearest rows by cosine distance, ORDER BY column <=> vector';

CREATE FUNCTION vecstore_l1_metric(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_l1_metric(internal) IS 'tells a vecstore index that its metric is Manhattan distance';
CREATE OPERATOR CLASS vecstore_l1_ops FOR TYPE vecstore USING vecstore AS
	OPERATOR 1 <+> (vecstore, vecstore) FOR ORDER BY float_ops,
	FUNCTION 1 vecstore_l1_metric(internal);
COMMENT ON OPERATOR CLASS vecstore_l1_ops USING vecstore IS 'nearest rows by Manhattan distance, ORDER BY column <+> vector';

CREATE FUNCTION vecstore_hamming_metric(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_hamming_metric(internal) IS 'tells a vecstore index that its metric is Hamming distance';
CREATE OPERATOR CLASS vecstore_hamming_ops FOR TYPE vecstore USING vecstore AS
	OPERATOR 1 <~> (vecstore, vecstore) FOR ORDER BY float_ops,
	FUNCTION 1 vecstore_hamming_metric(internal);
COMMENT ON OPERATOR CLASS vecstore_hamming_ops USING vecstore IS 'nearest rows by Hamming distance, ORDER BY column <~> vector';

CREATE FUNCTION vecstore_jaccard_metric(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_jaccard_metric(internal) IS 'tells a vecstore index that its metric is Jaccard distance';
CREATE OPERATOR CLASS vecstore_jaccard_ops FOR TYPE vecstore USING vecstore AS
	OPERATOR 1 <%> (vecstore, vecstore) FOR ORDER BY float_ops,
	FUNCTION 1 vecstore_jaccard_metric(internal);
COMMENT ON OPERATOR CLASS vecstore_jaccard_ops USING vecstore IS 'nearest rows by Jaccard distance, ORDER BY column <%> vector';

CREATE FUNCTION vecstore_chebyshev_metric(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_chebyshev_metric(internal) IS 'tells a vecstore index that its metric is Chebyshev distance';
CREATE OPERATOR CLASS vecstore_chebyshev_ops FOR TYPE vecstore USING vecstore AS
	OPERATOR 1 <^> (vecstore, vecstore) FOR ORDER BY float_ops,
	FUNCTION 1 vecstore_chebyshev_metric(internal);
COMMENT ON OPERATOR CLASS vecstore_chebyshev_ops USING vecstore IS 'nearest rows by Chebyshev distance, ORDER BY column <^> vector';

CREATE FUNCTION vecstore_canberra_metric(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_canberra_metric(internal) IS 'tells a vecstore index that its metric is Canberra distance';
CREATE OPERATOR CLASS vecstore_canberra_ops FOR TYPE vecstore USING vecstore AS
	OPERATOR 1 </> (vecstore, vecstore) FOR ORDER BY float_ops,
	FUNCTION 1 vecstore_canberra_metric(internal);
COMMENT ON OPERATOR CLASS vecstore_canberra_ops USING vecstore IS 'nearest rows by Canberra distance, ORDER BY column </> vector';

CREATE FUNCTION vecstore_bray_curtis_metric(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_bray_curtis_metric(internal) IS 'tells a vecstore index that its metric is Bray-Curtis distance';
CREATE OPERATOR CLASS vecstore_bray_curtis_ops FOR TYPE vecstore USING vecstore AS
	OPERATOR 1 <*> (vecstore, vecstore) FOR ORDER BY float_ops,
	FUNCTION 1 vecstore_bray_curtis_metric(internal);
COMMENT ON OPERATOR CLASS vecstore_bray_curtis_ops USING vecstore IS 'nearest rows by Bray-Curtis distance, ORDER BY column <*> vector';

-- Looking into an index.

CREATE FUNCTION vecstore_index_info(index regclass,
	OUT metric text, OUT dimensions integer, OUT vertices bigint, OUT tombstones bigint,
	OUT m integer, OUT ef_construction integer, OUT quantization text, OUT levels integer,
	OUT bytes bigint, OUT format_version integer)
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_index_info(regclass) IS
	'one row about a vecstore index; reads every page. vertices: live ones, each with one or more rows; tombstones: deleted, not yet vacuumed away; quantization: of the neighbours'' codes in use; levels: of the graph; bytes: of the main fork';

CREATE FUNCTION vecstore_check(index regclass,
	OUT vertices bigint, OUT edges bigint, OUT unreachable bigint, OUT tombstones bigint,
	OUT stale_links bigint, OUT rows bigint, OUT rows_aside bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION vecstore_check(regclass) IS
	'reads every page of a vecstore index and raises XX002 if its structure is broken. vertices: live ones; edges: links of all levels; unreachable: live vertices no path leads to from the entry (only the sweep finds them); stale_links: to free slots, which searches skip; rows: heap rows in the graph; rows_aside: NULL or without a distance';

CREATE FUNCTION vecstore_recall(index regclass, k integer DEFAULT 10, samples integer DEFAULT 100)
	RETURNS double precision
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION vecstore_recall(regclass, integer, integer) IS
	'recall@k of a vecstore index, 0 to 1, with the present vecstore.ef_search: the share of the k rows a scan returns that are within the exact k-th distance, over as many rows of the table taken as queries; each row not counted as its own neighbour; needs SELECT on the table and reads it twice';
