# SPDX-License-Identifier: GPL-2.0-or-later
# make deb    Debian packages, in $(O)/deb/
#
# dpkg-buildpackage leaves its files in the folder above the source: hence a copy.
DEB_O := $(abspath $(O))/deb

.PHONY: deb
deb:
	scripts/deps check build pkg
	rm -rf $(DEB_O) && mkdir -p $(DEB_O)/ctltools
	tar -c --exclude-vcs --exclude='./build*' --exclude=./cache --exclude=./$(O) . | \
		tar -x -C $(DEB_O)/ctltools
	cd $(DEB_O)/ctltools && env -u MAKEFLAGS -u MAKELEVEL dpkg-buildpackage -us -uc -b
	lintian --fail-on error $(DEB_O)/*.changes
	@echo && ls $(DEB_O)/*.deb
