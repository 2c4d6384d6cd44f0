-- Turn the texts into vectors.  Variable dims: how many dimensions.
--
-- The vector of a package is the sum of two: one of its name and summary, and
-- one of its description.  So the few words of the summary weigh as much as
-- the many of the description.
--
-- Rows go in as they come in life, in no order: sorted by name, packages of
-- one source come in a row, and the graph grows from one crowd to the next.

CREATE TABLE packages (
	name text PRIMARY KEY,
	version text NOT NULL,
	section text NOT NULL,
	installed_size bigint,		-- bytes
	homepage text,
	tags text,					-- debtags
	summary text NOT NULL,
	description text,
	embedding vecstore(:dims) NOT NULL
);

-- Keep the vectors in the rows and not in the TOAST table: the search without
-- the index, which we compare with, is at its best this way.
ALTER TABLE packages ALTER embedding SET STORAGE PLAIN;

INSERT INTO packages
SELECT name, version, section, installed_size, homepage, tags, summary, description,
	   l2_normalize(hash_embedding(name || ' ' || summary, :dims)
					+ coalesce(hash_embedding(description, :dims),
							   hash_embedding(name || ' ' || summary, :dims)))
FROM (SELECT name, version, coalesce(section, 'none') AS section, installed_size, homepage, tags,
			 coalesce(summary, '') AS summary, description
	  FROM loaded
	  ORDER BY md5(name)) l;

DROP TABLE loaded;
VACUUM (ANALYZE) packages;
