/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instructions done by emulate.c and by the processor, in single steps of a
 * child: registers, flags and memory have to be the same.  First random ones of
 * every kind, then those that the functions of the C library begin with.
 *
 *     emulate [ROUNDS [SEED]]
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../libctl/emulate.h"
#include "check.h"

#define DATA 65536UL
static unsigned char *code, *data; /* the same in the child */
static pid_t child;
static uint64_t random_state;

static uint64_t rnd(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* -- the child's memory -------------------------------------------------------- */

static bool child_read(uint64_t addr, void *buf, size_t n)
{
	struct iovec local = { buf, n }, remote = { (void *)addr, n };

	return process_vm_readv(child, &local, 1, &remote, 1, 0) == (ssize_t)n;
}

static bool child_write(uint64_t addr, const void *buf, size_t n)
{
	struct iovec local = { (void *)buf, n }, remote = { (void *)addr, n };

	return process_vm_writev(child, &local, 1, &remote, 1, 0) == (ssize_t)n;
}

static uint64_t refused; /* the address that could not be had */

/* What is written is kept, to be compared. */
static struct {
	uint64_t addr;
	size_t n;
	unsigned char bytes[8];
} written;

static bool mem_read(void *arg, uint64_t addr, void *buf, size_t n)
{
	(void)arg;
	if (child_read(addr, buf, n))
		return true;
	refused = addr;
	return false;
}

static bool mem_write(void *arg, uint64_t addr, const void *buf, size_t n)
{
	unsigned char same[8];

	(void)arg;
	refused = addr;
	if (!child_read(addr, same, n) || !child_write(addr, same, n))
		return false;
	written.addr = addr;
	written.n = n;
	memcpy(written.bytes, buf, n);
	return true;
}

static const struct emulate_memory memory = { mem_read, mem_write, NULL };

/* -- comparing ------------------------------------------------------------------- */

static void random_registers(struct ctl_regs *r, const struct ctl_regs *base)
{
	__u64 *const v[] = { &r->rax, &r->rbx, &r->rcx, &r->rdx, &r->rsi,
			     &r->rdi, &r->rbp, &r->r8,	&r->r9,	 &r->r10,
			     &r->r11, &r->r12, &r->r13, &r->r14, &r->r15 };

	*r = *base;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		switch (rnd() % 8) {
		case 0:
			*v[i] = rnd();
			break;
		case 1:
			*v[i] = rnd() % 128 - 64;
			break;
		case 2:
			*v[i] = (uint32_t)rnd();
			break;
		default:
			*v[i] = (uintptr_t)data + DATA / 2 + rnd() % 256 * 8;
		}
	r->rsp = (uintptr_t)data + DATA / 2 + rnd() % 256 * 8;
	r->eflags = (base->eflags & ~0x8d5ULL) | (rnd() & 0x8d5);
	r->orig_rax = -1;
}

/* false: it got a signal. */
static bool step(struct ctl_regs *r)
{
	int status;

	if (ptrace(PTRACE_SETREGS, child, NULL, r) < 0 ||
	    ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) < 0 ||
	    waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) {
		printf("the child is lost\n");
		exit(1);
	}
	ptrace(PTRACE_GETREGS, child, NULL, r);
	return WSTOPSIG(status) == SIGTRAP;
}

static const char *hex(const unsigned char *p, size_t n)
{
	static char text[3 * EMULATE_BYTES + 1];

	text[0] = '\0';
	for (size_t i = 0; i < n && i < EMULATE_BYTES; i++)
		sprintf(text + 3 * i, "%02x ", p[i]);
	return text;
}

static const struct {
	const char *name;
	size_t at;
} names[] = {
#define R(n) { #n, offsetof(struct ctl_regs, n) }
	R(rax), R(rbx), R(rcx), R(rdx), R(rsi), R(rdi), R(rbp), R(rsp), R(r8),
	R(r9),	R(r10), R(r11), R(r12), R(r13), R(r14), R(r15), R(rip),
};

static void compare_registers(const struct ctl_regs *ours,
			      const struct ctl_regs *real, const char *text)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		uint64_t a, b;

		memcpy(&a, (const char *)ours + names[i].at, sizeof(a));
		memcpy(&b, (const char *)real + names[i].at, sizeof(b));
		CHECK(a == b, "%s: %s is %#llx, should be %#llx", text,
		      names[i].name, (unsigned long long)a,
		      (unsigned long long)b);
	}
	CHECK((ours->eflags & 0x8d5) == (real->eflags & 0x8d5),
	      "%s: flags are %#llx, should be %#llx", text,
	      (unsigned long long)ours->eflags & 0x8d5,
	      (unsigned long long)real->eflags & 0x8d5);
}

/* The len bytes of code at addr in the child.  Returns 1: executed. */
static int compare(const unsigned char *bytes, size_t len, uint64_t addr,
		   const struct ctl_regs *base)
{
	static unsigned char before[DATA], after[DATA];
	struct ctl_regs ours, real, start;
	const char *text = hex(bytes, len);
	bool stepped;
	int r;

	random_registers(&start, base);
	start.rip = addr;
	ours = real = start;
	written.n = 0;
	refused = 0;
	child_read((uintptr_t)data, before, DATA);
	r = emulate(bytes, EMULATE_BYTES, &ours, &memory);
	stepped = step(&real);
	child_read((uintptr_t)data, after, DATA);
	CHECK(r == 0 || r == -EFAULT, "%s: %d", text, r);
	if (r < 0) {
		/* That the processor does it all the same is no error: what
		 * cannot be read from here may be there (the vdso's data). */
		CHECK(refused - (uintptr_t)data > DATA - 8 || real.rip >> 47,
		      "%s: no fault", text);
		compare_registers(&ours, &start, text);
	} else {
		/* Faulted: at the instruction, or where it went? */
		CHECK(stepped || real.rip != addr || ours.rip == addr,
		      "%s: a fault", text);
		compare_registers(&ours, &real, text);
		if (written.n &&
		    written.addr - (uintptr_t)data <= DATA - written.n)
			memcpy(before + (written.addr - (uintptr_t)data),
			       written.bytes, written.n);
		else if (written.n) {
			unsigned char is[8];

			CHECK(child_read(written.addr, is, written.n) &&
				      !memcmp(is, written.bytes, written.n),
			      "%s: stored", text);
		}
	}
	CHECK((r < 0 && real.rip >> 47) || !memcmp(before, after, DATA),
	      "%s: memory", text);
	child_write((uintptr_t)data, data, DATA);
	return r == 0;
}

/* An opcode of those that are known, with anything around it. */
static size_t random_code(unsigned char *p)
{
	size_t n = 0;

	if (rnd() % 8 == 0)
		p[n++] = 0x66;
	if (rnd() % 32 == 0)
		p[n++] = rnd() % 2 ? 0xf3 : 0x2e;
	if (rnd() % 2)
		p[n++] = 0x40 | rnd() % 16;
	if (rnd() % 4 == 0)
		p[n++] = 0x0f;
	while (n < 32)
		p[n++] = rnd();
	/* Small displacements, mostly: what they lead to is there then. */
	if (rnd() % 4)
		for (size_t i = 6; i < 12; i++)
			p[i] = 0;
	return emulate_length(p, EMULATE_BYTES);
}

static void test_random(const struct ctl_regs *base, unsigned rounds)
{
	unsigned char bytes[32];
	unsigned done = 0, tried = 0;
	size_t len;

	while (tried < rounds && !check_failures) {
		len = random_code(bytes);
		if (!len)
			continue;
		child_write((uintptr_t)code, bytes, sizeof(bytes));
		done += compare(bytes, len, (uintptr_t)code, base);
		tried++;
	}
	CHECK(check_failures || done > rounds / 3, "only %u of %u", done,
	      rounds);
	printf("random: %u done, %u faulted\n", done, tried - done);
}

static void test_functions(const struct ctl_regs *base)
{
	const struct ctl_func *f = NULL;
	unsigned known = 0, all = 0;
	struct ctl_func_spec *spec;
	struct ctl_funcs *funcs;
	unsigned char bytes[EMULATE_BYTES];
	size_t len;

	if (ctl_func_spec_parse(&spec, "libc") < 0 ||
	    ctl_funcs_process(&funcs, child, &spec, 1) < 0) {
		CHECK(false, "%s", ctl_error());
		return;
	}
	while (ctl_funcs_next(funcs, &f) == 1 && !check_failures) {
		if (!child_read(f->address, bytes, sizeof(bytes)))
			continue;
		all++;
		len = emulate_length(bytes, sizeof(bytes));
		if (!len)
			continue;
		known++;
		compare(bytes, len, f->address, base);
	}
	/* What is left are vector instructions, here and there. */
	CHECK(check_failures || (all > 1000 && known > all * 95 / 100),
	      "%u of %u", known, all);
	printf("functions: %u of %u known\n", known, all);
	ctl_funcs_free(funcs);
	ctl_func_spec_free(spec);
}

/* Such are not for us. */
static void test_refused(void)
{
	static const struct {
		char bytes[9];
		const char *what;
	} bad[] = {
		{ "\xf0\xff\x0f", "lock decl (%rdi)" },
		{ "\x0f\x05", "syscall" },
		{ "\xcc", "int3" },
		{ "\xf3\xa4", "rep movsb" },
		{ "\x66\x0f\xef\xc0", "pxor %xmm0, %xmm0" },
		{ "\x87\x37", "xchg %esi, (%rdi)" },
		{ "\xf3\x90", "pause" },
		{ "\xf2\x0f\x10\x05\0\0\0\0", "movsd 0(%rip), %xmm0" },
		{ "\x66\x50", "push %ax" },
		{ "\x67\x8b\x07", "mov (%edi), %eax" },
	};
	unsigned char p[EMULATE_BYTES];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(p, 0, sizeof(p));
		memcpy(p, bad[i].bytes, 4);
		CHECK(!emulate_length(p, sizeof(p)), "%s", bad[i].what);
	}
	/* Cut short, nothing is known. */
	CHECK(!emulate_length((const uint8_t *)"\x48\x8b\x05\0\0", 5), "cut");
	CHECK(!emulate_length((const uint8_t *)"", 0), "none");
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 1 ? atoi(argv[1]) : 8000;
	struct ctl_regs base;
	int status;

	random_state = argc > 2 ? strtoull(argv[2], NULL, 0) : 0x9e3779b97f4a7c15;
	printf("seed %#llx\n", (unsigned long long)random_state);
	test_refused();
	code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	data = mmap(NULL, DATA, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (code == MAP_FAILED || data == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < DATA; i++)
		data[i] = rnd();
	memset(code, 0x90, 4096);
	child = fork();
	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child ||
	    !WIFSTOPPED(status) ||
	    ptrace(PTRACE_GETREGS, child, NULL, &base) < 0)
		return 1;
	ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_EXITKILL);
	/*
	 * Where tests are slow QEMU is the processor.  It heeds a REX prefix that
	 * has another prefix behind it, and does not know all that others do.
	 */
	if (getenv("CTL_SLOW"))
		printf("SKIP: random instructions: this is no real processor\n");
	else
		test_random(&base, rounds);
	test_functions(&base);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	return check_result();
}
