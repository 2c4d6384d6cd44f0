-- schema.sql: the schema of the store.  It belongs to the extension; what stays
-- in @extschema@ is the type, its operators and the access methods.

CREATE SCHEMA vecstore;
COMMENT ON SCHEMA vecstore IS 'the store of the extension vecstore: namespaces, collections, filters';
GRANT USAGE ON SCHEMA vecstore TO PUBLIC;

