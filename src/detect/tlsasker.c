/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The examining thread: per endpoint the state machine of tlsscan.c, each of its hellos on a stream
 * of its own. When TLS 1.3 hides the certificate, one real handshake by OpenSSL fetches it. What
 * this machine has no room for now waits and is tried again.
 */
#include "detect/tlsasker.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/ring.h"
#include "detect/ossl.h"
#include "detect/starttls.h"
#include "detect/tlsreport.h"
#include "engine/pace.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

enum { LINES = 4, JOBS_MAX = 256, RESULTS_MAX = 256, TURN_US = 20000, RETRY_US = 2000 };
enum { ANSWER_MS = 5000, PACKETS = 6 };

enum line_state { LINE_FREE, LINE_WAITING, LINE_BUSY };

struct target;

/** One connection of an endpoint: the context of its stream. */
struct line {
	struct target *target;
	struct stream *stream;
	const struct starttls *prologue; /* NULL: none, or over */
	uint64_t begin_ns;               /* of the connection */
	int number;                      /* of the hello */
	uint32_t step, hello_len;
	uint8_t state;
	bool is_handshake; /* OpenSSL's, for the certificate */
	bool is_sent;
	uint8_t hello[TLSHELLO_CAP];
};

struct target {
	struct tlsasker *asker;
	struct tls_job job;
	struct tlsscan scan;
	struct line lines[LINES];
	struct target *next, **link;
	char addr_text[ADDR_TEXT_CAP];
	bool has_fetched; /* the certificate was asked for */
	bool has_timed_out;
};

struct tlsasker {
	struct tlsasker_conf conf;
	struct streams *streams;
	struct trust *trust;
	struct ring jobs, results;
	struct target *targets;
	uint32_t n_targets;
	struct pace pace;
	pthread_t thread;
	_Atomic bool is_stopped, is_ended;
	bool has_waiting, is_broken;
	uint8_t scratch[STREAM_BYTES_MAX];
};

/* --- results --------------------------------------------------------------------------------- */

static struct tls_result *result_place(struct tlsasker *a)
{
	const struct timespec nap = {.tv_nsec = 200000};
	struct tls_result *out;

	while (!(out = ring_reserve(&a->results)) && !atomic_load(&a->is_ended))
		nanosleep(&nap, NULL);
	return out;
}

static void put_result(struct tlsasker *a, const struct tls_result *r)
{
	struct tls_result *out = result_place(a);

	if (!out) {
		facts_free(r->block);
		return;
	}
	*out = *r;
	ring_commit(&a->results);
}

static struct tls_result result_of(const struct tls_job *job)
{
	return (struct tls_result){.host_idx = job->host_idx, .addr = job->addr, .port = job->port};
}

/** This machine could not examine the endpoint. */
static void put_failure(struct tlsasker *a, const struct tls_job *job)
{
	struct tls_result r = result_of(job);

	r.has_failed = true;
	put_result(a, &r);
}

static void report(struct target *t)
{
	struct tlsasker *a = t->asker;
	bool is_tls = t->scan.learned.is_tls;
	struct tls_result r = result_of(&t->job);

	r.block = is_tls && !a->is_broken ? facts_new(FACTS_BLOCK_MAX) : NULL;
	if (r.block) {
		struct tls_context c = {.trust = a->trust,
					.host = t->job.name[0] ? t->job.name : t->addr_text,
					.now_s = (int64_t)(clock_wall_ns() / NS_PER_S)};
		r.facts = tlsreport_make(&t->scan.learned, t->scan.sni, &c, r.block);
	}
	r.has_failed = a->is_broken || (is_tls && !r.facts);
	r.has_timed_out = t->has_timed_out;
	put_result(a, &r);
}

static void target_end(struct target *t)
{
	for (uint32_t i = 0; i < LINES; i++)
		stream_close(t->lines[i].stream);
	report(t);
	*t->link = t->next;
	if (t->next)
		t->next->link = t->link;
	t->asker->n_targets--;
	mem_free(t);
}

/* --- connections ------------------------------------------------------------------------------ */

static void on_stream(void *ctx, struct stream *s, enum stream_event ev);
static void target_go(struct target *t);

/** @return false: no room now. */
static bool line_open(struct line *l)
{
	struct target *t = l->target;
	struct tlsasker *a = t->asker;
	uint64_t now_ns = clock_now_ns();
	bool is_direct = l->is_handshake && !starttls_of(t->job.port);
	struct stream_to to = {.to = {.addr = t->job.addr, .port = t->job.port, .proto = PROTO_TCP},
			       .layer = is_direct ? STREAM_TLS : STREAM_PLAIN,
			       .sni = t->scan.sni};

	l->state = LINE_WAITING;
	if (pace_budget(&a->pace, now_ns, PACKETS) == 0)
		return false;
	int err = stream_open(a->streams, &to, on_stream, l, &l->stream);
	if (err == -E_AGAIN)
		return false;
	pace_spend(&a->pace, now_ns, PACKETS);
	l->state = LINE_BUSY;
	l->prologue = starttls_of(t->job.port);
	l->step = 0;
	l->is_sent = false;
	l->begin_ns = now_ns;
	if (!err) {
		stream_deadline(l->stream, now_ns + ANSWER_MS * NS_PER_MS);
		return true;
	}
	l->stream = NULL;
	l->state = LINE_FREE;
	if (!l->is_handshake)
		tlsscan_heard(&t->scan, l->number, NULL, true);
	return true;
}

static void line_close(struct line *l)
{
	l->target->scan.spent_ns += clock_now_ns() - l->begin_ns;
	stream_close(l->stream);
	l->stream = NULL;
	l->state = LINE_FREE;
}

/** Also of a handshake that failed, perhaps because of it. Whole certificates, as many as fit. */
static void keep_chain(struct target *t, struct bytes chain)
{
	struct tls_learned *l = &t->scan.learned;
	struct bytes left = chain, der;
	size_t n = chain.len;

	if (n > sizeof(l->chain))
		for (n = 0;
		     tls_next_certificate(&left, &der) && chain.len - left.len <= sizeof(l->chain);)
			n = chain.len - left.len;
	if (n)
		memcpy(l->chain, chain.p, n);
	l->chain_len = (uint32_t)n;
}

static void send_hello(struct line *l)
{
	l->is_sent = true;
	stream_forget(l->stream);
	if (stream_send(l->stream, l->hello, l->hello_len) < 0)
		l->is_sent = false; /* the stream fails next */
}

/** @return false when the stream is about to fail. */
static bool say(const struct line *l, const struct starttls_step *step)
{
	const struct target *t = l->target;
	const char *name = t->job.name[0] ? t->job.name : t->addr_text;
	const struct bytes parts[] = {
		step->send,
		{(const uint8_t *)name, step->send_more.len ? strlen(name) : 0},
		step->send_more};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (parts[i].len && stream_send(l->stream, parts[i].p, parts[i].len) < 0)
			return false;
	return true;
}

/** Say what comes before TLS. @return whether TLS may begin. */
static bool go_through(struct line *l)
{
	while (l->prologue) {
		const struct starttls_step *step = &l->prologue->steps[l->step];

		if (!starttls_is_met(step, stream_received(l->stream)))
			return false;
		stream_forget(l->stream);
		if (!say(l, step))
			return false;
		if (++l->step == l->prologue->n_steps)
			l->prologue = NULL;
	}
	return true;
}

static void on_handshake(struct line *l, enum stream_event ev)
{
	bool is_agreed = ev == STREAM_OPEN && stream_tls(l->stream);

	if (!is_agreed && (ev == STREAM_OPEN || ev == STREAM_DATA) &&
	    (!go_through(l) || stream_start_tls(l->stream, l->target->scan.sni) == 0))
		return;
	keep_chain(l->target, stream_certificates(l->stream));
	line_close(l);
}

/** @return whether the connection has served its purpose. */
static bool on_answer(struct line *l, enum stream_event ev)
{
	struct tlsscan *scan = &l->target->scan;
	bool is_last = ev != STREAM_DATA;
	struct tls_answer a;
	int err = -E_AGAIN;

	if (l->is_sent)
		err = tlsanswer_read(stream_received(l->stream), l->target->asker->scratch, &a);
	bool is_enough = err == 0 && (a.is_done || !tlsscan_wants_all(scan, l->number));
	if (!is_enough && !is_last && (err == 0 || err == -E_AGAIN))
		return false;
	bool is_lost = err == -E_AGAIN && (ev == STREAM_DEADLINE || !l->is_sent);
	tlsscan_heard(scan, l->number, err == 0 ? &a : NULL, is_lost);
	return true;
}

static void on_stream(void *ctx, struct stream *s, enum stream_event ev)
{
	struct line *l = ctx;
	struct target *t = l->target;

	if (l->is_handshake) {
		on_handshake(l, ev);
	} else if ((ev == STREAM_OPEN || ev == STREAM_DATA) && !l->is_sent) {
		if (go_through(l))
			send_hello(l);
	} else if (ev != STREAM_OPEN && on_answer(l, ev)) {
		line_close(l);
	}
	if (l->state == LINE_FREE)
		target_go(t);
}

/* --- endpoints -------------------------------------------------------------------------------- */

/** Give a free line its next hello. @return -E_EMPTY, -E_AGAIN, or 0. */
static int line_fill(struct line *l)
{
	struct wcursor w = wcursor_of(l->hello, sizeof(l->hello));
	int number = tlsscan_next(&l->target->scan, &w);

	if (number < 0)
		return number;
	l->number = number;
	l->hello_len = (uint32_t)w.pos;
	l->is_handshake = false;
	return 0;
}

static bool wants_handshake(const struct target *t)
{
	const struct tls_learned *l = &t->scan.learned;

	return !t->has_fetched && !l->chain_len && l->of[SCAN_TLS13].is_offered;
}

/** Use free lines; end when nothing is left to ask. */
static void target_go(struct target *t)
{
	bool is_any = false;

	for (uint32_t i = 0; i < LINES; i++) {
		struct line *l = &t->lines[i];
		int err = 0;

		while (l->state == LINE_FREE && (err = line_fill(l)) == 0)
			if (!line_open(l))
				t->asker->has_waiting = true;
		if (l->state == LINE_FREE && err == -E_EMPTY && wants_handshake(t)) {
			t->has_fetched = l->is_handshake = true;
			if (!line_open(l))
				t->asker->has_waiting = true;
		}
		is_any = is_any || l->state != LINE_FREE;
	}
	if (!is_any)
		target_end(t);
}

static void target_begin(struct tlsasker *a, const struct tls_job *job)
{
	struct target *t = mem_alloc(1, sizeof(*t));

	if (!t) {
		put_failure(a, job);
		return;
	}
	t->asker = a;
	t->job = *job;
	addr_format_bare(&job->addr, t->addr_text);
	tlsscan_init(&t->scan, t->job.name[0] ? t->job.name : NULL,
		     t->job.name[0] ? t->job.name : t->addr_text);
	for (uint32_t i = 0; i < LINES; i++)
		t->lines[i].target = t;
	t->next = a->targets;
	t->link = &a->targets;
	if (t->next)
		t->next->link = &t->next;
	a->targets = t;
	a->n_targets++;
	target_go(t);
}

/* --- the loop ----------------------------------------------------------------------------------
 */

static void retry_waiting(struct tlsasker *a)
{
	struct target *next;

	a->has_waiting = false;
	for (struct target *t = a->targets; t; t = next) {
		next = t->next;
		for (uint32_t i = 0; i < LINES; i++)
			if (t->lines[i].state == LINE_WAITING && !line_open(&t->lines[i]))
				a->has_waiting = true;
		target_go(t);
	}
}

/** --host-timeout: what is known is reported, and that there may be more. */
static void time_out(struct tlsasker *a)
{
	uint64_t now_ns = clock_now_ns();
	struct target *next;

	for (struct target *t = a->targets; t; t = next) {
		next = t->next;
		if (!t->job.deadline_ns || now_ns < t->job.deadline_ns)
			continue;
		t->has_timed_out = t->scan.learned.is_cut = true;
		target_end(t);
	}
}

static void take_jobs(struct tlsasker *a)
{
	const struct tls_job *job;

	while (a->n_targets < a->conf.n_endpoints && (job = ring_peek(&a->jobs))) {
		struct tls_job copy = *job;

		ring_pop(&a->jobs);
		target_begin(a, &copy);
	}
}

/** Report what is known, or of a broken loop that it has failed, as all that comes later. */
static void drain(struct tlsasker *a)
{
	const struct timespec nap = {.tv_nsec = 500000};
	const struct tls_job *job;

	while (a->targets)
		target_end(a->targets);
	while (!atomic_load(&a->is_ended)) {
		while ((job = ring_peek(&a->jobs))) {
			struct tls_job copy = *job;

			ring_pop(&a->jobs);
			put_failure(a, &copy);
		}
		nanosleep(&nap, NULL);
	}
}

static void *tlsasker_main(void *arg)
{
	struct tlsasker *a = arg;

	(void)pthread_setname_np(pthread_self(), "prtip-tls");
	while (!atomic_load(&a->is_stopped)) {
		take_jobs(a);
		a->is_broken = streams_turn(a->streams, a->has_waiting ? RETRY_US : TURN_US) < 0;
		if (a->is_broken)
			break;
		if (a->has_waiting)
			retry_waiting(a);
		time_out(a);
	}
	drain(a);
	return NULL;
}

/* --- life ----------------------------------------------------------------------------------------
 */

static void release(struct tlsasker *a)
{
	streams_free(a->streams);
	trust_free(a->trust);
	ring_fini(&a->jobs);
	ring_fini(&a->results);
	mem_free(a);
}

int tlsasker_new(const struct tlsasker_conf *conf, struct tlsasker **ret)
{
	struct tlsasker *a = mem_alloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->conf = *conf;
	a->conf.streams.n_max = conf->n_endpoints * LINES;
	pace_init(&a->pace, conf->max_rate_pps, clock_now_ns());
	int err = trust_new(conf->ca_file, &a->trust);
	if (!err)
		err = streams_new(&a->conf.streams, &a->streams);
	if (!err)
		err = ring_init(&a->jobs, sizeof(struct tls_job), JOBS_MAX);
	if (!err)
		err = ring_init(&a->results, sizeof(struct tls_result), RESULTS_MAX);
	if (!err)
		err = -pthread_create(&a->thread, NULL, tlsasker_main, a);
	if (err) {
		release(a);
		return err;
	}
	*ret = a;
	return 0;
}

bool tlsasker_put(struct tlsasker *a, const struct tls_job *job)
{
	struct tls_job *place = ring_reserve(&a->jobs);

	if (!place)
		return false;
	*place = *job;
	ring_commit(&a->jobs);
	streams_wake(a->streams);
	return true;
}

bool tlsasker_take(struct tlsasker *a, struct tls_result *ret)
{
	const struct tls_result *found = ring_peek(&a->results);

	if (!found)
		return false;
	*ret = *found;
	ring_pop(&a->results);
	return true;
}

void tlsasker_stop(struct tlsasker *a)
{
	atomic_store(&a->is_stopped, true);
	streams_wake(a->streams);
}

void tlsasker_free(struct tlsasker *a)
{
	struct tls_result left;

	if (!a)
		return;
	tlsasker_stop(a);
	atomic_store(&a->is_ended, true);
	pthread_join(a->thread, NULL);
	while (tlsasker_take(a, &left))
		facts_free(left.block);
	release(a);
}
