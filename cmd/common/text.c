/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * text.c - bytes of somebody else's on a terminal and in JSON.
 *
 * A name in a file or in /proc is whatever somebody wrote there: it may be no
 * UTF-8 at all, or it may try to drive the reader's terminal.
 */
#include <stdlib.h>
#include <string.h>

#include "common.h"

size_t cmd_utf8(const unsigned char *s, size_t len, unsigned *code)
{
	static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n;

	if (s[0] < 0x80) {
		*code = s[0];
		return 1;
	}
	n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc0 || s[0] >= 0xf8 || n > len)
		return 0;
	*code = s[0] & (0x7f >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (s[i] & 0x3f);
	}
	if (*code < least[n] || *code > 0x10ffff ||
	    (*code >= 0xd800 && *code < 0xe000))
		return 0;
	return n;
}

void cmd_text_print(FILE *out, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	unsigned code;
	size_t n;

	for (; len; s += n, len -= n) {
		n = cmd_utf8(s, len, &code);
		/* C0, DEL and C1 are what terminals obey. */
		if (n && code >= 0x20 && (code < 0x7f || code >= 0xa0)) {
			fwrite(s, 1, n, out);
		} else {
			n = 1;
			fprintf(out, "\\x%02x", s[0]);
		}
	}
}

struct json_object *cmd_json_text(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	struct json_object *o;
	size_t size = 0, n;
	unsigned code;
	char *buf;

	for (size_t i = 0; i < len; i += n) {
		n = cmd_utf8(s + i, len - i, &code);
		if (!n)
			break;
		size += n;
	}
	if (size == len)
		return json_object_new_string_len(text, len);
	/* As Latin-1, so that nothing is lost. */
	buf = malloc(2 * len);
	if (!buf)
		return NULL;
	size = 0;
	for (size_t i = 0; i < len; i++) {
		if (s[i] >= 0x80) {
			buf[size++] = 0xc0 | s[i] >> 6;
			buf[size++] = 0x80 | (s[i] & 0x3f);
		} else {
			buf[size++] = s[i];
		}
	}
	o = json_object_new_string_len(buf, size);
	free(buf);
	return o;
}

void cmd_json_print(FILE *out, struct json_object *obj)
{
	fprintf(out, "%s\n",
		json_object_to_json_string_ext(
			obj, JSON_C_TO_STRING_PLAIN |
				     JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(obj);
}
