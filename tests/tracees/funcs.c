/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * funcs MODE [N] - calls of functions that a tracer has to get right.  What is
 * printed at the end is what the program has computed: the same, traced or not.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/wait.h>

#include "tracee.h"

#define CALLED __attribute__((noinline, visibility("default")))
/* The compiler knows nothing of the value. */
#define HIDE(v) __asm__ volatile("" : "+r"(v))

unsigned long factorial(unsigned long n);
unsigned long outer(unsigned long n);
unsigned long middle(unsigned long n);
unsigned long inner(unsigned long n);
double series(double x, int n);
void leaper(int depth);
void sink(int n);
int leaf(int n);
int vector(int n);
void leave(unsigned long v);
void around(unsigned long v);

unsigned long CALLED factorial(unsigned long n)
{
	unsigned long below;

	HIDE(n);
	if (n < 2)
		return 1;
	below = factorial(n - 1);
	HIDE(below);
	return n * below;
}

unsigned long CALLED inner(unsigned long n)
{
	HIDE(n);
	return n + 1;
}

/* A jump, and no call, when it is optimised. */
unsigned long CALLED middle(unsigned long n)
{
	HIDE(n);
	return inner(2 * n);
}

unsigned long CALLED outer(unsigned long n)
{
	unsigned long v = middle(n);

	HIDE(v);
	return v + 1;
}

/* What comes after the call uses vector registers. */
double CALLED series(double x, int n)
{
	double rest;

	HIDE(n);
	if (!n)
		return 1.0;
	rest = series(x, n - 1);
	__asm__ volatile("" : "+x"(rest));
	return rest + x;
}

static jmp_buf back;

void CALLED sink(int n)
{
	HIDE(n);
	if (n % 2)
		longjmp(back, n);
}

void CALLED leaper(int depth)
{
	HIDE(depth);
	if (depth)
		leaper(depth - 1);
	sink(depth + 1);
}

int CALLED leaf(int n)
{
	HIDE(n);
	return n ^ 1;
}

/* Begins with an instruction that nobody wants to do for it. */
__asm__(".globl vector\n"
	".type vector, @function\n"
	"vector:\n"
	"	pxor %xmm0, %xmm0\n"
	"	lea 1(%rdi), %eax\n"
	"	ret\n"
	".size vector, . - vector\n");

static unsigned long sum_up(unsigned n)
{
	unsigned long sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += leaf(i);
	return sum;
}

static unsigned long recursion(unsigned n)
{
	return factorial(n);
}

static unsigned long tail(unsigned n)
{
	return outer(n);
}

static unsigned long step(unsigned n)
{
	return (unsigned long)series(2.0, n);
}

static unsigned long jump(unsigned n)
{
	volatile unsigned i = 0;

	setjmp(back);
	while (i < n) {
		i++;
		leaper(2);
		/* Not where setjmp() comes to. */
		__asm__ volatile("nop" : : : "memory");
	}
	return factorial(3) + i;
}

static unsigned count;

static void *work(void *arg)
{
	return (void *)(sum_up(count) + factorial(3) + (uintptr_t)arg);
}

static unsigned long threads(unsigned n)
{
	pthread_t t[4];
	unsigned long sum = 0;
	void *one;

	count = n;
	for (uintptr_t i = 0; i < 4; i++)
		if (pthread_create(&t[i], NULL, work, (void *)i) != 0)
			die("pthread_create");
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], &one);
		sum += (uintptr_t)one;
	}
	return sum;
}

/* Ends its thread: the unwinder looks for each caller on the stack. */
void CALLED leave(unsigned long v)
{
	HIDE(v);
	if (v)
		pthread_exit((void *)v);
}

void CALLED around(unsigned long v)
{
	leave(v);
	__asm__ volatile("" : : : "memory"); /* not a jump */
}

static void *work_and_leave(void *arg)
{
	around(0);
	around(inner((uintptr_t)arg));
	return NULL;
}

static unsigned long unwound(unsigned n)
{
	unsigned long sum = 0;
	pthread_t t;
	void *one;

	for (uintptr_t i = 0; i < n; i++) {
		if (pthread_create(&t, NULL, work_and_leave, (void *)i) != 0)
			die("pthread_create");
		pthread_join(t, &one);
		sum += (uintptr_t)one;
	}
	return sum;
}

static unsigned long children(unsigned n)
{
	unsigned long sum = leaf(n);
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(factorial(3) + leaf(1));
	waitpid(pid, &status, 0);
	pid = vfork();
	if (pid == 0)
		_exit(leaf(2));
	sum += WEXITSTATUS(status);
	waitpid(pid, &status, 0);
	return sum + WEXITSTATUS(status) + leaf(n);
}

static unsigned long mixed(unsigned n)
{
	return vector(n) + leaf(n);
}

static volatile sig_atomic_t end;

static void on_term(int sig)
{
	(void)sig;
	end = 1;
}

/* Until SIGTERM: whatever was lost on the way shows in the sum. */
static unsigned long loop(unsigned n)
{
	unsigned long sum = 0;

	while (!end) {
		sum += sum_up(n) - (sum_up(n) - factorial(4) + 24);
		sum += outer(1) - 4;
		sum += (unsigned long)series(2.0, 3) - 7;
	}
	return sum;
}

static const struct {
	const char *name;
	unsigned long (*run)(unsigned n);
} modes[] = {
	{ "recursion", recursion }, { "tail", tail },	  { "step", step },
	{ "jump", jump },	    { "threads", threads }, { "loop", loop },
	{ "children", children },   { "sum", sum_up },	  { "mixed", mixed },
	{ "unwound", unwound },
};

int main(int argc, char **argv)
{
	unsigned n = number(argc, argv, 2, 5);

	signal(SIGTERM, on_term);
	ready();
	for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(argv[1], modes[i].name)) {
			printf("result %lu\n", modes[i].run(n));
			return 0;
		}
	return 64;
}
