/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Batches of control messages, as the keeper takes them apart. */
#include "../../libctl/private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned sink;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ctl_message m;
	size_t at = 0, i;

	while (at < size && ctl_message_next(data + at, size - at, &m) == 0) {
		for (i = 0; i < m.size; i++)
			sink += m.operand[i];
		if (m.total < 8)
			__builtin_trap(); /* it would never end */
		at += m.total;
	}
	if (at > size)
		__builtin_trap();
	return 0;
}
