/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cursor.h - inside libctl: reading the bytes of an instruction of x86-64. */
#ifndef CTL_CURSOR_H
#define CTL_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
	const uint8_t *p;
	size_t n, at;
	bool failed; /* the bytes have come to an end */
	uint8_t rex;
	bool has_rex, opsize, seg; /* the prefixes */
};

#define REX_W 8
#define REX_R 4
#define REX_X 2
#define REX_B 1

static inline uint8_t byte(struct cursor *c)
{
	if (c->at >= c->n) {
		c->failed = true;
		return 0;
	}
	return c->p[c->at++];
}

/* A signed number of size bytes. */
static inline int64_t number(struct cursor *c, unsigned size)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < size; i++)
		v |= (uint64_t)byte(c) << 8 * i;
	return size == 1 ? (int8_t)v : size == 2 ? (int16_t)v :
	       size == 4 ? (int32_t)v : (int64_t)v;
}

static inline unsigned word_size(const struct cursor *c)
{
	return c->rex & REX_W ? 8 : c->opsize ? 2 : 4;
}

#endif
