/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the XDP back end and its programs in the kernel share: the layout of their maps. Included by
 * both; fixed-width types only.
 */
#pragma once

#include "base/feistel.h"
#include "base/siphash.h"

/** Workers on one interface: each has its lane, its slots and its ring. */
#define XDP_MEMBERS_MAX 8
/** Frames of one kick, as PKTIO_BATCH_MAX. */
#define XDP_BATCH_MAX 1024
/** Largest frame sent: all that Ethernet carries. */
#define XDP_FRAME_CAP 1520
/** Calls of the driver's transmit function that one kick is told of. */
#define XDP_BULKS_MAX 256
/** Live frames carry this as the interface they came by (lo, which no driver serves). */
#define XDP_LIVE_IFACE 1
/** Cookies of rows that a member's replies may prove. */
#define XDP_ROWS_MAX 4

/** One frame to be sent. */
struct xdp_slot {
	uint32_t if_idx;
	uint32_t len;
	uint8_t bytes[XDP_FRAME_CAP];
};

/** What the driver took of one bulk: the first n_sent frames of n_sent + n_dropped. */
struct xdp_bulk {
	uint16_t n_sent, n_dropped;
};

/** One kick. Written by its worker before, by the programs while it runs. */
struct xdp_lane {
	uint64_t task;     /* the worker's thread, as the kernel numbers it; 0 none */
	uint32_t is_sweep; /* order[] are places of a sweep from first_place on, not slots */
	uint32_t sweep, first_place;
	uint32_t next;      /* frames handed out so far */
	uint32_t n_pending; /* of these, not told of by the driver yet */
	uint32_t n_sent, n_dropped, n_bulks;
	uint32_t n_frames;
	struct xdp_bulk bulks[XDP_BULKS_MAX];
	uint16_t order[XDP_BATCH_MAX]; /* slots in the order of sending */
};

/* --- first attempts that the program makes: sweeps -------------------------------- */

/** Groups of one member under way at a time; a group's window is its number modulo this. */
#define XDP_WINDOWS               16
#define XDP_RANGES_MAX            8
#define XDP_PORTS_MAX             8
#define XDP_SWEEP_BYTES           58 /* Ethernet, IPv4, TCP with one option word */
#define XDP_SWEEP_KEYS(m, window) ((m)*XDP_WINDOWS + (window))

/** What all sweeps of a scan have in common: its IPv4 targets in their order, its ports. */
struct xdp_plan {
	uint32_t n_ports; /* 0: there are no sweeps */
	uint32_t n_ranges, hosts_per_group, is_permuted;
	uint64_t n_hosts;
	struct permute order; /* of hosts */
	struct xdp_range {
		uint32_t lo, hi; /* host order, inclusive */
		uint64_t before; /* addresses in earlier ranges */
	} ranges[XDP_RANGES_MAX];
	uint16_t ports[XDP_PORTS_MAX]; /* host order */
};

/** The form of a member's probes, and their sums without what differs. */
struct xdp_form {
	uint8_t bytes[64]; /* XDP_SWEEP_BYTES of them */
	uint64_t l3_sum, l4_sum;
	uint32_t if_idx, source; /* network order */
	uint16_t sport;          /* host order */
	uint8_t row;
};

/** One group whose first attempts are made here. Its addresses and its mail are in maps beside. */
struct xdp_sweep {
	uint64_t first;       /* of the order of hosts */
	uint32_t n_probes;    /* 0: the window is closed */
	uint32_t epoch;       /* of the window's use: mail of an earlier one is known by it */
	struct permute order; /* place -> probe = rank of host * n_ports + port */
};

/** The kernel keeps each value of an array on eight bytes: words stand together. */
#define XDP_WORDS 16
struct xdp_words {
	uint32_t w[XDP_WORDS];
};

/**
 * What a proven RST leaves: one word at the place of its port, slot of host * n_ports + port.
 * Never 0. The time is CLOCK_MONOTONIC in microseconds.
 */
#define XDP_MAIL_TTL_SHIFT   24
#define XDP_MAIL_EPOCH_SHIFT 20
#define XDP_MAIL_EPOCH_MASK  15u
#define XDP_MAIL_US_MASK     0xfffffu

/** Whose replies a member takes. Ports in host order. */
struct xdp_member {
	uint16_t port_lo, port_hi;
	uint8_t is_open;
	uint8_t wants_tcp, wants_udp, wants_sctp, wants_arp;
	uint8_t n_rows; /* 0: cookies are not checked here, nothing is kept from the stack */
	uint8_t rows[XDP_ROWS_MAX];
	uint8_t has_other_rows; /* a wrong cookie may be another row's */
	uint8_t may_answer;     /* a frame may go back by the way it came: RST for SYN+ACK */
	uint8_t is_waiting;     /* the worker sleeps until its ring has something: wake it */
	uint8_t pad[5];
	struct siphash_key key;
};

/** Counters of one member and core. */
enum xdp_count {
	XDP_N_RECORDS,   /* replies handed to the worker */
	XDP_N_RING_FULL, /* replies lost because it did not keep up */
	XDP_N_FORGED,    /* to its port, looking like an answer, cookie wrong */
	XDP_N_DROPPED,   /* RST kept from the stack */
	XDP_N_RESETS,    /* SYN+ACK answered with RST by the program */
	XDP_N_PASSED,    /* reply handed to the worker and to the stack */
	XDP_COUNT_N
};

struct xdp_counts {
	uint64_t n[XDP_COUNT_N];
};

/** A received frame in a member's ring: whole, or its first cap bytes. */
struct xdp_record {
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	uint32_t if_idx;
	uint32_t len; /* bytes present */
	uint8_t bytes[];
};

/** Sizes that records are cut to: segments, ICMP errors and odd ones, datagrams. */
#define XDP_HEAD_BYTES 80
#define XDP_ICMP_BYTES 368
#define XDP_FULL_BYTES 1536
