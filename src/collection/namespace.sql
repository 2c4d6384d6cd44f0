
-- namespace.sql: namespaces, which are schemas.  docs/store.md describes them.
--
-- Nothing here runs with more rights than its caller has.  Who may make
-- namespaces and set quotas is decided by the rights on the view
-- vecstore.namespaces, which belongs to the extension's owner and which all may
-- read: it shows them the namespaces that they may use.  A schema is known by its
-- name, so that the table below it can be dumped and restored.

-- From here on all is in the schema vecstore, and what is of @extschema@ is called
-- so.  Others may have put operators and functions there that suit the types at
-- hand better than PostgreSQL's own: views and bodies read now must not find them.
SET LOCAL search_path = pg_catalog, pg_temp;

CREATE TABLE vecstore.namespace_settings (
	name name PRIMARY KEY,
	owner name,
	status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'read_only', 'suspended')),
	max_vectors bigint CHECK (max_vectors >= 0),
	max_storage_bytes bigint CHECK (max_storage_bytes >= 0),
	max_dimension bigint CHECK (max_dimension >= 0),
	max_collections bigint CHECK (max_collections >= 0),
	max_batch_size bigint CHECK (max_batch_size >= 0),
	max_query_results bigint CHECK (max_query_results >= 0),
	created_at timestamptz NOT NULL DEFAULT now(),
	suspended_grants jsonb
);
ALTER TABLE vecstore.namespace_settings OWNER TO @extowner@;
COMMENT ON TABLE vecstore.namespace_settings IS 'the schemas that are namespaces, with their status and quotas, for vecstore.namespaces';
COMMENT ON COLUMN vecstore.namespace_settings.owner IS 'the role that may make collections here; NULL: only the schema''s owner';
COMMENT ON COLUMN vecstore.namespace_settings.suspended_grants IS 'rights on the schema to be granted again after a suspension';
SELECT pg_catalog.pg_extension_config_dump('vecstore.namespace_settings', '');

CREATE FUNCTION vecstore.namespace_name(name text) RETURNS name
	AS 'MODULE_PATHNAME', 'vecstore_namespace_name' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore.namespace_name(text) IS 'the name that a text stands for, in lower case unless quoted';

CREATE FUNCTION vecstore.can_see(namespace name, owner name) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecstore_can_see' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION vecstore.can_see(name, name) IS 'may the current user use a namespace, or set its quotas?';

CREATE VIEW vecstore.namespaces WITH (security_barrier) AS
	SELECT name, owner, status, to_regnamespace(quote_ident(name)) IS NOT NULL AS schema_exists,
		max_vectors, max_storage_bytes, max_dimension, max_collections, max_batch_size, max_query_results, created_at,
		suspended_grants
	FROM vecstore.namespace_settings
	WHERE vecstore.can_see(name, owner);
ALTER VIEW vecstore.namespaces OWNER TO @extowner@;
COMMENT ON VIEW vecstore.namespaces IS 'the namespaces that the current user may use or administer; who may write it administers';
GRANT SELECT ON vecstore.namespaces TO PUBLIC;

CREATE FUNCTION vecstore.list_namespaces() RETURNS SETOF vecstore.namespaces
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		SELECT * FROM vecstore.namespaces ORDER BY name;
	END;
COMMENT ON FUNCTION vecstore.list_namespaces() IS 'the namespaces that the current user may use or administer, by name';

CREATE FUNCTION vecstore.get_namespace(name text) RETURNS vecstore.namespaces
	LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	found_row vecstore.namespaces;
BEGIN
	SELECT * INTO found_row FROM vecstore.namespaces l WHERE l.name = vecstore.namespace_name($1);
	IF NOT FOUND THEN
		RAISE 'namespace "%" does not exist', vecstore.namespace_name($1)
			USING ERRCODE = 'invalid_schema_name', HINT = 'vecstore.list_namespaces() shows those there are.';
	END IF;
	RETURN found_row;
END
$$;
COMMENT ON FUNCTION vecstore.get_namespace(text) IS 'a namespace, its status and quotas; an error if there is none';

CREATE FUNCTION vecstore.create_namespace(name text, owner name DEFAULT NULL, max_vectors bigint DEFAULT NULL,
		max_storage_bytes bigint DEFAULT NULL, max_dimension bigint DEFAULT NULL, max_collections bigint DEFAULT NULL,
		max_batch_size bigint DEFAULT NULL, max_query_results bigint DEFAULT NULL) RETURNS name
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	schema_name name := vecstore.namespace_name($1);
BEGIN
	IF schema_name IS NULL THEN
		RAISE 'a namespace needs a name' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	-- "public" would be everybody
	IF owner IS NOT NULL AND to_regrole(quote_ident(owner)) IS NULL THEN
		RAISE 'role "%" does not exist', owner USING ERRCODE = 'undefined_object';
	END IF;
	INSERT INTO vecstore.namespaces (name, owner, max_vectors, max_storage_bytes, max_dimension, max_collections,
			max_batch_size, max_query_results)
		VALUES (schema_name, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (name) DO NOTHING;
	IF NOT FOUND THEN
		RAISE 'namespace "%" already exists', schema_name USING ERRCODE = 'duplicate_schema';
	END IF;
	EXECUTE format('CREATE SCHEMA %I', schema_name);
	IF owner IS NOT NULL THEN
		EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %I TO %I', schema_name, owner);
	END IF;
	RETURN schema_name;
END
$$;
COMMENT ON FUNCTION vecstore.create_namespace(text, name, bigint, bigint, bigint, bigint, bigint, bigint) IS
	'makes a schema a role may fill with collections, within quotas (NULL: none)';

CREATE FUNCTION vecstore.drop_namespace(name text, cascade boolean DEFAULT false) RETURNS void
	LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	schema_name name := vecstore.namespace_name($1);
BEGIN
	DELETE FROM vecstore.namespaces n WHERE n.name = schema_name;
	IF NOT FOUND THEN
		RAISE 'namespace "%" does not exist', schema_name USING ERRCODE = 'invalid_schema_name';
	END IF;
	-- dropped by hand already?
	IF to_regnamespace(quote_ident(schema_name)) IS NULL THEN
		RETURN;
	END IF;
	EXECUTE format('DROP SCHEMA %I %s', schema_name, CASE WHEN cascade THEN 'CASCADE' ELSE 'RESTRICT' END);
EXCEPTION WHEN dependent_objects_still_exist THEN
	RAISE 'namespace "%" is not empty', schema_name
		USING ERRCODE = 'dependent_objects_still_exist', HINT = 'cascade => true drops its collections, too.';
END
$$;
COMMENT ON FUNCTION vecstore.drop_namespace(text, boolean) IS
	'drops a namespace; cascade: with all that is in its schema';

CREATE FUNCTION vecstore.set_namespace_status(name text, status text) RETURNS void
	LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	schema_name name := vecstore.namespace_name($1);
	schema_id oid := to_regnamespace(quote_ident(schema_name));
	old vecstore.namespaces;
	grants jsonb;
	right_ record;
BEGIN
	IF status NOT IN ('active', 'read_only', 'suspended') THEN
		RAISE 'unknown status "%"', status
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Statuses are active, read_only and suspended.';
	END IF;
	SELECT * INTO old FROM vecstore.namespaces n WHERE n.name = schema_name FOR UPDATE;
	IF NOT FOUND OR schema_id IS NULL THEN
		RAISE 'namespace "%" does not exist', schema_name USING ERRCODE = 'invalid_schema_name';
	END IF;
	IF (old.status = 'suspended') <> (status = 'suspended')
		AND NOT (SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE oid = schema_id) THEN
		RAISE 'must be owner of schema %', quote_ident(schema_name) USING ERRCODE = 'insufficient_privilege',
			DETAIL = 'A suspension takes away the rights on the schema, its end gives them back.';
	END IF;
	-- Triggers cannot stop a plain SELECT, but without USAGE no name in the schema is found.
	IF status = 'suspended' AND old.status <> 'suspended' THEN
		FOR right_ IN
			SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS grantee, a.privilege_type, a.is_grantable
			FROM pg_namespace, aclexplode(nspacl) a WHERE oid = schema_id AND grantee <> nspowner
		LOOP
			grants := coalesce(grants, '[]') || to_jsonb(right_);
			EXECUTE format('REVOKE ALL ON SCHEMA %I FROM %s CASCADE', schema_name, right_.grantee);
		END LOOP;
	ELSIF status <> 'suspended' AND old.status = 'suspended' THEN
		FOR right_ IN
			SELECT g ->> 'grantee' AS grantee, g ->> 'privilege_type' AS privilege, (g ->> 'is_grantable')::boolean AS grantable
			FROM jsonb_array_elements(old.suspended_grants) g
			WHERE g ->> 'grantee' = 'PUBLIC' OR to_regrole(g ->> 'grantee') IS NOT NULL
		LOOP
			EXECUTE format('GRANT %s ON SCHEMA %I TO %s%s', right_.privilege, schema_name, right_.grantee,
				CASE WHEN right_.grantable THEN ' WITH GRANT OPTION' ELSE '' END);
		END LOOP;
	ELSE
		grants := old.suspended_grants;
	END IF;
	UPDATE vecstore.namespaces n SET status = $2, suspended_grants = grants WHERE n.name = schema_name;
END
$$;
COMMENT ON FUNCTION vecstore.set_namespace_status(text, text) IS
	'active; read_only: no writing; suspended: no reading either, for all but the schema''s owner';
