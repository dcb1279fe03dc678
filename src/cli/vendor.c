/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * MAC vendors: lines "AABBCC Name" of nmap-mac-prefixes, mapped and searched; prefixes of 9 and 7
 * hex digits (MA-S, MA-M) win over 6. The file is the user's own and is never copied.
 */
#include "cli/vendor.h"

#include "base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct vendor {
	const char *map; /* NULL: no file */
	size_t len;
	char name[64];
};

static const char *const places[] = {"/usr/share/nmap/nmap-mac-prefixes",
				     "/usr/local/share/nmap/nmap-mac-prefixes"};

static void vendor_open(struct vendor *v)
{
	struct stat st;

	for (size_t i = 0; i < ARRAY_LEN(places) && !v->map; i++) {
		int fd = open(places[i], O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (fstat(fd, &st) == 0 && st.st_size > 0) {
			void *m = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
			v->map = m == MAP_FAILED ? NULL : m;
			v->len = v->map ? (size_t)st.st_size : 0;
		}
		close(fd);
	}
}

/** @return the text after "\nPREFIX ", or NULL. */
static const char *find_prefix(const struct vendor *v, const char *hex, size_t n_digits)
{
	char key[16];
	int len = snprintf(key, sizeof(key), "\n%.*s ", (int)n_digits, hex);
	const char *at = memmem(v->map, v->len, key, (size_t)len);

	return at ? at + len : NULL;
}

const char *vendor_name(struct vendor **handle, const struct mac *mac)
{
	static const size_t n_digits[] = {9, 7, 6};
	char hex[13];
	const char *at = NULL;

	if (!*handle) {
		*handle = mem_alloc(1, sizeof(**handle));
		if (!*handle)
			return NULL;
		vendor_open(*handle);
	}
	struct vendor *v = *handle;
	if (!v->map)
		return NULL;
	snprintf(hex, sizeof(hex), "%02X%02X%02X%02X%02X%02X", mac->b[0], mac->b[1], mac->b[2],
		 mac->b[3], mac->b[4], mac->b[5]);
	for (size_t i = 0; i < ARRAY_LEN(n_digits) && !at; i++)
		at = find_prefix(v, hex, n_digits[i]);
	if (!at)
		return NULL;
	const char *end = memchr(at, '\n', v->len - (size_t)(at - v->map));
	size_t len = end ? (size_t)(end - at) : v->len - (size_t)(at - v->map);
	len = MIN(len, sizeof(v->name) - 1);
	memcpy(v->name, at, len);
	v->name[len] = '\0';
	return v->name;
}

void vendor_free(struct vendor *v)
{
	if (!v)
		return;
	if (v->map)
		munmap((void *)(uintptr_t)v->map, v->len);
	mem_free(v);
}
