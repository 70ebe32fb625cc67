#!/bin/sh
# Usage: install.sh PACKAGE…    Runs as root while an image is built.
# Installs the packages of the recipe and what every box needs, and makes the user `coder`.
set -eu

# socat carries the door, nft closes the network around a door over TCP, setpriv (util-linux) drops privileges.
set -- "$@" util-linux socat nftables ca-certificates

if command -v apk >/dev/null 2>&1; then
    apk add --no-cache "$@" setpriv
elif command -v apt-get >/dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    apt-get install -q -y --no-install-recommends "$@"
    rm -rf /var/lib/apt/lists/*
else
    echo "This base image has neither apk nor apt-get: use one built on Alpine, Debian or Ubuntu." >&2
    exit 1
fi

# Some bases (Ubuntu's) come with a user 1000 of their own. It goes, or `coder` would share its files.
taken=$(sed -n 's/^\([^:]*\):[^:]*:1000:.*/\1/p' /etc/passwd)
for name in $taken; do
    sed -i "/^$name:/d" /etc/passwd /etc/shadow
    rm -rf "/home/${name:?}"
done
sed -i '/^[^:]*:[^:]*:1000:/d' /etc/group
echo 'coder:x:1000:' >>/etc/group
echo 'coder:x:1000:1000:Codex CLI:/home/coder:/bin/bash' >>/etc/passwd
echo 'coder:!:20000:0:99999:7:::' >>/etc/shadow
mkdir -p /home/coder /workdir
chown coder:coder /home/coder /workdir
chmod 755 /home/coder /workdir

git config --system user.name 'Codex CLI'
git config --system user.email codex@localhost
git config --system init.defaultBranch main
git config --system --add safe.directory /workdir

# Mounts land here: engines may not be able to make the folders in a read-only image.
mkdir -p /run/codexctl/door /etc/codex
