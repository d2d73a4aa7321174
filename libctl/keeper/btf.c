/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * btf.c - where the running kernel keeps things: struct src_offsets.
 *
 * The kernel describes its types in /sys/kernel/btf/vmlinux: a header, the types
 * one behind the other, numbered from 1 on, and their names.  libbpf would look
 * for us, but not before it has read a hundred thousand of them, which takes
 * 10 ms; what is wanted here is found among the first ones.
 */
#ifdef HAVE_BPF
#include <errno.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source.h"

#include "bpf/shared.h"

struct btf_file {
	char *data;
	size_t size;
	bool mapped;
	const char *types, *types_end;
	const char *names;
	size_t names_len;
};

struct wanted {
	const char *type, *member;
	uint32_t *offset;
	bool found;
};

/* Maps it where the kernel can (since 6.16), else reads it. */
static bool load(struct btf_file *b)
{
	int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t got = 0;
	ssize_t n;

	if (fd < 0)
		return false;
	if (fstat(fd, &st) < 0 || st.st_size <= 0)
		goto fail;
	b->size = st.st_size;
	b->data = mmap(NULL, b->size, PROT_READ, MAP_PRIVATE, fd, 0);
	b->mapped = b->data != MAP_FAILED;
	if (!b->mapped) {
		b->data = malloc(b->size);
		while (b->data && got < b->size &&
		       (n = read(fd, b->data + got, b->size - got)) > 0)
			got += n;
		if (!b->data || got < b->size)
			goto fail;
	}
	close(fd);
	return true;
fail:
	if (!b->mapped)
		free(b->data);
	close(fd);
	return false;
}

static void unload(struct btf_file *b)
{
	if (b->mapped)
		munmap(b->data, b->size);
	else
		free(b->data);
}

static bool parts(struct btf_file *b)
{
	const struct btf_header *h = (const void *)b->data;
	size_t room;

	if (b->size < sizeof(*h) || h->magic != BTF_MAGIC ||
	    h->hdr_len > b->size)
		return false;
	room = b->size - h->hdr_len;
	if (h->type_off > room || h->type_len > room - h->type_off ||
	    h->type_off & 3 || h->hdr_len & 3 || h->str_off > room ||
	    h->str_len > room - h->str_off || !h->str_len)
		return false;
	b->types = b->data + h->hdr_len + h->type_off;
	b->types_end = b->types + h->type_len;
	b->names = b->data + h->hdr_len + h->str_off;
	b->names_len = h->str_len;
	return b->names[b->names_len - 1] == '\0';
}

static const char *name_at(const struct btf_file *b, uint32_t off)
{
	return off < b->names_len ? b->names + off : "";
}

/* The type behind t; NULL: there is none, or we do not know its kind. */
static const struct btf_type *next(const struct btf_file *b,
				   const struct btf_type *t)
{
	size_t n = BTF_INFO_VLEN(t->info), more;
	const char *p = (const char *)(t + 1);

	switch (BTF_INFO_KIND(t->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		more = 4;
		break;
	case BTF_KIND_ARRAY:
		more = sizeof(struct btf_array);
		break;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		more = n * sizeof(struct btf_member);
		break;
	case BTF_KIND_ENUM:
		more = n * sizeof(struct btf_enum);
		break;
	case BTF_KIND_ENUM64:
		more = n * sizeof(struct btf_enum64);
		break;
	case BTF_KIND_FUNC_PROTO:
		more = n * sizeof(struct btf_param);
		break;
	case BTF_KIND_DATASEC:
		more = n * sizeof(struct btf_var_secinfo);
		break;
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG:
		more = 0;
		break;
	default:
		return NULL;
	}
	/* With the head of the one behind it. */
	if ((size_t)(b->types_end - p) < more + sizeof(*t))
		return NULL;
	return (const void *)(p + more);
}

static const struct btf_type *first(const struct btf_file *b)
{
	return (size_t)(b->types_end - b->types) < sizeof(struct btf_type) ?
		       NULL :
		       (const void *)b->types;
}

static bool is_compound(const struct btf_file *b, const struct btf_type *t)
{
	unsigned kind = BTF_INFO_KIND(t->info);

	return (kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION) &&
	       (size_t)(b->types_end - (const char *)(t + 1)) >=
		       BTF_INFO_VLEN(t->info) * sizeof(struct btf_member);
}

static const struct btf_type *numbered(const struct btf_file *b, uint32_t id)
{
	const struct btf_type *t = first(b);

	while (t && --id)
		t = next(b, t);
	return t;
}

#define DEPTH 4 /* of members without a name */

/* In bits, or -1. */
static int64_t offset_of(const struct btf_file *b, const struct btf_type *t,
			 const char *member, int depth)
{
	const struct btf_member *m = (const void *)(t + 1);
	const struct btf_type *inner;
	int64_t at, in;

	if (!is_compound(b, t) || !depth)
		return -1;
	for (unsigned i = 0; i < BTF_INFO_VLEN(t->info); i++) {
		at = BTF_INFO_KFLAG(t->info) ? BTF_MEMBER_BIT_OFFSET(m[i].offset) :
					       m[i].offset;
		if (m[i].name_off) {
			if (!strcmp(name_at(b, m[i].name_off), member))
				return at;
			continue;
		}
		inner = m[i].type ? numbered(b, m[i].type) : NULL;
		in = inner ? offset_of(b, inner, member, depth - 1) : -1;
		if (in >= 0)
			return at + in;
	}
	return -1;
}

static bool find_all(const struct btf_file *b, struct wanted *w, unsigned n)
{
	const struct btf_type *t;
	unsigned left = n;
	const char *name;
	int64_t bits;

	for (t = first(b); t && left; t = next(b, t)) {
		if (BTF_INFO_KIND(t->info) != BTF_KIND_STRUCT || !t->name_off)
			continue;
		name = name_at(b, t->name_off);
		for (unsigned i = 0; i < n; i++) {
			if (w[i].found || strcmp(w[i].type, name) != 0)
				continue;
			bits = offset_of(b, t, w[i].member, DEPTH);
			if (bits < 0 || bits % 8)
				continue;
			*w[i].offset = bits / 8;
			w[i].found = true;
			left--;
		}
	}
	return !left;
}

bool btf_offsets(struct src_offsets *o)
{
	uint32_t path, mnt, dentry, name;
	struct wanted w[] = {
		{ "task_struct", "pid", &o->pid, false },
		{ "task_struct", "tgid", &o->tgid, false },
		{ "task_struct", "exit_code", &o->exit_code, false },
		{ "task_struct", "start_boottime", &o->start, false },
		{ "task_struct", "signal", &o->signal, false },
		{ "signal_struct", "flags", &o->signal_flags, false },
		{ "signal_struct", "group_exit_code", &o->group_code, false },
		{ "signal_struct", "live", &o->live, false },
		{ "linux_binprm", "file", &o->bprm_file, false },
		{ "file", "f_path", &path, false },
		{ "path", "mnt", &mnt, false },
		{ "path", "dentry", &dentry, false },
		{ "dentry", "d_parent", &o->parent, false },
		{ "dentry", "d_name", &o->name, false },
		{ "qstr", "name", &name, false },
		{ "dentry", "d_hash", &o->pprev, false },
		{ "vfsmount", "mnt_root", &o->mnt_root, false },
		{ "mount", "mnt", &o->mount_mnt, false },
		{ "mount", "mnt_parent", &o->mount_parent, false },
		{ "mount", "mnt_mountpoint", &o->mountpoint, false },
	};
	struct btf_file b = { 0 };
	bool found;

	if (!load(&b))
		return false;
	found = parts(&b) && find_all(&b, w, sizeof(w) / sizeof(w[0]));
	unload(&b);
	if (!found)
		return false;
	o->file_mnt = path + mnt;
	o->file_dentry = path + dentry;
	o->name += name;
	o->pprev += sizeof(void *); /* struct hlist_bl_node */
	return true;
}
#endif
