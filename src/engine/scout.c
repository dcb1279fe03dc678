/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How long an attempt is waited for, and scouts: a few silent ports of a quick host are asked once
 * more while the last attempts of all are waited for, one after the other. A limit of resets that
 * somebody has used up answers nothing that is asked at once, as a filter does, and is told from it
 * only by asking slowly; these see what it hands out meanwhile, and take no time of their own. Part
 * of the scheduler (track.c).
 */
#include "engine/track_int.h"

enum {
	N_SCOUTS = 8,      /* of a host and worker */
	SCOUTS_WIDTH = 32, /* where more ports are asked than they are worth */
	REFUSED_MAX = 2, /* of first attempts: more show by their places what they are (doubt.c) */
	UDP_LAST_GAP_US = 1000000
};

/** Which of the host's scouts the probe would be; N_SCOUTS: none. */
static uint32_t scout_nth(const struct track_group *g, uint32_t q)
{
	uint32_t p = q % g->width - g->walk_first, stride = g->walk_width / N_SCOUTS;

	return p < g->walk_width && p % stride == 0 ? MIN(p / stride, (uint32_t)N_SCOUTS)
						    : (uint32_t)N_SCOUTS;
}

bool probe_is_scout(const struct track *t, const struct track_group *g, uint32_t q)
{
	if (g->stage != GROUP_PORTS || !g->flows || g->walk_width < SCOUTS_WIDTH ||
	    scout_nth(g, q) == N_SCOUTS)
		return false;
	const struct flow *f = &hold_flow(t, g, q)->flow;
	const struct host_slot *h = group_host(g, q);
	return h->rtt.srtt_us && !(h->flags & HOST_IS_GIVEN_UP) && !f->gap_ns && !f->n_settled &&
	       !f->is_limited_by_rule && f->n_refused - f->n_refused_late <= REFUSED_MAX &&
	       rtt_rto_us(&h->rtt) < SLOW_PORT_WAIT_US / 2;
}

/** Of a scout's last two attempts: when it is asked, and the rest of the time. */
static uint32_t scout_wait_us(const struct track *t, const struct track_group *g, uint32_t q,
			      bool is_asked)
{
	uint32_t rto_us = MAX(rtt_rto_us(&group_host(g, q)->rtt), t->min_rto_us);
	uint32_t left_us = SLOW_PORT_WAIT_US - MIN(rto_us, (uint32_t)SLOW_PORT_WAIT_US),
		 ask_us = rto_us + left_us * scout_nth(g, q) / N_SCOUTS;

	return is_asked ? MAX(rto_us, SLOW_PORT_WAIT_US - MIN(ask_us, (uint32_t)SLOW_PORT_WAIT_US))
			: ask_us;
}

uint32_t probe_rto_us(const struct track *t, const struct track_group *g, uint32_t q,
		      uint32_t attempt)
{
	uint32_t us = track_rto_us(t, group_host(g, q), attempt);

	if (attempt == UDP_RETRIES_MIN - 1 && attempt < t->conf.max_retries &&
	    probe_is_doubtful(t, g, q) && !hold_flow(t, g, q)->flow.gap_ns)
		us = CLAMP(us, MIN((uint32_t)UDP_LAST_GAP_US, t->conf.max_rto_us),
			   t->conf.max_rto_us);
	uint32_t last = retries_allowed(t, group_host(g, q));
	if (attempt >= last && last < t->conf.max_retries && probe_is_scout(t, g, q))
		us = MIN(scout_wait_us(t, g, q, attempt > last), t->conf.max_rto_us);
	return us;
}
