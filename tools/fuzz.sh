#!/usr/bin/env bash
# Runs each fuzz target for the time given (go's -fuzztime), after making sure that it has seeds: a target without any
# stays green for ever.
set -euo pipefail
cd "$(dirname "$0")/.."
fuzztime=${1:-10s}

targets=0
for dir in $(go list -f '{{.Dir}}' ./...); do
	for target in $(cd "$dir" && grep -hoE '^func Fuzz[A-Za-z0-9_]*' ./*_test.go 2>/dev/null | cut -d' ' -f2 | sort -u); do
		targets=$((targets + 1))
		echo "== ${dir#"$PWD"/} $target"
		seeds=$(cd "$dir" && go test -run "^$target\$" -v . | grep -c -- "--- PASS: $target/" || true)
		if [ "$seeds" -eq 0 ]; then
			echo "fuzz: $target in $dir has no seeds, or they fail" >&2
			exit 1
		fi
		# An input is made smaller ten times at most, or that takes most of a short run.
		(cd "$dir" && go test -run '^$' -fuzz "^$target\$" -fuzztime "$fuzztime" -fuzzminimizetime 10x .)
	done
done
if [ "$targets" -eq 0 ]; then
	echo "fuzz: there is no target" >&2
	exit 1
fi
