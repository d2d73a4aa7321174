/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow_insn.h - inside libctl: what an instruction of x86-64 does to registers
 * and to the stack, as far as flow.c asks.
 */
#ifndef CTL_FLOW_INSN_H
#define CTL_FLOW_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the order of the processor. */
enum { AX, CX, DX, BX, SP, BP, SI, DI, R8, R11 = 11, NREGS = 16, NONE = 255 };

#define BIT(r) (1U << (r))
#define CALL_CLOBBERS (BIT(AX) | BIT(CX) | BIT(DX) | BIT(SI) | BIT(DI) | 0xf00U)

enum kind {
	PLAIN,
	STOP, /* does not run on */
	JUMP,
	BRANCH,
	ANYWHERE, /* an indirect jump */
	CALL,
};

enum effect {
	OTHER,
	MOVE,	 /* to reg from rm, both registers */
	LOAD,	 /* to reg */
	STORE,	 /* from reg */
	ADDRESS, /* to reg */
	PUSH,	 /* reg, or NONE: something */
	POP,
	ADD, /* value to reg */
	LEAVE,
};

#define FLOW_STORE_MAX 64 /* bytes that one writes, if it is not "foreign" */

struct flow_insn {
	uint8_t len;
	enum kind kind;
	enum effect effect;
	int64_t target;	 /* from behind the instruction */
	uint32_t writes; /* registers: a bit each */
	bool reads_only; /* its memory */
	bool has_memory;
	uint8_t reg, rm; /* rm: NONE if it is memory */
	uint8_t size;	 /* of MOVE, LOAD, STORE: bytes that are the same */
	uint8_t base, index;
	bool foreign; /* memory: fs or gs, or not just there */
	int64_t disp;
};

/*
 * The instruction at code, of which n bytes are there: false if it is not
 * known.  More may be in i->writes than is written, never less.
 */
bool flow_decode(const uint8_t *code, size_t n, struct flow_insn *i);

#endif
