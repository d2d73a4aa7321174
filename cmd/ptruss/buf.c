/* SPDX-License-Identifier: GPL-2.0-or-later */
/* buf.c - text that grows. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/common.h"
#include "buf.h"

void buf_free(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ 0 };
}

bool buf_room(struct buf *b, size_t more)
{
	size_t room = b->room ? b->room : 4096;
	char *p;

	if (more <= b->room - b->n)
		return true;
	while (room - b->n < more)
		room *= 2;
	p = realloc(b->p, room);
	if (!p) {
		b->failed = true;
		return false;
	}
	b->p = p;
	b->room = room;
	return true;
}

void buf_put(struct buf *b, const char *p, size_t n)
{
	if (n && buf_room(b, n)) {
		memcpy(b->p + b->n, p, n);
		b->n += n;
	}
}

void buf_str(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void buf_char(struct buf *b, char c)
{
	buf_put(b, &c, 1);
}

void buf_udec(struct buf *b, uint64_t v)
{
	char d[20];
	int i = sizeof(d);

	do {
		d[--i] = '0' + v % 10;
		v /= 10;
	} while (v);
	buf_put(b, d + i, sizeof(d) - i);
}

void buf_dec(struct buf *b, int64_t v)
{
	if (v < 0)
		buf_char(b, '-');
	buf_udec(b, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void buf_hex(struct buf *b, uint64_t v)
{
	char d[18];
	int i = sizeof(d);

	do {
		d[--i] = "0123456789abcdef"[v & 15];
		v >>= 4;
	} while (v);
	d[--i] = 'x';
	d[--i] = '0';
	buf_put(b, d + i, sizeof(d) - i);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (!buf_room(b, 256))
		return;
	va_start(ap, fmt);
	n = vsnprintf(b->p + b->n, b->room - b->n, fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n >= b->room - b->n) {
		if (!buf_room(b, n + 1))
			return;
		va_start(ap, fmt);
		vsnprintf(b->p + b->n, b->room - b->n, fmt, ap);
		va_end(ap);
	}
	if (n > 0)
		b->n += n;
}

void buf_pad(struct buf *b, size_t start, size_t n)
{
	size_t used = b->n - start, more = used < n ? n - used : 1;

	if (buf_room(b, more)) {
		memset(b->p + b->n, ' ', more);
		b->n += more;
	}
}

/* Bytes of the character beyond ASCII at p, 0: none, or a C1 control, which is
 * for terminals to obey. */
static size_t wide_char(const unsigned char *p, size_t n)
{
	unsigned code;
	size_t len = cmd_utf8(p, n, &code);

	return len > 1 && code >= 0xa0 ? len : 0;
}

void buf_escaped(struct buf *b, const char *s, size_t n, bool utf8)
{
	static const char letters[] = "abtnvfr"; /* 7 .. 13 */
	const unsigned char *p = (const unsigned char *)s;
	size_t i = 0, run;

	while (i < n) {
		for (run = i; run < n && p[run] >= ' ' && p[run] < 127 &&
			      p[run] != '"' && p[run] != '\\';)
			run++;
		buf_put(b, s + i, run - i);
		i = run;
		if (i == n)
			break;
		run = utf8 ? wide_char(p + i, n - i) : 0;
		if (run) {
			buf_put(b, s + i, run);
			i += run;
			continue;
		}
		buf_char(b, '\\');
		if (p[i] == '"' || p[i] == '\\')
			buf_char(b, s[i]);
		else if (p[i] >= 8 + 1 && p[i] <= 13)
			buf_char(b, letters[p[i] - 7]);
		else if (i + 1 < n && p[i + 1] >= '0' && p[i + 1] <= '7')
			buf_printf(b, "%03o", p[i]);
		else
			buf_printf(b, "%o", p[i]);
		i++;
	}
}

void buf_json(struct buf *b, const char *p, size_t n)
{
	size_t i = 0, run;

	buf_char(b, '"');
	while (i < n) {
		for (run = i; run < n && (unsigned char)p[run] >= ' ' &&
			      p[run] != '"' && p[run] != '\\';)
			run++;
		buf_put(b, p + i, run - i);
		i = run;
		if (i == n)
			break;
		if (p[i] == '"' || p[i] == '\\') {
			buf_char(b, '\\');
			buf_char(b, p[i]);
		} else {
			buf_printf(b, "\\u%04x", (unsigned char)p[i]);
		}
		i++;
	}
	buf_char(b, '"');
}

void buf_json_escaped(struct buf *b, const char *s, size_t n)
{
	struct buf text = { 0 };

	buf_escaped(&text, s, n, true);
	buf_json(b, text.p, text.n);
	buf_free(&text);
}
