/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the TTL of SYN answers says of a system: a hint that costs no packet, shown with -v. */
#pragma once

#include "out/out.h"

struct os_hint {
	const char *words; /* static text */
	uint8_t start_ttl, n_hops;
	uint8_t percent; /* of the systems nmap knows that begin at this TTL, how many are so */
};

/**
 * IPv4 hosts whose open TCP ports all answered by the same usual TTL, less 31 hops at most.
 * @return false: nothing sound can be said, or the OS test said more, or the host is dishonest.
 */
bool os_hint_find(const struct view *v, struct os_hint *ret);
/** One line; nothing without -v or without a hint. */
void os_hint_put_normal(struct buf *b, const struct view *v);
/** One record of type "os" whose method is "passive", as above. */
void os_hint_put_json(struct buf *b, const struct view *v);
