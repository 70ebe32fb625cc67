# Completion of codexctl for fish: put it into ~/.config/fish/completions/codexctl.fish
function __codexctl_complete
    set -l line (commandline --cut-at-cursor)
    codexctl "[suggest:"(string length -- "$line")"]" "$line" 2>/dev/null
end
function __codexctl_own_words
    not string match -qr -- ' (--cmd|--) ' " "(commandline --cut-at-cursor)" "
end
complete -c codexctl -n __codexctl_own_words -a '(__codexctl_complete)'
