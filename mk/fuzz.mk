# SPDX-License-Identifier: GPL-2.0-or-later
# Fuzz targets: tests/fuzz/NAME.c, a LLVMFuzzerTestOneInput() each.
#   make fuzz-replay       with replay.c for a main: the seeds of
#                          tests/fuzz/corpus/NAME and mutations of them; any
#                          compiler; part of make check
#   make fuzz              with clang's libFuzzer, sanitized
#   make fuzz-run FUZZ_SEC=60
FUZZES := $(filter-out replay,$(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c)))
FUZZ_REPLAYS := $(FUZZES:%=$(O)/tests/fuzz/%)
FUZZ_SEC ?= 30
FUZZ_O := $(O)/fuzz
# Out of sight of libdw, which a sanitized program cannot load otherwise.
FUZZ_DWARF = $(if $(shell $(CC) -print-file-name=libdwarf.a | grep /),-Wl$(comma)--exclude-libs$(comma)libdwarf.a -l:libdwarf.a -lz,$(DWARF_LIBS))
comma := ,

.PHONY: fuzz fuzz-run fuzz-replay
$(O)/tests/fuzz/%: $(O)/obj/tests/fuzz/%.o $(O)/obj/tests/fuzz/replay.o $(LIBA)
	@mkdir -p $(@D)
	$(call Q,LD)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIB_LIBS) $(LIBS)

fuzz-replay: $(FUZZ_REPLAYS)
test-programs: $(FUZZ_REPLAYS)

fuzz:
	$(MAKE) O=$(FUZZ_O) CC=clang SAN=address,undefined,fuzzer-no-link BPF=0 fuzz-link

fuzz-link: $(LIBA) $(FUZZES:%=$(O)/obj/tests/fuzz/%.o)
	for f in $(FUZZES); do \
		$(CC) -fsanitize=address,undefined,fuzzer -o $(O)/$$f \
			$(O)/obj/tests/fuzz/$$f.o $(LIBA) $(ELF_LIBS) $(FUZZ_DWARF) $(ZYDIS_LIBS) $(LIBS) || exit; \
	done

fuzz-run: fuzz
	for f in $(FUZZES); do \
		mkdir -p $(FUZZ_O)/corpus/$$f && \
		$(FUZZ_O)/$$f -max_total_time=$(FUZZ_SEC) -max_len=65536 \
			$(FUZZ_O)/corpus/$$f tests/fuzz/corpus/$$f || exit; \
	done

.SECONDARY: $(FUZZES:%=$(O)/obj/tests/fuzz/%.o) $(O)/obj/tests/fuzz/replay.o
-include $(FUZZES:%=$(O)/obj/tests/fuzz/%.d)
