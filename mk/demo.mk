# SPDX-License-Identifier: GPL-2.0-or-later
demo:
	CC="$(CC)" scripts/deps install build demo
	$(MAKE) all
	scripts/demo $(O)
