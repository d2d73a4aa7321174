# SPDX-License-Identifier: GPL-2.0-or-later
# tests/stress: random messages, random deaths, on either backend.
STRESS := $(O)/tests/stress/ctlstress

$(STRESS): $(call obj,tests/stress/ctlstress.c) $(LIBSO)
	@mkdir -p $(@D)
	$(call Q,LD)$(CC) $(LDFLAGS_ALL) -Wl,-rpath,'$$ORIGIN/../../lib' -o $@ $< -L$(O)/lib -lctl $(LIBS)

stress: $(STRESS) $(KEEPER)
.PHONY: stress
-include $(O)/obj/tests/stress/ctlstress.d
