/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a simulated host does: a pure function of seed, address, port, protocol and shares.
 * Compiled for the kernel (XDP) and for user space; simnet.py holds the same function in Python,
 * and a test compares the two. Integers only, no state, no loss: loss never changes the truth.
 */
#pragma once

#include <stdint.h>

#define SIM_INLINE static inline __attribute__((always_inline, unused))

/* Shares: thresholds out of 2^32; a draw below the threshold has the property. X(name, per what) */
#define SIM_SHARES(X)                                                                              \
	X(UP, "up", "addresses that exist")                                                        \
	X(OPEN, "open", "TCP and SCTP ports that are open")                                        \
	X(CLOSED, "closed", "TCP and SCTP ports that are closed")                                  \
	X(REJECTED, "rejected", "ports of any protocol that an ICMP error refuses")                \
	X(UDP_OPEN, "udp-open", "UDP ports that answer with a datagram")                           \
	X(UDP_CLOSED, "udp-closed", "UDP ports that answer with ICMP port unreachable")            \
	X(ECHO, "echo", "hosts that answer ICMP echo and timestamp")                               \
	X(DARK, "dark", "absent addresses for which the router says host unreachable")             \
	X(ALL_OPEN, "all-open", "hosts that answer SYN+ACK on every port")                         \
	X(SYN_PROXY, "syn-proxy", "hosts behind a SYN proxy: SYN+ACK, then RST or nothing")        \
	X(ZERO_WINDOW, "zero-window", "hosts whose SYN+ACK has window 0")                          \
	X(RST_WINDOW, "rst-window", "hosts whose RST to an ACK has a window on open ports")        \
	X(RST_LIMITED, "rst-limited", "hosts that send few RSTs a second (--rst-rate)")            \
	X(ICMP_LIMITED, "icmp-limited", "hosts that send few ICMP errors a second (--icmp-rate)")  \
	X(DELAYED, "delayed", "hosts whose answers take --delay and up to --jitter more")          \
	X(LATE, "late", "ports whose answers all take --late-by")                                  \
	X(DUPLICATED, "duplicated", "ports whose answers come --copies times, --copy-gap apart")   \
	X(FORGED, "forged", "ports for which each probe also brings forged replies")               \
	X(LOSS_IN, "loss-in", "probes lost before they arrive, at random")                         \
	X(LOSS_OUT, "loss-out", "answers lost on their way, at random")

enum sim_share {
#define X(id, name, what) SIM_##id,
	SIM_SHARES(X)
#undef X
		SIM_SHARE_N
};

#define SIM_NETS_MAX 8u

/** A prefix; IPv4 as ::ffff:a.b.c.d. */
struct sim_net {
	uint64_t hi, lo, mask_hi, mask_lo;
};

/** Endpoints of which each probe is counted: addresses from base on, ports by index. */
struct sim_counted {
	uint64_t hi, lo, n_hosts;
	uint32_t n_ports, proto;
};

struct sim_conf {
	uint64_t seed;
	uint64_t share[SIM_SHARE_N];
	struct sim_net net[SIM_NETS_MAX];
	struct sim_counted counted;
	/* Token buckets, per host: time of one token and what may be saved up. */
	uint64_t rst_gap_ns, rst_burst_ns, icmp_gap_ns, icmp_burst_ns;
	uint32_t n_nets, n_limits; /* slots of the token buckets: a power of two */
	uint32_t delay_us, jitter_us, late_us, copy_gap_us, n_copies;
	uint32_t forged_kinds;
};

enum sim_state { SIM_STATE_FILTERED, SIM_STATE_OPEN, SIM_STATE_CLOSED, SIM_STATE_REJECTED };

/** What is asked about an endpoint, and what it does. */
struct sim_host {
	uint64_t hash;
	uint8_t is_up, is_dark, is_all_open, is_syn_proxy, ttl;
};

/** Bijective mixing of 64 bits: multiply and xor-shift, three rounds. */
SIM_INLINE uint64_t sim_mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ull;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ull;
	x ^= x >> 32;
	return x;
}

SIM_INLINE uint64_t sim_host_hash(uint64_t seed, uint64_t hi, uint64_t lo)
{
	return sim_mix(sim_mix(sim_mix(seed ^ 0x9e3779b97f4a7c15ull) ^ hi) ^ lo);
}

SIM_INLINE uint64_t sim_port_hash(uint64_t host, uint32_t proto, uint32_t port)
{
	return sim_mix(host ^ (((uint64_t)proto << 16 | port) * 0x9e3779b97f4a7c15ull));
}

/** 32 bits for one question about a host or a port. */
SIM_INLINE uint32_t sim_draw(uint64_t hash, uint32_t question)
{
	return (uint32_t)(sim_mix(hash + (question + 1ull) * 0x9e3779b97f4a7c15ull) >> 32);
}

/** Has it the property? Shares of 0 and 1 cost no draw. */
SIM_INLINE int sim_has(const volatile struct sim_conf *c, uint64_t hash, enum sim_share s)
{
	return c->share[s] && (c->share[s] >> 32 || sim_draw(hash, s) < c->share[s]);
}

/* Questions without a share. */
enum { SIM_ASK_TTL = 64, SIM_ASK_STATE, SIM_ASK_REJECT, SIM_ASK_ISN, SIM_ASK_DELAY, SIM_ASK_PROXY };

#define SIM_ALL (1ull << 32)

SIM_INLINE void sim_host(const volatile struct sim_conf *c, uint64_t hi, uint64_t lo,
			 struct sim_host *ret)
{
	uint64_t h = sim_host_hash(c->seed, hi, lo);
	uint32_t ttl = sim_draw(h, SIM_ASK_TTL);

	ret->hash = h;
	ret->is_up = (uint8_t)sim_has(c, h, SIM_UP);
	ret->is_dark = (uint8_t)(!ret->is_up && sim_has(c, h, SIM_DARK));
	ret->is_all_open = (uint8_t)sim_has(c, h, SIM_ALL_OPEN);
	ret->is_syn_proxy = (uint8_t)sim_has(c, h, SIM_SYN_PROXY);
	/* 64, 128 or 255, less up to 15 hops; a proxy answers from one place. */
	ret->ttl = ret->is_syn_proxy ? 250
				     : (uint8_t)((ttl & 3) == 3   ? 255 - (ttl >> 28)
						 : (ttl & 3) == 2 ? 128 - (ttl >> 28)
								  : 64 - (ttl >> 28));
}

/** The state of a port of a host that is up. @param port is a hash from sim_port_hash */
SIM_INLINE enum sim_state sim_state(const volatile struct sim_conf *c, const struct sim_host *h,
				    uint64_t port, uint32_t proto)
{
	uint64_t draw = sim_draw(port, SIM_ASK_STATE);
	uint64_t open = proto == 17 ? c->share[SIM_UDP_OPEN] : c->share[SIM_OPEN];
	uint64_t closed = proto == 17 ? c->share[SIM_UDP_CLOSED] : c->share[SIM_CLOSED];

	if (!h->is_up)
		return h->is_dark ? SIM_STATE_REJECTED : SIM_STATE_FILTERED;
	if (proto == 6 && (h->is_all_open || h->is_syn_proxy))
		return SIM_STATE_OPEN;
	if (draw < open)
		return SIM_STATE_OPEN;
	if (draw < open + closed)
		return SIM_STATE_CLOSED;
	return draw < open + closed + c->share[SIM_REJECTED] ? SIM_STATE_REJECTED
							     : SIM_STATE_FILTERED;
}

/**
 * The ICMP code of a refusal: type 3 for IPv4, 1 for IPv6. UDP ports are never refused by port
 * unreachable, which would say that they are closed.
 */
SIM_INLINE uint32_t sim_reject_code(const struct sim_host *h, uint64_t port, uint32_t proto,
				    int is_v6)
{
	/* 1 2 9 10 13 3, and 0 1 3 4: four bits each, port unreachable last. */
	uint32_t n = (is_v6 ? 4 : 6) - (proto == 17);
	uint32_t i = (uint32_t)((uint64_t)sim_draw(port, SIM_ASK_REJECT) * n >> 32);

	if (h->is_dark)
		return is_v6 ? 3 : 1;
	return (is_v6 ? 0x4310u : 0x3da921u) >> 4 * i & 15;
}

/** Is the refusal the router's, or the host's own? Port and protocol are the host's business. */
SIM_INLINE int sim_reject_is_routers(uint32_t code, int is_v6)
{
	return is_v6 ? code != 4 : code != 2 && code != 3;
}

/** The initial sequence number of a TCP port: constant, so that a later ACK is recognised. */
SIM_INLINE uint32_t sim_isn(uint64_t port)
{
	return sim_draw(port, SIM_ASK_ISN);
}

/** How long an answer takes, in microseconds. @param port its hash, or 0 for a host's own */
SIM_INLINE uint32_t sim_delay_us(const volatile struct sim_conf *c, uint64_t host, uint64_t port)
{
	uint32_t us = 0;

	if (sim_has(c, host, SIM_DELAYED))
		us = c->delay_us +
		     (uint32_t)((uint64_t)sim_draw(host, SIM_ASK_DELAY) * c->jitter_us >> 32);
	return port && sim_has(c, port, SIM_LATE) && c->late_us > us ? c->late_us : us;
}

/** Must user space answer, since the kernel's half can only answer once and at once? */
SIM_INLINE int sim_is_slow(const volatile struct sim_conf *c, uint64_t host, uint64_t port)
{
	return sim_has(c, host, SIM_DELAYED) ||
	       (port && (sim_has(c, port, SIM_LATE) || sim_has(c, port, SIM_DUPLICATED) ||
			 sim_has(c, port, SIM_FORGED)));
}

SIM_INLINE int sim_contains(const volatile struct sim_conf *c, uint64_t hi, uint64_t lo)
{
	for (uint32_t i = 0; i < SIM_NETS_MAX && i < c->n_nets; i++)
		if ((hi & c->net[i].mask_hi) == c->net[i].hi &&
		    (lo & c->net[i].mask_lo) == c->net[i].lo)
			return 1;
	return 0;
}
