/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of probe arguments; the first byte chooses the machine. */
#include <errno.h>
#include <string.h>

#include "../../libctl/probe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int symbol(void *arg, const char *name, size_t len, uint64_t *addr,
		  const char **problem)
{
	(void)arg;
	if (len && name[len - 1] != 'x') {
		*addr = 0x1000;
		return 0;
	}
	*problem = "none";
	return -ENOENT;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arg_context c = { .symbol = symbol };
	struct ctl_usdt_probe p = { 0 };
	const char *list = (const char *)data + 1;
	struct ctl_usdt_arg a;
	struct ctl_fetch f;
	struct text t;
	size_t pos = 0;

	if (!size)
		return 0;
	c.is_32bit = p.is_32bit = data[0] & 1;
	c.other_machine = data[0] & 2;
	while (arg_next(list, size - 1, &pos, &t)) {
		a = (struct ctl_usdt_arg){ 0 };
		arg_parse(t.s, t.len, &c, &a);
		if ((a.how == CTL_ARG_UNKNOWN) != (a.problem != NULL))
			__builtin_trap(); /* a reason, or none needed */
		ctl_usdt_fetch(&p, &a, &f);
		if (f.op == CTL_FETCH_REG && f.base > CTL_R_R15)
			__builtin_trap();
	}
	if (pos != size - 1)
		__builtin_trap();
	return 0;
}
