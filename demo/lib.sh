# lib.sh: functions of the demo's scripts; sourced in the repository's root
# folder, after dev/pg.sh.
#
# What the demo keeps between runs is in build/demo: place (the folder of the
# running server), bindir (that server's programs), the downloads and the logs.

state=build/demo

# ---- What the user reads ----

if [ -t 1 ] && [ "${TERM:-dumb}" != dumb ]; then
	clear_line=$'\r\e[K'
else
	clear_line=''
fi
if [ -n "$clear_line" ] && [ -z "${NO_COLOR:-}" ]; then
	strong=$'\e[1m' faint=$'\e[2m' plain=$'\e[0m'
else
	strong='' faint='' plain=''
fi
step_number=0
step_started=0
last_progress=0

bold()
{
	printf '%s%s%s\n' "$strong" "$1" "$plain"
}

note()
{
	printf '%s      note: %s\n' "$clear_line" "$1"
}

# Tenths of a second since the machine started.
now()
{
	awk '{printf "%d", $1 * 10}' /proc/uptime
}

# Begin a step: "[1/6] text".
step()
{
	step_number=$((step_number + 1))
	step_started=$(now)
	last_progress=$step_started
	bold "[$step_number/$steps] $1"
}

# End it with its result and the seconds it took.
step_done()
{
	local took

	took=$(($(now) - step_started))
	printf '%s      %-82s%s%6d.%d s%s\n' "$clear_line" "$1" "$faint" $((took / 10)) $((took % 10)) "$plain"
}

# How far a long step is: one changing line on a terminal; in a file or a pipe
# a line of its own, at most every ten seconds.
progress()
{
	[ -n "$1" ] || return 0
	if [ -n "$clear_line" ]; then
		printf '%s      %s' "$clear_line" "$1"
	elif [ $(($(now) - last_progress)) -ge 100 ]; then
		last_progress=$(now)
		printf '      %s\n' "$1"
	fi
}

# ---- The server ----

# psql in the demo's database; settings of the user's own psql do not count.
sql()
{
	env -u PGSERVICE -u PGOPTIONS -u PGDATABASE -u PGUSER -u PGPORT -u PGHOSTADDR \
		PGHOST="$(cat "$state/place")" \
		"$(cat "$state/bindir")/psql" -X -q -P pager=off -U postgres -d demo -v ON_ERROR_STOP=1 "$@"
}

# Stop the server of the last run, if there is one, and delete its files.
# True when there was one.
stop_server()
{
	local place bindir

	place=$(cat "$state/place" 2>/dev/null) || return 1
	bindir=$(cat "$state/bindir")
	# Delete nothing but what start_server() has made.
	case "$place" in
		*/vecstore-demo.??????) ;;
		*) die "$state/place does not name a folder of the demo: $place" "Delete $state and look for yourself." ;;
	esac
	if [ -d "$place" ]; then
		[ "$(id -u)" -eq 0 ] || [ -O "$place" ] ||
			die "the demo's server belongs to $(stat -c %U "$place")" "Stop it as that user or as root: demo/stop"
		if as_server_user "$bindir/pg_ctl" -D "$place/data" status >/dev/null 2>&1; then
			as_server_user "$bindir/pg_ctl" -D "$place/data" -m immediate -w stop >/dev/null ||
				die "could not stop the server in $place/data"
		fi
		rm -rf "$place"
	fi
	rm -f "$state/place" "$state/bindir"
}
