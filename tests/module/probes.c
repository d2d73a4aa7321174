/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probes.c - probes, by the module's protocol: those that no command asks for
 * yet (functions, returns, stacks), and what has to be as it was afterwards.
 */
#include <setjmp.h>
#include <sys/mount.h>

#include "module.h"

/* -- the operand ---------------------------------------------------------- */

static struct {
	struct ctl_probe p;
	unsigned char rest[8192];
} op;
static size_t op_len;

static void probe(uint32_t id, uint32_t flags)
{
	memset(&op, 0, sizeof(op));
	op.p.id = id;
	op.p.flags = flags;
	op_len = sizeof(op.p);
}

static void *add(const void *p, size_t n)
{
	void *to = (char *)&op + op_len;

	memcpy(to, p, n);
	op_len += n;
	return to;
}

static void site(const void *address, int kind, int nargs,
		 const struct ctl_fetch *f)
{
	struct ctl_probe_site s = {
		.address = (uintptr_t)address, .kind = kind, .nargs = nargs
	};

	add(&s, sizeof(s));
	if (nargs)
		add(f, nargs * sizeof(*f));
	op.p.nsites++;
}

static int enable(int fd)
{
	static char buf[sizeof(op) + 8];
	int64_t code = PCPROBE;

	op.p.size = op_len;
	memcpy(buf, &code, 8);
	memcpy(buf + 8, &op, op_len);
	return write(fd, buf, 8 + op_len) == (ssize_t)(8 + op_len) ? 0 : -errno;
}

#define REG(n) { CTL_FETCH_REG, 8, 0, n, CTL_FETCH_NOREG, CTL_FETCH_NOREG, 0, 0, 0 }
#define RDI REG(5)
#define RSI REG(4)

static struct ctl_probe_info info(int fd, uint32_t id)
{
	struct ctl_probe_info i = { 0 };
	struct ctl_probevec v = { (uintptr_t)&i, sizeof(i), id - 1 };

	if (ioctl(fd, CTL_IOC_PROBES, &v) < 0 || v.size != sizeof(i) ||
	    i.id != id)
		memset(&i, 0, sizeof(i));
	return i;
}

static int byte_at(pid_t pid, const void *addr)
{
	unsigned char b = 0;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY);
	if (fd < 0 || pread(fd, &b, 1, (uintptr_t)addr) != 1)
		b = 0;
	close(fd);
	return b;
}

/* -- what is probed ------------------------------------------------------- */

/* passed(i, s, x): a site of each kind of nop, then xmm0 */
long passed(long i, const char *s, double x);
extern const unsigned char site1[], site5[], site10[], odd[];
__asm__(".text\n.globl passed\n.type passed, @function\n"
	"passed:\n"
	".globl site1\nsite1: nop\n"
	".globl site5\nsite5: .byte 0x0f,0x1f,0x44,0,0\n"
	".globl site10\nsite10: .byte 0x66,0x2e,0x0f,0x1f,0x84,0,0,0,0,0\n"
	".globl odd\nodd: addq $0, %rdi\n"
	"mov %rdi, %rax\n"
	"add %rdi, %rax\n"
	"ret\n.size passed, .-passed\n");

static int __attribute__((noinline)) factorial(int n)
{
	__asm__ volatile("");
	return n < 2 ? 1 : n * factorial(n - 1);
}

/* hop(3) calls hop(2), which leaves by longjmp; hop(3) returns. */
static jmp_buf home;
static int __attribute__((noinline)) hop(int n)
{
	__asm__ volatile("");
	if (n == 2)
		longjmp(home, 1);
	if (!setjmp(home))
		hop(2);
	return n;
}

static void passing(void)
{
	for (long i = 0;; i++) {
		sh->result = passed(i, i & 1 ? "odd" : "even", i / 2.0);
		sh->a = factorial(5);
		hop(3);
		sh->count++;
		nap(0.001);
	}
}

static struct ctl_rec_probe *hit(int fd, uint32_t id)
{
	struct ctl_rec *r;

	while ((r = next(fd)) != NULL)
		if (r->type == CTL_REC_PROBE &&
		    ((struct ctl_rec_probe *)r)->id == id)
			return (struct ctl_rec_probe *)r;
	return NULL;
}

static int follow(int fd)
{
	struct ctl_record w = { .events = 1 << CTL_REC_PROBE };

	return msg(fd, PCRECORD, &w, sizeof(w));
}

/* -- tests ---------------------------------------------------------------- */

static void test_sites(void)
{
	static const struct ctl_fetch f[] = {
		RDI,
		{ CTL_FETCH_REG, 8, CTL_FETCH_STRING, 4, CTL_FETCH_NOREG,
		  CTL_FETCH_NOREG, 0, 0, 0 },
		{ CTL_FETCH_XMM, 8, 0, 0, CTL_FETCH_NOREG, CTL_FETCH_NOREG, 0,
		  0, 0 },
		{ CTL_FETCH_MEM, 8, 0, CTL_FETCH_NOREG, CTL_FETCH_NOREG,
		  CTL_FETCH_FS, 0, 0, 0 },
	};
	static const unsigned char *const all[] = { site1, site5, site10 };
	pid_t pid = start(passing);
	int fd = bind_pid(pid, 0, 0);
	struct ctl_rec_probe *r;
	struct ctl_cap *cap;
	uint64_t *arg;
	double half;

	part = "sites";
	CHECK(ring(fd, 1 << 20, 0) == 0);
	CHECK(follow(fd) == 0);
	CHECK(msg1(fd, PCSET, PR_RLC) == 0);
	for (uint32_t id = 1; id <= 3; id++) {
		probe(id, 0);
		site(all[id - 1], CTL_SITE_HIT, 4, f);
		op.p.strlimit = 64;
		CHECK(enable(fd) == 0);
		CHECK(enable(fd) == -EEXIST);
		r = hit(fd, id);
		CHECK(r != NULL);
		if (!r)
			continue;
		arg = (void *)(r + 1);
		cap = (void *)(arg + 4);
		memcpy(&half, &arg[2], 8);
		CHECK(r->pc == (uintptr_t)all[id - 1]);
		CHECK(r->nargs == 4 && r->valid == 15 && r->ncap == 1);
		CHECK(half == arg[0] / 2.0);
		CHECK(arg[3] != 0); /* the thread's own address */
		CHECK(cap->op == CTL_CAP_STR && cap->arg == 1 && !cap->flags);
		CHECK(!strcmp((char *)(cap + 1), arg[0] & 1 ? "odd" : "even"));
		CHECK(byte_at(pid, all[id - 1]) == 0xcc);
		CHECK(info(fd, id).hits > 0 && info(fd, id).nsites == 1);
	}
	probe(4, 0);
	site(odd, CTL_SITE_HIT, 0, NULL);
	CHECK(enable(fd) == -EOPNOTSUPP);
	probe(4, 0);
	site((void *)8, CTL_SITE_HIT, 0, NULL);
	CHECK(enable(fd) == -EFAULT);
	CHECK(msg1(fd, PCUNPROBE, 4) == -EINVAL);
	CHECK(msg1(fd, PCUNPROBE, 2) == 0);
	CHECK(byte_at(pid, site5) == 0x0f);
	CHECK(byte_at(pid, site1) == 0xcc);
	CHECK(sh->result % 2 == 0 && grows());
	close(fd);
	unring();
	for (int i = 0; i < 100 && byte_at(pid, site10) == 0xcc; i++)
		nap(0.02);
	CHECK(byte_at(pid, site1) == 0x90);
	CHECK(byte_at(pid, site10) == 0x66);
	CHECK(grows());
	finish(pid);
}

/* A function's calls and returns, of those that the predicate let through. */
static void test_functions(void)
{
	static const struct ctl_fetch rdi = RDI;
	static const struct ctl_pred odd_ones[] = {
		{ CTL_PRED_ARG, 0, 0 }, { CTL_PRED_CONST, 0, 1 },
		{ CTL_PRED_BITAND, 0, 0 },
	};
	pid_t pid = start(passing);
	int fd = bind_pid(pid, 0, 0), i, calls = 0, returns = 0;
	struct ctl_rec_probe *r;
	uint64_t stack[8];
	uint64_t arg;

	part = "functions";
	CHECK(ring(fd, 1 << 20, 0) == 0);
	CHECK(follow(fd) == 0);
	probe(7, CTL_PROBE_RETURN | CTL_PROBE_HANDLE);
	site((void *)factorial, CTL_SITE_FUNC, 1, &rdi);
	add(odd_ones, sizeof(odd_ones));
	op.p.npred = 3;
	CHECK(enable(fd) == 0);
	/* 5, 3, 1, then 1, 6, 120: begin where it begins */
	while ((r = hit(fd, 7)) && (r->h.flags || *(uint64_t *)(r + 1) != 5))
		;
	for (i = 0; i < 60 && r; i++) {
		memcpy(&arg, r + 1, 8);
		CHECK(r->pc == (uintptr_t)factorial && r->nargs == 1);
		if (r->h.flags & CTL_RECF_RETURN) {
			static const int value[] = { 0, 1, 2, 6, 24, 120 };

			returns++;
			CHECK(calls > 0);
			if (calls > 0)
				CHECK((int)arg == value[stack[--calls]]);
		} else {
			CHECK(arg == 5 || arg == 3 || arg == 1);
			if (calls < 8)
				stack[calls++] = arg;
		}
		r = hit(fd, 7);
	}
	CHECK(returns >= 28);
	/* What was left by longjmp has no return; nor has what was not told. */
	static const struct ctl_pred even_ones[] = {
		{ CTL_PRED_ARG, 0, 0 }, { CTL_PRED_CONST, 0, 2 },
		{ CTL_PRED_EQ, 0, 0 },
	};
	probe(8, CTL_PROBE_RETURN | CTL_PROBE_HANDLE);
	site((void *)hop, CTL_SITE_FUNC, 1, &rdi);
	add(even_ones, sizeof(even_ones));
	op.p.npred = 3;
	CHECK(enable(fd) == 0);
	for (i = 0; i < 10; i++) {
		r = hit(fd, 8);
		CHECK(r && !r->h.flags && *(uint64_t *)(r + 1) == 2);
	}
	/* A call that began before the probe went returns as ever. */
	CHECK(msg1(fd, PCUNPROBE, 7) == 0);
	CHECK(grows());
	CHECK(sh->a == 120);
	close(fd);
	unring();
	finish(pid);
}

static void test_stack(void)
{
	pid_t pid = start(passing);
	int fd = bind_pid(pid, 0, 0);
	struct ctl_rec_probe *r;
	struct ctl_regs *regs;
	struct ctl_cap *cap;
	uint64_t ret;

	part = "stack";
	CHECK(ring(fd, 1 << 20, 0) == 0);
	CHECK(follow(fd) == 0);
	probe(1, CTL_PROBE_HANDLE);
	site(site1, CTL_SITE_HIT, 0, NULL);
	op.p.stack = 1024;
	CHECK(enable(fd) == 0);
	r = hit(fd, 1);
	CHECK(r && r->ncap == 1);
	if (r) {
		cap = (void *)(r + 1);
		regs = (void *)(cap + 1);
		memcpy(&ret, regs + 1, 8);
		CHECK(cap->op == CTL_CAP_STACK);
		CHECK(cap->len == sizeof(*regs) + 1024 && !cap->flags);
		CHECK(regs->rip == (uintptr_t)site1);
		/* At the first instruction the return address is on top. */
		CHECK(ret - (uintptr_t)passing < 1024);
	}
	/* More than there is: what there is. */
	probe(2, CTL_PROBE_HANDLE);
	site(site5, CTL_SITE_HIT, 0, NULL);
	op.p.stack = CTL_CAP_LIMIT;
	CHECK(enable(fd) == 0);
	CHECK((r = hit(fd, 2)) != NULL);
	/* The return address of a function whose return is probed. */
	CHECK(msg1(fd, PCUNPROBE, 0) == 0);
	CHECK(msg1(fd, PCUNPROBE, 1) == 0 && msg1(fd, PCUNPROBE, 2) == 0);
	probe(3, CTL_PROBE_HANDLE | CTL_PROBE_RETURN);
	site((void *)passed, CTL_SITE_FUNC, 0, NULL);
	CHECK(enable(fd) == 0);
	probe(4, CTL_PROBE_HANDLE);
	site(site5, CTL_SITE_HIT, 0, NULL);
	op.p.stack = 64;
	CHECK(enable(fd) == 0);
	hit(fd, 4); /* its call may have begun before */
	r = hit(fd, 4);
	CHECK(r != NULL);
	if (r) {
		cap = (void *)(r + 1);
		memcpy(&ret, (char *)(cap + 1) + sizeof(*regs), 8);
		CHECK(ret - (uintptr_t)passing < 1024);
	}
	close(fd);
	unring();
	CHECK(grows());
	finish(pid);
}

/* The stack at a system call. */
static void test_syscall_stack(void)
{
	pid_t pid = start(passing);
	int fd = bind_pid(pid, 0, 0);
	struct ctl_record w = { .events = 1 << CTL_REC_SYSCALL };
	struct {
		struct ctl_capture c;
		struct ctl_capop op;
	} c = { { SYS_clock_nanosleep, CTL_ABI_NATIVE, 1 },
		{ .op = CTL_CAP_STACK, .when = CTL_AT_ENTRY, .limit = 256 } };
	struct ctl_rec_syscall *r;
	struct ctl_regs *regs;
	struct ctl_cap *cap;

	part = "stack of a system call";
	CHECK(ring(fd, 1 << 20, 0) == 0);
	CHECK(msg(fd, PCCAPTURE, &c, sizeof(c)) == 0);
	w.calls.native[SYS_clock_nanosleep / 64] =
		1ULL << (SYS_clock_nanosleep % 64);
	CHECK(msg(fd, PCRECORD, &w, sizeof(w)) == 0);
	/* The entry of the first ones may not have been seen. */
	do
		r = (void *)next(fd);
	while (r && (r->h.flags & CTL_RECF_NOENTRY));
	CHECK(r && r->nr == SYS_clock_nanosleep && r->ncap == 1);
	if (r && r->ncap) {
		cap = (void *)(r + 1);
		regs = (void *)(cap + 1);
		CHECK(cap->op == CTL_CAP_STACK && !cap->flags);
		CHECK(cap->len == sizeof(*regs) + 256);
		CHECK(regs->orig_rax == SYS_clock_nanosleep);
		CHECK(regs->rdx == r->arg[2]);
	}
	close(fd);
	unring();
	finish(pid);
}

/* Code that no file is behind. */
static void generated(void)
{
	static const unsigned char code[] = {
		0x0f, 0x1f, 0x44, 0, 0,	      /* nopl */
		0x48, 0x31, 0xc0, 0x90, 0x90, /* xor %rax, %rax: enabled? */
		0xc3,
	};
	unsigned char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int (*f)(long);

	memcpy(p, code, sizeof(code));
	mprotect(p, 4096, PROT_READ | PROT_EXEC);
	*(void **)&f = p;
	sh->a = (uintptr_t)p;
	for (long i = 0;; i++) {
		sh->b += f(i);
		sh->count++;
		if (i % 100 == 0) {
			pid_t pid = fork();

			/* A child has neither the breakpoints nor the answer. */
			if (pid == 0)
				_exit(f(i));
			int status;

			waitpid(pid, &status, 0);
			if (status) {
				sh->c++;
				sh->result = status;
			}
		}
	}
}

static void test_generated(void)
{
	static const struct ctl_fetch rdi = RDI;
	pid_t pid = start(generated);
	int fd = bind_pid(pid, 0, 0), i;
	struct ctl_rec_probe *r;
	uint64_t last = 0;
	unsigned char *p;

	part = "generated code";
	CHECK(grows());
	p = (void *)(uintptr_t)sh->a;
	CHECK(ring(fd, 1 << 20, 0) == 0);
	CHECK(follow(fd) == 0);
	CHECK(sh->b == 0);
	probe(1, 0);
	site(p, CTL_SITE_HIT, 1, &rdi);
	site(p + 5, CTL_SITE_ENABLED, 0, NULL);
	CHECK(enable(fd) == 0);
	for (i = 0; i < 1000; i++) {
		r = hit(fd, 1);
		CHECK(r && r->h.pid == pid);
		if (!r)
			break;
		CHECK(!last || *(uint64_t *)(r + 1) == last + 1);
		last = *(uint64_t *)(r + 1);
	}
	CHECK(sh->b > 0);
	for (i = 0; i < 20; i++) {
		CHECK(msg1(fd, PCUNPROBE, 1) == 0);
		CHECK(byte_at(pid, p) == 0x0f && byte_at(pid, p + 5) == 0x48);
		CHECK(enable(fd) == 0);
	}
	close(fd); /* the probe stays, nobody records it */
	unring();
	CHECK(grows());
	fd = bind_pid(pid, 0, 0);
	CHECK(info(fd, 1).hits > 0);
	CHECK(msg1(fd, PCUNPROBE, 0) == 0);
	CHECK(grows());
	CHECK(sh->c == 0);
	if (sh->c)
		printf("%d children ended with %#x\n", (int)sh->c,
		       (int)sh->result);
	close(fd);
	finish(pid);
}

/* Stop at it, step over it, and let go of it. */
static void test_stop(void)
{
	static const unsigned char *const all[] = { site1, site10,
						    (void *)factorial };
	static const int past[] = { 1, 10, 0 };
	pid_t pid = start(passing);
	int fd = bind_pid(pid, 0, 0), i;
	struct ctl_status st;

	part = "stop";
	for (i = 0; i < 3; i++) {
		probe(1, CTL_PROBE_STOP | CTL_PROBE_HANDLE);
		site(all[i], i == 2 ? CTL_SITE_FUNC : CTL_SITE_HIT, 0, NULL);
		CHECK(enable(fd) == 0);
		st = stop_of(fd);
		CHECK(st.lwp.why == PR_PROBE && st.lwp.what == 1);
		/* Behind a nop, before everything else. */
		CHECK(st.lwp.reg.rip == (uintptr_t)all[i] + past[i]);
		CHECK(rests());
		/* twice, so it came round */
		CHECK(msg1(fd, PCRUN, 0) == 0);
		st = stop_of(fd);
		CHECK(st.lwp.why == PR_PROBE && st.lwp.what == 1);
		close(fd); /* and what it stopped for */
		CHECK(grows());
		fd = bind_pid(pid, 0, 0);
		CHECK(!(status(fd).flags & PR_STOPPED));
		CHECK(info(fd, 1).id == 0);
	}
	/* Step up to it and over it. */
	probe(2, CTL_PROBE_STOP);
	site(site1, CTL_SITE_HIT, 0, NULL);
	CHECK(enable(fd) == 0);
	st = stop_of(fd);
	CHECK(st.lwp.why == PR_PROBE);
	probe(3, 0);
	site(site5, CTL_SITE_HIT, 0, NULL);
	site(site10, CTL_SITE_HIT, 0, NULL);
	CHECK(enable(fd) == 0);
	for (i = 0; i < 3; i++) {
		static const unsigned char *const then[] = { site10, odd,
							     odd + 4 };

		CHECK(msg1(fd, PCRUN, PRSTEP) == 0);
		st = stop_of(fd);
		CHECK(st.lwp.why == PR_FAULTED && st.lwp.what == FLTTRACE);
		CHECK(st.lwp.reg.rip == (uintptr_t)then[i]);
	}
	CHECK(info(fd, 3).hits == 2);
	/* One hit and no more. */
	probe(4, CTL_PROBE_ONCE | CTL_PROBE_STOP);
	site(site10, CTL_SITE_HIT, 0, NULL);
	CHECK(enable(fd) == 0);
	CHECK(msg1(fd, PCUNPROBE, 2) == 0);
	CHECK(msg1(fd, PCRUN, 0) == 0);
	st = stop_of(fd);
	CHECK(st.lwp.why == PR_PROBE && st.lwp.what == 4);
	CHECK(info(fd, 4).id == 0);
	CHECK(msg1(fd, PCRUN, 0) == 0);
	CHECK(grows());
	CHECK(msg1(fd, PCUNPROBE, 0) == 0);
	close(fd);
	finish(pid);
}

/* Before an instruction that is no nop, once each time, whatever comes next. */
static void test_early(void)
{
	pid_t pid = start(passing);
	int fd = bind_pid(pid, 0, 0);
	struct ctl_status st;
	uint64_t round;

	part = "early";
	probe(1, CTL_PROBE_STOP);
	site(odd, CTL_SITE_FUNC, 0, NULL);
	CHECK(enable(fd) == 0);
	probe(2, 0);
	site(odd, CTL_SITE_FUNC, 0, NULL);
	CHECK(enable(fd) == 0);
	st = stop_of(fd);
	CHECK(st.lwp.why == PR_PROBE && st.lwp.reg.rip == (uintptr_t)odd);
	/* Over it. */
	CHECK(msg1(fd, PCRUN, PRSTEP) == 0);
	st = stop_of(fd);
	CHECK(st.lwp.why == PR_FAULTED && st.lwp.what == FLTTRACE);
	CHECK(st.lwp.reg.rip == (uintptr_t)odd + 4);
	CHECK(info(fd, 1).hits == 1 && info(fd, 2).hits == 1);
	/* Round, and at it again; then taken elsewhere, from where it comes by
	 * once more in the same round. */
	CHECK(msg1(fd, PCRUN, 0) == 0);
	st = stop_of(fd);
	CHECK(st.lwp.why == PR_PROBE && st.lwp.reg.rip == (uintptr_t)odd);
	round = sh->count;
	CHECK(msg1(fd, PCSVADDR, (uintptr_t)site10) == 0);
	CHECK(msg1(fd, PCRUN, PRSTEP) == 0);
	st = stop_of(fd);
	CHECK(st.lwp.why == PR_FAULTED && st.lwp.reg.rip == (uintptr_t)odd);
	/* A step at it: first the probe, then the step. */
	CHECK(msg1(fd, PCRUN, PRSTEP) == 0);
	st = stop_of(fd);
	CHECK(st.lwp.why == PR_PROBE && st.lwp.reg.rip == (uintptr_t)odd);
	CHECK(info(fd, 1).hits == 3);
	CHECK(msg1(fd, PCRUN, PRSTEP) == 0);
	st = stop_of(fd);
	CHECK(st.lwp.why == PR_FAULTED && st.lwp.what == FLTTRACE);
	CHECK(st.lwp.reg.rip == (uintptr_t)odd + 4);
	CHECK(sh->count == round);
	/* Gone while it stands there. */
	CHECK(msg1(fd, PCRUN, 0) == 0);
	st = stop_of(fd);
	CHECK(st.lwp.why == PR_PROBE && st.lwp.reg.rip == (uintptr_t)odd);
	CHECK(msg1(fd, PCUNPROBE, 1) == 0);
	CHECK(msg1(fd, PCRUN, 0) == 0);
	CHECK(grows());
	CHECK(byte_at(pid, odd) == 0xcc);
	CHECK(msg1(fd, PCUNPROBE, 2) == 0);
	CHECK(byte_at(pid, odd) != 0xcc);
	CHECK(grows());
	close(fd);
	finish(pid);
}

static void forking(void)
{
	int status;

	for (;;) {
		if (fork() == 0)
			_exit(passed(1, "", 0) != 2);
		wait(&status);
		if (status)
			sh->b = status;
		sh->count++;
		nap(0.001);
	}
}

/* Of two in one place a followed child has the one that goes on. */
static void test_fork(void)
{
	static const unsigned char *const all[] = { site1, site10 };
	pid_t pid = start(forking);
	int fd, i;

	part = "fork";
	for (i = 0; i < 2; i++) {
		fd = bind_pid(pid, 0, 0);
		CHECK(ring(fd, 1 << 20, 0) == 0);
		CHECK(follow(fd) == 0);
		CHECK(msg1(fd, PCSET, PR_FORK | PR_RLC) == 0);
		probe(1, 0);
		site(all[i], CTL_SITE_HIT, 0, NULL);
		CHECK(enable(fd) == 0);
		/* Its stops would be nobody's. */
		probe(2, CTL_PROBE_STOP | CTL_PROBE_HANDLE);
		site(all[i], CTL_SITE_HIT, 0, NULL);
		CHECK(enable(fd) == 0);
		CHECK(grows());
		CHECK(hit(fd, 1) != NULL);
		CHECK(msg1(fd, PCUNPROBE, 0) == 0);
		unring();
		close(fd);
		CHECK(grows());
	}
	CHECK(sh->b == 0);
	finish(pid);
}

#define TRACEFS "/sys/kernel/tracing"

static int tracefs(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_APPEND | O_CLOEXEC), err = 0;

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* The kernel's own uprobes, of somebody else. */
static int foreign(const unsigned char *const *at, int n)
{
	char line[512], exe[256];
	ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	unsigned long start, offset;
	FILE *maps = fopen("/proc/self/maps", "re");
	int err = -ENOENT;

	mount("tracefs", TRACEFS, "tracefs", 0, NULL);
	exe[len < 0 ? 0 : len] = 0;
	/* The segment of code is not the file's first. */
	while (maps && fgets(line, sizeof(line), maps))
		if (strstr(line, " r-xp ") && strstr(line, exe) &&
		    sscanf(line, "%lx-%*x %*s %lx", &start, &offset) == 2)
			err = 0;
	if (maps)
		fclose(maps);
	for (int i = 0; i < n && !err; i++) {
		snprintf(line, sizeof(line), "p:ctl/foreign%d %s:%#lx\n", i,
			 exe, (uintptr_t)at[i] - start + offset);
		err = tracefs(TRACEFS "/uprobe_events", line);
	}
	return err ? err : tracefs(TRACEFS "/events/ctl/enable", "1");
}

/* Step over breakpoints that are not ours, with none of ours about. */
static void test_foreign(void)
{
	static const unsigned char *const theirs[] = { site1, site5, odd };
	static const unsigned char *const then[] = { site5, site10, odd,
						     odd + 4, odd + 7 };
	pid_t pid = start(passing);
	int fd = bind_pid(pid, 0, 0), i;
	struct ctl_status st;
	int err;

	part = "foreign";
	probe(1, CTL_PROBE_STOP);
	site(site1, CTL_SITE_HIT, 0, NULL);
	CHECK(enable(fd) == 0);
	st = stop_of(fd);
	CHECK(st.lwp.why == PR_PROBE);
	CHECK(msg1(fd, PCUNPROBE, 1) == 0);
	err = foreign(theirs, 3);
	if (err == -ENOENT) {
		puts("SKIP: uprobe_events: not in this kernel");
	} else {
		CHECK(err == 0);
		CHECK(byte_at(pid, site1) == 0xcc);
		CHECK(msg1(fd, PCSVADDR, (uintptr_t)site1) == 0);
		for (i = 0; i < 5; i++) {
			CHECK(msg1(fd, PCRUN, PRSTEP) == 0);
			st = stop_of(fd);
			CHECK(st.lwp.why == PR_FAULTED &&
			      st.lwp.what == FLTTRACE);
			CHECK(st.lwp.reg.rip == (uintptr_t)then[i]);
		}
		CHECK(msg1(fd, PCRUN, 0) == 0);
		CHECK(grows());
		tracefs(TRACEFS "/events/ctl/enable", "0");
		tracefs(TRACEFS "/uprobe_events", "-:ctl/foreign0\n");
		tracefs(TRACEFS "/uprobe_events", "-:ctl/foreign1\n");
		tracefs(TRACEFS "/uprobe_events", "-:ctl/foreign2\n");
	}
	CHECK(grows());
	close(fd);
	finish(pid);
}

/* Who reads through a handle sees no breakpoint, who writes spoils none. */
static void test_hidden(void)
{
	pid_t pid = start(passing);
	int fd = bind_pid(pid, 0, 0);
	unsigned char v[4] = { 0 };
	struct ctl_iovec io = { (uintptr_t)v, 4, (uintptr_t)site1 - 1 };

	part = "hidden";
	probe(1, 0);
	site(site1, CTL_SITE_HIT, 0, NULL);
	CHECK(enable(fd) == 0);
	CHECK(msg(fd, PCREAD, &io, sizeof(io)) == 0);
	CHECK(v[1] == 0x90 && v[2] == 0x0f);
	CHECK(msg(fd, PCWRITE, &io, sizeof(io)) == 0);
	CHECK(byte_at(pid, site1) == 0xcc);
	v[1] = 0xf4;
	CHECK(msg(fd, PCWRITE, &io, sizeof(io)) == -EBUSY);
	CHECK(grows());
	CHECK(msg1(fd, PCUNPROBE, 1) == 0);
	CHECK(byte_at(pid, site1) == 0x90);
	/* Another's is respected. */
	v[1] = 0xcc;
	CHECK(msg0(fd, PCSTOP) == 0);
	CHECK(msg(fd, PCWRITE, &io, sizeof(io)) == 0);
	CHECK(enable(fd) == -EBUSY);
	v[1] = 0x90;
	CHECK(msg(fd, PCWRITE, &io, sizeof(io)) == 0);
	CHECK(msg1(fd, PCRUN, 0) == 0);
	CHECK(grows());
	close(fd);
	finish(pid);
}

int main(void)
{
	static const struct {
		const char *name;
		void (*fn)(void);
	} all[] = {
		{ "sites", test_sites },
		{ "stop", test_stop },
		{ "early", test_early },
		{ "foreign", test_foreign },
		{ "fork", test_fork },
		{ "functions", test_functions },
		{ "stack", test_stack },
		{ "syscall_stack", test_syscall_stack },
		{ "generated", test_generated },
		{ "hidden", test_hidden },
	};

	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		int before = failures;

		all[i].fn();
		printf("%s %s\n", failures == before ? "ok" : "FAILED",
		       all[i].name);
		fflush(stdout);
	}
	return failures ? 1 : 0;
}
