#!/usr/bin/env bash
# A PostgreSQL server of our own for tests, proof and bench: on a private unix socket, never on a port, and durable
# as in production (fsync stays on).
#
#   scripts/postgres.sh start DIR     start one that lives in DIR (new, or from an earlier start); prints its DSN
#   scripts/postgres.sh stop DIR      stop it; DIR stays
#   scripts/postgres.sh with COMMAND  start one in a temporary directory, run COMMAND with HACEK_TEST_POSTGRES set to
#                                     the DSN, then stop the server and remove the directory
#   scripts/postgres.sh bin           print the directory of the server's programs
set -euo pipefail

die() {
	echo "postgres.sh: $*" >&2
	exit 1
}

# Debian keeps the server's programs off the PATH, one directory per version: the newest is ours.
bin_dir() {
	local dir
	for dir in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV) $(dirname "$(command -v initdb || echo /none/none)"); do
		if [ -x "$dir/initdb" ] && [ -x "$dir/pg_ctl" ]; then
			local major
			major=$("$dir/pg_ctl" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
			[ "$major" -ge 15 ] || die "$dir has PostgreSQL $major, 15 or newer is needed"
			echo "$dir"
			return 0 # in a trap a bare return repeats the status the trap came with
		fi
	done
	die "no PostgreSQL server found (Debian: apt-get install postgresql)"
}

# PostgreSQL refuses to run as root: then its own user runs it, or nobody where there is none.
server_user() {
	if id postgres >/dev/null 2>&1; then echo postgres; else echo nobody; fi
}

as_server() {
	if [ "$(id -u)" -eq 0 ]; then
		(cd / && runuser -u "$(server_user)" -- "$@")
	else
		"$@"
	fi
}

start() {
	local dir=$1 bin
	bin=$(bin_dir) || exit 1
	mkdir -p "$dir"
	dir=$(cd "$dir" && pwd) || exit 1
	# A unix socket's path has at most 107 bytes.
	[ "$(printf %s "$dir/.s.PGSQL.5432" | wc -c)" -le 107 ] || die "the path $dir is too long for a unix socket"
	if [ "$(id -u)" -eq 0 ]; then
		chown "$(server_user)" "$dir"
		as_server test -w "$dir" || die "user $(server_user) cannot reach $dir: choose a directory below one that everybody may enter"
	fi
	if [ ! -e "$dir/data/PG_VERSION" ]; then
		as_server "$bin/initdb" --pgdata="$dir/data" --username=postgres --auth=trust --encoding=UTF8 --locale=C \
			>"$dir.initdb" 2>&1 || { cat "$dir.initdb" >&2; rm -f "$dir.initdb"; die "initdb failed in $dir"; }
		rm -f "$dir.initdb"
	fi
	as_server "$bin/pg_ctl" start --pgdata="$dir/data" --wait --timeout=60 --silent --log="$dir/log" \
		--options="-c listen_addresses='' -c unix_socket_directories='$dir' -c max_connections=200" \
		>/dev/null || { tail -n 20 "$dir/log" >&2; die "the server did not start in $dir"; }
	echo "postgres:///postgres?host=$dir&user=postgres"
}

stop() {
	local dir bin
	dir=$(cd "$1" && pwd) || exit 1
	bin=$(bin_dir) || exit 1
	as_server "$bin/pg_ctl" stop --pgdata="$dir/data" --mode=fast --wait --timeout=60 --silent
}

with() {
	local dir
	dir=$(mktemp -d "${TMPDIR:-/tmp}/hacek-postgres.XXXXXX")
	# Expanded now: the function's variable is gone when the trap runs.
	# shellcheck disable=SC2064
	trap "stop '$dir' || true; rm -rf '$dir'" EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	HACEK_TEST_POSTGRES=$(start "$dir") || exit 1
	export HACEK_TEST_POSTGRES
	"$@"
}

case "${1-} $#" in
"start 2") start "$2" ;;
"stop 2") stop "$2" ;;
"bin 1") bin_dir ;;
with\ [2-9] | with\ [1-9][0-9]*) shift && with "$@" ;;
*) sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac
