#!/usr/bin/env bash
# scripts/install.sh: makes sure the programs that tests need are there: PostgreSQL, PgBouncer, MariaDB, Chromium,
# strace and a C compiler (for the race detector). Installs what is missing where it may (root on Debian or Ubuntu); elsewhere it names what is missing
# and exits 1.
set -euo pipefail

missing=()
"$(dirname "$0")/postgres.sh" bin >/dev/null 2>&1 || missing+=(postgresql)
"$(dirname "$0")/mariadb.sh" bin >/dev/null 2>&1 || missing+=(mariadb-server)
PATH="$PATH:/usr/sbin" command -v pgbouncer >/dev/null || missing+=(pgbouncer)
command -v strace >/dev/null || missing+=(strace)
command -v "$(go env CC)" >/dev/null || missing+=(gcc libc6-dev)
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || missing+=(chromium)
command -v npm >/dev/null || missing+=(npm)
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
	echo "missing: ${missing[*]}. Install them with your package manager (Debian: sudo apt-get install ${missing[*]})." >&2
	exit 1
fi

echo "installing: ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { apt-get update -qq && apt-get install -qq -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
	tail -n 20 "$log" >&2
	echo "could not install: ${missing[*]}. The lines above say why." >&2
	exit 1
fi
