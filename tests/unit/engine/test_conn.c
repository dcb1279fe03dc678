/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The connect transport against listeners of this test's own on loopback, with each back end: a
 * worker and its scheduler made by hand, every event collected, what the kernel says to a plain
 * connect() as truth.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "engine/conn_int.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cmocka.h>

enum { SKIPPED = 77, FILTERED_MAX = 8, HOSTS_MAX = 4, SCAN_MAX_S = 20 };

/** A scan and what came out of it. */
struct bed {
	struct engine_conf conf;
	struct worker w;
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

static void collect(struct bed *b)
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

static void events_full(void *ctx)
{
	collect(ctx);
}

static int classify(void *ctx, struct host_slot *h)
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

static struct bed *bed_new(enum conn_backend backend, const char *lo, const char *hi)
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
	range_set_init(&b->set);
	assert_int_equal(addr_parse(lo, strlen(lo), &a), 0);
	assert_int_equal(addr_parse(hi, strlen(hi), &z), 0);
	assert_int_equal(range_set_add(&b->set, &a, &z), 0);
	return b;
}

static void add_port(struct bed *b, uint16_t port)
{
	port_bits_add(&b->ports.of[PORT_TCP], port);
}

static void bed_ready(struct bed *b)
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

static int bed_open(struct bed *b)
{
	bed_ready(b);
	return conn_open(&b->w);
}

static int bed_run(struct bed *b)
{
	b->end_ns = clock_now_ns() + SCAN_MAX_S * NS_PER_S;
	int err = conn_run(&b->w);
	collect(b);
	return err;
}

static void bed_free(struct bed *b)
{
	conn_close(&b->w);
	track_fini(&b->w.track);
	ring_fini(&b->w.events);
	range_set_fini(&b->set);
	mem_free(b);
}

/** Open, or skip the test where io_uring is forbidden. */
static void open_or_skip(struct bed *b)
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

static void run_ok(struct bed *b)
{
	assert_int_equal(bed_run(b), 0);
	assert_false(b->is_stopped_late);
	assert_int_equal(b->n_twice, 0);
	assert_true(track_is_done(&b->w.track));
	assert_int_equal(((struct conn *)b->w.conn)->n_in_flight, 0);
}

/* --- the far side -------------------------------------------------------- */

static int bound_socket(const char *ip, uint16_t *ret_port)
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

static int listener(const char *ip, int backlog, uint16_t *ret_port)
{
	*ret_port = 0;
	int fd = bound_socket(ip, ret_port);
	if (fd >= 0)
		assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

/** A port that drops SYNs: a listener whose queue is full. @p fds: its listener and its two
 * clients. */
static void silent_port(const char *ip, int fds[3], uint16_t *ret_port)
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

static void close_all(const int *fds, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/** What a plain connect() says: PORT_OPEN or PORT_CLOSED. */
static uint8_t truth(uint32_t host, uint16_t port)
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

static enum conn_backend backend_of(void **state)
{
	return *(const enum conn_backend *)*state;
}

/* --- cases ----------------------------------------------------------------- */

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

/** The established connection ends by RST, never FIN, and nothing was sent on it. */
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
	assert_int_equal(recv(conn, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
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
	b->conf.max_sockets = 2;
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

/* --- in a child, because what it does to the process is for good -------------- */

static int wait_child(pid_t pid)
{
	int status;

	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool is_written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return is_written;
}

/** A network of its own with nothing but loopback. */
static bool own_network(void)
{
	struct ifreq ifr = {.ifr_name = "lo"};

	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return false;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ifr.ifr_flags = IFF_UP;
	bool is_up = fd >= 0 && !ioctl(fd, SIOCSIFFLAGS, &ifr);
	close(fd);
	return is_up;
}

static int self_connect_child(enum conn_backend backend)
{
	if (!own_network() || !write_text("/proc/sys/net/ipv4/ip_local_port_range", "40000 40000"))
		return SKIPPED;
	if (truth(INADDR_LOOPBACK, 40000) != PORT_OPEN)
		return SKIPPED; /* this kernel does not connect sockets to themselves */
	struct bed *b = bed_new(backend, "127.0.0.1", "127.0.0.1");
	add_port(b, 40000);
	int err = bed_open(b);
	if (err)
		return err == -E_UNSUPPORTED ? SKIPPED : 1;
	err = bed_run(b);
	return err || b->n_found != 1 || b->state[0][40000] != PORT_CLOSED;
}

static void self_connect_is_closed(void **state)
{
	pid_t pid = fork();

	if (!pid)
		_exit(self_connect_child(backend_of(state)));
	int code = wait_child(pid);
	if (code == SKIPPED)
		skip();
	assert_int_equal(code, 0);
}

/** A packet filter that answers ports 50-59 and 60-69 with ICMP errors, in both families. */
static bool reject_ports(void)
{
	FILE *nft = popen("nft -f - 2>/dev/null", "w");

	if (!nft)
		return false;
	fputs("table inet t {\nchain c {\ntype filter hook input priority 0;\n"
	      "tcp dport 50-59 reject with icmpx type admin-prohibited\n"
	      "tcp dport 60-69 reject with icmpx type port-unreachable\n}\n}\n",
	      nft);
	return !pclose(nft) && write_text("/proc/sys/net/ipv4/icmp_ratelimit", "0") &&
	       write_text("/proc/sys/net/ipv6/icmp/ratelimit", "0");
}

static int rejected_child(enum conn_backend backend, const char *ip)
{
	uint16_t open_port;

	if (!own_network() || !reject_ports())
		return SKIPPED;
	int fd = listener(ip, 8, &open_port);
	struct bed *b = bed_new(backend, ip, ip);
	for (uint16_t p = 40; p < 80; p++)
		add_port(b, p);
	add_port(b, open_port);
	int err = bed_open(b);
	if (err)
		return err == -E_UNSUPPORTED ? SKIPPED : 1;
	if (bed_run(b) || b->n_found != 41 || b->state[0][open_port] != PORT_OPEN)
		return 2;
	for (uint16_t p = 40; p < 80; p++)
		if (b->state[0][p] != (p >= 50 && p < 60 ? PORT_FILTERED : PORT_CLOSED))
			return 3;
	close(fd);
	return 0;
}

/** ICMP errors reach the socket while connect() holds it: the port is filtered, its neighbours are
 * not touched. */
static void rejected_ports_are_filtered(void **state)
{
	static const char *const ips[] = {"127.0.0.1", "::1"};

	for (uint32_t i = 0; i < ARRAY_LEN(ips); i++) {
		pid_t pid = fork();
		if (!pid)
			_exit(rejected_child(backend_of(state), ips[i]));
		int code = wait_child(pid);
		if (code == SKIPPED)
			skip();
		assert_int_equal(code, 0);
	}
}

static bool forbid_io_uring(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {.len = ARRAY_LEN(code), .filter = code};

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

static int forbidden_child(void)
{
	if (!forbid_io_uring())
		return SKIPPED;
	struct bed *b = bed_new(CONN_URING, "127.0.0.1", "127.0.0.1");
	add_port(b, 1);
	if (bed_open(b) != -E_UNSUPPORTED)
		return 1;
	b = bed_new(CONN_AUTO, "127.0.0.1", "127.0.0.4");
	for (uint32_t p = 1; p <= 1000; p++)
		add_port(b, (uint16_t)p);
	if (bed_open(b) || strcmp(conn_backend_name(&b->w), "epoll") != 0)
		return 2;
	return bed_run(b) || b->n_found != 4000 ? 3 : 0;
}

static void forbidden_io_uring_is_noticed(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (!pid)
		_exit(forbidden_child());
	int code = wait_child(pid);
	if (code == SKIPPED)
		skip();
	assert_int_equal(code, 0);
}

#define WITH(fn, b)                                                                                \
	{                                                                                          \
#fn "/" #b, fn, NULL, NULL, (void *)(uintptr_t)&backends[b]                        \
	}
#define BOTH(fn) WITH(fn, CONN_EPOLL), WITH(fn, CONN_URING)

int main(void)
{
	static const enum conn_backend backends[] = {CONN_AUTO, CONN_URING, CONN_EPOLL};
	const struct CMUnitTest tests[] = {
		BOTH(states_v4),
		BOTH(states_v6),
		BOTH(open_ends_with_reset),
		BOTH(thousands),
		BOTH(descriptors_run_out),
		WITH(no_descriptor_at_all, CONN_EPOLL),
		BOTH(second_attempt_answers),
		BOTH(stage_changes_under_a_socket),
		BOTH(source_is_used),
		BOTH(foreign_source_is_refused),
		BOTH(rate_is_kept),
		BOTH(self_connect_is_closed),
		BOTH(rejected_ports_are_filtered),
		cmocka_unit_test(forbidden_io_uring_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
