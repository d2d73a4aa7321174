# SPDX-License-Identifier: GPL-2.0-or-later
# Made by scripts/completions.
complete -c pstop -s 'c' -l create -f -d 'Start CMD, stopped before its first instruction; print its PID'
complete -c pstop -s 'j' -l json -f -d 'Print JSON, an object a line'
complete -c pstop -s 't' -l timeout -x -d 'Give up waiting after SEC seconds'
complete -c pstop -s 'v' -l verbose -f -d 'Say on standard error what is done'
complete -c pstop -s '?' -l help -f -d 'Give this help list'
complete -c pstop -l usage -f -d 'Give a short usage message'
complete -c pstop -s 'V' -l version -f -d 'Print program version'
complete -c pstop -n '__fish_contains_opt -s c create' -f -a '(__fish_complete_command)'
complete -c pstop -n 'not __fish_contains_opt -s c create' -f -a '(__fish_complete_pids)'
