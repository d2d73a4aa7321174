/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What people type: operands, and lists of signals, faults, system calls. */
#include <stdlib.h>
#include <string.h>

#include "../../libctl/private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *s = malloc(size + 1);
	struct ctl_sysset calls;
	struct ctl_target t;
	uint64_t set;

	if (!s)
		abort();
	memcpy(s, data, size);
	s[size] = '\0';
	if (ctl_target_parse(s, &t) == 0)
		ctl_target_has(&t, 1);
	ctl_sigset_parse(s, &set);
	ctl_fltset_parse(s, &set);
	ctl_sysset_parse(s, &calls);
	ctl_signal_parse(s);
	ctl_fault_parse(s);
	ctl_mode_parse(s);
	ctl_message_parse(s);
	ctl_syscall_parse(CTL_ABI_NATIVE, s);
	ctl_syscall_parse(CTL_ABI_COMPAT, s);
	free(s);
	return 0;
}
