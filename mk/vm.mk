# SPDX-License-Identifier: GPL-2.0-or-later
#
# make check-vm [KERNEL=6.1]   the tests in a VM, against the module
#
# KERNEL is what tests/vm/kernel.sh takes: 6.1, 6.12, 5.10, 7.3, SUITE:PACKAGE.
# The first use of one fetches some 40 MB into $XDG_CACHE_HOME/ctltools.

KERNEL ?= 6.1
MODULE_BINS := $(patsubst tests/module/%.c,$(O)/tests/module/%,$(wildcard tests/module/*.c))

$(O)/tests/module/%: tests/module/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CSTD) $(WARN) $(CFLAGS) -pthread -MMD -MP \
		-MF $@.d $(LDFLAGS) -o $@ $<
-include $(MODULE_BINS:=.d)

.PHONY: check-vm check-module module-programs
module-programs: $(MODULE_BINS)

check-vm: test-programs module-programs
	scripts/deps check build vm
	@dir=$$(tests/vm/kernel.sh $(KERNEL)) || { \
		echo "make check-vm: cannot fetch the kernel $(KERNEL) (no network? CTL_MIRROR names another mirror)" >&2; exit 2; }; \
	for h in "$$dir"/usr/src/linux-headers-*-amd64; do :; done; \
	$(MAKE) --no-print-directory kmod KDIR="$$h" KCC="$(CURDIR)/tests/vm/kcc" \
		$(if $(filter 5.10 6.1 6.12,$(KERNEL)),WERROR=1) >$(O)/kmod.log 2>&1 || { \
		cat $(O)/kmod.log; exit 2; }
	tests/vm/run -b $(O) $(KERNEL) $(VM_COMMAND)

# What only the module can do, alone: about a minute, half of it for the unload
# under load.
check-module:
	$(MAKE) check-vm KERNEL=$(KERNEL) VM_COMMAND=tests/module/run
