/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * --packet-capture: taps before back ends, a ring of bytes between each tap and the thread that
 * writes. Records lie in one piece; a marker skips the end of the ring where one would not. The
 * writer looks every few milliseconds, so the path of packets makes no system call for it, and what
 * it wrote is whole blocks: the file can be read after any kind of end.
 */
#include "pktio/capture.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "wire/pcapng.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
	RING_BYTES = 8 << 20, /* 80 ms of a million frames a second */
	SPILL_BYTES = 128 << 10,
	IFACES_MAX = 256, /* more are written as the last one */
	POLL_US = 2000,
	ETH_BYTES = 14
};

/** Invariant: size is a multiple of 8; 0 marks the end of the ring as unused. */
struct record {
	uint32_t size;
	uint32_t len, wire_len;
	uint32_t if_idx;
	uint32_t n_dropped; /* since the record before */
	uint8_t link;
	bool is_sent;
	uint64_t mono_ns;
	uint8_t bytes[];
};

struct tap {
	struct pktio_ops ops; /* the back end's, with ours in front */
	struct pktio *inner;
	struct capture *capture;
	struct tap *next;
	uint8_t *ring;
	uint32_t n_dropped; /* since the last record; producer */
	uint64_t n_lost;    /* the back end's word at close */
	uint32_t iface;     /* of the last record; writer */
	ALIGNED(64) _Atomic uint64_t head;
	uint64_t tail_seen;
	ALIGNED(64) _Atomic uint64_t tail;
};

struct capture_iface {
	uint32_t if_idx;
	uint8_t link;
	uint64_t n_written, n_dropped, n_lost;
};

struct capture {
	int fd, error;
	uint64_t wall_offset_ns; /* wall clock less the monotonic one, at the start */
	struct buf out;
	_Atomic(struct tap *) taps;
	struct capture_iface ifaces[IFACES_MAX];
	uint32_t n_ifaces;
	struct capture_totals totals;
	pthread_t thread;
	bool is_started;
	_Atomic bool is_ending;
};

/* --- the path of packets ------------------------------------------------------------- */

/** @return place for @p size bytes in one piece; NULL: no room. *@p ret_head: head behind it. */
static struct record *make_room(struct tap *t, uint32_t size, uint64_t *ret_head)
{
	uint64_t head = atomic_load_explicit(&t->head, memory_order_relaxed);
	uint32_t at = (uint32_t)(head % RING_BYTES), to_end = RING_BYTES - at;
	uint32_t skip = size > to_end ? to_end : 0;

	if (head + skip + size - t->tail_seen > RING_BYTES) {
		t->tail_seen = atomic_load_explicit(&t->tail, memory_order_acquire);
		if (head + skip + size - t->tail_seen > RING_BYTES)
			return NULL;
	}
	if (skip)
		memcpy(t->ring + at, &(uint32_t){0}, sizeof(uint32_t));
	*ret_head = head + skip + size;
	return (struct record *)(void *)(t->ring + (skip ? 0 : at));
}

/** Of a frame that a back end has cut, as its own header tells. */
static uint32_t wire_len(const struct frame *f)
{
	uint32_t off = f->link == LINK_ETHERNET ? ETH_BYTES : 0, len = 0;
	const uint8_t *ip = f->bytes + off;

	if (f->len < off + 20)
		return f->len;
	bool is_v4 = off ? get_be16(f->bytes + 12) == 0x0800 : ip[0] >> 4 == 4;
	bool is_v6 = off ? get_be16(f->bytes + 12) == 0x86dd : ip[0] >> 4 == 6;
	if (is_v4)
		len = off + get_be16(ip + 2);
	else if (is_v6)
		len = off + 40 + get_be16(ip + 4);
	return MAX(len, f->len);
}

static void note(struct tap *t, const struct frame *f, bool is_sent, uint64_t mono_ns)
{
	uint64_t head;
	uint32_t size = (uint32_t)(sizeof(struct record) + f->len + 7) & ~7u;
	struct record *r = make_room(t, size, &head);

	if (!r) {
		t->n_dropped++;
		return;
	}
	*r = (struct record){.size = size,
			     .len = f->len,
			     .wire_len = wire_len(f),
			     .if_idx = f->if_idx,
			     .n_dropped = t->n_dropped,
			     .link = f->link,
			     .is_sent = is_sent,
			     .mono_ns = mono_ns};
	memcpy(r->bytes, f->bytes, f->len);
	t->n_dropped = 0;
	atomic_store_explicit(&t->head, head, memory_order_release);
}

static uint32_t tap_reserve(struct pktio *io, struct frame *f, uint32_t n)
{
	struct tap *t = io->state;

	return t->inner->ops->tx_reserve(t->inner, f, n);
}

static void tap_commit(struct pktio *io, const struct frame *f, uint32_t n)
{
	struct tap *t = io->state;
	uint64_t now_ns = clock_now_ns();

	for (uint32_t i = 0; i < n; i++)
		if (f[i].len)
			note(t, &f[i], true, now_ns);
	t->inner->ops->tx_commit(t->inner, f, n);
}

static int tap_kick(struct pktio *io)
{
	struct tap *t = io->state;

	return t->inner->ops->tx_kick(t->inner);
}

static int tap_acquire(struct pktio *io, struct frame *f, uint32_t n, uint32_t wait_us)
{
	struct tap *t = io->state;
	int got = t->inner->ops->rx_acquire(t->inner, f, n, wait_us);
	uint64_t now_ns = got > 0 ? clock_now_ns() : 0;

	for (int i = 0; i < got; i++)
		note(t, &f[i], false, f[i].time_ns ? f[i].time_ns : now_ns);
	return got;
}

static void tap_release(struct pktio *io, const struct frame *f, uint32_t n)
{
	struct tap *t = io->state;

	t->inner->ops->rx_release(t->inner, f, n);
}

static void tap_stats(struct pktio *io, struct pktio_stats *ret)
{
	struct tap *t = io->state;

	t->inner->ops->stats(t->inner, ret);
}

/** The tap itself is the writer's until the end. */
static void tap_close(struct pktio *io)
{
	struct tap *t = io->state;
	struct pktio_stats s = {0};

	t->inner->ops->stats(t->inner, &s);
	t->n_lost = s.n_rx_dropped;
	pktio_close(t->inner);
	t->inner = NULL;
}

int capture_tap(struct capture *c, struct pktio **io)
{
	if (!c)
		return 0;
	struct pktio *outer = mem_alloc(1, sizeof(*outer));
	struct tap *t = mem_alloc(1, sizeof(*t));
	uint8_t *ring = mem_alloc(RING_BYTES, 1);
	if (!outer || !t || !ring) {
		mem_free(outer);
		mem_free(t);
		mem_free(ring);
		return -ENOMEM;
	}
	t->ops = *(*io)->ops;
	t->ops.tx_reserve = tap_reserve;
	t->ops.tx_commit = tap_commit;
	t->ops.tx_kick = tap_kick;
	t->ops.rx_acquire = tap_acquire;
	t->ops.rx_release = tap_release;
	t->ops.stats = tap_stats;
	t->ops.close = tap_close;
	t->ops.sweep = NULL; /* what it sends is never seen here */
	t->inner = *io;
	t->capture = c;
	t->ring = ring;
	t->next = atomic_load_explicit(&c->taps, memory_order_relaxed);
	*outer = (struct pktio){.ops = &t->ops, .state = t};
	atomic_store_explicit(&c->taps, t, memory_order_release);
	*io = outer;
	return 0;
}

/* --- the file ------------------------------------------------------------------------ */

static void spill(struct capture *c)
{
	const uint8_t *p = c->out.p;
	size_t left = c->out.len;

	if (!c->error && c->out.error)
		c->error = c->out.error;
	while (left && !c->error) {
		ssize_t n = write(c->fd, p, left);
		if (n >= 0) {
			p += n;
			left -= (size_t)n;
		} else if (errno != EINTR) {
			c->error = -errno;
		}
	}
	buf_reset(&c->out);
}

/** Room for a block with @p n bytes of its own. Failed when there is no memory. */
static struct wcursor begin(struct capture *c, size_t n)
{
	uint8_t *at = buf_reserve(&c->out, PCAPNG_BLOCK_MAX + n);

	return wcursor_of(at, at ? PCAPNG_BLOCK_MAX + n : 0);
}

static void end(struct capture *c, const struct wcursor *w)
{
	if (!w->failed)
		buf_advance(&c->out, w->pos);
	if (c->out.len >= SPILL_BYTES)
		spill(c);
}

/** The block number of an interface, described when it first turns up. */
static uint32_t iface_of(struct capture *c, uint32_t if_idx, uint8_t link)
{
	char name[IF_NAMESIZE + 16];
	uint32_t i = 0;

	while (i < c->n_ifaces && (c->ifaces[i].if_idx != if_idx || c->ifaces[i].link != link))
		i++;
	if (i < c->n_ifaces)
		return i;
	if (i == IFACES_MAX)
		return IFACES_MAX - 1;
	c->ifaces[c->n_ifaces++] = (struct capture_iface){.if_idx = if_idx, .link = link};
	if (!if_idx)
		snprintf(name, sizeof(name), "any");
	else if (!if_indextoname(if_idx, name))
		snprintf(name, sizeof(name), "interface %u", if_idx);
	struct wcursor w = begin(c, 0);
	pcapng_put_iface(&w, link, name);
	end(c, &w);
	return i;
}

static void write_record(struct capture *c, struct tap *t, const struct record *r)
{
	uint32_t iface = iface_of(c, r->if_idx, r->link);
	struct wcursor w = begin(c, r->len);

	pcapng_put_packet(&w, &(struct pcapng_packet){.iface = iface,
						      .wall_ns = r->mono_ns + c->wall_offset_ns,
						      .bytes = r->bytes,
						      .len = r->len,
						      .wire_len = r->wire_len,
						      .n_dropped = r->n_dropped,
						      .is_sent = r->is_sent});
	end(c, &w);
	t->iface = iface;
	c->ifaces[iface].n_written++;
	c->ifaces[iface].n_dropped += r->n_dropped;
	*(r->is_sent ? &c->totals.n_sent : &c->totals.n_received) += 1;
}

/** Everything that is in the tap's ring. */
static void drain(struct capture *c, struct tap *t)
{
	uint64_t head = atomic_load_explicit(&t->head, memory_order_acquire);
	uint64_t tail = atomic_load_explicit(&t->tail, memory_order_relaxed);

	while (tail != head) {
		uint32_t at = (uint32_t)(tail % RING_BYTES);
		const struct record *r = (const struct record *)(const void *)(t->ring + at);
		if (r->size)
			write_record(c, t, r);
		tail += r->size ? r->size : RING_BYTES - at;
		atomic_store_explicit(&t->tail, tail, memory_order_release);
	}
}

static void drain_all(struct capture *c)
{
	for (struct tap *t = atomic_load_explicit(&c->taps, memory_order_acquire); t; t = t->next)
		drain(c, t);
	spill(c);
}

static void *writer(void *arg)
{
	const struct timespec pause = {.tv_nsec = POLL_US * 1000L};
	struct capture *c = arg;

	(void)pthread_setname_np(pthread_self(), "prtip-capture");
	while (!atomic_load_explicit(&c->is_ending, memory_order_acquire)) {
		drain_all(c);
		(void)nanosleep(&pause, NULL);
	}
	return NULL;
}

int capture_open(const char *path, const char *app, struct capture **ret)
{
	struct capture *c = mem_alloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	buf_init(&c->out, 4 * SPILL_BYTES);
	c->wall_offset_ns = clock_wall_ns() - clock_now_ns();
	c->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (c->fd < 0) {
		int err = -errno;
		mem_free(c);
		return err;
	}
	struct wcursor w = begin(c, 0);
	pcapng_put_section(&w, app);
	end(c, &w);
	*ret = c;
	return 0;
}

int capture_start(struct capture *c)
{
	int err = -pthread_create(&c->thread, NULL, writer, c);

	c->is_started = !err;
	return err;
}

/** What was dropped or lost and no record tells of is told of the tap's last interface. */
static void settle(struct capture *c, struct tap *t)
{
	if (!c->n_ifaces && (t->n_dropped || t->n_lost))
		(void)iface_of(c, 0, LINK_NONE);
	c->ifaces[t->iface].n_dropped += t->n_dropped;
	c->ifaces[t->iface].n_lost += t->n_lost;
}

static void put_stats(struct capture *c, uint32_t iface)
{
	const struct capture_iface *i = &c->ifaces[iface];
	struct wcursor w = begin(c, 0);

	pcapng_put_stats(&w, &(struct pcapng_stats){.iface = iface,
						    .wall_ns = clock_now_ns() + c->wall_offset_ns,
						    .n_seen = i->n_written + i->n_dropped,
						    .n_dropped = i->n_dropped,
						    .n_lost = i->n_lost});
	end(c, &w);
	c->totals.n_dropped += i->n_dropped;
}

int capture_close(struct capture *c, struct capture_totals *ret)
{
	if (!c)
		return 0;
	if (c->is_started) {
		atomic_store_explicit(&c->is_ending, true, memory_order_release);
		(void)pthread_join(c->thread, NULL);
	}
	drain_all(c);
	for (struct tap *t = atomic_load(&c->taps), *next; t; t = next) {
		next = t->next;
		settle(c, t);
		mem_free(t->ring);
		mem_free(t);
	}
	for (uint32_t i = 0; i < c->n_ifaces; i++)
		put_stats(c, i);
	spill(c);
	int err = c->error;
	if (close(c->fd) < 0 && !err)
		err = -errno;
	if (ret)
		*ret = c->totals;
	buf_fini(&c->out);
	mem_free(c);
	return err;
}
