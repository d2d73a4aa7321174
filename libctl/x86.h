/* SPDX-License-Identifier: GPL-2.0-or-later */
/* x86.h - inside libctl: instructions of x86-64, which Zydis decodes. */
#ifndef CTL_X86_H
#define CTL_X86_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <Zydis/Zydis.h>

struct x86_insn {
	ZydisDecodedInstruction z;
	ZydisDecodedOperand o[ZYDIS_MAX_OPERAND_COUNT];
};

#define X86_NOREG 255

/* The instruction at code, of which n bytes are there; false: there is none. */
static inline bool x86_decode(const uint8_t *code, size_t n, struct x86_insn *i)
{
	ZydisDecoder decoder;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64,
			 ZYDIS_STACK_WIDTH_64);
	return ZYAN_SUCCESS(
		ZydisDecoderDecodeFull(&decoder, code, n, &i->z, i->o));
}

/* The processor's number of a general register, or of what it is a part of;
 * X86_NOREG: it is another. */
static inline uint8_t x86_number(ZydisRegister reg)
{
	reg = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
	return reg >= ZYDIS_REGISTER_RAX && reg <= ZYDIS_REGISTER_R15 ?
		       reg - ZYDIS_REGISTER_RAX : X86_NOREG;
}

static inline bool x86_is_reg(const ZydisDecodedOperand *o)
{
	return o->type == ZYDIS_OPERAND_TYPE_REGISTER;
}

/* ah, ch, dh, bh */
static inline bool x86_is_high(const ZydisDecodedOperand *o)
{
	return x86_is_reg(o) && o->reg.value >= ZYDIS_REGISTER_AH &&
	       o->reg.value <= ZYDIS_REGISTER_BH;
}

static inline bool x86_is_memory(const ZydisDecodedOperand *o)
{
	return o->type == ZYDIS_OPERAND_TYPE_MEMORY;
}

static inline bool x86_is_number(const ZydisDecodedOperand *o)
{
	return o->type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
}

/* For 16 bits: branches are so to some processors only, pushes to all. */
static inline bool x86_is_short(const struct x86_insn *i)
{
	return i->z.attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE &&
	       !i->z.raw.rex.W;
}

#endif
