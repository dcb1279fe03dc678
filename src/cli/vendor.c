/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * MAC vendors: lines "AABBCC Name" of nmap-mac-prefixes, mapped and searched; prefixes of 9 and 7
 * hex digits (MA-S, MA-M) win over 6. The file is the user's own and is never copied.
 */
#include "cli/vendor.h"

#include "base/mapfile.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

enum { FILE_BYTES_MAX = 64 << 20 };

struct vendor {
	struct mapfile file; /* none: nobody is known */
	char name[64];
};

/** @return the text after "\nPREFIX ", or NULL. */
static const char *find_prefix(const struct vendor *v, const char *hex, size_t n_digits)
{
	char key[16];
	int len = snprintf(key, sizeof(key), "\n%.*s ", (int)n_digits, hex);
	const char *at = memmem(v->file.text.p, v->file.text.len, key, (size_t)len);

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
		char path[MAPFILE_PATH_CAP];
		(void)!mapfile_open_nmap("nmap-mac-prefixes", FILE_BYTES_MAX, &(*handle)->file,
					 path);
	}
	struct vendor *v = *handle;
	if (!v->file.text.p)
		return NULL;
	snprintf(hex, sizeof(hex), "%02X%02X%02X%02X%02X%02X", mac->b[0], mac->b[1], mac->b[2],
		 mac->b[3], mac->b[4], mac->b[5]);
	for (size_t i = 0; i < ARRAY_LEN(n_digits) && !at; i++)
		at = find_prefix(v, hex, n_digits[i]);
	if (!at)
		return NULL;
	size_t left = v->file.text.len - (size_t)(at - (const char *)v->file.text.p);
	const char *end = memchr(at, '\n', left);
	size_t len = end ? (size_t)(end - at) : left;
	len = MIN(len, sizeof(v->name) - 1);
	memcpy(v->name, at, len);
	v->name[len] = '\0';
	return v->name;
}

void vendor_free(struct vendor *v)
{
	if (!v)
		return;
	mapfile_close(&v->file);
	mem_free(v);
}
