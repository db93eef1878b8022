#!/usr/bin/env bash
# scripts/fuzz.sh [TIME]: every fuzz test, one after the other, for TIME each (10m). An input that breaks one is kept in its
# package's testdata, where the ordinary tests find it. Inputs are made small for a second only, or most of the time goes there.
set -euo pipefail
cd "$(dirname "$0")/.."
grep -rn --include='*_test.go' '^func Fuzz' internal packs | sed 's|^\(.*\)/[^/]*:[0-9]*:func \(Fuzz[A-Za-z0-9]*\).*|\1 \2|' |
	while read -r package name; do
		go test "./$package" -run '^$' -fuzz "^$name\$" -fuzztime "${1-10m}" -fuzzminimizetime 1s
	done
