/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow.h - inside libctl: which registers and stack slots of a function hold
 * the same value at an address of it (x86-64).
 */
#ifndef CTL_FLOW_H
#define CTL_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flow;

#define FLOW_MAX 65536 /* bytes of code */
#define FLOW_WORK 50000000L

/*
 * A value: two places that hold the same id hold the same low bytes.  0 is no
 * value that could be compared.
 */
struct flow_value {
	uint64_t id;
	unsigned bytes; /* so many of them are that value's: 1, 2, 4, 8 */
};

/*
 * The function whose code is at addr, where it is entered.  The calls that end
 * at ends[] do not return.  *work goes down by what is done, instructions times
 * passes, and ends it below 0: FLOW_WORK is a second or so.  NULL: that, no
 * memory, or something in it is not understood.  flow_free() takes NULL.
 */
struct flow *flow_new(const uint8_t *code, size_t len, uint64_t addr,
		      const uint64_t *ends, size_t nends, long *work);
void flow_free(struct flow *f);

/* What register reg (enum ctl_usdt_reg) had when the function was entered. */
struct flow_value flow_entry(unsigned reg);
/* What it has before the instruction at pc. */
struct flow_value flow_reg(const struct flow *f, uint64_t pc, unsigned reg);
/* The same of size bytes at reg + offset, on the stack. */
struct flow_value flow_slot(const struct flow *f, uint64_t pc, unsigned reg,
			    int64_t offset, unsigned size);
/* Where the instruction before pc begins that runs into it; false: unknown. */
bool flow_before(const struct flow *f, uint64_t pc, uint64_t *prev);
/* Is v made by the instruction at pc, so another before and behind it? */
bool flow_made_at(const struct flow *f, uint64_t pc, struct flow_value v);

#endif
