# SPDX-License-Identifier: GPL-2.0-or-later
#
# make check-vm [KERNEL="6.1 6.12"]   the tests in VMs, against the module
# make check-module                   only what the module alone can do
# make check-vm-debug                 all of it on a kernel that looks for mistakes
# make check-vm-stress [KERNEL=...] [SECONDS=600] [SEED=N]
#
# KERNEL: one or more of what tests/vm/kernel.sh takes: 6.1, 6.12, 5.10, 7.3,
# SUITE:PACKAGE, debug; they run side by side, a core each.  The first use of one
# fetches some 40 MB into $XDG_CACHE_HOME/ctltools; that of "debug" compiles it
# there, for half an hour.  VM_COMMAND runs something else in the guest.

KERNEL ?= 6.1 6.12
# Through the environment: no shell on its way takes it apart.
VM_COMMAND ?= $(if $(TESTS),tests/run -b "$$CTL_BUILD" $(TESTS))
export VM_COMMAND
SECONDS ?= 600
SEED ?=
MODULE_BINS := $(patsubst tests/module/%.c,$(O)/tests/module/%,$(wildcard tests/module/*.c))

$(O)/tests/module/%: tests/module/%.c
	@mkdir -p $(@D)
	$(call Q,CC)$(CC) $(CPPFLAGS_ALL) $(CSTD) $(WARN) $(CFLAGS) -pthread -MMD -MP \
		-MF $@.d $(LDFLAGS) -o $@ $<
-include $(MODULE_BINS:=.d)
MODULE_I386 := $(O)/tests/module/i386/target

.PHONY: check-vm check-vm-debug check-vm-stress check-module module-programs
module-programs: $(MODULE_BINS) $(MODULE_I386)

# Without a C library, so no 32-bit headers; a compiler without -m32 leaves it
# out, and the test says so.
$(MODULE_I386): tests/module/i386/target.c
	@mkdir -p $(@D)
	$(call Q,CC)$(CC) -m32 -nostdlib -static -ffreestanding -fno-pie -O1 \
		-fno-stack-protector $(WARN) -o $@ $< || \
		echo "no 32-bit target: module/compat will be skipped" >&2

check-vm: test-programs module-programs
	scripts/deps check build vm
	tests/vm/check -b $(O) $(KERNEL)

check-module:
	$(MAKE) check-vm VM_COMMAND=tests/module/run

# Everything takes ten times as long there.  KASAN is to go on after a report.
check-vm-debug: test-programs module-programs
	scripts/deps check build vm debug
	VM_MEM=2048 VM_APPEND="kasan_multi_shot $$VM_APPEND" \
		VM_ENV="PATIENCE=1800 CTL_SLOW=1 CTL_STRETCH=5 LIMIT=1800 $(VM_ENV)" \
		tests/vm/check -b $(O) -t 10800 debug

# The whole time is spent in the guest; a little more for its start and its end.
check-vm-stress: test-programs module-programs
	scripts/deps check build vm
	VM_COMMAND='tests/module/run stress' VM_MEM=2048 VM_ENV="STRESS=$(SECONDS) $(if $(SEED),SEED=$(SEED))" \
		tests/vm/check -b $(O) -t $$(($(SECONDS) * 2 + 600)) $(KERNEL)
