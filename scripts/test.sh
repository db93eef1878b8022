#!/usr/bin/env bash
# scripts/test.sh [PACKAGE...]: format, vet, and the tests with the race detector, on SQLite, and on a PostgreSQL and a
# MariaDB of their own. Set HACEK_TEST_POSTGRES or HACEK_TEST_MARIADB to a DSN to use other servers. With CI=true nothing comes from the test cache
# and a skipped test is a failure. At the end it says how long it took, and warns when that is more than the promised 12 minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
export HACEK_TEST_BEGAN="${HACEK_TEST_BEGAN-$(date +%s)}" # kept when it calls itself with a server
# The longest begin first.
[ $# -gt 0 ] || set -- ./test/browser ./internal/api ./test/story ./internal/store ./internal/web ./internal/engine ./internal/tour ./internal/settings ./...

if ! scripts/install.sh && [ "${CI-}" = true ]; then
	exit 1
fi
if [ -z "${HACEK_TEST_POSTGRES-}" ]; then
	if scripts/postgres.sh bin >/dev/null; then
		exec scripts/postgres.sh with "$0" "$@"
	fi
	echo "PostgreSQL is missing: its tests are skipped" >&2
fi
if [ -z "${HACEK_TEST_MARIADB-}" ]; then
	if scripts/mariadb.sh bin >/dev/null; then
		exec scripts/mariadb.sh with "$0" "$@"
	fi
	echo "MariaDB is missing: its tests are skipped" >&2
fi

export -n HACEK_TEST_BEGAN # no test may see another environment than the last time
# The compiler's profile proves nothing here, and every dependency would be compiled once more.
export GOFLAGS="${GOFLAGS-} -pgo=off"
scripts/format.sh
go vet "$@"

work=$(mktemp -d)
finish() {
	local took=$(($(date +%s) - HACEK_TEST_BEGAN))
	rm -rf "$work"
	echo "The whole took $((took / 60)) min $((took % 60)) s."
	[ $took -le 720 ] || echo "WARNING: that is more than the 12 minutes promised on 2 cores" >&2
}
trap finish EXIT
go build -o "$work/report" ./test/house/report

fresh=() strict=()
if [ "${CI-}" = true ]; then
	fresh=(-count=1) strict=(-no-skips)
fi
# SQLite is C made Go: watched for races, it takes most of the time of the tests, and its memory is nobody else's.
go test -race '-gcflags=modernc.org/...=-race=false' ${fresh[@]+"${fresh[@]}"} -json "$@" | "$work/report" ${strict[@]+"${strict[@]}"}
