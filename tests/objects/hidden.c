/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hidden.so - an object whose pass() calls a function without an exported name,
 * which makes a system call (getppid). */
#include <sys/syscall.h>
#include <unistd.h>

void pass(int i);

__attribute__((noinline)) static void hidden(void)
{
	syscall(SYS_getppid);
	__asm__ volatile("" ::: "memory");
}

void pass(int i)
{
	(void)i;
	hidden();
	__asm__ volatile("" ::: "memory");
}
