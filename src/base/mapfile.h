/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A plain file mapped read-only: data files of nmap's package and files named by the user. */
#pragma once

#include "base/cursor.h"
#include "base/err.h"

#define MAPFILE_PATH_CAP 4096

/** Nothing of the file is read, a device or pipe is never waited for. */
struct mapfile {
	struct bytes text; /* p NULL: nothing is mapped */
};

/**
 * @param max_bytes larger files are refused.
 * @return 0; -errno (-EISDIR, -EFBIG); -E_UNSUPPORTED (no plain file); -E_TRUNCATED (empty).
 */
int mapfile_open(const char *path, size_t max_bytes, struct mapfile *ret) MUST_CHECK;
/**
 * A data file of nmap's by its name: in $NMAPDIR, else where nmap-common installs it. A place
 * without a readable one is passed over.
 * @param ret_path the path taken, or the last one tried.
 * @return 0, or the last place's error.
 */
int mapfile_open_nmap(const char *name, size_t max_bytes, struct mapfile *ret,
		      char ret_path[MAPFILE_PATH_CAP]) MUST_CHECK;
/** Accepts all zero. */
void mapfile_close(struct mapfile *m);
