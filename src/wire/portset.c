/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sets of ports: one bit per port and, per word, how many ports lie below it.
 * Rank (port to index) is then one load and one population count, select (index to port) a binary
 * search; both are what turns the scan's number line into ports and replies back into places.
 */
#include "wire/portset.h"

#include <stdio.h>

enum port_proto port_proto_of(uint8_t proto)
{
	switch (proto) {
	case PROTO_TCP:
		return PORT_TCP;
	case PROTO_UDP:
		return PORT_UDP;
	case PROTO_SCTP:
		return PORT_SCTP;
	default:
		return PORT_PROTO_N;
	}
}

uint8_t port_proto_number(enum port_proto p)
{
	static const uint8_t numbers[] = {PROTO_TCP, PROTO_UDP, PROTO_SCTP};
	static_assert(ARRAY_LEN(numbers) == PORT_PROTO_N, "every kind of port has a protocol");

	return p < PORT_PROTO_N ? numbers[p] : 0;
}

void port_bits_seal(struct port_bits *b)
{
	uint32_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(b->bits); i++) {
		b->rank[i] = (uint16_t)n; /* at most 64 * 1023 */
		n += (uint32_t)__builtin_popcountll(b->bits[i]);
	}
	b->n = n;
}

/* Place of the idx-th set bit, by halving: count the lower half, go there or skip it. */
static uint32_t select_bit(uint64_t word, uint32_t idx)
{
	uint32_t at = 0;

	for (uint32_t half = 32; half; half /= 2) {
		uint64_t lower = word & ((1ull << half) - 1);
		uint32_t n = (uint32_t)__builtin_popcountll(lower);

		if (idx >= n) {
			idx -= n;
			at += half;
			word >>= half;
		} else {
			word = lower;
		}
	}
	return at;
}

uint16_t port_bits_at(const struct port_bits *b, uint32_t idx)
{
	uint32_t word = 0;

	assert(idx < b->n);
	/* The last word whose rank is not above idx: empty words share the rank of the next one. */
	for (uint32_t step = ARRAY_LEN(b->bits) / 2; step; step /= 2) {
		if (b->rank[word + step] <= idx)
			word += step;
	}
	return (uint16_t)(word * 64 + select_bit(b->bits[word], idx - b->rank[word]));
}

/* First port at or after from that is in the set (or, with flip, is not); 65536 when there is none.
 */
static uint32_t next_port(const struct port_bits *b, uint32_t from, uint64_t flip)
{
	while (from < 65536) {
		uint64_t rest = (b->bits[from >> 6] ^ flip) >> (from & 63);

		if (rest)
			return from + (uint32_t)__builtin_ctzll(rest);
		from = (from | 63) + 1;
	}
	return 65536;
}

size_t port_bits_format(const struct port_bits *b, char *out, size_t cap)
{
	size_t need = 0;

	if (cap)
		out[0] = '\0';
	for (uint32_t lo = next_port(b, 0, 0), end; lo < 65536; lo = next_port(b, end, 0)) {
		char text[16];
		int len;

		end = next_port(b, lo, ~0ull);
		len = snprintf(text, sizeof(text), end - lo > 1 ? "%s%u-%u" : "%s%u",
			       need ? "," : "", lo, end - 1);
		for (int i = 0; i < len; i++, need++) {
			if (need + 1 < cap) {
				out[need] = text[i];
				out[need + 1] = '\0';
			}
		}
	}
	return need;
}

bool port_bits_parse(const char *s, struct port_bits *bits)
{
	while (*s) {
		unsigned lo, hi;
		int n = 0;
		if (sscanf(s, "%5u%n", &lo, &n) != 1 || *s < '0' || *s > '9')
			return false;
		s += n;
		hi = lo;
		if (*s == '-' && (s[1] < '0' || s[1] > '9' || sscanf(s + 1, "%5u%n", &hi, &n) != 1))
			return false;
		s += *s == '-' ? n + 1 : 0;
		if (hi > UINT16_MAX || lo > hi || (*s && *s != ','))
			return false;
		s += *s == ',';
		for (; lo <= hi; lo++)
			port_bits_add(bits, (uint16_t)lo);
	}
	port_bits_seal(bits);
	return true;
}
