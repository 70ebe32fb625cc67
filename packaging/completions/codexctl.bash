# Completion of codexctl for bash: source <(codexctl completion bash)
# shellcheck shell=bash
_codexctl() {
    local word=${COMP_WORDS[COMP_CWORD]} line=${COMP_LINE:0:COMP_POINT} candidate
    COMPREPLY=()
    # After these the words belong to the command in the box.
    case " $line " in
    *' --cmd '* | *' -- '*)
        compopt -o default
        return
        ;;
    esac
    while IFS= read -r candidate; do
        [[ $candidate == "$word"* ]] && COMPREPLY+=("$candidate")
    done < <(codexctl "[suggest:${#line}]" "$line" 2>/dev/null)
    # Folders and files where codexctl has no words of its own.
    if ((${#COMPREPLY[@]} == 0)); then
        compopt -o default
    fi
    # bash cuts words at colons, and replaces only the last piece.
    if [[ $word == *:* && $COMP_WORDBREAKS == *:* ]]; then
        local prefix=${word%"${word##*:}"} i
        for i in "${!COMPREPLY[@]}"; do
            COMPREPLY[i]=${COMPREPLY[i]#"$prefix"}
        done
    fi
}
complete -F _codexctl codexctl
