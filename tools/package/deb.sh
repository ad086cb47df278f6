#!/usr/bin/env bash
# Builds a Debian package of PROGRAM into FOLDER, without root. Who builds it says who he is by DEBFULLNAME and DEBEMAIL.
#
#   deb.sh PROGRAM VERSION FOLDER
set -euo pipefail
program=$(realpath "${1:?deb.sh PROGRAM VERSION FOLDER}")
version=${2:?} folder=$(realpath "${3:?}")
cd "$(dirname "$0")"
for tool in dpkg-deb dpkg-shlibdeps strip gzip; do
	command -v "$tool" >/dev/null || {
		echo "deb: $tool is missing: install dpkg-dev and binutils" >&2
		exit 1
	}
done

# A Debian version begins with a digit: v1.2.3 is 1.2.3, v1.2.3-4-gabc is 1.2.3+4.gabc, a bare abc is 0~abc.
case $version in
v[0-9]*) version=${version#v} ;;
*) version=0~$version ;;
esac
version=$(sed 's/-/+/; s/[^A-Za-z0-9.+~]/./g' <<<"$version")
arch=$(dpkg --print-architecture)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
DESTDIR=$root PREFIX=/usr ./install.sh "$program"
strip --strip-unneeded --remove-section=.comment --remove-section=.note "$root/usr/bin/mirrorgw"
gzip -9n "$root/usr/share/man/man8/mirrorgw.8"
# postinst copies it where there is none. As a conffile it would have dpkg ask about each one that was written before the
# package came, and again whenever a word of ours changes.
install -D -m 644 "$root/etc/mirrorgw/mirrorgw.yaml" "$root/usr/share/mirrorgw/mirrorgw.yaml"
rm "$root/etc/mirrorgw/mirrorgw.yaml"
maintainer="${DEBFULLNAME:-the mirrorgw authors} <${DEBEMAIL:-mirrorgw@localhost}>"
docs=$root/usr/share/doc/mirrorgw
install -D -m 644 ../../README.md "$docs/README.md"
./copyright.sh "$program" >"$docs/copyright"
chmod 644 "$docs/copyright"
# A version without a Debian revision is a native one, whose changelog has this name.
printf 'mirrorgw (%s) unstable; urgency=medium\n\n  * Version %s.\n\n -- %s  %s\n' "$version" "$2" "$maintainer" \
	"$(date -uR -d "@${SOURCE_DATE_EPOCH:-$(stat -c %Y "$program")}")" | gzip -9n >"$docs/changelog.gz"
install -D -m 644 lintian-overrides "$root/usr/share/lintian/overrides/mirrorgw"

install -d -m 755 "$root/DEBIAN" "$work/debian"
printf 'Source: mirrorgw\n\nPackage: mirrorgw\nArchitecture: any\n' >"$work/debian/control" # what dpkg-shlibdeps looks for
depends=$(cd "$work" && dpkg-shlibdeps -O root/usr/bin/mirrorgw 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
cat >"$root/DEBIAN/control" <<EOF
Package: mirrorgw
Version: $version
Architecture: $arch
Section: net
Priority: optional
Maintainer: $maintainer
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
Depends: ${depends:+$depends, }systemd | systemd-standalone-sysusers, systemd | systemd-standalone-tmpfiles
Suggests: bash-completion
Description: mail gateway for a network whose router cannot be touched
 A machine on the LAN with one leg, which workstations use as their default
 gateway. It passes everything on to the NAT router unchanged, except POP3
 sessions: each mail is judged for malware before the workstation sees it.
EOF
for script in postinst prerm postrm; do
	install -m 755 "$script" "$root/DEBIAN/$script"
done
(cd "$root" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"

mkdir -p "$folder"
package=$folder/mirrorgw_${version}_$arch.deb
dpkg-deb --root-owner-group -Z"${DPKG_DEB_COMPRESSOR_TYPE:-xz}" --build "$root" "$package" >/dev/null
echo "$package"
