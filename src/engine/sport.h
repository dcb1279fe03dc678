/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A worker's source ports, held in the kernel so that no other program gets them: one TCP port,
 * and for UDP probes as many ports as make a guess worthless (see probe/scan_udp.c). Internal to
 * engine/.
 */
#pragma once

#include "base/compiler.h"

/** Source ports of UDP probes; a power of two, at least COOKIE_ATTEMPTS_MAX. */
#define SPORTS_UDP    64u
#define SPORTS_FD_MAX (2 + 2 * SPORTS_UDP)

struct sports_conf {
	bool v4, v6; /* families in use */
	bool wants_udp;
	bool holds_udp; /* false: scans of this machine itself, whose own ports would seem silent */
	uint16_t wanted; /* -g: used in any case, alone; 0: free ones */
};

struct sports {
	uint16_t first, n;
	uint32_t n_fds;
	int fds[SPORTS_FD_MAX];
};

/** @return 0; -EADDRINUSE when no run of ports is free; -errno. */
int sports_hold(struct sports *s, const struct sports_conf *c) MUST_CHECK;
/** Accepts a zeroed @p s. */
void sports_release(struct sports *s);
