#compdef codexctl
# Completion of codexctl for zsh: put it into a folder of fpath as _codexctl.
_codexctl() {
    local line="${BUFFER[1,CURSOR]}"
    local -a candidates
    if [[ " $line " == *' --cmd '* || " $line " == *' -- '* ]]; then
        _default
        return
    fi
    candidates=("${(@f)$(codexctl "[suggest:${#line}]" "$line" 2>/dev/null)}")
    if [[ ${#candidates} -eq 0 || -z ${candidates[1]} ]]; then
        _default
    else
        compadd -a candidates
    fi
}
if [[ $funcstack[1] == _codexctl ]]; then
    _codexctl "$@"
else
    compdef _codexctl codexctl
fi
