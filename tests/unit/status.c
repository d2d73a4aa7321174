/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The library fills in as much of a struct ctl_status as its caller was compiled
 * with, whatever it knows itself.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "ctl.h"

#define MORE 64
#define MARK 0xa5

int main(void)
{
	union {
		struct ctl_status st;
		unsigned char byte[sizeof(struct ctl_status) + 2 * MORE];
	} u;
	struct ctl *h = NULL;

	/* None is started for a look, but there has to be one. */
	setenv("CTL_KEEPER", "/bin/true", 0);
	CHECK(ctl_open(&h, getppid(), 0, CTL_OPEN_RDONLY) == 0, "%s", ctl_error());
	if (!h)
		return check_result();

	memset(&u, MARK, sizeof(u));
	u.st.size = CTL_STATUS_SIZE_V1 - 1;
	CHECK(ctl_status(h, &u.st) == -EINVAL, "%s", ctl_error());
	CHECK(u.byte[sizeof(u.st.size)] == MARK, "size %u", u.st.size);

	/* An older program's. */
	u.st.size = CTL_STATUS_SIZE_V1;
	CHECK(ctl_status(h, &u.st) == 0, "%s", ctl_error());
	CHECK(u.st.pid == getppid(), "size %u", u.st.size);
	CHECK(u.byte[CTL_STATUS_SIZE_V1] == MARK, "size %u", u.st.size);

	/* A newer one's: what we do not know of is zero. */
	u.st.size = sizeof(u.st) + MORE;
	CHECK(ctl_status(h, &u.st) == 0, "%s", ctl_error());
	CHECK(u.st.size == sizeof(u.st) + MORE, "size %u", u.st.size);
	for (size_t i = 0; i < MORE; i++) {
		CHECK(u.byte[sizeof(u.st) + i] == 0, "byte %zu", i);
		CHECK(u.byte[sizeof(u.st) + MORE + i] == MARK, "byte %zu", i);
	}
	ctl_close(h);
	return check_result();
}
