/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ptruss -u is given. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../libctl/private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned sink;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ctl_func_spec *s;
	char *text;

	/* fnmatch(3) takes its time with many stars; so does nobody else. */
	if (size > 64)
		return 0;
	text = strndup((const char *)data, size);
	if (text && ctl_func_spec_parse(&s, text) == 0) {
		sink++;
		ctl_func_spec_free(s);
	}
	free(text);
	return 0;
}
