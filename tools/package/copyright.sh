#!/usr/bin/env bash
# Writes a Debian copyright file (copyright-format 1.0): whose PROGRAM is, and whose are Go's own packages and the modules
# linked into it, as it names them itself, each with the text of its licence.
#
#   copyright.sh PROGRAM
set -euo pipefail
program=$(realpath "${1:?copyright.sh PROGRAM}")
cd "$(dirname "$0")"

# name_of prints the short names of the licences in a file, by the words that make them.
name_of() { # FILE
	local names=()
	has() { tr -s '\n ' ' ' <"$file" | grep -qiE "$1"; }
	local file=$1
	if has 'Apache License,? Version 2\.0'; then names+=(Apache-2.0); fi
	if has 'Permission is hereby granted, free of charge'; then names+=(Expat); fi
	if has 'Permission to use, copy, modify, and/?o?r? distribute'; then names+=(ISC); fi
	if has 'Mozilla Public License,? (Version|v\.) 2\.0'; then names+=(MPL-2.0); fi
	if has 'Redistribution and use in source'; then
		if has 'may (not )?be used to endorse'; then names+=(BSD-3-clause); else names+=(BSD-2-clause); fi
	fi
	if [ ${#names[@]} = 0 ]; then
		echo "copyright: $file is a licence of a kind not known here: teach name_of in tools/package/copyright.sh its name" >&2
		return 1
	fi
	echo "${names[@]}" | sed 's/ / and /g'
}

# licence_of prints the path of a module's licence. Debian removes it from what it packages, and has it elsewhere.
licence_of() { # MODULE FOLDER
	find "$2" -maxdepth 1 -type f -iregex '.*/\(licen[cs]e\|copying\)\(\.[a-z]+\)?' | sort | head -n 1 | grep . && return
	local package
	if package=$(dpkg -S "$2/go.mod" 2>/dev/null) && [ -f "/usr/share/doc/${package%%:*}/copyright" ]; then
		echo "/usr/share/doc/${package%%:*}/copyright"
		return
	fi
	echo "copyright: $1 has no licence in $2" >&2
	return 1
}

# paragraph prints what there is to say about one part. What Debian has on every machine is named, not repeated.
paragraph() { # PART FOLDER
	local licence name text holders
	licence=$(licence_of "$1" "$2")
	name=$(name_of "$licence")
	text=$(sed '/^ *GNU GENERAL PUBLIC LICENSE/,$d' "$licence") # the other one of two to choose from
	holders=$({ echo "$text"; cat "$2"/NOTICE* 2>/dev/null || true; } | sed -nE 's/^[^a-z]*copyright:? *(((\(c\)|©) )?[0-9]{4}.*)/ \1/ip' | sort -u)
	printf '\nFiles: %s/*\nCopyright:\n%s\nLicense: %s\n' "$1" "${holders:- the authors of $1}" "$name"
	sed '/^ *Apache License$/,/limitations under the License\.$/ {
			/limitations under/ !d
			s,.*,The Apache License 2.0 is in /usr/share/common-licenses/Apache-2.0.,
		}' <<<"$text" | sed 's/[[:space:]]*$//; s/^$/./; s/^/ /'
}

cat <<'END'
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: mirrorgw
Comment: The program is linked with Go's own packages and with modules of others, each with a paragraph of its own below.

Files: *
Copyright: the mirrorgw authors
License: all-rights-reserved
 All rights reserved by the mirrorgw authors. This package comes with no licence to copy, change or pass it on.
END
paragraph go "$(go env GOROOT)"
# In the repository, where the workspace says what stands for what.
mapfile -t modules < <(go version -m "$program" | awk '$1 == "dep" { print $2 }')
(cd ../.. && go list -m -f '{{.Path}} {{.Dir}}' "${modules[@]}") | while read -r module folder; do
	paragraph "$module" "$folder"
done
