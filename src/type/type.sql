\echo Use "CREATE EXTENSION vecstore" to load this file. \quit

-- The vecstore type: input and output, casts, functions, operators, metrics,
-- aggregates, operator classes.  Everything goes into the schema that CREATE
-- EXTENSION names: it is the search_path of this script.

--
-- Type
--

CREATE TYPE vecstore;

CREATE FUNCTION vecstore_in(cstring, oid, integer) RETURNS vecstore
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_in(cstring, oid, integer) IS 'text input of type vecstore: [1,2,3]';

CREATE FUNCTION vecstore_out(vecstore) RETURNS cstring
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_out(vecstore) IS 'text output of type vecstore: shortest text that reads back as the same floats';

CREATE FUNCTION vecstore_recv(internal, oid, integer) RETURNS vecstore
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_recv(internal, oid, integer) IS 'binary input of type vecstore: int16 dimensions, int16 zero, float4 elements, network order';

CREATE FUNCTION vecstore_send(vecstore) RETURNS bytea
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_send(vecstore) IS 'binary output of type vecstore: int16 dimensions, int16 zero, float4 elements, network order';

CREATE FUNCTION vecstore_typmod_in(cstring[]) RETURNS integer
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_typmod_in(cstring[]) IS 'type modifier of vecstore(d): dimensions, 1 to 16000';

CREATE FUNCTION vecstore_typmod_out(integer) RETURNS cstring
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_typmod_out(integer) IS 'text of the type modifier of vecstore(d)';

CREATE TYPE vecstore (
	INPUT = vecstore_in,
	OUTPUT = vecstore_out,
	RECEIVE = vecstore_recv,
	SEND = vecstore_send,
	TYPMOD_IN = vecstore_typmod_in,
	TYPMOD_OUT = vecstore_typmod_out,
	STORAGE = external
);
COMMENT ON TYPE vecstore IS 'vector of 1 to 16000 finite 4-byte floats, such as [1,2,3]; vecstore(d) holds d dimensions only';

--
-- Casts
--

CREATE FUNCTION vecstore(vecstore, integer, boolean) RETURNS vecstore
	AS 'MODULE_PATHNAME', 'vecstore_apply_typmod' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore(vecstore, integer, boolean) IS 'check a vector against a type modifier; error 22000 when the dimensions differ';

CREATE CAST (vecstore AS vecstore)
	WITH FUNCTION vecstore(vecstore, integer, boolean) AS IMPLICIT;

CREATE FUNCTION array_to_vecstore(real[], integer, boolean) RETURNS vecstore
	AS 'MODULE_PATHNAME', 'vecstore_from_float4_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION array_to_vecstore(real[], integer, boolean) IS 'flat array without NULL to vecstore: exact';

CREATE FUNCTION array_to_vecstore(double precision[], integer, boolean) RETURNS vecstore
	AS 'MODULE_PATHNAME', 'vecstore_from_float8_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION array_to_vecstore(double precision[], integer, boolean) IS 'flat array without NULL to vecstore: rounded to float4; error 22003 when an element is too large';

CREATE FUNCTION array_to_vecstore(integer[], integer, boolean) RETURNS vecstore
	AS 'MODULE_PATHNAME', 'vecstore_from_int4_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION array_to_vecstore(integer[], integer, boolean) IS 'flat array without NULL to vecstore: rounded to float4 beyond 2^24';

CREATE FUNCTION array_to_vecstore(numeric[], integer, boolean) RETURNS vecstore
	AS 'MODULE_PATHNAME', 'vecstore_from_numeric_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION array_to_vecstore(numeric[], integer, boolean) IS 'flat array without NULL to vecstore: rounded to float4; error 22003 when an element is too large';

CREATE FUNCTION vecstore_to_float4(vecstore, integer, boolean) RETURNS real[]
	AS 'MODULE_PATHNAME', 'vecstore_to_float4_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION vecstore_to_float4(vecstore, integer, boolean) IS 'vecstore to array: exact';

CREATE FUNCTION vecstore_to_float8(vecstore, integer, boolean) RETURNS double precision[]
	AS 'MODULE_PATHNAME', 'vecstore_to_float8_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION vecstore_to_float8(vecstore, integer, boolean) IS 'vecstore to array: exact';

CREATE FUNCTION vecstore_to_int4(vecstore, integer, boolean) RETURNS integer[]
	AS 'MODULE_PATHNAME', 'vecstore_to_int4_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION vecstore_to_int4(vecstore, integer, boolean) IS 'vecstore to array: rounded half to even; error 22003 when an element does not fit';

CREATE FUNCTION vecstore_to_numeric(vecstore, integer, boolean) RETURNS numeric[]
	AS 'MODULE_PATHNAME', 'vecstore_to_numeric_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION vecstore_to_numeric(vecstore, integer, boolean) IS 'vecstore to array: shortest decimals that name the same floats';

CREATE CAST (real[] AS vecstore)
	WITH FUNCTION array_to_vecstore(real[], integer, boolean) AS ASSIGNMENT;

CREATE CAST (double precision[] AS vecstore)
	WITH FUNCTION array_to_vecstore(double precision[], integer, boolean) AS ASSIGNMENT;

CREATE CAST (integer[] AS vecstore)
	WITH FUNCTION array_to_vecstore(integer[], integer, boolean) AS ASSIGNMENT;

CREATE CAST (numeric[] AS vecstore)
	WITH FUNCTION array_to_vecstore(numeric[], integer, boolean) AS ASSIGNMENT;

-- Only one implicit cast, so that a call is never ambiguous.
CREATE CAST (vecstore AS real[])
	WITH FUNCTION vecstore_to_float4(vecstore, integer, boolean) AS IMPLICIT;

CREATE CAST (vecstore AS double precision[])
	WITH FUNCTION vecstore_to_float8(vecstore, integer, boolean) AS ASSIGNMENT;

CREATE CAST (vecstore AS integer[])
	WITH FUNCTION vecstore_to_int4(vecstore, integer, boolean) AS ASSIGNMENT;

CREATE CAST (vecstore AS numeric[])
	WITH FUNCTION vecstore_to_numeric(vecstore, integer, boolean) AS ASSIGNMENT;

--
-- Functions of one vector
--

CREATE FUNCTION vector_dims(vecstore) RETURNS integer
	AS 'MODULE_PATHNAME', 'vecstore_dims' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_dims(vecstore) IS 'number of dimensions';

CREATE FUNCTION vector_norm(vecstore) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecstore_norm' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION vector_norm(vecstore) IS 'Euclidean norm';

CREATE FUNCTION l2_normalize(vecstore) RETURNS vecstore
	AS 'MODULE_PATHNAME', 'vecstore_l2_normalize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION l2_normalize(vecstore) IS 'vector scaled to Euclidean norm 1; the zero vector stays as it is';

CREATE FUNCTION subvector(vecstore, integer, integer) RETURNS vecstore
	AS 'MODULE_PATHNAME', 'vecstore_subvector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION subvector(vecstore, integer, integer) IS 'part of a vector: first element, counted from 1, and number of elements; error 22000 when nothing is left';

CREATE FUNCTION binary_quantize(vecstore) RETURNS bit
	AS 'MODULE_PATHNAME', 'vecstore_binary_quantize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION binary_quantize(vecstore) IS 'one bit an element: 1 where it is greater than 0';

--
-- Arithmetic
--

CREATE FUNCTION vecstore_add(vecstore, vecstore) RETURNS vecstore
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION vecstore_add(vecstore, vecstore) IS 'sum, element by element; error 22000 when the dimensions differ, 22003 on overflow';

CREATE OPERATOR + (LEFTARG = vecstore, RIGHTARG = vecstore, FUNCTION = vecstore_add, COMMUTATOR = +);
COMMENT ON OPERATOR + (vecstore, vecstore) IS 'sum, element by element';

CREATE FUNCTION vecstore_sub(vecstore, vecstore) RETURNS vecstore
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION vecstore_sub(vecstore, vecstore) IS 'difference, element by element; error 22000 when the dimensions differ, 22003 on overflow';

CREATE OPERATOR - (LEFTARG = vecstore, RIGHTARG = vecstore, FUNCTION = vecstore_sub);
COMMENT ON OPERATOR - (vecstore, vecstore) IS 'difference, element by element';

CREATE FUNCTION vecstore_mul(vecstore, vecstore) RETURNS vecstore
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION vecstore_mul(vecstore, vecstore) IS 'product, element by element; error 22000 when the dimensions differ, 22003 on overflow';

CREATE OPERATOR * (LEFTARG = vecstore, RIGHTARG = vecstore, FUNCTION = vecstore_mul, COMMUTATOR = *);
COMMENT ON OPERATOR * (vecstore, vecstore) IS 'product, element by element';

CREATE FUNCTION vecstore_concat(vecstore, vecstore) RETURNS vecstore
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_concat(vecstore, vecstore) IS 'elements of the first vector, then those of the second; error 54000 above 16000 dimensions';

CREATE OPERATOR || (LEFTARG = vecstore, RIGHTARG = vecstore, FUNCTION = vecstore_concat);
COMMENT ON OPERATOR || (vecstore, vecstore) IS 'elements of the first vector, then those of the second';

--
-- Metrics (the list is VS_METRICS in src/distance/metrics.h)
--
-- COST, in cpu_operator_cost of about 5 ns: L2 took 0.03 us at 32 dimensions,
-- 0.35 us at 384, and 11 us at 784, where the vector lies out of line.  One
-- number stands for all, so it is between: a scan of the table that computes
-- every distance must not look cheaper than the index's search.
--

CREATE FUNCTION l2_distance(vecstore, vecstore) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecstore_l2_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION l2_distance(vecstore, vecstore) IS 'Euclidean distance: sqrt(sum (a-b)^2); error 22000 when the dimensions differ';

CREATE OPERATOR <-> (LEFTARG = vecstore, RIGHTARG = vecstore, FUNCTION = l2_distance, COMMUTATOR = <->);
COMMENT ON OPERATOR <-> (vecstore, vecstore) IS 'Euclidean distance';

CREATE FUNCTION negative_inner_product(vecstore, vecstore) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecstore_negative_inner_product' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION negative_inner_product(vecstore, vecstore) IS 'negative inner product: -sum a*b; error 22000 when the dimensions differ';

CREATE OPERATOR <#> (LEFTARG = vecstore, RIGHTARG = vecstore, FUNCTION = negative_inner_product, COMMUTATOR = <#>);
COMMENT ON OPERATOR <#> (vecstore, vecstore) IS 'negative inner product';

CREATE FUNCTION cosine_distance(vecstore, vecstore) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecstore_cosine_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION cosine_distance(vecstore, vecstore) IS 'cosine distance: 1 - a.b/(|a||b|); NaN with a zero vector; error 22000 when the dimensions differ';

CREATE OPERATOR <=> (LEFTARG = vecstore, RIGHTARG = vecstore, FUNCTION = cosine_distance, COMMUTATOR = <=>);
COMMENT ON OPERATOR <=> (vecstore, vecstore) IS 'cosine distance';

CREATE FUNCTION l1_distance(vecstore, vecstore) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecstore_l1_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION l1_distance(vecstore, vecstore) IS 'Manhattan distance: sum |a-b|; error 22000 when the dimensions differ';

CREATE OPERATOR <+> (LEFTARG = vecstore, RIGHTARG = vecstore, FUNCTION = l1_distance, COMMUTATOR = <+>);
COMMENT ON OPERATOR <+> (vecstore, vecstore) IS 'Manhattan distance';

CREATE FUNCTION hamming_distance(vecstore, vecstore) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecstore_hamming_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION hamming_distance(vecstore, vecstore) IS 'Hamming distance: number of coordinates that differ; error 22000 when the dimensions differ';

CREATE OPERATOR <~> (LEFTARG = vecstore, RIGHTARG = vecstore, FUNCTION = hamming_distance, COMMUTATOR = <~>);
COMMENT ON OPERATOR <~> (vecstore, vecstore) IS 'Hamming distance';

CREATE FUNCTION jaccard_distance(vecstore, vecstore) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecstore_jaccard_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION jaccard_distance(vecstore, vecstore) IS 'Jaccard distance of the sets of non-zero coordinates: 1 - |A&B|/|A or B|; 0 for two zero vectors; error 22000 when the dimensions differ';

CREATE OPERATOR <%> (LEFTARG = vecstore, RIGHTARG = vecstore, FUNCTION = jaccard_distance, COMMUTATOR = <%>);
COMMENT ON OPERATOR <%> (vecstore, vecstore) IS 'Jaccard distance of the sets of non-zero coordinates';

CREATE FUNCTION chebyshev_distance(vecstore, vecstore) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecstore_chebyshev_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION chebyshev_distance(vecstore, vecstore) IS 'Chebyshev distance: max |a-b|; error 22000 when the dimensions differ';

CREATE OPERATOR <^> (LEFTARG = vecstore, RIGHTARG = vecstore, FUNCTION = chebyshev_distance, COMMUTATOR = <^>);
COMMENT ON OPERATOR <^> (vecstore, vecstore) IS 'Chebyshev distance';

CREATE FUNCTION canberra_distance(vecstore, vecstore) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecstore_canberra_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION canberra_distance(vecstore, vecstore) IS 'Canberra distance: sum |a-b|/(|a|+|b|), where 0/0 is 0; error 22000 when the dimensions differ';

CREATE OPERATOR </> (LEFTARG = vecstore, RIGHTARG = vecstore, FUNCTION = canberra_distance, COMMUTATOR = </>);
COMMENT ON OPERATOR </> (vecstore, vecstore) IS 'Canberra distance';

CREATE FUNCTION bray_curtis_distance(vecstore, vecstore) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecstore_bray_curtis_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION bray_curtis_distance(vecstore, vecstore) IS 'Bray-Curtis distance: sum |a-b| / sum |a+b|; 0/0 is 0, x/0 is Infinity; error 22000 when the dimensions differ';

CREATE OPERATOR <*> (LEFTARG = vecstore, RIGHTARG = vecstore, FUNCTION = bray_curtis_distance, COMMUTATOR = <*>);
COMMENT ON OPERATOR <*> (vecstore, vecstore) IS 'Bray-Curtis distance';

CREATE FUNCTION inner_product(vecstore, vecstore) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecstore_inner_product' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION inner_product(vecstore, vecstore) IS 'inner product: sum a*b; error 22000 when the dimensions differ';

CREATE FUNCTION vecstore_kernel() RETURNS text
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_kernel() IS 'instruction set of the distance kernels in force: portable, avx2, avx512 or neon; see the setting vecstore.kernel';

CREATE FUNCTION vecstore_kernel_distance(metric text, a vecstore, b vecstore) RETURNS double precision
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION vecstore_kernel_distance(metric text, a vecstore, b vecstore) IS 'distance as an index computes it: in float, with the instruction set in force; metric is l2, ip, cosine, l1, hamming, jaccard, chebyshev, canberra or bray_curtis';

--
-- Comparison: element by element, then by length
--

CREATE FUNCTION vecstore_lt(vecstore, vecstore) RETURNS boolean
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_lt(vecstore, vecstore) IS 'whether the first vector is before the second in the order of btree';

CREATE FUNCTION vecstore_le(vecstore, vecstore) RETURNS boolean
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_le(vecstore, vecstore) IS 'whether the first vector is before or equal to the second in the order of btree';

CREATE FUNCTION vecstore_eq(vecstore, vecstore) RETURNS boolean
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_eq(vecstore, vecstore) IS 'whether the first vector is equal to the second in the order of btree';

CREATE FUNCTION vecstore_ne(vecstore, vecstore) RETURNS boolean
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_ne(vecstore, vecstore) IS 'whether the first vector is different from the second in the order of btree';

CREATE FUNCTION vecstore_ge(vecstore, vecstore) RETURNS boolean
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_ge(vecstore, vecstore) IS 'whether the first vector is after or equal to the second in the order of btree';

CREATE FUNCTION vecstore_gt(vecstore, vecstore) RETURNS boolean
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_gt(vecstore, vecstore) IS 'whether the first vector is after the second in the order of btree';

CREATE FUNCTION vecstore_cmp(vecstore, vecstore) RETURNS integer
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_cmp(vecstore, vecstore) IS 'order of two vectors for btree: negative, 0 or positive';

CREATE FUNCTION vecstore_hash(vecstore) RETURNS integer
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_hash(vecstore) IS 'hash of a vector';

CREATE FUNCTION vecstore_hash_extended(vecstore, bigint) RETURNS bigint
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_hash_extended(vecstore, bigint) IS '64-bit hash of a vector with a seed';

CREATE OPERATOR < (
	LEFTARG = vecstore, RIGHTARG = vecstore, FUNCTION = vecstore_lt,
	COMMUTATOR = >, NEGATOR = >=, RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR < (vecstore, vecstore) IS 'before, element by element and then by length';

CREATE OPERATOR <= (
	LEFTARG = vecstore, RIGHTARG = vecstore, FUNCTION = vecstore_le,
	COMMUTATOR = >=, NEGATOR = >, RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR <= (vecstore, vecstore) IS 'before or equal to, element by element and then by length';

CREATE OPERATOR = (
	LEFTARG = vecstore, RIGHTARG = vecstore, FUNCTION = vecstore_eq,
	COMMUTATOR = =, NEGATOR = <>, RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR = (vecstore, vecstore) IS 'equal to, element by element and then by length';

CREATE OPERATOR <> (
	LEFTARG = vecstore, RIGHTARG = vecstore, FUNCTION = vecstore_ne,
	COMMUTATOR = <>, NEGATOR = =, RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR <> (vecstore, vecstore) IS 'different from, element by element and then by length';

CREATE OPERATOR >= (
	LEFTARG = vecstore, RIGHTARG = vecstore, FUNCTION = vecstore_ge,
	COMMUTATOR = <=, NEGATOR = <, RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR >= (vecstore, vecstore) IS 'after or equal to, element by element and then by length';

CREATE OPERATOR > (
	LEFTARG = vecstore, RIGHTARG = vecstore, FUNCTION = vecstore_gt,
	COMMUTATOR = <, NEGATOR = <=, RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR > (vecstore, vecstore) IS 'after, element by element and then by length';

CREATE OPERATOR CLASS vecstore_ops DEFAULT FOR TYPE vecstore USING btree AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 vecstore_cmp(vecstore, vecstore);
COMMENT ON OPERATOR CLASS vecstore_ops USING btree IS 'order of vectors: element by element, then by length';

CREATE OPERATOR CLASS vecstore_ops DEFAULT FOR TYPE vecstore USING hash AS
	OPERATOR 1 =,
	FUNCTION 1 vecstore_hash(vecstore),
	FUNCTION 2 vecstore_hash_extended(vecstore, bigint);
COMMENT ON OPERATOR CLASS vecstore_ops USING hash IS 'equality of vectors';

--
-- Aggregates
--

CREATE FUNCTION vecstore_accum(internal, vecstore) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION vecstore_accum(internal, vecstore) IS 'transition function of sum(vecstore) and avg(vecstore)';

CREATE FUNCTION vecstore_accum_combine(internal, internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION vecstore_accum_combine(internal, internal) IS 'combine function of sum(vecstore) and avg(vecstore)';

CREATE FUNCTION vecstore_accum_serialize(internal) RETURNS bytea
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_accum_serialize(internal) IS 'state of sum(vecstore) and avg(vecstore) as bytea';

CREATE FUNCTION vecstore_accum_deserialize(bytea, internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_accum_deserialize(bytea, internal) IS 'state of sum(vecstore) and avg(vecstore) from bytea';

CREATE FUNCTION vecstore_sum_final(internal) RETURNS vecstore
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_sum_final(internal) IS 'final function of sum(vecstore)';

CREATE FUNCTION vecstore_avg_final(internal) RETURNS vecstore
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_avg_final(internal) IS 'final function of avg(vecstore)';

CREATE AGGREGATE sum(vecstore) (
	SFUNC = vecstore_accum,
	STYPE = internal,
	FINALFUNC = vecstore_sum_final,
	COMBINEFUNC = vecstore_accum_combine,
	SERIALFUNC = vecstore_accum_serialize,
	DESERIALFUNC = vecstore_accum_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE sum(vecstore) IS 'sum of the vectors, element by element, summed in double; error 22000 when dimensions differ, 22003 on overflow';

CREATE AGGREGATE avg(vecstore) (
	SFUNC = vecstore_accum,
	STYPE = internal,
	FINALFUNC = vecstore_avg_final,
	COMBINEFUNC = vecstore_accum_combine,
	SERIALFUNC = vecstore_accum_serialize,
	DESERIALFUNC = vecstore_accum_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE avg(vecstore) IS 'mean of the vectors, element by element, summed in double; error 22000 when dimensions differ';
