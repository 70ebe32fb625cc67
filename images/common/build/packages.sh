#!/bin/sh
# Usage: packages.sh PACKAGE…    Runs as root while an image is built; images built on these may use it, too.
# PACKAGE is a name that Alpine and Debian share, or `alpine:debian`; each side a list with commas, or empty.
# Environment: DEBIAN_WITHOUT, a list of path patterns that are not unpacked from Debian's packages.
set -eu
# shellcheck disable=SC1091 # it lies beside this script in the image
. "${0%/*}/authorities.sh"

if command -v apk >/dev/null 2>&1; then
    family=alpine
elif command -v apt-get >/dev/null 2>&1; then
    family=debian
else
    echo "This base image has neither apk nor apt-get: use one built on Alpine, Debian or Ubuntu." >&2
    exit 1
fi

set -f
wanted=
for word in "$@"; do
    case $word in
    *:*) if [ $family = alpine ]; then names=${word%%:*}; else names=${word#*:}; fi ;;
    *) names=$word ;;
    esac
    wanted="$wanted $(echo "$names" | tr ',' ' ')"
done

# shellcheck disable=SC2086 # a list of names
case $family in
alpine) apk add --no-cache $wanted ;;
debian)
    # What slim bases do as well: no manuals and translations, and no waiting for the disk, since a build that dies is thrown away.
    printf '%s\n' force-unsafe-io 'path-exclude=/usr/share/doc/*' 'path-include=/usr/share/doc/*/copyright' \
        'path-exclude=/usr/share/man/*' 'path-exclude=/usr/share/info/*' 'path-exclude=/usr/share/locale/*' \
        'path-exclude=/usr/share/gtk-doc/*' 'path-exclude=/usr/share/lintian/*' >/etc/dpkg/dpkg.cfg.d/codexctl
    for pattern in ${DEBIAN_WITHOUT-}; do
        echo "path-exclude=$pattern"
    done >/etc/dpkg/dpkg.cfg.d/codexctl-now
    export DEBIAN_FRONTEND=noninteractive
    set -- -q -y -o Acquire::Retries=3 -o Acquire::https::CaInfo=/etc/ssl/certs/ca-certificates.crt
    [ -e /etc/ssl/certs/ca-certificates.crt ] || set -- -q -y -o Acquire::Retries=3
    apt-get update "$@"
    apt-get install "$@" --no-install-recommends $wanted
    apt-get clean
    set +f
    rm -rf /etc/dpkg/dpkg.cfg.d/codexctl-now /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log /var/log/alternatives.log
    ;;
esac
