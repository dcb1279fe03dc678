/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared by jsonread.c (one line) and jsonlines.c (a file of them); nobody else includes it. */
#pragma once

#include "base/buf.h"
#include "event/jsonread.h"

#include <jansson.h>

struct jsonread {
	json_t *root;          /* of the last record */
	struct port_set ports; /* what the last record's pointers lead to */
	struct scan_trust trust;
	const char *path;
	int fd;
	uint32_t line;
	struct buf bytes; /* of the file, from pos on not read yet */
	size_t pos;
	bool is_end, is_cut;
};
