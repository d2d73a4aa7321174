# SPDX-License-Identifier: GPL-2.0-or-later
# The packages that are needed: scripts/deps.list has them.

# A build that cannot work says why before the compiler does.
$(LIB_OBJ) $(KEEPER_OBJ) $(COMMON_OBJ): | $(O)/.deps

$(O)/.deps: scripts/deps.list
	@CC="$(CC)" scripts/deps check build
	@mkdir -p $(@D) && touch $@

deps:
	CC="$(CC)" scripts/deps install build demo check

docs/dependencies.md: scripts/deps scripts/deps.list
	scripts/deps markdown >$@
