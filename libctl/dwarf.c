/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dwarf.c - where in the source a probe is, and what its arguments are called.
 *
 * A note says that the second argument is in r12.  Debug information says which
 * variables are in scope at that address and where each of them is there: if
 * one is in r12, the argument is that variable, whatever expression the probe
 * was written with.  The same goes for a slot of the stack, which the two may
 * describe from different ends: the note from rsp, the variable from the frame
 * base, so the unwind table has to say how these lie to each other.  Memory
 * some bytes behind a pointer that a variable holds is a member of what it
 * points to.
 *
 * Where no variable is in that place one may be of the same value: a parameter
 * of which is only said what register it came in, or one that was copied.  Then
 * the code is asked (flow.c) what of the function is in a place.
 *
 * A wrong name is worse than none.  So sizes have to agree, what is computed
 * from a variable is not that variable, and constants are never matched.
 *
 * This is the one file that knows libdwarf, of which there are two: Debian
 * 12's of 2021, which has no version macro, and what came after it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <dwarf.h>
#include <libdwarf.h>

#include "flow.h"
#include "probe.h"

/* ---------------------------------------------------------- two libdwarfs -- */

#ifdef DW_LIBDWARF_VERSION

static int debug_init(int fd, Dwarf_Debug *dbg)
{
	Dwarf_Error e;
	int r = dwarf_init_b(fd, DW_GROUPNUMBER_ANY, NULL, NULL, dbg, &e);

	if (r == DW_DLV_ERROR)
		dwarf_dealloc_error(*dbg, e);
	return r;
}

static void debug_finish(Dwarf_Debug dbg)
{
	dwarf_finish(dbg);
}

#define loc_head_free dwarf_dealloc_loc_head_c
#define ranges_free dwarf_dealloc_ranges

static bool cfa_at(Dwarf_Fde fde, uint64_t pc, unsigned *reg, int64_t *offset)
{
	Dwarf_Unsigned relevant, r, o;
	Dwarf_Small type;
	Dwarf_Block block;
	Dwarf_Addr row, next;
	Dwarf_Bool more;
	Dwarf_Error e;

	if (dwarf_get_fde_info_for_cfa_reg3_b(fde, pc, &type, &relevant, &r, &o,
					      &block, &row, &more, &next,
					      &e) != DW_DLV_OK ||
	    type != DW_EXPR_OFFSET)
		return false;
	*reg = r;
	*offset = relevant ? (int64_t)o : 0;
	return true;
}

#else

static int debug_init(int fd, Dwarf_Debug *dbg)
{
	Dwarf_Error e;
	int r = dwarf_init_b(fd, DW_DLC_READ, DW_GROUPNUMBER_ANY, NULL, NULL,
			     dbg, &e);

	if (r == DW_DLV_ERROR)
		dwarf_dealloc_error(*dbg, e);
	return r;
}

static void debug_finish(Dwarf_Debug dbg)
{
	Dwarf_Error e;

	dwarf_finish(dbg, &e);
}

#define loc_head_free dwarf_loc_head_c_dealloc
#define ranges_free dwarf_ranges_dealloc

static bool cfa_at(Dwarf_Fde fde, uint64_t pc, unsigned *reg, int64_t *offset)
{
	Dwarf_Signed relevant, r, o;
	Dwarf_Addr row, next;
	Dwarf_Small type;
	Dwarf_Bool more;
	Dwarf_Ptr block;
	Dwarf_Error e;

	if (dwarf_get_fde_info_for_cfa_reg3_b(fde, pc, &type, &relevant, &r, &o,
					      &block, &row, &more, &next,
					      &e) != DW_DLV_OK ||
	    type != DW_EXPR_OFFSET)
		return false;
	*reg = r;
	*offset = relevant ? o : 0;
	return true;
}

#endif

/* ------------------------------------------------------------------- DIEs -- */

#define DEPTH 32 /* of scopes */
#define HOPS 8	 /* of types, and of origins */
#define ALT_DIES 128 /* at a time; one a hop or child */

struct source {
	struct ctl_usdt *u;
	struct usdt_object *o;
	Dwarf_Debug dbg;
	Dwarf_Debug main; /* the program's own file, for its unwind table */
	int main_fd;
	Dwarf_Fde *fdes;
	Dwarf_Signed nfdes;
	bool is_i386;
	unsigned address_size;
	/* the unit at hand */
	Dwarf_Die cu;
	Dwarf_Half version;
	uint64_t cu_low;
	bool is_nop;	   /* the site at hand, of one byte */
	uint64_t site;	   /* its address */
	struct flow *flow; /* of the function at flow_addr; NULL: none */
	uint64_t flow_addr;
	long flow_work; /* left for this object */
	/*
	 * What dwz found in several files and moved to one of its own, and
	 * which of the DIEs at hand are from there.
	 */
	Dwarf_Debug alt; /* NULL: none */
	Dwarf_Die from_alt[ALT_DIES];
	unsigned nalt;
};

static Dwarf_Half tag_of(Dwarf_Die die)
{
	Dwarf_Half tag;
	Dwarf_Error e;

	return dwarf_tag(die, &tag, &e) == DW_DLV_OK ? tag : 0;
}

static bool is_alt(const struct source *s, Dwarf_Die die)
{
	for (unsigned i = 0; i < s->nalt; i++)
		if (s->from_alt[i] == die)
			return true;
	return false;
}

static void die_free(struct source *s, Dwarf_Die die)
{
	if (!die)
		return;
	for (unsigned i = 0; i < s->nalt; i++)
		if (s->from_alt[i] == die) {
			s->from_alt[i] = s->from_alt[--s->nalt];
			dwarf_dealloc(s->alt, die, DW_DLA_DIE);
			return;
		}
	dwarf_dealloc(s->dbg, die, DW_DLA_DIE);
}

/* Of whose file it is, that one's libdwarf has to free it. */
static void attr_free(const struct source *s, Dwarf_Die die,
		      Dwarf_Attribute attr)
{
	dwarf_dealloc(is_alt(s, die) ? s->alt : s->dbg, attr, DW_DLA_ATTR);
}

/* Remember that die is from there; NULL if there is no room. */
static Dwarf_Die alt_die(struct source *s, Dwarf_Die die)
{
	if (s->nalt == ALT_DIES) {
		dwarf_dealloc(s->alt, die, DW_DLA_DIE);
		return NULL;
	}
	s->from_alt[s->nalt++] = die;
	return die;
}

/* The next child: *child NULL at first.  Frees the one before. */
static bool next_child(struct source *s, Dwarf_Die parent, Dwarf_Die *child)
{
	bool alt = s->alt && is_alt(s, parent);
	Dwarf_Die next = NULL;
	Dwarf_Error e;
	int r;

	if (!*child) {
		r = dwarf_child(parent, &next, &e);
	} else {
		r = dwarf_siblingof_b(alt ? s->alt : s->dbg, *child, 1, &next,
				      &e);
		die_free(s, *child);
	}
	*child = r != DW_DLV_OK ? NULL : alt ? alt_die(s, next) : next;
	return *child != NULL;
}

static bool attribute(Dwarf_Die die, Dwarf_Half name, Dwarf_Attribute *attr)
{
	Dwarf_Error e;

	return dwarf_attr(die, name, attr, &e) == DW_DLV_OK;
}

static bool unsigned_of(struct source *s, Dwarf_Die die, Dwarf_Half name,
			uint64_t *v)
{
	Dwarf_Attribute attr;
	Dwarf_Unsigned u;
	Dwarf_Signed i;
	Dwarf_Error e;
	bool ok = true;

	if (!attribute(die, name, &attr))
		return false;
	if (dwarf_formudata(attr, &u, &e) == DW_DLV_OK)
		*v = u;
	else if (dwarf_formsdata(attr, &i, &e) == DW_DLV_OK && i >= 0)
		*v = i;
	else
		ok = false;
	attr_free(s, die, attr);
	return ok;
}

static bool address_of(struct source *s, Dwarf_Die die, Dwarf_Half name,
		       uint64_t *v)
{
	Dwarf_Attribute attr;
	Dwarf_Addr addr;
	Dwarf_Error e;
	bool ok;

	if (!attribute(die, name, &attr))
		return false;
	ok = dwarf_formaddr(attr, &addr, &e) == DW_DLV_OK;
	if (ok)
		*v = addr;
	attr_free(s, die, attr);
	return ok;
}

/* Is a flag there and set? */
static bool flag_of(struct source *s, Dwarf_Die die, Dwarf_Half name)
{
	Dwarf_Attribute attr;
	Dwarf_Bool set;
	Dwarf_Error e;
	bool ok;

	if (!attribute(die, name, &attr))
		return false;
	ok = dwarf_formflag(attr, &set, &e) == DW_DLV_OK && set;
	attr_free(s, die, attr);
	return ok;
}

/* What an attribute refers to, or NULL. */
static Dwarf_Die referred(struct source *s, Dwarf_Die die, Dwarf_Half name)
{
	bool alt = s->alt && is_alt(s, die), to_alt;
	Dwarf_Die to = NULL;
	Dwarf_Attribute attr;
	Dwarf_Error e;
	Dwarf_Off off;
	Dwarf_Half form;

	if (!attribute(die, name, &attr))
		return NULL;
	if (dwarf_whatform(attr, &form, &e) != DW_DLV_OK)
		form = DW_FORM_ref_sig8;
	to_alt = alt || form == DW_FORM_GNU_ref_alt;
	if (form != DW_FORM_ref_sig8 && (s->alt || !to_alt) &&
	    dwarf_global_formref(attr, &off, &e) == DW_DLV_OK &&
	    dwarf_offdie_b(to_alt ? s->alt : s->dbg, off, 1, &to, &e) !=
		    DW_DLV_OK)
		to = NULL;
	attr_free(s, die, attr);
	return to && to_alt ? alt_die(s, to) : to;
}

/* An instance says where, its origin what: the first of them that has name. */
static Dwarf_Die origin_with(struct source *s, Dwarf_Die die, Dwarf_Half name)
{
	Dwarf_Die at = die, next;
	Dwarf_Bool has;
	Dwarf_Error e;

	for (int i = 0; at && i < HOPS; i++) {
		if (dwarf_hasattr(at, name, &has, &e) == DW_DLV_OK && has)
			return at;
		next = referred(s, at, DW_AT_abstract_origin);
		if (!next)
			next = referred(s, at, DW_AT_specification);
		if (at != die)
			die_free(s, at);
		at = next;
	}
	if (at != die)
		die_free(s, at);
	return NULL;
}

static bool die_name(struct source *s, Dwarf_Die die, char *buf, size_t size)
{
	Dwarf_Die with = origin_with(s, die, DW_AT_name);
	Dwarf_Error e;
	char *name;
	bool ok;

	if (!with)
		return false;
	/* libdwarf's own text: the file with the name is not there. */
	ok = dwarf_diename(with, &name, &e) == DW_DLV_OK &&
	     strncmp(name, "<DW_FORM", 8) != 0;
	if (ok)
		snprintf(buf, size, "%s", name);
	if (with != die)
		die_free(s, with);
	return ok;
}

static Dwarf_Die type_of(struct source *s, Dwarf_Die die)
{
	Dwarf_Die with = origin_with(s, die, DW_AT_type), type;

	if (!with)
		return NULL;
	type = referred(s, with, DW_AT_type);
	if (with != die)
		die_free(s, with);
	return type;
}

/* ----------------------------------------------------------------- ranges -- */

static bool in_rnglist(Dwarf_Attribute attr, Dwarf_Half form,
		       Dwarf_Unsigned where, uint64_t pc)
{
	Dwarf_Unsigned count, global, raw1, raw2, lo, hi;
	Dwarf_Rnglists_Head head;
	unsigned len, rle;
	Dwarf_Bool missing;
	bool in = false;
	Dwarf_Error e;

	if (dwarf_rnglists_get_rle_head(attr, form, where, &head, &count,
					&global, &e) != DW_DLV_OK)
		return false;
	for (Dwarf_Unsigned i = 0; i < count && !in; i++) {
		if (dwarf_get_rnglists_entry_fields_a(head, i, &len, &rle,
						      &raw1, &raw2, &missing,
						      &lo, &hi,
						      &e) != DW_DLV_OK)
			break;
		if (rle == DW_RLE_end_of_list)
			break;
		if (missing || rle == DW_RLE_base_address ||
		    rle == DW_RLE_base_addressx)
			continue;
		in = pc >= lo && pc < hi;
	}
	dwarf_dealloc_rnglists_head(head);
	return in;
}

static bool in_ranges(struct source *s, Dwarf_Die die, Dwarf_Off off,
		      uint64_t pc)
{
	Dwarf_Unsigned bytes;
	Dwarf_Signed count;
	Dwarf_Ranges *v;
	Dwarf_Off real;
	Dwarf_Error e;
	uint64_t base = s->cu_low;
	bool in = false;

	if (dwarf_get_ranges_b(s->dbg, off, die, &real, &v, &count, &bytes,
			       &e) != DW_DLV_OK)
		return false;
	for (Dwarf_Signed i = 0; i < count && !in; i++) {
		if (v[i].dwr_type == DW_RANGES_END)
			break;
		if (v[i].dwr_type == DW_RANGES_ADDRESS_SELECTION)
			base = v[i].dwr_addr2;
		else
			in = pc >= base + v[i].dwr_addr1 &&
			     pc < base + v[i].dwr_addr2;
	}
	ranges_free(s->dbg, v, count);
	return in;
}

static bool contains(struct source *s, Dwarf_Die die, uint64_t pc)
{
	enum Dwarf_Form_Class class;
	Dwarf_Addr low, high;
	Dwarf_Attribute attr;
	Dwarf_Half form;
	Dwarf_Unsigned where;
	Dwarf_Error e;
	Dwarf_Off off;
	bool in = false;

	if (attribute(die, DW_AT_ranges, &attr)) {
		if (dwarf_whatform(attr, &form, &e) == DW_DLV_OK) {
			if (s->version >= 5 && form == DW_FORM_rnglistx &&
			    dwarf_formudata(attr, &where, &e) == DW_DLV_OK)
				in = in_rnglist(attr, form, where, pc);
			else if (dwarf_global_formref(attr, &off, &e) ==
				 DW_DLV_OK)
				in = s->version >= 5 ?
					     in_rnglist(attr, form, off, pc) :
					     in_ranges(s, die, off, pc);
		}
		attr_free(s, die, attr);
		return in;
	}
	if (dwarf_lowpc(die, &low, &e) != DW_DLV_OK ||
	    dwarf_highpc_b(die, &high, &form, &class, &e) != DW_DLV_OK)
		return false;
	if (class == DW_FORM_CLASS_CONSTANT)
		high += low;
	return pc >= low && pc < high;
}

/* ------------------------------------------------------------------ types -- */

static bool is_wrapper(Dwarf_Half tag)
{
	return tag == DW_TAG_typedef || tag == DW_TAG_const_type ||
	       tag == DW_TAG_volatile_type || tag == DW_TAG_restrict_type ||
	       tag == DW_TAG_atomic_type;
}

/* Takes over type; without typedefs and qualifiers. */
static Dwarf_Die bare_type(struct source *s, Dwarf_Die type)
{
	for (int i = 0; type && i < HOPS && is_wrapper(tag_of(type)); i++) {
		Dwarf_Die next = type_of(s, type);

		die_free(s, type);
		type = next;
	}
	return type;
}

/* Takes over type; 0: not known. */
static uint64_t type_size(struct source *s, Dwarf_Die type)
{
	uint64_t size = 0;
	Dwarf_Half tag;

	type = bare_type(s, type);
	if (!type)
		return 0;
	tag = tag_of(type);
	if (!unsigned_of(s, type, DW_AT_byte_size, &size) &&
	    (tag == DW_TAG_pointer_type || tag == DW_TAG_reference_type))
		size = s->address_size;
	die_free(s, type);
	return size;
}

static void type_text(struct source *s, Dwarf_Die type, char *buf, size_t size,
		      int hops)
{
	Dwarf_Half tag = type ? tag_of(type) : 0;
	const char *before = "", *after = "";
	char inner[256] = "void";
	Dwarf_Die to;

	switch (tag) {
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
		before = "struct ";
		break;
	case DW_TAG_union_type:
		before = "union ";
		break;
	case DW_TAG_enumeration_type:
		before = "enum ";
		break;
	case DW_TAG_pointer_type:
		after = "*";
		break;
	case DW_TAG_reference_type:
		after = "&";
		break;
	case DW_TAG_const_type:
		before = "const ";
		break;
	case DW_TAG_volatile_type:
		before = "volatile ";
		break;
	case DW_TAG_array_type:
		after = "[]";
		break;
	case DW_TAG_subroutine_type:
		snprintf(buf, size, "function");
		return;
	}
	if (!type || hops > HOPS) {
		snprintf(buf, size, "%s", inner);
		return;
	}
	if (*after || tag == DW_TAG_const_type || tag == DW_TAG_volatile_type ||
	    tag == DW_TAG_restrict_type || tag == DW_TAG_atomic_type) {
		to = type_of(s, type);
		type_text(s, to, inner, sizeof(inner), hops + 1);
		die_free(s, to);
	} else if (!die_name(s, type, inner, sizeof(inner))) {
		snprintf(inner, sizeof(inner), "{...}");
	}
	/* "char *const", not "const char *". */
	if ((tag == DW_TAG_const_type || tag == DW_TAG_volatile_type) &&
	    inner[strlen(inner) - 1] == '*') {
		snprintf(buf, size, "%.200s%.*s", inner,
			 (int)strlen(before) - 1, before);
		return;
	}
	snprintf(buf, size, "%s%.200s%s%s", before, inner,
		 *after && inner[strlen(inner) - 1] != '*' ? " " : "", after);
}

/* -------------------------------------------------------------- locations -- */

enum where {
	NOWHERE,
	IN_REG,
	IN_MEM,
	AT_ADDRESS,
	AS_ENTERED, /* the value is what the register had then */
};
struct location {
	enum where where;
	unsigned reg; /* enum ctl_usdt_reg */
	int64_t offset; /* or the address */
	uint64_t since; /* the variable is there from this address on */
	bool covered;	/* something is said of the address, found or not */
};

static unsigned reg_of(const struct source *s, unsigned n)
{
	static const uint8_t i386[] = {
		CTL_R_RAX, CTL_R_RCX, CTL_R_RDX, CTL_R_RBX,
		CTL_R_RSP, CTL_R_RBP, CTL_R_RSI, CTL_R_RDI,
	};

	if (!s->is_i386)
		return n <= CTL_R_XMM0 + 15 ? n : CTL_R_NONE;
	if (n < sizeof(i386))
		return i386[n];
	return n >= 21 && n <= 28 ? CTL_R_XMM0 + n - 21 : CTL_R_NONE;
}

struct op {
	Dwarf_Small atom;
	Dwarf_Unsigned v[3];
};

static bool get_op(Dwarf_Locdesc_c d, unsigned i, struct op *op)
{
	Dwarf_Unsigned branch;
	Dwarf_Error e;

	return dwarf_get_location_op_value_c(d, i, &op->atom, &op->v[0],
					     &op->v[1], &op->v[2], &branch,
					     &e) == DW_DLV_OK;
}

/* Where pc's frame base or CFA is: a register and an offset. */
static bool cfa(struct source *s, uint64_t pc, struct location *l)
{
	Dwarf_Addr lo, hi;
	Dwarf_Error e;
	Dwarf_Fde fde;
	unsigned reg;

	if (!s->fdes || dwarf_get_fde_at_pc(s->fdes, pc, &fde, &lo, &hi, &e) !=
				DW_DLV_OK ||
	    !cfa_at(fde, pc, &reg, &l->offset))
		return false;
	l->where = IN_MEM;
	l->reg = reg_of(s, reg);
	return l->reg != CTL_R_NONE;
}

static bool locate(struct source *s, Dwarf_Die die, Dwarf_Half name,
		   Dwarf_Die function, uint64_t pc, struct location *l);

/* DW_OP_entry_value of one register, as a value. */
static bool entry_reg(const struct source *s, Dwarf_Locdesc_c d,
		      const struct op *op, struct location *l)
{
	struct op end;
	uint8_t inner;

	if ((op->atom != DW_OP_entry_value &&
	     op->atom != DW_OP_GNU_entry_value) ||
	    op->v[0] != 1 || !op->v[1] || !get_op(d, 1, &end) ||
	    end.atom != DW_OP_stack_value)
		return false;
	inner = *(const uint8_t *)(uintptr_t)op->v[1];
	if (inner < DW_OP_reg0 || inner > DW_OP_reg31)
		return false;
	l->where = AS_ENTERED;
	l->reg = reg_of(s, inner - DW_OP_reg0);
	l->offset = 0;
	return true;
}

static bool decode(struct source *s, Dwarf_Locdesc_c d, const struct op *op,
		   unsigned nops, Dwarf_Die function, uint64_t pc,
		   struct location *l)
{
	struct location base;
	Dwarf_Addr addr;
	Dwarf_Error e;

	if (nops == 2 && entry_reg(s, d, op, l))
		return true;
	if (nops != 1)
		return false; /* computed: not the variable itself */
	if (op->atom >= DW_OP_reg0 && op->atom <= DW_OP_reg31) {
		l->where = IN_REG;
		l->reg = reg_of(s, op->atom - DW_OP_reg0);
		l->offset = 0;
		return true;
	}
	if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31) {
		l->where = IN_MEM;
		l->reg = reg_of(s, op->atom - DW_OP_breg0);
		l->offset = (int64_t)op->v[0];
		return true;
	}
	switch (op->atom) {
	case DW_OP_regx:
		l->where = IN_REG;
		l->reg = reg_of(s, op->v[0]);
		l->offset = 0;
		return true;
	case DW_OP_addr:
		l->where = AT_ADDRESS;
		l->offset = (int64_t)op->v[0];
		return true;
	case DW_OP_addrx:
	case DW_OP_GNU_addr_index:
		if (dwarf_debug_addr_index_to_addr(s->cu, op->v[0], &addr,
						   &e) != DW_DLV_OK)
			return false;
		l->where = AT_ADDRESS;
		l->offset = (int64_t)addr;
		return true;
	case DW_OP_call_frame_cfa:
		return cfa(s, pc, l);
	case DW_OP_fbreg:
		if (!function || !locate(s, function, DW_AT_frame_base, NULL,
					 pc, &base))
			return false;
		/* As an expression's whole, a register means its contents. */
		if (base.where != IN_REG && base.where != IN_MEM)
			return false;
		l->where = IN_MEM;
		l->reg = base.reg;
		l->offset = base.offset + (int64_t)op->v[0];
		return true;
	}
	return false;
}

/*
 * Where it is at pc.  With ends: where it was until pc, to the byte, l->covered
 * telling whether that is all that is said of pc.
 */
static bool locate_when(struct source *s, Dwarf_Die die, Dwarf_Half name,
			Dwarf_Die function, uint64_t pc, bool ends,
			struct location *l)
{
	Dwarf_Unsigned count, nops, rawlo, rawhi, exproff, descoff;
	Dwarf_Bool missing;
	Dwarf_Small lle, source;
	Dwarf_Loc_Head_c head;
	Dwarf_Locdesc_c desc;
	Dwarf_Attribute attr;
	Dwarf_Addr lo, hi;
	bool found = false;
	Dwarf_Error e;
	struct op op;

	l->covered = false;
	if (!attribute(die, name, &attr))
		return false;
	if (dwarf_get_loclist_c(attr, &head, &count, &e) == DW_DLV_OK) {
		for (Dwarf_Unsigned i = 0; i < count; i++) {
			bool covers;

			if (dwarf_get_locdesc_entry_d(
				    head, i, &lle, &rawlo, &rawhi, &missing,
				    &lo, &hi, &nops, &desc, &source, &exproff,
				    &descoff, &e) != DW_DLV_OK)
				break;
			/* source 0: one expression, for everywhere. */
			covers = !source || (!missing && pc >= lo && pc < hi);
			l->covered |= covers;
			if (ends ? !source || missing || hi != pc || lo == hi :
				   !covers)
				continue;
			found = nops && get_op(desc, 0, &op) &&
				decode(s, desc, &op, nops, function, pc, l) &&
				l->reg != CTL_R_NONE;
			l->since = source ? lo : 0;
			if (!ends)
				break;
		}
		loc_head_free(head);
	}
	attr_free(s, die, attr);
	return found;
}

static bool locate(struct source *s, Dwarf_Die die, Dwarf_Half name,
		   Dwarf_Die function, uint64_t pc, struct location *l)
{
	return locate_when(s, die, name, function, pc, false, l);
}

/* --------------------------------------------------------------- matching -- */

struct match {
	char name[256], type[256];
	uint64_t since;
};

/*
 * The member that is size bytes at offset; adds ".a.b" to m->name.  Takes over
 * type.
 */
static bool find_member(struct source *s, Dwarf_Die type, uint64_t offset,
			unsigned size, struct match *m, int hops)
{
	Dwarf_Die child = NULL, mtype;
	bool found = false;
	Dwarf_Half tag;

	type = bare_type(s, type);
	tag = type ? tag_of(type) : 0;
	if (hops > HOPS ||
	    (tag != DW_TAG_structure_type && tag != DW_TAG_class_type)) {
		die_free(s, type);
		return false;
	}
	while (!found && next_child(s, type, &child)) {
		uint64_t at = 0, bits, msize;
		size_t len = strlen(m->name);
		char name[128] = "";

		if (tag_of(child) != DW_TAG_member ||
		    unsigned_of(s, child, DW_AT_bit_size, &bits))
			continue;
		unsigned_of(s, child, DW_AT_data_member_location, &at);
		msize = type_size(s, type_of(s, child));
		if (offset < at || !msize || offset - at >= msize)
			continue;
		if (die_name(s, child, name, sizeof(name)))
			snprintf(m->name + len, sizeof(m->name) - len, "%s%s",
				 len ? "." : "", name);
		mtype = type_of(s, child);
		if (offset == at && msize == size) {
			type_text(s, mtype, m->type, sizeof(m->type), 0);
			die_free(s, mtype);
			found = name[0] != '\0';
		} else {
			found = find_member(s, mtype, offset - at, size, m,
					    hops + 1);
		}
		if (!found)
			m->name[len] = '\0';
	}
	if (found)
		die_free(s, child);
	die_free(s, type);
	return found;
}

/* The variable as a whole, or a member of it, offset bytes into it. */
static bool match_within(struct source *s, Dwarf_Die var, int64_t offset,
			 const struct ctl_usdt_arg *a, struct match *m)
{
	uint64_t size = type_size(s, type_of(s, var));
	Dwarf_Die type;

	if (offset < 0 || (uint64_t)offset >= size ||
	    !die_name(s, var, m->name, sizeof(m->name)))
		return false;
	if (offset == 0 && size == a->size) {
		type = type_of(s, var);
		type_text(s, type, m->type, sizeof(m->type), 0);
		die_free(s, type);
		return true;
	}
	return find_member(s, type_of(s, var), offset, a->size, m, 0);
}

/* What the variable points to, offset bytes into that. */
static bool match_pointed(struct source *s, Dwarf_Die var, int64_t offset,
			  const struct ctl_usdt_arg *a, struct match *m)
{
	Dwarf_Die type = bare_type(s, type_of(s, var)), to;
	struct match member = { 0 };
	char name[128];
	bool found;

	if (!type || tag_of(type) != DW_TAG_pointer_type || offset < 0) {
		die_free(s, type);
		return false;
	}
	to = type_of(s, type);
	die_free(s, type);
	found = to && find_member(s, to, offset, a->size, &member, 0) &&
		die_name(s, var, name, sizeof(name));
	if (found) {
		snprintf(m->name, sizeof(m->name), "%s->%.100s", name,
			 member.name);
		memcpy(m->type, member.type, sizeof(m->type));
	}
	return found;
}

static bool match_var(struct source *s, Dwarf_Die var, Dwarf_Die function,
		      uint64_t pc, const struct ctl_usdt_arg *a,
		      struct match *m)
{
	struct location l = { 0 };

	if (!locate(s, var, DW_AT_location, function, pc, &l))
		return false;
	m->since = l.since;
	if (a->how == CTL_ARG_REG)
		return l.where == IN_REG && l.reg == a->base && !a->shift &&
		       match_within(s, var, 0, a, m);
	if (a->how != CTL_ARG_MEM || a->index != CTL_R_NONE ||
	    a->seg != CTL_R_NONE)
		return false;
	if (a->base == CTL_R_NONE)
		return l.where == AT_ADDRESS &&
		       match_within(s, var,
				    a->value - (int64_t)s->o->bias - l.offset,
				    a, m);
	if (l.where == IN_MEM && l.reg == a->base)
		return match_within(s, var, a->value - l.offset, a, m);
	return l.where == IN_REG && l.reg == a->base &&
	       match_pointed(s, var, a->value, a, m);
}

/* What a place of the function holds before the instruction at pc. */
static struct flow_value value_at(const struct source *s, uint64_t pc,
				  const struct location *l, unsigned size)
{
	struct flow_value none = { 0 };

	switch (l->where) {
	case IN_REG:
		return flow_reg(s->flow, pc, l->reg);
	case IN_MEM:
		return flow_slot(s->flow, pc, l->reg, l->offset, size);
	case AS_ENTERED:
		return flow_entry(l->reg);
	default:
		return none;
	}
}

static bool is_value(struct flow_value a, struct flow_value b, unsigned size)
{
	return a.id && a.id == b.id && a.bytes >= size && b.bytes >= size;
}

/* Is the argument, or what it is reached through, the variable at l? */
static bool match_at(struct source *s, Dwarf_Die var, struct flow_value v,
		     const struct ctl_usdt_arg *a, struct match *m)
{
	if (a->index != CTL_R_NONE || a->seg != CTL_R_NONE || a->shift ||
	    a->base == CTL_R_NONE)
		return false;
	if (a->how == CTL_ARG_REG)
		return is_value(flow_reg(s->flow, s->site, a->base), v,
				a->size) &&
		       match_within(s, var, 0, a, m);
	if (a->how != CTL_ARG_MEM)
		return false;
	if (is_value(flow_slot(s->flow, s->site, a->base, a->value, a->size), v,
		     a->size))
		return match_within(s, var, 0, a, m);
	return is_value(flow_reg(s->flow, s->site, a->base), v,
			s->address_size) &&
	       match_pointed(s, var, a->value, a, m);
}

/* The variable has the value that the argument has. */
static bool match_value(struct source *s, Dwarf_Die var, Dwarf_Die function,
			uint64_t pc, const struct ctl_usdt_arg *a,
			struct match *m)
{
	struct location l = { 0 };

	if (!locate(s, var, DW_AT_location, function, pc, &l))
		return false;
	m->since = l.since;
	return match_at(s, var, value_at(s, s->site, &l, a->size), a, m);
}

/*
 * The variable is not needed any more behind the probe and had that value up to
 * it: what was said of where it is ends here, and the instruction before has
 * not changed that place.
 */
static bool match_last(struct source *s, Dwarf_Die var, Dwarf_Die function,
		       uint64_t pc, const struct ctl_usdt_arg *a,
		       struct match *m)
{
	struct location l = { 0 }, behind = { 0 };
	struct flow_value before, now;
	uint64_t prev;

	if (!locate_when(s, var, DW_AT_location, function, pc, true, &l) ||
	    l.covered || !flow_before(s->flow, pc, &prev))
		return false;
	if (s->is_nop)
		locate(s, var, DW_AT_location, function, pc + 1, &behind);
	if (behind.covered)
		return false;
	before = value_at(s, prev, &l, a->size);
	now = value_at(s, pc, &l, a->size);
	m->since = l.since;
	return is_value(before, now, a->size) &&
	       !flow_made_at(s->flow, prev, now) && match_at(s, var, now, a, m);
}

typedef bool match_fn(struct source *s, Dwarf_Die var, Dwarf_Die function,
		      uint64_t pc, const struct ctl_usdt_arg *a,
		      struct match *m);

/*
 * Several may be in one place: "h = (heap_info *)p2".  The one that came last
 * is what the program calls it now.
 */
static bool match_scope(struct source *s, match_fn *match, Dwarf_Die scope,
			Dwarf_Die function, uint64_t pc,
			const struct ctl_usdt_arg *a, struct match *best)
{
	Dwarf_Die child = NULL;
	bool found = false;
	struct match m;
	Dwarf_Half tag;

	while (next_child(s, scope, &child)) {
		tag = tag_of(child);
		if (tag != DW_TAG_formal_parameter && tag != DW_TAG_variable)
			continue;
		memset(&m, 0, sizeof(m));
		if (!match(s, child, function, pc, a, &m) ||
		    (found && m.since <= best->since))
			continue;
		*best = m;
		found = true;
	}
	return found;
}

/* ---------------------------------------------------------------- one site -- */

struct chain {
	Dwarf_Die die[DEPTH]; /* from the function in */
	unsigned n;
};

static bool is_scope(Dwarf_Half tag)
{
	return tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine ||
	       tag == DW_TAG_lexical_block;
}

static void find_chain(struct source *s, Dwarf_Die parent, uint64_t pc,
		       struct chain *c)
{
	Dwarf_Die child = NULL;
	Dwarf_Half tag;

	while (c->n < DEPTH && next_child(s, parent, &child)) {
		tag = tag_of(child);
		if (is_scope(tag) && contains(s, child, pc)) {
			c->die[c->n++] = child;
			find_chain(s, child, pc, c);
			return;
		}
		if (tag == DW_TAG_namespace) {
			find_chain(s, child, pc, c);
			if (c->n) {
				die_free(s, child);
				return;
			}
		}
	}
}

static const char *keep(struct source *s, const char *text)
{
	return arena_strndup(&s->u->arena, text, strlen(text));
}

/* The line table's row for pc. */
static bool find_line(struct source *s, uint64_t pc, const char **file,
		      unsigned *line)
{
	Dwarf_Line_Context context;
	Dwarf_Line *v, best = NULL;
	Dwarf_Unsigned version, number;
	Dwarf_Small tables;
	Dwarf_Signed count;
	Dwarf_Error e;
	Dwarf_Addr addr, next;
	Dwarf_Bool end;
	char *src;
	bool found = false;

	if (dwarf_srclines_b(s->cu, &version, &tables, &context, &e) !=
	    DW_DLV_OK)
		return false;
	if (dwarf_srclines_from_linecontext(context, &v, &count, &e) ==
	    DW_DLV_OK) {
		/* A row is for the addresses from its own to the next one's. */
		for (Dwarf_Signed i = 0; i + 1 < count; i++)
			if (dwarf_lineaddr(v[i], &addr, &e) == DW_DLV_OK &&
			    dwarf_lineaddr(v[i + 1], &next, &e) == DW_DLV_OK &&
			    dwarf_lineendsequence(v[i], &end, &e) ==
				    DW_DLV_OK &&
			    !end && addr <= pc && pc < next)
				best = v[i];
		if (best && dwarf_lineno(best, &number, &e) == DW_DLV_OK &&
		    dwarf_linesrc(best, &src, &e) == DW_DLV_OK) {
			*file = keep(s, src);
			*line = number;
			dwarf_dealloc(s->dbg, src, DW_DLA_STRING);
			found = *file != NULL;
		}
	}
	dwarf_srclines_dealloc_b(context);
	return found;
}

/* Where an inlined function was called. */
static void call_site(struct source *s, Dwarf_Die inlined,
		      struct ctl_usdt_frame *f)
{
	uint64_t file, line;
	Dwarf_Signed count;
	Dwarf_Error e;
	char **files;

	if (unsigned_of(s, inlined, DW_AT_call_line, &line))
		f->line = line;
	if (!unsigned_of(s, inlined, DW_AT_call_file, &file) ||
	    dwarf_srcfiles(s->cu, &files, &count, &e) != DW_DLV_OK)
		return;
	if (s->version < 5)
		file--; /* 0 was "none" */
	if (file < (uint64_t)count)
		f->file = keep(s, files[file]);
	for (Dwarf_Signed i = 0; i < count; i++)
		dwarf_dealloc(s->dbg, files[i], DW_DLA_STRING);
	dwarf_dealloc(s->dbg, files, DW_DLA_LIST);
}

static int set_frames(struct source *s, const struct chain *c,
		      struct raw_site *raw)
{
	struct ctl_usdt_frame *v;
	char name[256];
	unsigned n = 0;

	v = arena_alloc(&s->u->arena, (c->n + 1) * sizeof(*v));
	if (!v)
		return -ENOMEM;
	find_line(s, raw->pc, &v[0].file, &v[0].line);
	for (unsigned i = c->n; i-- > 0;) {
		Dwarf_Half tag = tag_of(c->die[i]);

		if (tag == DW_TAG_lexical_block)
			continue;
		if (die_name(s, c->die[i], name, sizeof(name)))
			v[n].function = keep(s, name);
		n++;
		if (tag == DW_TAG_inlined_subroutine)
			call_site(s, c->die[i], &v[n]);
	}
	if (!n && v[0].file)
		n = 1; /* code of the assembler: a line and no function */
	if (n) {
		raw->site.frames = v;
		raw->site.nframes = n;
	}
	return 0;
}

struct ends {
	uint64_t v[64];
	size_t n;
};

/*
 * Where calls end that do not return.  One that is not told of only lets less
 * be found.
 */
static void find_ends(struct source *s, Dwarf_Die scope, struct ends *e,
		      unsigned depth)
{
	Dwarf_Die child = NULL, callee;
	Dwarf_Half tag;
	uint64_t pc;

	while (next_child(s, scope, &child)) {
		bool is_old;

		tag = tag_of(child);
		is_old = tag == DW_TAG_GNU_call_site;
		if (is_scope(tag) && depth < DEPTH)
			find_ends(s, child, e, depth + 1);
		if ((tag != DW_TAG_call_site && !is_old) ||
		    e->n == sizeof(e->v) / sizeof(e->v[0]) ||
		    !address_of(s, child,
				is_old ? DW_AT_low_pc : DW_AT_call_return_pc,
				&pc))
			continue;
		callee = referred(s, child,
				  is_old ? DW_AT_abstract_origin :
					   DW_AT_call_origin);
		if (callee && flag_of(s, callee, DW_AT_noreturn))
			e->v[e->n++] = pc;
		die_free(s, callee);
	}
}

/*
 * The code of a function that is in one piece: another piece would jump into
 * this one, unseen.
 */
static void read_flow(struct source *s, Dwarf_Die function)
{
	enum Dwarf_Form_Class class;
	struct ends ends = { .n = 0 };
	Dwarf_Addr low, high;
	uint64_t offset;
	Dwarf_Half form;
	uint8_t *code;
	Dwarf_Error e;

	if (s->is_i386 || s->o->file->other_machine || !function ||
	    dwarf_lowpc(function, &low, &e) != DW_DLV_OK ||
	    dwarf_highpc_b(function, &high, &form, &class, &e) != DW_DLV_OK)
		low = 0;
	else if (class == DW_FORM_CLASS_CONSTANT)
		high += low;
	if (low && low == s->flow_addr)
		return;
	flow_free(s->flow);
	s->flow = NULL;
	s->flow_addr = low;
	if (!low || high <= low || high - low > FLOW_MAX ||
	    !elf_offset_of(s->o->file, low, &offset))
		return;
	code = malloc(high - low);
	if (code && pread(s->o->file->fd, code, high - low, offset) ==
			    (ssize_t)(high - low)) {
		find_ends(s, function, &ends, 0);
		s->flow = flow_new(code, high - low, low, ends.v, ends.n,
				   &s->flow_work);
	}
	free(code);
}

/* Inner scopes first; what begins at the site before what begins behind it. */
static bool match_chain(struct source *s, match_fn *match,
			const struct chain *c, const struct ctl_usdt_arg *a,
			struct match *m)
{
	/* Locations are given in the frame of the function itself. */
	Dwarf_Die function = c->n ? c->die[0] : NULL;
	bool found = false;

	/*
	 * A location may begin with the instruction behind the site: a nop of
	 * one byte lies between, which changes nothing.
	 */
	for (unsigned behind = 0; behind <= s->is_nop && !found; behind++)
		for (unsigned k = c->n; k-- > 0 && !found;)
			found = match_scope(s, match, c->die[k], function,
					    s->site + behind, a, m);
	return found;
}

static int set_args(struct source *s, const struct chain *c,
		    struct raw_site *raw)
{
	for (unsigned i = 0; i < raw->site.nargs; i++) {
		struct ctl_usdt_arg *a = &raw->args[i];
		struct match m = { 0 };
		bool found;

		if (raw->site.is_enabled)
			break;
		found = match_chain(s, match_var, c, a, &m);
		if (!found && a->base == CTL_R_NONE)
			found = match_scope(s, match_var, s->cu, NULL, raw->pc,
					    a, &m);
		if (!found && c->n) {
			read_flow(s, c->die[0]);
			found = s->flow &&
				(match_chain(s, match_value, c, a, &m) ||
				 match_chain(s, match_last, c, a, &m));
		}
		if (!found)
			continue;
		a->name = keep(s, m.name);
		if (!a->type)
			a->type = keep(s, m.type);
		if (!a->name || !a->type)
			return -ENOMEM;
	}
	return 0;
}

static int describe_site(struct source *s, struct raw_site *raw)
{
	struct chain c = { .n = 0 };
	unsigned char byte;
	int r;

	s->is_nop = raw->site.has_offset &&
		    pread(s->o->file->fd, &byte, 1, raw->site.offset) == 1 &&
		    byte == 0x90;
	s->site = raw->pc;
	find_chain(s, s->cu, raw->pc, &c);
	r = set_frames(s, &c, raw);
	if (r == 0)
		r = set_args(s, &c, raw);
	while (c.n)
		die_free(s, c.die[--c.n]);
	return r;
}

/* ------------------------------------------------------------------- units -- */

static int describe_unit(struct source *s)
{
	Dwarf_Addr low;
	Dwarf_Error e;
	int r = 0;

	s->cu_low = dwarf_lowpc(s->cu, &low, &e) == DW_DLV_OK ? low : 0;
	for (struct raw_site *raw = s->u->raw; raw && r == 0; raw = raw->next)
		if (raw->object == s->o && contains(s, s->cu, raw->pc))
			r = describe_site(s, raw);
	return r;
}

static int describe_all(struct source *s)
{
	Dwarf_Unsigned length, typeoff, next;
	Dwarf_Half addrsize, offsize, extsize, type;
	Dwarf_Sig8 signature;
	Dwarf_Off abbrev;
	Dwarf_Error e;
	int r = 0;

	/* To the end in any case: libdwarf remembers where it was. */
	while (dwarf_next_cu_header_d(s->dbg, 1, &length, &s->version, &abbrev,
				      &addrsize, &offsize, &extsize, &signature,
				      &typeoff, &next, &type, &e) == DW_DLV_OK) {
		s->address_size = addrsize;
		s->cu = NULL;
		if (r < 0 || dwarf_siblingof_b(s->dbg, NULL, 1, &s->cu, &e) !=
				     DW_DLV_OK)
			continue;
		if (tag_of(s->cu) == DW_TAG_compile_unit)
			r = describe_unit(s);
		die_free(s, s->cu);
	}
	return r;
}

/* -------------------------------------------------------------------- all -- */

/* What the frame's addresses at the sites are computed from: no matter if it
 * is not there. */
static void open_unwind_table(struct source *s)
{
	Dwarf_Signed ncies;
	Dwarf_Cie *cies;
	Dwarf_Error e;

	/* A descriptor of its own: libdwarf moves the file position. */
	s->main_fd = elf_reopen(s->o->file->fd);
	if (s->main_fd < 0 || debug_init(s->main_fd, &s->main) != DW_DLV_OK) {
		s->main = NULL;
		return;
	}
	if (dwarf_get_fde_list_eh(s->main, &cies, &ncies, &s->fdes, &s->nfdes,
				  &e) != DW_DLV_OK)
		s->fdes = NULL;
}

static void close_unwind_table(struct source *s)
{
	if (s->main)
		debug_finish(s->main);
	if (s->main_fd >= 0)
		close(s->main_fd);
}

/* fd: the file with the debug information. */
static int describe_from(struct source *s, int fd)
{
	Dwarf_Error e;
	int alt_fd, r;

	if (debug_init(fd, &s->dbg) != DW_DLV_OK)
		return 0;
	alt_fd = debug_alt_open(fd);
	if (alt_fd >= 0 && (!debug_file_sound(alt_fd) ||
			    debug_init(alt_fd, &s->alt) != DW_DLV_OK))
		s->alt = NULL;
	/* For strings that are there. */
	if (s->alt)
		dwarf_set_tied_dbg(s->dbg, s->alt, &e);
	r = describe_all(s);
	flow_free(s->flow);
	if (s->alt) {
		dwarf_set_tied_dbg(s->dbg, NULL, &e);
		debug_finish(s->alt);
	}
	if (alt_fd >= 0)
		close(alt_fd);
	debug_finish(s->dbg);
	return r;
}

int dwarf_describe(struct ctl_usdt *u, struct usdt_object *o)
{
	struct source s = { .u = u, .o = o, .flow_work = FLOW_WORK };
	GElf_Shdr sh;
	int fd, r;

	if (o->file->fd < 0)
		return 0;
	s.is_i386 = o->file->ehdr.e_machine == EM_386;
	if (elf_section_find(o->file, ".debug_info", &sh))
		fd = elf_reopen(o->file->fd);
	else
		fd = debug_file_open(o->file, o->path);
	if (fd < 0)
		return 0; /* there is none */
	if (!debug_file_sound(fd)) {
		usdt_problem(u, o->path, "damaged debug information");
		close(fd);
		return 0;
	}
	open_unwind_table(&s);
	r = describe_from(&s, fd);
	close_unwind_table(&s);
	close(fd);
	return r;
}
