/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What flow.c says of functions of the C library, against what they do: a child
 * calls them, step by step, and at each instruction places that are said to
 * have one value have to have it, and what is said to be from the entry has to
 * be what was there.  What flow_insn.c says of each instruction, too: nothing
 * else has changed, and it goes on where it should.
 *
 *     flow [STEPS]
 */
#include <dlfcn.h>
#include <inttypes.h>
#include <link.h>
#include <regex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../libctl/ctl.h"
#include "../../libctl/flow.h"
#include "../../libctl/flow_insn.h"
#include "check.h"

static pid_t child;

/* -- functions ----------------------------------------------------------------- */

struct function {
	uint64_t addr, size;
	struct flow *flow;
	unsigned long compared;
};
static struct function functions[512];
static unsigned nfunctions;

/* The exported function that is exactly here; the child has it there, too. */
static struct function *function_at(uint64_t pc)
{
	struct function *f;
	const ElfW(Sym) *sym;
	long work = FLOW_WORK;
	void *extra;
	Dl_info info;

	for (unsigned i = 0; i < nfunctions; i++)
		if (functions[i].addr == pc)
			return &functions[i];
	if (nfunctions == sizeof(functions) / sizeof(functions[0]) ||
	    !dladdr1((void *)pc, &info, &extra, RTLD_DL_SYMENT) || !extra ||
	    (uint64_t)info.dli_saddr != pc)
		return NULL;
	sym = extra;
	f = &functions[nfunctions++];
	f->addr = pc;
	f->size = sym->st_size;
	f->flow = flow_new((const uint8_t *)pc, f->size, pc, NULL, 0, &work);
	return f;
}

/* -- comparing ----------------------------------------------------------------- */

struct frame {
	struct function *f;
	uint64_t entry[16], sp;
};

static void registers(const struct user_regs_struct *u, uint64_t *r)
{
	const uint64_t v[] = { u->rax, u->rdx, u->rcx, u->rbx,
			       u->rsi, u->rdi, u->rbp, u->rsp,
			       u->r8,  u->r9,  u->r10, u->r11,
			       u->r12, u->r13, u->r14, u->r15 };

	memcpy(r, v, sizeof(v));
}

static bool same(uint64_t a, uint64_t b, unsigned bytes)
{
	uint64_t mask = bytes == 8 ? ~0ULL : (1ULL << 8 * bytes) - 1;

	return (a & mask) == (b & mask);
}

/* What is on the stack is read as the debug information would: from rsp. */
static void compare_slots(const struct frame *fr, const uint64_t *now,
			  uint64_t pc, const struct flow_value *v)
{
	for (int64_t at = 0; at < 64; at += 8) {
		struct flow_value s = flow_slot(fr->f->flow, pc, CTL_R_RSP, at,
						8);
		uint64_t word = ptrace(PTRACE_PEEKDATA, child,
				       (void *)(now[CTL_R_RSP] + at), NULL);

		for (unsigned r = 0; s.id && r < 16; r++) {
			unsigned n = s.bytes < v[r].bytes ? s.bytes :
							    v[r].bytes;

			CHECK(v[r].id != s.id || same(now[r], word, n),
			      "%#" PRIx64 "+%#" PRIx64 ": %#" PRIx64
			      "(%%rsp) is not register %u",
			      fr->f->addr, pc - fr->f->addr, at, r);
			if (flow_entry(r).id == s.id)
				CHECK(same(fr->entry[r], word, s.bytes),
				      "%#" PRIx64 "+%#" PRIx64 ": %#" PRIx64
				      "(%%rsp) is not the entry's %u",
				      fr->f->addr, pc - fr->f->addr, at, r);
		}
	}
}

static void compare(const struct frame *fr, const uint64_t *now, uint64_t pc)
{
	struct flow_value v[16];

	for (unsigned r = 0; r < 16; r++)
		v[r] = flow_reg(fr->f->flow, pc, r);
	for (unsigned r = 0; r < 16; r++) {
		if (!v[r].id)
			continue;
		for (unsigned k = 0; k < 16; k++) {
			unsigned n = v[r].bytes < v[k].bytes ? v[r].bytes :
							       v[k].bytes;

			if (k > r && v[k].id == v[r].id)
				CHECK(same(now[r], now[k], n),
				      "%#" PRIx64 "+%#" PRIx64
				      ": register %u is not %u",
				      fr->f->addr, pc - fr->f->addr, r, k);
			if (flow_entry(k).id == v[r].id)
				CHECK(same(now[r], fr->entry[k], v[r].bytes),
				      "%#" PRIx64 "+%#" PRIx64
				      ": register %u is not the entry's %u",
				      fr->f->addr, pc - fr->f->addr, r, k);
		}
	}
	compare_slots(fr, now, pc, v);
	fr->f->compared++;
}

/* -- instructions -------------------------------------------------------------- */

/* In the order of the processor. */
static void hardware(const struct user_regs_struct *u, uint64_t *r)
{
	const uint64_t v[NREGS] = { u->rax, u->rcx, u->rdx, u->rbx,
				    u->rsp, u->rbp, u->rsi, u->rdi,
				    u->r8,  u->r9,  u->r10, u->r11,
				    u->r12, u->r13, u->r14, u->r15 };

	memcpy(r, v, sizeof(v));
}

static uint32_t may_change(const struct flow_insn *i)
{
	switch (i->effect) {
	case MOVE:
	case LOAD:
	case ADDRESS:
	case ADD:
		return BIT(i->reg);
	case STORE:
		return 0;
	case PUSH:
		return BIT(SP);
	case POP:
		return BIT(SP) | (i->reg == NONE ? 0 : BIT(i->reg));
	case LEAVE:
		return BIT(SP) | BIT(BP);
	default: /* calls, returns */
		return i->writes | (i->kind == PLAIN ? 0 : BIT(SP));
	}
}

static bool goes_to(const struct flow_insn *i, int64_t by)
{
	switch (i->kind) {
	case PLAIN: /* or the next round of "rep" */
		return by == i->len || by == 0;
	case JUMP:
		return by == i->len + i->target;
	case BRANCH:
		return by == i->len || by == i->len + i->target;
	case CALL:
		return !i->target || by == i->len + i->target;
	default:
		return true;
	}
}

static void compare_insn(const struct flow_insn *i,
			 const struct user_regs_struct *before,
			 const struct user_regs_struct *after)
{
	uint64_t was[NREGS], now[NREGS];

	hardware(before, was);
	hardware(after, now);
	for (unsigned r = 0; r < NREGS; r++)
		CHECK(was[r] == now[r] || may_change(i) & BIT(r),
		      "%#llx: register %u has changed", before->rip, r);
	CHECK(goes_to(i, (int64_t)(after->rip - before->rip)),
	      "%#llx to %#llx", before->rip, after->rip);
	if (i->effect == MOVE)
		CHECK(same(now[i->reg], was[i->rm], i->size), "%#llx: not moved",
		      before->rip);
	if (i->effect == ADD)
		CHECK(now[i->reg] == was[i->reg] + (uint64_t)i->disp,
		      "%#llx: not added", before->rip);
}

/* -- stores -------------------------------------------------------------------- */

/* What has been put on the stack is there no more once it may be overwritten. */
static void check_stores(void)
{
	static const struct {
		const char *what;
		uint8_t code[8];
		bool stays;
	} stores[] = {
		{ "mov %rax, 16(%rbp)", { 0x48, 0x89, 0x45, 0x10 }, true },
		{ "mov %al, -1(%rbp)", { 0x88, 0x45, 0xff }, false },
		{ "mov %rax, -64(%rbp, %rcx, 8)",
		  { 0x48, 0x89, 0x44, 0xcd, 0xc0 }, false },
		{ "addl $1, -64(%rbp, %rcx, 4)",
		  { 0x83, 0x44, 0x8d, 0xc0, 0x01 }, false },
		{ "vmovups %zmm0, -64(%rbp)",
		  { 0x62, 0xf1, 0x7c, 0x48, 0x11, 0x45, 0xff }, false },
		{ "vmovups %zmm0, 64(%rbp)",
		  { 0x62, 0xf1, 0x7c, 0x48, 0x11, 0x45, 0x01 }, true },
		{ "fxsave -128(%rbp)", { 0x0f, 0xae, 0x45, 0x80 }, false },
		{ "bts %rax, -64(%rbp)", { 0x48, 0x0f, 0xab, 0x45, 0xc0 },
		  false },
		{ "vscatterdps %zmm0, -64(%rbp, %zmm1){%k1}",
		  { 0x62, 0xf2, 0x7d, 0x49, 0xa2, 0x44, 0x0d, 0xf0 }, false },
	};

	for (unsigned i = 0; i < sizeof(stores) / sizeof(stores[0]); i++) {
		/* push %rbp; mov %rsp, %rbp; mov %rdi, -8(%rbp) */
		uint8_t code[32] = { 0x55, 0x48, 0x89, 0xe5,
				     0x48, 0x89, 0x7d, 0xf8 };
		struct flow_value v, rdi = flow_entry(CTL_R_RDI);
		long work = FLOW_WORK;
		struct flow_insn insn;
		struct flow *f;

		memcpy(code + 8, stores[i].code, 8);
		memset(code + 16, 0x90, 16);
		if (!flow_decode(code + 8, 8, &insn)) {
			CHECK(false, "%s: not known", stores[i].what);
			continue;
		}
		memset(code + 8 + insn.len, 0x90, 24 - insn.len);
		f = flow_new(code, sizeof(code), 0x1000, NULL, 0, &work);
		v = flow_slot(f, 0x1008, CTL_R_RBP, -8, 8);
		CHECK(v.id == rdi.id, "%s: not stored", stores[i].what);
		v = flow_slot(f, 0x1008 + insn.len, CTL_R_RBP, -8, 8);
		CHECK((v.id == rdi.id) == stores[i].stays, "after %s",
		      stores[i].what);
		flow_free(f);
	}
}

/* -- the child ----------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static volatile bool sink;

static void work(void)
{
	char text[200], *end, *rest = NULL, words[] = "one two three";
	int v[40];
	regex_t re;
	struct tm tm;
	time_t t = 86400 * 365;
	char *p;

	for (int i = 0; i < 40; i++)
		v[i] = (i * 7919) % 101;
	qsort(v, 40, sizeof(v[0]), by_number);
	sink = bsearch(&v[5], v, 40, sizeof(v[0]), by_number) != NULL;
	snprintf(text, sizeof(text), "%d %s %#lx %5.2f", 42, "text", 255UL,
		 3.14159);
	strtod("1.5e3", &end);
	strtol("0x7fff", &end, 0);
	strtok_r(words, " ", &rest);
	p = malloc(100);
	p = realloc(p, 5000);
	free(p);
	p = aligned_alloc(64, 256);
	free(p);
	sink = memmem(text, strlen(text), "te", 2) != NULL;
	sink = strstr(text, "xt") != NULL;
	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d", &tm);
	setenv("FLOW_TEST", "1", 1);
	getenv("FLOW_TEST");
	if (!regcomp(&re, "a[bc]*d", REG_EXTENDED)) {
		regexec(&re, "xxabcbcd", 0, NULL, 0);
		regfree(&re);
	}
	_exit(0);
}

static bool step(struct user_regs_struct *u)
{
	int status;

	return ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) == 0 &&
	       waitpid(child, &status, 0) == child && WIFSTOPPED(status) &&
	       WSTOPSIG(status) == SIGTRAP &&
	       ptrace(PTRACE_GETREGS, child, NULL, u) == 0;
}

#define DEEP 64

int main(int argc, char **argv)
{
	unsigned long steps = argc > 1 ? strtoul(argv[1], NULL, 0) : 30000;
	static struct frame frames[DEEP];
	unsigned long n = 0, compared = 0, followed = 0;
	unsigned depth = 0;
	struct user_regs_struct u, before = { 0 };
	struct flow_insn insn;
	unsigned long decoded = 0;
	bool known = false;
	uint64_t now[16];
	int status;

	check_stores();
	child = fork();
	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		work();
	}
	if (child < 0 || waitpid(child, &status, 0) != child ||
	    !WIFSTOPPED(status))
		return 1;
	ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_EXITKILL);
	while (n++ < steps && step(&u)) {
		struct function *f;
		struct frame *fr;

		if (known)
			compare_insn(&insn, &before, &u);
		before = u;
		known = flow_decode((const uint8_t *)u.rip, 15, &insn);
		decoded += known;
		registers(&u, now);
		while (depth && u.rsp > frames[depth - 1].sp)
			depth--; /* it has returned */
		f = function_at(u.rip);
		if (f && f->flow && depth < DEEP &&
		    (!depth || frames[depth - 1].sp != u.rsp)) {
			fr = &frames[depth++];
			fr->f = f;
			fr->sp = u.rsp;
			memcpy(fr->entry, now, sizeof(now));
		}
		fr = depth ? &frames[depth - 1] : NULL;
		if (fr && u.rip - fr->f->addr < fr->f->size)
			compare(fr, now, u.rip);
		if (check_failures > 20)
			break;
	}
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	for (unsigned i = 0; i < nfunctions; i++) {
		compared += functions[i].compared;
		followed += functions[i].flow != NULL;
		flow_free(functions[i].flow);
	}
	printf("%u functions, %lu followed, %lu instructions compared\n",
	       nfunctions, followed, compared);
	CHECK(followed > 10 && compared > 1000, "too few");
	CHECK(decoded > n / 100 * 99, "%lu of %lu instructions known", decoded,
	      n);
	return check_result();
}
