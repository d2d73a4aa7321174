# SPDX-License-Identifier: GPL-2.0-or-later
# pusdt: a command of several files, one a subcommand.
PUSDT_OBJ := $(call obj,cmd/pusdt.c $(wildcard cmd/pusdt/*.c))

$(O)/bin/pusdt: $(PUSDT_OBJ) $(COMMONA) $(LIBSO)
	@mkdir -p $(@D)
	$(call Q,LD)$(CC) $(LDFLAGS_ALL) $(RPATH) -o $@ $(PUSDT_OBJ) $(COMMONA) \
		-L$(O)/lib -lctl $(JSON_LIBS) $(LIBS)

-include $(PUSDT_OBJ:.o=.d)
