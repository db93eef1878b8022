#!/usr/bin/env bash
# scripts/test.sh [PACKAGE...]: format, vet, and the tests with the race detector, on SQLite and on a PostgreSQL of
# their own. Set HACEK_TEST_POSTGRES to a DSN to use another server. With CI=true nothing comes from the test cache
# and a skipped test is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- ./...

if ! scripts/install.sh && [ "${CI-}" = true ]; then
	exit 1
fi
if [ -z "${HACEK_TEST_POSTGRES-}" ]; then
	if scripts/postgres.sh bin >/dev/null; then
		exec scripts/postgres.sh with "$0" "$@"
	fi
	echo "PostgreSQL is missing: its tests are skipped" >&2
fi

scripts/format.sh
go vet "$@"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -o "$work/report" ./test/house/report

fresh=() strict=()
if [ "${CI-}" = true ]; then
	fresh=(-count=1) strict=(-no-skips)
fi
go test -race ${fresh[@]+"${fresh[@]}"} -json "$@" | "$work/report" ${strict[@]+"${strict[@]}"}
