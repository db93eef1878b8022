#!/usr/bin/env bash
# Fails and lists the files when Go sources are not gofmt'd.
set -euo pipefail
cd "$(dirname "$0")/.."

unformatted=$(find . -name '*.go' -not -path './bin/*' -not -path '*/node_modules/*' -print0 | xargs -0 -r gofmt -l)
if [ -n "$unformatted" ]; then
	printf 'not formatted, run "gofmt -w" on:\n%s\n' "$unformatted" >&2
	exit 1
fi
