#!/usr/bin/env bash
# Tests a package without installing it: what is in it, what it depends on, and that its program runs from a folder. How it
# lives on a machine is tested by TestPackage in cmd/mirrorgw. LINTIAN is what lintian is called; empty: it is not asked.
#
#   test.sh PACKAGE
set -euo pipefail
package=${1:?test.sh PACKAGE}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0
holds() { # WHAT COMMAND…
	local what=$1
	shift
	"$@" >"$work/said" 2>&1 || {
		echo "package: $what does not hold:" >&2
		cat "$work/said" >&2
		bad=1
	}
}

dpkg-deb -c "$package" >"$work/files"
for path in ./usr/bin/mirrorgw ./usr/lib/systemd/system/mirrorgw.service ./usr/lib/systemd/system/mirrorgw-device.service \
	./usr/lib/sysusers.d/mirrorgw.conf ./usr/lib/tmpfiles.d/mirrorgw.conf ./usr/share/man/man8/mirrorgw.8.gz \
	./usr/share/bash-completion/completions/mirrorgw ./usr/share/zsh/vendor-completions/_mirrorgw \
	./usr/share/fish/vendor_completions.d/mirrorgw.fish ./usr/share/doc/mirrorgw/copyright ./usr/share/doc/mirrorgw/changelog.gz \
	./usr/share/mirrorgw/mirrorgw.yaml; do
	holds "$path is in the package, and root's" grep -qE "root/root .* $path\$" "$work/files"
done
holds "no file is writable for others" awk '$1 ~ /^.(.{4}w|.{7}w)/ { print; bad = 1 } END { exit bad }' "$work/files"
dpkg-deb -f "$package" >"$work/control"
holds "no configuration is in the way of the user's own" sh -c '! grep /etc/mirrorgw/. "$1" | grep -v /rules/$' sh "$work/files"

dpkg-deb -x "$package" "$work/root"
program=$work/root/usr/bin/mirrorgw
holds "version" "$program" version
if ldd "$program" | grep -q libyara; then
	holds "it depends on libyara" grep -q '^Depends: .*libyara' "$work/control"
fi
holds "the first configuration with addresses is valid" sh -c '
	sed "s/^#\(addresses\|routers\)/\1/" "$1/usr/share/mirrorgw/mirrorgw.yaml" >"$2/m.yaml"
	echo "quarantine: {dir: $2/q}" >>"$2/m.yaml" && echo "control: {socket: $2/ctl}" >>"$2/m.yaml"
	"$1/usr/bin/mirrorgw" check -c "$2/m.yaml"' sh "$work/root" "$work"
holds "the first configuration as it is names what is missing" sh -c '! "$1/usr/bin/mirrorgw" check -c "$1/usr/share/mirrorgw/mirrorgw.yaml" 2>&1 | grep -v "^.*: \(addresses\|routers\)"' sh "$work/root"
holds "the completions are bash" bash -n "$work/root/usr/share/bash-completion/completions/mirrorgw"
holds "quarantine's subcommands are completed" bash -c '. "$1"; COMP_WORDS=(mirrorgw -c x quarantine l); COMP_CWORD=4; _mirrorgw; [ "${COMPREPLY[*]}" = list ]' bash "$work/root/usr/share/bash-completion/completions/mirrorgw"
if command -v man >/dev/null; then
	holds "the manual page has no warnings" sh -c '[ -z "$(LC_ALL=C.UTF-8 MANROFFSEQ= MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$1" 2>&1 >/dev/null)" ]' sh "$work/root/usr/share/man/man8/mirrorgw.8.gz"
fi
if command -v systemd-analyze >/dev/null; then
	holds "the service's exposure is 2.0 at most" systemd-analyze security --no-pager --offline=true --threshold=20 "$work/root/usr/lib/systemd/system/mirrorgw.service"
	holds "the units are well formed" sh -c '! systemd-analyze verify --man=no "$1"/mirrorgw.service "$1"/mirrorgw-device.service 2>&1 | grep mirrorgw | grep -v "is not executable"' sh "$work/root/usr/lib/systemd/system"
fi
holds "each module that is linked has its licence in it" bash -c '
	go version -m "$1/usr/bin/mirrorgw" | awk "\$1 == \"dep\" { print \"Files: \" \$2 \"/*\" }" >"$2/modules"
	[ "$(wc -l <"$2/modules")" -gt 5 ] && [ -z "$(grep -vxFf "$1/usr/share/doc/mirrorgw/copyright" "$2/modules")" ]' bash "$work/root" "$work"
if command -v "${LINTIAN-lintian}" >/dev/null; then
	holds "lintian finds nothing that is not overridden with a reason" "${LINTIAN-lintian}" --allow-root --display-info --fail-on error,warning,info "$package"
else
	echo "package: without lintian's opinion"
fi
[ "$bad" = 0 ] && echo "package: all holds"
exit "$bad"
