/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The talking thread: one service.c state machine per port on one loop of streams. What this
 * machine has no room for now (descriptors, the rate) waits in a list and is tried again; it is
 * never a fact about the target.
 */
#include "detect/asker.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/ring.h"
#include "detect/service_parts.h"
#include "detect/streamtls.h"
#include "detect/upgrade.h"
#include "engine/pace.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { JOBS_MAX = 256, ANSWERS_MAX = 256, TURN_US = 20000, RETRY_US = 2000, FD_RESERVE = 64 };

/** CPU time that reading the long answers of one port may take: others wait meanwhile. */
#define PORT_EFFORT_NS (1 * NS_PER_S)
#define LONG_BYTES     1024u /* shorter ones are not timed */

/** A port that accepted and said nothing for so long, and so many round trips, is quiet. */
#define QUIET_NS (250 * NS_PER_MS)
#define SLOW_NS  (1 * NS_PER_S) /* the same with one that speaks */
enum { QUIET_RTTS = 10, SLOW_SHARE = 8 };

/** Packets of ours in one conversation: handshake, request, acknowledgement, close. */
enum { PACKETS_PLAIN = 5, PACKETS_TLS = 9, PACKETS_UDP = 1 };

struct port;

/** One connection of a port: the context of its stream. */
struct line {
	struct port *port;
	struct stream *stream; /* NULL: none */
	uint32_t idx;
};

struct port {
	struct asker *asker;
	struct asker_job job;
	struct service service;
	struct line lines[SERVICE_TALKS_MAX];
	struct port *next, **link;  /* in the list of ports under way */
	char tls[UPGRADE_TEXT_CAP]; /* summary of the first handshake */
	struct upgrade upgrade;     /* STARTTLS, when all else is known */
	bool is_upgraded;           /* it is under way or over */
	uint64_t effort_ns;         /* spent on its long answers */
	bool is_stalled;            /* could not open a conversation */
	bool has_timed_out;
	bool is_quiet; /* told as such: it takes no other port's place */
};

struct asker {
	struct asker_conf conf;
	struct service_plan plan;
	struct streams *streams;
	struct service_pulse pulse;
	struct matcher *matcher;
	struct ring jobs, answers;
	struct port *ports;
	uint32_t n_ports;
	uint32_t n_quiet, n_quiet_max; /* of them */
	struct pace pace;
	pthread_t thread;
	int knock; /* eventfd: there are answers */
	_Atomic bool is_stopped, is_ended;
	bool has_stalled;
	uint64_t look_ns; /* when they, and quiet ports, are looked at next */
};

/* --- answers ------------------------------------------------------------------------- */

/** The coordinator empties the ring at least every few milliseconds. */
static struct asker_answer *answer_place(struct asker *a)
{
	const struct timespec nap = {.tv_nsec = 200000};
	struct asker_answer *out;

	while (!(out = ring_reserve(&a->answers)) && !atomic_load(&a->is_ended))
		nanosleep(&nap, NULL);
	return out;
}

/** Answers that name nothing, or only the kind of service, may tell a person more. */
static void put_fingerprint(struct port *p)
{
	struct service *s = &p->service;
	struct answers_head h = {.port = p->job.port.port,
				 .proto = p->job.port.proto,
				 .intensity = p->asker->plan.intensity,
				 .is_tls = s->is_tunnel,
				 .wall_ns = clock_wall_ns(),
				 .version = p->asker->conf.version};
	struct buf text;

	if (s->result.name && !s->result.is_soft)
		return;
	buf_init(&text, 16384);
	answers_put(&s->answers, &h, &text);
	s->result.fingerprint = facts_text(s->facts, text.p, text.len);
	buf_fini(&text);
}

static void commit(struct asker *a)
{
	uint64_t one = 1;

	ring_commit(&a->answers);
	(void)!write(a->knock, &one, sizeof(one));
}

/** @param p NULL: it was not begun. */
static void answer(struct asker *a, const struct asker_job *job, struct port *p, bool is_late)
{
	struct asker_answer *out = answer_place(a);
	struct service *s = p ? &p->service : NULL;
	struct service_facts *copy;

	if (!out)
		return;
	*out = (struct asker_answer){
		.job = *job, .has_timed_out = is_late, .was_quiet = p && p->is_quiet};
	out->job.heard = NULL; /* it ends with the question */
	if (s) {
		copy = facts_alloc(s->facts, sizeof(*copy));
		if (copy) {
			*copy = s->result;
			out->service = copy;
		}
		out->block = s->facts;
		s->facts = NULL;
		out->has_heard = s->has_heard || s->is_tunnel;
	}
	commit(a);
}

static void tell_quiet(struct port *p)
{
	struct asker_answer *out = answer_place(p->asker);

	if (!out)
		return;
	*out = (struct asker_answer){.job = p->job, .is_quiet = true};
	out->job.heard = NULL;
	p->is_quiet = true;
	p->asker->n_quiet++;
	commit(p->asker);
}

/* --- ports ------------------------------------------------------------------------------ */

static void lines_close(struct port *p)
{
	for (uint32_t i = 0; i < SERVICE_TALKS_MAX; i++) {
		stream_close(p->lines[i].stream);
		p->lines[i].stream = NULL;
	}
}

static void port_end(struct port *p)
{
	lines_close(p);
	put_fingerprint(p);
	const char *tls = p->service.is_tunnel ? p->tls : p->upgrade.text;
	p->service.result.tls_summary = facts_text(p->service.facts, tls, strlen(tls));
	upgrade_fini(&p->upgrade);
	answer(p->asker, &p->job, p, p->has_timed_out);
	*p->link = p->next;
	if (p->next)
		p->next->link = p->link;
	p->asker->n_ports--;
	p->asker->n_quiet -= p->is_quiet;
	service_fini(&p->service);
	mem_free(p);
}

static void on_stream(void *ctx, struct stream *s, enum stream_event ev);

/** @return 0; -E_AGAIN: later. */
static int line_open(struct port *p, const struct service_ask *ask, uint64_t now_ns)
{
	struct asker *a = p->asker;
	struct line *l = &p->lines[ask->talk];
	struct stream_to to = {
		.to = {.addr = p->job.addr, .port = p->job.port.port, .proto = p->job.port.proto},
		.layer = ask->layer,
		.hears_any_port = ask->hears_any_port};
	uint32_t n_packets = to.to.proto == PROTO_UDP   ? PACKETS_UDP
			     : ask->layer == STREAM_TLS ? PACKETS_TLS
							: PACKETS_PLAIN;

	if (pace_budget(&a->pace, now_ns, n_packets) == 0)
		return -E_AGAIN;
	int err = stream_open(a->streams, &to, on_stream, l, &l->stream);
	if (err == -E_AGAIN)
		return err;
	pace_spend(&a->pace, now_ns, n_packets);
	if (err)
		service_on(&p->service, ask->talk, STREAM_FAILED, (struct bytes){0}, err, now_ns);
	return 0;
}

static void on_upgraded(void *port)
{
	port_end(port);
}

/** Ask the service that is known now for TLS, once. @return whether the port goes on. */
static bool port_upgrade(struct port *p, uint64_t now_ns)
{
	struct asker *a = p->asker;
	const struct endpoint to = {
		.addr = p->job.addr, .port = p->job.port.port, .proto = p->job.port.proto};

	const char *name = p->service.result.name;
	const struct starttls *row = name ? starttls_of_service(name, to.port) : NULL;

	if (!row || p->is_upgraded || p->service.is_tunnel || a->plan.is_brief ||
	    to.proto != PROTO_TCP)
		return false;
	p->upgrade = (struct upgrade){
		.row = row, .rtt_us = p->job.port.rtt_us, .over = on_upgraded, .ctx = p};
	int err = pace_budget(&a->pace, now_ns, PACKETS_TLS) == 0
			  ? -E_AGAIN
			  : upgrade_begin(&p->upgrade, a->streams, &to);
	p->is_stalled = err == -E_AGAIN;
	a->has_stalled |= p->is_stalled;
	p->is_upgraded = err != -E_AGAIN;
	if (!err)
		pace_spend(&a->pace, now_ns, PACKETS_TLS);
	return !err || err == -E_AGAIN;
}

/** Do what the state machine wants now; ends the port when nothing is left. */
static void port_go(struct port *p, uint64_t now_ns)
{
	struct service_ask ask;
	bool is_more = true;

	p->is_stalled = false;
	while (is_more && !p->is_stalled) {
		uint32_t closed = service_take_closed(&p->service);
		for (uint32_t i = 0; i < SERVICE_TALKS_MAX; i++) {
			if (!(closed >> i & 1))
				continue;
			stream_close(p->lines[i].stream);
			p->lines[i].stream = NULL;
		}
		is_more = service_next(&p->service, now_ns, &ask);
		if (is_more && line_open(p, &ask, now_ns) == -E_AGAIN) {
			service_not_opened(&p->service, ask.talk);
			p->is_stalled = p->asker->has_stalled = true;
		}
	}
	if (p->service.is_done) {
		lines_close(p);
		if (!port_upgrade(p, now_ns))
			port_end(p);
		return;
	}
	for (uint32_t i = 0; i < SERVICE_TALKS_MAX; i++)
		if (p->lines[i].stream)
			stream_deadline(p->lines[i].stream, p->service.talks[i].due_ns);
}

/** Send what an event made due, on this conversation or on the one that listens. */
static void send_due(struct port *p, uint64_t now_ns)
{
	for (uint32_t i = 0; i < SERVICE_TALKS_MAX; i++) {
		struct bytes b = service_take_send(&p->service, i);
		int error = b.len ? stream_send(p->lines[i].stream, b.p, b.len) : 0;
		if (error)
			service_on(&p->service, i, STREAM_FAILED, (struct bytes){0}, error, now_ns);
	}
}

/** Tell the state machine; a port whose answers are made to be costly is ended. */
static void tell(struct line *l, struct stream *s, enum stream_event ev, uint64_t now_ns)
{
	struct port *p = l->port;
	struct bytes received = stream_received(s);
	bool is_long = received.len > LONG_BYTES;
	uint64_t begin_ns = is_long ? clock_thread_ns() : 0;

	service_on(&p->service, l->idx, ev, received, ev == STREAM_FAILED ? stream_error(s) : 0,
		   now_ns);
	if (ev == STREAM_OPEN && stream_tls(s) && !p->tls[0])
		(void)streamtls_summary(stream_tls(s), p->tls, sizeof(p->tls));
	if (is_long)
		p->effort_ns += clock_thread_ns() - begin_ns;
	if (p->effort_ns > PORT_EFFORT_NS)
		service_finish(&p->service);
}

static void on_stream(void *ctx, struct stream *s, enum stream_event ev)
{
	struct line *l = ctx;
	uint64_t now_ns = clock_now_ns();

	tell(l, s, ev, now_ns);
	send_due(l->port, now_ns);
	port_go(l->port, now_ns);
}

static void port_begin(struct asker *a, const struct asker_job *job)
{
	uint64_t now_ns = clock_now_ns();
	bool is_late = job->deadline_ns && now_ns >= job->deadline_ns;
	struct port *p = is_late ? NULL : mem_alloc(1, sizeof(*p));

	if (!p || service_init(&p->service, &a->plan, &job->port, now_ns) < 0) {
		mem_free(p);
		answer(a, job, NULL, is_late);
		return;
	}
	if (job->heard)
		service_was_told(&p->service,
				 (struct bytes){job->heard->bytes, job->heard->n_bytes});
	p->asker = a;
	p->job = *job;
	for (uint32_t i = 0; i < SERVICE_TALKS_MAX; i++)
		p->lines[i] = (struct line){.port = p, .idx = i};
	p->next = a->ports;
	p->link = &a->ports;
	if (p->next)
		p->next->link = &p->next;
	a->ports = p;
	a->n_ports++;
	port_go(p, now_ns);
}

/* --- the loop --------------------------------------------------------------------------- */

static void retry_stalled(struct asker *a)
{
	uint64_t now_ns = clock_now_ns();
	struct port *next;

	a->has_stalled = false;
	for (struct port *p = a->ports; p; p = next) {
		next = p->next;
		if (p->is_stalled)
			port_go(p, now_ns);
	}
}

/** What was heard so far is what there is. */
static void port_time_out(struct port *p)
{
	for (uint32_t i = 0; i < SERVICE_TALKS_MAX; i++)
		if (p->lines[i].stream)
			service_hear_out(&p->service, i, stream_received(p->lines[i].stream));
	service_finish(&p->service);
	p->has_timed_out = true;
	port_end(p);
}

/** It accepted, and neither spoke nor answered what it was asked beside listening; or it goes on
 * answering for long. What that may fill in memory is less. */
static bool may_go_quiet(const struct port *p, uint64_t now_ns)
{
	const struct service *s = &p->service;
	uint32_t n = p->asker->n_quiet, max = p->asker->n_quiet_max;
	uint64_t age_ns = now_ns - s->start_ns;

	if (p->is_quiet || s->port.proto != PROTO_TCP || !s->has_lasted)
		return false;
	if (s->has_heard || s->speaks_tls)
		return n < max / SLOW_SHARE && age_ns >= SLOW_NS + wait_rtts(s, QUIET_RTTS);
	return n < max && age_ns >= MAX(QUIET_NS, wait_rtts(s, QUIET_RTTS));
}

/** Silent ports take long and cost little: those who answer are not kept waiting by them; and
 * --host-timeout. */
static void look(struct asker *a)
{
	uint64_t now_ns = clock_now_ns();
	struct port *next;

	if (now_ns < a->look_ns)
		return;
	a->look_ns = now_ns + TURN_US * NS_PER_US / 2;
	for (struct port *p = a->ports; p; p = next) {
		next = p->next;
		if (p->job.deadline_ns && now_ns >= p->job.deadline_ns)
			port_time_out(p);
		else if (may_go_quiet(p, now_ns))
			tell_quiet(p);
	}
}

static void take_jobs(struct asker *a)
{
	const struct asker_job *job;

	while (a->n_ports - a->n_quiet < a->conf.n_ports && (job = ring_peek(&a->jobs))) {
		struct asker_job copy = *job;
		ring_pop(&a->jobs);
		port_begin(a, &copy);
		mem_free(copy.heard);
	}
}

/** Answer all that is known; what comes later is not asked. */
static void drain(struct asker *a)
{
	const struct asker_job *job;
	const struct timespec nap = {.tv_nsec = 500000};

	while (a->ports) {
		service_finish(&a->ports->service);
		port_end(a->ports);
	}
	while (!atomic_load(&a->is_ended)) {
		while ((job = ring_peek(&a->jobs))) {
			struct asker_job copy = *job;
			ring_pop(&a->jobs);
			mem_free(copy.heard);
			answer(a, &copy, NULL, false);
		}
		nanosleep(&nap, NULL);
	}
}

static void *asker_main(void *arg)
{
	struct asker *a = arg;

	(void)pthread_setname_np(pthread_self(), "prtip-services");
	while (!atomic_load(&a->is_stopped)) {
		take_jobs(a);
		if (a->conf.prepares)
			a->conf.prepares = matcher_prepare(a->matcher);
		uint32_t wait_us = a->conf.prepares ? 0 : a->has_stalled ? RETRY_US : TURN_US;
		if (streams_turn(a->streams, wait_us) < 0)
			break;
		if (a->has_stalled)
			retry_stalled(a);
		look(a);
	}
	drain(a);
	return NULL;
}

/* --- life ---------------------------------------------------------------------------------- */

/** Conversations that the descriptor limit leaves room for. */
static uint32_t n_streams(const struct asker_conf *c)
{
	struct rlimit lim = {.rlim_cur = 1024, .rlim_max = 1024}, raised;
	uint32_t want =
		(c->n_ports + ASKER_QUIET_MAX) * MAX((uint32_t)c->n_talks, 4u); /* UDP takes more */

	(void)getrlimit(RLIMIT_NOFILE, &lim);
	raised = (struct rlimit){.rlim_cur = lim.rlim_max, .rlim_max = lim.rlim_max};
	if (lim.rlim_cur < lim.rlim_max && !setrlimit(RLIMIT_NOFILE, &raised))
		lim = raised;
	uint64_t room = lim.rlim_cur > 2 * FD_RESERVE ? lim.rlim_cur - FD_RESERVE : FD_RESERVE;
	return (uint32_t)MIN((uint64_t)want, room);
}

static void release(struct asker *a)
{
	streams_free(a->streams);
	matcher_free(a->matcher);
	ring_fini(&a->jobs);
	ring_fini(&a->answers);
	if (a->knock >= 0)
		close(a->knock);
	mem_free(a);
}

int asker_new(const struct asker_conf *conf, struct asker **ret)
{
	struct asker *a = mem_alloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->conf = *conf;
	a->conf.streams.n_max = n_streams(conf);
	a->n_quiet_max = MIN(ASKER_QUIET_MAX, a->conf.streams.n_max / 2 / MAX(conf->n_talks, 1u));
	pace_init(&a->pace, conf->max_rate_pps, clock_now_ns());
	a->knock = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	int err = a->knock < 0 ? -errno : matcher_new(conf->db, &a->matcher);
	if (!err)
		err = streams_new(&a->conf.streams, &a->streams);
	if (!err)
		err = ring_init(&a->jobs, sizeof(struct asker_job), JOBS_MAX);
	if (!err)
		err = ring_init(&a->answers, sizeof(struct asker_answer), ANSWERS_MAX);
	a->plan = (struct service_plan){.db = conf->db,
					.matcher = a->matcher,
					.intensity = conf->intensity,
					.n_talks = conf->n_talks,
					.is_brief = conf->is_brief,
					.pulse = &a->pulse};
	if (!err)
		err = -pthread_create(&a->thread, NULL, asker_main, a);
	if (err) {
		release(a);
		return err;
	}
	*ret = a;
	return 0;
}

bool asker_put(struct asker *a, const struct asker_job *job)
{
	struct asker_job *place = ring_reserve(&a->jobs);

	if (!place)
		return false;
	*place = *job;
	ring_commit(&a->jobs);
	streams_wake(a->streams);
	return true;
}

bool asker_take(struct asker *a, struct asker_answer *ret)
{
	const struct asker_answer *found = ring_peek(&a->answers);

	if (!found)
		return false;
	*ret = *found;
	ring_pop(&a->answers);
	return true;
}

void asker_wait(struct asker *a, int ms)
{
	struct pollfd p = {.fd = a->knock, .events = POLLIN};
	uint64_t n;

	if (poll(&p, 1, ms) > 0)
		(void)!read(a->knock, &n, sizeof(n));
}

void asker_stop(struct asker *a)
{
	atomic_store(&a->is_stopped, true);
	streams_wake(a->streams);
}

void asker_free(struct asker *a)
{
	struct asker_answer left;

	if (!a)
		return;
	asker_stop(a);
	atomic_store(&a->is_ended, true);
	pthread_join(a->thread, NULL);
	while (asker_take(a, &left))
		facts_free(left.block);
	for (const struct asker_job *job; (job = ring_peek(&a->jobs)); ring_pop(&a->jobs))
		mem_free(job->heard);
	release(a);
}

struct streams_stats asker_stats(const struct asker *a)
{
	return *streams_stats(a->streams);
}
