# SPDX-License-Identifier: GPL-2.0-or-later
# Made by scripts/completions.
complete -c pwait -s 'j' -l json -f -d 'Print JSON, an object a line'
complete -c pwait -s 's' -l stop -f -d 'Wait until stopped on an event of interest'
complete -c pwait -s 't' -l timeout -x -d 'Give up after SEC seconds: exit status 124'
complete -c pwait -s 'v' -l verbose -f -d 'Print what happened to each, as it happens'
complete -c pwait -s '?' -l help -f -d 'Give this help list'
complete -c pwait -l usage -f -d 'Give a short usage message'
complete -c pwait -s 'V' -l version -f -d 'Print program version'
complete -c pwait -f -a '(__fish_complete_pids)'
