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

-- What scans do.

CREATE FUNCTION vecstore_stat_index(index oid,
	OUT metric text, OUT dimensions integer, OUT m integer, OUT ef_construction integer,
	OUT quantization text, OUT vertices bigint, OUT bytes bigint,
	OUT scans bigint, OUT vertices_expanded bigint, OUT distances_computed bigint, OUT sweeps bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION vecstore_stat_index(oid) IS
	'part of vecstore_stat_indexes: what the first page of a vecstore index says, its size, and this session''s counters; waits for no lock and raises no error, gives NULL instead';

CREATE FUNCTION vecstore_stat_reset() RETURNS void
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION vecstore_stat_reset() IS 'sets this session''s counters in vecstore_stat_indexes to zero';

-- pg_stat_all_indexes has last_idx_scan from PostgreSQL 16 on: as a key of the
-- row, one definition serves all versions, and pg_upgrade between them.  (What is
-- called with a type that PostgreSQL has to find first stands with its schema:
-- somebody may have put a better match into this one.)
CREATE VIEW vecstore_stat_indexes AS
	SELECT s.schemaname, s.relname, s.indexrelname, s.indexrelid,
		i.metric, i.dimensions, i.m, i.ef_construction, i.quantization, i.vertices, i.bytes,
		s.idx_scan, s.idx_tup_read, s.idx_tup_fetch,
		(pg_catalog.to_jsonb(s) OPERATOR(pg_catalog.->>) 'last_idx_scan'::text)::timestamptz AS last_idx_scan,
		io.idx_blks_read AS blks_read, io.idx_blks_hit AS blks_hit,
		i.scans, i.vertices_expanded, i.distances_computed, i.sweeps
	FROM pg_catalog.pg_class c
	JOIN pg_catalog.pg_am a ON a.oid = c.relam
	JOIN pg_catalog.pg_stat_all_indexes s ON s.indexrelid = c.oid
	JOIN pg_catalog.pg_statio_all_indexes io ON io.indexrelid = c.oid,
		LATERAL vecstore_stat_index(c.oid) i
	WHERE a.amname = 'vecstore' AND c.relkind = 'i';
GRANT SELECT ON vecstore_stat_indexes TO PUBLIC;
COMMENT ON VIEW vecstore_stat_indexes IS
	'one row for each vecstore index of the database; metric to vertices are NULL unless the caller may read the table and the index is valid; they and bytes are NULL, too, while somebody else has locked the index exclusively, or where this server or session has no access to its pages';
COMMENT ON COLUMN vecstore_stat_indexes.schemaname IS 'schema of table and index';
COMMENT ON COLUMN vecstore_stat_indexes.relname IS 'table';
COMMENT ON COLUMN vecstore_stat_indexes.indexrelname IS 'index';
COMMENT ON COLUMN vecstore_stat_indexes.indexrelid IS 'OID of the index';
COMMENT ON COLUMN vecstore_stat_indexes.metric IS 'metric of its operator class';
COMMENT ON COLUMN vecstore_stat_indexes.dimensions IS 'dimensions of its vectors';
COMMENT ON COLUMN vecstore_stat_indexes.m IS 'links of a vertex on each upper level, as it was built';
COMMENT ON COLUMN vecstore_stat_indexes.ef_construction IS 'vertices a search for a new vertex''s neighbours keeps, as it was built';
COMMENT ON COLUMN vecstore_stat_indexes.quantization IS 'of the neighbours'' codes in use';
COMMENT ON COLUMN vecstore_stat_indexes.vertices IS 'different vectors, as the last build or vacuum counted them';
COMMENT ON COLUMN vecstore_stat_indexes.bytes IS 'size of its main fork';
COMMENT ON COLUMN vecstore_stat_indexes.idx_scan IS 'scans by all sessions, as in pg_stat_all_indexes';
COMMENT ON COLUMN vecstore_stat_indexes.idx_tup_read IS 'rows the index has returned, as in pg_stat_all_indexes';
COMMENT ON COLUMN vecstore_stat_indexes.idx_tup_fetch IS 'live rows fetched from the table for them, as in pg_stat_all_indexes';
COMMENT ON COLUMN vecstore_stat_indexes.last_idx_scan IS 'when it was scanned last; NULL before PostgreSQL 16';
COMMENT ON COLUMN vecstore_stat_indexes.blks_read IS 'its pages read from outside the buffer cache, as in pg_statio_all_indexes';
COMMENT ON COLUMN vecstore_stat_indexes.blks_hit IS 'its pages found in the buffer cache, as in pg_statio_all_indexes';
COMMENT ON COLUMN vecstore_stat_indexes.scans IS 'scans by this session';
COMMENT ON COLUMN vecstore_stat_indexes.vertices_expanded IS 'vertices whose neighbours this session''s scans have read';
COMMENT ON COLUMN vecstore_stat_indexes.distances_computed IS 'distances this session''s scans have computed';
COMMENT ON COLUMN vecstore_stat_indexes.sweeps IS 'scans of this session that read the whole index from end to end';
