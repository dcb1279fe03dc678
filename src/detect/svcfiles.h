/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where probe files come from: nmap's where it is installed, and the one built into the program. */
#pragma once

#include "base/mapfile.h"
#include "detect/svcdb.h"

struct svcfiles {
	struct svcdb *db;
	struct mapfile file; /* its bytes, which db borrows; none: built-in probes only */
};

/**
 * @param path explicit file; NULL: $NMAPDIR, then the places nmap-common installs to; none there is
 * no error. The built-in file comes behind it.
 * @return 0; -errno of an explicit file; as svcdb_parse with @p reterr; -ENOMEM.
 * Cost: about 5 ms for nmap's file.
 */
int svcfiles_open(const char *path, struct svcfiles *ret, struct err_where *reterr) MUST_CHECK;
/** Accepts all zero. */
void svcfiles_close(struct svcfiles *f);
/** The built-in file's text. */
struct bytes svcfiles_builtin(void);
