/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SipHash-2-4 over 64-bit words, inline: one text for the program and for what it loads into the
 * kernel, so that both give the same bits. Source: Aumasson & Bernstein 2012.
 */
#pragma once

#include <stdint.h>

struct siphash_key {
	uint64_t k0;
	uint64_t k1;
};

struct sip {
	uint64_t v0, v1, v2, v3;
};

#define SIP_INLINE static inline __attribute__((always_inline))

SIP_INLINE uint64_t sip_rotl(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

SIP_INLINE void sip_start(struct sip *s, const struct siphash_key *key)
{
	s->v0 = key->k0 ^ 0x736f6d6570736575ull;
	s->v1 = key->k1 ^ 0x646f72616e646f6dull;
	s->v2 = key->k0 ^ 0x6c7967656e657261ull;
	s->v3 = key->k1 ^ 0x7465646279746573ull;
}

SIP_INLINE void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = sip_rotl(s->v1, 13) ^ s->v0;
	s->v3 = sip_rotl(s->v3, 16) ^ s->v2;
	s->v0 = sip_rotl(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = sip_rotl(s->v1, 17) ^ s->v2;
	s->v3 = sip_rotl(s->v3, 21) ^ s->v0;
	s->v2 = sip_rotl(s->v2, 32);
}

SIP_INLINE void sip_word(struct sip *s, uint64_t m)
{
	s->v3 ^= m;
	sip_round(s);
	sip_round(s);
	s->v0 ^= m;
}

SIP_INLINE uint64_t sip_end(struct sip *s)
{
	s->v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}
