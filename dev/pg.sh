# pg.sh: functions that the demo and the tests share; sourced by bash scripts
# that have changed into the repository's root folder.
#
#	find_pg_config		which server to build for
#	build_and_install	make, make install for that server
#	server_user			who may run the server (it refuses to run as root)
#	as_server_user		run a command as that user
#	as_root				run a command as root, by sudo where needed

# runuser is there, also for a root whose PATH lacks it (after a plain su).
PATH=$PATH:/usr/sbin:/sbin

# Stop with a message that says what to do.
die()
{
	printf '\nerror: %s\n' "$1" >&2
	shift
	[ $# -eq 0 ] || printf '%s\n' "$@" >&2
	exit 1
}

# True when this pg_config belongs to a server we can build for and start.
pg_config_usable()
{
	[ -x "$("$1" --bindir 2>/dev/null)/initdb" ] && [ -f "$("$1" --pgxs 2>/dev/null)" ]
}

# Print the pg_config to use: $PG_CONFIG, else the newest Debian server that
# has its development files, else the one on PATH.  With $VECSTORE_PG, only a
# server of that major version will do.  Fails when there is none.
find_pg_config()
{
	local candidate

	if [ -n "${PG_CONFIG:-}" ]; then
		pg_config_usable "$PG_CONFIG" && echo "$PG_CONFIG"
		return
	fi
	for candidate in $(ls -d /usr/lib/postgresql/*/bin/pg_config 2>/dev/null | sort -t/ -k5,5 -rn) pg_config; do
		if pg_config_usable "$candidate" && { [ -z "${VECSTORE_PG:-}" ] ||
			[[ $("$candidate" --version) =~ ^PostgreSQL\ $VECSTORE_PG[^0-9] ]]; }
		then
			echo "$candidate"
			return 0
		fi
	done
	return 1
}

# Run a command as root: directly, else through sudo.
as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "this step needs root: $*" "Run the same command as root, or install sudo."
	fi
}

# The name of the user the server runs as: ourselves, unless we are root.
server_user()
{
	if [ "$(id -u)" -ne 0 ]; then
		id -un
	elif id postgres >/dev/null 2>&1; then
		echo postgres
	else
		echo nobody
	fi
}

# Run a command as the server's user.  Starts in /, which that user can read.
as_server_user()
{
	if [ "$(id -u)" -ne 0 ]; then
		"$@"
	else
		(cd / && runuser -u "$(server_user)" -- "$@")
	fi
}

# Build for the server of $1 (a pg_config) and install into it.  Objects of an
# earlier build for another server are removed first.
build_and_install()
{
	local stamp=build/built-for
	local target

	target="$1 $("$1" --version)"
	mkdir -p build
	if [ "$(cat "$stamp" 2>/dev/null)" != "$target" ]; then
		make -s PG_CONFIG="$1" clean >/dev/null
		echo "$target" >"$stamp"
	fi
	make -s -j"$(nproc)" PG_CONFIG="$1" all || return 1
	if [ -w "$("$1" --pkglibdir)" ] && [ -w "$("$1" --sharedir)/extension" ]; then
		make -s PG_CONFIG="$1" install
	else
		as_root make -s PG_CONFIG="$1" install
	fi
}
