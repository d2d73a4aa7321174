/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probestorm.c - probes come and go at any moment, in targets that clone, fork,
 * vfork, execute and die, from controllers that are killed; then everybody
 * still runs, and nobody died of a breakpoint.
 *
 *	STORM    seconds (10)
 *	SEED     of the random numbers
 */
#include <pthread.h>
#include <sched.h>

#include "module.h"

#define NTARGETS 4
#define NCONTROLLERS 6

static struct storm {
	volatile pid_t target[NTARGETS];
	volatile uint64_t passed[NTARGETS];
	volatile uint64_t died[NTARGETS]; /* of what nobody sent */
	volatile uint64_t enabled, hits, stops;
	volatile int last; /* the status of one that died */
} *st;

/* -- targets -------------------------------------------------------------- */

int passed(int i);
extern const unsigned char site1[], site5[], site10[];
__asm__(".text\n.globl passed\n.type passed, @function\n"
	"passed: push %rbp\n"
	".globl site1\nsite1: nop\n"
	".globl site5\nsite5: .byte 0x0f,0x1f,0x44,0,0\n"
	".globl site10\nsite10: .byte 0x66,0x2e,0x0f,0x1f,0x84,0,0,0,0,0\n"
	"mov %edi, %eax\npop %rbp\nret\n.size passed, .-passed\n");

static int number;

static void *threads(void *arg)
{
	for (int i = 0; i < 200; i++)
		if (passed(i) != i)
			_exit(3);
	return arg;
}

static void watch(pid_t pid)
{
	int status;

	if (pid <= 0)
		return;
	while (waitpid(pid, &status, 0) < 0)
		;
	if (status) {
		st->last = status;
		__atomic_add_fetch(&st->died[number], 1, __ATOMIC_SEQ_CST);
	}
}

static void target_main(char *self)
{
	char n[16], *again[] = { self, "target", n, NULL };
	char *leave[] = { "true", NULL };
	unsigned seed = getpid();
	pthread_t t;

	snprintf(n, sizeof(n), "%d", number);
	st->target[number] = getpid();
	for (int round = 0;; round++) {
		for (int i = 0; i < 50; i++)
			if (passed(i) != i)
				_exit(4);
		__atomic_add_fetch(&st->passed[number], 1, __ATOMIC_SEQ_CST);
		switch (rand_r(&seed) % 8) {
		case 0: {
			pid_t pid = fork();

			if (pid == 0)
				_exit(passed(5) != 5);
			watch(pid);
			break;
		}
		case 1: {
			pid_t pid = vfork();

			if (pid == 0) {
				passed(1);
				execv("/bin/true", leave);
				_exit(0);
			}
			watch(pid);
			break;
		}
		case 2:
			if (pthread_create(&t, NULL, threads, NULL) == 0)
				pthread_join(t, NULL);
			break;
		case 3:
			if (round > 100)
				execv(self, again);
			break;
		case 4:
			usleep(rand_r(&seed) % 1000);
			break;
		}
	}
}

/* -- controllers ---------------------------------------------------------- */

static unsigned seed;

static unsigned any(unsigned n)
{
	return rand_r(&seed) % n;
}

static int enable(int fd)
{
	static const unsigned char *const sites[] = { site1, site5, site10 };
	struct {
		int64_t code;
		struct ctl_probe p;
		struct ctl_probe_site s[3];
	} m = { .code = PCPROBE };
	unsigned n = 1 + any(3);

	m.p.size = sizeof(m.p) + n * sizeof(m.s[0]);
	m.p.id = 1 + any(4);
	m.p.flags = (any(2) ? CTL_PROBE_HANDLE : 0) |
		    (any(8) ? 0 : CTL_PROBE_ONCE) |
		    (any(12) ? 0 : CTL_PROBE_STOP) |
		    (any(2) ? CTL_PROBE_RETURN : 0);
	m.p.nsites = n;
	m.p.stack = any(3) ? 0 : 512;
	for (unsigned i = 0; i < n; i++) {
		m.s[i].address = (uintptr_t)sites[(any(3) + i) % 3];
		if (any(4) == 0) {
			m.s[i].address = (uintptr_t)passed;
			m.s[i].kind = CTL_SITE_FUNC;
		}
	}
	return write(fd, &m, 8 + m.p.size) == (ssize_t)(8 + m.p.size) ? 0 :
									-errno;
}

static void session(void)
{
	struct ctl_record w = { .events = 1 << CTL_REC_PROBE };
	pid_t pid = st->target[any(NTARGETS)];
	int fd = pid ? bind_pid(pid, 0, 0) : -1, ringed = 0, r;
	struct ctl_probe_info info[8];
	struct ctl_probevec v = { (uintptr_t)info, sizeof(info), 0 };

	if (fd < 0)
		return;
	/* Whoever stops one holds it for no longer than itself. */
	msg1(fd, PCSET, PR_RLC);
	if (any(2)) {
		ringed = ring(fd, CTL_RING_MIN, any(2) ? CTL_RING_DROP : 0) == 0;
		if (ringed)
			msg(fd, PCRECORD, &w, sizeof(w));
	}
	for (unsigned i = 2 + any(10); i; i--) {
		switch (any(8)) {
		case 0:
		case 1:
		case 2:
			if (enable(fd) == 0)
				__atomic_add_fetch(&st->enabled, 1,
						   __ATOMIC_RELAXED);
			break;
		case 3:
			msg1(fd, PCUNPROBE, any(5));
			break;
		case 4:
			r = any(2);
			msg1(fd, r ? PCSET : PCUNSET, PR_FORK);
			break;
		case 5:
			msg0(fd, PCDSTOP);
			msg1(fd, PCTWSTOP, 1 + any(20));
			if (status(fd).flags & PR_STOPPED)
				st->stops++;
			msg1(fd, PCRUN, any(4) ? 0 : PRSTEP);
			msg1(fd, PCTWSTOP, 1 + any(5));
			msg1(fd, PCRUN, 0);
			break;
		case 6:
			v.size = sizeof(info);
			ioctl(fd, CTL_IOC_PROBES, &v);
			break;
		case 7:
			usleep(any(3000));
			break;
		}
		while (ringed && ri->head != ru->tail) {
			__atomic_store_n(&ru->tail, ri->head, __ATOMIC_SEQ_CST);
			ioctl(fd, CTL_IOC_CONSUMED);
			st->hits++;
		}
	}
	/* What is stopped by another handle's probe is not ours to leave. */
	msg1(fd, PCRUN, 0);
	if (ringed)
		unring();
	close(fd);
}

static pid_t controller(unsigned s)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		seed = s;
		for (;;)
			session();
	}
	return pid;
}

static pid_t start_target(char *self, int n)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		number = n;
		target_main(self);
	}
	return pid;
}

/* -- all of it ------------------------------------------------------------ */

static void attach_shared(void)
{
	/* By a descriptor that execs keep. */
	st = mmap(NULL, sizeof(*st), PROT_READ | PROT_WRITE, MAP_SHARED, 200, 0);
	if (st == MAP_FAILED)
		_exit(9);
}

int main(int argc, char **argv)
{
	const char *how_long = getenv("STORM"), *number_of = getenv("SEED");
	unsigned first = number_of ? (unsigned)atoi(number_of) :
				     (unsigned)time(NULL);
	double end = now() + (how_long ? atof(how_long) : 10);
	pid_t controllers[NCONTROLLERS], targets[NTARGETS];
	uint64_t n[NTARGETS];
	int wst, fd;

	if (argc > 2) {
		attach_shared();
		number = atoi(argv[2]);
		target_main("/proc/self/exe");
	}
	part = "storm";
	fd = syscall(SYS_memfd_create, "storm", 0);
	if (fd < 0 || ftruncate(fd, sizeof(*st)) < 0 || dup2(fd, 200) < 0) {
		perror("memfd");
		return 1;
	}
	attach_shared();
	printf("seed %u\n", first);
	fflush(stdout);
	seed = first;
	for (int i = 0; i < NTARGETS; i++)
		targets[i] = start_target("/proc/self/exe", i);
	for (int i = 0; i < NCONTROLLERS; i++)
		controllers[i] = controller(seed + i);
	/* A slow machine takes longer for enough of it. */
	while (now() < end || (now() < end + 60 &&
			       (st->enabled <= 10 || st->hits <= 10))) {
		int i = any(NCONTROLLERS);

		nap(0.02 + any(100) / 1000.0);
		kill(controllers[i], SIGKILL);
		waitpid(controllers[i], NULL, 0);
		controllers[i] = controller(any(1 << 30));
		/* A target, now and then. */
		if (any(20) == 0) {
			i = any(NTARGETS);
			kill(targets[i], SIGKILL);
			waitpid(targets[i], &wst, 0);
			if (wst != SIGKILL) {
				printf("target %d had ended with %#x\n", i,
				       wst);
				failures++;
			}
			targets[i] = start_target("/proc/self/exe", i);
		}
	}
	for (int i = 0; i < NCONTROLLERS; i++) {
		kill(controllers[i], SIGKILL);
		waitpid(controllers[i], NULL, 0);
	}
	/* Nobody holds anything: everybody runs. */
	for (int i = 0; i < NTARGETS; i++)
		n[i] = st->passed[i];
	for (int i = 0; i < NTARGETS; i++) {
		double until = now() + 20;

		while (st->passed[i] < n[i] + 3 && now() < until)
			nap(0.02);
		CHECK(st->passed[i] >= n[i] + 3);
		if (waitpid(targets[i], &wst, WNOHANG) != 0) {
			printf("target %d ended with %#x\n", i, wst);
			failures++;
			continue;
		}
		CHECK(st->died[i] == 0);
		kill(targets[i], SIGKILL);
		waitpid(targets[i], NULL, 0);
	}
	if (st->last)
		printf("a child ended with %#x\n", st->last);
	CHECK(st->enabled > 10 && st->hits > 10);
	printf("FIGURES: %llu probes enabled, %llu stops, rings emptied %llu times\n",
	       (unsigned long long)st->enabled, (unsigned long long)st->stops,
	       (unsigned long long)st->hits);
	return failures != 0;
}
