/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The coordinator's half of TLS analysis: open ports in, jobs out to the thread, results in, events
 * out. Per host one small record counts what it still waits for.
 */
#include "detect/tlsstage.h"

#include "base/hash.h"
#include "base/mem.h"
#include "detect/budget.h"

#include <errno.h>
#include <stdio.h>

#define HOSTS_MAX (1u << 24)

struct subject {
	uint64_t host_idx;
	uint32_t n_jobs; /* waiting or under way */
	uint32_t n_parts_done;
	uint32_t next_free;
	bool is_timed_out;    /* something was left out */
	uint64_t scanned_ns;  /* when its ports were known; 0: not yet; wall clock */
	uint64_t deadline_ns; /* --host-timeout; 0: none, or nothing was asked yet */
};

struct waiting {
	uint64_t host_idx;
	struct addr addr;
	uint16_t port;
};

struct tlsstage {
	struct tlsstage_conf conf;
	struct bus *bus;
	struct tlsasker *asker;
	struct subject *subjects;
	uint32_t n_subjects, subjects_cap, free;
	struct map64 by_idx;
	struct waiting *waiting; /* a stack */
	uint32_t n_waiting, waiting_cap;
	uint64_t n_open; /* jobs of all hosts */
	bool is_stopped, has_failed;
	bool is_publishing; /* our own events are no news */
};

static void no_memory(struct tlsstage *s)
{
	if (!s->has_failed)
		bus_warn(s->bus, "out of memory: not all TLS endpoints were examined");
	s->has_failed = true;
}

/** That nothing was found would be kept, and never asked again. */
static void not_examined(struct tlsstage *s)
{
	if (!s->has_failed)
		bus_warn(s->bus, "not all TLS endpoints could be examined");
	s->has_failed = true;
}

/** Double an array that is full. @return false without memory. */
static bool make_room(void **p, uint32_t n, uint32_t *cap, size_t size)
{
	uint32_t want = *cap ? *cap * 2 : 64;
	void *grown;

	if (n < *cap)
		return true;
	grown = mem_resize(*p, want, size);
	if (!grown)
		return false;
	*p = grown;
	*cap = want;
	return true;
}

static struct subject *subject_find(struct tlsstage *s, uint64_t host_idx)
{
	uint32_t slot = map64_get(&s->by_idx, host_idx);

	return slot == MAP64_NONE ? NULL : &s->subjects[slot];
}

static struct subject *subject_of(struct tlsstage *s, uint64_t host_idx)
{
	struct subject *found = subject_find(s, host_idx);
	uint32_t slot = s->free;

	if (found)
		return found;
	if (slot == MAP64_NONE) {
		slot = s->n_subjects;
		if (!make_room((void **)&s->subjects, slot, &s->subjects_cap, sizeof(*s->subjects)))
			return NULL;
	}
	if (map64_put(&s->by_idx, host_idx, slot) < 0)
		return NULL;
	if (slot == s->n_subjects)
		s->n_subjects++;
	else
		s->free = s->subjects[slot].next_free;
	s->subjects[slot] = (struct subject){.host_idx = host_idx};
	return &s->subjects[slot];
}

static void publish_detected(struct tlsstage *s, uint64_t host_idx, bool is_timed_out)
{
	struct event ev = {.kind = EVENT_HOST_DETECTED,
			   .host_idx = host_idx,
			   .detected = {.is_timed_out = is_timed_out}};

	bus_publish(s->bus, &ev);
}

/** Say so when the host waits for nothing more. */
static void try_end(struct tlsstage *s, struct subject *host)
{
	uint64_t host_idx = host->host_idx;
	bool is_timed_out = host->is_timed_out;

	if (host->n_jobs || host->n_parts_done < s->conf.n_parts)
		return;
	host->next_free = s->free;
	s->free = map64_del(&s->by_idx, host_idx);
	publish_detected(s, host_idx, is_timed_out);
}

static void on_port(struct tlsstage *s, const struct event *ev)
{
	const struct ev_port *p = &ev->port;
	struct subject *host;

	if (p->state != PORT_OPEN || p->proto != PROTO_TCP || s->is_stopped)
		return;
	host = subject_of(s, ev->host_idx);
	if (!host ||
	    !make_room((void **)&s->waiting, s->n_waiting, &s->waiting_cap, sizeof(*s->waiting))) {
		no_memory(s);
		return;
	}
	s->waiting[s->n_waiting++] = (struct waiting){ev->host_idx, p->addr, p->port};
	host->n_jobs++;
	s->n_open++;
}

/** Forget the jobs of a host that are not under way. */
static void drop_waiting(struct tlsstage *s, struct subject *host)
{
	uint32_t n_left = 0;

	for (uint32_t i = 0; i < s->n_waiting; i++) {
		if (s->waiting[i].host_idx == host->host_idx) {
			host->n_jobs--;
			s->n_open--;
		} else {
			s->waiting[n_left++] = s->waiting[i];
		}
	}
	s->n_waiting = n_left;
}

static void on_scanned(struct tlsstage *s, const struct event *ev)
{
	struct subject *host = subject_find(s, ev->host_idx);

	if (!host && s->conf.n_parts == 1) {
		publish_detected(s, ev->host_idx, false); /* nothing was open */
		return;
	}
	if (!host && !(host = subject_of(s, ev->host_idx))) {
		no_memory(s);
		publish_detected(s, ev->host_idx, false);
		return;
	}
	uint32_t n_jobs = host->n_jobs;
	if (ev->done.is_given_up || ev->done.is_timed_out) /* dishonest, or its time is over */
		drop_waiting(s, host);
	host->is_timed_out |= ev->done.is_timed_out && host->n_jobs < n_jobs;
	host->n_parts_done++;
	host->scanned_ns = host->n_parts_done == s->conf.n_parts ? ev->time_ns : 0;
	try_end(s, host);
}

static void job_over(struct tlsstage *s, uint64_t host_idx, bool is_late)
{
	struct subject *host = subject_find(s, host_idx);

	s->n_open--;
	if (!host)
		return;
	host->is_timed_out |= is_late;
	host->n_jobs--;
	try_end(s, host);
}

/** An earlier part of the scan has examined the endpoint. It was found open not long before. */
static void forget(struct tlsstage *s, uint64_t host_idx, uint16_t port)
{
	for (uint32_t i = s->n_waiting; i-- > 0;) {
		if (s->waiting[i].host_idx != host_idx || s->waiting[i].port != port)
			continue;
		s->waiting[i] = s->waiting[--s->n_waiting];
		job_over(s, host_idx, false);
		return;
	}
}

/** With its last certificate, or nothing, an endpoint leaves nothing to ask. */
static void on_known(struct tlsstage *s, const struct event *ev)
{
	const struct ev_nothing *none = &ev->nothing;

	if (s->is_publishing)
		return;
	if (ev->kind == EVENT_NOTHING_FOUND) {
		if (none->of == EVENT_TLS_FOUND)
			forget(s, ev->host_idx, none->port);
		return;
	}
	uint32_t n_certs = ev->tls.facts->n_certs;
	if (ev->kind == EVENT_TLS_FOUND ? !n_certs : ev->tls.cert_idx + 1 == n_certs)
		forget(s, ev->host_idx, ev->tls.port);
}

static void on_event(void *ctx, const struct event *ev)
{
	if (ev->kind == EVENT_PORT_FOUND)
		on_port(ctx, ev);
	else if (ev->kind == EVENT_HOST_SCANNED)
		on_scanned(ctx, ev);
	else
		on_known(ctx, ev);
}

/** The name to ask for: the option's, or what the user typed. */
static void name_job(const struct tlsstage *s, struct tls_job *job)
{
	const struct host *host = hosts_find(s->conf.hosts, job->host_idx);
	struct host_facts f = {0};

	if (host)
		host_facts(s->conf.hosts, host, &f);
	const char *name = s->conf.sni ? s->conf.sni : f.target_name;
	snprintf(job->name, sizeof(job->name), "%s", name ? name : "");
}

static void publish(struct tlsstage *s, const struct tls_result *r)
{
	struct event ev = {.kind = EVENT_TLS_FOUND, .host_idx = r->host_idx};

	if (r->has_failed) {
		if (!s->is_stopped)
			not_examined(s);
		return;
	}
	if (!r->facts) {
		ev.kind = EVENT_NOTHING_FOUND;
		ev.nothing = (struct ev_nothing){r->addr, r->port, PROTO_TCP, EVENT_TLS_FOUND};
		if (!s->is_stopped && !r->has_timed_out)
			bus_publish(s->bus, &ev);
		return;
	}
	ev.tls = (struct ev_tls){.addr = r->addr,
				 .port = r->port,
				 .proto = PROTO_TCP,
				 .facts = r->facts,
				 .block = r->block};
	bus_publish(s->bus, &ev);
	for (uint32_t i = 0; i < r->facts->n_certs; i++) {
		ev.kind = EVENT_CERTIFICATE_FOUND;
		ev.time_ns = 0;
		ev.tls.cert_idx = i;
		bus_publish(s->bus, &ev);
	}
}

/** It begins with the first question to the host. */
static uint64_t deadline_of(struct tlsstage *s, uint64_t host_idx)
{
	struct subject *host = subject_find(s, host_idx);

	if (!host)
		return 0;
	if (!host->deadline_ns)
		host->deadline_ns = budget_deadline(budget_left_ns(
			s->conf.hosts, host_idx, host->scanned_ns, s->conf.host_timeout_ms));
	return host->deadline_ns;
}

void tlsstage_pump(struct tlsstage *s)
{
	struct tls_result r;

	if (!s->asker)
		return;
	while (s->n_waiting) {
		const struct waiting *w = &s->waiting[s->n_waiting - 1];
		struct tls_job job = {.host_idx = w->host_idx, .addr = w->addr, .port = w->port};

		job.deadline_ns = deadline_of(s, w->host_idx);
		if (job.deadline_ns && clock_now_ns() >= job.deadline_ns) {
			s->n_waiting--;
			job_over(s, job.host_idx, true);
			continue;
		}
		name_job(s, &job);
		if (!tlsasker_put(s->asker, &job))
			break;
		s->n_waiting--;
	}
	while (tlsasker_take(s->asker, &r)) {
		s->is_publishing = true;
		publish(s, &r);
		s->is_publishing = false;
		facts_free(r.block);
		job_over(s, r.host_idx, r.has_timed_out);
	}
}

bool tlsstage_has_failed(const struct tlsstage *s)
{
	return s->has_failed;
}

bool tlsstage_is_idle(const struct tlsstage *s)
{
	return s->n_open == 0;
}

void tlsstage_stop(struct tlsstage *s)
{
	if (s->is_stopped)
		return;
	s->is_stopped = true;
	tlsasker_stop(s->asker);
	while (s->n_waiting)
		job_over(s, s->waiting[--s->n_waiting].host_idx, false);
}

int tlsstage_new(const struct tlsstage_conf *conf, struct bus *bus, struct tlsstage **ret)
{
	struct tlsstage *s = mem_alloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->conf = *conf;
	s->bus = bus;
	s->free = MAP64_NONE;
	map64_init(&s->by_idx, HOSTS_MAX);
	int err = tlsasker_new(&conf->asker, &s->asker);
	/* without OpenSSL, as the log has said: the rest of the scan goes on */
	s->is_stopped = err == -E_UNSUPPORTED;
	if (!err || s->is_stopped)
		err = bus_subscribe(bus,
				    EVENT_BIT(EVENT_PORT_FOUND) | EVENT_BIT(EVENT_HOST_SCANNED) |
					    EVENT_BIT(EVENT_TLS_FOUND) |
					    EVENT_BIT(EVENT_CERTIFICATE_FOUND) |
					    EVENT_BIT(EVENT_NOTHING_FOUND),
				    on_event, s);
	if (err) {
		tlsstage_free(s);
		return err;
	}
	*ret = s;
	return 0;
}

void tlsstage_free(struct tlsstage *s)
{
	if (!s)
		return;
	tlsasker_free(s->asker);
	mem_free(s->subjects);
	mem_free(s->waiting);
	map64_fini(&s->by_idx);
	mem_free(s);
}
