/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DOF. */
#include "../../libctl/probe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t sink;

static void read_probe(const struct dof_provider *p, const struct dof_probe *pr)
{
	struct text t;
	unsigned from;

	for (unsigned i = 0; i < pr->e.noffs; i++)
		sink += dof_site(p, pr, i);
	for (unsigned i = 0; i < pr->e.nenoffs; i++)
		sink += dof_enabled_site(p, pr, i);
	for (unsigned i = 0; dof_native(p, pr, i, &t) == 0; i++)
		sink += t.len ? t.s[t.len - 1] : 0;
	for (unsigned i = 0; dof_translated(p, pr, i, &t, &from) == 0; i++)
		sink += t.len ? t.s[t.len - 1] : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dof_provider p;
	struct dof_probe pr;
	struct dof d;

	if (dof_open(data, size, &d) < 0)
		return 0;
	while (dof_provider_next(&d, &p) == 1)
		while (dof_probe_next(&p, &pr) == 1)
			read_probe(&p, &pr);
	return 0;
}
