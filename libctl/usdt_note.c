/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * usdt_note.c - ELF notes: of SystemTap, and of DTrace 2.
 *
 * A note section is a row of
 *
 *     u32 namesz, descsz, type;  name, padded;  desc, padded
 *
 * stapsdt, type 3:   address pc, base, semaphore; "provider", "name", "args".
 *                    An address has the size of the file's class.
 * usdt, type 1, 2:   u64 pc, u64 address of the function's name; "provider",
 *                    "name", u8 number of arguments, "args" if that is not 0.
 *                    Type 2 is an is-enabled site, and its one argument is
 *                    where the program wants the answer.
 * prov, type 1:      "provider", padded to 4; five attributes of 4 bytes; u32
 *                    probes; each of these, padded to 4: "name", u8 n, n native
 *                    types, u8 m, m times a translated type and u8 which native
 *                    argument it comes from.
 *
 * Every text ends with a NUL.  Everything is in the byte order of the file,
 * which elf.c has made sure is little-endian.
 */
#include <errno.h>
#include <string.h>

#include "probe.h"

/* ----------------------------------------------------------------- notes -- */

struct nhdr {
	uint32_t namesz, descsz, type;
};

/* Take size bytes and the padding that follows; false: there are not so many. */
static bool take_padded(size_t len, size_t *pos, size_t size, size_t align,
			size_t *start)
{
	if (size > len - *pos)
		return false;
	*start = *pos;
	*pos += size;
	/* The last one may come without its padding. */
	if (-*pos % align > len - *pos)
		*pos = len;
	else
		*pos += -*pos % align;
	return true;
}

int note_next(const void *section, size_t len, size_t align, size_t *pos,
	      struct note *n)
{
	const unsigned char *p = section;
	size_t at = *pos, name, desc;
	struct nhdr h;

	align = align == 8 ? 8 : 4;
	if (at >= len)
		return 0;
	if (len - at < sizeof(h))
		return -EBADMSG;
	memcpy(&h, p + at, sizeof(h));
	at += sizeof(h);
	if (!take_padded(len, &at, h.namesz, align, &name) ||
	    !take_padded(len, &at, h.descsz, align, &desc))
		return -EBADMSG;
	n->type = h.type;
	n->name = (const char *)p + name;
	n->namesz = h.namesz;
	n->desc = p + desc;
	n->descsz = h.descsz;
	*pos = at;
	return 1;
}

bool note_is(const struct note *n, const char *owner, uint32_t type)
{
	size_t size = strlen(owner) + 1;

	return n->type == type && n->namesz == size &&
	       !memcmp(n->name, owner, size);
}

/* ---------------------------------------------------------- descriptions -- */

struct cursor {
	const unsigned char *p, *end;
};

static bool take_bytes(struct cursor *c, void *to, size_t size)
{
	if (size > (size_t)(c->end - c->p))
		return false;
	memcpy(to, c->p, size);
	c->p += size;
	return true;
}

static bool take_text(struct cursor *c, struct text *t)
{
	const unsigned char *nul = memchr(c->p, '\0', c->end - c->p);

	if (!nul)
		return false;
	t->s = (const char *)c->p;
	t->len = nul - c->p;
	c->p = nul + 1;
	return true;
}

static bool take_address(struct cursor *c, unsigned size, uint64_t *addr)
{
	uint32_t narrow;

	if (size == 8)
		return take_bytes(c, addr, 8);
	if (!take_bytes(c, &narrow, 4))
		return false;
	*addr = narrow;
	return true;
}

int stapsdt_parse(const void *desc, size_t len, unsigned addrsize,
		  struct stapsdt_note *n)
{
	struct cursor c = { desc, (const unsigned char *)desc + len };

	if (!take_address(&c, addrsize, &n->pc) ||
	    !take_address(&c, addrsize, &n->base) ||
	    !take_address(&c, addrsize, &n->semaphore) ||
	    !take_text(&c, &n->provider) || !take_text(&c, &n->name) ||
	    !take_text(&c, &n->args))
		return -EBADMSG;
	/* What a probe without arguments has in old files. */
	if (n->args.len == 1 && n->args.s[0] == ':')
		n->args.len = 0;
	return 0;
}

int usdt_note_parse(const void *desc, size_t len, struct usdt_note *n)
{
	struct cursor c = { desc, (const unsigned char *)desc + len };
	unsigned char nargs;

	if (!take_bytes(&c, &n->pc, 8) || !take_bytes(&c, &n->function, 8) ||
	    !take_text(&c, &n->provider) || !take_text(&c, &n->name) ||
	    !take_bytes(&c, &nargs, 1))
		return -EBADMSG;
	n->nargs = nargs;
	n->args = (struct text){ "", 0 };
	if (nargs && !take_text(&c, &n->args))
		return -EBADMSG;
	return 0;
}

/* ---------------------------------------------------------- declarations -- */

static bool skip_padding(struct cursor *c, const unsigned char *start)
{
	size_t pad = -(size_t)(c->p - start) % 4;

	if (pad > (size_t)(c->end - c->p))
		return false;
	c->p += pad;
	return true;
}

int usdt_decl_parse(const void *desc, size_t len, struct usdt_decl *d)
{
	struct cursor c = { desc, (const unsigned char *)desc + len };
	uint32_t attributes[5];

	if (!take_text(&c, &d->provider) || !skip_padding(&c, desc) ||
	    !take_bytes(&c, attributes, sizeof(attributes)) ||
	    !take_bytes(&c, &d->left, 4))
		return -EBADMSG;
	d->start = desc;
	d->p = c.p;
	d->end = c.end;
	return 0;
}

int usdt_decl_next(struct usdt_decl *d, struct usdt_decl_probe *p)
{
	struct cursor c = { d->p, d->end };
	unsigned char n, from;
	struct text type;

	if (!d->left)
		return 0;
	if (!take_text(&c, &p->name) || !take_bytes(&c, &n, 1))
		return -EBADMSG;
	p->nargs = n;
	p->native = c.p;
	while (n--)
		if (!take_text(&c, &type))
			return -EBADMSG;
	if (!take_bytes(&c, &n, 1))
		return -EBADMSG;
	p->nxargs = n;
	p->translated = c.p;
	while (n--)
		if (!take_text(&c, &type) || !take_bytes(&c, &from, 1))
			return -EBADMSG;
	p->end = c.p;
	if (--d->left && !skip_padding(&c, d->start))
		return -EBADMSG;
	d->p = c.p;
	return 1;
}

int usdt_decl_native(const struct usdt_decl_probe *p, unsigned i,
		     struct text *type)
{
	struct cursor c = { p->native, p->end };

	if (i >= p->nargs)
		return -ENOENT;
	do {
		if (!take_text(&c, type))
			return -EBADMSG;
	} while (i--);
	return 0;
}

int usdt_decl_translated(const struct usdt_decl_probe *p, unsigned i,
			 struct text *type, unsigned *from)
{
	struct cursor c = { p->translated, p->end };
	unsigned char native;

	if (i >= p->nxargs)
		return -ENOENT;
	do {
		if (!take_text(&c, type) || !take_bytes(&c, &native, 1))
			return -EBADMSG;
	} while (i--);
	*from = native;
	return 0;
}
