# root.sh: the roots of other Debian releases, in which other PostgreSQL versions are
# tested; sourced, after dev/pg.sh, by bash scripts that are run by root.
#
#	$roots						the folder that they are in
#	suite_of MAJOR				the release that has a version
#	in_root ROOT COMMAND...		run a command inside

roots=${VECSTORE_MATRIX_DIR:-/var/cache/vecstore-matrix}

# The Debian release that comes with a PostgreSQL version.
suite_of()
{
	case $1 in
		15) echo bookworm ;;
		17) echo trixie ;;
		18) echo sid ;;
		*) die "no Debian release known with PostgreSQL $1" ;;
	esac
}

# in_root ROOT COMMAND...: run a command inside, with /proc, /dev and the data
# (the folder $data, if there is one) mounted.  The mounts and all processes live in namespaces of their own, so
# that nothing is left when the command ends, however it ends.
in_root()
{
	local root=$1

	shift
	ROOT=$root DATA=${data:-} unshare --mount --pid --fork --kill-child --propagation private \
		bash -c '
			set -e
			mount -t proc proc "$ROOT/proc"
			mount --rbind /dev "$ROOT/dev"
			mount -t tmpfs -o mode=1777 tmpfs "$ROOT/dev/shm"
			if [ -n "$DATA" ]; then
				mkdir -p "$ROOT/srv/data"
				mount --bind "$DATA" "$ROOT/srv/data"
				mount -o remount,bind,ro "$ROOT/srv/data"
				DATA=/srv/data
			fi
			exec chroot "$ROOT" env -i HOME=/root TERM="${TERM:-dumb}" LC_ALL=C.UTF-8 \
				PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
				${http_proxy:+http_proxy="$http_proxy"} \
				${https_proxy:+https_proxy="$https_proxy"} \
				${no_proxy:+no_proxy="$no_proxy"} \
				VECSTORE_DATA="$DATA" "$@"
		' bash "$@" </dev/null
}
