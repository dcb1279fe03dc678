/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The loop of detection's conversations: epoll, level-triggered, one slot a stream. Deadlines stand
 * in a wheel of 4 ms slots. TLS is a layer (streamtls.c) between socket and buffers, with no say in
 * what is believed: detection reads certificates, it does not trust them.
 *
 * A stream is closed by its owner alone. Events of a stream that was closed during the same turn
 * are recognised by the slot's generation.
 */
#include "detect/stream.h"

#include "base/clock.h"
#include "base/mem.h"
#include "detect/streamsock.h"
#include "detect/streamtls.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	EVENTS_MAX = 128,
	WHEEL_SLOTS = 1024,
	READ_BYTES = 16384,
	UNSENT_BYTES_MAX = 65536,
	READS_PER_TURN = 4
};
#define TICK_NS (4 * NS_PER_MS)
#define NONE    UINT32_MAX
#define UD_WAKE UINT64_MAX

enum stage { STAGE_FREE, STAGE_CONNECTING, STAGE_HANDSHAKE, STAGE_TALKING, STAGE_ENDED };

struct stream {
	struct streams *all;
	stream_fn *fn;
	void *ctx;
	void *tls; /* streamtls.h */
	struct buf in, out;
	size_t n_sent; /* of out */
	uint64_t due_ns;
	uint32_t generation;
	uint32_t next, prev;         /* free list (next) or wheel list */
	struct streamsock_peer peer; /* len 0: the socket is connected */
	int fd, error;
	uint16_t bucket;
	uint8_t stage;
	bool is_udp, is_timed, wants_write;
};

struct streams {
	struct streams_conf conf;
	struct stream *slots;
	uint32_t n_slots, n_used, n_open, free;
	uint32_t n_crowded; /* turns in a row that may have left events behind */
	uint32_t wheel[WHEEL_SLOTS];
	uint64_t wheel_tick;
	int epoll, wake;
	void *tls_context; /* made for the first TLS stream */
	struct streams_stats stats;
	struct epoll_event events[EVENTS_MAX];
	uint8_t scratch[READ_BYTES];
};

/* --- deadlines -------------------------------------------------------------- */

static void timer_stop(struct stream *s)
{
	struct streams *all = s->all;

	if (!s->is_timed)
		return;
	s->is_timed = false;
	if (s->prev == NONE)
		all->wheel[s->bucket] = s->next;
	else
		all->slots[s->prev].next = s->next;
	if (s->next != NONE)
		all->slots[s->next].prev = s->prev;
}

static void timer_start(struct stream *s)
{
	struct streams *all = s->all;
	uint64_t tick = MAX(s->due_ns / TICK_NS + 1, all->wheel_tick + 1);
	uint32_t i = (uint32_t)(s - all->slots);

	s->bucket = (uint16_t)(MIN(tick, all->wheel_tick + WHEEL_SLOTS - 1) % WHEEL_SLOTS);
	s->prev = NONE;
	s->next = all->wheel[s->bucket];
	if (s->next != NONE)
		all->slots[s->next].prev = i;
	all->wheel[s->bucket] = i;
	s->is_timed = true;
}

void stream_deadline(struct stream *s, uint64_t due_ns)
{
	timer_stop(s);
	s->due_ns = due_ns;
	if (due_ns)
		timer_start(s);
}

/** @return deadlines told. */
static int fire_deadlines(struct streams *all, uint64_t now_ns)
{
	uint64_t tick = now_ns / TICK_NS, n = MIN(tick - all->wheel_tick, (uint64_t)WHEEL_SLOTS);
	int n_told = 0;

	for (uint64_t at = tick - n + 1; n; at++, n--) {
		all->wheel_tick = at;
		/* a callback may close or retime any stream: always from the list's head */
		uint32_t i;
		while ((i = all->wheel[at % WHEEL_SLOTS]) != NONE) {
			struct stream *s = &all->slots[i];
			timer_stop(s);
			if (s->due_ns > now_ns) { /* of a later round; never this slot again */
				timer_start(s);
				continue;
			}
			n_told++;
			s->fn(s->ctx, s, STREAM_DEADLINE);
		}
	}
	return n_told;
}

/** Milliseconds until the next slot that is not empty, at most @p most_ms. */
static int wait_ms(const struct streams *all, uint64_t now_ns, int most_ms)
{
	for (uint64_t k = 1; k < WHEEL_SLOTS; k++) {
		uint64_t at_ns = (all->wheel_tick + k) * TICK_NS;
		int64_t left_ms =
			((int64_t)at_ns - (int64_t)now_ns + NS_PER_MS - 1) / (int64_t)NS_PER_MS;
		if (left_ms >= most_ms)
			break;
		if (all->wheel[(all->wheel_tick + k) % WHEEL_SLOTS] != NONE)
			return left_ms > 0 ? (int)left_ms : 0;
	}
	return most_ms;
}

/* --- sockets ------------------------------------------------------------------ */

static int watch(struct stream *s, int op)
{
	bool connects = s->stage == STAGE_CONNECTING;
	struct epoll_event ev = {
		.events = (connects ? 0u : EPOLLIN) | (s->wants_write || connects ? EPOLLOUT : 0u),
		.data.u64 = (uint64_t)s->generation << 32 | (uint32_t)(s - s->all->slots)};

	return epoll_ctl(s->all->epoll, op, s->fd, &ev) < 0 ? -errno : 0;
}

/* --- slots ----------------------------------------------------------------------- */

static struct stream *slot_take(struct streams *all)
{
	uint32_t i = all->free;

	if (i != NONE)
		all->free = all->slots[i].next;
	else if (all->n_used < all->n_slots)
		i = all->n_used++;
	else
		return NULL;
	struct stream *s = &all->slots[i];
	*s = (struct stream){.all = all, .generation = s->generation + 1, .fd = -1};
	buf_init(&s->in, STREAM_BYTES_MAX);
	buf_init(&s->out, UNSENT_BYTES_MAX);
	all->n_open++;
	return s;
}

void stream_close(struct stream *s)
{
	struct linger reset = {.l_onoff = 1, .l_linger = 0};

	if (!s || s->stage == STAGE_FREE)
		return;
	timer_stop(s);
	streamtls_free(s->tls);
	if (s->fd >= 0) {
		if (!s->is_udp)
			(void)setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(s->fd);
	}
	buf_fini(&s->in);
	buf_fini(&s->out);
	s->stage = STAGE_FREE;
	s->next = s->all->free;
	s->all->free = (uint32_t)(s - s->all->slots);
	s->all->n_open--;
}

static int layer_add(struct stream *s, const char *sni)
{
	struct streams *all = s->all;
	int err = all->tls_context ? 0 : streamtls_context_new(&all->tls_context);

	return err ? err : streamtls_new(all->tls_context, sni, &s->tls);
}

int stream_open(struct streams *all, const struct stream_to *to, stream_fn *fn, void *ctx,
		struct stream **ret)
{
	struct stream *s = slot_take(all);
	int err;

	if (!s)
		return -E_AGAIN;
	s->fn = fn;
	s->ctx = ctx;
	s->is_udp = to->to.proto == PROTO_UDP;
	s->stage = STAGE_CONNECTING;
	err = to->layer == STREAM_TLS ? layer_add(s, to->sni) : 0;
	if (!err)
		err = streamsock_open(&all->conf, to, &s->fd, &s->peer);
	if (!err)
		err = watch(s, EPOLL_CTL_ADD);
	if (err) {
		stream_close(s);
		all->stats.n_local_errors += streamsock_is_local(err);
		return streamsock_is_local(err) ? -E_AGAIN : err;
	}
	all->stats.n_opened++;
	*ret = s;
	return 0;
}

/* --- talking -------------------------------------------------------------------------- */

static bool is_alive(const struct stream *s, uint32_t generation)
{
	return s->generation == generation && s->stage != STAGE_FREE;
}

static void tell(struct stream *s, enum stream_event ev)
{
	s->fn(s->ctx, s, ev);
}

/** Nothing more will come; the owner closes. */
static void end(struct stream *s, enum stream_event ev, int error)
{
	s->stage = STAGE_ENDED;
	s->error = error;
	(void)epoll_ctl(s->all->epoll, EPOLL_CTL_DEL, s->fd, NULL);
	tell(s, ev);
}

static ssize_t io_read(struct stream *s, void *p, size_t n)
{
	if (s->tls)
		return streamtls_read(s->tls, s->fd, p, n);
	return streamsock_read(s->fd, &s->peer, p, n);
}

static ssize_t io_write(struct stream *s, const void *p, size_t n)
{
	if (s->tls)
		return streamtls_write(s->tls, s->fd, p, n);
	return streamsock_write(s->fd, &s->peer, p, n);
}

static bool is_later(ssize_t n)
{
	return n == -EAGAIN || n == -EWOULDBLOCK || n == -EINTR;
}

/** Send what is queued. @return 0 or -errno of a broken stream. */
static int flush(struct stream *s)
{
	bool wanted = s->wants_write;

	while (s->n_sent < s->out.len) {
		ssize_t n = io_write(s, s->out.p + s->n_sent, s->out.len - s->n_sent);
		if (is_later(n))
			break;
		if (n < 0)
			return (int)n;
		s->n_sent += (size_t)n;
		s->all->stats.n_sends++;
		s->all->stats.n_sent_bytes += (uint64_t)n;
	}
	s->wants_write = s->n_sent < s->out.len || (s->tls && streamtls_wants_write(s->tls));
	if (s->n_sent == s->out.len) {
		buf_reset(&s->out);
		s->n_sent = 0;
	}
	return s->wants_write == wanted ? 0 : watch(s, EPOLL_CTL_MOD);
}

int stream_send(struct stream *s, const void *p, size_t len)
{
	if (s->stage != STAGE_TALKING)
		return -ENOTCONN;
	if (len > UNSENT_BYTES_MAX - s->out.len)
		return -E_FULL;
	buf_put(&s->out, p, len);
	return s->out.error ? s->out.error : flush(s);
}

/** Read what is there. */
static void receive(struct stream *s)
{
	struct streams *all = s->all;
	size_t before = s->in.len;

	for (int i = 0; i < READS_PER_TURN; i++) {
		size_t room = MIN(STREAM_BYTES_MAX - s->in.len, sizeof(all->scratch));
		ssize_t n = io_read(s, all->scratch, room);
		if (is_later(n))
			break;
		if (n <= 0 && (n < 0 || !s->is_udp)) {
			if (s->in.len > before) {
				uint32_t generation = s->generation;
				tell(s, STREAM_DATA);
				if (!is_alive(s, generation) || s->stage == STAGE_ENDED)
					return;
			}
			end(s, n ? STREAM_FAILED : STREAM_EOF, (int)n);
			return;
		}
		all->stats.n_received_bytes += (uint64_t)n;
		buf_put(&s->in, all->scratch, (size_t)n);
		if (s->in.error || s->in.len >= STREAM_BYTES_MAX) {
			end(s, s->in.error ? STREAM_FAILED : STREAM_FULL, s->in.error);
			return;
		}
		if (s->is_udp)
			break;
	}
	if (s->in.len > before)
		tell(s, STREAM_DATA);
}

/** One step of the TLS handshake. */
static void shake_hands(struct stream *s)
{
	int err = streamtls_handshake(s->tls, s->fd);
	bool wants_write = err == -EAGAIN && streamtls_wants_write(s->tls);

	if (err && err != -EAGAIN) {
		end(s, STREAM_FAILED, err);
		return;
	}
	if (!err)
		s->stage = STAGE_TALKING;
	if (wants_write != s->wants_write || !err) {
		s->wants_write = wants_write;
		if (watch(s, EPOLL_CTL_MOD) < 0) {
			end(s, STREAM_FAILED, -EIO);
			return;
		}
	}
	if (!err)
		tell(s, STREAM_OPEN);
}

/** The connect has ended one way or the other. */
static void connected(struct stream *s)
{
	int err = 0;
	socklen_t len = sizeof(err);

	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		err = errno;
	if (err) {
		end(s, STREAM_FAILED, -err);
		return;
	}
	s->stage = s->tls ? STAGE_HANDSHAKE : STAGE_TALKING;
	if (watch(s, EPOLL_CTL_MOD) < 0) /* no longer for room to send, which there is always */
		end(s, STREAM_FAILED, -EIO);
	else if (s->tls)
		shake_hands(s);
	else
		tell(s, STREAM_OPEN);
}

int stream_start_tls(struct stream *s, const char *sni)
{
	if (s->stage != STAGE_TALKING || s->tls || s->is_udp)
		return -ENOTCONN;
	int err = layer_add(s, sni);
	if (err)
		return err;
	buf_reset(&s->in);
	s->stage = STAGE_HANDSHAKE;
	s->wants_write = true;
	return watch(s, EPOLL_CTL_MOD);
}

static void ready(struct stream *s, uint32_t events)
{
	uint32_t generation = s->generation;

	switch (s->stage) {
	case STAGE_CONNECTING:
		connected(s);
		return;
	case STAGE_HANDSHAKE:
		shake_hands(s);
		return;
	case STAGE_TALKING:
		break;
	default:
		return;
	}
	if (events & EPOLLOUT) {
		int err = flush(s);
		if (err) {
			end(s, STREAM_FAILED, err);
			return;
		}
	}
	if (is_alive(s, generation) && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		receive(s);
}

/* --- the loop ---------------------------------------------------------------------------- */

int streams_turn(struct streams *all, uint32_t wait_us)
{
	int n = epoll_wait(all->epoll, all->events, EVENTS_MAX,
			   wait_ms(all, clock_now_ns(), (int)((wait_us + 999) / 1000)));
	/* deadlines of now: what comes in while owners think was not late */
	uint64_t now_ns = clock_now_ns();

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		uint64_t ud = all->events[i].data.u64, knocks;
		if (ud == UD_WAKE) {
			(void)!read(all->wake, &knocks, sizeof(knocks));
			continue;
		}
		struct stream *s = &all->slots[(uint32_t)ud];
		if (is_alive(s, (uint32_t)(ud >> 32)))
			ready(s, all->events[i].events);
	}
	if (n == EVENTS_MAX && ++all->n_crowded <= all->n_open / EVENTS_MAX)
		return n; /* more may have come in time */
	all->n_crowded = 0;
	return n + fire_deadlines(all, now_ns);
}

void streams_wake(struct streams *all)
{
	uint64_t one = 1;

	(void)!write(all->wake, &one, sizeof(one));
}

struct bytes stream_received(const struct stream *s)
{
	return (struct bytes){s->in.p, s->in.len};
}

void stream_forget(struct stream *s)
{
	buf_reset(&s->in);
}

int stream_error(const struct stream *s)
{
	return s->error;
}

void *stream_tls(const struct stream *s)
{
	return s->tls ? streamtls_ssl(s->tls) : NULL;
}

struct bytes stream_certificates(const struct stream *s)
{
	return s->tls ? streamtls_certificates(s->tls) : (struct bytes){NULL, 0};
}

const struct streams_stats *streams_stats(const struct streams *all)
{
	return &all->stats;
}

/* --- life ------------------------------------------------------------------------------- */

int streams_new(const struct streams_conf *conf, struct streams **ret)
{
	struct streams *all = mem_alloc(1, sizeof(*all));
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = UD_WAKE};

	if (!all)
		return -ENOMEM;
	all->conf = *conf;
	all->n_slots = conf->n_max;
	all->free = NONE;
	all->wheel_tick = clock_now_ns() / TICK_NS;
	memset(all->wheel, 0xff, sizeof(all->wheel));
	all->slots = mem_alloc(conf->n_max, sizeof(*all->slots));
	all->epoll = epoll_create1(EPOLL_CLOEXEC);
	all->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (!all->slots || all->epoll < 0 || all->wake < 0 ||
	    epoll_ctl(all->epoll, EPOLL_CTL_ADD, all->wake, &ev) < 0) {
		int err = all->slots ? -errno : -ENOMEM;
		streams_free(all);
		return err;
	}
	*ret = all;
	return 0;
}

void streams_free(struct streams *all)
{
	if (!all)
		return;
	for (uint32_t i = 0; i < all->n_used; i++)
		stream_close(&all->slots[i]);
	if (all->epoll >= 0)
		close(all->epoll);
	if (all->wake >= 0)
		close(all->wake);
	streamtls_context_free(all->tls_context);
	mem_free(all->slots);
	mem_free(all);
}
