/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records of system calls, decoded.  Input: number (2 bytes), ABI, flags, six
 * arguments, the result, then captures: op, arg, when, flags, length (2 bytes),
 * the bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "../../libctl/private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned sink;

static void touch(const struct ctl_val *v, unsigned depth)
{
	if (depth > 16)
		__builtin_trap();
	if (v->name)
		sink += strlen(v->name);
	for (uint32_t i = 0; v->str && i < v->len; i++)
		sink += v->str[i];
	for (unsigned i = 0; i < v->nchild; i++)
		touch(&v->child[i], depth + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ctl_decoder *d[2];
	struct ctl_rec_syscall *r;
	struct ctl_decoded out;
	unsigned char *at, *end;
	uint16_t len;

	if (!d[0] && (ctl_decoder_new(&d[0], 0) < 0 ||
		      ctl_decoder_new(&d[1], CTL_DECODE_VERBOSE) < 0))
		abort();
	if (size < 4 + 7 * 8)
		return 0;
	r = calloc(1, sizeof(*r) + 2 * size + 64);
	if (!r)
		abort();
	r->h.type = CTL_REC_SYSCALL;
	r->nr = (data[0] | data[1] << 8) % 600;
	r->abi = data[2] % 3;
	memcpy(r->arg, data + 4, 48);
	memcpy(&r->ret, data + 52, 8);
	at = (unsigned char *)(r + 1);
	end = at + 2 * size;
	for (size_t p = 60; p + 6 <= size;) {
		struct ctl_cap *c = (void *)at;

		memcpy(&len, data + p + 4, 2);
		if (len > size - p - 6)
			len = size - p - 6;
		if (at + sizeof(*c) + len + 8 > end)
			break;
		*c = (struct ctl_cap){ data[p] % 10, data[p + 1] % 6,
				       data[p + 2] & 1, data[p + 3] & 7, len };
		memcpy(c + 1, data + p + 6, len);
		at += sizeof(*c) + ((len + 7) & ~7);
		p += 6 + len;
		r->ncap++;
	}
	r->h.len = at - (unsigned char *)r;
	r = realloc(r, r->h.len); /* so that one byte too many is seen */
	ctl_decode(d[data[3] & 1], r, &out);
	for (unsigned i = 0; i < out.nargs; i++)
		touch(&out.arg[i], 0);
	touch(&out.ret, 0);
	free(r);
	return 0;
}
