/* SPDX-License-Identifier: GPL-2.0-or-later */
/* values.c - from a record to values, and which of them are wanted. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ptruss.h"

struct values {
	struct ctl_decoder *dec;
	struct ctl_decoded d;
	struct ctl_val siginfo;
};

struct values *values_new(const struct options *opt)
{
	struct values *v = calloc(1, sizeof(*v));

	if (v && ctl_decoder_new(&v->dec,
				 (opt->verbose ? CTL_DECODE_VERBOSE : 0) |
					 (opt->raw ? CTL_DECODE_RAW : 0)) < 0) {
		free(v);
		return NULL;
	}
	return v;
}

void values_free(struct values *v)
{
	if (v)
		ctl_decoder_free(v->dec);
	free(v);
}

static bool fdset_empty(const struct fdset *f)
{
	for (unsigned i = 0; i < FDS / 64; i++)
		if (f->bit[i])
			return false;
	return !f->all;
}

static size_t data_limit(const struct options *opt)
{
	if (!fdset_empty(&opt->read_fds) || !fdset_empty(&opt->write_fds))
		return CTL_CAP_LIMIT;
	if (opt->raw && !opt->path && !opt->argv && !opt->envp)
		return 0;
	return opt->string_limit;
}

int values_capture(const struct options *opt, struct ctl *h)
{
	if (opt->count)
		return 0;
	return ctl_capture_upload(h, &opt->calls, opt->string_limit,
				  data_limit(opt), opt->stack);
}

void values_capture_now(const struct options *opt, struct ctl_rec_syscall *r,
			size_t size)
{
	ctl_capture_now(r->h.tid, r, size, opt->string_limit, data_limit(opt));
}

const struct ctl_decoded *values_of(struct values *v,
				    const struct ctl_rec_syscall *r)
{
	ctl_decode(v->dec, r, &v->d);
	return &v->d;
}

const struct ctl_val *values_of_siginfo(struct values *v, const void *info)
{
	ctl_decode_siginfo(v->dec, info, &v->siginfo);
	return &v->siginfo;
}

static bool is_path(const struct ctl_val *v, const char *path)
{
	size_t n = strlen(path);

	if (v->kind == CTL_VAL_STR && v->flags & CTL_VALF_PATH &&
	    v->len == n && memcmp(v->str, path, n) == 0)
		return true;
	for (unsigned i = 0; i < v->nchild; i++)
		if (is_path(&v->child[i], path))
			return true;
	return false;
}

static bool touches(const struct ctl_rec_syscall *r,
		    const struct ctl_decoded *d, const char *path)
{
	struct buf b = { 0 };
	size_t n = strlen(path);
	bool found = false;

	for (unsigned i = 0; i < d->nargs && !found; i++) {
		found = is_path(&d->arg[i], path);
		if (!found && d->arg[i].kind == CTL_VAL_FD) {
			b.n = 0;
			text_fd(&b, r->h.pid, &d->arg[i]);
			found = b.n == n + 2 && memcmp(b.p + 1, path, n) == 0;
		}
	}
	buf_free(&b);
	return found;
}

bool result_wanted(const struct options *opt, const struct ctl_rec_syscall *r)
{
	if (opt->failed && !call_failed(r->ret))
		return false;
	return !opt->ok || (!call_failed(r->ret) &&
			    !(r->h.flags & CTL_RECF_UNFINISHED));
}

bool values_wanted(const struct options *opt, const struct ctl_rec_syscall *r,
		   const struct ctl_decoded *d)
{
	return result_wanted(opt, r) &&
	       (!opt->path || (d && touches(r, d, opt->path)));
}

bool fdset_parse(struct fdset *f, const char *list)
{
	while (*list) {
		size_t n = strcspn(list, ",");
		char word[8];
		uint64_t fd;

		if (!n || n >= sizeof(word))
			return false;
		memcpy(word, list, n);
		word[n] = '\0';
		if (strcmp(word, "all") == 0)
			f->all = true;
		else if (cmd_parse_u64(word, FDS - 1, &fd) == 0)
			f->bit[fd / 64] |= 1ULL << (fd % 64);
		else
			return false;
		list += n;
		if (*list == ',' && !*++list)
			return false;
	}
	return true;
}

bool fdset_has(const struct fdset *f, uint64_t fd)
{
	return f->all || (fd < FDS && f->bit[fd / 64] >> (fd % 64) & 1);
}
