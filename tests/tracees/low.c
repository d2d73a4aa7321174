/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * low - waits in pause(2), called from below 4 GiB: where the code of a program
 * is that is linked to a fixed address, statically.
 */
#include <sys/mman.h>

#include "tracee.h"

int main(void)
{
	/* mov $34, %eax; syscall; ret */
	static const unsigned char code[] = { 0xb8, 34, 0, 0, 0, 0x0f, 0x05,
					      0xc3 };
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (p == MAP_FAILED)
		die("mmap");
	memcpy(p, code, sizeof(code));
	ready();
	__asm__ volatile("call *%0" ::"r"(p)
			 : "rax", "rcx", "r11", "memory");
	return 0;
}
