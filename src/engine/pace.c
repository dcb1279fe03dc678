/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A rate limit as departure times: each packet pushes the next departure by its gap, and unused
 * time is forgotten beyond one burst.
 */
#include "engine/pace.h"

enum {
	BURST_PER_S = 100, /* 10 ms worth */
	LATE_MAX_NS = 2000000
};

void pace_init(struct pace *p, uint32_t rate_pps, uint64_t now_ns)
{
	*p = (struct pace){.base_ns = now_ns};
	if (!rate_pps)
		return;
	p->gap_ns_q8 = (NS_PER_S << 8) / rate_pps;
	p->burst = MAX(rate_pps / BURST_PER_S, 1u);
}

uint32_t pace_budget(struct pace *p, uint64_t now_ns, uint32_t want)
{
	if (!p->gap_ns_q8)
		return want;
	uint64_t now = (now_ns - p->base_ns) << 8;
	/* below 200 a second there is no burst to make up for a late wake-up with: forgive what a
	 * timer is late */
	uint64_t late_max = MIN(p->gap_ns_q8 / 2, (uint64_t)LATE_MAX_NS << 8);
	uint64_t credit_max = MAX((p->burst - 1) * p->gap_ns_q8, late_max);
	if (p->next_ns_q8 + credit_max < now)
		p->next_ns_q8 = now - credit_max;
	if (p->next_ns_q8 > now)
		return 0;
	uint64_t n = (now - p->next_ns_q8) / p->gap_ns_q8 + 1;
	return (uint32_t)MIN(n, want);
}

void pace_spend(struct pace *p, uint64_t now_ns, uint32_t n)
{
	(void)now_ns;
	p->next_ns_q8 += n * p->gap_ns_q8;
}

uint64_t pace_wait_ns(const struct pace *p, uint64_t now_ns)
{
	uint64_t now = (now_ns - p->base_ns) << 8;

	return !p->gap_ns_q8 || p->next_ns_q8 <= now ? 0 : (p->next_ns_q8 - now + 255) >> 8;
}

static uint32_t share_of(uint32_t all, uint32_t i, uint32_t n)
{
	return all ? MAX(all / n + (i < all % n), 1u) : 0;
}

struct pace_bounds pace_bounds_share(const struct pace_bounds *b, uint32_t i, uint32_t n)
{
	struct pace_bounds part = *b;

	part.min_rate_pps = share_of(b->min_rate_pps, i, n);
	part.min_outstanding = share_of(b->min_outstanding, i, n);
	part.max_outstanding = share_of(b->max_outstanding, i, n);
	return part;
}
