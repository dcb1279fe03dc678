/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rtnetlink datagrams: framing and every object parser. */
#include "pktio/netlink.h"

#include <linux/rtnetlink.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct bytes left = {p, n};
	struct nl_msg m;

	while (nl_next(&left, &m) > 0) {
		struct nl_link l;
		struct nl_addr a;
		struct nl_route r;
		struct nl_rule u;
		struct nl_neigh g;

		assert(m.body.p >= p && m.body.p + m.body.len <= p + n);
		if (nl_link_parse(&m, &l) == 0)
			assert(memchr(l.name, 0, sizeof(l.name)));
		if (nl_addr_parse(&m, &a) == 0)
			assert(a.prefix_len <= (a.local.family == ADDR_V4 ? 32 : 128));
		if (nl_route_parse(&m, &r) == 0)
			assert(r.dst_len <= (r.family == ADDR_V4 ? 32 : 128));
		if (nl_rule_parse(&m, &u) == 0)
			assert(u.family == ADDR_V4 || u.family == ADDR_V6);
		if (nl_neigh_parse(&m, &g) == 0)
			assert(g.addr.zone == 0);
		assert(nl_error_of(&m) <= 0);
	}
	return 0;
}
