# SPDX-License-Identifier: GPL-2.0-or-later
# What tracing costs, side by side with what else is installed: tests/bench.
BENCH_LOAD := $(O)/tests/bench/load

$(BENCH_LOAD): tests/bench/load.c tests/tracees/sdt.h
	@mkdir -p $(@D)
	$(call Q,CC)$(CC) $(CSTD) $(WARN) $(CFLAGS) -D_GNU_SOURCE -pthread $(LDFLAGS) -o $@ $<

bench: all $(BENCH_LOAD) tracees
	tests/bench/run -b $(O) $(BENCH)
.PHONY: bench
