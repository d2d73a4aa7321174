/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * debugfile.c - the separate file that has what was stripped off.
 *
 * Distributions ship debug information in packages of its own: a file with the
 * same section headers and none of the loaded contents, found by the build-id
 * that both carry, or by the name in .gnu_debuglink.  Nothing is taken from a
 * file of another build.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probe.h"

#define DEBUG_DIR "/usr/lib/debug"

/* The file at path, if it is of that build; else -ENOENT. */
static int try_file(const char *path, const char *build_id)
{
	int fd = elf_open_regular(AT_FDCWD, path), copy;
	struct elf_file f;
	bool same = false;

	if (fd < 0)
		return -ENOENT;
	copy = elf_reopen(fd);
	if (copy >= 0 && elf_file_open(&f, copy) == 0) {
		same = !strcmp(f.build_id, build_id);
		elf_file_close(&f);
	}
	if (same)
		return fd;
	close(fd);
	return -ENOENT;
}

static int try_build_id(const char *id)
{
	char path[256];

	snprintf(path, sizeof(path), DEBUG_DIR "/.build-id/%.2s/%s.debug", id,
		 id + 2);
	return try_file(path, id);
}

/* The name in .gnu_debuglink, in buf. */
static bool debug_link(struct elf_file *f, char *buf, size_t size)
{
	const char *bytes = NULL;
	GElf_Shdr sh;
	Elf_Scn *scn;
	size_t len;

	scn = elf_section_find(f, ".gnu_debuglink", &sh);
	if (scn)
		bytes = elf_section_bytes(scn, &sh, &len);
	if (!bytes || strnlen(bytes, len) == len || len > size ||
	    strchr(bytes, '/'))
		return false;
	strcpy(buf, bytes);
	return true;
}

/* By build-id and by name.  Both have to be of the same build. */
int debug_file_open(struct elf_file *f, const char *object)
{
	static const struct {
		const char *above, *below;
	} dirs[] = { { "", "" }, { "", ".debug/" }, { DEBUG_DIR, "" } };
	const char *id = f->build_id, *slash = strrchr(object, '/');
	int dirlen = slash ? (int)(slash - object) : 0, fd;
	char path[4096], link[256];

	if (strlen(id) < 3)
		return -ENOENT;
	fd = try_build_id(id);
	if (fd >= 0 || !debug_link(f, link, sizeof(link)))
		return fd;
	for (int i = 0; i < 3 && fd < 0; i++) {
		snprintf(path, sizeof(path), "%s%.*s/%s%s", dirs[i].above,
			 dirlen, object, dirs[i].below, link);
		fd = try_file(path, id);
	}
	return fd;
}

/* ------------------------------------------------------------ supplements -- */

/* .gnu_debugaltlink: a name and, behind its terminator, a build-id. */
static bool alt_link(struct elf_file *f, char *name, size_t size, char *id,
		     size_t idsize)
{
	const char *bytes = NULL;
	size_t len, n;
	GElf_Shdr sh;
	Elf_Scn *scn;

	scn = elf_section_find(f, ".gnu_debugaltlink", &sh);
	if (scn)
		bytes = elf_section_bytes(scn, &sh, &len);
	n = bytes ? strnlen(bytes, len) : 0;
	if (!n || n == len || n >= size || len - n - 1 < 2 ||
	    2 * (len - n - 1) >= idsize)
		return false;
	strcpy(name, bytes);
	for (size_t i = n + 1; i < len; i++)
		sprintf(id + 2 * (i - n - 1), "%02x", (unsigned char)bytes[i]);
	return true;
}

int debug_alt_open(int fd)
{
	char name[1024], id[129], own[64], dir[2048], path[4096];
	int alt = elf_reopen(fd);
	struct elf_file f;
	bool linked;
	ssize_t n;

	if (alt < 0 || elf_file_open(&f, alt) < 0)
		return -ENOENT;
	linked = alt_link(&f, name, sizeof(name), id, sizeof(id));
	elf_file_close(&f);
	if (!linked)
		return -ENOENT;
	/* The name may be relative to where the debug file lies. */
	snprintf(own, sizeof(own), "/proc/self/fd/%d", fd);
	n = readlink(own, dir, sizeof(dir) - 1);
	if (n > 0 && *name != '/') {
		while (n && dir[n - 1] != '/')
			n--;
		snprintf(path, sizeof(path), "%.*s%s", (int)n, dir, name);
	} else {
		snprintf(path, sizeof(path), "%s", name);
	}
	alt = try_file(path, id);
	return alt >= 0 ? alt : try_build_id(id);
}

/* ---------------------------------------------------------- what is damaged -- */

/*
 * Are the tables of .debug_rnglists or .debug_loclists where their headers say?
 * The libdwarf of 2021 frees something twice when one but the first is not.
 */
bool debug_lists_sound(const void *section, size_t len, unsigned addrsize)
{
	const unsigned char *p = section;
	uint32_t word, offsets;
	uint64_t length;
	uint16_t version;

	while (len) {
		unsigned size = 4;

		if (len < 4)
			return false;
		memcpy(&word, p, 4);
		length = word;
		if (word == 0xffffffff) {
			size = 8;
			if (len < 12)
				return false;
			memcpy(&length, p + 4, 8);
			p += 8;
			len -= 8;
		}
		p += 4;
		len -= 4;
		if (length > len || length < 8)
			return false;
		memcpy(&version, p, 2);
		memcpy(&offsets, p + 4, 4);
		if (version != 5 || p[2] != addrsize || p[3] != 0 ||
		    offsets > (length - 8) / size)
			return false;
		p += length;
		len -= length;
	}
	return true;
}

#define LISTS_MAX (256UL << 20) /* of compressed ones */

static bool section_sound(struct elf_file *f, Elf_Scn *scn, GElf_Shdr *sh)
{
	Elf_Data *data;
	GElf_Chdr ch;

	if (sh->sh_type == SHT_NOBITS)
		return true;
	if (sh->sh_flags & SHF_COMPRESSED &&
	    (!gelf_getchdr(scn, &ch) || ch.ch_size > LISTS_MAX ||
	     elf_compress(scn, 0, 0) < 0))
		return false;
	data = elf_rawdata(scn, NULL);
	return !data || !data->d_buf ||
	       debug_lists_sound(data->d_buf, data->d_size,
				 f->is_32bit ? 4 : 8);
}

bool debug_file_sound(int fd)
{
	int copy = elf_reopen(fd);
	Elf_Scn *scn = NULL;
	struct elf_file f;
	const char *name;
	bool sound = true;
	GElf_Shdr sh;

	if (copy < 0 || elf_file_open(&f, copy) < 0)
		return false;
	while (sound && elf_section_next(&f, &scn, &sh, &name))
		if (!strcmp(name, ".debug_rnglists") ||
		    !strcmp(name, ".debug_loclists"))
			sound = section_sound(&f, scn, &sh);
	elf_file_close(&f);
	return sound;
}
