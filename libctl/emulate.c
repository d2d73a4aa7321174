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
 * atomic from here), string instructions, system calls.  Zydis says which it is
 * and where its operands are.
 *
 * Results and flags are those of the processor: the operation is executed here,
 * with the thread's flags.  unit/emulate compares with single steps.
 *
 * All reading is done before anything is changed and memory is written before
 * registers are: an instruction that faults has done nothing.
 */
#include <errno.h>
#include <string.h>

#include "emulate.h"
#include "x86.h"

enum kind { NONE, NOTHING, ARITHMETIC, MOVE, FLOW };

struct insn {
	enum kind kind;
	struct x86_insn x;
};

/* -- decoding ---------------------------------------------------------------- */

/* Of the category there are loop, jrcxz and xbegin, too. */
static bool is_jcc(const struct x86_insn *x)
{
	bool two_bytes = x->z.opcode_map == ZYDIS_OPCODE_MAP_0F;

	return (x->z.opcode & 0xf0) == (two_bytes ? 0x80 : 0x70);
}

static enum kind kind_of(const struct x86_insn *x)
{
	const ZydisDecodedOperand *o = x->o;
	bool far = x->z.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;

	switch (x->z.mnemonic) {
	case ZYDIS_MNEMONIC_NOP: /* others are refused by some processors */
		return x->z.opcode == 0x90 || x->z.opcode == 0x1f ? NOTHING :
								    NONE;
	case ZYDIS_MNEMONIC_ENDBR64:
		return NOTHING;
	case ZYDIS_MNEMONIC_IMUL:
		return x->z.operand_count_visible > 1 ? ARITHMETIC : NONE;
	case ZYDIS_MNEMONIC_ADD:
	case ZYDIS_MNEMONIC_OR:
	case ZYDIS_MNEMONIC_ADC:
	case ZYDIS_MNEMONIC_SBB:
	case ZYDIS_MNEMONIC_AND:
	case ZYDIS_MNEMONIC_SUB:
	case ZYDIS_MNEMONIC_XOR:
	case ZYDIS_MNEMONIC_CMP:
	case ZYDIS_MNEMONIC_TEST:
	case ZYDIS_MNEMONIC_INC:
	case ZYDIS_MNEMONIC_DEC:
	case ZYDIS_MNEMONIC_NOT:
	case ZYDIS_MNEMONIC_NEG:
	case ZYDIS_MNEMONIC_ROL:
	case ZYDIS_MNEMONIC_ROR:
	case ZYDIS_MNEMONIC_SHL:
	case ZYDIS_MNEMONIC_SHR:
	case ZYDIS_MNEMONIC_SAR:
		return ARITHMETIC;
	case ZYDIS_MNEMONIC_XCHG: /* with memory it is locked */
		return x86_is_memory(&o[0]) || x86_is_memory(&o[1]) ? NONE :
								      MOVE;
	case ZYDIS_MNEMONIC_MOV:
	case ZYDIS_MNEMONIC_MOVZX:
	case ZYDIS_MNEMONIC_MOVSX:
	case ZYDIS_MNEMONIC_MOVSXD:
	case ZYDIS_MNEMONIC_LEA:
	case ZYDIS_MNEMONIC_CBW:
	case ZYDIS_MNEMONIC_CWDE:
	case ZYDIS_MNEMONIC_CDQE:
	case ZYDIS_MNEMONIC_CWD:
	case ZYDIS_MNEMONIC_CDQ:
	case ZYDIS_MNEMONIC_CQO:
		return MOVE;
	case ZYDIS_MNEMONIC_POP:
		return x86_is_short(x) || x86_is_memory(&o[0]) ? NONE : FLOW;
	case ZYDIS_MNEMONIC_PUSH:
	case ZYDIS_MNEMONIC_CALL:
	case ZYDIS_MNEMONIC_JMP:
	case ZYDIS_MNEMONIC_RET:
	case ZYDIS_MNEMONIC_LEAVE:
		return x86_is_short(x) || far ? NONE : FLOW;
	default:
		break;
	}
	switch (x->z.meta.category) {
	case ZYDIS_CATEGORY_CMOV:
	case ZYDIS_CATEGORY_SETCC:
		return MOVE;
	case ZYDIS_CATEGORY_COND_BR:
		return is_jcc(x) && !x86_is_short(x) ? FLOW : NONE;
	default:
		return NONE;
	}
}

static bool decode(const uint8_t *code, size_t n, struct insn *i)
{
	const struct x86_insn *x = &i->x;

	if (!x86_decode(code, n, &i->x) || x->z.address_width != 64 ||
	    x->z.attributes & ZYDIS_ATTRIB_HAS_LOCK)
		return false;
	/* Registers of control, of segments */
	for (unsigned k = 0; k < x->z.operand_count_visible; k++)
		if (x86_is_reg(&x->o[k]) &&
		    x86_number(x->o[k].reg.value) == X86_NOREG)
			return false;
	i->kind = kind_of(x);
	return i->kind != NONE;
}

unsigned emulate_length(const uint8_t *code, size_t n)
{
	struct insn i;

	return decode(code, n, &i) ? i.x.z.length : 0;
}

/* -- the thread's side --------------------------------------------------------- */

struct machine {
	struct ctl_regs *r;
	const struct emulate_memory *m;
	const struct x86_insn *i;
	bool fault;
};

enum { RAX = 0, RDX = 2 };

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

static uint64_t effective(const struct machine *k, const ZydisDecodedOperand *o)
{
	uint8_t base = x86_number(o->mem.base);
	uint8_t index = x86_number(o->mem.index);
	uint64_t a = o->mem.disp.value;

	if (o->mem.base == ZYDIS_REGISTER_RIP)
		a += k->r->rip + k->i->z.length;
	else if (base != X86_NOREG)
		a += *reg_at(k->r, base);
	if (index != X86_NOREG)
		a += *reg_at(k->r, index) * o->mem.scale;
	if (o->mem.type == ZYDIS_MEMOP_TYPE_AGEN)
		return a;
	if (o->mem.segment == ZYDIS_REGISTER_FS)
		a += k->r->fs_base;
	else if (o->mem.segment == ZYDIS_REGISTER_GS)
		a += k->r->gs_base;
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

static uint64_t get(struct machine *k, const ZydisDecodedOperand *o,
		    unsigned size)
{
	if (x86_is_reg(o))
		return cut(*reg_at(k->r, x86_number(o->reg.value)) >>
				   (x86_is_high(o) ? 8 : 0), size);
	if (x86_is_memory(o))
		return load(k, effective(k, o), size);
	return cut(o->imm.value.u, size);
}

/* Bits that a register has from shift on. */
static void put_reg(struct machine *k, unsigned reg, unsigned shift, uint64_t v,
		    unsigned size)
{
	__u64 *to = reg_at(k->r, reg);
	uint64_t mask = cut(~0ULL, size) << shift;

	if (k->fault)
		return;
	/* The upper half is cleared. */
	*to = size >= 4 ? cut(v, size) : (*to & ~mask) | (v << shift & mask);
}

static void put(struct machine *k, const ZydisDecodedOperand *o, uint64_t v,
		unsigned size)
{
	if (x86_is_memory(o))
		store(k, effective(k, o), v, size);
	else
		put_reg(k, x86_number(o->reg.value), x86_is_high(o) ? 8 : 0, v,
			size);
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

static uint64_t compute(ZydisMnemonic op, unsigned size, uint64_t a, uint64_t b,
			__u64 *flags)
{
	uint64_t in = (*flags & STATUS) | 0x202, out = in;

	switch (op) {
	case ZYDIS_MNEMONIC_ADD:
		SIZES(BINARY, "add");
	case ZYDIS_MNEMONIC_OR:
		SIZES(BINARY, "or");
	case ZYDIS_MNEMONIC_ADC:
		SIZES(BINARY, "adc");
	case ZYDIS_MNEMONIC_SBB:
		SIZES(BINARY, "sbb");
	case ZYDIS_MNEMONIC_AND:
		SIZES(BINARY, "and");
	case ZYDIS_MNEMONIC_SUB:
		SIZES(BINARY, "sub");
	case ZYDIS_MNEMONIC_XOR:
		SIZES(BINARY, "xor");
	case ZYDIS_MNEMONIC_CMP:
		SIZES(BINARY, "cmp");
	case ZYDIS_MNEMONIC_TEST:
		SIZES(BINARY, "test");
	case ZYDIS_MNEMONIC_INC:
		SIZES(UNARY, "inc");
	case ZYDIS_MNEMONIC_DEC:
		SIZES(UNARY, "dec");
	case ZYDIS_MNEMONIC_NOT:
		SIZES(UNARY, "not");
	case ZYDIS_MNEMONIC_NEG:
		SIZES(UNARY, "neg");
	case ZYDIS_MNEMONIC_ROL:
		SIZES(SHIFT, "rol");
	case ZYDIS_MNEMONIC_ROR:
		SIZES(SHIFT, "ror");
	case ZYDIS_MNEMONIC_SHL:
		SIZES(SHIFT, "shl");
	case ZYDIS_MNEMONIC_SHR:
		SIZES(SHIFT, "shr");
	case ZYDIS_MNEMONIC_SAR:
		SIZES(SHIFT, "sar");
	case ZYDIS_MNEMONIC_IMUL:
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
	const ZydisDecodedOperand *o = k->i->o;
	ZydisMnemonic op = k->i->z.mnemonic;
	unsigned n = k->i->z.operand_count_visible, size = o[0].size / 8;
	bool is_shift = k->i->z.meta.category == ZYDIS_CATEGORY_SHIFT ||
			k->i->z.meta.category == ZYDIS_CATEGORY_ROTATE;
	uint64_t a = get(k, &o[n == 3], size), b = 0, v;
	__u64 flags = k->r->eflags;

	if (n > 1)
		b = get(k, &o[n - 1], is_shift ? 1 : size);
	if (k->fault)
		return;
	v = compute(op, size, a, b, &flags);
	if (op != ZYDIS_MNEMONIC_CMP && op != ZYDIS_MNEMONIC_TEST)
		put(k, &o[0], v, size);
	if (!k->fault)
		k->r->eflags = flags;
}

static void move_if(struct machine *k)
{
	const ZydisDecodedOperand *o = k->i->o;
	bool is = condition(k->r->eflags, k->i->z.opcode & 15);
	unsigned size = o[0].size / 8;
	uint64_t a;

	if (k->i->z.meta.category == ZYDIS_CATEGORY_SETCC) {
		put(k, &o[0], is, 1);
		return;
	}
	/* It is read in any case, and an upper half cleared. */
	a = get(k, &o[1], size);
	put(k, &o[0], is ? a : get(k, &o[0], size), size);
}

static void move(struct machine *k)
{
	const ZydisDecodedOperand *o = k->i->o;
	unsigned size = o[0].size / 8, from = o[1].size / 8,
		 width = k->i->z.operand_width / 8;
	uint64_t a, b;

	switch (k->i->z.mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
		put(k, &o[0], get(k, &o[1], size), size);
		break;
	case ZYDIS_MNEMONIC_LEA:
		put(k, &o[0], effective(k, &o[1]), size);
		break;
	case ZYDIS_MNEMONIC_MOVZX:
		put(k, &o[0], get(k, &o[1], from), size);
		break;
	case ZYDIS_MNEMONIC_MOVSX:
	case ZYDIS_MNEMONIC_MOVSXD:
		put(k, &o[0], sign_extend(get(k, &o[1], from), from), size);
		break;
	case ZYDIS_MNEMONIC_XCHG:
		a = get(k, &o[0], size);
		b = get(k, &o[1], size);
		put(k, &o[0], b, size);
		put(k, &o[1], a, size);
		break;
	case ZYDIS_MNEMONIC_CBW: /* al to ax, ax to eax, eax to rax */
	case ZYDIS_MNEMONIC_CWDE:
	case ZYDIS_MNEMONIC_CDQE:
		put_reg(k, RAX, 0, sign_extend(k->r->rax, width / 2), width);
		break;
	case ZYDIS_MNEMONIC_CWD: /* the sign of rax, all over rdx */
	case ZYDIS_MNEMONIC_CDQ:
	case ZYDIS_MNEMONIC_CQO:
		a = (int64_t)sign_extend(k->r->rax, width) < 0 ? ~0ULL : 0;
		put_reg(k, RDX, 0, a, width);
		break;
	default:
		move_if(k);
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

/* Where a call or jump leads. */
static uint64_t target(struct machine *k, uint64_t next)
{
	const ZydisDecodedOperand *o = k->i->o;

	return check_target(k, x86_is_number(o) ? next + o->imm.value.u :
						  get(k, o, 8));
}

/* Returns where it goes on. */
static uint64_t flow(struct machine *k, uint64_t next)
{
	const struct x86_insn *i = k->i;
	uint64_t to = next, v;

	switch (i->z.mnemonic) {
	case ZYDIS_MNEMONIC_PUSH:
		push(k, get(k, &i->o[0], 8));
		break;
	case ZYDIS_MNEMONIC_POP:
		v = load(k, k->r->rsp, 8);
		if (!k->fault) {
			k->r->rsp += 8;
			put(k, &i->o[0], v, 8);
		}
		break;
	case ZYDIS_MNEMONIC_LEAVE:
		v = load(k, k->r->rbp, 8);
		if (!k->fault) {
			k->r->rsp = k->r->rbp + 8;
			k->r->rbp = v;
		}
		break;
	case ZYDIS_MNEMONIC_RET:
		to = check_target(k, load(k, k->r->rsp, 8));
		if (!k->fault)
			k->r->rsp += 8 + (i->z.operand_count_visible ?
						  i->o[0].imm.value.u : 0);
		break;
	case ZYDIS_MNEMONIC_CALL:
		to = target(k, next);
		if (!k->fault)
			push(k, next);
		break;
	case ZYDIS_MNEMONIC_JMP:
		to = target(k, next);
		break;
	default:
		if (condition(k->r->eflags, i->z.opcode & 15))
			to = target(k, next);
	}
	return to;
}

int emulate(const uint8_t *code, size_t n, struct ctl_regs *r,
	    const struct emulate_memory *m)
{
	struct insn i;
	struct machine k = { .r = r, .m = m, .i = &i.x };
	uint64_t next;

	if (!decode(code, n, &i))
		return -EOPNOTSUPP;
	next = r->rip + i.x.z.length;
	if (i.kind == ARITHMETIC)
		arithmetic(&k);
	else if (i.kind == MOVE)
		move(&k);
	else if (i.kind == FLOW)
		next = flow(&k, next);
	if (k.fault)
		return -EFAULT;
	r->rip = next;
	return 0;
}
