/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * emulate.h - inside libctl: do what an instruction does, to registers and
 * memory that are not ours.
 */
#ifndef CTL_EMULATE_H
#define CTL_EMULATE_H

#include "private.h"

#define EMULATE_BYTES 15 /* no instruction is longer */

struct emulate_memory {
	/* All n bytes, or false: then there would be a fault. */
	bool (*read)(void *arg, uint64_t addr, void *buf, size_t n);
	bool (*write)(void *arg, uint64_t addr, const void *buf, size_t n);
	void *arg;
};

/* The length of the instruction at code, of which n bytes are there, if it is
 * one that emulate() does; else 0. */
unsigned emulate_length(const uint8_t *code, size_t n);
/*
 * The instruction at r->rip, 64-bit code.  0: done, r->rip is behind it or
 * where it leads; -EOPNOTSUPP: not one of ours; -EFAULT: memory.  Then nothing
 * has changed.
 */
int emulate(const uint8_t *code, size_t n, struct ctl_regs *r,
	    const struct emulate_memory *m);

#endif
