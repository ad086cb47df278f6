#!/usr/bin/env bash
# Fails where `go generate` would change a file.
set -euo pipefail
cd "$(dirname "$0")/.."
grep -rqE --include='*.go' '^//go:generate ' . || exit 0

state() { git ls-files -z --cached --others --exclude-standard | xargs -0 sha256sum 2>/dev/null; }
before=$(state)
go generate ./...
if ! diff <(echo "$before") <(state); then
	echo "generated: go generate changed the files above: commit what it makes" >&2
	exit 1
fi
