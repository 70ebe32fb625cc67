# shellcheck shell=sh
# Sourced by `format` and `lint`: without arguments the folders of a Swift package, and swift-format by either of its names.
if [ $# = 0 ]; then
    for folder in Sources Tests; do
        [ ! -d $folder ] || set -- "$@" $folder
    done
    [ $# != 0 ] || set -- .
fi

swift_format() {
    if command -v swift-format >/dev/null; then swift-format "$@"; else swift format "$@"; fi
}
