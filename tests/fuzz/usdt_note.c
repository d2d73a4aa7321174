/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sections of notes: SystemTap's of both classes, DTrace 2's. */
#include "../../libctl/probe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned sink;

static void read_text(struct text t)
{
	for (size_t i = 0; i < t.len; i++)
		sink += t.s[i];
}

static void read_declaration(const struct note *n)
{
	struct usdt_decl_probe p;
	struct usdt_decl d;
	struct text t;
	unsigned from;

	if (usdt_decl_parse(n->desc, n->descsz, &d) < 0)
		return;
	read_text(d.provider);
	while (usdt_decl_next(&d, &p) == 1) {
		read_text(p.name);
		for (unsigned i = 0; usdt_decl_native(&p, i, &t) == 0; i++)
			read_text(t);
		for (unsigned i = 0;
		     usdt_decl_translated(&p, i, &t, &from) == 0; i++)
			read_text(t);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stapsdt_note s;
	struct usdt_note u;
	struct note n;

	for (size_t align = 4; align <= 8; align += 4) {
		size_t pos = 0, before = 0;

		while (note_next(data, size, align, &pos, &n) == 1) {
			if (pos <= before || pos > size)
				__builtin_trap();
			before = pos;
			sink += note_is(&n, "stapsdt", 3);
			for (unsigned w = 4; w <= 8; w += 4)
				if (stapsdt_parse(n.desc, n.descsz, w, &s) ==
				    0) {
					read_text(s.provider);
					read_text(s.name);
					read_text(s.args);
				}
			if (usdt_note_parse(n.desc, n.descsz, &u) == 0) {
				read_text(u.provider);
				read_text(u.name);
				read_text(u.args);
			}
			read_declaration(&n);
		}
	}
	return 0;
}
