/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * emulate.c - instructions, done for a thread that stands at a breakpoint.
 *
 * A breakpoint on an instruction that is not a nop is in its way.  To take it
 * out for a step lets other threads pass unseen; to copy the instruction
 * elsewhere needs memory of the target's.  So the instruction is done here, on
 * the thread's registers and memory, and the breakpoint stays.
 *
 * What is done is what compilers put at the beginning of functions and behind
 * calls: moves, arithmetic and logic on integers, pushes and pops, jumps.  What
 * is not: vector and x87 instructions, those with a lock prefix (they are not
 * atomic from here), string instructions, system calls.
 *
 * Results and flags are those of the processor: the operation is executed here,
 * with the thread's flags.  unit/emulate compares with single steps.
 *
 * All reading is done before anything is changed and memory is written before
 * registers are: an instruction that faults has done nothing.
 */
#include <errno.h>
#include <string.h>

#include "cursor.h"
#include "emulate.h"
#include "insn.h"

enum op {
	OP_NONE,
	OP_ADD, OP_OR, OP_ADC, OP_SBB, OP_AND, OP_SUB, OP_XOR, OP_CMP,
	OP_TEST, OP_IMUL, OP_INC, OP_DEC, OP_NOT, OP_NEG,
	OP_ROL, OP_ROR, OP_SHL, OP_SHR, OP_SAR,
	OP_MOV, OP_EXTEND, OP_LEA, OP_XCHG, OP_CMOV, OP_SET, OP_WIDEN, OP_SIGN,
	OP_NOP, OP_PUSH, OP_POP, OP_CALL, OP_JMP, OP_JCC, OP_RET, OP_LEAVE,
};

enum place { NOWHERE, REG, MEM, IMM };

struct operand {
	enum place at;
	uint8_t reg;
	bool high; /* ah, ch, dh, bh */
};

#define NOREG 255
#define RIP 16

struct insn {
	enum op op;
	uint8_t len, size; /* bytes of the operation */
	uint8_t from;	   /* OP_EXTEND: bytes of the source */
	bool is_signed;
	uint8_t cc; /* condition */
	struct operand dst, src, src2;
	int64_t imm;
	/* memory */
	uint8_t base, index, scale, seg; /* seg: 0, 0x64, 0x65 */
	int64_t disp;
};

/* -- decoding ---------------------------------------------------------------- */

static struct operand reg_operand(const struct cursor *c, unsigned reg,
				  unsigned size)
{
	struct operand o = { .at = REG, .reg = reg };

	if (size == 1 && !c->rex && reg >= 4 && reg < 8) {
		o.high = true;
		o.reg = reg - 4;
	}
	return o;
}

/*
 * ModR/M: returns what its middle is, *rm is the operand.  rm_size, reg_size:
 * bytes, which matter for the names of byte registers.
 */
static unsigned modrm(struct cursor *c, struct insn *i, struct operand *rm,
		      unsigned rm_size)
{
	uint8_t m = byte(c), sib;
	unsigned mod = m >> 6, low = m & 7, middle = m >> 3 & 7;

	if (c->rex & REX_R)
		middle |= 8;
	if (mod == 3) {
		*rm = reg_operand(c, low | (c->rex & REX_B ? 8 : 0), rm_size);
		return middle;
	}
	*rm = (struct operand){ .at = MEM };
	i->index = NOREG;
	if (low == 4) {
		sib = byte(c);
		i->scale = 1 << (sib >> 6);
		i->index = (sib >> 3 & 7) | (c->rex & REX_X ? 8 : 0);
		if (i->index == 4)
			i->index = NOREG;
		low = sib & 7;
		i->base = low | (c->rex & REX_B ? 8 : 0);
		if (low == 5 && mod == 0)
			i->base = NOREG;
	} else {
		i->base = low | (c->rex & REX_B ? 8 : 0);
		if (low == 5 && mod == 0)
			i->base = RIP;
	}
	if (mod == 1)
		i->disp = number(c, 1);
	else if (mod == 2 || i->base == RIP || i->base == NOREG)
		i->disp = number(c, 4);
	return middle;
}

static const enum op alu_ops[8] = { OP_ADD, OP_OR,  OP_ADC, OP_SBB,
				    OP_AND, OP_SUB, OP_XOR, OP_CMP };

static void immediate(struct cursor *c, struct insn *i, unsigned size)
{
	i->src = (struct operand){ .at = IMM };
	i->imm = number(c, size > 4 ? 4 : size);
}

/* op r/m, reg; or the other way round */
static void two(struct cursor *c, struct insn *i, enum op op, bool to_reg)
{
	struct operand rm, reg;

	i->op = op;
	reg.reg = modrm(c, i, &rm, i->size);
	reg = reg_operand(c, reg.reg, i->size);
	i->dst = to_reg ? reg : rm;
	i->src = to_reg ? rm : reg;
}

static void alu(struct cursor *c, struct insn *i, uint8_t b)
{
	enum op op = alu_ops[b >> 3 & 7];

	i->size = b & 1 ? word_size(c) : 1;
	if ((b & 7) < 4) {
		two(c, i, op, b & 2);
		return;
	}
	i->op = op;
	i->dst = reg_operand(c, 0, i->size);
	immediate(c, i, i->size);
}

static void group(struct cursor *c, struct insn *i, uint8_t b)
{
	static const enum op shifts[8] = { OP_ROL,  OP_ROR,  OP_NONE, OP_NONE,
					   OP_SHL, OP_SHR, OP_NONE, OP_SAR };
	unsigned middle;

	i->size = b & 1 ? word_size(c) : 1;
	middle = modrm(c, i, &i->dst, i->size) & 7;
	switch (b) {
	case 0x80:
	case 0x81:
	case 0x83:
		i->op = alu_ops[middle];
		immediate(c, i, b == 0x83 ? 1 : i->size);
		break;
	case 0xc0:
	case 0xc1:
		i->op = shifts[middle];
		immediate(c, i, 1);
		break;
	case 0xd0:
	case 0xd1:
		i->op = shifts[middle];
		i->src.at = IMM;
		i->imm = 1;
		break;
	case 0xd2:
	case 0xd3:
		i->op = shifts[middle];
		i->src = (struct operand){ .at = REG, .reg = 1 };
		break;
	case 0xc6:
	case 0xc7:
		i->op = middle ? OP_NONE : OP_MOV;
		immediate(c, i, i->size);
		break;
	case 0xf6:
	case 0xf7:
		i->op = middle == 0 ? OP_TEST :
			middle == 2 ? OP_NOT :
			middle == 3 ? OP_NEG : OP_NONE;
		if (middle == 0)
			immediate(c, i, i->size);
		break;
	case 0xfe:
	case 0xff:
		i->op = middle == 0 ? OP_INC : middle == 1 ? OP_DEC : OP_NONE;
		if (b == 0xfe || middle < 2)
			break;
		/* These are of 8 bytes whatever the prefixes say. */
		i->size = 8;
		i->src = i->dst;
		i->dst.at = NOWHERE;
		i->op = c->opsize   ? OP_NONE :
			middle == 2 ? OP_CALL :
			middle == 4 ? OP_JMP :
			middle == 6 ? OP_PUSH : OP_NONE;
		break;
	}
}

static void relative(struct cursor *c, struct insn *i, enum op op,
		     unsigned size)
{
	i->op = c->opsize ? OP_NONE : op;
	i->size = 8;
	i->src.at = IMM;
	i->imm = number(c, size);
}

static void stack_reg(struct cursor *c, struct insn *i, uint8_t b)
{
	struct operand o = { .at = REG,
			     .reg = (b & 7) | (c->rex & REX_B ? 8 : 0) };

	i->op = c->opsize ? OP_NONE : b < 0x58 ? OP_PUSH : OP_POP;
	i->size = 8;
	if (b < 0x58)
		i->src = o;
	else
		i->dst = o;
}

static void extend(struct cursor *c, struct insn *i, unsigned from,
		   bool is_signed)
{
	unsigned reg;

	i->op = OP_EXTEND;
	i->size = word_size(c);
	i->from = from;
	i->is_signed = is_signed;
	reg = modrm(c, i, &i->src, from);
	i->dst = (struct operand){ .at = REG, .reg = reg };
}

static void multiply(struct cursor *c, struct insn *i, unsigned imm)
{
	unsigned reg;

	i->op = OP_IMUL;
	i->size = word_size(c);
	reg = modrm(c, i, &i->src, i->size);
	i->dst = (struct operand){ .at = REG, .reg = reg };
	if (imm) {
		i->src2 = i->src;
		immediate(c, i, imm == 1 ? 1 : i->size);
	} else {
		i->src2 = i->dst;
	}
}

static void two_bytes(struct cursor *c, struct insn *i)
{
	uint8_t b = byte(c);

	switch (b) {
	case 0x40 ... 0x4f:
		i->size = word_size(c);
		two(c, i, OP_CMOV, true);
		i->cc = b & 15;
		break;
	case 0x80 ... 0x8f:
		relative(c, i, OP_JCC, 4);
		i->cc = b & 15;
		break;
	case 0x90 ... 0x9f:
		i->op = OP_SET;
		i->size = 1;
		i->cc = b & 15;
		modrm(c, i, &i->dst, 1);
		break;
	case 0xaf:
		multiply(c, i, 0);
		break;
	case 0xb6:
	case 0xb7:
		extend(c, i, b & 1 ? 2 : 1, false);
		break;
	case 0xbe:
	case 0xbf:
		extend(c, i, b & 1 ? 2 : 1, true);
		break;
	}
}

/* The register is rax, or one that the opcode names. */
static void no_modrm(struct cursor *c, struct insn *i, uint8_t b)
{
	unsigned named = (b & 7) | (c->rex & REX_B ? 8 : 0);

	i->size = word_size(c);
	switch (b) {
	case 0x98:
		i->op = OP_WIDEN;
		break;
	case 0x99:
		i->op = OP_SIGN;
		break;
	case 0xa8:
	case 0xa9:
		i->op = OP_TEST;
		i->size = b & 1 ? i->size : 1;
		i->dst = reg_operand(c, 0, i->size);
		immediate(c, i, i->size);
		break;
	case 0xb0 ... 0xb7:
		i->op = OP_MOV;
		i->size = 1;
		i->dst = reg_operand(c, named, 1);
		immediate(c, i, 1);
		break;
	case 0xb8 ... 0xbf:
		i->op = OP_MOV;
		i->dst = (struct operand){ .at = REG, .reg = named };
		i->src.at = IMM;
		i->imm = number(c, i->size);
		break;
	}
}

static void one_byte(struct cursor *c, struct insn *i, uint8_t b)
{
	unsigned word = word_size(c);

	switch (b) {
	case 0x00 ... 0x05:
	case 0x08 ... 0x0d:
	case 0x10 ... 0x15:
	case 0x18 ... 0x1d:
	case 0x20 ... 0x25:
	case 0x28 ... 0x2d:
	case 0x30 ... 0x35:
	case 0x38 ... 0x3d:
		alu(c, i, b);
		break;
	case 0x0f:
		two_bytes(c, i);
		break;
	case 0x50 ... 0x5f:
		stack_reg(c, i, b);
		break;
	case 0x63:
		extend(c, i, 4, true);
		break;
	case 0x68:
	case 0x6a:
		relative(c, i, OP_PUSH, b == 0x68 ? 4 : 1);
		break;
	case 0x69:
	case 0x6b:
		multiply(c, i, b == 0x6b ? 1 : word);
		break;
	case 0x70 ... 0x7f:
		relative(c, i, OP_JCC, 1);
		i->cc = b & 15;
		break;
	case 0x80:
	case 0x81:
	case 0x83:
	case 0xc0:
	case 0xc1:
	case 0xc6:
	case 0xc7:
	case 0xd0 ... 0xd3:
	case 0xf6:
	case 0xf7:
	case 0xfe:
	case 0xff:
		group(c, i, b);
		break;
	case 0x84:
	case 0x85:
	case 0x86:
	case 0x87:
		i->size = b & 1 ? word : 1;
		two(c, i, b < 0x86 ? OP_TEST : OP_XCHG, false);
		/* With memory it is locked. */
		if (i->op == OP_XCHG && i->dst.at == MEM)
			i->op = OP_NONE;
		break;
	case 0x88:
	case 0x89:
	case 0x8a:
	case 0x8b:
		i->size = b & 1 ? word : 1;
		two(c, i, OP_MOV, b & 2);
		break;
	case 0x8d:
		i->size = word;
		two(c, i, OP_LEA, true);
		if (i->src.at != MEM)
			i->op = OP_NONE;
		i->seg = 0;
		break;
	case 0x98:
	case 0x99:
	case 0xa8:
	case 0xa9:
	case 0xb0 ... 0xbf:
		no_modrm(c, i, b);
		break;
	case 0xc2:
	case 0xc3:
		i->op = c->opsize ? OP_NONE : OP_RET;
		i->size = 8;
		i->imm = b == 0xc2 ? (uint16_t)number(c, 2) : 0;
		break;
	case 0xc9:
		i->op = c->opsize ? OP_NONE : OP_LEAVE;
		i->size = 8;
		break;
	case 0xe8:
		relative(c, i, OP_CALL, 4);
		break;
	case 0xe9:
	case 0xeb:
		relative(c, i, OP_JMP, b == 0xe9 ? 4 : 1);
		break;
	}
}

static bool decode(const uint8_t *code, size_t n, struct insn *i)
{
	struct cursor c = { .p = code,
			    .n = n < EMULATE_BYTES ? n : EMULATE_BYTES };
	bool prefixed = true, rep = false;
	uint8_t b = 0;

	*i = (struct insn){ .base = NOREG, .index = NOREG };
	i->len = ctl_nop_len(code, c.n);
	if (i->len) {
		i->op = OP_NOP;
		return true;
	}
	while (prefixed && !c.failed) {
		b = byte(&c);
		switch (b) {
		case 0x66:
			c.opsize = true;
			break;
		case 0x2e: /* without a meaning; or a hint */
		case 0x3e:
			break;
		case 0x64:
		case 0x65:
			i->seg = b;
			break;
		case 0xf2: /* "bnd": of jumps, calls and returns */
		case 0xf3: /* "rep ret" */
			rep = true;
			break;
		default:
			prefixed = false;
		}
	}
	if ((b & 0xf0) == 0x40) {
		c.rex = b;
		b = byte(&c);
	}
	if (c.rex & REX_W)
		c.opsize = false;
	one_byte(&c, i, b);
	i->len = c.at;
	if (rep && i->op != OP_RET && i->op != OP_JMP && i->op != OP_CALL &&
	    i->op != OP_JCC)
		return false;
	return i->op != OP_NONE && !c.failed;
}

unsigned emulate_length(const uint8_t *code, size_t n)
{
	struct insn i;

	return decode(code, n, &i) ? i.len : 0;
}

/* -- the thread's side --------------------------------------------------------- */

struct machine {
	struct ctl_regs *r;
	const struct emulate_memory *m;
	const struct insn *i;
	bool fault;
};

/* In the order of the processor's numbers. */
static __u64 *reg_at(struct ctl_regs *r, unsigned n)
{
	__u64 *const v[16] = { &r->rax, &r->rcx, &r->rdx, &r->rbx,
			       &r->rsp, &r->rbp, &r->rsi, &r->rdi,
			       &r->r8,	&r->r9,	 &r->r10, &r->r11,
			       &r->r12, &r->r13, &r->r14, &r->r15 };

	return v[n & 15];
}

static uint64_t cut(uint64_t v, unsigned size)
{
	return size < 8 ? v & ((1ULL << 8 * size) - 1) : v;
}

static uint64_t sign_extend(uint64_t v, unsigned size)
{
	unsigned unused = 64 - 8 * size;

	return (uint64_t)((int64_t)(v << unused) >> unused);
}

static uint64_t effective(const struct machine *k)
{
	const struct insn *i = k->i;
	uint64_t a = i->disp;

	if (i->base == RIP)
		a += k->r->rip + i->len;
	else if (i->base != NOREG)
		a += *reg_at(k->r, i->base);
	if (i->index != NOREG)
		a += *reg_at(k->r, i->index) * i->scale;
	if (i->seg)
		a += i->seg == 0x64 ? k->r->fs_base : k->r->gs_base;
	return a;
}

static uint64_t load(struct machine *k, uint64_t addr, unsigned size)
{
	uint64_t v = 0;

	if (!k->fault && !k->m->read(k->m->arg, addr, &v, size))
		k->fault = true;
	return v;
}

static void store(struct machine *k, uint64_t addr, uint64_t v, unsigned size)
{
	if (!k->fault && !k->m->write(k->m->arg, addr, &v, size))
		k->fault = true;
}

static uint64_t get(struct machine *k, const struct operand *o, unsigned size)
{
	switch (o->at) {
	case REG:
		return cut(*reg_at(k->r, o->reg) >> (o->high ? 8 : 0), size);
	case MEM:
		return load(k, effective(k), size);
	case IMM:
		return cut(k->i->imm, size);
	default:
		return 0;
	}
}

static void put(struct machine *k, const struct operand *o, uint64_t v,
		unsigned size)
{
	unsigned shift = o->high ? 8 : 0;
	uint64_t mask;
	__u64 *reg;

	if (o->at == MEM) {
		store(k, effective(k), v, size);
		return;
	}
	if (o->at != REG || k->fault)
		return;
	reg = reg_at(k->r, o->reg);
	if (size >= 4) {
		/* The upper half is cleared. */
		*reg = cut(v, size);
		return;
	}
	mask = (size == 1 ? 0xffULL : 0xffffULL) << shift;
	*reg = (*reg & ~mask) | (v << shift & mask);
}

/* -- operations, by the processor ------------------------------------------------ */

#define STATUS 0x8d5ULL /* OF SF ZF AF PF CF */

/* Out of the red zone, with the thread's flags. */
#define BEFORE                          \
	"lea -128(%%rsp), %%rsp\n\t"    \
	"pushq %[in]\n\t"               \
	"popfq\n\t"
#define AFTER                           \
	"\n\tpushfq\n\t"                \
	"popq %[out]\n\t"               \
	"lea 128(%%rsp), %%rsp"

#define BINARY(insn, type)                                          \
	do {                                                        \
		type x_ = (type)a, y_ = (type)b;                    \
		__asm__ volatile(BEFORE insn " %[y], %[x]" AFTER    \
				 : [x] "+&r"(x_), [out] "=&r"(out)  \
				 : [y] "r"(y_), [in] "r"(in)        \
				 : "cc", "memory");                 \
		a = x_;                                             \
	} while (0)
#define UNARY(insn, type)                                           \
	do {                                                        \
		type x_ = (type)a;                                  \
		__asm__ volatile(BEFORE insn " %[x]" AFTER          \
				 : [x] "+&r"(x_), [out] "=&r"(out)  \
				 : [in] "r"(in)                     \
				 : "cc", "memory");                 \
		a = x_;                                             \
	} while (0)
#define SHIFT(insn, type)                                           \
	do {                                                        \
		type x_ = (type)a;                                  \
		__asm__ volatile(BEFORE insn " %%cl, %[x]" AFTER    \
				 : [x] "+&r"(x_), [out] "=&r"(out)  \
				 : "c"((uint8_t)b), [in] "r"(in)    \
				 : "cc", "memory");                 \
		a = x_;                                             \
	} while (0)

#define SIZES(how, name)                            \
	switch (size) {                             \
	case 1:                                     \
		how(name "b", uint8_t);             \
		break;                              \
	case 2:                                     \
		how(name "w", uint16_t);            \
		break;                              \
	case 4:                                     \
		how(name "l", uint32_t);            \
		break;                              \
	default:                                    \
		how(name "q", uint64_t);            \
	}                                           \
	break

static uint64_t compute(enum op op, unsigned size, uint64_t a, uint64_t b,
			__u64 *flags)
{
	uint64_t in = (*flags & STATUS) | 0x202, out = in;

	switch (op) {
	case OP_ADD:
		SIZES(BINARY, "add");
	case OP_OR:
		SIZES(BINARY, "or");
	case OP_ADC:
		SIZES(BINARY, "adc");
	case OP_SBB:
		SIZES(BINARY, "sbb");
	case OP_AND:
		SIZES(BINARY, "and");
	case OP_SUB:
		SIZES(BINARY, "sub");
	case OP_XOR:
		SIZES(BINARY, "xor");
	case OP_CMP:
		SIZES(BINARY, "cmp");
	case OP_TEST:
		SIZES(BINARY, "test");
	case OP_INC:
		SIZES(UNARY, "inc");
	case OP_DEC:
		SIZES(UNARY, "dec");
	case OP_NOT:
		SIZES(UNARY, "not");
	case OP_NEG:
		SIZES(UNARY, "neg");
	case OP_ROL:
		SIZES(SHIFT, "rol");
	case OP_ROR:
		SIZES(SHIFT, "ror");
	case OP_SHL:
		SIZES(SHIFT, "shl");
	case OP_SHR:
		SIZES(SHIFT, "shr");
	case OP_SAR:
		SIZES(SHIFT, "sar");
	case OP_IMUL:
		if (size == 2)
			BINARY("imulw", uint16_t);
		else if (size == 4)
			BINARY("imull", uint32_t);
		else
			BINARY("imulq", uint64_t);
		break;
	default:
		break;
	}
	*flags = (*flags & ~STATUS) | (out & STATUS);
	return a;
}

static bool condition(uint64_t f, unsigned cc)
{
	bool cf = f & 1, pf = f >> 2 & 1, zf = f >> 6 & 1, sf = f >> 7 & 1,
	     of = f >> 11 & 1, v;

	switch (cc >> 1) {
	case 0:
		v = of;
		break;
	case 1:
		v = cf;
		break;
	case 2:
		v = zf;
		break;
	case 3:
		v = cf || zf;
		break;
	case 4:
		v = sf;
		break;
	case 5:
		v = pf;
		break;
	case 6:
		v = sf != of;
		break;
	default:
		v = zf || sf != of;
	}
	return v != (cc & 1);
}

/* -- doing it ---------------------------------------------------------------------- */

static void arithmetic(struct machine *k)
{
	const struct insn *i = k->i;
	bool is_shift = i->op >= OP_ROL && i->op <= OP_SAR;
	const struct operand *first = i->op == OP_IMUL ? &i->src2 : &i->dst;
	uint64_t a = get(k, first, i->size);
	uint64_t b = get(k, &i->src, is_shift ? 1 : i->size), v;
	__u64 flags = k->r->eflags;

	if (k->fault)
		return;
	v = compute(i->op, i->size, a, b, &flags);
	if (i->op != OP_CMP && i->op != OP_TEST)
		put(k, &i->dst, v, i->size);
	if (!k->fault)
		k->r->eflags = flags;
}

static void move(struct machine *k)
{
	const struct insn *i = k->i;
	uint64_t a, b;

	switch (i->op) {
	case OP_MOV:
		put(k, &i->dst, get(k, &i->src, i->size), i->size);
		break;
	case OP_LEA:
		put(k, &i->dst, effective(k), i->size);
		break;
	case OP_EXTEND:
		a = get(k, &i->src, i->from);
		put(k, &i->dst, i->is_signed ? sign_extend(a, i->from) : a,
		    i->size);
		break;
	case OP_XCHG:
		a = get(k, &i->dst, i->size);
		b = get(k, &i->src, i->size);
		put(k, &i->dst, b, i->size);
		put(k, &i->src, a, i->size);
		break;
	case OP_CMOV:
		/* It is read in any case, and an upper half cleared. */
		a = get(k, &i->src, i->size);
		if (!condition(k->r->eflags, i->cc))
			a = get(k, &i->dst, i->size);
		put(k, &i->dst, a, i->size);
		break;
	case OP_SET:
		put(k, &i->dst, condition(k->r->eflags, i->cc), 1);
		break;
	case OP_WIDEN: /* al to ax, ax to eax, eax to rax */
		a = sign_extend(k->r->rax, i->size / 2);
		put(k, &(struct operand){ .at = REG }, a, i->size);
		break;
	case OP_SIGN: /* of rax, all over rdx */
		a = (int64_t)sign_extend(k->r->rax, i->size) < 0 ? ~0ULL : 0;
		put(k, &(struct operand){ .at = REG, .reg = 2 }, a, i->size);
		break;
	default:
		break;
	}
}

static void push(struct machine *k, uint64_t v)
{
	store(k, k->r->rsp - 8, v, 8);
	if (!k->fault)
		k->r->rsp -= 8;
}

/* Where no code of a program can be, the processor may refuse to go. */
static uint64_t check_target(struct machine *k, uint64_t to)
{
	k->fault |= to >> 47 != 0;
	return to;
}

/* Returns where it goes on. */
static uint64_t flow(struct machine *k, uint64_t next)
{
	const struct insn *i = k->i;
	uint64_t to = next, v;

	switch (i->op) {
	case OP_PUSH:
		v = i->src.at == IMM ? (uint64_t)i->imm : get(k, &i->src, 8);
		push(k, v);
		break;
	case OP_POP:
		v = load(k, k->r->rsp, 8);
		if (!k->fault) {
			k->r->rsp += 8;
			put(k, &i->dst, v, 8);
		}
		break;
	case OP_LEAVE:
		v = load(k, k->r->rbp, 8);
		if (!k->fault) {
			k->r->rsp = k->r->rbp + 8;
			k->r->rbp = v;
		}
		break;
	case OP_RET:
		to = check_target(k, load(k, k->r->rsp, 8));
		if (!k->fault)
			k->r->rsp += 8 + i->imm;
		break;
	case OP_JCC:
		if (condition(k->r->eflags, i->cc))
			to = check_target(k, next + i->imm);
		break;
	case OP_CALL:
	case OP_JMP:
		to = i->src.at == IMM ? next + i->imm : get(k, &i->src, 8);
		to = check_target(k, to);
		if (i->op == OP_CALL && !k->fault)
			push(k, next);
		break;
	default:
		break;
	}
	return to;
}

int emulate(const uint8_t *code, size_t n, struct ctl_regs *r,
	    const struct emulate_memory *m)
{
	struct insn i;
	struct machine k = { .r = r, .m = m, .i = &i };
	uint64_t next;

	if (!decode(code, n, &i))
		return -EOPNOTSUPP;
	next = r->rip + i.len;
	if (i.op >= OP_ADD && i.op <= OP_SAR)
		arithmetic(&k);
	else if (i.op >= OP_MOV && i.op <= OP_SIGN)
		move(&k);
	else if (i.op != OP_NOP)
		next = flow(&k, next);
	if (k.fault)
		return -EFAULT;
	r->rip = next;
	return 0;
}
