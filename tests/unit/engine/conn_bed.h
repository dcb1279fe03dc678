/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A scan by the connect transport for the tests of it: a worker and its scheduler made by hand,
 * every event collected, listeners and silent ports on loopback as the far side, what the kernel
 * says to a plain connect() as truth. Included once in a program: it plays the engine's part.
 */
#pragma once

#include "base/clock.h"
#include "base/mem.h"
#include "engine/conn_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { HOSTS_MAX = 4, SCAN_MAX_S = 20 };

/** A scan and what came out of it. */
struct bed {
	struct engine_conf conf;
	struct worker w;
	struct worker_path path; /* to every target */
	struct track_conf tc;
	struct range_set set;
	struct port_set ports;
	struct space space;
	uint8_t state[HOSTS_MAX][65536]; /* by host in target order */
	uint8_t reason[HOSTS_MAX][65536], attempt[HOSTS_MAX][65536];
	uint32_t n_found, n_twice, n_scanned, n_up, n_turns;
	uint64_t end_ns, n_allocs; /* allocations when the first probe was out */
	bool is_stopped_late;
	/** Called every turn of the loop. */
	void (*on_turn)(struct bed *b);
	int fd;
};

static inline void collect(struct bed *b)
{
	const struct event *ev;

	while ((ev = ring_peek(&b->w.events))) {
		b->n_scanned += ev->kind == EVENT_HOST_SCANNED;
		b->n_up += ev->kind == EVENT_HOST_DISCOVERED;
		if (ev->kind == EVENT_PORT_FOUND) {
			b->n_found++;
			b->n_twice += b->state[ev->host_idx][ev->port.port] != 0;
			b->state[ev->host_idx][ev->port.port] = ev->port.state;
			b->reason[ev->host_idx][ev->port.port] = ev->port.reason;
			b->attempt[ev->host_idx][ev->port.port] = ev->port.attempt;
		}
		ring_pop(&b->w.events);
	}
}

static inline void events_full(void *ctx)
{
	collect(ctx);
}

static inline int classify(void *ctx, struct host_slot *h)
{
	struct bed *b = ctx;

	h->pings = (uint16_t)((1u << b->tc.n_pings) - 1);
	return 0;
}

/** The engine's part, played by the test. */
bool worker_turn(struct worker *w)
{
	struct bed *b = (struct bed *)(void *)w->e;

	collect(b);
	if (w->stats.n_sent && !b->n_allocs)
		b->n_allocs = mem_n_allocs();
	if (b->on_turn)
		b->on_turn(b);
	b->n_turns++;
	b->is_stopped_late = clock_now_ns() > b->end_ns;
	return b->is_stopped_late;
}

bool worker_any_holds(const struct worker *w, const struct endpoint *at)
{
	return conn_holds(w, at);
}

static inline struct bed *bed_new(enum conn_backend backend, const char *lo, const char *hi)
{
	struct bed *b = mem_alloc(1, sizeof(*b));
	struct addr a, z;

	assert_non_null(b);
	b->conf.conn_backend = (uint8_t)backend;
	b->tc = (struct track_conf){.types = {&scan_connect},
				    .n_types = 1,
				    .n_shards = 1,
				    .max_retries = 2,
				    .initial_rto_us = 60000,
				    .min_rto_us = 25000,
				    .max_rto_us = 200000,
				    .seed = 7};
	b->w.paths[0] = &b->path;
	range_set_init(&b->set);
	assert_int_equal(addr_parse(lo, strlen(lo), &a), 0);
	assert_int_equal(addr_parse(hi, strlen(hi), &z), 0);
	assert_int_equal(range_set_add(&b->set, &a, &z), 0);
	b->path.route.src = a; /* of 127.0.0.1 or ::1, to which the first target is set */
	return b;
}

static inline void add_port(struct bed *b, uint16_t port)
{
	port_bits_add(&b->ports.of[PORT_TCP], port);
}

static inline void bed_ready(struct bed *b)
{
	assert_int_equal(range_set_seal(&b->set), 0);
	port_bits_seal(&b->ports.of[PORT_TCP]);
	space_init(&b->space, &b->set, MAX(b->ports.of[PORT_TCP].n, 1u), 1, 7);
	b->w.conf = &b->conf;
	b->w.e = (struct engine *)(void *)b;
	assert_int_equal(ring_init(&b->w.events, sizeof(struct event), 512), 0);
	b->tc.space = &b->space;
	b->tc.ports = &b->ports;
	b->tc.events = &b->w.events;
	b->tc.events_full = events_full;
	b->tc.classify = classify;
	b->tc.ctx = b;
	assert_int_equal(track_init(&b->w.track, &b->tc), 0);
	pace_init(&b->w.pace, b->conf.max_rate_pps, clock_now_ns());
}

static inline int bed_open(struct bed *b)
{
	bed_ready(b);
	return conn_open(&b->w);
}

static inline int bed_run(struct bed *b)
{
	b->end_ns = clock_now_ns() + SCAN_MAX_S * NS_PER_S;
	int err = conn_run(&b->w);
	collect(b);
	return err;
}

static inline void bed_free(struct bed *b)
{
	conn_close(&b->w);
	track_fini(&b->w.track);
	ring_fini(&b->w.events);
	range_set_fini(&b->set);
	mem_free(b);
}

/** Open, or skip the test where io_uring is forbidden. */
static inline void open_or_skip(struct bed *b)
{
	int err = bed_open(b);

	if (err == -E_UNSUPPORTED && b->conf.conn_backend == CONN_URING) {
		bed_free(b);
		skip();
	}
	assert_int_equal(err, 0);
	assert_string_equal(conn_backend_name(&b->w),
			    b->conf.conn_backend == CONN_URING ? "io_uring" : "epoll");
}

static inline void run_ok(struct bed *b)
{
	assert_int_equal(bed_run(b), 0);
	assert_false(b->is_stopped_late);
	assert_int_equal(b->n_twice, 0);
	assert_true(track_is_done(&b->w.track));
	assert_int_equal(((struct conn *)b->w.conn)->n_in_flight, 0);
}

/* --- the far side -------------------------------------------------------- */

static inline int bound_socket(const char *ip, uint16_t *ret_port)
{
	struct endpoint at = {.port = *ret_port};
	union conn_sockaddr sa;
	socklen_t len = sizeof(sa);

	assert_int_equal(addr_parse(ip, strlen(ip), &at.addr), 0);
	int fd = socket(at.addr.family == ADDR_V4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC,
			0);
	if (fd < 0 || bind(fd, &sa.any, conn_sockaddr_of(&at, &sa)) < 0) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	assert_int_equal(getsockname(fd, &sa.any, &len), 0);
	*ret_port = ntohs(at.addr.family == ADDR_V4 ? sa.v4.sin_port : sa.v6.sin6_port);
	return fd;
}

static inline int listener(const char *ip, int backlog, uint16_t *ret_port)
{
	*ret_port = 0;
	int fd = bound_socket(ip, ret_port);
	if (fd >= 0)
		assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

/** A port that drops SYNs: a listener whose queue is full. @p fds: its listener and its two
 * clients. */
static inline void silent_port(const char *ip, int fds[3], uint16_t *ret_port)
{
	struct endpoint to;

	fds[0] = listener(ip, 0, ret_port);
	assert_true(fds[0] >= 0);
	to.port = *ret_port;
	assert_int_equal(addr_parse(ip, strlen(ip), &to.addr), 0);
	for (int i = 1; i < 3; i++) {
		union conn_sockaddr sa;
		socklen_t len = conn_sockaddr_of(&to, &sa);
		fds[i] = socket(sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)!connect(fds[i], &sa.any, len);
	}
}

static inline void close_all(const int *fds, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/** What a plain connect() says: PORT_OPEN or PORT_CLOSED. */
static inline uint8_t truth(uint32_t host, uint16_t port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(host)};
	struct linger rst = {.l_onoff = 1};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &rst, sizeof(rst));
	int err = connect(fd, (struct sockaddr *)&to, sizeof(to));
	close(fd);
	return err ? PORT_CLOSED : PORT_OPEN;
}

static inline enum conn_backend backend_of(void **state)
{
	return *(const enum conn_backend *)*state;
}

#define WITH(fn, b)                                                                                \
	{                                                                                          \
#fn "/" #b, fn, NULL, NULL, (void *)(uintptr_t)&backends[b]                        \
	}
#define BOTH(fn) WITH(fn, CONN_EPOLL), WITH(fn, CONN_URING)
