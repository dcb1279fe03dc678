/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Does a host answer truthfully? A sequential test over the outcomes of its ports, in the random
 * order in which they are asked; then canaries, ports that nobody asked for. Pure: counters in,
 * verdict out. Thread: the owner of the counters.
 */
#pragma once

#include "event/event.h"

enum {
	DISHONEST_CANARIES = 8,
	DISHONEST_PORTS_MIN = 32,    /* asked per host; of fewer, all may well be open */
	DISHONEST_PORTS_ALL = 32768, /* so many asked ports are a sample of all: no canaries */
};

enum dishonest_state {
	DISHONEST_TESTING,
	DISHONEST_SUSPECT, /* canaries are out */
	DISHONEST_CLEARED,
	DISHONEST_CONVICTED,
};

/** Of one host. Zeroed: nothing known. Counts saturate. */
struct dishonest {
	uint16_t n_asked; /* ports whose first probe went out */
	uint16_t n_open, n_other;
	uint16_t n_zero; /* of the open: with window 0 */
	uint8_t n_canaries, n_canaries_open;
	uint8_t ttl_open; /* of every open port; 0: unknown, or not the same */
	bool is_ttl_mixed;
	uint8_t state;      /* enum dishonest_state */
	uint8_t canary_set; /* the scheduler's, while suspect */
};

enum dishonest_step {
	DISHONEST_GO_ON,
	DISHONEST_ASK, /* make it DISHONEST_SUSPECT and send canaries; asked for again until then */
	DISHONEST_STOP /* convicted */
};

/** One more port is asked, or not after all. */
static inline void dishonest_asked(struct dishonest *d)
{
	d->n_asked += d->n_asked < UINT16_MAX;
}
static inline void dishonest_unasked(struct dishonest *d)
{
	d->n_asked -= d->n_asked > 0;
}
/**
 * The outcome of an asked port. @param reason enum reason of an open port's answer, @param ttl its
 * TTL or 0. @param has_canaries false: the asked ports are a sample of all.
 * Cost: 2 ns.
 */
enum dishonest_step dishonest_port(struct dishonest *d, bool is_open, uint8_t reason, uint8_t ttl,
				   bool has_canaries);
/** The outcome of one canary; changes the state when they have said enough. */
void dishonest_canary(struct dishonest *d, bool is_open);
/**
 * What outputs are told. @param ttl_other TTL of an answer of the host's own (ICMP, RST), 0
 * unknown.
 */
struct ev_evidence dishonest_evidence(const struct dishonest *d, uint8_t ttl_other);
/**
 * The @p n DISHONEST_CANARIES ports of a host: of 1024 to 65535, each once, none in @p asked, which
 * holds fewer than DISHONEST_PORTS_ALL.
 */
void dishonest_ports(uint64_t seed, const struct port_bits *asked,
		     uint16_t ret[DISHONEST_CANARIES]);
