/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * First attempts made by a program in the kernel: what a back end offers that can. The scan's
 * targets are told once, a group of them each time its turn comes; from then on one call sends a
 * stretch of the group's order, and answers that say no more than "closed" come as one word each.
 * All that needs a packet to be looked at comes as packets, as ever.
 */
#pragma once

#include "base/compiler.h"
#include "base/feistel.h"

#define SWEEP_RANGES_MAX  8u
#define SWEEP_PORTS_MAX   8u
#define SWEEP_FRAME_BYTES 58u
#define SWEEP_KICK_MAX    1024u
#define SWEEP_WINDOWS     16u

/** What is swept: IPv4 addresses in host order, and the ports of each. Borrowed until the hub is
 * open. */
struct sweep_plan {
	uint32_t n_ranges, n_ports, hosts_per_group;
	struct sweep_range {
		uint32_t lo, hi; /* inclusive, ascending, disjoint */
	} ranges[SWEEP_RANGES_MAX];
	uint16_t ports[SWEEP_PORTS_MAX];
	uint64_t n_hosts;            /* in all ranges */
	const struct permute *order; /* of hosts; NULL: as they stand */
};

/** A SYN as template_build() leaves it: no destination, no tag, no checksums. */
struct sweep_form {
	const uint8_t *bytes; /* SWEEP_FRAME_BYTES: Ethernet, IPv4, TCP with one option word */
	uint64_t l3_sum, l4_sum;
	uint32_t if_idx, source; /* network order */
	uint16_t sport;
	uint8_t row; /* of its cookies */
};

struct sweep_group {
	uint64_t first;              /* of the order of hosts; a multiple of hosts_per_group */
	const struct permute *order; /* of places: rank * n_ports + port */
};

/** One port that was closed. */
struct sweep_mail {
	uint32_t at;       /* slot of its host * n_ports + port */
	uint32_t heard_us; /* CLOCK_MONOTONIC */
	uint8_t ttl;
};

/** Where a group is looked for. */
static inline uint32_t sweep_window(const struct sweep_plan *p, uint64_t first)
{
	return (uint32_t)(first / p->hosts_per_group % SWEEP_WINDOWS);
}

struct pktio;
/** All by the worker's thread. A window must be closed before it is opened again. */
struct pktio_sweep_ops {
	/** @return where the group's addresses go, by rank, in network order; NULL: there can be no
	 * sweeps. Before open. */
	uint32_t *(*addrs)(struct pktio *io, uint32_t window);
	void (*open)(struct pktio *io, uint32_t window, const struct sweep_group *g);
	/**
	 * Send places @p first to @p first + @p n - 1, n <= SWEEP_KICK_MAX, in one system call
	 * unless the driver has no room. @return frames sent, or -errno as tx_kick.
	 */
	int (*kick)(struct pktio *io, uint32_t window, const struct sweep_form *form,
		    uint32_t first, uint32_t n);
	/**
	 * Take what has come: at most @p n words from place @p *at on, which moves on (0: from the
	 * beginning). @return how many; fewer than @p n: that was all. No system call.
	 */
	uint32_t (*collect)(struct pktio *io, uint32_t window, uint32_t *at, struct sweep_mail *ret,
			    uint32_t n);
	/** From here on all answers of the group come as packets; the last words are still to be
	 * collected. */
	void (*close)(struct pktio *io, uint32_t window);
};
