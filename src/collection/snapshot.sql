
-- snapshot.sql: snapshots of collections, and files.  docs/store.md describes them.
--
-- A snapshot is a table beside its collection, with the same columns and the
-- trigger vecstore_snapshot, which refuses whatever would write to it.  The
-- trigger's arguments say how many rows the snapshot has, when it was made (in
-- microseconds since 1970) and what it is called.  Its condition, WHEN ('acme.docs'::regclass IS NOT NULL),
-- names the collection: PostgreSQL keeps that right when the collection is
-- renamed, moved or dumped, and drops no collection that has snapshots.
--
-- Anybody who may make tables can make one that looks like a snapshot.  So odd
-- arguments must not make the view fail, the owner of a snapshot must be one who
-- may write the collection, and who restores it must run nothing of the owner's: a
-- snapshot is no view, and no cast but PostgreSQL's own turns its values into those
-- of the collection.
--
-- Row security would leave rows out without a word, so where it applies these
-- functions fail (row_security = off).

CREATE VIEW vecstore.snapshots WITH (security_barrier) AS
	SELECT n.nspname AS namespace, d.refobjid::regclass AS collection,
		convert_from(decode(a.about[3], 'escape'), getdatabaseencoding()) AS name, a.about[1]::bigint AS rows,
		pg_total_relation_size(c.oid) AS bytes,
		timestamptz 'epoch' + a.about[2]::bigint * interval '1 microsecond' AS created_at, c.oid::regclass AS snapshot
	FROM pg_catalog.pg_trigger t
		JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
		JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		JOIN vecstore.namespace_settings s ON s.name = n.nspname
		JOIN pg_catalog.pg_depend d ON d.classid = 'pg_trigger'::regclass AND d.objid = t.oid
			AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> c.oid
		CROSS JOIN LATERAL (SELECT CASE WHEN t.tgnargs = 3 THEN regexp_match(encode(t.tgargs, 'escape'),
			'^(\d{1,18})\\000(\d{1,16})\\000(.+)\\000$') END AS about) a
	WHERE t.tgname = 'vecstore_snapshot' AND t.tgfoid = 'vecstore.guard()'::regprocedure AND c.relkind = 'r'
		AND a.about IS NOT NULL
		AND has_table_privilege(c.relowner, d.refobjid, 'UPDATE, DELETE, TRUNCATE')
		AND vecstore.can_see(s.name, s.owner);
ALTER VIEW vecstore.snapshots OWNER TO @extowner@;
COMMENT ON VIEW vecstore.snapshots IS 'the snapshots in the namespaces that the current user may use or administer';
GRANT SELECT ON vecstore.snapshots TO PUBLIC;

CREATE FUNCTION vecstore.list_snapshots(collection text DEFAULT NULL) RETURNS SETOF vecstore.snapshots
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		SELECT * FROM vecstore.snapshots s
		WHERE $1 IS NULL OR s.collection = vecstore.collection($1)
		ORDER BY s.namespace, s.collection::text, s.created_at, s.name;
	END;
COMMENT ON FUNCTION vecstore.list_snapshots(text) IS
	'the snapshots of a collection, or all that the current user may see, with rows, bytes and the time they are of';

CREATE FUNCTION vecstore.snapshot(collection text, name text) RETURNS regclass
	LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
DECLARE
	place regclass := vecstore.collection(collection);
	found_snapshot regclass;
BEGIN
	SELECT s.snapshot INTO found_snapshot FROM vecstore.snapshots s WHERE s.collection OPERATOR(pg_catalog.=) place AND s.name OPERATOR(pg_catalog.=) $2;
	IF NOT FOUND THEN
		RAISE 'collection % has no snapshot "%"', place, name
			USING ERRCODE = 'undefined_object', HINT = 'vecstore.list_snapshots() shows those there are.';
	END IF;
	RETURN found_snapshot;
END
$$;
COMMENT ON FUNCTION vecstore.snapshot(text, text) IS 'the table of a snapshot; an error if there is none of this name';

CREATE FUNCTION vecstore.has_snapshot(collection regclass, name text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecstore_has_snapshot' LANGUAGE C STRICT;
COMMENT ON FUNCTION vecstore.has_snapshot(regclass, text) IS
	'has a collection a snapshot of this name now, whatever the isolation level?';

CREATE FUNCTION vecstore.admit_snapshot(snapshot regclass) RETURNS void
	AS 'MODULE_PATHNAME', 'vecstore_admit_snapshot' LANGUAGE C STRICT;
COMMENT ON FUNCTION vecstore.admit_snapshot(regclass) IS
	'an error if a snapshot takes more storage than its namespace may have';

-- The lock, which only those get who may write, keeps two of these apart and
-- lets writers go on.  Who has waited for it sees what the other did, even if his
-- transaction's view is older (has_snapshot).
CREATE FUNCTION vecstore.create_snapshot(collection text, name text) RETURNS bigint
	LANGUAGE plpgsql SET row_security = off AS $$
DECLARE
	place regclass := vecstore.collection(collection);
	target record;
	table_name name;
	copy text;
	n integer := 2;
	moment timestamptz;
	done bigint;
BEGIN
	IF name IS NULL OR name OPERATOR(pg_catalog.=) '' OR pg_catalog.octet_length(name) OPERATOR(pg_catalog.>) 63 THEN
		RAISE 'a snapshot needs a name of at most 63 bytes' USING ERRCODE = 'invalid_name';
	END IF;
	SELECT a.namespace, a.name, a.owner INTO target FROM vecstore.admit_name(collection) a;
	EXECUTE pg_catalog.format('LOCK TABLE %s IN SHARE UPDATE EXCLUSIVE MODE', place);
	IF vecstore.has_snapshot(place, name) THEN
		RAISE 'collection % has a snapshot "%" already', place, name USING ERRCODE = 'duplicate_object';
	END IF;

	-- What it is called in the catalogs is for eyes only.
	table_name := pg_catalog.format('%s@%s', target.name, name);
	LOOP
		copy := pg_catalog.format('%I.%I', target.namespace, table_name);
		EXIT WHEN pg_catalog.to_regclass(copy) IS NULL;
		table_name := pg_catalog.format('%s@%s@%s', n, target.name, name);
		n := n OPERATOR(pg_catalog.+) 1;
	END LOOP;
	EXECUTE pg_catalog.format('CREATE TABLE %s (LIKE %s INCLUDING STORAGE INCLUDING COMPRESSION)', copy, place);
	moment := pg_catalog.clock_timestamp();
	EXECUTE pg_catalog.format('INSERT INTO %s SELECT * FROM %s', copy, place);
	GET DIAGNOSTICS done = ROW_COUNT;
	EXECUTE pg_catalog.format('ALTER TABLE %s ADD PRIMARY KEY (id)', copy);
	EXECUTE pg_catalog.format('CREATE TRIGGER vecstore_snapshot BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s
		FOR EACH STATEMENT WHEN (%L::pg_catalog.regclass IS NOT NULL) EXECUTE FUNCTION vecstore.guard(%s, %s, %L)', copy, place,
		done, (extract(epoch FROM moment) OPERATOR(pg_catalog.*) 1000000)::bigint, name);
	PERFORM vecstore.admit_snapshot(copy::regclass);

	-- a snapshot has no row security
	IF NOT (SELECT c.relrowsecurity FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) place) THEN
		PERFORM vecstore.share_table(copy::regclass, target.owner, 'SELECT');
	END IF;
	RETURN done;
END
$$;
COMMENT ON FUNCTION vecstore.create_snapshot(text, text) IS
	'keeps a copy of all rows of a collection as they are now, while others write; returns their number';

-- Rows that are as they were stay untouched, so that a restoration costs what
-- has changed, indexes and quotas follow by themselves and readers see the old
-- rows until the end of the transaction.  In another isolation level than READ
-- COMMITTED, rows that came meanwhile would stay unseen, and stay.
CREATE FUNCTION vecstore.restore_snapshot(collection text, name text) RETURNS bigint
	LANGUAGE plpgsql STRICT SET row_security = off AS $$
DECLARE
	place regclass := vecstore.collection(collection);
	copy regclass := vecstore.snapshot(collection, name);
	batch bigint;
	columns text;
	old_values text;
	new_values text;
	changes text;
	other_types text;
	wanted text[];
	n bigint;
	done bigint;
BEGIN
	IF pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.<>) ALL (ARRAY['read committed', 'read uncommitted']) THEN
		RAISE 'restore_snapshot needs the isolation level READ COMMITTED' USING ERRCODE = 'invalid_transaction_state';
	END IF;
	SELECT greatest(coalesce(l.max_batch_size, 10000), 1) INTO batch
		FROM pg_catalog.pg_class c JOIN vecstore.namespaces l ON l.name OPERATOR(pg_catalog.=) (
			SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE n.oid OPERATOR(pg_catalog.=) c.relnamespace)
		WHERE c.oid OPERATOR(pg_catalog.=) place;
	SELECT pg_catalog.string_agg(pg_catalog.quote_ident(c.attname), ', ' ORDER BY c.attnum),
			pg_catalog.string_agg(pg_catalog.format('t.%I', c.attname), ', ' ORDER BY c.attnum),
			pg_catalog.string_agg(pg_catalog.format('s.%I::%s', c.attname, pg_catalog.format_type(c.atttypid, c.atttypmod)), ', ' ORDER BY c.attnum),
			pg_catalog.string_agg(pg_catalog.format('%1$I = s.%1$I::%2$s', c.attname, pg_catalog.format_type(c.atttypid, c.atttypmod)), ', ')
				FILTER (WHERE c.attidentity OPERATOR(pg_catalog.<>) 'a'),
			-- 16384 is the first oid that is not PostgreSQL's own
			pg_catalog.string_agg(pg_catalog.quote_ident(c.attname), ', ' ORDER BY c.attnum)
				FILTER (WHERE c.atttypid OPERATOR(pg_catalog.<>) s.atttypid
					AND greatest(c.atttypid, s.atttypid) OPERATOR(pg_catalog.>=) 16384::oid)
		INTO columns, old_values, new_values, changes, other_types
		FROM pg_catalog.pg_attribute c JOIN pg_catalog.pg_attribute s ON s.attname OPERATOR(pg_catalog.=) c.attname
		WHERE c.attrelid OPERATOR(pg_catalog.=) place AND s.attrelid OPERATOR(pg_catalog.=) copy AND c.attnum OPERATOR(pg_catalog.>) 0 AND NOT c.attisdropped AND NOT s.attisdropped
			AND c.attgenerated OPERATOR(pg_catalog.=) '';
	IF other_types IS NOT NULL THEN
		RAISE 'collection % and its snapshot "%" have columns of different types: %', place, name, other_types
			USING ERRCODE = 'datatype_mismatch';
	END IF;

	EXECUTE pg_catalog.format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', place);
	EXECUTE pg_catalog.format('DELETE FROM %s t WHERE NOT EXISTS (SELECT FROM %s s WHERE s.id OPERATOR(pg_catalog.=) t.id)', place, copy);
	GET DIAGNOSTICS done = ROW_COUNT;
	-- compared bit by bit, since not all types can be compared otherwise
	EXECUTE pg_catalog.format('UPDATE %s t SET %s FROM %s s
		WHERE s.id OPERATOR(pg_catalog.=) t.id AND ROW(%s)::record OPERATOR(pg_catalog.*<>) ROW(%s)::record',
		place, changes, copy, old_values, new_values);
	GET DIAGNOSTICS n = ROW_COUNT;
	done := done OPERATOR(pg_catalog.+) n;
	FOR wanted IN EXECUTE pg_catalog.format('SELECT pg_catalog.array_agg(id) FROM (
			SELECT s.id, pg_catalog.row_number() OVER (ORDER BY s.id) AS n FROM %s s
			WHERE NOT EXISTS (SELECT FROM %s t WHERE t.id OPERATOR(pg_catalog.=) s.id)) missing
		GROUP BY (n OPERATOR(pg_catalog.-) 1) OPERATOR(pg_catalog./) %s', copy, place, batch)
	LOOP
		EXECUTE pg_catalog.format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s s WHERE s.id OPERATOR(pg_catalog.=) ANY ($1)',
			place, columns, new_values, copy) USING wanted;
		done := done OPERATOR(pg_catalog.+) pg_catalog.cardinality(wanted);
	END LOOP;
	RETURN done;
END
$$;
COMMENT ON FUNCTION vecstore.restore_snapshot(text, text) IS
	'makes the rows of a collection what they were when a snapshot was made, while others read; returns how many were removed, changed and added';

CREATE FUNCTION vecstore.drop_snapshot(collection text, name text) RETURNS void
	LANGUAGE plpgsql STRICT AS $$
BEGIN
	PERFORM vecstore.admit_name(collection);
	EXECUTE pg_catalog.format('DROP TABLE %s', vecstore.snapshot(collection, name));
END
$$;
COMMENT ON FUNCTION vecstore.drop_snapshot(text, text) IS 'drops a snapshot of a collection';

-- COPY itself asks for the roles pg_write_server_files and pg_read_server_files.
CREATE FUNCTION vecstore.export_collection(collection text, path text, snapshot text DEFAULT NULL) RETURNS bigint
	LANGUAGE plpgsql SET row_security = off AS $$
DECLARE
	source regclass := vecstore.collection(collection);
	done bigint;
BEGIN
	IF path IS NULL THEN
		RAISE 'export_collection needs the path of a file' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF snapshot IS NOT NULL THEN
		source := vecstore.snapshot(collection, snapshot);
	END IF;
	EXECUTE pg_catalog.format('COPY %s (id, embedding, metadata, document, created_at, updated_at, deleted_at) TO %L (FORMAT binary)',
		source, path);
	GET DIAGNOSTICS done = ROW_COUNT;
	RETURN done;
END
$$;
COMMENT ON FUNCTION vecstore.export_collection(text, text, text) IS
	'writes the rows of a collection, or of a snapshot of it, to a file of the server; returns their number';

CREATE FUNCTION vecstore.import_collection(collection text, path text) RETURNS bigint
	LANGUAGE plpgsql STRICT AS $$
DECLARE
	done bigint;
BEGIN
	EXECUTE pg_catalog.format('COPY %s (id, embedding, metadata, document, created_at, updated_at, deleted_at) FROM %L (FORMAT binary)',
		vecstore.collection(collection), path);
	GET DIAGNOSTICS done = ROW_COUNT;
	RETURN done;
END
$$;
COMMENT ON FUNCTION vecstore.import_collection(text, text) IS
	'adds the rows of a file of the server, which export_collection wrote, to a collection; returns their number';
