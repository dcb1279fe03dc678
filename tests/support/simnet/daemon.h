/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The daemon's parts: everything that is not the pure behaviour of behaviour.h and packet.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "packet.h"

#define SIM_FRAME_MAX    1600u
#define SIM_PENDING_MAX  4000000u /* delayed answers at a time */
#define SIM_CELLS_MAX    (1u << 28)
#define SIM_SECONDS_MAX  86400u
#define SIM_WHEEL_SLOTS  8192u
#define SIM_BATCH        64u
#define SIM_FORGED_KINDS 6u

struct bpf_object;
struct bpf_link;

struct sim_options {
	const char *iface, *mode, *nets, *count, *count_ports, *count_file, *stats, *list, *bpf,
		*router4, *router6, *forged_kinds, *count_proto, *states;
	double rst_rate, rst_burst, icmp_rate, icmp_burst;
	double delay_ms, jitter_ms, late_ms, copy_gap_ms;
	double copies, seed;
	bool is_on_link, is_through_qdisc, wants_help;
};

struct sim_pending {
	struct sim_pending *next;
	uint64_t due_ms;
	uint32_t len;
	uint8_t frame[];
};

/** Delayed frames by millisecond. */
struct sim_wheel {
	struct sim_pending *slot[SIM_WHEEL_SLOTS];
	uint64_t now_ms; /* all before was sent */
	uint32_t n;
};

struct sim_second {
	uint64_t at_ms, n_probes, n_answers;
};

struct simnet {
	struct sim_conf conf;
	struct sim_options opt;
	struct sim_counters n; /* the daemon's own */
	int fd, ifindex, signal_fd;
	uint8_t mac[6], router4[4], router6[16];
	bool has_router4, has_router6;
	/* XDP, or NULL */
	struct bpf_object *obj;
	struct bpf_link *link;
	int counters_fd;
	/* Shared with XDP where it is loaded. */
	uint64_t *cells, *port_index;
	struct sim_limit *limits;
	struct sim_wheel wheel;
	uint64_t rng;
	/* Frames to be sent together. */
	uint8_t out[SIM_BATCH][SIM_FRAME_MAX];
	uint32_t out_len[SIM_BATCH], n_out;
	struct sim_second *seconds;
	uint32_t n_seconds;
	uint64_t start_ns;
	struct sim_second last;
};

uint64_t sim_now_ns(void);
/** "198.18.0.0/15" or an address -> prefix. @return 0 or -1. */
int sim_parse_net(const char *text, struct sim_net *ret);
/** "22,80-90,-" -> ascending list. @return how many, at most 65536, or -1. @p ret holds 65536. */
int sim_parse_ports(const char *text, uint16_t *ret);

/** Fill options and configuration. @return 0, or -1 after a message on stderr. */
int sim_options_parse(struct simnet *s, int argc, char **argv);
void sim_options_help(FILE *f);

/** Load and attach the program, map its memory. @return 0, or -1 with *why said. */
int sim_xdp_start(struct simnet *s, const char **why);
void sim_xdp_stop(struct simnet *s);
/** Add what the program counted. */
void sim_xdp_counters(const struct simnet *s, struct sim_counters *sum);

/** Frames to be counted or answered by the daemon. */
void sim_frame(struct simnet *s, uint8_t *frame, uint32_t len);
/** ARP and neighbour discovery. @return whether it was that. */
bool sim_link_frame(struct simnet *s, uint8_t *frame, uint32_t len);
/** Send now or in @p delay_us; counted by the caller. @return whether it will be sent. */
bool sim_send(struct simnet *s, const uint8_t *frame, uint32_t len, uint64_t delay_us);
void sim_flush(struct simnet *s);
/** Send what is due. */
void sim_wheel_turn(struct simnet *s);
/** Is it lost on this way? Draws at random and counts. */
bool sim_is_lost(struct simnet *s, enum sim_share way, enum sim_counter counter);
uint64_t sim_random(struct simnet *s);

/** An ICMP error about the packet in @p frame. @return its length. @p out holds SIM_FRAME_MAX. */
uint32_t sim_icmp_error(const struct simnet *s, const uint8_t *frame, uint32_t len,
			const struct sim_probe *p, const struct sim_verdict *v, uint8_t *out);
/** Answer to an SCTP packet in place. @return length, 0: none. */
uint32_t sim_sctp_answer(uint8_t *frame, uint32_t len, const struct sim_probe *p,
			 const struct sim_verdict *v);
/** Is the CRC32c of the SCTP packet right? */
bool sim_sctp_is_intact(const uint8_t *frame, uint32_t len, const struct sim_probe *p);
/** Send forged replies to a probe. */
void sim_forge(struct simnet *s, const uint8_t *frame, uint32_t len, const struct sim_probe *p,
	       const struct sim_verdict *v);

/** Statistics as JSON to opt.stats, counters of endpoints to opt.count_file. */
void sim_report(struct simnet *s);
void sim_report_second(struct simnet *s);
/** Print endpoints and states of all nets (--list). @return exit code. */
int sim_list(const struct simnet *s);
