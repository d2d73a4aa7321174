/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * buf.h - text that grows.  A line is put together here and goes out by one
 * fwrite; stdio's formatting would be most of the time of a trace.
 */
#ifndef PTRUSS_BUF_H
#define PTRUSS_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *p;
	size_t n, room;
	bool failed; /* no memory: the text is not whole */
};

void buf_free(struct buf *b);
bool buf_room(struct buf *b, size_t more);
void buf_put(struct buf *b, const char *p, size_t n);
void buf_str(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
void buf_dec(struct buf *b, int64_t v);
void buf_udec(struct buf *b, uint64_t v);
void buf_hex(struct buf *b, uint64_t v); /* 0x.. */
void buf_printf(struct buf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Blanks until column n since byte start; at least one. */
void buf_pad(struct buf *b, size_t start, size_t n);
/* Bytes as in a C string: \n, \", \177.  What UTF-8 there is stays. */
void buf_escaped(struct buf *b, const char *s, size_t n, bool utf8);
/* Text (that is UTF-8) as a JSON string, with its quotes. */
void buf_json(struct buf *b, const char *p, size_t n);
/* Anybody's bytes: escaped as above, and that as a JSON string. */
void buf_json_escaped(struct buf *b, const char *s, size_t n);

#endif
