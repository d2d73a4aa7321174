# SPDX-License-Identifier: GPL-2.0-or-later
# ptruss: a command of several files.
PTRUSS_OBJ := $(call obj,cmd/ptruss.c $(wildcard cmd/ptruss/*.c))

$(O)/bin/ptruss: $(PTRUSS_OBJ) $(COMMONA) $(LIBSO)
	@mkdir -p $(@D)
	$(call Q,LD)$(CC) $(LDFLAGS_ALL) $(RPATH) -o $@ $(PTRUSS_OBJ) $(COMMONA) -L$(O)/lib -lctl $(JSON_LIBS) $(LIBS)

-include $(PTRUSS_OBJ:.o=.d)
