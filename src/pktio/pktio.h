/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packet back ends: frames out and in, one ops table each. A handle belongs to one worker thread.
 * Frames move in borrow pairs: tx_reserve/tx_commit, rx_acquire/rx_release. System calls happen per
 * batch, in tx_kick and rx_acquire only.
 */
#pragma once

#include "base/err.h"
#include "base/siphash.h"
#include "wire/addr.h"
#include "wire/frame.h"

enum {
	PKTIO_L2 = 1,  /* frames carry an Ethernet header */
	PKTIO_ARP = 2, /* ARP replies are received */
	PKTIO_V4 = 4,
	PKTIO_V6 = 8,
	PKTIO_ONE_IFACE = 16 /* sends by one interface only: conf.if_idx, or the hub's */
};

#define PKTIO_BATCH_MAX 1024

struct xdp_hub;

struct pktio_conf {
	uint32_t batch; /* frames per tx_kick, 1..PKTIO_BATCH_MAX */
	bool v4, v6;    /* families in use: sockets are opened for these only */
	bool wants_tcp, wants_udp, wants_sctp; /* reply protocols; ICMP always */
	bool hears_itself; /* some targets are this machine: a raw socket of a protocol keeps the
			      kernel from saying that it knows no such protocol */
	bool wants_arp;    /* ARP replies as Ethernet frames: only back ends with PKTIO_ARP */
	bool is_tx_only;   /* rawip beside a back end that receives: open nothing for receiving */
	uint16_t frame_cap_bytes;  /* largest frame to be sent; 0 or below 128: 128 */
	uint16_t port_lo, port_hi; /* our source ports: the kernel filters replies to others */
	uint32_t if_idx;           /* bind to one interface (-e), 0 any */
	uint32_t rx_buf_bytes;     /* socket receive buffer wanted */
	uint32_t skip_if_idx;      /* rawip: ignore what comes in by this interface, 0 none */
	struct xdp_hub *xdp;       /* PKTIO_ONE_IFACE: the program to share; NULL: one of its own */
	/** Rows whose replies prove themselves as those of SYN rows do (probe/scan_tcp.c): a back
	 * end may check them and keep proven RSTs from the stack. 0 rows: it must not. Borrowed
	 * until open returns. */
	const struct siphash_key *cookie_key;
	const uint8_t *cookie_rows;
	uint8_t n_cookie_rows;
	bool has_other_rows; /* segments that prove nothing here may still be answers */
	uint32_t tx_if_idx;  /* the interface most frames leave by; 0: if_idx. Back ends tied to one
				interface need it */
	uint32_t tx_queue;   /* its transmit queue, for those: a worker each */
	bool waits_for_queue; /* a queue in use may be free soon: wait 300 ms at most */
	bool wants_rx_ring;   /* receive by a mapped ring where there is one: large scans */
};

struct pktio_stats {
	uint64_t n_tx_frames, n_tx_bytes; /* accepted by the kernel */
	uint64_t n_tx_calls;              /* transmit system calls */
	uint64_t n_tx_errors;             /* frames the kernel refused for good */
	uint64_t n_tx_retries;            /* EAGAIN, ENOBUFS: tried again */
	uint64_t n_rx_frames, n_rx_calls;
	uint64_t n_rx_forged;  /* wrong cookies that the back end itself has seen */
	uint64_t n_rx_dropped; /* by full socket buffers; some kernels count before the filter */
};

struct pktio;
struct pktio_sweep_ops;
struct pktio_ops {
	const char *name;
	const char *help;
	uint32_t caps;
	int (*open)(struct pktio *io, const struct pktio_conf *conf);
	/**
	 * Borrow up to @p n frames with cap >= 128 bytes and >= frame_cap_bytes; @return how many
	 * (0: none until a kick). Sets bytes, cap, link, len = 0 and if_idx = conf's; leave cookie
	 * alone. At most conf.batch are out or committed at a time.
	 */
	uint32_t (*tx_reserve)(struct pktio *io, struct frame *f, uint32_t n);
	/**
	 * Give back @p n reserved frames, the first of them filled (len > 0; if_idx for L2).
	 * len == 0: not to be sent.
	 */
	void (*tx_commit)(struct pktio *io, const struct frame *f, uint32_t n);
	/**
	 * Send everything committed, in order within a family: one system call unless the kernel
	 * refuses a frame. A frame refused for itself (no route, forbidden by a filter) is counted
	 * and skipped; a full queue is waited for at most 100 ms, then the rest is given up and
	 * counted as errors.
	 * @return frames sent, or -errno when none can be (network down, interface gone).
	 */
	int (*tx_kick)(struct pktio *io);
	/**
	 * Borrow up to @p n received frames, waiting at most @p wait_us (0: poll only). Frames
	 * longer than the back end's slots are cut: len counts the bytes present. With @p n = 0 it
	 * returns when the back end hears, which may be some ms after open: before the first kick.
	 * @return count, 0 on time-out or signal, -errno when the device is gone.
	 */
	int (*rx_acquire)(struct pktio *io, struct frame *f, uint32_t n, uint32_t wait_us);
	void (*rx_release)(struct pktio *io, const struct frame *f, uint32_t n);
	void (*stats)(struct pktio *io, struct pktio_stats *ret);
	void (*close)(struct pktio *io);
	const struct pktio_sweep_ops *sweep; /* sweep.h; NULL: it sends what it is given */
};

struct pktio {
	const struct pktio_ops *ops;
	void *state; /* the back end's */
};

/**
 * Registry, fastest sender first; NULL-terminated. A small scan opens rawip: packet sockets are
 * slow to close.
 */
extern const struct pktio_ops *const pktio_backends[];
extern const struct pktio_ops pktio_rawip, pktio_afpacket, pktio_xdp, pktio_txring, pktio_afxdp,
	pktio_afxdp_zc;
/** Receives only, beside a back end that sends; not in the registry. */
extern const struct pktio_ops pktio_xdp_rx;

/** @return the table of that name or NULL. */
const struct pktio_ops *pktio_find(const char *name);
/**
 * Open; on failure nothing stays open. Needs CAP_NET_RAW; CAP_NET_ADMIN only lifts the ceiling of
 * socket buffers. Errors: -EPERM (no CAP_NET_RAW), -E_RANGE (batch, ports, family out of range),
 * -E_UNSUPPORTED (wants_arp without PKTIO_ARP), -ENOMEM, other -errno.
 */
int pktio_open(const struct pktio_ops *ops, const struct pktio_conf *conf,
	       struct pktio **ret) MUST_CHECK;
/** Accepts NULL. */
void pktio_close(struct pktio *io);
