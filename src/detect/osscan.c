/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The OS test over many hosts. A host whose ports are known waits for one of the jobs; a job sends
 * six SYNs 100 ms apart, the other ten packets 25 ms apart, and asks once or twice more what was
 * not answered; then the print is scored, and the whole repeated when no entry fits perfectly: the
 * odd try in which a rare value shows is the one that matches. All jobs share a raw socket and
 * sixteen source ports: the sender's address says whose answer it is.
 * Source: nmap's book, "Remote OS Detection".
 */
#include "detect/osscan.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "detect/budget.h"
#include "detect/osmatch.h"
#include "detect/osreport.h"
#include "engine/pace.h"
#include "pktio/capture.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	GAP_MS = 25,       /* between probes after the six */
	START_GAP_MS = 2,  /* between hosts: they shall not all send and be scored at once */
	ROUNDS = 3,        /* times one probe is sent at most */
	WAIT_MIN_MS = 150, /* for the last answers of a round */
	WAIT_MAX_MS = 2000,
	TRIES_GOOD = 5,
	TRIES_BAD = 2,
	PORTS_LO = 33000,
	PORTS_SPAN = 27000,
	PORT_ATTEMPTS = 64,
	UDP_LO = 30000,
	UDP_SPAN = 14781,
	RX_BATCH = 32,
	DISTANCE_LOCAL_TTL = 64,
	WAITING_MAX = 1 << 28,
};

/** One host under test. */
struct job {
	uint64_t host_idx;
	struct os_conf conf;
	struct os_answers a;
	uint64_t due_ns;      /* when the next thing is to be done */
	uint64_t deadline_ns; /* --host-timeout; 0: none */
	uint32_t wait_ms;     /* for answers, after the last probe of a round */
	uint8_t next;         /* probe to send; OS_PROBE_N: waiting */
	uint8_t round, n_tries;
	bool is_direct, has_mac;
	struct mac mac;
	/* of the best try */
	double accuracy;
	struct os_print print;
	struct os_sequence seq;
	struct os_result match;
	bool has_udp_answer;
};

/** In the line of hosts to be tested. */
struct place {
	uint64_t host_idx, left_ns; /* of its time */
};

struct osscan {
	struct osscan_conf c;
	struct bus *bus;
	struct pktio *io;
	struct os_matcher *matcher;
	struct pace pace;
	struct rng rng;
	uint16_t sport;
	int fds[OS_PROBE_N]; /* hold the ports */
	uint32_t n_fds;
	struct job *jobs[OSSCAN_JOBS_MAX];
	uint32_t n_jobs;
	struct place *waiting; /* a ring */
	uint32_t waiting_head, n_waiting, waiting_cap;
	uint64_t start_ns;  /* when the next host may start */
	struct map64 parts; /* host -> HOST_SCANNED heard, when a host has several */
	struct osscan_stats stats;
	bool has_warned;    /* of IPv6 */
	bool is_publishing; /* our own events are no news */
};

/* --- hosts come and go ----------------------------------------------------------------- */

static void publish_done(struct osscan *o, uint64_t host_idx, bool is_timed_out)
{
	struct event ev = {.kind = EVENT_HOST_DETECTED,
			   .host_idx = host_idx,
			   .detected = {.is_timed_out = is_timed_out}};

	bus_publish(o->bus, &ev);
}

/** The first ports of each kind. @return whether the host is to be tested. */
static bool choose_ports(struct osscan *o, const struct host *h, struct os_conf *ret)
{
	struct host_port p;
	uint32_t pos = 0;

	while (host_next_port(o->c.hosts, h, &pos, &p)) {
		bool is_tcp = p.proto == PROTO_TCP;
		if (is_tcp && p.state == PORT_OPEN && !ret->open_tcp)
			ret->open_tcp = p.port;
		if (is_tcp && p.state == PORT_CLOSED && !ret->closed_tcp)
			ret->closed_tcp = p.port;
		if (p.proto == PROTO_UDP && p.state == PORT_CLOSED && !ret->closed_udp)
			ret->closed_udp = p.port;
	}
	return !o->c.wants_limit || (ret->open_tcp && ret->closed_tcp);
}

static int wait_in_line(struct osscan *o, struct place p)
{
	if (o->n_waiting == o->waiting_cap) {
		uint32_t cap = MAX(2 * o->waiting_cap, 64u);
		struct place *more = cap > WAITING_MAX ? NULL : mem_alloc(cap, sizeof(*more));
		if (!more)
			return -ENOMEM;
		for (uint32_t i = 0; i < o->n_waiting; i++)
			more[i] = o->waiting[(o->waiting_head + i) % o->waiting_cap];
		mem_free(o->waiting);
		o->waiting = more;
		o->waiting_head = 0;
		o->waiting_cap = cap;
	}
	o->waiting[(o->waiting_head + o->n_waiting++) % o->waiting_cap] = p;
	return 0;
}

/** Has every part of the host been scanned? */
static bool is_last_part(struct osscan *o, uint64_t host_idx)
{
	if (o->c.n_parts <= 1)
		return true;
	uint32_t n = map64_get(&o->parts, host_idx);
	n = n == MAP64_NONE ? 1 : n + 1;
	if (n < o->c.n_parts)
		return map64_put(&o->parts, host_idx, n) < 0;
	(void)map64_del(&o->parts, host_idx);
	return true;
}

/** An earlier part of the scan has tested the host: it leaves the line. */
static void on_known(struct osscan *o, const struct event *ev)
{
	for (uint32_t i = o->is_publishing ? 0 : o->n_waiting; i-- > 0;) {
		struct place *at = &o->waiting[(o->waiting_head + i) % o->waiting_cap];
		if (at->host_idx != ev->host_idx)
			continue;
		o->n_waiting--;
		*at = o->waiting[(o->waiting_head + o->n_waiting) % o->waiting_cap];
		publish_done(o, ev->host_idx, false);
		return;
	}
}

static void on_scanned(struct osscan *o, const struct event *ev)
{
	if (!is_last_part(o, ev->host_idx))
		return;
	const struct host *h = hosts_find(o->c.hosts, ev->host_idx);
	struct os_conf ports = {0};
	struct host_facts f;
	if (!h)
		return;
	host_facts(o->c.hosts, h, &f);
	if (f.state == HOST_DOWN)
		return;
	if (f.addr.family == ADDR_V6 && !o->has_warned) {
		o->has_warned = true;
		bus_warn(o->bus, "-O tests IPv4 hosts only: the ports of IPv6 hosts are scanned, "
				 "their systems not looked at");
	}
	bool is_wanted = f.addr.family == ADDR_V4 && !f.is_partial && choose_ports(o, h, &ports);
	struct place p = {ev->host_idx, budget_left_ns(o->c.hosts, ev->host_idx, ev->time_ns,
						       o->c.host_timeout_ms)};
	if (!is_wanted || wait_in_line(o, p) < 0)
		publish_done(o, ev->host_idx, false);
}

static void on_event(void *ctx, const struct event *ev)
{
	if (ev->kind == EVENT_HOST_SCANNED)
		on_scanned(ctx, ev);
	else
		on_known(ctx, ev);
}

/** Our address towards the target, and whether anything stands between. */
static int find_way(const struct osscan *o, struct job *j)
{
	struct route r;
	int err = route_lookup(o->c.routes, &j->conf.dst, o->c.if_idx, &r);

	if (err)
		return err;
	j->conf.src = o->c.source4.family != ADDR_NONE ? o->c.source4 : r.src;
	j->conf.is_local = r.kind == ROUTE_LOOPBACK;
	j->is_direct = r.kind == ROUTE_ONLINK;
	return 0;
}

/** A fresh try: new numbers, nothing heard. */
static void start_try(struct osscan *o, struct job *j, uint64_t now_ns)
{
	memset(&j->a, 0, sizeof(j->a));
	j->conf.seq = (uint32_t)rng_u64(&o->rng);
	j->conf.ack = (uint32_t)rng_u64(&o->rng) | 1;
	j->conf.icmp_id = (uint16_t)rng_u64(&o->rng);
	j->next = 0;
	j->round = 0;
	j->n_tries++;
	j->due_ns = now_ns;
}

static int start_job(struct osscan *o, const struct place *p, uint64_t now_ns)
{
	const struct host *h = hosts_find(o->c.hosts, p->host_idx);
	struct host_facts f;
	struct job *j = h ? mem_alloc(1, sizeof(*j)) : NULL;

	if (!j)
		return -ENOMEM;
	host_facts(o->c.hosts, h, &f);
	j->host_idx = p->host_idx;
	j->deadline_ns = budget_deadline(p->left_ns);
	j->conf.dst = f.addr;
	(void)choose_ports(o, h, &j->conf);
	int err = find_way(o, j);
	if (err) {
		mem_free(j);
		return err;
	}
	if (!j->conf.closed_udp)
		j->conf.closed_udp = (uint16_t)(UDP_LO + rng_below(&o->rng, UDP_SPAN));
	j->conf.sport = o->sport;
	j->conf.ttl = o->c.ttl ? o->c.ttl : DISTANCE_LOCAL_TTL;
	j->has_mac = f.has_mac;
	j->mac = f.mac;
	j->wait_ms = CLAMP(4 * f.rto_us / 1000, WAIT_MIN_MS, WAIT_MAX_MS);
	j->accuracy = -1;
	start_try(o, j, now_ns);
	o->jobs[o->n_jobs++] = j;
	o->stats.n_hosts++;
	return 0;
}

static void start_jobs(struct osscan *o, uint64_t now_ns)
{
	while (o->n_waiting && o->n_jobs < OSSCAN_JOBS_MAX && now_ns >= o->start_ns) {
		struct place p = o->waiting[o->waiting_head];
		o->waiting_head = (o->waiting_head + 1) % o->waiting_cap;
		o->n_waiting--;
		if (start_job(o, &p, now_ns) < 0)
			publish_done(o, p.host_idx, false);
		else
			o->start_ns = now_ns + START_GAP_MS * NS_PER_MS;
	}
}

/* --- results --------------------------------------------------------------------------- */

static void publish_facts(struct osscan *o, struct job *j)
{
	struct os_test_result t = {.db = o->c.db,
				   .conf = &j->conf,
				   .print = &j->print,
				   .match = &j->match,
				   .seq = &j->seq,
				   .mac = j->has_mac ? &j->mac : NULL,
				   .version = o->c.version,
				   .wall_ns = clock_wall_ns(),
				   .has_udp_answer = j->has_udp_answer,
				   .is_direct = j->is_direct,
				   .wants_guess = o->c.wants_guess};
	struct facts *block = facts_new(FACTS_BLOCK_MAX);
	const struct os_facts *f = block ? os_report(&t, block) : NULL;

	if (f) {
		struct event ev = {.kind = EVENT_OS_DETECTED, .host_idx = j->host_idx};
		ev.os = (struct ev_os){.addr = j->conf.dst, .facts = f};
		o->is_publishing = true;
		bus_publish(o->bus, &ev);
		o->is_publishing = false;
	}
	facts_free(block);
}

/** Keep the try if it is the best so far. */
static void judge_try(struct osscan *o, struct job *j)
{
	struct os_sequence seq;
	struct os_print print;
	struct os_result match;

	os_print_make(&j->conf, &j->a, &print, &seq);
	os_match(o->matcher, &print, &match);
	double accuracy = match.n_matches ? match.matches[0].accuracy : 0;
	if (accuracy <= j->accuracy)
		return;
	j->accuracy = accuracy;
	j->print = print;
	j->seq = seq;
	j->match = match;
	j->has_udp_answer = j->a.of[OS_PROBE_U1].is_there;
}

/** @return true when the job is over. */
static bool end_try(struct osscan *o, struct job *j, uint64_t now_ns)
{
	judge_try(o, j);
	bool is_good = j->conf.open_tcp && j->conf.closed_tcp && j->has_udp_answer;
	uint32_t max = o->c.max_tries ? o->c.max_tries : is_good ? TRIES_GOOD : TRIES_BAD;
	if (!j->match.n_perfect && j->n_tries < max) {
		start_try(o, j, now_ns);
		return false;
	}
	publish_facts(o, j);
	publish_done(o, j->host_idx, false);
	return true;
}

/* --- packets ----------------------------------------------------------------------------- */

static void trace(struct osscan *o, struct bytes packet, bool is_sent, uint64_t now_ns)
{
	struct event ev = {.kind = EVENT_PACKET};

	if (!o->c.wants_trace)
		return;
	ev.packet.is_sent = is_sent;
	ev.packet.cap_len = (uint8_t)MIN(packet.len, sizeof(ev.packet.head));
	ev.packet.len = (uint16_t)packet.len;
	ev.packet.mono_ns = now_ns;
	memcpy(ev.packet.head, packet.p, ev.packet.cap_len);
	bus_publish(o->bus, &ev);
}

static int send_probe(struct osscan *o, struct job *j, enum os_probe probe)
{
	struct frame f;

	if (!o->io->ops->tx_reserve(o->io, &f, 1))
		return -E_AGAIN;
	f.len = (uint32_t)os_probe_encode(&j->conf, probe, (uint16_t)(rng_u64(&o->rng) | 1), &j->a,
					  f.bytes, f.cap);
	j->a.sent_ns[probe] = clock_now_ns();
	trace(o, (struct bytes){f.bytes, f.len}, true, j->a.sent_ns[probe]);
	o->io->ops->tx_commit(o->io, &f, 1);
	int n = o->io->ops->tx_kick(o->io);
	if (n > 0)
		o->stats.n_sent++;
	return n < 0 ? n : 0;
}

/** Move to the next probe that this round has to send. */
static void skip_needless(struct job *j)
{
	while (j->next < OS_PROBE_N &&
	       (!os_probe_is_possible(&j->conf, j->next) ||
		(j->round && (j->next <= OS_PROBE_SEQ6 || j->a.of[j->next].is_there))))
		j->next++;
}

/** All asked probes of the round have answers: no need to wait. */
static bool is_complete(const struct job *j)
{
	for (int i = 0; i < OS_PROBE_N; i++)
		if (os_probe_is_possible(&j->conf, (enum os_probe)i) && !j->a.of[i].is_there)
			return false;
	return true;
}

/** Nothing is left to send or to wait for. */
static bool is_try_over(const struct job *j, uint64_t now_ns)
{
	return j->next == OS_PROBE_N &&
	       (is_complete(j) || (now_ns >= j->due_ns && j->round + 1 == ROUNDS));
}

/** Send what is due of one job. */
static void job_turn(struct osscan *o, struct job *j, uint64_t now_ns)
{
	bool was_waiting = j->next == OS_PROBE_N;

	if (now_ns < j->due_ns)
		return;
	if (was_waiting) {
		j->round++;
		j->next = OS_PROBE_IE1;
	}
	skip_needless(j);
	if (j->next < OS_PROBE_N) {
		if (!pace_budget(&o->pace, now_ns, 1) || send_probe(o, j, j->next) == -E_AGAIN)
			return;
		pace_spend(&o->pace, now_ns, 1);
		/* from the planned time, so that lateness does not add up; not to catch up either
		 */
		uint64_t gap_ns = (j->next < OS_PROBE_SEQ6 ? OS_SEQ_GAP_MS : GAP_MS) * NS_PER_MS;
		j->due_ns = j->a.sent_ns[j->next] + gap_ns;
		j->next++;
		skip_needless(j);
	}
	if (j->next == OS_PROBE_N)
		j->due_ns = now_ns + j->wait_ms * NS_PER_MS;
}

static void take_answer(struct osscan *o, const struct frame *f, uint64_t now_ns)
{
	struct bytes packet = {f->bytes, f->len};

	for (uint32_t i = 0; i < o->n_jobs; i++) {
		if (os_answer_read(&o->jobs[i]->conf, packet, &o->jobs[i]->a) < 0)
			continue;
		o->stats.n_received++;
		trace(o, packet, false, now_ns);
		return;
	}
}

static int receive(struct osscan *o, uint64_t now_ns, uint32_t wait_us)
{
	struct frame f[RX_BATCH];
	int n;

	do {
		n = o->io->ops->rx_acquire(o->io, f, RX_BATCH, wait_us);
		for (int i = 0; i < n; i++)
			take_answer(o, &f[i], now_ns);
		if (n > 0)
			o->io->ops->rx_release(o->io, f, (uint32_t)n);
		wait_us = 0;
	} while (n == RX_BATCH);
	return n < 0 ? n : 0;
}

/** Score one host at most: meanwhile what others have to send is due. */
static void end_one(struct osscan *o, uint64_t now_ns)
{
	for (uint32_t i = 0; i < o->n_jobs; i++) {
		if (!is_try_over(o->jobs[i], now_ns))
			continue;
		if (end_try(o, o->jobs[i], now_ns)) {
			mem_free(o->jobs[i]);
			o->jobs[i] = o->jobs[--o->n_jobs];
		}
		return;
	}
}

/** --host-timeout: the best try so far is what there is. */
static void time_out(struct osscan *o, uint64_t now_ns)
{
	for (uint32_t i = o->n_jobs; i-- > 0;) {
		struct job *j = o->jobs[i];
		if (!j->deadline_ns || now_ns < j->deadline_ns)
			continue;
		if (j->accuracy >= 0)
			publish_facts(o, j);
		publish_done(o, j->host_idx, true);
		mem_free(j);
		o->jobs[i] = o->jobs[--o->n_jobs];
	}
}

int osscan_turn(struct osscan *o, uint64_t now_ns, bool is_alone, uint32_t wait_us)
{
	int err = o->n_jobs ? receive(o, now_ns, wait_us) : 0;

	if (err)
		return err;
	if (!o->c.max_rate_pps || is_alone)
		start_jobs(o, now_ns);
	now_ns = wait_us ? clock_now_ns() : now_ns;
	for (uint32_t i = 0; i < o->n_jobs; i++)
		if (!is_try_over(o->jobs[i], now_ns))
			job_turn(o, o->jobs[i], now_ns);
	end_one(o, now_ns);
	time_out(o, now_ns);
	return (int)(o->n_jobs + o->n_waiting);
}

/* --- life ------------------------------------------------------------------------------- */

static void release_ports(struct osscan *o)
{
	while (o->n_fds)
		close(o->fds[--o->n_fds]);
}

/** Bound and not listening: nobody else gets the ports, and the kernel resets what answers. */
static int hold_ports(struct osscan *o, uint16_t first)
{
	for (uint16_t i = 0; i < OS_PROBE_N; i++) {
		struct sockaddr_in sa = {.sin_family = AF_INET,
					 .sin_port = htons((uint16_t)(first + i))};
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			return -errno;
		o->fds[o->n_fds++] = fd;
		if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
			return -errno;
	}
	o->sport = first;
	return 0;
}

static int open_ports(struct osscan *o)
{
	int err = -EADDRINUSE;

	for (int i = 0; i < PORT_ATTEMPTS && err == -EADDRINUSE; i++) {
		release_ports(o);
		err = hold_ports(o, (uint16_t)(PORTS_LO + rng_below(&o->rng, PORTS_SPAN)));
	}
	return err;
}

int osscan_new(const struct osscan_conf *c, struct bus *bus, struct osscan **ret)
{
	struct osscan *o = mem_alloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->c = *c;
	o->bus = bus;
	rng_init(&o->rng, rng_entropy());
	map64_init(&o->parts, WAITING_MAX);
	pace_init(&o->pace, c->max_rate_pps, clock_now_ns());
	o->matcher = os_matcher_new(c->db);
	int err = o->matcher ? open_ports(o) : -ENOMEM;
	struct pktio_conf pc = {.batch = 1,
				.v4 = true,
				.wants_tcp = true,
				.wants_udp = true, /* for slots that hold a whole quote */
				.frame_cap_bytes = OS_PROBE_CAP,
				.port_lo = o->sport,
				.port_hi = (uint16_t)(o->sport + OS_PROBE_N - 1),
				.if_idx = c->if_idx};
	err = err ? err : pktio_open(&pktio_rawip, &pc, &o->io);
	err = err ? err : capture_tap(c->capture, &o->io);
	err = err ? err
		  : bus_subscribe(bus, EVENT_BIT(EVENT_HOST_SCANNED) | EVENT_BIT(EVENT_OS_DETECTED),
				  on_event, o);
	if (err) {
		osscan_free(o);
		return err;
	}
	*ret = o;
	return 0;
}

void osscan_stats(const struct osscan *o, struct osscan_stats *ret)
{
	*ret = o->stats;
}

void osscan_free(struct osscan *o)
{
	if (!o)
		return;
	for (uint32_t i = 0; i < o->n_jobs; i++)
		mem_free(o->jobs[i]);
	pktio_close(o->io);
	release_ports(o);
	os_matcher_free(o->matcher);
	map64_fini(&o->parts);
	mem_free(o->waiting);
	mem_free(o);
}
