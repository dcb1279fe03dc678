/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rate limits as departure times: each packet pushes the next departure by its gap, and unused
 * time is forgotten beyond one burst. The host side sets the gap from the rate of
 * answers that came back, in the manner of BBR's delivery rate (Cardwell et al. 2016).
 */
#include "engine/pace.h"

enum {
	BURST_PER_S = 100, /* 10 ms worth */
	LATE_MAX_NS = 2000000,
	WINDOW_SENT_MIN = 16,
	RECOVERED_MIN = 4,
	LOSSY_PERCENT = 70, /* answered less: losing */
	CLEAN_PERCENT = 90, /* answered more: room to grow */
	PROBE_GAIN_PERCENT = 125,
	ASK_AGAIN_NS = 50000000,
	FIRST_GAP_MAX_NS = 2000000,
	GAP_MIN_NS = 2000, /* 500,000/s: as good as none */
	GAP_MAX_NS = 100000000
}; /* never below 10 packets per second */

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

bool host_pace_gate(struct host_pace *p, uint64_t now_ns, uint32_t salt, uint64_t *ret_due_ns)
{
	if (!p->gap_ns) {
		p->n_sent++;
		return true;
	}
	if (now_ns + NS_PER_MS >= p->next_ns) {
		p->next_ns = MAX(p->next_ns, now_ns) + p->gap_ns;
		p->n_sent++;
		return true;
	}
	/* a turn somewhere in the queue's length, but asked again soon: the pace may have risen by
	 * then */
	uint64_t queue_ns = (uint64_t)p->gap_ns * (p->n_wait + 1);
	*ret_due_ns = p->next_ns + salt % MIN(queue_ns, (uint64_t)ASK_AGAIN_NS);
	return false;
}

/** Losing answers: send as fast as answers came back, unless the last cut did not help. */
static void host_pace_cut(struct host_pace *p, uint32_t elapsed_us, uint32_t percent)
{
	if (p->gap_ns && percent * 100 < p->last_ratio * 130u &&
	    ++p->n_useless >= HOST_PACE_GIVE_UP) {
		p->gap_ns = 0;
		return;
	}
	uint64_t gap =
		(uint64_t)elapsed_us * NS_PER_US / MAX(p->n_replies, 1u) * 100 / PROBE_GAIN_PERCENT;
	/* few answers say little: the first cut stops at 500 a second, each later one at half the
	 * rate */
	gap = MIN(gap, p->gap_ns ? 2ull * p->gap_ns : (uint64_t)FIRST_GAP_MAX_NS);
	p->bad_gap_ns = p->gap_ns;
	p->gap_ns = (uint32_t)CLAMP(gap, (uint64_t)GAP_MIN_NS, (uint64_t)GAP_MAX_NS);
	p->last_ratio = (uint8_t)percent;
}

/** Nothing is lost: double the rate while the rate that lost is far or unknown, else 11 % more. */
static void host_pace_grow(struct host_pace *p)
{
	uint32_t half = p->gap_ns / 2;

	p->gap_ns = half > p->bad_gap_ns ? half : p->gap_ns / 10 * 9;
	if (p->gap_ns < GAP_MIN_NS)
		p->gap_ns = 0;
}

void host_pace_reply(struct host_pace *p, uint32_t now_us, bool is_recovered, uint32_t window_us)
{
	p->n_replies++;
	if (is_recovered && p->n_recovered < UINT16_MAX)
		p->n_recovered++;
	uint32_t elapsed_us = now_us - p->win_start_us;
	if (elapsed_us < window_us || p->n_sent < WINDOW_SENT_MIN)
		return;
	uint32_t percent = (uint32_t)MIN((uint64_t)p->n_replies * 100 / p->n_sent, 255u);
	if (p->n_recovered >= RECOVERED_MIN && percent < LOSSY_PERCENT &&
	    p->n_useless < HOST_PACE_GIVE_UP)
		host_pace_cut(p, elapsed_us, percent);
	else if (p->gap_ns && percent >= CLEAN_PERCENT)
		host_pace_grow(p);
	p->win_start_us = now_us;
	p->n_sent = p->n_replies = 0;
	p->n_recovered = 0;
}
