/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reader of the event ring, on a ring that lies.  Input: head, tail (what
 * the reader believes to have given back), then the data of the ring.  Once as
 * it is, and once with another user's server, which writes over each record
 * that was taken.
 */
#include <stdlib.h>
#include <string.h>

#include "../../libctl/private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void nothing(struct ctl *h)
{
	(void)h;
}

static volatile unsigned sink;

/* Every byte that the library vouches for. */
static void touch(const void *p, size_t len)
{
	const unsigned char *c = p;

	while (len--)
		sink += *c++;
}

static void read_all(const uint8_t *data, size_t size, bool hostile)
{
	static const struct ctl_transport t = { .name = "fuzz",
						.consumed = nothing };
	struct ctl_ring_user user = { 0 };
	struct ctl_ring_info info = { 0 };
	struct ctl h = { .t = &t };
	const struct ctl_rec *rec;
	unsigned char *ring;
	unsigned n = 0;

	ring = calloc(1, CTL_RING_MIN);
	if (hostile)
		h.ring.own = malloc(CTL_RING_MIN);
	if (!ring || (hostile && !h.ring.own))
		abort();
	memcpy(&info.head, data, 8);
	memcpy(&h.ring.tail, data + 8, 8);
	h.ring.tail &= ~7ULL; /* ours: the sum of lengths that were good */
	h.ring.next = h.ring.tail;
	memcpy(ring, data + 16,
	       size - 16 < CTL_RING_MIN ? size - 16 : CTL_RING_MIN);
	h.ring.user = &user;
	h.ring.info = &info;
	h.ring.data = ring;
	h.ring.size = CTL_RING_MIN;
	while (n++ < 100000 && ctl_ring_next(&h, &rec) == 1) {
		if (hostile)
			memset(ring + ((unsigned char *)rec - h.ring.own), 0xff,
			       rec->len & CTL_REC_LENMASK);
		touch(rec, rec->len & CTL_REC_LENMASK);
		if (rec->type == CTL_REC_SYSCALL ||
		    rec->type == CTL_REC_SYSENTRY) {
			const struct ctl_cap *cap = NULL;

			while (ctl_cap_next((const void *)rec, &cap) == 1)
				touch(cap, sizeof(*cap) + cap->len);
		}
	}
	ctl_ring_release(&h);
	free(h.ring.own);
	free(ring);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 16)
		return 0;
	read_all(data, size, false);
	read_all(data, size, true);
	return 0;
}
