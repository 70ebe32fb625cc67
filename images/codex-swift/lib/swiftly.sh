#!/bin/sh
# Usage: swiftly.sh VERSION    Runs as root while the image is built: swiftly, checked by its signature, for `coder`.
# A base without a Swift toolchain gets none, and the file `left-out` says so: swiftly is there to manage toolchains beside one.
set -eu
# shellcheck disable=SC1091 # there in the image
. /usr/local/share/codexctl/authorities.sh
here=${0%/*}

# shellcheck disable=SC2016 # the shell that reads it expands it
printf '%s\n' 'PATH=/home/coder/.local/bin:$PATH' >/etc/profile.d/codexctl-swiftly.sh
mkdir -p "$SWIFTLY_BIN_DIR" "$SWIFTLY_HOME_DIR"
if ! command -v swift >/dev/null 2>&1; then
    echo "swiftly: this base image has no Swift toolchain" | tee "$here/left-out"
else
    work=$(mktemp -d)
    cd "$work"
    name=swiftly-$1-$(uname -m).tar.gz
    fetch() { curl --proto '=https' --tlsv1.2 --fail --silent --show-error --location --retry 3 --remote-name "$1"; }
    fetch "https://download.swift.org/swiftly/linux/$name"
    fetch "https://download.swift.org/swiftly/linux/$name.sig"
    fetch https://www.swift.org/keys/all-keys.asc
    mkdir -m 700 keys
    gpg --homedir keys --batch --quiet --import all-keys.asc
    gpg --homedir keys --batch --verify "$name.sig" "$name"
    tar -xzf "$name"
    chown -R coder:coder "$work" /home/coder
    HOME=/home/coder setpriv --reuid coder --regid coder --clear-groups -- \
        ./swiftly init --assume-yes --skip-install --no-modify-profile --quiet-shell-followup
    cd /
    rm -rf "$work"
fi
chown -R coder:coder /home/coder/.local "$SWIFTLY_HOME_DIR"
