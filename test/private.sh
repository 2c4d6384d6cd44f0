# private.sh: a private copy of the tree and of a server's programs, in which
# root hands over to "nobody"; sourced, after dev/pg.sh, by the bash scripts
# that run tests, soaks and benchmarks.
#
#	make_private_copy PREFIX	a new folder PREFIX.XXXXXX with both; sets
#								work, copied (its pg_config) and as_nobody
#	copy_server PG_CONFIG DIR	a server's programs below DIR; sets copied
#	server_perl FILE ARG...		perl with PostgreSQL's own test modules

# The server finds its files by their place relative to the program, so a copy
# under another root folder is a server of its own.
copy_server()
{
	local pg_config=$1 root=$2 bindir dir program

	bindir=$("$pg_config" --bindir)
	for dir in "$("$pg_config" --pkglibdir)" "$("$pg_config" --sharedir)"; do
		mkdir -p "$root$dir"
		cp -a "$dir/." "$root$dir"
	done
	mkdir -p "$root$bindir"
	for program in postgres initdb psql pgbench createdb createuser dropdb dropuser vacuumdb \
		reindexdb clusterdb 'pg_*'
	do
		cp -a "$bindir"/$program "$root$bindir" 2>/dev/null || true
	done
	# Mostly the second folder lies in the first.
	for dir in "$("$pg_config" --includedir)" "$("$pg_config" --includedir-server)"; do
		mkdir -p "$(dirname "$root$dir")"
		[ -e "$root$dir" ] || ln -s "$dir" "$root$dir"
	done
	copied=$root$bindir/pg_config
	case $("$copied" --pkglibdir) in
		"$root"/*) ;;
		*) die "the server of $pg_config does not work from another folder" ;;
	esac
}

# The folder, which the caller removes, is $work: tree/, server/, home/.  The
# array as_nobody is the beginning of a command that runs as nobody (as
# ourselves, unless we are root) with an environment of its own.
make_private_copy()
{
	local pg_config

	if command -v dpkg-query >/dev/null; then
		dev/install check
	else
		echo "Not a Debian system: docs/testing.md lists what must be there."
	fi
	pg_config=$(find_pg_config) || die "no PostgreSQL server with development files found"

	work=$(mktemp -d "$1.XXXXXX")
	mkdir "$work/tree" "$work/server" "$work/home"
	dev/export "$work/tree"

	copy_server "$pg_config" "$work/server"

	as_nobody=()
	if [ "$(id -u)" = 0 ]; then
		chown -R nobody: "$work"
		chmod 755 "$work"
		as_nobody=(runuser -u nobody --)
	fi
	as_nobody+=(env -i PATH="$("$copied" --bindir):/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
		HOME="$work/home" TERM="${TERM:-dumb}" LC_ALL=C.UTF-8 PG_CONFIG="$copied")
}

# To be called in the tree's root folder, with PG_CONFIG set.  PostgreSQL's test
# modules write under build/check/t.
server_perl()
{
	local pgxs

	pgxs=$(dirname "$("$PG_CONFIG" --pgxs)")/../..
	mkdir -p build/check/t
	env -u PGHOST -u PGUSER \
		PERL5LIB="$pgxs/src/test/perl:$PWD/test/t" \
		PG_REGRESS="$pgxs/src/test/regress/pg_regress" \
		top_builddir="$PWD" TESTDIR="$PWD/build/check/t" \
		TESTDATADIR="$PWD/build/check/t/tmp_check" \
		TESTLOGDIR="$PWD/build/check/t/tmp_check/log" PGPORT=65432 \
		${SERVER_PERL_LIMIT:+timeout -k 10 "$SERVER_PERL_LIMIT"} perl "$@"
}
