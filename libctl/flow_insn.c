/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow_insn.c - instructions of x86-64, decoded for flow.c: how long each is and
 * what it changes.  Zydis knows them; here its answers become flow.c's terms,
 * and what it leaves out is added.
 */
#include "flow_insn.h"
#include "x86.h"

_Static_assert(NONE == X86_NOREG, "one is taken for the other");

/* The kind, by what it is and by where it leads; false: not known. */
static bool find_kind(struct flow_insn *i, const struct x86_insn *x)
{
	bool relative = x86_is_number(&x->o[0]) && x->o[0].imm.is_relative;

	switch (x->z.meta.category) {
	case ZYDIS_CATEGORY_CALL:
		i->kind = CALL;
		break;
	case ZYDIS_CATEGORY_COND_BR:
		i->kind = relative ? BRANCH : PLAIN; /* xend */
		break;
	case ZYDIS_CATEGORY_UNCOND_BR:
		i->kind = relative ? JUMP : ANYWHERE;
		break;
	case ZYDIS_CATEGORY_RET:
		i->kind = STOP;
		break;
	case ZYDIS_CATEGORY_INTERRUPT:
		return x->z.mnemonic == ZYDIS_MNEMONIC_INT3;
	case ZYDIS_CATEGORY_SYSCALL:
		return x->z.mnemonic == ZYDIS_MNEMONIC_SYSCALL;
	case ZYDIS_CATEGORY_SYSRET:
	case ZYDIS_CATEGORY_PADLOCK: /* Zydis does not know all of it */
	case ZYDIS_CATEGORY_IO: /* hypervisors answer in any register */
	case ZYDIS_CATEGORY_IOSTRINGOP:
	case ZYDIS_CATEGORY_VTX:
	case ZYDIS_CATEGORY_SGX:
		return false;
	default:
		break;
	}
	switch (x->z.mnemonic) {
	case ZYDIS_MNEMONIC_HLT:
	case ZYDIS_MNEMONIC_UD0:
	case ZYDIS_MNEMONIC_UD1:
	case ZYDIS_MNEMONIC_UD2:
		i->kind = STOP;
		break;
	case ZYDIS_MNEMONIC_XABORT: /* in a transaction only */
		return false;
	default:
		break;
	}
	if (relative)
		i->target = x->o[0].imm.value.s;
	return i->kind == STOP ||
	       (x->z.meta.branch_type != ZYDIS_BRANCH_TYPE_FAR &&
		!(x->z.attributes & ZYDIS_ATTRIB_IS_PRIVILEGED));
}

/* mov, movzx, movsx: the low bytes are the source's. */
static void move(struct flow_insn *i, const ZydisDecodedOperand *to,
		 const ZydisDecodedOperand *from)
{
	enum effect effect = x86_is_memory(to)   ? STORE :
			     x86_is_memory(from) ? LOAD : MOVE;

	i->reg = x86_number(effect == STORE ? from->reg.value : to->reg.value);
	i->rm = effect == MOVE ? x86_number(from->reg.value) : NONE;
	if (i->reg == NONE || (effect == MOVE && i->rm == NONE) ||
	    x86_is_high(from))
		return;
	if (effect != STORE && to->size < 32)
		return; /* the rest stays */
	i->effect = effect;
	i->size = (to->size < from->size ? to->size : from->size) / 8;
}

static void find_effect(struct flow_insn *i, const struct x86_insn *x)
{
	const ZydisDecodedOperand *o = x->o;

	switch (x->z.mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
	case ZYDIS_MNEMONIC_MOVZX:
	case ZYDIS_MNEMONIC_MOVSX:
	case ZYDIS_MNEMONIC_MOVSXD:
		if (!x86_is_number(&o[1]))
			move(i, &o[0], &o[1]);
		break;
	case ZYDIS_MNEMONIC_LEA:
		i->reg = x86_number(o[0].reg.value);
		if (o[0].size == 64 && x->z.address_width == 64)
			i->effect = ADDRESS;
		break;
	case ZYDIS_MNEMONIC_ADD:
	case ZYDIS_MNEMONIC_SUB:
		if (!x86_is_reg(&o[0]) || o[0].size != 64 ||
		    !x86_is_number(&o[1]))
			break;
		i->effect = ADD;
		i->reg = x86_number(o[0].reg.value);
		i->disp = x->z.mnemonic == ZYDIS_MNEMONIC_ADD ?
				  o[1].imm.value.s : -o[1].imm.value.s;
		break;
	case ZYDIS_MNEMONIC_PUSH:
	case ZYDIS_MNEMONIC_POP:
		if (x86_is_reg(&o[0]))
			i->reg = x86_number(o[0].reg.value);
		/* fall through */
	case ZYDIS_MNEMONIC_PUSHFQ:
	case ZYDIS_MNEMONIC_POPFQ:
		i->effect = x->z.meta.category == ZYDIS_CATEGORY_PUSH ? PUSH :
								      POP;
		break;
	case ZYDIS_MNEMONIC_LEAVE:
		i->effect = LEAVE;
		break;
	default:
		break;
	}
}

/* One that is written says more than one that is read. */
static void memory(struct flow_insn *i, const ZydisDecodedOperand *o)
{
	bool written = o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;

	if (i->has_memory && !written)
		return;
	i->has_memory = true;
	i->reads_only &= !written;
	i->base = x86_number(o->mem.base);
	i->index = x86_number(o->mem.index);
	i->disp = o->mem.disp.value;
	/* Of strings, by vectors, tiles, or more than flow.c forgets */
	i->foreign |= o->visibility != ZYDIS_OPERAND_VISIBILITY_EXPLICIT ||
		      o->mem.type == ZYDIS_MEMOP_TYPE_VSIB ||
		      (written && (!o->size || o->size > 8 * FLOW_STORE_MAX)) ||
		      o->mem.segment == ZYDIS_REGISTER_FS ||
		      o->mem.segment == ZYDIS_REGISTER_GS;
}

static void reg(struct flow_insn *i, const ZydisDecodedOperand *o)
{
	uint8_t n = x86_number(o->reg.value);

	if (o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE && n != NONE)
		i->writes |= BIT(n);
}

/* What Zydis does not say. */
static void add_unsaid(struct flow_insn *i, const struct x86_insn *x)
{
	switch (x->z.meta.category) {
	case ZYDIS_CATEGORY_STRINGOP:
		i->writes |= BIT(CX) | BIT(SI) | BIT(DI);
		break;
	case ZYDIS_CATEGORY_SYSCALL: /* its result, and whatever it writes */
		i->writes |= BIT(AX);
		i->has_memory = i->foreign = true;
		i->reads_only = false;
		break;
	default:
		break;
	}
	/* vmmcall and so on: whoever answers may use these. */
	if (x->z.opcode_map == ZYDIS_OPCODE_MAP_0F && x->z.opcode <= 1)
		i->writes |= BIT(AX) | BIT(BX) | BIT(CX) | BIT(DX);
	/* The bit may be far from the address. */
	if (x->z.meta.category == ZYDIS_CATEGORY_BITBYTE &&
	    x86_is_memory(&x->o[0]) && x86_is_reg(&x->o[1]))
		i->foreign = true;
}

bool flow_decode(const uint8_t *code, size_t n, struct flow_insn *i)
{
	struct x86_insn x;
	bool on_stack;

	*i = (struct flow_insn){ .reg = NONE, .rm = NONE, .base = NONE,
				 .index = NONE, .reads_only = true };
	if (!x86_decode(code, n, &x) || !find_kind(i, &x))
		return false;
	i->len = x.z.length;
	find_effect(i, &x);
	on_stack = i->kind == CALL || i->effect == PUSH || i->effect == POP ||
		   i->effect == LEAVE;
	if (x86_is_short(&x) &&
	    (on_stack || (i->kind != PLAIN && i->kind != STOP)))
		return false;
	if (i->effect == POP && x86_is_memory(&x.o[0]))
		return false;
	/* What they do to the stack is hidden: the effect says it. */
	for (unsigned k = 0; k < (on_stack ? x.z.operand_count_visible :
					     x.z.operand_count); k++) {
		if (x86_is_memory(&x.o[k]))
			memory(i, &x.o[k]);
		else if (x86_is_reg(&x.o[k]))
			reg(i, &x.o[k]);
	}
	i->foreign |= x.z.address_width != 64;
	add_unsaid(i, &x);
	return true;
}
