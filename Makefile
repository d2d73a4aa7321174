# SPDX-License-Identifier: GPL-2.0-or-later
#
# ctltools.  Plain GNU make:
#   make            library, keeper and commands, in build/
#   make demo       the README's walk-through on a real process
#   make check      the tests
#   make install    DESTDIR, prefix, libdir, ... as usual
#   make V=1        show the commands
#   make O=DIR SAN=address,undefined CC=clang WERROR=1
#                   another build, elsewhere
#
# A file dropped into the right folder is built: libctl/*.c is the library,
# libctl/keeper/*.c the keeper, cmd/NAME.c with cmd/NAME/*.c, if there are any,
# the command NAME (all of them with cmd/common/*.c), tests/tracees/NAME.c a test
# program, tests/fuzz/NAME.c a fuzz target.

VERSION := $(shell sed -n 's/^.define CTL_VERSION "\(.*\)"/\1/p' libctl/ctl.h)
SOMAJOR := 0
O ?= build

prefix ?= /usr/local
bindir ?= $(prefix)/bin
libdir ?= $(prefix)/lib
libexecdir ?= $(prefix)/libexec
includedir ?= $(prefix)/include
mandir ?= $(prefix)/share/man
pkgconfigdir ?= $(libdir)/pkgconfig
bashcompdir ?= $(prefix)/share/bash-completion/completions
zshcompdir ?= $(prefix)/share/zsh/site-functions
fishcompdir ?= $(prefix)/share/fish/vendor_completions.d

CC ?= cc
AR ?= ar
INSTALL ?= install
PKG_CONFIG ?= pkg-config

CFLAGS ?= -O2 -g
CSTD := -std=gnu11
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wvla -Wformat=2 -Wno-format-nonliteral \
	-Wno-missing-field-initializers
ifdef WERROR
WARN += -Werror
endif
ifdef SAN
SANFLAGS := -fsanitize=$(SAN) -fno-omit-frame-pointer \
	-fno-sanitize-recover=undefined
endif

PKGS := libelf json-c
PKG_CFLAGS = $(shell $(PKG_CONFIG) --cflags $(PKGS))
JSON_LIBS = $(shell $(PKG_CONFIG) --libs json-c)
ELF_LIBS = $(shell $(PKG_CONFIG) --libs libelf)
# Debian's header lies in a folder of its own: Debian 12 has no .pc file to say
# so, and that of Debian 13 names a folder that does not exist.
DWARF_CFLAGS = $(shell $(PKG_CONFIG) --cflags libdwarf 2>/dev/null) \
	$(addprefix -I,$(wildcard /usr/include/libdwarf))
DWARF_LIBS = $(shell $(PKG_CONFIG) --libs libdwarf 2>/dev/null || echo -ldwarf)
# Debian 12 has no .pc file of it.
ZYDIS_LIBS = $(shell $(PKG_CONFIG) --libs zydis 2>/dev/null || echo -lZydis)
# What those need who take from libctl's objects
LIB_LIBS = $(ELF_LIBS) $(DWARF_LIBS) $(ZYDIS_LIBS)

CPPFLAGS_ALL = -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Ilibctl -Ikmod \
	-I$(O)/gen $(PKG_CFLAGS) $(DWARF_CFLAGS) \
	-DLIBEXECDIR='"$(libexecdir)/ctltools"' $(BPF_FLAGS) $(CPPFLAGS)
CFLAGS_ALL = $(CSTD) $(WARN) $(CFLAGS) $(SANFLAGS) -fPIC -fvisibility=hidden \
	-pthread -MMD -MP
LDFLAGS_ALL = $(LDFLAGS) $(SANFLAGS) -pthread
# Found in the build tree and in any prefix; packagers say RPATH=.
RPATH ?= -Wl,-rpath,'$$ORIGIN/../lib'

LIB_SRC := $(wildcard libctl/*.c)
KEEPER_SRC := $(wildcard libctl/keeper/*.c)
COMMON_SRC := $(wildcard cmd/common/*.c)
CMDS := $(patsubst cmd/%.c,%,$(wildcard cmd/*.c))
TRACEES := $(patsubst tests/tracees/%.c,%,$(wildcard tests/tracees/*.c))
UNITS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*.c))

# A line a file, unless V=1.  WORD
ifneq ($(V),1)
Q = @printf '  %-4s %s\n' $(1) $(@:$(O)/%=%);
endif

obj = $(patsubst %.c,$(O)/obj/%.o,$(1))
LIB_OBJ := $(call obj,$(LIB_SRC))
KEEPER_OBJ := $(call obj,$(KEEPER_SRC))
COMMON_OBJ := $(call obj,$(COMMON_SRC))

SONAME := libctl.so.$(SOMAJOR)
SOFILE := libctl.so.$(VERSION)
LIBSO := $(O)/lib/$(SOFILE)
LIBA := $(O)/lib/libctl.a
KEEPER := $(if $(KEEPER_SRC),$(O)/libexec/ctltools/ctlkeeper)
BINS := $(addprefix $(O)/bin/,$(CMDS))

all: $(LIBSO) $(LIBA) $(KEEPER) $(BINS) $(O)/lib/libctl.pc

.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY: $(call obj,$(CMDS:%=cmd/%.c))
.PHONY: all clean demo check install uninstall deps tracees units kmod

$(O)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call Q,CC)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -c -o $@ $<

$(LIBSO): $(LIB_OBJ) libctl/libctl.map
	@mkdir -p $(@D)
	$(call Q,LD)$(CC) -shared -Wl,-soname,$(SONAME) -Wl,--version-script=libctl/libctl.map \
		$(if $(SAN),,-Wl,-z,defs) $(LDFLAGS_ALL) -o $@ $(LIB_OBJ) $(LIB_LIBS) $(LIBS)
	@ln -sf $(SOFILE) $(O)/lib/$(SONAME)
	@ln -sf $(SONAME) $(O)/lib/libctl.so

$(LIBA): $(LIB_OBJ)
	@mkdir -p $(@D)
	@rm -f $@
	$(call Q,AR)$(AR) rcs $@ $(LIB_OBJ)

# The keeper is one self-contained file: it takes what it shares with the
# library (proc.c, names) from the archive.
$(O)/libexec/ctltools/ctlkeeper: $(KEEPER_OBJ) $(LIBA)
	@mkdir -p $(@D)
	$(call Q,LD)$(CC) $(LDFLAGS_ALL) -o $@ $(KEEPER_OBJ) $(LIBA) $(KEEPER_LIBS) $(ZYDIS_LIBS) $(LIBS)

# What a command of several files is made of, besides.
$(foreach c,$(CMDS),$(eval $(O)/bin/$(c): $(call obj,$(wildcard cmd/$(c)/*.c))))

$(O)/bin/%: $(O)/obj/cmd/%.o $(COMMON_OBJ) $(LIBSO)
	@mkdir -p $(@D)
	$(call Q,LD)$(CC) $(LDFLAGS_ALL) $(RPATH) -o $@ $(filter %.o,$^) -L$(O)/lib -lctl $(JSON_LIBS) $(LIBS)

$(O)/lib/libctl.pc: libctl/libctl.pc.in Makefile
	@mkdir -p $(@D)
	$(call Q,GEN)sed -e 's|@prefix@|$(prefix)|; s|@libdir@|$(libdir)|; s|@includedir@|$(includedir)|; s|@version@|$(VERSION)|' $< >$@

-include $(wildcard mk/*.mk)

clean:
	rm -rf $(O)

# Kept after the list of files: what was compiled last time tells what to redo.
-include $(patsubst %.o,%.d,$(LIB_OBJ) $(KEEPER_OBJ) $(call obj,$(wildcard cmd/*.c cmd/*/*.c)))
