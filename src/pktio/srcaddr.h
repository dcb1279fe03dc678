/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which of our addresses the kernel would send from when the route does not say. Pure. */
#pragma once

#include "pktio/netlink.h"

struct src_addr {
	struct nl_addr a;
	bool prefers_temporary; /* of its interface */
};

/**
 * IPv4: first primary address of the interface with scope no narrower than the route's, one in the
 * same subnet as the gateway first; then any interface's. Mirrors the kernel's inet_select_addr().
 * @param gateway ADDR_NONE when there is none. @return borrowed, NULL when no address fits.
 */
const struct addr *src_pick_v4(const struct src_addr *s, uint32_t n, uint32_t if_idx,
			       const struct addr *gateway, uint8_t route_scope);
/** IPv6: RFC 6724 section 5, rules 1-3 and 5-8, with the kernel's label table. */
const struct addr *src_pick_v6(const struct src_addr *s, uint32_t n, uint32_t if_idx,
			       const struct addr *dst);
