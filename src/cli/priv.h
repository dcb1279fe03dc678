/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Privileges: what the process may do, by capability and never by uid 0; and giving it up. */
#pragma once

#include "base/compiler.h"

/** May raw sockets be opened here? CAP_NET_RAW must be effective, and count in this network
 * namespace. */
bool priv_has_net_raw(void);
/**
 * Give up every capability and set no_new_privs (prctl(2)). Call when all sockets are open, before
 * threads start: the kernel keeps capabilities per thread. @return 0 or -errno.
 */
int priv_drop(void) MUST_CHECK;
