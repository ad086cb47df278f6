#!/usr/bin/env bash
# Installs what building and testing need on Debian and Ubuntu, only what is missing, and points the build at the
# distribution's copy of go-yara, which matches its libyara. Doing it again changes nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
	gcc libc6-dev pkg-config libyara-dev golang-github-hillu-go-yara-dev # build
	iproute2 nftables iputils-ping traceroute tcpdump iperf3 curl        # networks and traffic of the lab
	dovecot-pop3d fetchmail clamav-testfiles                             # real servers, clients and (harmless) malware
	mailutils-pop3d mpop getmail6 mutt python3                           # more of them
	7zip gcab zip xz-utils zstd genisoimage lzip                         # archives of kinds that Go cannot write
	clamav-daemon                                                        # another engine; its service stays off
	mpack ripmime nmh maildir-utils libmime-tools-perl                     # mail parsers
	python3-icalendar python3-vobject                                    # parsers of calendars and address cards
	python3-flufl.bounce golang-github-jhillyerd-enmime-dev              # more mails
	dpkg-dev systemd procps                                              # the Debian package, and a machine to install it on
)

# What `make bench` measures beside the gateway, and the mails that Python is tested with, in a package named for its version. They are
# done without where the distribution does not have them.
peers=(nginx libnginx-mod-mail perdition libpython3.11-testsuite libpython3.12-testsuite libpython3.13-testsuite)

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		echo "setup: root is needed to install packages: run it as root, or install: ${missing[*]}" >&2
		exit 1
	fi
}

# enabled lists what systemd starts with this machine.
enabled() { find /etc/systemd/system/*.wants -type l -printf '%f\n' 2>/dev/null | sort -u || true; }

# install_quietly installs packages without a question, without starting the daemons in them on this machine, now or when it
# starts next, and without removing a package that is there: some mail servers exclude each other.
install_quietly() {
	local policy=/usr/sbin/policy-rc.d before unit
	before=$(enabled)
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
		as_root chmod 755 "$policy"
		# shellcheck disable=SC2064 # the path is known now
		trap "as_root rm -f $policy" EXIT
	fi
	as_root apt-get update -qq
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends --no-remove "$@"
	for unit in $(comm -13 <(echo "$before") <(enabled)); do
		as_root systemctl --quiet disable "$unit"
	done
}

if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
	missing=()
	for p in "${packages[@]}"; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing+=("$p")
	done
	for p in "${peers[@]}"; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || ! apt-cache show "$p" >/dev/null 2>&1 || missing+=("$p")
	done
	if [ ${#missing[@]} -gt 0 ]; then
		echo "setup: installing ${missing[*]}"
		install_quietly "${missing[@]}"
	fi
else
	echo "setup: neither Debian nor Ubuntu: install by hand what these hold: ${packages[*]}" >&2
fi

for goyara in /usr/share/gocode/src/github.com/hillu/go-yara/v4 /usr/share/gocode/src/github.com/hillu/go-yara; do
	[ -f "$goyara/go.mod" ] || continue
	work=$(printf 'go %s\n\nuse .\n\nreplace github.com/hillu/go-yara/v4 => %s\n' "$(sed -n 's/^go //p' go.mod)" "$goyara")
	if [ "$work" != "$(cat go.work 2>/dev/null)" ]; then
		printf '%s\n' "$work" >go.work
		echo "setup: go.work uses $goyara"
	fi
	break
done
