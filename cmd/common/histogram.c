/* SPDX-License-Identifier: GPL-2.0-or-later */
/* histogram.c - how values are spread, by powers of two. */
#include <inttypes.h>
#include <string.h>

#include "common.h"

#define BAR "****************************************"

void cmd_histogram_add(struct cmd_histogram *h, uint64_t magnitude,
		       bool negative)
{
	h->n[negative][magnitude ? 64 - __builtin_clzll(magnitude) : 0]++;
}

/* Below 0 from the largest down, then 0, then up. */
static uint64_t bucket(const struct cmd_histogram *h, int i)
{
	return h->n[i < 0][i < 0 ? -i : i];
}

/* The least magnitude that falls into it. */
static uint64_t from(int i)
{
	return i ? 1ULL << ((i < 0 ? -i : i) - 1) : 0;
}

void cmd_histogram_print(const struct cmd_histogram *h, FILE *out)
{
	int first = 65, last = -65;
	uint64_t most = 0, n;

	for (int i = -64; i <= 64; i++) {
		n = bucket(h, i);
		if (!n)
			continue;
		if (n > most)
			most = n;
		if (first > 64)
			first = i;
		last = i;
	}
	for (int i = first; i <= last; i++) {
		n = bucket(h, i);
		fprintf(out, "%s%20" PRIu64 " %8" PRIu64 " |%.*s\n",
			i < 0 ? "-" : " ", from(i), n,
			(int)((__uint128_t)n * strlen(BAR) / most), BAR);
	}
}

struct json_object *cmd_histogram_json(const struct cmd_histogram *h)
{
	struct json_object *list = json_object_new_array(), *b;

	for (int i = -64; i <= 64; i++) {
		if (!bucket(h, i))
			continue;
		b = json_object_new_object();
		json_object_object_add(b, "from",
				       i < 0 ? json_object_new_int64(-from(i)) :
					       json_object_new_uint64(from(i)));
		json_object_object_add(b, "count",
				       json_object_new_int64(bucket(h, i)));
		json_object_array_add(list, b);
	}
	return list;
}
