/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * odd - does what tracers stumble over, and ends with 0 when all went for it
 * as it does without a tracer:
 *
 *	odd exec		exec from a thread that is not the first
 *	odd exec-many		the same while others make calls
 *	odd vfork [N]		vfork, calls in the child, exec; N times
 *	odd clone		clone(2) with flags that hardly anybody uses
 *	odd untraced		CLONE_UNTRACED
 *	odd int80		32-bit calls, by int $0x80
 *	odd int80-many		one that says that there are four billion iovecs
 *	odd restart		a sleep that a stop breaks off
 *	odd seccomp HOW		a filter: kill, kill-thread, trap, errno
 *	odd ptrace		traces a child of its own
 *	odd threads N CALLS	N threads, each makes so many calls
 *	odd dying		children that are killed in the middle of calls
 *	odd deaf		ignores or blocks every signal; makes calls
 *	odd calls N [PROGRAM]	N calls; then executes the program
 *	odd numbered [US]	calls for ever, each with the next number; so often a
 *				signal
 *	odd segv		a fault
 *	odd wait		a call that tells how much time was left
 *	odd mapped N		has N mappings of its program's code; makes calls
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "tracee.h"

#define STACK 65536

/* A call that nobody makes by chance: its descriptor is the mark. */
static void mark(int n)
{
	syscall(SYS_close, n);
}

static int ended(pid_t pid, int flags)
{
	int status;

	while (waitpid(pid, &status, flags) < 0)
		if (errno != EINTR)
			die("waitpid");
	return status;
}

/* -- exec ------------------------------------------------------------------ */

static char *self;
static volatile int go_on = 1;

static void *exec_after(void *arg)
{
	/* The first one is to be in its call. */
	usleep(50000);
	mark(7001);
	execl(self, self, "after", (char *)NULL);
	die("execl");
	return arg;
}

static void *busy(void *arg)
{
	while (go_on)
		syscall(SYS_getppid);
	return arg;
}

static void do_exec(unsigned others)
{
	pthread_t t;

	while (others--)
		if (pthread_create(&t, NULL, busy, NULL))
			die("pthread_create");
	if (pthread_create(&t, NULL, exec_after, NULL))
		die("pthread_create");
	for (;;)
		pause();
}

/* -- children --------------------------------------------------------------- */

static int do_vfork(unsigned n)
{
	for (volatile unsigned i = 0; i < n; i++) {
		pid_t pid = vfork();

		if (pid < 0)
			die("vfork");
		if (pid == 0) {
			mark(7002);
			execl(self, self, "after", (char *)NULL);
			_exit(1);
		}
		mark(7003);
		if (ended(pid, 0))
			return 1;
	}
	return 0;
}

static int child(void *arg)
{
	mark((int)(intptr_t)arg);
	return 0;
}

static int do_clone(void)
{
	static const struct {
		int flags, wait;
		const char *name;
	} way[] = {
		{ SIGCHLD, 0, "SIGCHLD" },
		{ CLONE_VM | SIGCHLD, 0, "CLONE_VM" },
		{ CLONE_VM | CLONE_VFORK | SIGCHLD, 0, "CLONE_VFORK" },
		{ CLONE_VM | CLONE_FILES | CLONE_FS, __WCLONE, "no signal" },
		{ CLONE_VM | CLONE_SIGHAND | SIGUSR1, __WCLONE, "SIGUSR1" },
		{ CLONE_FILES | CLONE_SYSVSEM | CLONE_IO | SIGCHLD, 0, "IO" },
	};
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

	if (stack == MAP_FAILED)
		die("mmap");
	signal(SIGUSR1, SIG_IGN);
	for (unsigned i = 0; i < sizeof(way) / sizeof(way[0]); i++) {
		pid_t pid = clone(child, stack + STACK, way[i].flags,
				  (void *)(intptr_t)(7100 + i));

		if (pid < 0)
			die(way[i].name);
		if (ended(pid, way[i].wait))
			die("status");
	}
	return 0;
}

static int do_untraced(void)
{
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	pid_t pid;

	if (stack == MAP_FAILED)
		die("mmap");
	pid = clone(child, stack + STACK, CLONE_UNTRACED | SIGCHLD,
		    (void *)(intptr_t)7200);
	if (pid < 0)
		die("clone");
	if (ended(pid, 0))
		return 1;
	mark(7201);
	return 0;
}

/* -- calls ------------------------------------------------------------------- */

#ifdef __x86_64__
static long int80(long nr, long a, long b, long c)
{
	long ret;

	/* The kernel's way in for 32 bits: it leaves r8 to r11 undefined. */
	__asm__ volatile("int $0x80" : "=a"(ret)
			 : "a"(nr), "b"(a), "c"(b), "d"(c)
			 : "memory", "r8", "r9", "r10", "r11");
	return ret;
}

static int do_int80(void)
{
	char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (low == MAP_FAILED)
		die("mmap");
	strcpy(low, "thirty-two\n");
	mark(7300);
	if (int80(20, 0, 0, 0) != getpid()) /* getpid */
		return 1;
	if (int80(4, 1, (long)low, 11) != 11) /* write */
		return 1;
	if (int80(6, 7301, 0, 0) != -EBADF) /* close */
		return 1;
	mark(7302);
	return 0;
}

/* What they lie in is as large as can be, and empty. */
static int do_int80_many(void)
{
	size_t size = 512U << 20;
	char *low = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_32BIT,
			 -1, 0);
	uint32_t *msg = (uint32_t *)low;

	if (low == MAP_FAILED)
		die("mmap");
	msg[2] = (uint32_t)(uintptr_t)low + 4096; /* msg_iov */
	msg[3] = ~0U;                             /* msg_iovlen */
	return int80(370, -1, (long)low, 0) != -EBADF; /* sendmsg */
}
#else
static int do_int80(void)
{
	return 3;
}
static int do_int80_many(void)
{
	return 3;
}
#endif

static int do_restart(void)
{
	struct timespec t = { 1, 0 }, left;
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0) {
		if (nanosleep(&t, &left))
			_exit(1);
		mark(7400);
		_exit(0);
	}
	usleep(100000);
	kill(pid, SIGSTOP);
	if (!WIFSTOPPED(ended(pid, WUNTRACED)))
		return 1;
	kill(pid, SIGCONT);
	return ended(pid, 0) != 0;
}

static void *forbidden(void *arg)
{
	syscall(SYS_getppid);
	return arg;
}

static int do_seccomp(const char *how)
{
	uint32_t what = strcmp(how, "kill") == 0 ? SECCOMP_RET_KILL_PROCESS :
			strcmp(how, "kill-thread") == 0 ?
						   SECCOMP_RET_KILL_THREAD :
			strcmp(how, "trap") == 0 ? SECCOMP_RET_TRAP :
						   SECCOMP_RET_ERRNO | EDOM;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, what),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { 4, code };
	struct stat st;
	pthread_t t;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		die("seccomp");
	mark(7500);
	if (pthread_create(&t, NULL, forbidden, NULL))
		die("pthread_create");
	pthread_join(t, NULL);
	/*
	 * Until its tracer has taken note: of a thread that has ended the
	 * kernel tells the process's status as soon as that has one.
	 */
	while (stat("/proc/self/task", &st) == 0 && st.st_nlink > 3)
		usleep(1000);
	mark(7501);
	return 0;
}

/* Is it traced by somebody else it says so, which is no failure. */
static int do_ptrace(void)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		die("fork");
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0))
			_exit(3);
		raise(SIGSTOP);
		mark(7600);
		_exit(0);
	}
	status = ended(pid, 0);
	while (WIFSTOPPED(status)) {
		if (ptrace(PTRACE_CONT, pid, 0, 0))
			die("PTRACE_CONT");
		status = ended(pid, 0);
	}
	return WEXITSTATUS(status);
}

static unsigned calls;

static void *caller(void *arg)
{
	for (unsigned i = 0; i < calls; i++)
		syscall(SYS_close, 7700);
	return arg;
}

static int do_threads(unsigned n)
{
	pthread_t *t = calloc(n, sizeof(*t));
	pthread_attr_t a;

	if (!t)
		die("calloc");
	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, STACK);
	for (unsigned i = 0; i < n; i++)
		if (pthread_create(&t[i], &a, caller, NULL))
			die("pthread_create");
	for (unsigned i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	free(t);
	return 0;
}

static int do_dying(void)
{
	for (unsigned i = 0; i < 40; i++) {
		int fd[2];
		pid_t pid;
		char c;

		if (pipe(fd))
			die("pipe");
		pid = fork();
		if (pid < 0)
			die("fork");
		if (pid == 0) {
			/* Some sleep in a call, some are just making one. */
			if (i % 2)
				for (;;)
					syscall(SYS_getppid);
			if (read(fd[0], &c, 1) < 0)
				_exit(1);
			_exit(0);
		}
		usleep(i % 8 * 300);
		kill(pid, SIGKILL);
		if (!WIFSIGNALED(ended(pid, 0)))
			return 1;
		close(fd[0]);
		close(fd[1]);
	}
	return 0;
}

static void do_deaf(void)
{
	sigset_t all;

	for (int i = 1; i < 65; i++)
		signal(i, SIG_IGN);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	ready();
	for (;;) {
		mark(7800);
		usleep(2000);
	}
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void do_numbered(unsigned us)
{
	struct itimerval timer = { { 0, us }, { 0, us } };

	signal(SIGALRM, on_alarm);
	if (setitimer(ITIMER_REAL, &timer, NULL) < 0)
		die("setitimer");
	ready();
	for (int n = 1000000;; n++) {
		mark(n);
		for (volatile int k = 0; k < 1000; k++)
			;
	}
}

/* The linker has put the code at the second page of the file. */
static void do_mapped(unsigned n)
{
	int fd = open("/proc/self/exe", O_RDONLY);

	while (n--)
		if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd,
			 4096) == MAP_FAILED)
			die("mmap");
	ready();
	for (;;) {
		mark(7850);
		usleep(2000);
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	unsigned n = number(argc, argv, 2, 1);

	self = argv[0];
	if (strcmp(what, "after") == 0) {
		mark(7000);
		return 0;
	}
	if (strcmp(what, "exec") == 0)
		do_exec(0);
	if (strcmp(what, "exec-many") == 0)
		do_exec(8);
	if (strcmp(what, "vfork") == 0)
		return do_vfork(n);
	if (strcmp(what, "clone") == 0)
		return do_clone();
	if (strcmp(what, "untraced") == 0)
		return do_untraced();
	if (strcmp(what, "int80") == 0)
		return do_int80();
	if (strcmp(what, "numbered") == 0)
		do_numbered(number(argc, argv, 2, 0));
	if (strcmp(what, "int80-many") == 0)
		return do_int80_many();
	if (strcmp(what, "restart") == 0)
		return do_restart();
	if (strcmp(what, "seccomp") == 0 && argc > 2)
		return do_seccomp(argv[2]);
	if (strcmp(what, "ptrace") == 0)
		return do_ptrace();
	if (strcmp(what, "dying") == 0)
		return do_dying();
	if (strcmp(what, "deaf") == 0)
		do_deaf();
	if (strcmp(what, "segv") == 0)
		return *(volatile int *)(uintptr_t)n;
	if (strcmp(what, "wait") == 0) {
		struct timespec t = { 10, 0 };
		int fd[2];
		struct pollfd p;

		if (pipe(fd))
			die("pipe");
		p = (struct pollfd){ .fd = fd[1], .events = POLLOUT };
		return syscall(SYS_ppoll, &p, 1, &t, NULL, 8) != 1;
	}
	if (strcmp(what, "mapped") == 0)
		do_mapped(n);
	if (strcmp(what, "threads") == 0) {
		calls = number(argc, argv, 3, 1);
		return do_threads(n);
	}
	if (strcmp(what, "calls") == 0) {
		while (n--)
			syscall(SYS_close, 7900);
		if (argc > 3)
			execl(argv[3], argv[3], (char *)NULL);
		return argc > 3;
	}
	fprintf(stderr, "odd: what?\n");
	return 64;
}
