# SPDX-License-Identifier: GPL-2.0-or-later
# A function that ctl.h has anew goes into the map, to be committed with it.
$(LIBSO): $(O)/.symbols

$(O)/.symbols: libctl/ctl.h libctl/libctl.map scripts/symbols
	scripts/symbols add libctl/libctl.map libctl/ctl.h
	@mkdir -p $(@D) && touch $@
