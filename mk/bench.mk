# SPDX-License-Identifier: GPL-2.0-or-later
# What tracing costs, side by side with what else is installed: tests/bench.
BENCH_PROGRAMS := $(O)/tests/bench/load $(O)/tests/bench/stops

$(O)/tests/bench/load: tests/tracees/sdt.h
$(BENCH_PROGRAMS): $(O)/tests/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(call Q,CC)$(CC) $(CSTD) $(WARN) $(CFLAGS) -D_GNU_SOURCE -pthread $(LDFLAGS) -o $@ $<

bench: all $(BENCH_PROGRAMS) tracees
	tests/bench/run -b $(O) $(BENCH)

# The same in a VM, against the module and what it is measured by: KERNEL=6.1.
# An emulated processor is slow, so there is less of everything.
BENCH_VM ?= -r 3 -s 50 getppid write open threads start true probes stop attach
bench-vm: all $(BENCH_PROGRAMS) tracees
	VM_GOALS=floor VM_COMMAND='tests/bench/run -b "$$CTL_BUILD" $(BENCH_VM)' \
		tests/vm/check -b $(O) $(KERNEL)
.PHONY: bench bench-vm
