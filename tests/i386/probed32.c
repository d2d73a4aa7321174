/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A 32-bit program with probes, without a C library: prints "ready". */
#include "../tracees/sdt.h"

#define NR_write 4
#define NR_nanosleep 162

SDT_SEMAPHORE(thirty_two_semaphore);

struct timespec32 {
	int s, ns;
};

static int call(int nr, int a, const void *b, int c)
{
	int ret;

	__asm__ volatile("int $0x80" : "=a"(ret)
			 : "0"(nr), "b"(a), "c"(b), "d"(c) : "memory");
	return ret;
}

void _start(void);

void _start(void)
{
	struct timespec32 nap = { 0, 2000000 };
	volatile long long wide = -1250999896491LL;
	const char *text = "thirty-two";

	call(NR_write, 1, "ready\n", 6);
	for (int i = 0;; i++) {
		SDT_SITE("nop", "i386", "hit", "thirty_two_semaphore",
			 "-4@%0 4@%1 -8@%2 -4@$-7", "r"(i), "r"(text),
			 "m"(wide));
		if (thirty_two_semaphore)
			SDT_SITE("nop", "i386", "guarded", "0", "-4@%0",
				 "r"(i & 3));
		call(NR_nanosleep, (int)&nap, (void *)0, 0);
	}
}
