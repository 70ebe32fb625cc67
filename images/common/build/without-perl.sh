#!/bin/sh
# Runs as root while an image is built. Debian's git depends on perl (50 MB) for commands that Alpine has in packages of their
# own (send-email, svn, instaweb). Its entry forgets that, and perl goes unless something else needs it or the base had it on
# purpose. `apt-get install perl` brings it back; perl-base, which every Debian has, stays.
set -eu

command -v dpkg >/dev/null 2>&1 || exit 0
# Read before the entry is changed; leaves caches of its own behind.
chosen=$(apt-mark showmanual perl)
rm -f /var/cache/apt/*.bin
[ -z "$chosen" ] || exit 0
sed -i '/^Package: git$/,/^$/{/^Depends:/s/, \(liberror-\)\{0,1\}perl\(:any\)\{0,1\}\( ([^)]*)\)\{0,1\}//g}' /var/lib/dpkg/status
packages=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' 'perl' 'perl-modules-5*' 'libperl5*' liberror-perl 2>/dev/null | sed -n 's/^ii  *//p')
if [ -n "$packages" ]; then
    # shellcheck disable=SC2086 # a list of names
    dpkg --purge $packages || echo "perl stays: another package needs it"
fi
rm -f /var/log/dpkg.log
