/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compat.c - a 32-bit process as a target.  The target is a program without a
 * C library (tests/module/i386), which needs no 32-bit headers to be built.
 *
 * It calls by INT 0x80 and through the vDSO (SYSENTER or SYSCALL, as the
 * processor has it), passes a probe, receives a signal.
 */
#include "module.h"

static pid_t pid;
static int go[2], told[2];

/* What the target tells of itself, once: addresses in it. */
static struct {
	uint32_t counter, probe, path;
} t;

static int begin(const char *how)
{
	const char *build = getenv("CTL_BUILD");
	char path[4096];
	int status;

	snprintf(path, sizeof(path), "%s/tests/module/i386/target",
		 build ? build : "build");
	if (access(path, X_OK) < 0) {
		printf("SKIP: no 32-bit target: %s\n", path);
		return -1;
	}
	if (pipe(go) < 0 || pipe(told) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(told[1], 1);
		dup2(go[0], 0);
		execl(path, path, how, (char *)NULL);
		_exit(127);
	}
	if (read(told[0], &t, sizeof(t)) != sizeof(t)) {
		waitpid(pid, &status, 0);
		if (WIFSIGNALED(status) || WEXITSTATUS(status) == 127) {
			printf("SKIP: this kernel runs no 32-bit program\n");
			return -1;
		}
		check_at(__LINE__, 0, "the target is ready");
		return -1;
	}
	return 0;
}

static void end(int fd)
{
	close(fd);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(go[0]);
	close(go[1]);
	close(told[0]);
	close(told[1]);
}

static uint32_t counter(int fd)
{
	uint32_t v = 0;
	struct ctl_iovec io = { (uintptr_t)&v, 4, t.counter };

	CHECK(msg(fd, PCREAD, &io, sizeof(io)) == 0);
	return v;
}

static int goes_on(int fd)
{
	uint32_t c = counter(fd);
	double until = now() + 5;

	while (counter(fd) == c && now() < until)
		nap(0.01);
	return counter(fd) != c;
}

static int stands(int fd)
{
	uint32_t c = counter(fd);

	nap(0.2);
	return counter(fd) == c;
}

static int set32(int fd, int64_t code, int nr)
{
	struct ctl_sysset s;

	memset(&s, 0, sizeof(s));
	if (nr >= 0)
		s.compat[nr / 64] |= 1ULL << (nr % 64);
	return msg(fd, code, &s, sizeof(s));
}

#define I386_GETPRIORITY 96
#define I386_ACCESS 33

static void test_calls(const char *how)
{
	struct ctl_status st;
	uint32_t c;
	int fd, i;

	part = how;
	if (begin(how) < 0)
		return;
	fd = bind_pid(pid, 0, 0);
	CHECK(fd >= 0);
	CHECK(goes_on(fd));
	CHECK(msg0(fd, PCSTOP) == 0);
	CHECK(stands(fd));
	st = status(fd);
	CHECK(st.lwp.reg.cs == 0x23);
	CHECK(st.lwp.reg.rip < 1ULL << 32);
	CHECK(msg1(fd, PCRUN, 0) == 0);
	CHECK(goes_on(fd));

	/* A native number of the same value is another call. */
	CHECK(msg_set(fd, PCSENTRY, I386_GETPRIORITY) == 0);
	CHECK(msg1(fd, PCTWSTOP, 200) == 0);
	CHECK(!(status(fd).flags & PR_STOPPED));
	CHECK(set32(fd, PCSENTRY, I386_GETPRIORITY) == 0);
	st = stop_of(fd);
	CHECK(st.lwp.why == PR_SYSENTRY && st.lwp.what == I386_GETPRIORITY);
	CHECK(st.lwp.sysabi == CTL_ABI_COMPAT);
	CHECK(st.lwp.sysarg[0] == 0 && st.lwp.sysarg[1] == 0 &&
	      st.lwp.sysarg[2] == 0x55667788);
	c = counter(fd);
	for (i = 0; i < 5; i++) {
		CHECK(msg1(fd, PCRUN, 0) == 0);
		st = stop_of(fd);
		CHECK(st.lwp.why == PR_SYSENTRY);
	}
	CHECK(counter(fd) == c + 5);
	/* Not made: the target counts a failed one by 1000. */
	CHECK(msg1(fd, PCRUN, PRSABORT) == 0);
	st = stop_of(fd);
	CHECK(counter(fd) == c + 5 + 1000);
	CHECK(set32(fd, PCSENTRY, -1) == 0);
	CHECK(set32(fd, PCSEXIT, I386_GETPRIORITY) == 0);
	CHECK(msg1(fd, PCRUN, 0) == 0);
	st = stop_of(fd);
	CHECK(st.lwp.why == PR_SYSEXIT && st.lwp.what == I386_GETPRIORITY);
	CHECK(st.lwp.sysret == 20);
	CHECK(set32(fd, PCSEXIT, -1) == 0);
	CHECK(msg1(fd, PCRUN, 0) == 0);
	CHECK(goes_on(fd));
	end(fd);
}

static void test_records32(void)
{
	struct ctl_record w = { .events = 1 << CTL_REC_SYSCALL };
	struct {
		struct ctl_capture c;
		struct ctl_capop op[2];
	} c = { { I386_ACCESS, CTL_ABI_COMPAT, 2 },
		{ { .op = CTL_CAP_STR, .limit = 100, .flags = CTL_CAPOP_ONERR },
		  { .op = CTL_CAP_STACK, .limit = 64 } } };
	struct ctl_rec_syscall *r;
	struct ctl_cap *cap;
	int fd;

	part = "records";
	if (begin("int80") < 0)
		return;
	fd = bind_pid(pid, 0, 0);
	CHECK(ring(fd, 1 << 20, 0) == 0);
	CHECK(msg(fd, PCCAPTURE, &c, sizeof(c)) == 0);
	w.calls.compat[0] = 1ULL << I386_ACCESS;
	CHECK(msg(fd, PCRECORD, &w, sizeof(w)) == 0);
	do
		r = (void *)next(fd);
	while (r && (r->h.flags & CTL_RECF_NOENTRY));
	CHECK(r && r->nr == I386_ACCESS && r->abi == CTL_ABI_COMPAT);
	if (r) {
		cap = (void *)(r + 1);
		CHECK(r->arg[0] == t.path && r->arg[1] == 4);
		CHECK(r->ret == -ENOENT && r->ncap == 2);
		CHECK(cap->op == CTL_CAP_STR &&
		      !strcmp((char *)(cap + 1), "/no/such/file"));
	}
	end(fd);
	unring();
}

static void test_probe32(void)
{
	struct {
		int64_t code;
		struct ctl_probe p;
		struct ctl_probe_site s;
		struct ctl_fetch f[2];
	} m = {
		PCPROBE,
		{ .size = sizeof(m) - 8, .id = 1, .nsites = 1 },
		{ .address = t.probe, .nargs = 2 },
		{ { CTL_FETCH_REG, 4, 0, 3, CTL_FETCH_NOREG, CTL_FETCH_NOREG, 0,
		    0, 0 },
		  { CTL_FETCH_MEM, 4, CTL_FETCH_32BIT, CTL_FETCH_NOREG,
		    CTL_FETCH_NOREG, CTL_FETCH_NOREG, 0, 0, 0 } },
	};
	struct ctl_record w = { .events = 1 << CTL_REC_PROBE };
	struct ctl_rec_probe *r;
	uint64_t *arg;
	int fd;

	part = "a probe";
	if (begin("int80") < 0)
		return;
	m.s.address = t.probe;
	m.f[1].value = t.counter;
	fd = bind_pid(pid, 0, 0);
	CHECK(ring(fd, 1 << 20, 0) == 0);
	CHECK(msg(fd, PCRECORD, &w, sizeof(w)) == 0);
	CHECK(write(fd, &m, sizeof(m)) == (ssize_t)sizeof(m));
	r = (void *)next(fd);
	CHECK(r && r->id == 1 && r->valid == 3);
	if (r) {
		arg = (void *)(r + 1);
		CHECK(arg[0] == arg[1]); /* ebx is the counter there */
	}
	/* Single step, over the probe and out of it. */
	m.p.id = 2;
	m.p.flags = CTL_PROBE_STOP;
	CHECK(write(fd, &m, sizeof(m)) == (ssize_t)sizeof(m));
	CHECK(stop_of(fd).lwp.why == PR_PROBE);
	CHECK(status(fd).lwp.reg.rip == t.probe + 1);
	CHECK(msg1(fd, PCRUN, PRSTEP) == 0);
	CHECK(stop_of(fd).lwp.why == PR_FAULTED);
	CHECK(msg1(fd, PCUNPROBE, 0) == 0);
	CHECK(msg1(fd, PCRUN, 0) == 0);
	CHECK(goes_on(fd));
	end(fd);
	unring();
}

static void test_signal32(void)
{
	struct ctl_status st;
	int fd;

	part = "a signal";
	if (begin("int80") < 0)
		return;
	fd = bind_pid(pid, 0, 0);
	CHECK(msg1(fd, PCSTRACE, CTL_SIGBIT(SIGUSR1)) == 0);
	kill(pid, SIGUSR1);
	st = stop_of(fd);
	CHECK(st.lwp.why == PR_SIGNALLED && st.lwp.what == SIGUSR1);
	CHECK(msg1(fd, PCRUN, PRCSIG) == 0);
	CHECK(goes_on(fd));
	end(fd);
}

int main(void)
{
	test_calls("int80");
	test_calls("vdso");
	test_records32();
	test_probe32();
	test_signal32();
	return failures != 0;
}
