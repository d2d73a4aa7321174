/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The code of a function, followed; and what is in its places at every byte. */
#include <stdlib.h>

#include "../../libctl/ctl.h"
#include "../../libctl/flow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	long work = 200000;
	uint64_t ends[] = { 0x1005, 0x1010 }, prev;
	struct flow *f;

	if (size > 600)
		size = 600;
	f = flow_new(data, size, 0x1000, ends, 2, &work);
	if (!f)
		return 0;
	for (uint64_t pc = 0xfff; pc <= 0x1000 + size; pc++) {
		for (unsigned r = 0; r <= 17; r++) {
			struct flow_value v = flow_reg(f, pc, r);

			flow_made_at(f, pc, v);
			if (v.id && (v.bytes == 0 || v.bytes > 8))
				abort();
		}
		if (flow_before(f, pc, &prev) && prev >= pc)
			abort();
		flow_slot(f, pc, CTL_R_RSP, 8, 8);
	}
	flow_free(f);
	return 0;
}
