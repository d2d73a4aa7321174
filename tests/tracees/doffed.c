/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doffed COUNT USLEEP - a program with probes described by DOF, as dtrace -G
 * left it: the calls are nops, and is-enabled calls clear eax.
 *
 *	old:tick(int i, char *name)	site, only while enabled
 *	old:tock()			site
 */
#include "tracee.h"

/* long work(int i, const char *name): passes them; 1 when tick was enabled */
long work(int i, const char *name);
__asm__(".text\n"
	".globl work\n"
	".type work, @function\n"
	"work:	push %rbx\n"
	"	xor %ebx, %ebx\n"
	"	movslq %edi, %rdi\n"
	"10:	.byte 0x48, 0x33, 0xc0, 0x90, 0x90\n"
	"	test %eax, %eax\n"
	"	jz 1f\n"
	"	mov $1, %ebx\n"
	"11:	nop; nop; nop; nop; nop\n"
	"1:	nop\n"
	"12:	nop; nop; nop; nop; nop\n"
	"	mov %rbx, %rax\n"
	"	pop %rbx\n"
	"	ret\n"
	".size work, .-work\n"
	/* header */
	".section .SUNW_dof, \"aw\", @progbits\n"
	".balign 8\n"
	"20:	.byte 0x7f\n"
	"	.ascii \"DOF\"\n"
	"	.byte 2, 1, 2, 2, 8, 8, 0, 0, 0, 0, 0, 0\n"
	"	.4byte 0, 64, 32, 6\n"
	"	.8byte 64, 29f-20b, 29f-20b, 0\n"
	/* sections: type, align, flags, entsize, offset, size */
	"	.4byte 8, 1, 1, 0\n	.8byte 21f-20b, 22f-21f\n"
	"	.4byte 16, 8, 1, 48\n	.8byte 23f-20b, 24f-23f\n"
	"	.4byte 17, 1, 1, 1\n	.8byte 24f-20b, 25f-24f\n"
	"	.4byte 18, 4, 1, 4\n	.8byte 26f-20b, 27f-26f\n"
	"	.4byte 26, 4, 1, 4\n	.8byte 27f-20b, 28f-27f\n"
	"	.4byte 15, 4, 1, 0\n	.8byte 28f-20b, 29f-28f\n"
	/* strings */
	"21:	.byte 0\n"
	"	.asciz \"old\"\n"	 /* 1 */
	"	.asciz \"tick\"\n"	 /* 5 */
	"	.asciz \"tock\"\n"	 /* 10 */
	"	.asciz \"work\"\n"	 /* 15 */
	"	.asciz \"int\"\n"	 /* 20 */
	"	.asciz \"char *\"\n"	 /* 24 */
	"	.asciz \"int\"\n"	 /* 31 */
	"	.asciz \"string\"\n"	 /* 35 */
	"22:	.balign 8\n"
	/* probes */
	"23:	.8byte work\n"
	"	.4byte 15, 5, 20, 31, 0, 0\n"
	"	.byte 2, 2\n	.2byte 1\n	.4byte 0\n"
	"	.2byte 1, 0\n	.4byte 0\n"
	"	.8byte work\n"
	"	.4byte 15, 10, 0, 0, 0, 1\n"
	"	.byte 0, 0\n	.2byte 1\n	.4byte 0\n"
	"	.2byte 0, 0\n	.4byte 0\n"
	/* translated from native */
	"24:	.byte 0, 1\n"
	"25:	.balign 4\n"
	/* offsets, and of is-enabled sites */
	"26:	.4byte 11b-work, 12b-work\n"
	"27:	.4byte 10b-work\n"
	/* provider */
	"28:	.4byte 0, 1, 2, 3, 1, 0, 0, 0, 0, 0, 4\n"
	"29:\n"
	".text\n");

int main(int argc, char **argv)
{
	static const char *const names[] = { "ada", "brian", "dennis", "ken" };
	unsigned count = number(argc, argv, 1, 0);
	unsigned nap = number(argc, argv, 2, 1000);
	unsigned long enabled = 0;

	ready();
	for (unsigned i = 0; !count || i < count; i++) {
		enabled += work(-(int)i, names[i & 3]);
		if (nap)
			usleep(nap);
	}
	printf("done %u %lu\n", count, enabled);
	return 0;
}
