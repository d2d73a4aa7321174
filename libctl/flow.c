/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow.c - where a value of a function goes.
 *
 * Debug information often says of a parameter no more than "what was in rdi at
 * the entry", while a probe's argument is in r8, to which the value was copied,
 * or still in rdi.  So the code is followed: each place, a register or a slot
 * of the stack, has at each instruction a value; two places with one value are
 * the same thing.  What is not understood makes a value of its own, equal to
 * none.
 *
 * A value is what a register had at the entry, or what instruction I left in
 * place P, or what P has where paths join at I and do not agree.  The last two
 * are another value each time the path comes by: whoever still holds the one
 * before then has none that could be compared.
 *
 * Nothing that is found may be wrong, so: an instruction that is not decoded
 * ends it for the function; an indirect jump may go to any instruction; code
 * that nothing leads to is entered with anything.  Slots are forgotten at each
 * call and foreign store once an address of the stack has been taken: one of
 * them could be a variable that others write to.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <linux/types.h>

#include "flow.h"
#include "flow_insn.h"
#include "insn.h"

/* ------------------------------------------------------------------ states -- */

/*
 * ids: a tag and what it is of.  MADE and JOINED: instruction and place.
 * Addresses of the stack are values, too: as far from where it was at the
 * entry.
 */
enum tag { T_NONE, T_ENTRY, T_STACK, T_MADE, T_JOINED };
#define ID(tag, insn, place)                                                   \
	((uint64_t)(tag) << 56 | (uint64_t)(insn) << 8 | (place))
#define TAG(id) ((enum tag)((id) >> 56))
#define STACK_BIAS (1LL << 30)

#define NSLOTS 24
#define NPLACES (NREGS + NSLOTS)

struct slot {
	int32_t at;   /* from the entry's rsp */
	uint8_t size; /* 0: free */
};

struct state {
	struct flow_value v[NPLACES]; /* registers, then slots */
	struct slot slot[NSLOTS];
};

struct block {
	uint32_t first, n; /* instructions */
	bool entered; /* from outside: by the entry, or by who knows what */
	bool is_entry, seen, padding;
	uint32_t to[2], nto;  /* blocks */
	uint32_t from, nfrom; /* of f->from */
	bool anywhere;
	struct state out;
};

struct flow {
	uint64_t addr;
	size_t len;
	struct flow_insn *insns;
	uint32_t *starts; /* offset of each */
	uint32_t ninsns;
	struct block *blocks;
	uint32_t nblocks;
	uint32_t *from; /* blocks that lead to others */
	long *work;	/* what may still be done */
	bool escaped; /* an address of the stack went where we do not follow */
	uint32_t *jumps, njumps; /* blocks that end in one to anywhere */
};

static struct flow_value stack_value(int64_t at)
{
	if (at < -STACK_BIAS / 2 || at > STACK_BIAS / 2)
		return (struct flow_value){ 0 };
	return (struct flow_value){ ID(T_STACK, (uint64_t)(at + STACK_BIAS), 0),
				    8 };
}

static bool is_stack(struct flow_value v, int64_t *at)
{
	if (TAG(v.id) != T_STACK || v.bytes != 8)
		return false;
	*at = (int64_t)(v.id >> 8 & 0xffffffffffffULL) - STACK_BIAS;
	return true;
}

static void forget_slots(struct state *s)
{
	memset(s->slot, 0, sizeof(s->slot));
}

static void forget_range(struct state *s, int64_t at, unsigned size)
{
	for (unsigned i = 0; i < NSLOTS; i++)
		if (s->slot[i].size && at < s->slot[i].at + s->slot[i].size &&
		    s->slot[i].at < at + size)
			s->slot[i].size = 0;
}

static void set_slot(struct state *s, int64_t at, unsigned size,
		     struct flow_value v)
{
	forget_range(s, at, size);
	if (!v.id)
		return;
	for (unsigned i = 0; i < NSLOTS; i++) {
		if (s->slot[i].size)
			continue;
		s->slot[i] = (struct slot){ .at = at, .size = size };
		s->v[NREGS + i] = v;
		return;
	}
}

static struct flow_value slot_value(const struct state *s, int64_t at,
				    unsigned size)
{
	struct flow_value v = { 0 };

	for (unsigned i = 0; i < NSLOTS; i++)
		if (s->slot[i].size >= size && s->slot[i].at == at) {
			v = s->v[NREGS + i];
			if (v.bytes > size)
				v.bytes = size;
		}
	return v;
}

/* Register reg has a new value, of instruction k. */
static void make(struct state *s, uint32_t k, unsigned reg)
{
	struct flow_value v = { ID(T_MADE, k, reg), 8 };

	/* Who has it from last time has something else. */
	for (unsigned i = 0; i < NPLACES; i++)
		if (s->v[i].id == v.id)
			s->v[i] = (struct flow_value){ 0 };
	s->v[reg] = v;
}

/* The address of i's memory, if it is on the stack and known. */
static bool stack_address(const struct state *s, const struct flow_insn *i,
			  int64_t *at)
{
	if (!i->has_memory || i->foreign || i->base == NONE ||
	    i->index != NONE || !is_stack(s->v[i->base], at))
		return false;
	*at += i->disp;
	return true;
}

/* v goes into a register: an address of the stack may go anywhere from there.
 */
static void set_reg(struct flow *f, struct state *s, unsigned reg,
		    struct flow_value v, bool is_frame)
{
	if (TAG(v.id) == T_STACK && reg != SP && !is_frame)
		f->escaped = true;
	s->v[reg] = v;
}

static bool may_be_stack(const struct state *s, uint8_t reg)
{
	int64_t at;

	return reg == SP || (reg != NONE && is_stack(s->v[reg], &at));
}

/* Somewhere: to the stack, too, if any address of it has been taken. */
static void stored_somewhere(const struct flow *f, struct state *s,
			     const struct flow_insn *i)
{
	if (f->escaped || may_be_stack(s, i->base) || may_be_stack(s, i->index))
		forget_slots(s);
}

static void memory_written(struct flow *f, struct state *s,
			   const struct flow_insn *i)
{
	int64_t at;

	if (!i->has_memory || i->reads_only)
		return;
	if (stack_address(s, i, &at))
		forget_range(s, at, FLOW_STORE_MAX);
	else
		stored_somewhere(f, s, i);
}

static void move_stack(struct state *s, uint32_t k, int64_t by)
{
	int64_t at;

	if (is_stack(s->v[SP], &at))
		s->v[SP] = stack_value(at + by);
	else
		make(s, k, SP);
}

static void push(struct state *s, const struct flow_insn *i, uint32_t k)
{
	struct flow_value v = { 0 };
	int64_t at;

	if (i->reg != NONE)
		v = s->v[i->reg];
	move_stack(s, k, -8);
	if (is_stack(s->v[SP], &at))
		set_slot(s, at, 8, v);
	else
		forget_slots(s);
}

static void pop(struct flow *f, struct state *s, const struct flow_insn *i,
		uint32_t k)
{
	struct flow_value v = { 0 };
	int64_t at;

	if (is_stack(s->v[SP], &at))
		v = slot_value(s, at, 8);
	if (i->reg != NONE) {
		if (v.id)
			set_reg(f, s, i->reg, v, false);
		else
			make(s, k, i->reg);
	}
	if (i->reg != SP)
		move_stack(s, k, 8);
}

static void load(struct flow *f, struct state *s, const struct flow_insn *i,
		 uint32_t k)
{
	struct flow_value v = { 0 };
	int64_t at;

	if (stack_address(s, i, &at))
		v = slot_value(s, at, i->size);
	if (v.id)
		set_reg(f, s, i->reg, v, false);
	else
		make(s, k, i->reg);
}

static void store(struct flow *f, struct state *s, const struct flow_insn *i)
{
	struct flow_value v = s->v[i->reg];
	int64_t at;

	if (TAG(v.id) == T_STACK)
		f->escaped = true;
	if (!stack_address(s, i, &at)) {
		stored_somewhere(f, s, i);
		return;
	}
	if (v.bytes > i->size)
		v.bytes = i->size;
	set_slot(s, at, i->size, v);
}

static void called(struct flow *f, struct state *s, uint32_t k)
{
	int64_t at;

	for (unsigned r = 0; r < NREGS; r++)
		if (CALL_CLOBBERS & BIT(r))
			make(s, k, r);
	if (f->escaped || !is_stack(s->v[SP], &at)) {
		forget_slots(s);
		return;
	}
	for (unsigned i = 0; i < NSLOTS; i++)
		if (s->slot[i].at < at)
			s->slot[i].size = 0;
}

static void step(struct flow *f, struct state *s, uint32_t k)
{
	const struct flow_insn *i = &f->insns[k];
	struct flow_value v;
	int64_t at;

	switch (i->effect) {
	case MOVE:
		v = s->v[i->rm];
		if (v.bytes > i->size)
			v.bytes = i->size;
		set_reg(f, s, i->reg, v, i->rm == SP && i->reg == BP);
		break;
	case LOAD:
		load(f, s, i, k);
		break;
	case STORE:
		store(f, s, i);
		break;
	case ADDRESS:
		if (i->base != NONE && is_stack(s->v[i->base], &at)) {
			/* Of something on the stack, wherever. */
			if (i->index == NONE) {
				set_reg(f, s, i->reg, stack_value(at + i->disp),
					false);
				break;
			}
			f->escaped = true;
		}
		if (i->index != NONE && is_stack(s->v[i->index], &at))
			f->escaped = true;
		make(s, k, i->reg);
		break;
	case PUSH:
		push(s, i, k);
		break;
	case POP:
		pop(f, s, i, k);
		break;
	case ADD:
		if (is_stack(s->v[i->reg], &at))
			set_reg(f, s, i->reg, stack_value(at + i->disp),
				i->reg == BP);
		else
			make(s, k, i->reg);
		break;
	case LEAVE:
		s->v[SP] = s->v[BP];
		pop(f, s, &(struct flow_insn){ .reg = BP }, k);
		break;
	case OTHER:
		memory_written(f, s, i);
		for (unsigned r = 0; r < NREGS; r++)
			if (i->writes & BIT(r)) {
				if (r != SP && is_stack(s->v[r], &at))
					f->escaped = true;
				make(s, k, r);
			}
		break;
	}
	if (i->kind == CALL)
		called(f, s, k);
}

/* ------------------------------------------------------------------ blocks -- */

/* The instruction that begins at offset, or ninsns. */
static uint32_t insn_at(const struct flow *f, uint64_t offset)
{
	uint32_t lo = 0, hi = f->ninsns;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (f->starts[mid] < offset)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < f->ninsns && f->starts[lo] == offset ? lo : f->ninsns;
}

/* Between functions, and behind jumps. */
static bool is_padding(const uint8_t *code, const struct flow_insn *i)
{
	return *code == 0xcc || ctl_nop_len(code, i->len) == i->len;
}

/* Calls that do not return end before one of these. */
static bool read_insns(struct flow *f, const uint8_t *code,
		       const uint64_t *ends, size_t nends)
{
	size_t at = 0;

	while (at < f->len) {
		struct flow_insn *i = &f->insns[f->ninsns];

		if (!flow_decode(code + at, f->len - at, i))
			return false;
		f->starts[f->ninsns++] = at;
		at += i->len;
		f->njumps += i->kind == ANYWHERE;
		for (size_t n = 0; n < nends && i->kind == CALL; n++)
			if (ends[n] == f->addr + at)
				i->kind = STOP;
	}
	return true;
}

/* Where i jumps to: false if that is inside of an instruction. */
static bool jump_target(const struct flow *f, uint32_t k, bool *inside,
			uint32_t *to)
{
	const struct flow_insn *i = &f->insns[k];
	int64_t t = (int64_t)f->starts[k] + i->len + i->target;

	*inside = (i->kind == JUMP || i->kind == BRANCH) && t >= 0 &&
		  (uint64_t)t < f->len;
	if (!*inside)
		return true;
	*to = insn_at(f, t);
	return *to < f->ninsns;
}

/* The other way round: who leads to each. */
static bool link_blocks(struct flow *f)
{
	uint32_t n = 0;

	f->from = calloc(2 * (size_t)f->nblocks + 1, sizeof(*f->from));
	f->jumps = calloc(f->njumps + 1, sizeof(*f->jumps));
	if (!f->from || !f->jumps)
		return false;
	f->njumps = 0;
	for (uint32_t k = 0; k < f->nblocks; k++)
		if (f->blocks[k].anywhere)
			f->jumps[f->njumps++] = k;
	for (uint32_t k = 0; k < f->nblocks; k++)
		for (uint32_t t = 0; t < f->blocks[k].nto; t++)
			f->blocks[f->blocks[k].to[t]].nfrom++;
	for (uint32_t k = 0; k < f->nblocks; k++) {
		f->blocks[k].from = n;
		n += f->blocks[k].nfrom;
		f->blocks[k].nfrom = 0;
	}
	for (uint32_t k = 0; k < f->nblocks; k++)
		for (uint32_t t = 0; t < f->blocks[k].nto; t++) {
			struct block *b = &f->blocks[f->blocks[k].to[t]];

			f->from[b->from + b->nfrom++] = k;
		}
	return true;
}

static bool make_blocks(struct flow *f, const uint8_t *code)
{
	uint8_t *leads = calloc(f->ninsns + 1, 1);
	uint32_t *of = calloc(f->ninsns + 1, sizeof(*of));
	bool ok = leads && of, inside;
	uint32_t to;

	for (uint32_t k = 0; k < f->ninsns && ok; k++) {
		ok = jump_target(f, k, &inside, &to);
		if (ok && inside)
			leads[to] = 1;
		if (f->insns[k].kind != PLAIN && f->insns[k].kind != CALL)
			leads[k + 1] = 1;
		leads[k] |= f->njumps != 0;
	}
	if (ok) {
		leads[0] = 1;
		for (uint32_t k = 0; k < f->ninsns; k++) {
			f->nblocks += leads[k];
			of[k] = f->nblocks - 1;
		}
		f->blocks = calloc(f->nblocks, sizeof(*f->blocks));
		ok = f->blocks != NULL;
	}
	for (uint32_t k = 0; k < f->ninsns && ok; k++) {
		struct block *b = &f->blocks[of[k]];
		const struct flow_insn *i = &f->insns[k];

		if (leads[k]) {
			b->first = k;
			b->padding = true;
		}
		b->n++;
		b->padding &= is_padding(code + f->starts[k], i);
		if (k + 1 < f->ninsns && !leads[k + 1])
			continue;
		jump_target(f, k, &inside, &to);
		if (inside)
			b->to[b->nto++] = of[to];
		if (i->kind != STOP && i->kind != JUMP && i->kind != ANYWHERE &&
		    k + 1 < f->ninsns)
			b->to[b->nto++] = of[k + 1];
		b->anywhere = i->kind == ANYWHERE;
	}
	free(leads);
	free(of);
	return ok && link_blocks(f);
}

static void entry_state(struct state *s)
{
	memset(s, 0, sizeof(*s));
	for (unsigned r = 0; r < NREGS; r++)
		s->v[r] = (struct flow_value){ ID(T_ENTRY, 0, r), 8 };
	s->v[SP] = stack_value(0);
}

static void any_state(struct state *s, uint32_t first)
{
	memset(s, 0, sizeof(*s));
	for (unsigned r = 0; r < NREGS; r++)
		s->v[r] = (struct flow_value){ ID(T_JOINED, first, r), 8 };
}

/* What both agree on; false: nothing. */
static bool common(struct flow_value *to, struct flow_value from)
{
	if (to->id != from.id)
		return false;
	if (to->bytes > from.bytes)
		to->bytes = from.bytes;
	return true;
}

/* Slots that only one of them has are in neither. */
static void join(struct state *to, const struct state *from, uint32_t first)
{
	for (unsigned r = 0; r < NREGS; r++)
		if (!common(&to->v[r], from->v[r]))
			to->v[r] = (struct flow_value){ ID(T_JOINED, first, r),
							8 };
	for (unsigned i = 0; i < NSLOTS; i++) {
		struct slot *t = &to->slot[i];

		if (t->size && !common(&to->v[NREGS + i],
				       slot_value(from, t->at, t->size)))
			t->size = 0;
	}
}

/* One more way to come to s; *any: there is one already. */
static void come(const struct flow *f, struct state *s, const struct block *p,
		 uint32_t first, bool *any)
{
	if (!p->seen)
		return;
	*f->work -= NPLACES;
	if (*any)
		join(s, &p->out, first);
	else
		*s = p->out;
	*any = true;
}

/* What a block begins with; false: nothing has come here so far. */
static bool block_in(const struct flow *f, const struct block *b,
		     struct state *s)
{
	bool any = b->is_entry || b->entered;

	if (b->is_entry)
		entry_state(s);
	else if (b->entered)
		any_state(s, b->first);
	for (uint32_t k = 0; k < b->nfrom; k++)
		come(f, s, &f->blocks[f->from[b->from + k]], b->first, &any);
	/* No table leads to where the function begins. */
	for (uint32_t k = 0; !b->is_entry && k < f->njumps; k++)
		come(f, s, &f->blocks[f->jumps[k]], b->first, &any);
	return any;
}

/* One pass; has anything changed? */
static bool pass(struct flow *f)
{
	bool changed = false, escaped = f->escaped;
	struct state s;

	for (uint32_t n = 0; n < f->nblocks; n++) {
		struct block *b = &f->blocks[n];

		if (!block_in(f, b, &s))
			continue;
		*f->work -= b->n;
		for (uint32_t k = 0; k < b->n; k++)
			step(f, &s, b->first + k);
		for (unsigned i = 0; i < NSLOTS; i++)
			if (!s.slot[i].size)
				s.v[NREGS + i] = (struct flow_value){ 0 };
		if (b->seen && !memcmp(&s, &b->out, sizeof(s)))
			continue;
		b->out = s;
		b->seen = true;
		changed = true;
	}
	return changed || f->escaped != escaped;
}

static bool settle(struct flow *f)
{
	bool again;

	do {
		while (pass(f))
			if (*f->work < 0)
				return false;
		/* Landing pads and the like. */
		again = false;
		for (uint32_t k = 0; k < f->nblocks; k++) {
			struct block *b = &f->blocks[k];

			if (b->seen || b->padding || again)
				continue;
			b->entered = true;
			again = true;
		}
	} while (again);
	return true;
}

struct flow *flow_new(const uint8_t *code, size_t len, uint64_t addr,
		      const uint64_t *ends, size_t nends, long *work)
{
	struct flow *f;

	if (!len || len > FLOW_MAX || *work < 0)
		return NULL;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->addr = addr;
	f->work = work;
	f->len = len;
	f->insns = calloc(len, sizeof(*f->insns));
	f->starts = calloc(len, sizeof(*f->starts));
	if (f->insns && f->starts && read_insns(f, code, ends, nends) &&
	    make_blocks(f, code)) {
		f->blocks[0].is_entry = true;
		if (settle(f))
			return f;
	}
	flow_free(f);
	return NULL;
}

void flow_free(struct flow *f)
{
	if (!f)
		return;
	free(f->insns);
	free(f->starts);
	free(f->blocks);
	free(f->from);
	free(f->jumps);
	free(f);
}

/* ----------------------------------------------------------------- answers -- */

/* enum ctl_usdt_reg, which counts as DWARF does, to the processor's */
static unsigned hardware(unsigned reg)
{
	static const uint8_t of[] = { AX, DX, CX, BX, SI, DI, BP, SP };

	return reg < sizeof(of) ? of[reg] : reg < NREGS ? reg : NONE;
}

static const struct block *block_of(const struct flow *f, uint64_t pc,
				    uint32_t *k)
{
	if (pc < f->addr || pc - f->addr >= f->len)
		return NULL;
	*k = insn_at(f, pc - f->addr);
	for (uint32_t n = 0; n < f->nblocks; n++)
		if (*k >= f->blocks[n].first &&
		    *k < f->blocks[n].first + f->blocks[n].n)
			return &f->blocks[n];
	return NULL;
}

static bool state_at(const struct flow *f, uint64_t pc, struct state *s)
{
	struct flow scratch = *f; /* a step may say that it escaped: it has */
	long unlimited = LONG_MAX;
	const struct block *b;
	uint32_t k;

	scratch.work = &unlimited;
	b = block_of(f, pc, &k);
	if (!b || !b->seen || !block_in(&scratch, b, s))
		return false;
	for (uint32_t n = b->first; n < k; n++)
		step(&scratch, s, n);
	return true;
}

struct flow_value flow_entry(unsigned reg)
{
	unsigned r = hardware(reg);

	return r == NONE ? (struct flow_value){ 0 } :
			   (struct flow_value){ ID(T_ENTRY, 0, r), 8 };
}

struct flow_value flow_reg(const struct flow *f, uint64_t pc, unsigned reg)
{
	unsigned r = hardware(reg);
	struct state s;

	if (r == NONE || !state_at(f, pc, &s))
		return (struct flow_value){ 0 };
	return s.v[r];
}

struct flow_value flow_slot(const struct flow *f, uint64_t pc, unsigned reg,
			    int64_t offset, unsigned size)
{
	unsigned r = hardware(reg);
	struct state s;
	int64_t at;

	if (r == NONE || !state_at(f, pc, &s) || !is_stack(s.v[r], &at))
		return (struct flow_value){ 0 };
	return slot_value(&s, at + offset, size);
}

bool flow_before(const struct flow *f, uint64_t pc, uint64_t *prev)
{
	uint32_t k;

	if (!block_of(f, pc, &k) || !k)
		return false;
	*prev = f->addr + f->starts[k - 1];
	return f->insns[k - 1].kind == PLAIN ||
	       f->insns[k - 1].kind == BRANCH || f->insns[k - 1].kind == CALL;
}

bool flow_made_at(const struct flow *f, uint64_t pc, struct flow_value v)
{
	uint32_t k;

	return block_of(f, pc, &k) && TAG(v.id) == T_MADE &&
	       (v.id >> 8 & 0xffffffffffffULL) == k;
}
