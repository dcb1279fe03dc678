/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Cookies: SipHash-2-4 over the words of a 4-tuple (Aumasson & Bernstein 2012). The key is derived
 * from the seed and a per-process nonce, so that repeating --seed repeats the order, not the key.
 */
#include "probe/cookie.h"

#include <string.h>

void cookie_key_init(struct cookie_key *k, uint64_t seed, uint64_t nonce)
{
	struct rng r;

	rng_init(&r, seed ^ nonce);
	k->sip.k0 = rng_u64(&r) ^ nonce;
	k->sip.k1 = rng_u64(&r);
}

uint32_t cookie_tag(const struct cookie_key *k, uint32_t row, const struct addr *local,
		    uint16_t sport, const struct endpoint *to)
{
	uint64_t w[5];
	size_t n = 0;

	w[n++] = (uint64_t)sport << 48 | (uint64_t)to->port << 32 | (uint64_t)to->proto << 8 | row;
	if (to->addr.family == ADDR_V4) {
		uint32_t a, b;
		memcpy(&a, local->b, 4);
		memcpy(&b, to->addr.b, 4);
		w[n++] = (uint64_t)a << 32 | b;
	} else {
		memcpy(&w[n], local->b, 16);
		memcpy(&w[n + 2], to->addr.b, 16);
		n += 4;
	}
	return (uint32_t)siphash24_words(&k->sip, w, n);
}
