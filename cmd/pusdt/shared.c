/* SPDX-License-Identifier: GPL-2.0-or-later */
/* shared.c - what the subcommands of pusdt share. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pusdt.h"

int pusdt_specs_add(struct pusdt_specs *s, const char *text)
{
	struct ctl_usdt_spec **v, *spec;
	const char **texts;
	bool *matched;
	int r;

	r = ctl_usdt_spec_parse(&spec, text);
	if (r < 0) {
		cmd_complain("cannot select %s: %s", text, ctl_error());
		return r;
	}
	v = reallocarray(s->v, s->n + 1, sizeof(*v));
	if (v)
		s->v = v;
	texts = reallocarray(s->text, s->n + 1, sizeof(*texts));
	if (texts)
		s->text = texts;
	matched = reallocarray(s->matched, s->n + 1, sizeof(*matched));
	if (matched)
		s->matched = matched;
	if (!v || !texts || !matched) {
		ctl_usdt_spec_free(spec);
		return -ENOMEM;
	}
	s->v[s->n] = spec;
	s->text[s->n] = text;
	s->matched[s->n++] = false;
	return 0;
}

void pusdt_specs_free(struct pusdt_specs *s)
{
	for (size_t i = 0; i < s->n; i++)
		ctl_usdt_spec_free(s->v[i]);
	free(s->v);
	free(s->text);
	free(s->matched);
}

bool pusdt_specs_match(const struct pusdt_specs *s,
		       const struct ctl_usdt_probe *p)
{
	bool any = s->n == 0;

	for (size_t i = 0; i < s->n; i++)
		if (ctl_usdt_match(s->v[i], p))
			any = s->matched[i] = true;
	return any;
}

size_t pusdt_specs_unmatched(const struct pusdt_specs *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		if (!s->matched[i]) {
			cmd_complain("no probe matches %s", s->text[i]);
			n++;
		}
	return n;
}

void pusdt_print(const char *text)
{
	cmd_text_print(stdout, text, strlen(text));
}

struct json_object *pusdt_json_text(const char *text)
{
	return text ? cmd_json_text(text, strlen(text)) : NULL;
}

struct json_object *pusdt_json_hex(uint64_t v)
{
	char text[32];

	snprintf(text, sizeof(text), "%#" PRIx64, v);
	return json_object_new_string(text);
}

bool pusdt_specs_match_info(const struct pusdt_specs *s,
			    const struct ctl_probe_info *i)
{
	struct ctl_usdt_probe p = { 0 };

	if (!ctl_probe_names(i, &p.provider, &p.name, &p.object))
		return s->n == 0;
	return pusdt_specs_match(s, &p);
}
