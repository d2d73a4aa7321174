/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * usdt_spec.c - which probes are meant.
 *
 *     PROVIDER:NAME   OBJECT:PROVIDER:NAME        ours, SystemTap users', perf's
 *     usdt:OBJECT:PROVIDER:NAME, usdt:PROVIDER:NAME         bpftrace's
 *     PROVIDER:OBJECT::NAME, PROVIDER:::NAME                DTrace's
 *
 * An empty part is any.  In the C source a name may hold no "-"; by convention
 * "__" stands for it, and DTrace shows the former.  Either may be typed.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

struct ctl_usdt_spec {
	const char *object, *provider, *name; /* in text; "" any */
	char text[];
};

#define PARTS 4

static unsigned split(char *text, char *part[PARTS])
{
	unsigned n = 1;

	part[0] = text;
	for (; *text; text++) {
		if (*text != ':')
			continue;
		if (n == PARTS)
			return PARTS + 1;
		*text = '\0';
		part[n++] = text + 1;
	}
	return n;
}

CTL_EXPORT int ctl_usdt_spec_parse(struct ctl_usdt_spec **spec,
				   const char *text)
{
	const char *function = "";
	struct ctl_usdt_spec *s;
	char *part[PARTS];
	unsigned n;

	if (!strncmp(text, "usdt:", 5) && strchr(text + 5, ':'))
		text += 5;
	s = malloc(sizeof(*s) + strlen(text) + 1);
	if (!s)
		return ctl_failno(-ENOMEM);
	strcpy(s->text, text);
	n = split(s->text, part);
	s->object = "";
	if (n == 2) {
		s->provider = part[0];
		s->name = part[1];
	} else if (n == 3) {
		s->object = part[0];
		s->provider = part[1];
		s->name = part[2];
	} else if (n == 4) {
		s->provider = part[0];
		s->object = part[1];
		function = part[2];
		s->name = part[3];
	}
	if (n < 2 || n > 4 || (*function && strcmp(function, "*") != 0)) {
		free(s);
		return ctl_fail(-EINVAL,
				n == 4 ? "probes are not selected by function" :
					 "not [OBJECT:]PROVIDER:NAME");
	}
	*spec = s;
	return 0;
}

CTL_EXPORT void ctl_usdt_spec_free(struct ctl_usdt_spec *spec)
{
	free(spec);
}

static bool match(const char *pattern, const char *s)
{
	return !*pattern || fnmatch(pattern, s, 0) == 0;
}

void ctl_object_names(struct ctl_object_names *names, const char *path)
{
	const char *slash = strrchr(path, '/'), *so;
	const char *base = slash ? slash + 1 : path;
	size_t len;

	names->v[0] = path;
	names->v[1] = base;
	names->n = 2;
	so = strstr(base, ".so");
	len = so ? (size_t)(so - base) : sizeof(names->stem);
	if (len >= sizeof(names->stem))
		return;
	memcpy(names->stem, base, len);
	names->stem[len] = '\0';
	names->v[names->n++] = names->stem;
}

static bool match_object(const char *pattern, const char *path)
{
	struct ctl_object_names names;

	ctl_object_names(&names, path);
	for (unsigned i = 0; i < names.n; i++)
		if (match(pattern, names.v[i]))
			return true;
	return false;
}

/* "__" in a name may be typed as "-". */
static bool match_name(const char *pattern, const char *name)
{
	char dashed[512];
	size_t n = 0;

	if (match(pattern, name))
		return true;
	for (; *name && n < sizeof(dashed) - 1; name++) {
		if (name[0] == '_' && name[1] == '_') {
			dashed[n++] = '-';
			name++;
		} else {
			dashed[n++] = *name;
		}
	}
	dashed[n] = '\0';
	return !*name && match(pattern, dashed);
}

CTL_EXPORT bool ctl_usdt_match(const struct ctl_usdt_spec *spec,
			       const struct ctl_usdt_probe *probe)
{
	return !spec || (match(spec->provider, probe->provider) &&
			 match_name(spec->name, probe->name) &&
			 match_object(spec->object, probe->object));
}
