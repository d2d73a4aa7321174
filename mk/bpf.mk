# SPDX-License-Identifier: GPL-2.0-or-later
# The keeper's BPF event source.  It needs clang, bpftool and libbpf; without
# them, or with BPF=0, the keeper records by ptrace alone.
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /sbin/bpftool /usr/local/sbin/bpftool) bpftool)
BPF ?= $(shell command -v $(CLANG) >/dev/null 2>&1 && command -v $(BPFTOOL) >/dev/null 2>&1 && \
	$(PKG_CONFIG) --exists 'libbpf >= 1.0' 2>/dev/null && echo 1 || echo 0)

ifeq ($(BPF),1)
BPF_SKELS := $(patsubst libctl/keeper/bpf/%.bpf.c,$(O)/gen/%.skel.h,$(wildcard libctl/keeper/bpf/*.bpf.c))
KEEPER_LIBS += $(shell $(PKG_CONFIG) --libs libbpf)
$(KEEPER_OBJ): BPF_FLAGS := -DHAVE_BPF
$(O)/obj/libctl/keeper/source.o $(O)/obj/libctl/keeper/uprobe.o: $(BPF_SKELS)

# The architecture's <asm/types.h> is not where clang looks for this target.
BPF_SYS = $(addprefix -idirafter ,$(wildcard /usr/include/$(shell $(CC) -print-multiarch 2>/dev/null || $(CC) -dumpmachine)))
# See there.  The kernel counts in sixteens.
$(O)/gen/uprobe.bpf.o: BPF_FRAME := -Wframe-larger-than=48 -Werror=frame-larger-than
# "gen object" leaves out what only a debugger would read, half of the file.
$(O)/gen/%.bpf.o: libctl/keeper/bpf/%.bpf.c $(wildcard libctl/keeper/bpf/*.h) kmod/dtrace_ctl.h kmod/operand.h
	@mkdir -p $(@D)
	$(call Q,BPF)$(CLANG) -g -O2 -target bpf -D__TARGET_ARCH_x86 -Wall $(if $(WERROR),-Werror) \
		$(BPF_FRAME) -fdebug-prefix-map=$(CURDIR)=. -Ikmod $(BPF_SYS) -c -o $@.full $<
	@$(BPFTOOL) gen object $@ $@.full

$(O)/gen/%.skel.h: $(O)/gen/%.bpf.o
	$(call Q,GEN)$(BPFTOOL) gen skeleton $< name $*_bpf >$@
.SECONDARY: $(BPF_SKELS:.skel.h=.bpf.o)
endif

# All of the keeper with it, or all without: packages that came since the last
# build change what the headers say, and half of it would be deaf to the rest.
ifneq ($(BPF),$(file <$(O)/.bpf))
.PHONY: $(O)/.bpf
endif
$(O)/.bpf:
	@mkdir -p $(@D) && echo "$(BPF)" >$@
$(KEEPER_OBJ): $(O)/.bpf
