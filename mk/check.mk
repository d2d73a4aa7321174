# SPDX-License-Identifier: GPL-2.0-or-later
# The tests: everything they need is built, then tests/run runs them.
#
#   make check         check-host, then check-vm where it can be had
#   make check-host    with the keeper, here
#   make check-vm      with the module, in VMs: see vm.mk
#   make check-san     check-host with sanitizers, gcc and clang
#
# TESTS="stop ptruss" makes it these scripts only.

# Two scripts at a time: most of them wait.  One that fails so runs again alone.
JOBS := -j 2 -r

CAGE := $(O)/tests/cage
HOLD := $(O)/tests/hold
THROWER := $(O)/tests/thrower
PROBED32 := $(O)/tests/i386/probed32
CALLS32 := $(O)/tests/i386/calls
TRACEE_BINS := $(addprefix $(O)/tests/tracees/,$(TRACEES))
OBJECT_BINS := $(patsubst tests/%.c,$(O)/tests/%.so,$(wildcard tests/objects/*.c))
UNIT_BINS := $(addprefix $(O)/tests/unit/,$(UNITS))

.PHONY: test-programs check-host check-san check-cc

# Targets are never sanitized: they stand for programs that are not ours.
$(O)/tests/tracees/%: tests/tracees/%.c
	@mkdir -p $(@D)
	$(call Q,CC)$(CC) $(CPPFLAGS_ALL) $(CSTD) $(WARN) $(CFLAGS) -pthread -MMD -MP \
		-MF $@.d $(LDFLAGS) -o $@ $<

$(O)/tests/objects/%.so: tests/objects/%.c
	@mkdir -p $(@D)
	$(call Q,CC)$(CC) $(CPPFLAGS_ALL) -Itests/tracees $(CSTD) $(WARN) $(CFLAGS) -fPIC \
		-shared -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $<

$(CAGE): tests/cage.c
	@mkdir -p $(@D)
	$(call Q,CC)$(CC) $(CPPFLAGS_ALL) $(CSTD) $(WARN) $(CFLAGS) -MMD -MP -MF $@.d \
		$(LDFLAGS) -o $@ $<

$(HOLD): $(call obj,tests/hold.c) $(LIBSO)
	@mkdir -p $(@D)
	$(call Q,LD)$(CC) $(LDFLAGS_ALL) -Wl,-rpath,'$$ORIGIN/../lib' -o $@ $< -L$(O)/lib -lctl $(LIBS)

# C++ is not needed for anything else: without a compiler its test is skipped.
$(THROWER): tests/thrower.cc
	@mkdir -p $(@D)
	$(CXX) -Wall -Wextra -O1 -g -pthread -o $@ $< || \
		echo "no C++ program: its test will be skipped" >&2

# As with $(MODULE_I386).
$(PROBED32): tests/i386/probed32.c tests/tracees/sdt.h
	@mkdir -p $(@D)
	$(CC) -m32 -nostdlib -static -ffreestanding -fno-pie -O1 -g \
		-fno-stack-protector $(WARN) -o $@ $< || \
		echo "no 32-bit program: its test will be skipped" >&2

$(CALLS32): tests/tracees/calls.c tests/tracees/tracee.h
	@mkdir -p $(@D)
	$(CC) -m32 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -w -o $@ $< || \
		echo "no 32-bit C library: its test will be skipped" >&2

# They may call what is hidden: hence the archives.
COMMONA := $(O)/tests/common.a
$(COMMONA): $(COMMON_OBJ)
	@mkdir -p $(@D)
	@rm -f $@
	$(call Q,AR)$(AR) rcs $@ $^

$(O)/tests/unit/%: $(O)/obj/tests/unit/%.o $(COMMONA) $(LIBA)
	@mkdir -p $(@D)
	$(call Q,LD)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(JSON_LIBS) $(LIB_LIBS) $(LIBS)

tracees: $(TRACEE_BINS)
units: $(UNIT_BINS)
test-programs: all stress $(CAGE) $(HOLD) $(THROWER) $(PROBED32) $(CALLS32) $(TRACEE_BINS) $(OBJECT_BINS) \
	$(UNIT_BINS)

# In a make of its own: packages that come now change what pkg-config says.
check-host:
	CC="$(CC)" scripts/deps install build demo check
	$(MAKE) test-programs
	tests/run -b $(O) $(JOBS) $(TESTS)

# No packages, no network: the VMs are skipped, and it says so.
check: check-host
	scripts/deps install vm || :
	$(MAKE) module-programs
	tests/vm/check -s -b $(O) 6.1 6.12

# The tests once more with library, keeper and commands sanitized.
check-san:
	for cc in gcc clang; do \
		$(MAKE) CC=$$cc O=$(O)-san-$$cc SAN=address,undefined \
			test-programs && \
		tests/run -b $(O)-san-$$cc $(JOBS) $(TESTS) || exit; \
	done

check-cc:
	for cc in gcc clang; do \
		$(MAKE) CC=$$cc O=$(O)-$$cc test-programs || exit; \
	done

.SECONDARY: $(UNITS:%=$(O)/obj/tests/unit/%.o)
-include $(TRACEE_BINS:=.d) $(CAGE).d $(O)/obj/tests/hold.d \
	$(UNITS:%=$(O)/obj/tests/unit/%.d)
