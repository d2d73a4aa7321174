# SPDX-License-Identifier: GPL-2.0-or-later
# make install DESTDIR=... prefix=...; uninstall removes the same files.

HEADERS := kmod/dtrace_ctl.h libctl/ctl.h
MAN_SECTIONS := 1 3 4

# FILES,DIR
inst_data = $(if $(1),$(INSTALL) -d $(DESTDIR)$(2) && \
	$(INSTALL) -m 644 $(1) $(DESTDIR)$(2))
inst_prog = $(if $(1),$(INSTALL) -d $(DESTDIR)$(2) && \
	$(INSTALL) -m 755 $(1) $(DESTDIR)$(2))
man_pages = $(wildcard man/*.$(1))

# Where the keeper will be, and the .pc file, follow from the prefix: they are
# made anew when it is another than last time.
PLACES := $(prefix) $(libdir) $(libexecdir) $(includedir)
ifneq ($(PLACES),$(file <$(O)/.places))
.PHONY: $(O)/.places
endif
$(O)/.places:
	@mkdir -p $(@D) && echo "$(PLACES)" >$@
$(call obj,libctl/transport_keeper.c) $(O)/lib/libctl.pc: $(O)/.places

install: all
	$(call inst_prog,$(BINS),$(bindir))
	$(call inst_prog,$(KEEPER),$(libexecdir)/ctltools)
	$(call inst_data,$(LIBSO) $(LIBA),$(libdir))
	ln -sf $(SOFILE) $(DESTDIR)$(libdir)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(libdir)/libctl.so
	$(call inst_data,$(HEADERS),$(includedir))
	$(call inst_data,$(O)/lib/libctl.pc,$(pkgconfigdir))
	$(foreach s,$(MAN_SECTIONS),$(if $(call man_pages,$(s)),$(call inst_data,$(call man_pages,$(s)),$(mandir)/man$(s));))
	$(call inst_data,$(wildcard completions/bash/*),$(bashcompdir))
	$(call inst_data,$(wildcard completions/zsh/*),$(zshcompdir))
	$(call inst_data,$(wildcard completions/fish/*),$(fishcompdir))

uninstall:
	rm -f $(addprefix $(DESTDIR)$(bindir)/,$(CMDS))
	rm -f $(DESTDIR)$(libexecdir)/ctltools/ctlkeeper
	-rmdir $(DESTDIR)$(libexecdir)/ctltools 2>/dev/null
	rm -f $(addprefix $(DESTDIR)$(libdir)/,$(SOFILE) $(SONAME) libctl.so libctl.a)
	rm -f $(addprefix $(DESTDIR)$(includedir)/,$(notdir $(HEADERS)))
	rm -f $(DESTDIR)$(pkgconfigdir)/libctl.pc
	rm -f $(foreach s,$(MAN_SECTIONS),$(addprefix $(DESTDIR)$(mandir)/man$(s)/,$(notdir $(call man_pages,$(s)))))
	rm -f $(addprefix $(DESTDIR)$(bashcompdir)/,$(notdir $(wildcard completions/bash/*)))
	rm -f $(addprefix $(DESTDIR)$(zshcompdir)/,$(notdir $(wildcard completions/zsh/*)))
	rm -f $(addprefix $(DESTDIR)$(fishcompdir)/,$(notdir $(wildcard completions/fish/*)))
