/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nested - system calls and probes from known depths.
 *
 *   nested MODE...   carry these out, one after the other:
 *
 *   plain     getppid() from main > outer > middle > inner
 *   thread    the same from another thread
 *   signal    the same from a signal handler that interrupted loiter()
 *   probe     nested:hit, a USDT probe, from the same depth
 *   deep      the same behind 100 frames of recursion
 *   inline    from around() > within(), both inlined into inlining()
 *   jit       from code that no file has, called by jit()
 *   wild      with a stack pointer that leads nowhere
 *   circle    with a frame pointer that points to itself, in no file's code
 *   ready     say so
 *   pause     wait for a signal
 *   forever   all of the calls again and again
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sdt.h"
#include "tracee.h"

#define HERE __asm__ volatile("" ::: "memory") /* no tail call, no merging */
#define FRAME __attribute__((noinline, noclone, used))

#ifdef __clang__
#undef FRAME
#define FRAME __attribute__((noinline, used))
#endif

static int probing;

static FRAME void inner(void)
{
	if (probing)
		SDT_SITE("nop", "nested", "hit", "0", "-4@%0", "r"(probing));
	else
		syscall(SYS_getppid); /* the call */
	HERE;
}

static FRAME void middle(void)
{
	inner();
	HERE;
}

FRAME void outer(void);
FRAME void outer(void)
{
	middle();
	HERE;
}

static void *thread(void *arg)
{
	outer();
	HERE;
	return arg;
}

static void handler(int sig)
{
	(void)sig;
	outer();
	HERE;
}

static volatile int caught;

/* A leaf, interrupted anywhere. */
static FRAME void loiter(void)
{
	raise(SIGUSR1);
	caught++;
	HERE;
}

static inline __attribute__((always_inline)) void within(void)
{
	outer();
	HERE;
}

static inline __attribute__((always_inline)) void around(void)
{
	within();
	HERE;
}

static FRAME void inlining(void)
{
	around();
	HERE;
}

static FRAME void recurse(int n)
{
	char room[200];

	memset(room, n, sizeof(room));
	__asm__ volatile("" : : "r"(room) : "memory");
	if (n)
		recurse(n - 1);
	else
		outer();
	HERE;
}

/* The bytes, where no file is mapped. */
static void (*emit(const void *code, size_t len))(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void (*f)(void);

	if (p == MAP_FAILED)
		_exit(3);
	memcpy(p, code, len);
	memcpy(&f, &p, sizeof(f));
	return f;
}

static FRAME void jit(void)
{
	/* push %rbp; mov %rsp,%rbp; mov $110,%eax; syscall; pop %rbp; ret */
	static const unsigned char code[] = { 0x55, 0x48, 0x89, 0xe5, 0xb8,
					      110,  0,	  0,	0,    0x0f,
					      0x05, 0x5d, 0xc3 };

	emit(code, sizeof(code))();
	HERE;
}

static FRAME void circle(void)
{
	/* push %rbp; push %rbp; push %rsp; mov %rsp,%rbp; mov %rbp,(%rsp);
	 * lea 0(%rip),%rcx; mov %rcx,8(%rsp); mov $110,%eax; syscall;
	 * add $16,%rsp; pop %rbp; ret */
	static const unsigned char code[] = {
		0x55, 0x55, 0x54, 0x48, 0x89, 0xe5, 0x48, 0x89, 0x2c, 0x24,
		0x48, 0x8d, 0x0d, 0,	0,    0,    0,	  0x48, 0x89, 0x4c,
		0x24, 0x08, 0xb8, 110,	0,    0,    0,	  0x0f, 0x05, 0x48,
		0x83, 0xc4, 0x10, 0x5d, 0xc3
	};

	emit(code, sizeof(code))();
	HERE;
}

static FRAME void wild(void)
{
	long nr = SYS_getppid;

	__asm__ volatile("mov %%rsp, %%r12\n\t"
			 "mov $0x1234, %%rsp\n\t"
			 "syscall\n\t"
			 "mov %%r12, %%rsp"
			 : "+a"(nr)
			 :
			 : "rcx", "r11", "r12", "memory");
	HERE;
}

static FRAME void do_mode(const char *mode)
{
	pthread_t t;

	if (!strcmp(mode, "plain")) {
		outer();
	} else if (!strcmp(mode, "thread")) {
		if (pthread_create(&t, NULL, thread, NULL) != 0)
			_exit(3);
		pthread_join(t, NULL);
	} else if (!strcmp(mode, "signal")) {
		signal(SIGUSR1, handler);
		loiter();
	} else if (!strcmp(mode, "probe")) {
		probing = 1;
		outer();
		probing = 0;
	} else if (!strcmp(mode, "deep")) {
		recurse(100);
	} else if (!strcmp(mode, "inline")) {
		inlining();
	} else if (!strcmp(mode, "jit")) {
		jit();
	} else if (!strcmp(mode, "circle")) {
		circle();
	} else if (!strcmp(mode, "wild")) {
		wild();
	} else if (!strcmp(mode, "ready")) {
		ready();
	} else if (!strcmp(mode, "pause")) {
		pause();
	} else if (!strcmp(mode, "forever")) {
		for (;;) {
			do_mode("plain");
			do_mode("probe");
			usleep(1000);
		}
	} else {
		_exit(64);
	}
	HERE;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		do_mode(argv[i]);
		HERE;
	}
	return 0;
}
