#!/usr/bin/env bash
# go mod tidy, where not every module proxy serves go-yara: it runs on a copy of go.mod that takes go-yara from the
# distribution's folder, and puts back the two go.sum lines which that makes go drop. With --check it changes nothing, and
# fails where tidying would.
set -euo pipefail
cd "$(dirname "$0")/.."

module=github.com/hillu/go-yara/v4
# Computed from the tagged source of v4.3.4, by the method of the checksum database.
sums="$module v4.3.4 h1:llJ9e0hQ1Cxyw5jH8O/a61qIBZCYCS45298MvYTf1fw=
$module v4.3.4/go.mod h1:/mb2HtBQf80I3JNL13tO5pt0w+3oR35EMc76OVjBYZU="

local=$(sed -n "s|^replace $module => ||p" go.work 2>/dev/null || true)
if [ -z "$local" ]; then
	echo "tidy: go.work names no copy of go-yara: run make setup" >&2
	exit 1
fi

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cp go.mod go.sum "$dir/"
export GOWORK=off
go mod edit -replace="$module=$local" "$dir/go.mod"
go mod tidy -modfile="$dir/go.mod"
go mod edit -dropreplace="$module" "$dir/go.mod"

# go orders go.sum by module path, octet by octet.
LC_ALL=C awk -v path="$module" -v sums="$sums" '
	$1 == path { next }
	!done && $1 > path { print sums; done = 1 }
	{ print }
	END { if (!done) print sums }
' "$dir/go.sum" >"$dir/go.sum.whole"

if [ "${1-}" = --check ]; then
	if ! diff -u go.mod "$dir/go.mod" || ! diff -u go.sum "$dir/go.sum.whole"; then
		echo "tidy: go.mod or go.sum is not tidy: run make tidy" >&2
		exit 1
	fi
	exit 0
fi
cmp -s go.mod "$dir/go.mod" || cp "$dir/go.mod" go.mod
cmp -s go.sum "$dir/go.sum.whole" || cp "$dir/go.sum.whole" go.sum
