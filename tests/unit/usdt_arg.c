/* SPDX-License-Identifier: GPL-2.0-or-later */
/* usdt_arg.c of libctl: the argument grammar. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "probe.h"

#define NO CTL_R_NONE

/* Three symbols: one at 0x4000, one that is thread-local, one that is not there. */
static int symbol(void *arg, const char *name, size_t len, uint64_t *addr,
		  const char **problem)
{
	(void)arg;
	if (len == 3 && !memcmp(name, "foo", 3)) {
		*addr = 0x4000;
		return 0;
	}
	*problem = "absent";
	return -ENOENT;
}

struct good {
	const char *text;
	int size; /* negative: signed */
	uint8_t how, base, index, scale, seg, shift;
	int64_t value;
};

static void check_good(const struct good *g, bool is_32bit)
{
	struct arg_context c = { .is_32bit = is_32bit, .symbol = symbol };
	struct ctl_usdt_arg a = { 0 };

	arg_parse(g->text, strlen(g->text), &c, &a);
	CHECK(a.how == g->how, "%s: how %d: %s", g->text, a.how,
	      a.problem ? a.problem : "");
	CHECK(a.size == abs(g->size) && a.is_signed == (g->size < 0),
	      "%s: size %d", g->text, a.size);
	if (g->how == CTL_ARG_MEM || g->how == CTL_ARG_REG)
		CHECK(a.base == g->base, "%s: base %d", g->text, a.base);
	if (g->how == CTL_ARG_MEM)
		CHECK(a.index == g->index && a.scale == g->scale &&
			      a.seg == g->seg,
		      "%s: index %d scale %d seg %d", g->text, a.index, a.scale,
		      a.seg);
	CHECK(a.shift == g->shift, "%s: shift %d", g->text, a.shift);
	CHECK(a.value == g->value, "%s: value %lld", g->text,
	      (long long)a.value);
}

static void test_x86_64(void)
{
	static const struct good good[] = {
		{ "8@%rax", 8, CTL_ARG_REG, CTL_R_RAX },
		{ "-4@%ebx", -4, CTL_ARG_REG, CTL_R_RBX },
		{ "-2@%r10w", -2, CTL_ARG_REG, CTL_R_R10 },
		{ "1@%sil", 1, CTL_ARG_REG, CTL_R_RSI },
		{ "1@%bh", 1, CTL_ARG_REG, CTL_R_RBX, .shift = 8 },
		{ "4@%al", 4, CTL_ARG_REG, CTL_R_RAX },
		{ "%r9d", 4, CTL_ARG_REG, CTL_R_R9 },
		{ "8f@%xmm0", 8, CTL_ARG_REG, CTL_R_XMM0 },
		{ "4f@%xmm15", 4, CTL_ARG_REG, CTL_R_XMM0 + 15 },
		{ "16@%xmm31", 16, CTL_ARG_REG, CTL_R_XMM0 + 31 },
		{ "16f@%st", 16, CTL_ARG_REG, CTL_R_ST0 },
		{ "16f@%st(1)", 16, CTL_ARG_REG, CTL_R_ST0 + 1 },
		{ "8@%mm7", 8, CTL_ARG_REG, CTL_R_MM0 + 7 },
		{ "-4@$-1", -4, CTL_ARG_CONST, .value = -1 },
		{ "8@$0xffffffffffffffff", 8, CTL_ARG_CONST, .value = -1 },
		{ "-8@$-9223372036854775808", -8, CTL_ARG_CONST,
		  .value = INT64_MIN },
		{ "4@$017", 4, CTL_ARG_CONST, .value = 15 },
		{ "8@$foo", 8, CTL_ARG_CONST, .value = 0x4000 },
		{ "8@$foo+8", 8, CTL_ARG_CONST, .value = 0x4008 },
		{ "8@$foo(%rip)", 8, CTL_ARG_CONST, .value = 0x4000 },
		{ "$5", 8, CTL_ARG_CONST, .value = 5 },
		{ "8@(%rsp)", 8, CTL_ARG_MEM, CTL_R_RSP, NO, 0, NO },
		{ "-4@-20(%rbp)", -4, CTL_ARG_MEM, CTL_R_RBP, NO, 0, NO, 0,
		  -20 },
		{ "8@0x10(%r12)", 8, CTL_ARG_MEM, CTL_R_R12, NO, 0, NO, 0, 16 },
		{ "8@-8+112(%rsp)", 8, CTL_ARG_MEM, CTL_R_RSP, NO, 0, NO, 0,
		  104 },
		{ "8@0(%rbp,%rax,8)", 8, CTL_ARG_MEM, CTL_R_RBP, CTL_R_RAX, 8,
		  NO },
		{ "8@(%rbp,%rax)", 8, CTL_ARG_MEM, CTL_R_RBP, CTL_R_RAX, 1,
		  NO },
		{ "8@8(,%rax,4)", 8, CTL_ARG_MEM, NO, CTL_R_RAX, 4, NO, 0, 8 },
		{ "4@8( %rbp , %rax , 2 )", 4, CTL_ARG_MEM, CTL_R_RBP,
		  CTL_R_RAX, 2, NO, 0, 8 },
		{ "8@foo(%rip)", 8, CTL_ARG_MEM, NO, NO, 0, NO, 0, 0x4000 },
		{ "8@16+foo(%rip)", 8, CTL_ARG_MEM, NO, NO, 0, NO, 0, 0x4010 },
		{ "8@foo+16(%rip)", 8, CTL_ARG_MEM, NO, NO, 0, NO, 0, 0x4010 },
		{ "8@foo-16(%rip)", 8, CTL_ARG_MEM, NO, NO, 0, NO, 0, 0x3ff0 },
		{ "8@foo", 8, CTL_ARG_MEM, NO, NO, 0, NO, 0, 0x4000 },
		{ "4@foo(,%rdi,4)", 4, CTL_ARG_MEM, NO, CTL_R_RDI, 4, NO, 0,
		  0x4000 },
		{ "8@%fs:40", 8, CTL_ARG_MEM, NO, NO, 0, CTL_R_FS, 0, 40 },
		{ "8@%gs:8(%rax)", 8, CTL_ARG_MEM, CTL_R_RAX, NO, 0, CTL_R_GS,
		  0, 8 },
		{ "8@%ds:8(%rax)", 8, CTL_ARG_MEM, CTL_R_RAX, NO, 0, NO, 0,
		  8 },
		{ "8f@8(%rsp)", 8, CTL_ARG_MEM, CTL_R_RSP, NO, 0, NO, 0, 8 },
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		check_good(&good[i], false);
}

static void test_i386(void)
{
	static const struct good good[] = {
		{ "4@%eax", 4, CTL_ARG_REG, CTL_R_RAX },
		{ "-1@%dh", -1, CTL_ARG_REG, CTL_R_RDX, .shift = 8 },
		{ "-4@8(%ebp)", -4, CTL_ARG_MEM, CTL_R_RBP, NO, 0, NO, 0, 8 },
		{ "%eax", 4, CTL_ARG_REG, CTL_R_RAX },
		{ "8(%esp)", 4, CTL_ARG_MEM, CTL_R_RSP, NO, 0, NO, 0, 8 },
		{ "4@foo", 4, CTL_ARG_MEM, NO, NO, 0, NO, 0, 0x4000 },
		{ "4@foo@GOTOFF(%ebx)", 4, CTL_ARG_MEM, NO, NO, 0, NO, 0,
		  0x4000 },
		{ "4@4+foo@GOTOFF(%ebx,%eax,4)", 4, CTL_ARG_MEM, NO, CTL_R_RAX,
		  4, NO, 0, 0x4004 },
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		check_good(&good[i], true);
}

/* Each is shown as unknown, with a reason, and nothing else is in it. */
static void test_unknown(void)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "", "not understood" },
		{ "8@", "not understood" },
		{ "8@%", "no register" },
		{ "8@%rax8", "no register" },
		{ "8@%xmm32", "no register" },
		{ "8@%xmm00", "no register" },
		{ "32@%ymm0", "no size" },
		{ "16@%ymm0", "wider" },
		{ "3@%rax", "no size" },
		{ "99999999999999999999@%rax", "no size" },
		{ "8@$", "not understood" },
		{ "8@$99999999999999999999", "no number" },
		{ "8@$0x1g", "no number" },
		{ "8@$08", "no number" },
		{ "8@(%rax", "not understood" },
		{ "8@(%rax,%rbx,3)", "not understood" },
		{ "8@(%rax,%rsp)", "not understood" },
		{ "8@(%al)", "not understood" },
		{ "8@(%xmm0)", "not understood" },
		{ "8@8(%rip)", "relative" },
		{ "8@%cr:0", "not understood" },
		{ "8f@.LC1(%rip)", "absent" },
		{ "8@bar(%rip)", "absent" },
		{ "8@foo@GOTPCREL(%rip)", "global offset table" },
		{ "4@foo@ntpoff", "thread-local" },
		{ "4@foo@what(%rax)", "relocation" },
		{ "8@foo-foo", "difference" },
		{ "8@%rax junk", "not understood" },
		{ "8@%rax)", "not understood" },
		{ "16f@%st(8)", "not understood" },
	};
	struct arg_context c = { .symbol = symbol };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct ctl_usdt_arg a = { .value = 7 };

		arg_parse(bad[i].text, strlen(bad[i].text), &c, &a);
		CHECK(a.how == CTL_ARG_UNKNOWN && a.problem &&
			      strstr(a.problem, bad[i].why) && !a.value,
		      "%s: %d %s", bad[i].text, a.how,
		      a.problem ? a.problem : "(none)");
	}
	c.is_32bit = true;
	for (size_t i = 0; i < 2; i++) {
		static const char *const text[] = { "8@%rax", "4@(%r8d)" };
		struct ctl_usdt_arg a = { 0 };

		arg_parse(text[i], strlen(text[i]), &c, &a);
		CHECK(a.how == CTL_ARG_UNKNOWN, "%s", text[i]);
	}
	c.other_machine = true;
	for (size_t i = 0; i < 1; i++) {
		struct ctl_usdt_arg a = { 0 };

		arg_parse("-4@[sp, 8]", 10, &c, &a);
		CHECK(a.how == CTL_ARG_UNKNOWN && a.size == 4 && a.is_signed,
		      "another machine's");
	}
}

static void test_list(void)
{
	static const char list[] =
		"  8@%rax -4@8(%rbp, %rax, 8)\t8@$1 8@((x 1@y ";
	static const char *const want[] = { "8@%rax", "-4@8(%rbp, %rax, 8)",
					    "8@$1", "8@((x 1@y " };
	struct text t;
	size_t pos = 0;

	for (size_t i = 0; i < 4; i++) {
		CHECK(arg_next(list, strlen(list), &pos, &t) == 1, "%zu", i);
		CHECK(t.len == strlen(want[i]) && !memcmp(t.s, want[i], t.len),
		      "'%.*s' is not '%s'", (int)t.len, t.s, want[i]);
	}
	CHECK(arg_next(list, strlen(list), &pos, &t) == 0, "the end");
	pos = 0;
	CHECK(arg_next("   ", 3, &pos, &t) == 0, "nothing but spaces");
}

/* Every prefix, from memory that ends where it does. */
static void test_no_terminator(void)
{
	static const char text[] = "-8@16+foo@GOTOFF(%rbx,%rax,8)";
	struct arg_context c = { .symbol = symbol };

	for (size_t n = 0; n < sizeof(text); n++) {
		struct ctl_usdt_arg a = { 0 };
		char *s = malloc(n ? n : 1);

		memcpy(s, text, n);
		arg_parse(s, n, &c, &a);
		CHECK(a.how || a.problem, "%zu", n);
		free(s);
	}
}

int main(void)
{
	test_x86_64();
	test_i386();
	test_unknown();
	test_list();
	test_no_terminator();
	return check_result();
}
