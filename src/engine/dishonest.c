/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The verdict on a host. Between "half of its ports are open" and "nearly all are" Wald's
 * sequential test decides: each open port is worth 1, each other one -OTHER_COST, the ratio of the
 * log likelihoods for 0.5 against 0.95, and LIMIT the bound for one error in 30,000. It only
 * raises suspicion: a list of the open ports of an honest host is all open, too. What convicts are
 * canaries, random ports that nobody asked for. Source: Wald, Sequential Analysis, 1947, 3.
 */
#include "engine/dishonest.h"

#include "base/hash.h"

enum {
	OTHER_COST = 4,
	LIMIT = 16,
	LIMIT_SAMPLE = 32, /* where no canaries confirm */
	CANARIES_CLEAR = 2,
	ZERO_MIN = 4,
	CANARY_PORT_MIN = 1024
};

static void count(uint16_t *n)
{
	*n += *n < UINT16_MAX;
}

static void note_open(struct dishonest *d, uint8_t reason, uint8_t ttl)
{
	if (!d->n_open)
		d->ttl_open = ttl;
	if (ttl != d->ttl_open)
		d->is_ttl_mixed = true;
	count(&d->n_open);
	if (reason == REASON_ZERO_WINDOW)
		count(&d->n_zero);
}

enum dishonest_step dishonest_port(struct dishonest *d, bool is_open, uint8_t reason, uint8_t ttl,
				   bool has_canaries)
{
	if (is_open)
		note_open(d, reason, ttl);
	else
		count(&d->n_other);
	if (d->state != DISHONEST_TESTING)
		return DISHONEST_GO_ON;
	int score = (int)d->n_open - OTHER_COST * (int)d->n_other;
	if (score <= -LIMIT)
		d->state = DISHONEST_CLEARED;
	/* ports that filter are silent long before they count: half of all asked must be open */
	if (score < (has_canaries ? LIMIT : LIMIT_SAMPLE) || 2u * d->n_open < d->n_asked)
		return DISHONEST_GO_ON;
	if (has_canaries && d->n_zero < d->n_open)
		return DISHONEST_ASK;
	d->state = DISHONEST_CONVICTED;
	return DISHONEST_STOP;
}

void dishonest_canary(struct dishonest *d, bool is_open)
{
	d->n_canaries++;
	d->n_canaries_open += is_open;
	if (d->n_canaries - d->n_canaries_open >= CANARIES_CLEAR)
		d->state = DISHONEST_CLEARED;
	else if (d->n_canaries_open > DISHONEST_CANARIES - CANARIES_CLEAR)
		d->state = DISHONEST_CONVICTED;
}

/** Hops that a packet has made, from the initial TTL that systems use. */
static uint32_t hops_of(uint8_t ttl)
{
	return (ttl <= 32 ? 32u : ttl <= 64 ? 64u : ttl <= 128 ? 128u : 255u) - ttl;
}

static enum host_mark mark_of(const struct dishonest *d, uint8_t ttl_open, uint8_t ttl_other)
{
	if (d->n_zero >= ZERO_MIN && d->n_zero == d->n_open)
		return HOST_ZERO_WINDOW;
	if (d->state != DISHONEST_CONVICTED)
		return HOST_HONEST;
	return ttl_open && ttl_other && hops_of(ttl_open) != hops_of(ttl_other) ? HOST_SYN_PROXY
										: HOST_ALL_OPEN;
}

struct ev_evidence dishonest_evidence(const struct dishonest *d, uint8_t ttl_other)
{
	uint8_t ttl_open = d->is_ttl_mixed ? 0 : d->ttl_open;
	enum host_mark mark = mark_of(d, ttl_open, ttl_other);

	if (mark == HOST_HONEST)
		return (struct ev_evidence){0};
	return (struct ev_evidence){.mark = (uint8_t)mark,
				    .n_canaries = d->n_canaries,
				    .n_canaries_open = d->n_canaries_open,
				    .ttl_open = ttl_open,
				    .ttl_other = ttl_other,
				    .n_asked = d->n_asked,
				    .n_open = d->n_open,
				    .n_zero = d->n_zero};
}

static bool is_drawn(const uint16_t *ports, uint32_t n, uint16_t port)
{
	for (uint32_t i = 0; i < n; i++)
		if (ports[i] == port)
			return true;
	return false;
}

void dishonest_ports(uint64_t seed, const struct port_bits *asked, uint16_t ret[DISHONEST_CANARIES])
{
	struct rng rng;
	uint32_t n = 0;

	rng_init(&rng, seed);
	while (n < DISHONEST_CANARIES) {
		uint16_t port = (uint16_t)(CANARY_PORT_MIN +
					   rng_below(&rng, UINT16_MAX + 1 - CANARY_PORT_MIN));
		if (!port_bits_has(asked, port) && !is_drawn(ret, n, port))
			ret[n++] = port;
	}
}
