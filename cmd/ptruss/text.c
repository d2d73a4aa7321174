/* SPDX-License-Identifier: GPL-2.0-or-later */
/* text.c - from a value to text, the same in every format. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ptruss.h"

bool call_failed(int64_t ret)
{
	return ret < 0 && ret >= -4095;
}

bool call_restarts(int64_t ret)
{
	return ret <= -512 && ret >= -516;
}

const char *call_name(const struct ctl_rec_syscall *r,
		      const struct ctl_decoded *d, char buf[32])
{
	const char *name = d && d->name ? d->name :
					  ctl_syscall_name(r->abi, r->nr);

	if (name)
		return name;
	snprintf(buf, 32, "syscall_%u", r->nr);
	return buf;
}

static bool is_named(const struct ctl_val *v, const char *name)
{
	return v->name && strcmp(v->name, name) == 0;
}

static void text_list(struct buf *b, const struct ctl_val *v, unsigned flags,
		      const char *ends)
{
	bool strace = flags & TEXT_STRACE, first = true;

	buf_char(b, ends[0]);
	for (unsigned i = 0; i < v->nchild; i++) {
		const struct ctl_val *c = &v->child[i];

		/* It tells that behind the result; and nobody waits for
		 * events of no descriptor. */
		if (strace && (is_named(c, "revents") ||
			       (is_named(c, "events") && i &&
				c[-1].kind == CTL_VAL_FD &&
				(int32_t)c[-1].value < 0)))
			continue;
		if (!first && strace && v->flags & CTL_VALF_SET)
			buf_char(b, ' ');
		else if (!first)
			buf_put(b, ", ", 2);
		first = false;
		if (c->name && !(strace && is_named(c, "sin6_addr"))) {
			buf_str(b, c->name);
			buf_char(b, '=');
		}
		text_val(b, c, flags);
	}
	if (v->flags & (CTL_VALF_CUT | CTL_VALF_FAULT))
		buf_str(b, v->nchild ? ", ..." : "...");
	buf_char(b, ends[1]);
}

/* strace counts real-time signals from 32, where the kernel begins. */
static void strace_signal(struct buf *b, unsigned sig, const char *prefix)
{
	const char *name = ctl_signal_name(sig);

	buf_str(b, prefix);
	if (sig == 32)
		buf_str(b, "RTMIN");
	else if (sig > 32)
		buf_printf(b, "RT_%u", sig - 32);
	else if (name)
		buf_str(b, strncmp(name, "SIG", 3) ? name : name + 3);
	else
		buf_udec(b, sig);
}

static void strace_sigset(struct buf *b, uint64_t set)
{
	bool most = __builtin_popcountll(set) >= 64 * 2 / 3;
	bool first = true;

	buf_str(b, most ? "~[" : "[");
	for (unsigned sig = 1; sig <= 64; sig++) {
		if (!(set & CTL_SIGBIT(sig)) != most)
			continue;
		if (!first)
			buf_char(b, ' ');
		first = false;
		strace_signal(b, sig, "");
	}
	buf_char(b, ']');
}

static void quoted(struct buf *b, const struct ctl_val *v, unsigned flags)
{
	buf_char(b, '"');
	buf_escaped(b, v->str, v->len, flags & TEXT_UTF8);
	buf_char(b, '"');
}

/* What strace writes in a way of its own; false: nothing of the kind. */
static bool text_strace(struct buf *b, const struct ctl_val *v)
{
	bool limit = v->name && strncmp(v->name, "rlim_", 5) == 0;

	switch (v->kind) {
	case CTL_VAL_NAME:
		if (v->str[0] == '[' || strncmp(v->str, "~[", 2) == 0)
			strace_sigset(b, v->value);
		else if (v->value >= 32 && v->value <= 64 &&
			 strncmp(v->str, "SIG", 3) == 0)
			strace_signal(b, v->value, "SIG");
		else if (limit && v->value == UINT64_MAX)
			buf_str(b, "RLIM64_INFINITY");
		else
			return false;
		return true;
	case CTL_VAL_HEX:
		if (is_named(v, "nl_groups"))
			buf_printf(b, "%08llx", (unsigned long long)v->value);
		else if (is_named(v, "limit"))
			buf_printf(b, "%#08llx", (unsigned long long)v->value);
		else if (v->value)
			buf_hex(b, v->value);
		else
			buf_char(b, '0');
		return true;
	case CTL_VAL_UINT:
		if (limit && v->value > 1024 && v->value % 1024 == 0)
			buf_printf(b, "%llu*1024",
				   (unsigned long long)v->value / 1024);
		else if (is_named(v, "sin_port") || is_named(v, "sin6_port"))
			buf_printf(b, "htons(%u)", (unsigned)v->value);
		else if (is_named(v, "sin6_flowinfo"))
			buf_printf(b, "htonl(%u)", (unsigned)v->value);
		else
			return false;
		return true;
	case CTL_VAL_BYTES:
		/* The name of a socket that is no file. */
		if (!is_named(v, "sun_path") || !v->len)
			return false;
		buf_str(b, "@\"");
		buf_escaped(b, v->str + 1, v->len - 1, false);
		buf_char(b, '"');
		return true;
	case CTL_VAL_STR:
		if (is_named(v, "sin_addr")) {
			buf_str(b, "inet_addr(");
			quoted(b, v, 0);
			buf_char(b, ')');
		} else if (is_named(v, "sin6_addr")) {
			buf_str(b, "inet_pton(AF_INET6, ");
			quoted(b, v, 0);
			buf_str(b, ", &sin6_addr)");
		} else {
			return false;
		}
		return true;
	}
	return false;
}

/* More than half of all signals: those that are not in the set. */
static bool text_sigset(struct buf *b, const struct ctl_val *v)
{
	uint64_t set = 0;

	if (v->nchild <= 32 || v->child[0].kind != CTL_VAL_NAME ||
	    v->child[0].len < 3 || memcmp(v->child[0].str, "SIG", 3) != 0)
		return false;
	for (unsigned i = 0; i < v->nchild; i++)
		if (v->child[i].value - 1 < 64)
			set |= CTL_SIGBIT(v->child[i].value);
	buf_str(b, "~[");
	for (unsigned n = 1, first = 1; n <= 64; n++)
		if (!(set & CTL_SIGBIT(n))) {
			if (!first)
				buf_put(b, ", ", 2);
			first = 0;
			buf_str(b, ctl_signal_name(n));
		}
	buf_char(b, ']');
	return true;
}

void text_val(struct buf *b, const struct ctl_val *v, unsigned flags)
{
	if (flags & TEXT_STRACE && text_strace(b, v))
		return;
	switch (v->kind) {
	case CTL_VAL_INT:
	case CTL_VAL_FD:
		buf_dec(b, (int64_t)v->value);
		break;
	case CTL_VAL_UINT:
		buf_udec(b, v->value);
		break;
	case CTL_VAL_HEX:
		if (v->value < 10)
			buf_udec(b, v->value);
		else
			buf_hex(b, v->value);
		break;
	case CTL_VAL_OCT:
		buf_printf(b, "%#03llo", (unsigned long long)v->value);
		break;
	case CTL_VAL_NULL:
		buf_put(b, "NULL", 4);
		break;
	case CTL_VAL_NAME:
		buf_put(b, v->str, v->len);
		break;
	case CTL_VAL_FLAGS:
		for (unsigned i = 0; i < v->nchild; i++) {
			if (i)
				buf_char(b, '|');
			/* Of a set of bits strace tells that they are bits. */
			if (flags & TEXT_STRACE &&
			    v->child[i].kind == CTL_VAL_NAME &&
			    strncmp(v->child[i].str, "CAP_", 4) == 0)
				buf_str(b, "1<<");
			text_val(b, &v->child[i], flags);
		}
		if (!v->nchild)
			buf_char(b, '0');
		break;
	case CTL_VAL_STR:
	case CTL_VAL_BYTES:
		if (v->flags & CTL_VALF_FAULT && !v->len) {
			buf_hex(b, v->value);
			break;
		}
		if (flags & TEXT_COLOR)
			buf_str(b, "\033[32m");
		quoted(b, v, flags);
		if (flags & TEXT_COLOR)
			buf_str(b, "\033[39m");
		if (v->flags & (CTL_VALF_CUT | CTL_VALF_FAULT))
			buf_put(b, "...", 3);
		break;
	case CTL_VAL_STRUCT:
		if (flags & TEXT_STRUCTS)
			text_list(b, v, flags, "{}");
		else
			buf_hex(b, v->value);
		break;
	case CTL_VAL_ARRAY:
		if (v->flags & CTL_VALF_FAULT && !v->nchild)
			buf_hex(b, v->value);
		else if (!text_sigset(b, v))
			text_list(b, v, flags, "[]");
		break;
	default: /* PTR */
		buf_hex(b, v->value);
	}
}

/* 16 bytes a line, as hexadecimal and as characters. */
void text_dump(struct buf *b, const struct ctl_val *v)
{
	for (uint32_t at = 0; at < v->len; at += 16) {
		uint32_t i, n = v->len - at < 16 ? v->len - at : 16;

		buf_printf(b, "      %06x ", at);
		for (i = 0; i < 16; i++) {
			if (i < n)
				buf_printf(b, " %02x",
					   (unsigned char)v->str[at + i]);
			else
				buf_put(b, "   ", 3);
		}
		buf_put(b, "  ", 2);
		for (i = 0; i < n; i++) {
			char c = v->str[at + i];

			buf_char(b, c >= ' ' && c < 127 ? c : '.');
		}
		buf_char(b, '\n');
	}
	if (v->flags & CTL_VALF_CUT)
		buf_str(b, "      ...\n");
}

/*
 * -a, -e: what /proc has of a process that has just started: NULs between.
 * It may be gone by the time we come to its record.
 */
void text_proc_strings(struct buf *b, pid_t pid, const char *file,
		       const char *title)
{
	char path[64], part[4096];
	struct buf all = { 0 };
	size_t n, at = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	f = fopen(path, "re");
	while (f && (n = fread(part, 1, sizeof(part), f)) > 0)
		buf_put(&all, part, n);
	if (f)
		fclose(f);
	buf_printf(b, "    %s:%s", title, all.n ? "" : " ?");
	while (at < all.n) {
		n = strnlen(all.p + at, all.n - at);
		buf_char(b, ' ');
		buf_escaped(b, all.p + at, n, true);
		at += n + 1;
	}
	buf_char(b, '\n');
	buf_free(&all);
}
