/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The connect transport against listeners of this test's own on loopback, with each back end. */
#include "conn_bed.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

enum { FILTERED_MAX = 8 };

static void check_states(enum conn_backend backend, const char *ip)
{
	uint16_t open_port, closed_port = 0, silent;
	int fds[5] = {listener(ip, 8, &open_port), bound_socket(ip, &closed_port)};

	if (fds[0] < 0)
		skip();
	silent_port(ip, fds + 2, &silent);
	struct bed *b = bed_new(backend, ip, ip);
	add_port(b, open_port);
	add_port(b, closed_port);
	add_port(b, silent);
	open_or_skip(b);
	run_ok(b);
	assert_int_equal(b->n_found, 2);
	assert_int_equal(b->n_scanned, 1);
	assert_int_equal(b->state[0][open_port], PORT_OPEN);
	assert_int_equal(b->reason[0][open_port], REASON_SYN_ACK);
	assert_int_equal(b->state[0][closed_port], PORT_CLOSED);
	assert_int_equal(b->reason[0][closed_port], REASON_CONN_REFUSED);
	assert_int_equal(b->state[0][silent], PORT_UNKNOWN);
	assert_int_equal(b->w.track.stats.n_concluded, 3);
	assert_int_equal(b->w.stats.n_received, 2);
	assert_true(b->w.stats.n_sent >= 4); /* the silent one more than once */
	assert_int_equal(b->w.stats.n_local_errors, 0);
	bed_free(b);
	close_all(fds, 5);
}

static void states_v4(void **state)
{
	check_states(backend_of(state), "127.0.0.1");
}

static void states_v6(void **state)
{
	check_states(backend_of(state), "::1");
}

/** The established connection ends by FIN and RST at once, and nothing was sent on it. */
static void open_ends_with_reset(void **state)
{
	uint16_t port;
	int fd = listener("127.0.0.1", 8, &port);
	struct bed *b = bed_new(backend_of(state), "127.0.0.1", "127.0.0.1");
	char byte;

	add_port(b, port);
	open_or_skip(b);
	run_ok(b);
	assert_int_equal(b->state[0][port], PORT_OPEN);
	int conn = accept(fd, NULL, NULL);
	assert_true(conn >= 0);
	assert_int_equal(recv(conn, &byte, 1, 0), 0);
	struct tcp_info info;
	socklen_t len = sizeof(info);
	assert_int_equal(getsockopt(conn, SOL_TCP, TCP_INFO, &info, &len), 0);
	assert_int_equal(info.tcpi_state, TCP_CLOSE); /* with a FIN alone it would wait for ours */
	close(conn);
	bed_free(b);
	close(fd);
}

/** Thousands of ports of four hosts, each exactly once, as a plain connect() sees them; few
 * sockets, no allocation. */
static void thousands(void **state)
{
	struct bed *b = bed_new(backend_of(state), "127.0.0.1", "127.0.0.4");
	uint16_t open_ports[8];
	int fds[8];

	for (uint32_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = listener(i % 2 ? "127.0.0.3" : "0.0.0.0", 16, &open_ports[i]);
		add_port(b, open_ports[i]);
	}
	for (uint32_t p = 1; p <= 3000; p++)
		add_port(b, (uint16_t)p);
	open_or_skip(b);
	run_ok(b);
	assert_int_equal(b->n_found, HOSTS_MAX * b->ports.of[PORT_TCP].n);
	assert_int_equal(b->n_scanned, HOSTS_MAX);
	assert_int_equal(mem_n_allocs(), b->n_allocs);
	for (uint32_t h = 0; h < HOSTS_MAX; h++) {
		for (uint32_t p = 1; p <= 3000; p++)
			assert_int_equal(b->state[h][p], truth(INADDR_LOOPBACK + h, (uint16_t)p));
		for (uint32_t i = 0; i < ARRAY_LEN(fds); i++)
			assert_int_equal(b->state[h][open_ports[i]],
					 i % 2 && h != 2 ? PORT_CLOSED : PORT_OPEN);
	}
	bed_free(b);
	close_all(fds, ARRAY_LEN(fds));
}

static uint16_t caller_port(int listener_fd)
{
	struct sockaddr_in from = {0};
	socklen_t len = sizeof(from);
	int fd = accept(listener_fd, (struct sockaddr *)&from, &len);

	assert_true(fd >= 0);
	close(fd);
	return ntohs(from.sin_port);
}

/** One socket asks them all from one port, which no connect() had to look for. */
static void port_is_held(void **state)
{
	struct bed *b = bed_new(backend_of(state), "127.0.0.1", "127.0.0.1");
	uint16_t port;
	int fds[8];

	for (uint32_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = listener("127.0.0.1", 8, &port);
		add_port(b, port);
	}
	b->conf.bounds.max_outstanding = 1;
	open_or_skip(b);
	run_ok(b);
	uint16_t held = ((struct conn *)b->w.conn)->slots[0].port;
	assert_true(held);
	assert_true(conn_holds(&b->w, &(struct endpoint){.addr = b->path.route.src, .port = held}));
	for (uint32_t i = 0; i < ARRAY_LEN(fds); i++)
		assert_int_equal(caller_port(fds[i]), held);
	bed_free(b);
	close_all(fds, ARRAY_LEN(fds));
}

/** The target may still hold the half-open connection: its port is not asked from again. */
static void port_in_vain_is_given_up(void **state)
{
	struct bed *b = bed_new(backend_of(state), "127.0.0.1", "127.0.0.1");
	uint16_t silent;
	int fds[3];

	silent_port("127.0.0.1", fds, &silent);
	add_port(b, silent);
	b->conf.bounds.max_outstanding = 1;
	open_or_skip(b);
	run_ok(b);
	assert_true(b->w.stats.n_sent > 1);
	assert_int_equal(((struct conn *)b->w.conn)->slots[0].port, 0);
	assert_int_equal(((struct conn *)b->w.conn)->slots[0].fd, -1);
	bed_free(b);
	close_all(fds, ARRAY_LEN(fds));
}

/** Connected to a port that another socket of the scan holds: nobody listens there. */
static void own_sockets_are_known(void **state)
{
	struct bed *b = bed_new(backend_of(state), "127.0.0.1", "127.0.0.1");
	struct endpoint from = {.addr = b->path.route.src};
	union conn_sockaddr sa;
	uint16_t port;
	int fd = listener("127.0.0.1", 8, &port);

	add_port(b, port);
	add_port(b, 1);
	open_or_skip(b);
	struct conn *c = b->w.conn;
	struct conn_slot *s = &c->slots[c->n_used++];
	assert_int_equal(conn_slot_open(c, s, ADDR_V4), 0);
	assert_int_equal(conn_socket_hold(s->fd, &from), 0);
	s->port = from.port;
	s->probe.to = (struct endpoint){.addr = from.addr, .port = port};
	(void)!connect(s->fd, &sa.any, conn_sockaddr_of(&s->probe.to, &sa));
	assert_false(conn_slot_is_ours(c, s));
	c->slots[1].port = port;
	assert_true(conn_slot_is_ours(c, s));
	/* held on another address of the machine: here somebody else listens */
	struct worker_path elsewhere = {.route.src = from.addr};
	elsewhere.route.src.b[3]++;
	b->w.paths[1] = &elsewhere;
	c->slots[1].path = 1;
	assert_false(conn_slot_is_ours(c, s));
	bed_free(b);
	close(fd);
}

static int begin_reset(struct conn *c, struct conn_slot *s)
{
	(void)c;
	(void)s;
	return -ECONNRESET;
}

/** Connected to another socket of the scan, which noticed it first and sent a reset. */
static void reset_of_our_own_is_no_word_of_a_listener(void **state)
{
	struct bed *b = bed_new(backend_of(state), "127.0.0.1", "127.0.0.1");
	struct conn_ops ops;

	add_port(b, 1);
	add_port(b, 2);
	open_or_skip(b);
	struct conn *c = b->w.conn;
	ops = *c->ops;
	ops.begin = begin_reset;
	c->ops = &ops;
	c->slots[1].port = 1;
	run_ok(b);
	assert_int_equal(b->state[0][1], PORT_CLOSED);
	assert_int_equal(b->state[0][2], PORT_OPEN);
	bed_free(b);
}

static int begin_without_route(struct conn *c, struct conn_slot *s)
{
	return s->probe.to.port == 1 && !c->all_lost_since_ns ? -ENETUNREACH
							      : conn_epoll.begin(c, s);
}

/** A route that is gone for a moment and back when one looks: no ICMP error told of it. */
static void own_missing_route_is_no_state(void **state)
{
	struct bed *b = bed_new(backend_of(state), "127.0.0.1", "127.0.0.1");
	struct conn_ops ops = conn_epoll;

	add_port(b, 1);
	add_port(b, 2);
	open_or_skip(b);
	ops.begin = begin_without_route;
	((struct conn *)b->w.conn)->ops = &ops;
	run_ok(b);
	assert_int_equal(b->state[0][1], PORT_CLOSED);
	assert_int_equal(b->state[0][2], PORT_CLOSED);
	bed_free(b);
}

/** A target of another way out, and no descriptor for the socket that takes the held one's place.
 */
static void slot_survives_a_failed_change(void **state)
{
	struct bed *b = bed_new(backend_of(state), "127.0.0.1", "127.0.0.1");
	struct host_slot host = {.path = 0};
	struct track_probe p = {.host = &host};
	struct rlimit saved, none;
	struct conn_slot *s;

	add_port(b, 1);
	b->conf.bounds.max_outstanding = 1;
	open_or_skip(b);
	p.to = (struct endpoint){.addr = b->path.route.src, .port = 1};
	assert_int_equal(conn_slot_acquire(b->w.conn, &p, &s), 0);
	assert_true(s->port);
	conn_slot_release(b->w.conn, s);
	b->w.paths[1] = &b->path;
	host.path = 1;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &saved), 0);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = saved.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	int err = conn_slot_acquire(b->w.conn, &p, &s);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &saved), 0);
	assert_int_equal(err, -EMFILE);
	assert_int_equal(conn_slot_acquire(b->w.conn, &p, &s), 0);
	bed_free(b);
}

/** More sockets wanted than descriptors left: every port still gets its state. */
static void descriptors_run_out(void **state)
{
	int fds[FILTERED_MAX * 3];
	uint16_t silent[FILTERED_MAX];
	struct rlimit saved, low;

	for (uint32_t i = 0; i < FILTERED_MAX; i++)
		silent_port("127.0.0.1", fds + i * 3, &silent[i]);
	struct bed *b = bed_new(backend_of(state), "127.0.0.1", "127.0.0.1");
	for (uint32_t i = 0; i < FILTERED_MAX; i++)
		add_port(b, silent[i]);
	for (uint32_t p = 1; p <= 200; p++)
		add_port(b, (uint16_t)p);
	open_or_skip(b);
	int next = fcntl(0, F_DUPFD_CLOEXEC, 0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &saved), 0);
	low = saved;
	low.rlim_cur = (rlim_t)next + 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	int err = bed_run(b);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &saved), 0);
	assert_int_equal(err, 0);
	assert_false(b->is_stopped_late);
	assert_true(b->w.stats.n_local_errors > 0);
	assert_int_equal(b->n_found, 200);
	assert_int_equal(b->n_twice, 0);
	assert_int_equal(b->w.track.stats.n_concluded, 200 + FILTERED_MAX);
	for (uint32_t p = 1; p <= 200; p++)
		assert_int_equal(b->state[0][p], truth(INADDR_LOOPBACK, (uint16_t)p));
	bed_free(b);
	close_all(fds, ARRAY_LEN(fds));
}

/** Not one descriptor: an error after a while, and no port has a state. */
static void no_descriptor_at_all(void **state)
{
	struct bed *b = bed_new(backend_of(state), "127.0.0.1", "127.0.0.1");
	struct rlimit saved, low;

	add_port(b, 1);
	open_or_skip(b);
	int next = fcntl(0, F_DUPFD_CLOEXEC, 0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &saved), 0);
	low = saved;
	low.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	int err = bed_run(b);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &saved), 0);
	assert_int_equal(err, -EMFILE);
	assert_int_equal(b->n_found, 0);
	bed_free(b);
}

static void accept_queue(struct bed *b)
{
	if (b->w.stats.n_sent < 2 || b->fd < 0)
		return;
	int fd = accept(b->fd, NULL, NULL);
	close(fd);
	b->fd = -1;
}

/** The first SYN is lost, the second attempt finds the port open and says that it was the second.
 */
static void second_attempt_answers(void **state)
{
	uint16_t port;
	int fds[3];

	silent_port("127.0.0.1", fds, &port);
	struct bed *b = bed_new(backend_of(state), "127.0.0.1", "127.0.0.1");
	add_port(b, port);
	b->tc.max_retries = 5;
	b->w.track.conf.max_retries = 5;
	b->fd = fds[0];
	b->on_turn = accept_queue;
	/* keep asking until the queue has room */
	open_or_skip(b);
	b->w.track.global_retries = 5;
	run_ok(b);
	assert_int_equal(b->n_found, 1);
	assert_int_equal(b->state[0][port], PORT_OPEN);
	assert_true(b->attempt[0][port] >= 1);
	assert_int_equal(b->attempt[0][port], b->w.stats.n_sent - 1);
	bed_free(b);
	close_all(fds, 3);
}

/** Discovery ends with one probe still under way; its socket must not speak for a port of the next
 * stage. */
static void stage_changes_under_a_socket(void **state)
{
	uint16_t open_port, silent, closed_port = 0;
	int fds[5] = {listener("127.0.0.1", 8, &open_port),
		      bound_socket("127.0.0.1", &closed_port)};

	silent_port("127.0.0.1", fds + 2, &silent);
	struct bed *b = bed_new(backend_of(state), "127.0.0.1", "127.0.0.1");
	b->tc.pings[0] = (struct track_ping){&ping_connect, silent};
	b->tc.pings[1] = (struct track_ping){&ping_connect, closed_port};
	b->tc.n_pings = 2;
	add_port(b, open_port);
	add_port(b, closed_port);
	add_port(b, silent);
	open_or_skip(b);
	run_ok(b);
	assert_int_equal(b->n_up, 1);
	assert_int_equal(b->n_found, 2);
	assert_int_equal(b->state[0][open_port], PORT_OPEN);
	assert_int_equal(b->state[0][closed_port], PORT_CLOSED);
	assert_int_equal(b->state[0][silent], PORT_UNKNOWN);
	bed_free(b);
	close_all(fds, 5);
}

/** -S, -g and --max-sockets reach the wire and the table. */
static void source_is_used(void **state)
{
	uint16_t port, sport = 0;
	int fd = listener("127.0.0.1", 8, &port), held = bound_socket("127.0.0.9", &sport);
	union conn_sockaddr peer;
	socklen_t len = sizeof(peer);

	close(held);
	struct bed *b = bed_new(backend_of(state), "127.0.0.1", "127.0.0.1");
	b->conf.source4 = addr_v4(0x7f000009);
	b->conf.source_port = sport;
	b->conf.bounds.max_outstanding = 2;
	b->conf.ttl = 9;
	b->conf.if_idx = if_nametoindex("lo");
	add_port(b, port);
	for (uint32_t p = 1; p <= 50; p++)
		add_port(b, (uint16_t)p);
	open_or_skip(b);
	run_ok(b);
	assert_int_equal(b->n_found, b->ports.of[PORT_TCP].n);
	assert_true(((struct conn *)b->w.conn)->n_used <= 2);
	int conn = accept(fd, &peer.any, &len);
	assert_true(conn >= 0);
	assert_int_equal(ntohl(peer.v4.sin_addr.s_addr), 0x7f000009);
	assert_int_equal(ntohs(peer.v4.sin_port), sport);
	close(conn);
	bed_free(b);
	close(fd);
}

static void foreign_source_is_refused(void **state)
{
	struct bed *b = bed_new(backend_of(state), "127.0.0.1", "127.0.0.1");

	add_port(b, 1);
	b->conf.source4 = addr_v4(0xc0000201);
	int err = bed_open(b);
	if (err != -E_UNSUPPORTED)
		assert_int_equal(err, -EADDRNOTAVAIL);
	assert_null(b->w.conn);
	bed_free(b);
}

/** 100 probes at 1,000 a second take at least the 90 ms that a burst of 10 leaves. */
static void rate_is_kept(void **state)
{
	struct bed *b = bed_new(backend_of(state), "127.0.0.1", "127.0.0.1");

	for (uint32_t p = 1; p <= 100; p++)
		add_port(b, (uint16_t)p);
	b->conf.max_rate_pps = 1000;
	open_or_skip(b);
	uint64_t start_ns = clock_now_ns();
	run_ok(b);
	assert_true(clock_now_ns() - start_ns >= 89 * NS_PER_MS);
	assert_int_equal(b->n_found, 100);
	bed_free(b);
}

/** Time goes on with nothing in flight: else a wait of less than 1 us would never end. */
static void poll_tells_the_time(void **state)
{
	struct bed *b = bed_new(backend_of(state), "127.0.0.1", "127.0.0.1");

	add_port(b, 1);
	open_or_skip(b);
	struct conn *c = b->w.conn;
	c->now_ns = 1;
	assert_int_equal(c->ops->poll(c, 0), 0);
	assert_true(c->now_ns > 1);
	run_ok(b);
	bed_free(b);
}

int main(void)
{
	static const enum conn_backend backends[] = {CONN_AUTO, CONN_URING, CONN_EPOLL};
	const struct CMUnitTest tests[] = {
		BOTH(states_v4),
		BOTH(states_v6),
		BOTH(open_ends_with_reset),
		BOTH(thousands),
		BOTH(port_is_held),
		BOTH(port_in_vain_is_given_up),
		WITH(reset_of_our_own_is_no_word_of_a_listener, CONN_EPOLL),
		WITH(own_missing_route_is_no_state, CONN_EPOLL),
		WITH(slot_survives_a_failed_change, CONN_EPOLL),
		WITH(own_sockets_are_known, CONN_EPOLL),
		BOTH(descriptors_run_out),
		WITH(no_descriptor_at_all, CONN_EPOLL),
		BOTH(second_attempt_answers),
		BOTH(stage_changes_under_a_socket),
		BOTH(source_is_used),
		BOTH(foreign_source_is_refused),
		BOTH(rate_is_kept),
		BOTH(poll_tells_the_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
