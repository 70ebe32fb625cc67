#!/bin/sh
# Installs codexctl from a release: verifies the download's SHA-256 before anything of it is used.
#   sh install.sh [--version X.Y.Z] [--prefix FOLDER] [--from URL-OR-FOLDER] [--uninstall]
# Default prefix: /usr/local for root, else ~/.local. Needs curl or wget (for a URL), tar, sha256sum or shasum.
set -eu

releases=https://github.com/codexctl/codexctl/releases
version='' prefix='' from=''
uninstall=

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

while [ $# -gt 0 ]; do
    case $1 in
    --version) version=${2-} && shift ;;
    --prefix) prefix=${2-} && shift ;;
    --from) from=${2-} && shift ;;
    --uninstall) uninstall=1 ;;
    -h | --help)
        sed -n '2,4s/^# //p' "$0"
        exit 0
        ;;
    *) fail "unknown option $1; see sh install.sh --help" ;;
    esac
    shift
done
if [ -z "$prefix" ]; then
    if [ "$(id -u)" = 0 ]; then prefix=/usr/local; else prefix=$HOME/.local; fi
fi
case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
list=$prefix/share/codexctl/installed
folders=$prefix/share/codexctl/folders

if [ -n "$uninstall" ]; then
    [ -f "$list" ] || fail "codexctl was not installed into $prefix by this script"
    while IFS= read -r file; do rm -f "$prefix/$file"; done <"$list"
    made=$([ ! -f "$folders" ] || LC_ALL=C sort -ru "$folders")
    rm -f "$list" "$folders"
    # Only folders that this script made, the innermost first, and only when nothing else is in them by now.
    printf '%s\n' "$made" | while IFS= read -r folder; do rmdir "$folder" 2>/dev/null || true; done
    echo "codexctl is gone from $prefix. What it made (containers, images, recordings): codexctl uninstall before this."
    exit 0
fi

case $(uname -sm) in
'Linux x86_64') rid=linux-x64 ;;
'Linux aarch64') rid=linux-arm64 ;;
'Darwin arm64') rid=osx-arm64 ;;
'Darwin x86_64') rid=osx-x64 ;;
*) fail "there is no release for $(uname -sm)" ;;
esac

get() { # NAME FILE
    case $from in
    http://*) fail "$from: only https" ;;
    https://*)
        if command -v curl >/dev/null; then
            curl -fsSL --proto '=https' --tlsv1.2 -o "$2" "$from/$1"
        else
            wget -q --https-only -O "$2" "$from/$1"
        fi || fail "cannot fetch $from/$1"
        ;;
    *) cp "$from/$1" "$2" || fail "cannot read $from/$1" ;;
    esac
}

if [ -z "$version" ]; then
    if [ -n "$from" ] && [ -d "$from" ]; then
        version=$(find "$from" -maxdepth 1 -name "codexctl-*-$rid.tar.gz" | sed -n "s:.*/codexctl-\(.*\)-$rid\.tar\.gz$:\1:p" | sort | tail -n 1)
    else
        version=$(curl -fsSLI -o /dev/null -w '%{url_effective}' --proto '=https' "$releases/latest" | sed -n 's:.*/v::p')
    fi
    [ -n "$version" ] || fail "cannot tell the newest version; say --version"
fi
[ -n "$from" ] || from=$releases/download/v$version

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
name=codexctl-$version-$rid
get "$name.tar.gz" "$work/$name.tar.gz"
get SHA256SUMS "$work/SHA256SUMS"
expected=$(sed -n "s/^\([0-9a-f]\{64\}\) [ *]\{0,1\}$name\.tar\.gz$/\1/p" "$work/SHA256SUMS")
[ -n "$expected" ] || fail "SHA256SUMS does not name $name.tar.gz"
if command -v sha256sum >/dev/null; then
    actual=$(sha256sum "$work/$name.tar.gz")
else
    actual=$(shasum -a 256 "$work/$name.tar.gz")
fi
actual=${actual%% *}
[ "$actual" = "$expected" ] || fail "$name.tar.gz is not what was released (SHA-256 $actual instead of $expected); nothing was installed"

tar -xzf "$work/$name.tar.gz" -C "$work"
"$work/$name/bin/codexctl" --version >/dev/null || fail "the program does not run on this machine; nothing was installed"
make_folder() {
    [ -d "$1" ] || { make_folder "$(dirname "$1")" && mkdir "$1" && echo "$1" >>"$work/folders"; }
}
: >"$work/folders"
make_folder "$prefix/share/codexctl"
(cd "$work/$name" && find . -type f | sed 's:^\./::' | LC_ALL=C sort) >"$work/installed"
while IFS= read -r file; do
    make_folder "$prefix/$(dirname "$file")"
    # By rename: a running codexctl keeps the program it began with.
    cp -p "$work/$name/$file" "$prefix/$file.new" && mv -f "$prefix/$file.new" "$prefix/$file"
done <"$work/installed"
cp "$work/installed" "$list"
cat "$work/folders" >>"$folders"
echo "codexctl $version is in $prefix/bin/codexctl"
case :$PATH: in
*:"$prefix/bin":*) ;;
*) echo "Put $prefix/bin into your PATH." ;;
esac
echo "Try it: codexctl demo"
