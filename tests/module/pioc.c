/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pioc.c - the older requests of SVR4 by ioctl(2): their numbers, their flag
 * bits, and that each does what its message does.
 */
#include "module.h"

/* As in SVR4's <sys/procfs.h>; not through our header's macro. */
static void test_numbers(void)
{
	static const struct { unsigned have, number; } n[] = {
		{ PIOCSTATUS, 1 },  { PIOCSTOP, 2 },	{ PIOCWSTOP, 3 },
		{ PIOCRUN, 4 },	    { PIOCGTRACE, 5 },	{ PIOCSTRACE, 6 },
		{ PIOCSSIG, 7 },    { PIOCKILL, 8 },	{ PIOCUNKILL, 9 },
		{ PIOCGHOLD, 10 },  { PIOCSHOLD, 11 },	{ PIOCGFAULT, 14 },
		{ PIOCSFAULT, 15 }, { PIOCCFAULT, 16 }, { PIOCGENTRY, 17 },
		{ PIOCSENTRY, 18 }, { PIOCGEXIT, 19 },	{ PIOCSEXIT, 20 },
		{ PIOCSFORK, 21 },  { PIOCRFORK, 22 },	{ PIOCSRLC, 23 },
		{ PIOCRRLC, 24 },   { PIOCGREG, 25 },	{ PIOCSREG, 26 },
		{ PIOCLWPIDS, 45 },
	};

	part = "numbers";
	for (size_t i = 0; i < sizeof(n) / sizeof(n[0]); i++)
		CHECK(n[i].have == ('q' << 8 | n[i].number));
}

static void on_signal(int sig)
{
	sh->b += sig;
}

static void target(void)
{
	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, on_signal);
	signal(SIGTRAP, on_signal);
	for (;;) {
		sh->result = syscall(SYS_getppid);
		sh->a = sh->result < 0 ? errno : 0;
		sh->count++;
		if (sh->go) {
			sh->go = 0;
			__asm__ volatile("int3");
		}
	}
}

static struct ctl_status st;

static int run(int fd, uint64_t flags)
{
	struct ctl_prrun p = { .flags = flags };

	return ioctl(fd, PIOCRUN, &p) < 0 ? -errno : 0;
}

static int stops(int fd)
{
	memset(&st, 0, sizeof(st));
	st.size = sizeof(st);
	return ioctl(fd, PIOCWSTOP, &st) < 0 ? -errno : 0;
}

static void test_stop(int fd, pid_t pid)
{
	part = "stop";
	st.size = sizeof(st);
	CHECK(ioctl(fd, PIOCSTATUS, &st) == 0);
	CHECK(st.pid == pid && !(st.flags & PR_STOPPED));
	st.size = 8;
	CHECK(ioctl(fd, PIOCSTATUS, &st) < 0 && errno == EINVAL);
	CHECK(ioctl(fd, PIOCGREG, &st.lwp.reg) < 0 && errno == EBUSY);
	CHECK(run(fd, 0) == -EBUSY);
	st.size = sizeof(st);
	CHECK(ioctl(fd, PIOCSTOP, &st) == 0);
	CHECK((st.flags & PR_ISTOP) && st.lwp.why == PR_REQUESTED);
	CHECK(rests());
	CHECK(run(fd, 0x8000) == -EINVAL);
	CHECK(run(fd, PIOC_RUN_STEP) == 0);
	CHECK(stops(fd) == 0);
	CHECK(st.lwp.why == PR_FAULTED && st.lwp.what == FLTTRACE);
	/* to stop again, without a word of code */
	CHECK(run(fd, PIOC_RUN_STOP) == 0);
	CHECK(stops(fd) == 0);
	CHECK(st.lwp.why == PR_REQUESTED);
}

static void test_registers(int fd)
{
	struct ctl_regs r, q;

	part = "registers";
	CHECK(ioctl(fd, PIOCGREG, &r) == 0);
	CHECK(!memcmp(&r, &st.lwp.reg, sizeof(r)));
	q = r;
	q.r15 = ~r.r15;
	CHECK(ioctl(fd, PIOCSREG, &q) == 0);
	CHECK(ioctl(fd, PIOCGREG, &q) == 0 && q.r15 == ~r.r15);
	CHECK(ioctl(fd, PIOCSREG, &r) == 0);
}

static void test_sets(int fd)
{
	uint64_t set = CTL_SIGBIT(SIGUSR1), got = 0;
	struct ctl_sysset s = { .native = { 5 } }, t;

	part = "sets";
	CHECK(ioctl(fd, PIOCSTRACE, &set) == 0);
	CHECK(ioctl(fd, PIOCGTRACE, &got) == 0 && got == set);
	set = CTL_SIGBIT(SIGUSR2);
	CHECK(ioctl(fd, PIOCSHOLD, &set) == 0);
	CHECK(ioctl(fd, PIOCGHOLD, &got) == 0 && got == set);
	set = 0;
	CHECK(ioctl(fd, PIOCSHOLD, &set) == 0);
	set = CTL_FLTBIT(FLTBPT);
	CHECK(ioctl(fd, PIOCSFAULT, &set) == 0);
	CHECK(ioctl(fd, PIOCGFAULT, &got) == 0 && got == set);
	CHECK(ioctl(fd, PIOCSENTRY, &s) == 0);
	CHECK(ioctl(fd, PIOCGENTRY, &t) == 0 && !memcmp(&s, &t, sizeof(s)));
	s.native[0] = 9;
	CHECK(ioctl(fd, PIOCSEXIT, &s) == 0);
	CHECK(ioctl(fd, PIOCGEXIT, &t) == 0 && !memcmp(&s, &t, sizeof(s)));
	memset(&s, 0, sizeof(s));
	CHECK(ioctl(fd, PIOCSENTRY, &s) == 0);
	CHECK(ioctl(fd, PIOCSEXIT, &s) == 0);
	CHECK(ioctl(fd, PIOCSTRACE, (void *)8) < 0 && errno == EFAULT);
}

static void test_modes(int fd)
{
	part = "modes";
	st.size = sizeof(st);
	CHECK(ioctl(fd, PIOCSFORK) == 0 && ioctl(fd, PIOCSRLC) == 0);
	CHECK(ioctl(fd, PIOCSTATUS, &st) == 0);
	CHECK(st.modes == (PR_FORK | PR_RLC));
	CHECK(ioctl(fd, PIOCRFORK) == 0 && ioctl(fd, PIOCRRLC) == 0);
	CHECK(ioctl(fd, PIOCSTATUS, &st) == 0 && st.modes == 0);
}

/* It is stopped; USR1 is traced, and the fault of a breakpoint. */
static void test_signals(int fd)
{
	int usr1 = SIGUSR1, bad = 99;
	siginfo_t si = { .si_signo = SIGUSR2 };

	part = "signals";
	CHECK(run(fd, 0) == 0);
	CHECK(ioctl(fd, PIOCKILL, &bad) < 0 && errno == EINVAL);
	CHECK(ioctl(fd, PIOCKILL, &usr1) == 0);
	CHECK(stops(fd) == 0);
	CHECK(st.lwp.why == PR_SIGNALLED && st.lwp.what == SIGUSR1);
	CHECK(run(fd, PIOC_RUN_CSIG) == 0);
	CHECK(grows());
	CHECK(sh->b == 0);
	/* another one instead; none instead */
	CHECK(ioctl(fd, PIOCKILL, &usr1) == 0);
	CHECK(stops(fd) == 0);
	CHECK(ioctl(fd, PIOCSSIG, &si) == 0);
	CHECK(run(fd, 0) == 0);
	CHECK(grows());
	for (int i = 0; i < 500 && !sh->b; i++)
		nap(0.01);
	CHECK(sh->b == SIGUSR2);
	CHECK(ioctl(fd, PIOCKILL, &usr1) == 0);
	CHECK(stops(fd) == 0);
	CHECK(ioctl(fd, PIOCSSIG, NULL) == 0);
	CHECK(run(fd, 0) == 0);
	CHECK(grows());
	CHECK(sh->b == SIGUSR2);
	/* taken back while it is pending */
	CHECK(ioctl(fd, PIOCSTOP, NULL) == 0);
	CHECK(ioctl(fd, PIOCKILL, &usr1) == 0);
	CHECK(ioctl(fd, PIOCUNKILL, &usr1) == 0);
	CHECK(run(fd, 0) == 0);
	CHECK(grows());
	CHECK(sh->b == SIGUSR2);

	part = "faults";
	sh->go = 1;
	CHECK(stops(fd) == 0);
	CHECK(st.lwp.why == PR_FAULTED && st.lwp.what == FLTBPT);
	CHECK(ioctl(fd, PIOCCFAULT) == 0);
	CHECK(run(fd, PIOC_RUN_CFAULT) == 0);
	CHECK(grows());
	CHECK(sh->b == SIGUSR2);
}

static void test_run(int fd)
{
	struct ctl_prrun p = { .flags = PIOC_RUN_STRACE | PIOC_RUN_SFAULT |
					PIOC_RUN_SHOLD,
			       .trace = CTL_SIGBIT(SIGHUP),
			       .fault = CTL_FLTBIT(FLTILL),
			       .sighold = CTL_SIGBIT(SIGALRM) };
	struct ctl_sysset s;

	part = "run";
	memset(&s, 0, sizeof(s));
	s.native[SYS_getppid / 64] = 1ULL << (SYS_getppid % 64);
	CHECK(ioctl(fd, PIOCSENTRY, &s) == 0);
	CHECK(stops(fd) == 0);
	CHECK(st.lwp.why == PR_SYSENTRY && st.lwp.what == SYS_getppid);
	CHECK(run(fd, PIOC_RUN_SABORT) == 0);
	CHECK(stops(fd) == 0);
	CHECK(sh->result == -1 && sh->a == EINTR);
	memset(&s, 0, sizeof(s));
	CHECK(ioctl(fd, PIOCSENTRY, &s) == 0);
	CHECK(ioctl(fd, PIOCRUN, &p) == 0);
	CHECK(grows());
	st.size = sizeof(st);
	CHECK(ioctl(fd, PIOCSTOP, &st) == 0);
	CHECK(st.sigtrace == p.trace && st.flttrace == p.fault);
	CHECK(st.lwp.sighold == p.sighold);
	p.flags = PIOC_RUN_SVADDR;
	p.vaddr = st.lwp.reg.rip;
	CHECK(ioctl(fd, PIOCRUN, &p) == 0);
	CHECK(grows());
}

int main(void)
{
	int32_t tids[4] = { -1, -1, -1, -1 };
	pid_t pid;
	int fd;

	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	test_numbers();
	pid = start(target);
	part = "bind";
	CHECK(grows());
	fd = bind_pid(pid, 0, 0);
	CHECK(fd >= 0);
	test_stop(fd, pid);
	test_registers(fd);
	test_sets(fd);
	test_modes(fd);
	part = "threads";
	CHECK(ioctl(fd, PIOCLWPIDS, tids) == 0);
	CHECK(tids[0] == pid && tids[1] == 0 && tids[2] == -1);
	test_signals(fd);
	test_run(fd);
	part = "unknown";
	CHECK(ioctl(fd, 'q' << 8 | 99, NULL) < 0 && errno == ENOTTY);
	finish(pid);
	CHECK(ioctl(fd, PIOCSTOP, NULL) < 0 && errno == ENOENT);
	close(fd);
	return failures != 0;
}
