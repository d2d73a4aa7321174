/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole ELF files, to the model and out of it again. */
#include <stdlib.h>
#include <string.h>

#include "../../libctl/probe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile size_t sink;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct ctl_usdt_probe *p = NULL;
	struct elf_file f;
	struct ctl_usdt *u;

	if (elf_file_memory(&f, data, size) < 0)
		return 0;
	u = calloc(1, sizeof(*u));
	if (u && usdt_read_object(u, &f, "fuzz", 0x10000) == 0 &&
	    usdt_group(u) == 0)
		while (ctl_usdt_next(u, NULL, &p) == 1) {
			if (!p->nsites)
				__builtin_trap();
			for (unsigned i = 0; i < p->nsites; i++)
				sink += strlen(p->sites[i].argtext) +
					p->sites[i].nargs;
		}
	ctl_usdt_free(u);
	elf_file_close(&f);
	return 0;
}
