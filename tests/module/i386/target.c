/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * target int80|vdso - a 32-bit program without a C library, to be controlled.
 * It tells three addresses of its own (struct told) and then, for ever:
 * counts, calls getpriority(0, 0, 0x55667788) the way it was told, counts 1000
 * if that failed, calls access("/no/such/file", 4), and passes a probe with the
 * counter in ebx.
 */
typedef unsigned int u32;

extern const char probe_site[];
static volatile u32 counter;
static const char path[] = "/no/such/file";
static u32 vdso_entry; /* __kernel_vsyscall */

static struct {
	u32 counter, probe, path;
} told;

static int int80(u32 nr, u32 a, u32 b, u32 c)
{
	int r;

	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"(nr), "b"(a), "c"(b), "d"(c)
			 : "memory");
	return r;
}

static int vdso(u32 nr, u32 a, u32 b, u32 c)
{
	int r;

	__asm__ volatile("call *%[entry]"
			 : "=a"(r)
			 : "a"(nr), "b"(a), "c"(b), "d"(c),
			   [entry] "m"(vdso_entry)
			 : "memory");
	return r;
}

/* stack: argc, argv.., 0, envp.., 0, the auxiliary vector */
void begin(u32 *stack);
void begin(u32 *stack)
{
	const char *how = (const char *)stack[2];
	u32 *p = stack + 1 + stack[0] + 1;

	while (*p++)
		;
	for (; p[0]; p += 2)
		if (p[0] == 32) /* AT_SYSINFO */
			vdso_entry = p[1];
	told.counter = (u32)&counter;
	told.probe = (u32)probe_site;
	told.path = (u32)path;
	int80(4, 1, (u32)&told, sizeof(told));
	for (;;) {
		int r = how[0] == 'v' && vdso_entry ?
				vdso(96, 0, 0, 0x55667788) :
				int80(96, 0, 0, 0x55667788);

		if (r < 0)
			counter += 999;
		counter++;
		int80(33, (u32)path, 4, 0);
		__asm__ volatile(".globl probe_site\nprobe_site: nop"
				 :
				 : "b"(counter));
	}
}

__asm__(".text\n.globl _start\n_start:\n"
	"	mov %esp, %eax\n"
	"	and $-16, %esp\n"
	"	sub $12, %esp\n"
	"	push %eax\n"
	"	call begin\n");
