/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow_insn.c - instructions of x86-64, decoded for flow.c: how long each is and
 * what it changes.  All of them that compilers write, those of vectors too;
 * emulate.c, which does instructions, knows fewer and of these more.
 */
#include "flow_insn.h"
#include "cursor.h"

/* Returns the middle of ModR/M as it is there. */
static unsigned modrm(struct cursor *c, struct flow_insn *i)
{
	uint8_t m = byte(c), sib;
	unsigned mod = m >> 6, low = m & 7, middle = m >> 3 & 7;
	bool rip = mod == 0 && low == 5;

	i->reg = middle | (c->rex & REX_R ? 8 : 0);
	if (mod == 3) {
		i->rm = low | (c->rex & REX_B ? 8 : 0);
		return middle;
	}
	i->has_memory = true;
	i->foreign |= c->seg;
	i->base = rip ? NONE : low | (c->rex & REX_B ? 8 : 0);
	if (low == 4) {
		sib = byte(c);
		i->index = (sib >> 3 & 7) | (c->rex & REX_X ? 8 : 0);
		if (i->index == 4)
			i->index = NONE;
		i->base = (sib & 7) | (c->rex & REX_B ? 8 : 0);
		if ((sib & 7) == 5 && mod == 0) {
			i->base = NONE;
			rip = true; /* as long a displacement */
		}
	}
	if (mod == 1)
		i->disp = number(c, 1);
	else if (mod == 2 || rip)
		i->disp = number(c, 4);
	return middle;
}

static void immediate(struct cursor *c, unsigned size)
{
	number(c, size > 4 ? 4 : size);
}

static void writes(struct flow_insn *i, unsigned reg)
{
	if (reg < NREGS)
		i->writes |= BIT(reg);
}

/* A byte register without a REX prefix may be ah: the register is written. */
static void writes_byte(struct cursor *c, struct flow_insn *i, unsigned reg)
{
	if (reg < NREGS && !c->has_rex && reg >= 4 && reg < 8)
		reg -= 4;
	writes(i, reg);
}

static void jump(struct cursor *c, struct flow_insn *i, enum kind kind,
		 unsigned size)
{
	i->kind = kind;
	i->target = number(c, size);
	c->failed |= c->opsize; /* not what it seems */
}

/* mov: to rm, or to reg */
static void mov(struct cursor *c, struct flow_insn *i, unsigned size,
		bool to_reg)
{
	modrm(c, i);
	i->size = size;
	if (i->has_memory) {
		i->effect = to_reg ? LOAD : STORE;
		i->reads_only = to_reg;
		if (to_reg && size < 4) {
			i->effect = OTHER; /* the rest stays */
			size == 1 ? writes_byte(c, i, i->reg) :
				    writes(i, i->reg);
		} else if (!to_reg && size == 1 && !c->has_rex && i->reg >= 4) {
			i->effect = OTHER;
		}
		return;
	}
	if (size < 4) {
		size == 1 ? writes_byte(c, i, to_reg ? i->reg : i->rm) :
			    writes(i, to_reg ? i->reg : i->rm);
		return;
	}
	if (!to_reg) {
		uint8_t rm = i->rm;

		i->rm = i->reg;
		i->reg = rm;
	}
	i->effect = MOVE;
}

/* movzx, movsx: the low bytes are the source's */
static void extend(struct cursor *c, struct flow_insn *i, unsigned from)
{
	modrm(c, i);
	i->size = from;
	i->reads_only = true;
	if (word_size(c) < 4 ||
	    (!i->has_memory && from == 1 && !c->has_rex && i->rm >= 4)) {
		writes(i, i->reg);
		return;
	}
	i->effect = i->has_memory ? LOAD : MOVE;
}

static void unary(struct cursor *c, struct flow_insn *i, uint8_t b)
{
	unsigned middle = modrm(c, i);
	bool is_byte = !(b & 1);

	if (b == 0xf6 || b == 0xf7) {
		if (middle < 2) {
			immediate(c, is_byte ? 1 : word_size(c));
			i->reads_only = true;
		} else if (middle < 4) {
			is_byte ? writes_byte(c, i, i->rm) : writes(i, i->rm);
		} else {
			i->writes |= BIT(AX) | BIT(DX);
			i->reads_only = true;
		}
		return;
	}
	switch (middle) { /* 0xfe, 0xff */
	case 0:
	case 1:
		is_byte ? writes_byte(c, i, i->rm) : writes(i, i->rm);
		return;
	case 2:
		i->kind = CALL;
		i->reads_only = true;
		break;
	case 4:
		i->kind = ANYWHERE;
		i->reads_only = true;
		break;
	case 6:
		i->effect = PUSH;
		i->reads_only = true;
		i->reg = i->has_memory ? NONE : i->rm;
		c->failed |= c->opsize;
		break;
	default:
		c->failed = true;
	}
	c->failed |= is_byte;
}

static void arithmetic(struct cursor *c, struct flow_insn *i, uint8_t b)
{
	bool is_byte = !(b & 1), compares = (b & 0x38) == 0x38;
	unsigned to;

	if ((b & 7) >= 4) {
		immediate(c, is_byte ? 1 : word_size(c));
		if (!compares)
			writes(i, AX);
		return;
	}
	modrm(c, i);
	i->reads_only = compares || b & 2;
	to = b & 2 ? i->reg : i->rm;
	if (!compares)
		is_byte ? writes_byte(c, i, to) : writes(i, to);
}

/* 0x80, 0x81, 0x83: with an immediate */
static void arithmetic_imm(struct cursor *c, struct flow_insn *i, uint8_t b)
{
	unsigned middle = modrm(c, i), size = word_size(c);
	int64_t v = number(c, b == 0x81 ? (size > 4 ? 4 : size) : 1);

	if (middle == 7) {
		i->reads_only = true;
		return;
	}
	b == 0x80 ? writes_byte(c, i, i->rm) : writes(i, i->rm);
	if (i->rm < NREGS && b != 0x80 && size == 8 &&
	    (middle == 0 || middle == 5)) {
		i->effect = ADD;
		i->reg = i->rm;
		i->disp = middle == 0 ? v : -v;
		i->writes = 0;
	}
}

static void three_bytes(struct cursor *c, struct flow_insn *i, unsigned map,
			uint8_t b, unsigned vvvv)
{
	modrm(c, i);
	if (map == 3) {
		number(c, 1);
		if (b >= 0x14 && b <= 0x17)
			writes(i, i->rm);
		if (b >= 0x60 && b <= 0x63)
			writes(i, CX);
		if (b == 0xf0)
			writes(i, i->reg);
		return;
	}
	if (b == 0xf0 || b == 0xf1 || b == 0xf2 || b == 0xf5 || b == 0xf6 ||
	    b == 0xf7)
		writes(i, i->reg);
	if (b == 0xf3 || b == 0xf6)
		writes(i, vvvv);
}

/* With ModR/M; those of vectors as with a VEX prefix. */
static void vector_or_other(struct cursor *c, struct flow_insn *i, uint8_t b)
{
	modrm(c, i);
	switch (b) {
	case 0x50: /* movmsk */
	case 0xd7:
	case 0xc5:
	case 0x2c: /* to an integer */
	case 0x2d:
	case 0x78:
	case 0x79:
	case 0x93: /* from a mask; in here with VEX only */
		writes(i, i->reg);
		break;
	case 0x7e:
		writes(i, i->rm);
		break;
	case 0x10: /* loads, with most compilers */
	case 0x28:
	case 0x6e:
	case 0x6f:
		i->reads_only = true;
		break;
	}
	if ((b >= 0x70 && b <= 0x73) || b == 0xc2 || (b >= 0xc4 && b <= 0xc6))
		number(c, 1);
}

static void two_bytes(struct cursor *c, struct flow_insn *i)
{
	uint8_t b = byte(c);
	unsigned middle;

	switch (b) {
	case 0x05: /* syscall */
		i->writes |= BIT(AX) | BIT(CX) | BIT(R11);
		i->foreign = i->has_memory = true;
		break;
	case 0x06:
	case 0x08:
	case 0x09:
	case 0x30:
	case 0x77:
		break;
	case 0x0b:
		i->kind = STOP;
		break;
	case 0x31:
	case 0x32:
	case 0x33:
		i->writes |= BIT(AX) | BIT(DX);
		break;
	case 0x38:
		three_bytes(c, i, 2, byte(c), NONE);
		break;
	case 0x3a:
		three_bytes(c, i, 3, byte(c), NONE);
		break;
	case 0x80 ... 0x8f:
		jump(c, i, BRANCH, 4);
		break;
	case 0xa2:
		i->writes |= BIT(AX) | BIT(BX) | BIT(CX) | BIT(DX);
		break;
	case 0xc8 ... 0xcf:
		writes(i, (b & 7) | (c->rex & REX_B ? 8 : 0));
		break;
	case 0x00:
	case 0x01: /* many; xgetbv, rdtscp ... */
		modrm(c, i);
		writes(i, i->rm);
		i->writes |= BIT(AX) | BIT(BX) | BIT(CX) | BIT(DX);
		break;
	case 0x02:
	case 0x03:
	case 0x40 ... 0x4f: /* cmov */
	case 0xb8:
	case 0xbc:
	case 0xbd:
	case 0xaf:
		modrm(c, i);
		i->reads_only = true;
		writes(i, i->reg);
		break;
	case 0x0d: /* prefetch, long nops */
	case 0x18 ... 0x1d:
	case 0x1f:
	case 0xa3: /* bt */
		modrm(c, i);
		i->reads_only = true;
		break;
	case 0x1e: /* endbr64; rdssp */
		if (modrm(c, i) == 1)
			writes(i, i->rm);
		i->reads_only = true;
		break;
	case 0x20 ... 0x23:
	case 0x90 ... 0x9f:
		modrm(c, i);
		b < 0x90 ? writes(i, i->rm) : writes_byte(c, i, i->rm);
		break;
	case 0xa4:
	case 0xac:
		modrm(c, i);
		number(c, 1);
		writes(i, i->rm);
		break;
	case 0xa5:
	case 0xad:
	case 0xab:
	case 0xb3:
	case 0xbb:
	case 0xae:
		modrm(c, i);
		writes(i, i->rm);
		break;
	case 0xba:
		middle = modrm(c, i);
		number(c, 1);
		if (middle != 4)
			writes(i, i->rm);
		break;
	case 0xb0:
	case 0xb1:
		modrm(c, i);
		writes(i, i->rm);
		writes_byte(c, i, i->rm);
		writes(i, AX);
		break;
	case 0xb6:
	case 0xb7:
	case 0xbe:
	case 0xbf:
		extend(c, i, b & 1 ? 2 : 1);
		break;
	case 0xc0:
	case 0xc1:
		modrm(c, i);
		writes(i, i->rm);
		writes(i, i->reg);
		writes_byte(c, i, i->rm);
		writes_byte(c, i, i->reg);
		break;
	case 0xc7:
		modrm(c, i);
		writes(i, i->rm);
		i->writes |= BIT(AX) | BIT(DX);
		break;
	case 0x10 ... 0x17:
	case 0x28 ... 0x2f:
	case 0x50 ... 0x76:
	case 0x7c ... 0x7f:
	case 0xc2 ... 0xc6:
	case 0xd0 ... 0xfe:
		vector_or_other(c, i, b);
		break;
	default:
		c->failed = true;
	}
}

/* The prefixes of AVX: 2 or 3 bytes */
static void vex(struct cursor *c, struct flow_insn *i, uint8_t first)
{
	uint8_t p1 = byte(c), p2 = p1, b;
	unsigned map = 1, vvvv;

	c->rex = p1 & 0x80 ? 0 : 4;
	if (first == 0xc4) {
		p2 = byte(c);
		c->rex |= (p1 & 0x40 ? 0 : 2) | (p1 & 0x20 ? 0 : 1);
		map = p1 & 0x1f;
	}
	vvvv = ~p2 >> 3 & 15;
	b = byte(c);
	if (map == 1 && b == 0x77)
		return;
	if (map == 1)
		vector_or_other(c, i, b);
	else if (map == 2 || map == 3)
		three_bytes(c, i, map, b, vvvv);
	else
		c->failed = true;
}

/* That of AVX-512: its displacements are scaled. */
static void evex(struct cursor *c, struct flow_insn *i)
{
	uint8_t p0 = byte(c), b;
	unsigned map = p0 & 7;

	c->rex = (p0 & 0x80 ? 0 : 4) | (p0 & 0x40 ? 0 : 2) |
		 (p0 & 0x20 ? 0 : 1);
	byte(c);
	byte(c);
	b = byte(c);
	if (map == 1 || map == 5)
		vector_or_other(c, i, b);
	else if (map == 2 || map == 3 || map == 6)
		three_bytes(c, i, map == 3 ? 3 : 2, b, NONE);
	else
		c->failed = true;
	i->foreign = true;
	i->reads_only = false;
}

static void one_byte(struct cursor *c, struct flow_insn *i, uint8_t b)
{
	unsigned low = (b & 7) | (c->rex & REX_B ? 8 : 0), middle;

	switch (b) {
	case 0x00 ... 0x05:
	case 0x08 ... 0x0d:
	case 0x10 ... 0x15:
	case 0x18 ... 0x1d:
	case 0x20 ... 0x25:
	case 0x28 ... 0x2d:
	case 0x30 ... 0x35:
	case 0x38 ... 0x3d:
		arithmetic(c, i, b);
		break;
	case 0x0f:
		two_bytes(c, i);
		break;
	case 0x50 ... 0x5f:
		i->effect = b < 0x58 ? PUSH : POP;
		i->reg = low;
		c->failed |= c->opsize;
		break;
	case 0x62:
		evex(c, i);
		break;
	case 0x63:
		extend(c, i, 4);
		break;
	case 0x68:
	case 0x6a:
		i->effect = PUSH;
		i->reg = NONE;
		number(c, b == 0x68 ? 4 : 1);
		c->failed |= c->opsize;
		break;
	case 0x69:
	case 0x6b:
		modrm(c, i);
		i->reads_only = true;
		b == 0x69 ? immediate(c, word_size(c)) : immediate(c, 1);
		writes(i, i->reg);
		break;
	case 0x6c ... 0x6f:
	case 0xa4 ... 0xa7:
	case 0xaa ... 0xaf:
		i->writes |= BIT(AX) | BIT(CX) | BIT(SI) | BIT(DI);
		i->has_memory = i->foreign = true;
		break;
	case 0x70 ... 0x7f:
		jump(c, i, BRANCH, 1);
		break;
	case 0x80:
	case 0x81:
	case 0x83:
		arithmetic_imm(c, i, b);
		break;
	case 0x84:
	case 0x85:
		modrm(c, i);
		i->reads_only = true;
		break;
	case 0x86:
	case 0x87:
		modrm(c, i);
		writes_byte(c, i, i->rm);
		writes_byte(c, i, i->reg);
		writes(i, i->rm);
		writes(i, i->reg);
		break;
	case 0x88 ... 0x8b:
		mov(c, i, b & 1 ? word_size(c) : 1, b & 2);
		break;
	case 0x8c:
		modrm(c, i);
		writes(i, i->rm);
		break;
	case 0x8d:
		modrm(c, i);
		i->reads_only = true;
		i->effect = word_size(c) == 8 ? ADDRESS : OTHER;
		if (i->effect == OTHER)
			writes(i, i->reg);
		c->failed |= !i->has_memory;
		break;
	case 0x8e:
		modrm(c, i);
		break;
	case 0x90 ... 0x97:
		if (low) {
			writes(i, AX);
			writes(i, low);
		}
		break;
	case 0x98:
	case 0x9f:
	case 0xd7:
		writes(i, AX);
		break;
	case 0x99:
		writes(i, DX);
		break;
	case 0x9c:
		i->effect = PUSH;
		i->reg = NONE;
		break;
	case 0x9d:
		i->effect = POP;
		i->reg = NONE;
		break;
	case 0x9b:
	case 0x9e:
	case 0xcc:
	case 0xf5:
	case 0xf8 ... 0xfd:
		break;
	case 0xa0 ... 0xa3:
		number(c, 8);
		i->has_memory = i->foreign = true;
		writes(i, AX);
		break;
	case 0xa8:
	case 0xa9:
		immediate(c, b & 1 ? word_size(c) : 1);
		break;
	case 0xb0 ... 0xb7:
		number(c, 1);
		writes_byte(c, i, low);
		break;
	case 0xb8 ... 0xbf:
		number(c, word_size(c));
		writes(i, low);
		break;
	case 0xc0:
	case 0xc1:
	case 0xd0 ... 0xd3:
		modrm(c, i);
		if (b < 0xd0)
			number(c, 1);
		b & 1 ? writes(i, i->rm) : writes_byte(c, i, i->rm);
		break;
	case 0xc2:
		number(c, 2);
		i->kind = STOP;
		break;
	case 0xc3:
	case 0xf4:
		i->kind = STOP;
		break;
	case 0xc4:
	case 0xc5:
		vex(c, i, b);
		break;
	case 0xc6:
	case 0xc7:
		middle = modrm(c, i);
		immediate(c, b & 1 ? word_size(c) : 1);
		c->failed |= middle != 0;
		b & 1 ? writes(i, i->rm) : writes_byte(c, i, i->rm);
		break;
	case 0xc9:
		i->effect = LEAVE;
		break;
	case 0xd8 ... 0xdf:
		modrm(c, i);
		if (b == 0xdf)
			writes(i, AX); /* fnstsw */
		break;
	case 0xe0 ... 0xe3:
		jump(c, i, BRANCH, 1);
		writes(i, CX);
		break;
	case 0xe8:
		jump(c, i, CALL, 4);
		break;
	case 0xe9:
	case 0xeb:
		jump(c, i, JUMP, b == 0xe9 ? 4 : 1);
		break;
	case 0xf6:
	case 0xf7:
	case 0xfe:
	case 0xff:
		unary(c, i, b);
		break;
	default:
		c->failed = true;
	}
}

bool flow_decode(const uint8_t *code, size_t n, struct flow_insn *i)
{
	struct cursor c = { .p = code, .n = n < 15 ? n : 15 };
	bool prefixed = true;
	uint8_t b = 0;

	*i = (struct flow_insn){
		.reg = NONE, .rm = NONE, .base = NONE, .index = NONE
	};
	while (prefixed && !c.failed) {
		b = byte(&c);
		switch (b) {
		case 0x66:
			c.opsize = true;
			break;
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0xf0:
		case 0xf2:
		case 0xf3:
			break;
		case 0x64:
		case 0x65:
			c.seg = true;
			break;
		case 0x67: /* addresses of four bytes */
			i->foreign = true;
			break;
		default:
			prefixed = false;
		}
	}
	if ((b & 0xf0) == 0x40) {
		c.has_rex = true;
		c.rex = b;
		b = byte(&c);
	}
	if (c.rex & REX_W)
		c.opsize = false;
	one_byte(&c, i, b);
	i->len = c.at;
	if (i->foreign && i->effect == ADDRESS) {
		/* "lea" with a segment or a short address */
		i->effect = OTHER;
		writes(i, i->reg);
	}
	return !c.failed;
}
