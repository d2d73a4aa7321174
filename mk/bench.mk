# SPDX-License-Identifier: GPL-2.0-or-later
# What tracing costs, side by side with what else is installed: tests/bench.
BENCH_LOAD := $(O)/tests/bench/load

$(BENCH_LOAD): tests/bench/load.c tests/tracees/sdt.h
	@mkdir -p $(@D)
	$(call Q,CC)$(CC) $(CSTD) $(WARN) $(CFLAGS) -D_GNU_SOURCE -pthread $(LDFLAGS) -o $@ $<

bench: all $(BENCH_LOAD) tracees
	tests/bench/run -b $(O) $(BENCH)

# The same in a VM, against the module and what it is measured by: KERNEL=6.1.
# An emulated processor is slow, so there is less of everything.
BENCH_VM ?= -r 3 -s 50 getppid write open threads start true probes stop attach
bench-vm: all $(BENCH_LOAD) tracees
	VM_GOALS=floor VM_COMMAND='tests/bench/run -b "$$CTL_BUILD" $(BENCH_VM)' \
		tests/vm/check -b $(O) $(KERNEL)
.PHONY: bench bench-vm
