/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How long a port's answers are waited for. Each wait is a multiple of one measured figure, how
 * long the services of this scan take to answer, between a floor that a busy machine keeps and a
 * ceiling of the patience that a stranger deserves. Who answers later than that is still heard by
 * the connection that listens from the beginning, for as long as the file says.
 */
#include "detect/service_parts.h"

#define CONNECT_WAIT_NS (3 * NS_PER_S)
#define PATIENCE_MIN_NS (200 * NS_PER_MS)
#define PATIENCE_NS     (250 * NS_PER_MS) /* before any service has answered */
#define PATIENCE_MAX_NS (500 * NS_PER_MS)
#define BRIEF_WAIT_NS   (2 * NS_PER_S)
#define DEFAULT_WAIT_NS (6 * NS_PER_S) /* where the file names none */
#define DEFAULT_WRAP_NS (3 * NS_PER_S)
#define SETTLE_NS       (10 * NS_PER_MS)
#define QUIET_MIN_NS    (100 * NS_PER_MS)
#define QUIET_MAX_NS    (300 * NS_PER_MS)
#define UNFINISHED_NS   (1200 * NS_PER_MS) /* its reader knows that more comes; by the second */
#define HEAD_START_NS   (15 * NS_PER_MS)

/** In units of patience: a probe that lists the port, one of rarity 1, any other. */
enum { UNITS_LIKELY = 4, UNITS_COMMON = 2, UNITS_OTHER = 1 };

uint64_t wait_rtts(const struct service *s, uint32_t n)
{
	return (uint64_t)s->port.rtt_us * NS_PER_US * n;
}

static uint64_t patience_ns(const struct service *s)
{
	const struct service_pulse *p = s->plan->pulse;
	uint64_t ns = PATIENCE_NS;

	if (p && p->mean_us)
		ns = ((uint64_t)p->mean_us + 4ull * p->deviation_us) * NS_PER_US;
	return MIN(MAX(ns, PATIENCE_MIN_NS), PATIENCE_MAX_NS);
}

uint64_t wait_connect_ns(struct service *s, bool is_handshake)
{
	bool is_second = order_listener(s) || s->is_again; /* a connect has succeeded before */
	uint64_t ns = is_second ? UNITS_COMMON * PATIENCE_MAX_NS : CONNECT_WAIT_NS;

	if (is_second && is_handshake && !s->speaks_tls)
		ns = UNITS_COMMON * patience_ns(s);
	return ns + wait_rtts(s, 20);
}

uint64_t wait_ceiling_ns(const struct service *s, const struct service_talk *t)
{
	const struct svc_probe *p = order_probe_of(s, t);
	uint64_t ns = p && p->totalwait_ms ? p->totalwait_ms * NS_PER_MS : DEFAULT_WAIT_NS;

	return s->plan->is_brief ? MIN(ns, BRIEF_WAIT_NS) : ns;
}

uint64_t wait_head_start_ns(const struct service *s)
{
	return MAX(HEAD_START_NS, MIN(wait_rtts(s, 4), QUIET_MAX_NS));
}

uint64_t wait_first_ns(const struct service *s, const struct service_talk *t)
{
	const struct svc_probe *p = order_probe_of(s, t);
	uint32_t units = UNITS_OTHER;

	if (!p || order_is_listed(s, p))
		units = UNITS_LIKELY;
	else if (p->rarity <= 1)
		units = UNITS_COMMON;
	uint64_t ns = MAX(wait_rtts(s, 20), units * patience_ns(s));
	if (t->hello && (s->is_known || s->is_read)) /* who was slow once is so again */
		ns = MAX(ns, 2 * s->slowest_ns);
	return MIN(ns, wait_ceiling_ns(s, t));
}

uint64_t wait_beside_ns(const struct service *s, const struct service_talk *t)
{
	return MIN(wait_first_ns(s, t), MAX(wait_rtts(s, 20), patience_ns(s)));
}

uint64_t wait_quiet_ns(const struct service *s, const struct service_talk *t)
{
	if (t->is_unfinished)
		return UNFINISHED_NS;
	return MIN(MAX(wait_rtts(s, 10), QUIET_MIN_NS), QUIET_MAX_NS);
}

uint64_t wait_settle_ns(const struct service *s)
{
	return MAX(SETTLE_NS, MIN(wait_rtts(s, 2), QUIET_MIN_NS));
}

uint64_t wait_wrap_ns(const struct service *s)
{
	const struct svcdb *db = s->plan->db;
	uint32_t ms = db->null_probe == UINT32_MAX ? 0 : db->probes[db->null_probe].tcpwrapped_ms;

	return ms ? ms * NS_PER_MS : DEFAULT_WRAP_NS;
}
