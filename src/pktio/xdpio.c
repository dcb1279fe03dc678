/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The XDP back ends. xdp: frames are written into memory shared with the program and pushed
 * through the driver by one test run per kick; replies come as records. xdp-rx: records only,
 * beside a back end that sends. What arrives by other interfaces is heard by raw sockets that
 * ignore ours: a target behind another way out is not lost. A frame the driver had no room for is
 * offered again, since the tracepoint tells which ones it took.
 */
#include "pktio/xdp_int.h"

#include "base/clock.h"
#include "base/mem.h"
#include "pktio/rawrx.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_ether.h>

#define QUEUE_WAIT_NS  (100 * NS_PER_MS) /* longest stay in one kick with a full driver */
#define BACKOFF_MIN_NS (20 * NS_PER_US)
#define BACKOFF_MAX_NS NS_PER_MS
/** A record costs a seventh of what a socket is charged for a packet. */
#define RING_SHARE     4u
#define RING_MIN_BYTES 4096u
#define RING_MAX_BYTES (8u << 20)
/** Polls without waiting between two looks at other interfaces that were silent at the last. */
#define OTHERS_EVERY 16u

struct xdpio {
	struct xdp_hub *own; /* opened here: nobody shares it */
	struct xdp_port port;
	struct xdp_ring ring;
	struct rawrx others;
	struct pktio_stats st;
	pthread_t kicker; /* thread that the program knows */
	bool is_rx_only;
	uint32_t batch;
	uint32_t n_used, n_lent, n_filled; /* slots, as struct txbatch */
	uint32_t n_polls;
	bool is_elsewhere; /* the last look at the other interfaces found something */
	uint32_t if_idx;
};

static void xdpio_close(struct pktio *io)
{
	struct xdpio *x = io->state;

	if (!x)
		return;
	xdp_port_close(&x->port);
	xdp_ring_close(&x->ring);
	rawrx_close(&x->others);
	xdp_hub_close(x->own);
	mem_free(x);
	io->state = NULL;
}

static uint32_t ring_bytes(const struct pktio_conf *c)
{
	uint32_t want = c->rx_buf_bytes ? c->rx_buf_bytes / RING_SHARE : RING_MAX_BYTES / 4,
		 n = RING_MIN_BYTES;

	while (n < want && n < RING_MAX_BYTES)
		n *= 2;
	return n;
}

/** From here on records come in. */
static int listen_to(struct xdpio *x, const struct pktio_conf *c)
{
	struct xdp_member *m = x->port.member;
	struct pktio_conf others = *c;
	int err = xdp_ring_open(&x->ring, ring_bytes(c));

	if (!err)
		err = xdp_port_listen(&x->port, &x->ring);
	if (err)
		return err;
	m->wants_tcp = c->wants_tcp;
	m->wants_udp = c->wants_udp;
	m->wants_sctp = c->wants_sctp;
	m->wants_arp = c->wants_arp;
	m->may_answer = xdp_hub_can_send(x->port.hub);
	if (c->cookie_key && c->n_cookie_rows <= XDP_ROWS_MAX) {
		m->key = *c->cookie_key;
		memcpy(m->rows, c->cookie_rows, c->n_cookie_rows);
		m->n_rows = c->n_cookie_rows;
		m->has_other_rows = c->has_other_rows;
	}
	m->port_hi = c->port_hi;
	m->port_lo = c->port_lo;
	if (c->if_idx)
		return 0;
	others.skip_if_idx = x->if_idx;
	err = rawrx_open(&x->others, &others);
	x->others.wake_fd = x->ring.fd;
	return err;
}

static int open_as(struct pktio *io, const struct pktio_conf *c, bool is_rx_only)
{
	struct xdp_hub_conf hc = {.if_idx = c->if_idx,
				  .n_members = 1,
				  .batch = c->batch,
				  .busy_wait_ms = XDP_BUSY_WAIT_MS};
	struct xdpio *x = mem_alloc(1, sizeof(*x));
	int err = 0;

	if (!x)
		return -ENOMEM;
	*x = (struct xdpio){.ring.fd = -1, .batch = c->batch, .is_rx_only = is_rx_only};
	io->state = x;
	struct xdp_hub *hub = c->xdp;
	if (c->frame_cap_bytes > XDP_FRAME_CAP && !is_rx_only)
		err = -E_RANGE;
	if (!err && !hub) {
		err = xdp_hub_open(&hc, &x->own);
		hub = x->own;
	}
	if (!err && !is_rx_only && !xdp_hub_can_send(hub))
		err = -E_UNSUPPORTED;
	if (!err)
		err = xdp_port_open(hub, &x->port);
	if (!err) {
		x->if_idx = xdp_hub_if_idx(hub);
		err = c->is_tx_only ? 0 : listen_to(x, c);
	}
	if (err)
		xdpio_close(io);
	return err;
}

static int xdp_open(struct pktio *io, const struct pktio_conf *conf)
{
	return open_as(io, conf, false);
}

static int xdp_rx_open(struct pktio *io, const struct pktio_conf *conf)
{
	return open_as(io, conf, true);
}

/* --- sending ---------------------------------------------------------------------- */

static uint32_t xdpio_tx_reserve(struct pktio *io, struct frame *f, uint32_t n)
{
	struct xdpio *x = io->state;

	if (x->is_rx_only)
		return 0;
	if (x->n_lent == 0 && x->n_filled == 0)
		x->n_used = 0;
	n = MIN(n, x->batch - x->n_used);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t slot = x->n_used + i;

		f[i] = (struct frame){.bytes = x->port.slots[slot].bytes,
				      .cap = XDP_FRAME_CAP,
				      .if_idx = x->if_idx,
				      .link = LINK_ETHERNET,
				      .cookie = slot};
	}
	x->n_used += n;
	x->n_lent += n;
	return n;
}

static void xdpio_tx_commit(struct pktio *io, const struct frame *f, uint32_t n)
{
	struct xdpio *x = io->state;

	assert(n <= x->n_lent);
	x->n_lent -= n;
	for (uint32_t i = 0; i < n; i++) {
		struct xdp_slot *s = &x->port.slots[f[i].cookie];

		if (f[i].len == 0)
			continue;
		if (f[i].len < ETH_HLEN || f[i].len > XDP_FRAME_CAP || f[i].if_idx == 0) {
			x->st.n_tx_errors++;
			continue;
		}
		s->if_idx = f[i].if_idx;
		s->len = f[i].len;
		x->port.lane->order[x->n_filled++] = (uint16_t)f[i].cookie;
	}
}

/** Keep in the lane what was not taken: of each bulk the tail, and what was never handed out. @p
 * n_handed frames were. */
static uint32_t keep_rest(struct xdp_lane *l, uint32_t n_handed)
{
	uint32_t at = 0, n = 0;

	for (uint32_t b = 0; b < MIN(l->n_bulks, (uint32_t)XDP_BULKS_MAX); b++) {
		at += l->bulks[b].n_sent;
		for (uint32_t k = 0; k < l->bulks[b].n_dropped && at < n_handed; k++)
			l->order[n++] = l->order[at++];
	}
	for (at = n_handed; at < l->n_frames; at++)
		l->order[n++] = l->order[at];
	return n;
}

static uint64_t lane_bytes(const struct xdpio *x, uint32_t n)
{
	uint64_t sum = 0;

	if (x->port.lane->is_sweep)
		return (uint64_t)n * XDP_SWEEP_BYTES;
	for (uint32_t i = 0; i < n; i++)
		sum += x->port.slots[x->port.lane->order[i]].len;
	return sum;
}

/** One run. @return frames left to try again; those refused for good are counted. */
static uint32_t run_once(struct xdpio *x, int *ret_err)
{
	struct xdp_lane *l = x->port.lane;
	uint64_t bytes = lane_bytes(x, l->n_frames);

	*ret_err = xdp_port_run(&x->port);
	x->st.n_tx_calls++;
	uint32_t n_handed = *ret_err && *ret_err != -EINTR ? 0 : MIN(l->next, l->n_frames);
	uint32_t n_told = l->n_sent + l->n_dropped, n_rest = 0;
	if (n_told == n_handed && l->n_bulks <= XDP_BULKS_MAX && (!*ret_err || *ret_err == -EINTR))
		n_rest = keep_rest(l, n_handed);
	x->st.n_tx_frames += l->n_sent;
	x->st.n_tx_bytes += l->n_sent + n_rest == l->n_frames ? bytes - lane_bytes(x, n_rest)
							      : bytes * l->n_sent / l->n_frames;
	x->st.n_tx_errors += l->n_frames - l->n_sent - n_rest;
	return n_rest;
}

static int know_thread(struct xdpio *x)
{
	if (x->port.lane->task && pthread_equal(x->kicker, pthread_self()))
		return 0;
	x->kicker = pthread_self();
	return xdp_port_claim(&x->port);
}

/** Push the first @p n of the lane, again what the driver had no room for. @return frames sent, or
 * -errno. */
static int push(struct xdpio *x, uint32_t n)
{
	struct xdp_lane *l = x->port.lane;
	uint64_t give_up_ns = 0, backoff_ns = BACKOFF_MIN_NS;
	uint32_t n_left = n, n_sent = 0;
	int err = n_left ? know_thread(x) : 0;

	while (n_left && !err) {
		struct timespec pause = {.tv_nsec = (long)backoff_ns};
		l->n_frames = n_left;
		n_left = run_once(x, &err);
		n_sent += l->n_sent;
		err = err == -EINTR ? 0 : err;
		if (!n_left || err)
			break;
		uint64_t now_ns = clock_now_ns();
		x->st.n_tx_retries++;
		give_up_ns = give_up_ns ? give_up_ns : now_ns + QUEUE_WAIT_NS;
		if (now_ns >= give_up_ns)
			break;
		(void)nanosleep(&pause, NULL);
		backoff_ns = l->n_sent ? BACKOFF_MIN_NS : MIN(backoff_ns * 2, BACKOFF_MAX_NS);
	}
	x->st.n_tx_errors += n_left;
	return n && !n_sent ? (err ? err : -ENETDOWN) : (int)n_sent;
}

static int xdpio_tx_kick(struct pktio *io)
{
	struct xdpio *x = io->state;

	x->port.lane->is_sweep = 0;
	int n_sent = push(x, x->n_filled);
	x->n_filled = 0;
	if (x->n_lent == 0)
		x->n_used = 0;
	return n_sent;
}

/* --- sweeps -------------------------------------------------------------------------- */

static uint32_t *sweep_addrs(struct pktio *io, uint32_t window)
{
	struct xdpio *x = io->state;

	return x->port.sweeps && !x->is_rx_only ? xdp_sweep_addrs(&x->port, window) : NULL;
}

static void sweep_open(struct pktio *io, uint32_t window, const struct sweep_group *g)
{
	struct xdpio *x = io->state;

	xdp_sweep_open(&x->port, window, g);
}

static int sweep_kick(struct pktio *io, uint32_t window, const struct sweep_form *form,
		      uint32_t first, uint32_t n)
{
	struct xdpio *x = io->state;
	struct xdp_lane *l = x->port.lane;

	assert(n <= XDP_BATCH_MAX && !x->n_filled);
	xdp_sweep_form(&x->port, form);
	l->is_sweep = 1;
	l->sweep = XDP_SWEEP_KEYS(x->port.idx, window);
	l->first_place = first;
	for (uint32_t i = 0; i < n; i++)
		l->order[i] = (uint16_t)i;
	return push(x, n);
}

static uint32_t sweep_collect(struct pktio *io, uint32_t window, uint32_t *at,
			      struct sweep_mail *ret, uint32_t n)
{
	struct xdpio *x = io->state;

	return xdp_sweep_collect(&x->port, window, at, ret, n);
}

static void sweep_close(struct pktio *io, uint32_t window)
{
	struct xdpio *x = io->state;

	xdp_sweep_close(&x->port, window);
}

static const struct pktio_sweep_ops sweep_ops = {.addrs = sweep_addrs,
						 .open = sweep_open,
						 .kick = sweep_kick,
						 .collect = sweep_collect,
						 .close = sweep_close};

/* --- receiving --------------------------------------------------------------------- */

/**
 * The program wakes only who waits. What it recorded just before it saw that is in the ring before
 * poll() looks, which then returns at once.
 */
static void set_waiting(struct xdpio *x, bool is_waiting)
{
	__atomic_store_n(&x->port.member->is_waiting, is_waiting, __ATOMIC_SEQ_CST);
}

/** Look at the other interfaces, waiting for them and for the ring. */
static int poll_all(struct xdpio *x, struct frame *f, uint32_t n, uint32_t wait_us)
{
	struct timespec ts = {.tv_sec = wait_us / 1000000, .tv_nsec = wait_us % 1000000 * 1000L};
	struct pollfd p = {.fd = x->ring.fd, .events = POLLIN};

	if (x->others.n_socks)
		return rawrx_acquire(&x->others, f, n, wait_us);
	x->st.n_rx_calls++;
	int got = wait_us ? ppoll(&p, 1, &ts, NULL) : 0;
	return got < 0 && errno != EINTR ? -errno : 0;
}

static int xdpio_rx_acquire(struct pktio *io, struct frame *f, uint32_t n, uint32_t wait_us)
{
	struct xdpio *x = io->state;
	uint32_t got = xdp_ring_take(&x->ring, f, n);

	if (got || (!wait_us && !x->is_elsewhere && ++x->n_polls % OTHERS_EVERY)) {
		x->st.n_rx_frames += got;
		return (int)got;
	}
	set_waiting(x, wait_us > 0);
	int from_others = poll_all(x, f, n, wait_us);
	set_waiting(x, false);
	x->is_elsewhere = from_others > 0;
	if (from_others)
		return from_others;
	got = xdp_ring_take(&x->ring, f, n);
	x->st.n_rx_frames += got;
	return (int)got;
}

static bool is_of_ring(const struct xdpio *x, const struct frame *f)
{
	return f->bytes >= x->ring.records && f->bytes < x->ring.records + 2 * x->ring.size_bytes;
}

static void xdpio_rx_release(struct pktio *io, const struct frame *f, uint32_t n)
{
	struct xdpio *x = io->state;

	for (uint32_t i = 0; i < n; i++)
		if (is_of_ring(x, &f[i]))
			xdp_ring_give(&x->ring, 1);
		else
			rawrx_release(&x->others, &f[i], 1);
}

static void xdpio_stats(struct pktio *io, struct pktio_stats *ret)
{
	struct xdpio *x = io->state;
	struct xdp_counts c;

	*ret = x->st;
	if (x->others.n_socks)
		rawrx_stats(&x->others, ret);
	xdp_port_counts(&x->port, &c);
	ret->n_rx_dropped += c.n[XDP_N_RING_FULL];
	ret->n_rx_forged = c.n[XDP_N_FORGED];
}

#define COMMON                                                                                     \
	.tx_reserve = xdpio_tx_reserve, .tx_commit = xdpio_tx_commit, .tx_kick = xdpio_tx_kick,    \
	.rx_acquire = xdpio_rx_acquire, .rx_release = xdpio_rx_release, .stats = xdpio_stats,      \
	.close = xdpio_close

const struct pktio_ops pktio_xdp = {
	.name = "xdp",
	.help = "program in the driver: live frames out, proven replies in; one interface",
	.caps = PKTIO_L2 | PKTIO_ARP | PKTIO_V4 | PKTIO_V6 | PKTIO_ONE_IFACE,
	.open = xdp_open,
	.sweep = &sweep_ops,
	COMMON,
};

const struct pktio_ops pktio_xdp_rx = {
	.name = "xdp-rx",
	.help = "program in the driver receives, another back end sends",
	.caps = PKTIO_L2 | PKTIO_ARP | PKTIO_V4 | PKTIO_V6 | PKTIO_ONE_IFACE,
	.open = xdp_rx_open,
	COMMON,
};
