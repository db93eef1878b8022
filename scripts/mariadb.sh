#!/usr/bin/env bash
# A MariaDB server of our own for tests and the demo: on a private unix socket and a free port of 127.0.0.1, with a
# password that is made anew. It is fast rather than durable: it plays somebody else's database.
#
#   scripts/mariadb.sh start DIR     start one that lives in DIR (new, or from an earlier start); prints its DSN
#   scripts/mariadb.sh stop DIR      stop it; DIR stays
#   scripts/mariadb.sh with COMMAND  start one in a temporary directory, run COMMAND with HACEK_TEST_MARIADB set to the
#                                    DSN, then stop the server and remove the directory
#   scripts/mariadb.sh bin           print the server's program
#   scripts/mariadb.sh install       install the server where it is missing (root on Debian or Ubuntu)
set -euo pipefail

die() {
	echo "mariadb.sh: $*" >&2
	exit 1
}

server() {
	local program
	for program in mariadbd /usr/sbin/mariadbd /usr/libexec/mariadbd; do
		if command -v "$program" >/dev/null; then
			command -v "$program"
			return 0
		fi
	done
	die "no MariaDB server found (Debian: apt-get install mariadb-server, or $0 install)"
}

install() {
	(server) >/dev/null 2>&1 && return 0
	if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
		die "missing: mariadb-server. Install it with your package manager (Debian: sudo apt-get install mariadb-server)"
	fi
	echo "installing: mariadb-server" >&2
	local log
	log=$(mktemp)
	if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends mariadb-server; } >"$log" 2>&1; then
		tail -n 20 "$log" >&2
		rm -f "$log"
		die "could not install mariadb-server. The lines above say why"
	fi
	rm -f "$log"
}

# MariaDB should not run as root: then its own user runs it, or nobody where there is none.
server_user() {
	if id mysql >/dev/null 2>&1; then echo mysql; else echo nobody; fi
}

as_server() {
	if [ "$(id -u)" -eq 0 ]; then
		(cd / && runuser -u "$(server_user)" -- "$@")
	else
		"$@"
	fi
}

# A port that nobody listens on now. Between this and the start somebody may take it: start tries again.
free_port() {
	local port
	while :; do
		port=$((20000 + RANDOM % 10000))
		(: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port" && return 0; }
	done
}

running() {
	[ -s "$1/pid" ] && kill -0 "$(cat "$1/pid")" 2>/dev/null
}

start() {
	local dir=$1 program port password try
	install
	program=$(server) || exit 1
	mkdir -p "$dir"
	dir=$(cd "$dir" && pwd) || exit 1
	[ "$(printf %s "$dir/socket" | wc -c)" -le 107 ] || die "the path $dir is too long for a unix socket"
	! running "$dir" || die "a server is running in $dir already"
	chmod 0700 "$dir"
	if [ "$(id -u)" -eq 0 ]; then
		chown "$(server_user)" "$dir"
		as_server test -w "$dir" || die "user $(server_user) cannot reach $dir: choose a directory below one that everybody may enter"
	fi
	if [ ! -d "$dir/data/mysql" ]; then
		as_server mariadb-install-db --no-defaults --datadir="$dir/data" --auth-root-authentication-method=socket --skip-test-db \
			>"$dir.install" 2>&1 || { cat "$dir.install" >&2; rm -f "$dir.install"; die "mariadb-install-db failed in $dir"; }
		rm -f "$dir.install"
	fi
	password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
	as_server sh -c 'umask 077; cat >"$1"' sh "$dir/init" <<-SQL
		CREATE USER IF NOT EXISTS 'hacek'@'%';
		ALTER USER 'hacek'@'%' IDENTIFIED BY '$password';
		GRANT ALL ON *.* TO 'hacek'@'%' WITH GRANT OPTION;
		CREATE DATABASE IF NOT EXISTS hacek_test CHARACTER SET utf8mb4;
	SQL
	for try in 1 2 3; do
		port=$(free_port)
		as_server "$program" --no-defaults --datadir="$dir/data" --socket="$dir/socket" --pid-file="$dir/pid" --log-error="$dir/log" \
			--init-file="$dir/init" --bind-address=127.0.0.1 --port="$port" --skip-name-resolve --max-connections=200 \
			--innodb-buffer-pool-size=64M --innodb-log-file-size=32M --innodb-flush-log-at-trx-commit=2 --performance-schema=OFF \
			>/dev/null 2>&1 </dev/null &
		for _ in $(seq 600); do
			# The port answers only after the init file was run.
			(: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null && running "$dir" && break 2
			kill -0 $! 2>/dev/null || break
			sleep 0.1
		done
		[ "$try" -lt 3 ] || { tail -n 20 "$dir/log" >&2; die "the server did not start in $dir"; }
	done
	echo "hacek:$password@tcp(127.0.0.1:$port)/hacek_test"
}

stop() {
	local dir pid
	dir=$(cd "$1" && pwd) || exit 1
	running "$dir" || return 0
	pid=$(cat "$dir/pid")
	kill "$pid"
	for _ in $(seq 600); do
		kill -0 "$pid" 2>/dev/null || return 0
		sleep 0.1
	done
	die "the server in $dir does not stop"
}

with() {
	local dir
	dir=$(mktemp -d "${TMPDIR:-/tmp}/hacek-mariadb.XXXXXX")
	# Expanded now: the function's variable is gone when the trap runs.
	# shellcheck disable=SC2064
	trap "stop '$dir' || true; rm -rf '$dir'" EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	HACEK_TEST_MARIADB=$(start "$dir") || exit 1
	export HACEK_TEST_MARIADB
	"$@"
}

case "${1-} $#" in
"start 2") start "$2" ;;
"stop 2") stop "$2" ;;
"bin 1") server ;;
"install 1") install ;;
with\ [2-9] | with\ [1-9][0-9]*) shift && with "$@" ;;
*) sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac
