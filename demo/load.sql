-- Load the packages from standard input (the columns of demo/packages.pl).

CREATE UNLOGGED TABLE loaded (
	name text,
	version text,
	section text,
	installed_size bigint,
	homepage text,
	tags text,
	summary text,
	description text
);
\copy loaded FROM pstdin
