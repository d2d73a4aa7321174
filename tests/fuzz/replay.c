/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replay.c - a fuzz target without a fuzzer: NAME [-n MUTATIONS] FILE...
 *
 * Runs the target on each file and on mutations of it (bytes changed, cut,
 * copied, set to numbers that tend to break things), the same ones each time.
 * It finds what crashes at once; libFuzzer (make fuzz-run) finds the rest.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long state = 88172645463325252UL;

static unsigned long rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Exactly size bytes on the heap, so that a sanitizer sees one too many. */
static void run(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static size_t mutate(uint8_t *p, size_t size)
{
	static const uint64_t odd[] = { 0,	    1,		0x7f,
					0xff,	    0x7fff,	0xffff,
					0x7fffffff, 0xffffffff, 0x80000000,
					UINT64_MAX, INT64_MAX };
	int n = 1 + rnd() % 4;
	size_t at, len;

	while (n-- && size) {
		at = rnd() % size;
		switch (rnd() % 5) {
		case 0:
			p[at] ^= 1U << rnd() % 8;
			break;
		case 1:
			p[at] = rnd();
			break;
		case 2:
			len = 1U << rnd() % 4;
			if (at + len <= size)
				memcpy(p + at, &odd[rnd() % 11], len);
			break;
		case 3:
			size = at;
			break;
		case 4:
			len = rnd() % (size - at) / 2;
			memmove(p + at, p + rnd() % (size - len), len);
			break;
		}
	}
	return size;
}

int main(int argc, char **argv)
{
	long mutations = 2000, k;
	int i = 1;

	if (argc > 2 && !strcmp(argv[1], "-n")) {
		mutations = atol(argv[2]);
		i = 3;
	}
	for (; i < argc; i++) {
		static uint8_t seed[1 << 20], work[1 << 20];
		FILE *f = fopen(argv[i], "rb");
		size_t n;

		if (!f) {
			perror(argv[i]);
			return 1;
		}
		n = fread(seed, 1, sizeof(seed), f);
		fclose(f);
		run(seed, n);
		for (k = 0; k < mutations; k++) {
			memcpy(work, seed, n);
			run(work, mutate(work, n));
		}
	}
	return 0;
}
