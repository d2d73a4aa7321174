/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stack.c - user stacks as text and as JSON. */
#include <inttypes.h>
#include <string.h>

#include "common.h"

#define STACK_BYTES 16384U

uint32_t cmd_stack_bytes(struct argp_state *state, const char *arg)
{
	uint64_t n = STACK_BYTES;

	if (arg && (cmd_parse_u64(arg, CTL_CAP_LIMIT, &n) < 0 || !n))
		argp_error(state, "not a number of bytes from 1 to %u: %s",
			   CTL_CAP_LIMIT, arg);
	return n;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

void cmd_frame_text(const struct ctl_frame *f, char *buf, size_t size)
{
	const char *object = f->object ? last_part(f->object) : "";
	char source[128] = "";

	if (f->file)
		snprintf(source, sizeof(source), " (%s:%u)",
			 last_part(f->file), f->line);
	if (f->inlined)
		snprintf(buf, size, "%s`%s [inlined]%s", object, f->symbol,
			 source);
	else if (!f->object)
		snprintf(buf, size, "0x%" PRIx64, f->address);
	else if (f->symbol)
		snprintf(buf, size, "%s`%s+0x%" PRIx64 "%s", object, f->symbol,
			 f->offset, source);
	else
		snprintf(buf, size, "%s`0x%" PRIx64 "%s", object, f->linked,
			 source);
}

const char *cmd_stack_end(const struct ctl_stack *st)
{
	if (st->flags & CTL_STACK_CUT)
		return "...";
	return st->flags & CTL_STACK_BROKEN ? "?" : NULL;
}

void cmd_stack_print(FILE *out, const struct ctl_stack *st, const char *indent)
{
	char text[CMD_FRAME_TEXT];

	for (unsigned i = 0; i < st->n; i++) {
		fputs(indent, out);
		cmd_frame_text(&st->frame[i], text, sizeof(text));
		cmd_text_print(out, text, strlen(text));
		putc('\n', out);
	}
	if (cmd_stack_end(st))
		fprintf(out, "%s%s\n", indent, cmd_stack_end(st));
}

static void add_text(struct json_object *o, const char *name, const char *text)
{
	json_object_object_add(o, name, cmd_json_text(text, strlen(text)));
}

static struct json_object *json_frame(const struct ctl_frame *f)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "address",
			       json_object_new_uint64(f->address));
	if (f->object) {
		add_text(o, "object", f->object);
		json_object_object_add(o, "linked",
				       json_object_new_uint64(f->linked));
	}
	if (f->symbol) {
		add_text(o, "symbol", f->symbol);
		json_object_object_add(
			o, f->inlined ? "inlined" : "offset",
			f->inlined ? json_object_new_boolean(true) :
				     json_object_new_uint64(f->offset));
	}
	if (f->file) {
		add_text(o, "file", f->file);
		json_object_object_add(o, "line", json_object_new_int64(f->line));
	}
	return o;
}

void cmd_stack_json(struct json_object *obj, const struct ctl_stack *st)
{
	struct json_object *list = json_object_new_array();

	for (unsigned i = 0; i < st->n; i++)
		json_object_array_add(list, json_frame(&st->frame[i]));
	json_object_object_add(obj, "stack", list);
	if (st->flags)
		json_object_object_add(
			obj, "stack_end",
			json_object_new_string(st->flags & CTL_STACK_CUT ?
						       "cut" : "broken"));
}
