# SPDX-License-Identifier: GPL-2.0-or-later
# Made by scripts/completions.
complete -c pctl -s 'j' -l json -f -d 'Print JSON, an object a line'
complete -c pctl -l list -f -a 'messages signals faults syscalls modes' -d 'List names: messages, signals, faults, syscalls or modes'
complete -c pctl -s 'r' -l registers -f -d 'Show the registers of stopped threads'
complete -c pctl -s 'v' -l verbose -f -d 'Say on standard error what is done'
complete -c pctl -s '?' -l help -f -d 'Give this help list'
complete -c pctl -l usage -f -d 'Give a short usage message'
complete -c pctl -s 'V' -l version -f -d 'Print program version'
function __pctl_operand
    set -l words (commandline -opc)
    set -l n 0
    for w in $words[2..]
        string match -q -- '-*' $w; or set n (math $n + 1)
    end
    if test $n -eq 0
        __fish_complete_pids
        return
    end
    switch (string upper -- $words[-1])
        case PCSENTRY PCSEXIT
            __fish_append , (pctl --list=syscalls)
        case PCSTRACE PCSHOLD PCSSIG PCKILL PCUNKILL
            __fish_append , (pctl --list=signals)
        case PCSFAULT
            __fish_append , (pctl --list=faults)
        case PCSET PCUNSET
            __fish_append , (pctl --list=modes)
        case '*'
            pctl --list
    end
end
complete -c pctl -f -a '(__pctl_operand)'
