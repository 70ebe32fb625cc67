#!/bin/sh
# Runs as root while an image is built: the user `coder`, /workdir, git's settings, the places for mounts.
set -eu

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

# npm is the pinned package, copied in by the recipe. Distributions split it into hundreds of packages of their own.
ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx

# Mounts land here: engines may not be able to make the folders in a read-only image.
mkdir -p /run/codexctl/door /etc/codex
