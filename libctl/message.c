/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * message.c - the shape of a batch of PC* messages.  libctl needs it to carry
 * PCREAD and PCWRITE over a socket, the keeper to take batches apart.
 */
#include <errno.h>
#include <string.h>

#include "private.h"

static const struct {
	uint16_t code, size;
} operands[] = {
	{ PCNULL, 0 },
	{ PCSTOP, 0 },
	{ PCDSTOP, 0 },
	{ PCWSTOP, 0 },
	{ PCTWSTOP, 8 },
	{ PCRUN, 8 },
	{ PCCSIG, 0 },
	{ PCCFAULT, 0 },
	{ PCSSIG, 128 },
	{ PCKILL, 8 },
	{ PCUNKILL, 8 },
	{ PCSHOLD, 8 },
	{ PCSTRACE, 8 },
	{ PCSFAULT, 8 },
	{ PCSENTRY, sizeof(struct ctl_sysset) },
	{ PCSEXIT, sizeof(struct ctl_sysset) },
	{ PCSET, 8 },
	{ PCUNSET, 8 },
	{ PCSREG, sizeof(struct ctl_regs) },
	{ PCSFPREG, sizeof(struct ctl_fpregs) },
	{ PCSVADDR, 8 },
	{ PCREAD, sizeof(struct ctl_iovec) },
	{ PCWRITE, sizeof(struct ctl_iovec) },
	{ PCRING, sizeof(struct ctl_ring_setup) },
	{ PCRECORD, sizeof(struct ctl_record) },
	{ PCCAPTURE, sizeof(struct ctl_capture) },
	{ PCPROBE, sizeof(struct ctl_probe) },
	{ PCUNPROBE, 8 },
};

int ctl_message_next(const void *buf, size_t len, struct ctl_message *m)
{
	const unsigned char *p = buf;
	struct ctl_capture cap;
	struct ctl_probe probe;
	size_t i, size;
	int64_t code;

	if (len < 8)
		return -EINVAL;
	memcpy(&code, p, 8);
	for (i = 0; i < sizeof(operands) / sizeof(operands[0]); i++)
		if (operands[i].code == code)
			break;
	if (i == sizeof(operands) / sizeof(operands[0]))
		return code > 0 && code < 1000 ? -EOPNOTSUPP : -EINVAL;
	size = operands[i].size;
	if (len - 8 < size)
		return -EINVAL;
	if (code == PCCAPTURE) {
		memcpy(&cap, p + 8, sizeof(cap));
		if (cap.nop > CTL_CAP_OPS)
			return -EINVAL;
		size += cap.nop * sizeof(struct ctl_capop);
		if (len - 8 < size)
			return -EINVAL;
	}
	if (code == PCPROBE) {
		memcpy(&probe, p + 8, sizeof(probe));
		if (probe.size < size || probe.size % 8 ||
		    probe.size > CTL_PROBE_SIZE || len - 8 < probe.size)
			return -EINVAL;
		size = probe.size;
	}
	m->code = code;
	m->operand = p + 8;
	m->size = size;
	m->total = 8 + size;
	return 0;
}
