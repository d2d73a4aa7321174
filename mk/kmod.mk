# SPDX-License-Identifier: GPL-2.0-or-later
#
# make kmod KDIR=HEADERS     the kernel module, for the kernel of these headers
#                            (default: the running one's); in
#                            $(O)/kmod/RELEASE/dtrace_ctl.ko
#
# The source stays clean: it is linked into the folder that is built in, because
# the kernel's make leaves its files where the source is.

KDIR ?= /lib/modules/$(shell uname -r)/build
# What Debian's headers ask for by version may not be here; any gcc that knows
# the flags will do.
KCC ?= $(CC)

# No pahole: the module goes without type information.
KFLAGS := $(if $(shell command -v pahole),,CONFIG_DEBUG_INFO_BTF_MODULES=)

.PHONY: kmod floor
kmod: MODULE_SRC := kmod/*.[ch] kmod/Kbuild kmod/probes.sh
kmod: MODULE_DIR := kmod
# The module that the other one is measured against, in $(O)/tests/bench/floor.
floor: MODULE_SRC := tests/bench/floor/* kmod/dtrace_ctl.h
floor: MODULE_DIR := tests/bench/floor
kmod floor:
	@test -f $(KDIR)/Makefile || { \
		echo "make $@: no kernel headers in $(KDIR) (install them, or say KDIR=...)" >&2; exit 1; }
	@set -e; rel=$$(sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' $(KDIR)/include/generated/utsrelease.h); \
	dir=$(abspath $(O))/$(MODULE_DIR)/$$rel; mkdir -p "$$dir"; \
	for f in $(MODULE_SRC); do \
		ln -sf "$(CURDIR)/$$f" "$$dir/"; done; \
	$(MAKE) -C $(KDIR) O=$(abspath $(KDIR)) M="$$dir" CC=$(KCC) $(KFLAGS) $(if $(WERROR),KCFLAGS=-Werror) modules; \
	echo "$$dir/"*.ko
