# SPDX-License-Identifier: GPL-2.0-or-later
# Made by scripts/completions.
complete -c prun -s '1' -l step -f -d 'Run one instruction, then stop again'
complete -c prun -s 's' -l signal -x -a '(pctl --list=signals)' -d 'Deliver signal SIG as it runs on'
complete -c prun -s 'v' -l verbose -f -d 'Say on standard error what is done'
complete -c prun -s '?' -l help -f -d 'Give this help list'
complete -c prun -l usage -f -d 'Give a short usage message'
complete -c prun -s 'V' -l version -f -d 'Print program version'
complete -c prun -f -a '(__fish_complete_pids)'
