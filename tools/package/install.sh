#!/usr/bin/env bash
# Installs what `make build` has built below DESTDIR and PREFIX: the program, its manual page and completions as it writes
# them itself, units, and a first configuration where there is none. Nothing is started, and no user is made; on this machine
# it says what is left to do. With --remove it takes the same files away again, and leaves configuration and mail.
#
#   install.sh PROGRAM | --remove
set -euo pipefail
cd "$(dirname "$0")"
program=${1:?install.sh PROGRAM | --remove}
dest=${DESTDIR-}
prefix=${PREFIX-/usr/local}

put() { # MODE FILE PATH
	if [ "$program" = --remove ]; then
		rm -f "$dest$3"
	else
		install -D -m "$1" "$2" "$dest$3"
	fi
}
made() { # MODE PATH COMMAND…
	local mode=$1 path=$2 file
	shift 2
	file=$(mktemp)
	[ "$program" = --remove ] || "$@" >"$file"
	put "$mode" "$file" "$path"
	rm -f "$file"
}

put 755 "$program" "$prefix/bin/mirrorgw"
made 644 "$prefix/share/man/man8/mirrorgw.8" "$program" documents man
made 644 "$prefix/share/bash-completion/completions/mirrorgw" "$program" documents bash
made 644 "$prefix/share/zsh/vendor-completions/_mirrorgw" "$program" documents zsh
made 644 "$prefix/share/fish/vendor_completions.d/mirrorgw.fish" "$program" documents fish
for unit in mirrorgw.service mirrorgw-device.service; do
	made 644 "$prefix/lib/systemd/system/$unit" sed "s|=/usr/bin/|=$prefix/bin/|" "$unit"
done
put 644 sysusers.conf "$prefix/lib/sysusers.d/mirrorgw.conf"
put 644 tmpfiles.conf "$prefix/lib/tmpfiles.d/mirrorgw.conf"
if [ "$program" = --remove ]; then
	exit
fi
if [ ! -e "$dest/etc/mirrorgw/mirrorgw.yaml" ]; then
	made 644 /etc/mirrorgw/mirrorgw.yaml "$program" documents config
fi
install -d -m 755 "$dest/etc/mirrorgw/rules"
if [ -z "$dest" ]; then
	echo 'installed; next: systemd-sysusers && systemctl daemon-reload, write /etc/mirrorgw/mirrorgw.yaml, systemctl enable --now mirrorgw'
fi
