# SPDX-License-Identifier: GPL-2.0-or-later
# The names of the system calls, from the kernel's headers.

syscall_names = printf '\#include <asm/unistd_$(1).h>\n' | $(CC) -E -dM - | \
	sed -n 's/^.define __NR_\([a-z0-9_]*\) \([0-9]*\)$$/[\2] = "\1",/p' | sort

$(O)/gen/syscall_%.inc:
	@mkdir -p $(@D)
	$(call syscall_names,$*) >$@
	@test -s $@

$(O)/obj/libctl/syscall_names.o: $(O)/gen/syscall_64.inc $(O)/gen/syscall_32.inc
