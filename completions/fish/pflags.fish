# SPDX-License-Identifier: GPL-2.0-or-later
# Made by scripts/completions.
complete -c pflags -s 'j' -l json -f -d 'Print JSON, an object a line'
complete -c pflags -s 'r' -l registers -f -d 'Show the registers of stopped threads'
complete -c pflags -s 'v' -l verbose -f -d 'Say on standard error what is done'
complete -c pflags -s '?' -l help -f -d 'Give this help list'
complete -c pflags -l usage -f -d 'Give a short usage message'
complete -c pflags -s 'V' -l version -f -d 'Print program version'
complete -c pflags -f -a '(__fish_complete_pids)'
