/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unwinding registers and a stack that lie, in a process that is this one.
 * Input: a byte of flags, then words: the registers rip, rsp, rbp, rbx, r12,
 * then the stack.  The highest byte of a word says what it is:
 *
 *   0xc0, 0xc1   an address in this program's code, in libc's
 *   0xc2         one relative to the stack pointer
 *   else         the word itself
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../libctl/private.h"

#define WHOLE 1 /* the stack ends where the copy does */
#define CHILD 2 /* a forked child's */
#define EXEC 4  /* before the exec that was recorded just now */
#define EXIT 8
#define OTHER 0x7ffffff0 /* no process has this number */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile size_t sink;

static uint64_t word(const uint8_t *p, uint64_t sp)
{
	int64_t offset;
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	offset = (int64_t)(w << 40) >> 40;
	switch (w >> 56) {
	case 0xc0:
		return (uintptr_t)LLVMFuzzerTestOneInput + offset;
	case 0xc1:
		return (uintptr_t)abort + offset;
	case 0xc2:
		return sp + offset;
	}
	return w;
}

static void check(const struct ctl_stack *st)
{
	if (!st->n || st->n > CTL_STACK_FRAMES)
		abort();
	for (unsigned i = 0; i < st->n; i++) {
		const struct ctl_frame *f = &st->frame[i];

		sink += f->object ? strlen(f->object) : 0;
		sink += f->symbol ? strlen(f->symbol) : 0;
		sink += f->file ? strlen(f->file) : 0;
	}
}

static void tell_of(struct ctl_unwinder *u, unsigned flags)
{
	struct ctl_rec_fork f = { .h = { .len = sizeof(f), .type = CTL_REC_FORK,
					 .pid = getpid() },
				  .child_pid = OTHER, .kind = CTL_FORK_FORK };
	struct ctl_rec_exec e = { .h = { .len = sizeof(e), .type = CTL_REC_EXEC,
					 .time = 100 } };
	struct ctl_stack st;

	e.h.pid = flags & CHILD ? OTHER : getpid();
	if (flags & CHILD)
		ctl_unwind(u, &f.h, &st);
	if (flags & EXEC)
		ctl_unwind(u, &e.h, &st);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ctl_unwinder *u;
	struct ctl_rec_exit x = { .h = { .len = sizeof(x),
					 .type = CTL_REC_EXIT },
				  .process = 1 };
	struct {
		struct ctl_rec_syscall r;
		struct ctl_cap cap;
		struct ctl_regs regs;
		uint64_t stack[512];
	} rec;
	const size_t head = 1 + 5 * 8;
	struct ctl_stack st;
	uint64_t sp;
	size_t n;

	if (size < head)
		return 0;
	if (!u && ctl_unwinder_new(&u) < 0)
		return 0; /* no libdw */
	memset(&rec, 0, sizeof(rec));
	sp = word(data + 9, 0x7ffc12345678);
	n = (size - head) / 8;
	if (n > 512)
		n = 512;
	for (size_t i = 0; i < n; i++)
		rec.stack[i] = word(data + head + 8 * i, sp);
	rec.regs.rip = word(data + 1, sp);
	rec.regs.rsp = sp;
	rec.regs.rbp = word(data + 17, sp);
	rec.regs.rbx = word(data + 25, sp);
	rec.regs.r12 = word(data + 33, sp);
	rec.cap.op = CTL_CAP_STACK;
	rec.cap.flags = data[0] & WHOLE ? CTL_CAPF_FAULT : CTL_CAPF_CUT;
	rec.cap.len = sizeof(rec.regs) + 8 * n;
	rec.r.h.len = sizeof(rec.r) + sizeof(rec.cap) + rec.cap.len;
	rec.r.h.type = CTL_REC_SYSCALL;
	rec.r.h.pid = data[0] & CHILD ? OTHER : getpid();
	rec.r.h.time = data[0] & 0x80 ? 50 : 150;
	rec.r.ncap = 1;
	tell_of(u, data[0]);
	if (ctl_unwind(u, &rec.r.h, &st) != 1)
		abort();
	check(&st);
	x.h.pid = rec.r.h.pid;
	if (data[0] & EXIT)
		ctl_unwind(u, &x.h, &st);
	return 0;
}
