/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * usdt_arg.c - the argument grammar of probe notes.
 *
 * An argument is an operand of the assembler, as the compiler would have
 * written it into an instruction, with its size in front:
 *
 *     argument = [["-"] digits ["f"] "@"] operand         -: signed, f: floating
 *     operand  = "$" expr                                 a constant
 *              | "%" register                             %st may have "(n)"
 *              | ["%" segment ":"] [expr] ["(" [base] ["," [index] ["," scale]] ")"]
 *     expr     = ["+" | "-"] term {("+" | "-") term}
 *     term     = number | symbol ["@" relocation]
 *
 * The size governs and not the register's name: "4@%al" is 4 bytes of rax.
 * What the compiler left to the linker is finished here, with the symbols of
 * the file.  Where that cannot be done the argument says so and why, and the
 * others of the probe are as good as ever.
 */
#include <errno.h>
#include <string.h>

#include "probe.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* A space inside parentheses does not end an argument. */
int arg_next(const char *list, size_t len, size_t *pos, struct text *arg)
{
	size_t i = *pos, depth = 0, start;

	while (i < len && is_space(list[i]))
		i++;
	if (i == len) {
		*pos = i;
		return 0;
	}
	for (start = i; i < len && (depth || !is_space(list[i])); i++) {
		if (list[i] == '(')
			depth++;
		else if (list[i] == ')' && depth)
			depth--;
	}
	arg->s = list + start;
	arg->len = i - start;
	*pos = i;
	return 1;
}

struct reader {
	const char *p, *end;
	const struct arg_context *c;
	const char *problem; /* set at the first thing that is not understood */
};

static bool fail(struct reader *r, const char *problem)
{
	if (!r->problem)
		r->problem = problem;
	return false;
}

static bool not_understood(struct reader *r)
{
	return fail(r, "not understood");
}

static void skip_space(struct reader *r)
{
	while (r->p < r->end && is_space(*r->p))
		r->p++;
}

static bool at(const struct reader *r, char ch)
{
	return r->p < r->end && *r->p == ch;
}

static bool take(struct reader *r, char ch)
{
	skip_space(r);
	if (!at(r, ch))
		return false;
	r->p++;
	return true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || c == '_' || c == '.';
}

static struct text take_word(struct reader *r)
{
	const char *start = r->p;

	/* Not as the first one, which introduces a constant. */
	while (r->p < r->end &&
	       (is_word(*r->p) || (*r->p == '$' && r->p > start)))
		r->p++;
	return (struct text){ start, r->p - start };
}

static bool word_is(struct text t, const char *s)
{
	return t.len == strlen(s) && !strncasecmp(t.s, s, t.len);
}

/* ------------------------------------------------------------- registers -- */

struct reg_name {
	char name[6];
	uint8_t reg, shift, width;
};

#define LEGACY(q, d, w, l, r) \
	{ q, r, 0, 8 }, { d, r, 0, 4 }, { w, r, 0, 2 }, { l, r, 0, 1 }
#define NUMBERED(n) \
	{ "r" #n, CTL_R_R##n, 0, 8 }, { "r" #n "d", CTL_R_R##n, 0, 4 }, \
	{ "r" #n "w", CTL_R_R##n, 0, 2 }, { "r" #n "b", CTL_R_R##n, 0, 1 }

static const struct reg_name reg_names[] = {
	LEGACY("rax", "eax", "ax", "al", CTL_R_RAX),
	LEGACY("rbx", "ebx", "bx", "bl", CTL_R_RBX),
	LEGACY("rcx", "ecx", "cx", "cl", CTL_R_RCX),
	LEGACY("rdx", "edx", "dx", "dl", CTL_R_RDX),
	LEGACY("rsi", "esi", "si", "sil", CTL_R_RSI),
	LEGACY("rdi", "edi", "di", "dil", CTL_R_RDI),
	LEGACY("rbp", "ebp", "bp", "bpl", CTL_R_RBP),
	LEGACY("rsp", "esp", "sp", "spl", CTL_R_RSP),
	{ "ah", CTL_R_RAX, 8, 1 },
	{ "bh", CTL_R_RBX, 8, 1 },
	{ "ch", CTL_R_RCX, 8, 1 },
	{ "dh", CTL_R_RDX, 8, 1 },
	NUMBERED(8), NUMBERED(9), NUMBERED(10), NUMBERED(11),
	NUMBERED(12), NUMBERED(13), NUMBERED(14), NUMBERED(15),
	{ "rip", CTL_R_RIP, 0, 8 },
	{ "eip", CTL_R_RIP, 0, 4 },
	{ "st", CTL_R_ST0, 0, 10 },
};

/* "xmm3": prefix and a number below count. */
static bool numbered(struct text t, const char *prefix, unsigned count,
		     unsigned *n)
{
	size_t len = strlen(prefix);

	if (t.len <= len || t.len > len + 2 ||
	    strncasecmp(t.s, prefix, len) != 0)
		return false;
	*n = 0;
	for (size_t i = len; i < t.len; i++) {
		if (!is_digit(t.s[i]))
			return false;
		*n = *n * 10 + (t.s[i] - '0');
	}
	return *n < count && (t.len == len + 1 || t.s[len] != '0');
}

static bool find_reg(struct reader *r, struct text t, struct reg_name *reg)
{
	unsigned n;

	if (numbered(t, "xmm", 32, &n)) {
		*reg = (struct reg_name){ "", CTL_R_XMM0 + n, 0, 16 };
		return true;
	}
	if (numbered(t, "mm", 8, &n)) {
		*reg = (struct reg_name){ "", CTL_R_MM0 + n, 0, 8 };
		return true;
	}
	if (numbered(t, "ymm", 32, &n) || numbered(t, "zmm", 32, &n))
		return fail(r, "a vector register wider than 16 bytes");
	for (size_t i = 0; i < sizeof(reg_names) / sizeof(reg_names[0]); i++) {
		if (!word_is(t, reg_names[i].name))
			continue;
		*reg = reg_names[i];
		/* Such registers do not exist there. */
		if (r->c->is_32bit &&
		    (reg->width == 8 ||
		     (reg->reg >= CTL_R_R8 && reg->reg <= CTL_R_R15)))
			return fail(r, "no register of i386");
		return true;
	}
	return fail(r, "no register that is known");
}

/* After the "%". */
static bool take_reg(struct reader *r, struct reg_name *reg)
{
	if (!find_reg(r, take_word(r), reg))
		return false;
	if (reg->reg == CTL_R_ST0 && take(r, '(')) {
		if (r->p == r->end || *r->p < '0' || *r->p > '7')
			return not_understood(r);
		reg->reg += *r->p++ - '0';
		if (!take(r, ')'))
			return not_understood(r);
	}
	return true;
}

/* ----------------------------------------------------------- expressions -- */

struct expr {
	bool present, symbol, gotoff;
	uint64_t value; /* of numbers and symbols */
};

static bool number(struct text t, uint64_t *value)
{
	unsigned base = 10, digit;
	uint64_t v = 0;
	size_t i = 0;

	if (t.len > 2 && t.s[0] == '0' && (t.s[1] | 0x20) == 'x') {
		base = 16;
		i = 2;
	} else if (t.len > 1 && t.s[0] == '0') {
		base = 8;
		i = 1;
	}
	for (; i < t.len; i++) {
		char c = t.s[i] | 0x20;

		if (is_digit(t.s[i]))
			digit = t.s[i] - '0';
		else if (c >= 'a' && c <= 'f')
			digit = c - 'a' + 10;
		else
			return false;
		if (digit >= base || __builtin_mul_overflow(v, base, &v) ||
		    __builtin_add_overflow(v, digit, &v))
			return false;
	}
	*value = v;
	return true;
}

static bool relocation(struct reader *r, struct expr *e)
{
	struct text t = take_word(r);

	if (word_is(t, "GOTOFF")) {
		e->gotoff = true;
		return true;
	}
	if (word_is(t, "GOTPCREL") || word_is(t, "GOT"))
		return fail(r, "an entry of the global offset table");
	if (word_is(t, "TPOFF") || word_is(t, "NTPOFF") ||
	    word_is(t, "DTPOFF") || word_is(t, "GOTTPOFF") ||
	    word_is(t, "INDNTPOFF") || word_is(t, "GOTNTPOFF"))
		return fail(r, "a thread-local variable");
	return fail(r, "a relocation that is not known");
}

static bool take_term(struct reader *r, struct expr *e, bool minus)
{
	struct text t = take_word(r);
	const char *problem;
	uint64_t v;

	if (!t.len)
		return not_understood(r);
	if (is_digit(t.s[0])) {
		if (!number(t, &v))
			return fail(r, "no number");
	} else {
		if (minus || e->symbol)
			return fail(r, "a difference of symbols");
		e->symbol = true;
		if (at(r, '@')) {
			r->p++;
			if (!relocation(r, e))
				return false;
		}
		if (!r->c->symbol)
			return fail(r, "no symbols to look it up in");
		if (r->c->symbol(r->c->arg, t.s, t.len, &v, &problem) < 0)
			return fail(r, problem);
	}
	e->value += minus ? -v : v;
	return true;
}

static bool take_expr(struct reader *r, struct expr *e)
{
	bool minus = false;

	if (take(r, '-'))
		minus = true;
	else
		take(r, '+');
	e->present = true;
	for (;;) {
		skip_space(r);
		if (!take_term(r, e, minus))
			return false;
		if (take(r, '-'))
			minus = true;
		else if (take(r, '+'))
			minus = false;
		else
			return true;
	}
}

/* -------------------------------------------------------------- operands -- */

static bool general(const struct reg_name *reg)
{
	return reg->reg <= CTL_R_R15 && reg->width >= 4;
}

static bool read_base(struct reader *r, struct ctl_usdt_arg *a)
{
	struct reg_name reg;

	if (!take(r, '%'))
		return true;
	if (!take_reg(r, &reg))
		return false;
	if (!general(&reg) && reg.reg != CTL_R_RIP)
		return not_understood(r);
	a->base = reg.reg;
	return true;
}

static bool read_index(struct reader *r, struct ctl_usdt_arg *a)
{
	struct reg_name reg;

	if (take(r, '%')) {
		if (!take_reg(r, &reg))
			return false;
		if (!general(&reg) || reg.reg == CTL_R_RSP)
			return not_understood(r);
		a->index = reg.reg;
		a->scale = 1;
	}
	if (!take(r, ','))
		return true;
	skip_space(r);
	if (r->p == r->end || !strchr("1248", *r->p) || !*r->p)
		return not_understood(r);
	a->scale = *r->p++ - '0';
	return true;
}

/* "(base,index,scale)" */
static bool read_registers(struct reader *r, struct ctl_usdt_arg *a)
{
	if (!read_base(r, a))
		return false;
	if (take(r, ',') && !read_index(r, a))
		return false;
	if (!take(r, ')'))
		return not_understood(r);
	if (a->index == CTL_R_NONE)
		a->scale = 0;
	return true;
}

/* What base is there for when the address of the symbol is known. */
static bool settle_base(struct reader *r, struct ctl_usdt_arg *a,
			const struct expr *e)
{
	if (a->base == CTL_R_RIP) {
		if (!e->symbol)
			return fail(r, "relative to an instruction that is "
				       "not there");
		if (a->index != CTL_R_NONE)
			return not_understood(r);
		a->base = CTL_R_NONE;
	}
	if (!e->gotoff)
		return true;
	/*
	 * One of the registers holds the address that the offset is from, so
	 * the two make up the symbol's address.  With two and no scale it
	 * could be either.
	 */
	if (a->base == CTL_R_NONE || (a->index != CTL_R_NONE && a->scale == 1))
		return fail(r, "an offset from the global offset table");
	a->base = CTL_R_NONE;
	return true;
}

static bool read_memory(struct reader *r, struct ctl_usdt_arg *a)
{
	struct expr e = { 0 };

	a->how = CTL_ARG_MEM;
	if (!at(r, '(') && !take_expr(r, &e))
		return false;
	if (take(r, '(')) {
		if (!read_registers(r, a))
			return false;
	} else if (!e.present) {
		return not_understood(r);
	}
	if (!settle_base(r, a, &e))
		return false;
	a->value = e.value;
	return true;
}

static bool read_percent(struct reader *r, struct ctl_usdt_arg *a)
{
	const char *start = r->p;
	struct text t = take_word(r);
	struct reg_name reg;

	if (at(r, ':')) {
		r->p++;
		if (word_is(t, "fs"))
			a->seg = CTL_R_FS;
		else if (word_is(t, "gs"))
			a->seg = CTL_R_GS;
		else if (!word_is(t, "ds") && !word_is(t, "ss") &&
			 !word_is(t, "es") && !word_is(t, "cs"))
			return not_understood(r);
		return read_memory(r, a);
	}
	r->p = start;
	if (!take_reg(r, &reg))
		return false;
	a->how = CTL_ARG_REG;
	a->base = reg.reg;
	a->shift = reg.shift;
	if (!a->size)
		a->size = reg.width;
	return true;
}

static bool read_operand(struct reader *r, struct ctl_usdt_arg *a)
{
	struct expr e = { 0 };

	if (take(r, '%'))
		return read_percent(r, a);
	if (!take(r, '$'))
		return read_memory(r, a);
	if (!take_expr(r, &e))
		return false;
	/* "$sym(%rip)": some compilers' idea of an address. */
	if (e.symbol && take(r, '(') &&
	    (!read_registers(r, a) || a->base != CTL_R_RIP ||
	     a->index != CTL_R_NONE))
		return not_understood(r);
	if (e.gotoff)
		return fail(r, "an offset from the global offset table");
	a->base = CTL_R_NONE;
	a->how = CTL_ARG_CONST;
	a->value = e.value;
	return true;
}

/* "-4@", "8f@", or nothing of the kind. */
static bool read_size(struct reader *r, struct ctl_usdt_arg *a)
{
	struct reader s = *r;
	bool is_signed = at(&s, '-'), is_float = false;
	unsigned size = 0;
	const char *digits;

	s.p += is_signed;
	for (digits = s.p; s.p < s.end && is_digit(*s.p); s.p++)
		size = size < 1000 ? size * 10 + (*s.p - '0') : size;
	if (s.p == digits)
		return true;
	if (at(&s, 'f')) {
		is_float = true;
		s.p++;
	}
	if (!at(&s, '@'))
		return true;
	r->p = s.p + 1;
	switch (size) {
	case 1:
	case 2:
	case 4:
	case 8:
	case 10: /* long double, and how i386 and x86-64 pad it */
	case 12:
	case 16:
		break;
	default:
		return fail(r, "no size that is known");
	}
	a->is_signed = is_signed;
	a->is_float = is_float;
	a->size = size;
	return true;
}

static void set_problem(struct ctl_usdt_arg *a, const char *problem)
{
	a->how = CTL_ARG_UNKNOWN;
	a->problem = problem;
	a->base = a->index = a->seg = CTL_R_NONE;
	a->scale = a->shift = 0;
	a->value = 0;
}

void arg_parse(const char *s, size_t len, const struct arg_context *c,
	       struct ctl_usdt_arg *a)
{
	struct reader r = { s, s + len, c, NULL };

	*a = (struct ctl_usdt_arg){ .spec = a->spec,
				    .base = CTL_R_NONE,
				    .index = CTL_R_NONE,
				    .seg = CTL_R_NONE };
	if (!read_size(&r, a)) {
		set_problem(a, r.problem);
		return;
	}
	if (c->other_machine) {
		set_problem(a, "of another machine");
		return;
	}
	if (!read_operand(&r, a) || (skip_space(&r), r.p != r.end)) {
		not_understood(&r);
		set_problem(a, r.problem);
	}
	if (!a->size && a->how != CTL_ARG_UNKNOWN)
		a->size = c->is_32bit ? 4 : 8;
}
