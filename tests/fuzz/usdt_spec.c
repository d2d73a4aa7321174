/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SPECs. */
#include <stdlib.h>
#include <string.h>

#include "../../libctl/private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned sink;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ctl_usdt_probe p = {
		.provider = "python",
		.name = "function__entry",
		.object = "/usr/lib/libpython3.11.so.1.0",
	};
	struct ctl_usdt_spec *s;
	char *text;

	/* fnmatch(3) takes its time with many stars; so does nobody else. */
	if (size > 64)
		return 0;
	text = strndup((const char *)data, size);
	if (text && ctl_usdt_spec_parse(&s, text) == 0) {
		sink += ctl_usdt_match(s, &p);
		ctl_usdt_spec_free(s);
	}
	free(text);
	return 0;
}
