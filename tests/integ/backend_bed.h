/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the checks of packet back ends stand on: two namespaces, loopback and veth in both families,
 * a capture at the far end, packets to send and readers of what comes back. Every transmit system
 * call is counted by wrapping it at link time.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <cmocka.h>

#ifdef HAS_XDP
#include <bpf/bpf.h>
#endif
#include <linux/capability.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "base/clock.h"
#include "pktio/xdp.h"
#include "support/netns.h"
#include "wire/decode.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/ip.h"
#include "wire/l4.h"

#define PORT_LO   41000
#define PORT_HI   41099
#define N_FRAMES  64
#define FRAME_CAP 256
#define WAIT_US   500000

extern struct netns_pair spaces;
extern uint64_t n_tx_calls; /* and test runs that send */

/* One way from here to there. */
struct medium {
	const char *name, *iface, *far_iface, *src, *dst;
	struct mac src_mac, dst_mac;
	bool is_veth;
};

#define N_MEDIA 4
extern const struct medium media[N_MEDIA];

/* A back end and a way to receive. */
struct variant {
	const char *name;
	const struct pktio_ops *ops;
	bool has_ring;
};

#define N_VARIANTS 7
extern const struct variant variants[N_VARIANTS];
/* A program in the driver needs a driver, and to be built in. */
bool is_served(const struct variant *v, const struct medium *m);

struct run {
	const struct variant *v;
	const struct pktio_ops *ops; /* v's */
	const struct medium *m;
	struct addr src, dst;
	uint32_t if_idx;
	struct pktio *io;
	bool is_first; /* takes the program with it when it is closed */
	int cap_fd;    /* hears what comes in at the far end */
};

struct addr literal(const char *s);
/* Next packet at the far end that is ours (to @p proto, from a port in [40000, 42000)); bytes from
 * the IP header; -1 none. */
int capture_next(const struct run *r, uint8_t proto, uint8_t *out, size_t cap, int wait_ms);
/* Transmit calls that a batch of n may take. */
uint32_t most_calls(const struct run *r, uint32_t n);
struct pktio_conf base_conf(void);
/* Fills in conf what r and v decide. */
void run_open_conf(struct run *r, const struct variant *v, const struct medium *m,
		   struct pktio_conf *conf);
void run_open(struct run *r, const struct variant *v, const struct medium *m);
/* The same with another conf into @p ret; r itself can only be closed then. */
void run_open_again(struct run *r, struct run *ret, struct pktio_conf *conf);
void run_close(struct run *r);
/* What a probe is made of; @body follows the IP header. */
void put_packet(const struct run *r, struct frame *f, uint8_t proto, const void *body, size_t len);
void put_syn(const struct run *r, struct frame *f, uint16_t sport, uint16_t dport, uint32_t seq);
void put_udp(const struct run *r, struct frame *f, uint16_t sport, uint16_t dport,
	     size_t payload_len);
const uint8_t *l3_of(const struct run *r, const struct frame *f, uint32_t *ret_len);
int commit_and_kick(struct run *r, const struct frame *f, uint32_t n);
/* Collect @p want decoded replies, or fewer on time-out. */
uint32_t collect(struct run *r, struct pkt *ret, uint32_t want);
void assert_silence(struct run *r);
struct pktio_stats stats_of(struct run *r);
