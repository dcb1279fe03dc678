/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The coordinator's half of service detection: which ports of which hosts are asked, a few of a
 * host at once and all hosts side by side; and when a host has no question left.
 */
#include "detect/detect_int.h"

#include "base/mem.h"
#include "detect/budget.h"

#include <errno.h>

#define HOSTS_MAX     (1u << 24)
#define LOOK_EVERY_NS (10 * NS_PER_MS)

/* --- hosts ------------------------------------------------------------------------------- */

static struct subject *subject_new(struct detect *d, uint64_t host_idx)
{
	uint32_t slot = d->free;

	if (slot == NO_SLOT && d->n_subjects == d->subjects_cap) {
		uint32_t cap = d->subjects_cap ? d->subjects_cap * 2 : 64;
		struct subject *grown = mem_resize(d->subjects, cap, sizeof(*grown));
		if (!grown)
			return NULL;
		d->subjects = grown;
		d->subjects_cap = cap;
	}
	if (slot == NO_SLOT)
		slot = d->n_subjects;
	if (map64_put(&d->by_idx, host_idx, slot) < 0)
		return NULL;
	if (slot == d->n_subjects)
		d->n_subjects++;
	else
		d->free = d->subjects[slot].next_free;
	d->subjects[slot] = (struct subject){.host_idx = host_idx, .next_ready = NO_SLOT};
	return &d->subjects[slot];
}

static struct subject *subject_find(struct detect *d, uint64_t host_idx)
{
	uint32_t slot = map64_get(&d->by_idx, host_idx);

	return slot == MAP64_NONE ? NULL : &d->subjects[slot];
}

/** Empty the stack. */
static void drop_asks(struct detect *d, struct subject *s)
{
	d->n_open -= s->n_pending;
	while (s->n_pending)
		mem_free(s->pending[--s->n_pending].heard);
}

static void subject_fini(struct subject *s)
{
	struct asker_heard *next;

	for (; s->heard; s->heard = next) {
		next = s->heard->next;
		mem_free(s->heard);
	}
	mem_free(s->pending);
	s->pending = NULL;
}

static void publish_detected(struct detect *d, uint64_t host_idx, bool is_timed_out)
{
	struct event ev = {.kind = EVENT_HOST_DETECTED,
			   .host_idx = host_idx,
			   .detected = {.is_timed_out = is_timed_out}};

	bus_publish(d->bus, &ev);
}

/** Say so when the host has nothing left. */
static void try_end(struct detect *d, struct subject *s)
{
	uint64_t host_idx = s->host_idx;
	bool is_timed_out = s->is_timed_out;

	if (s->n_parts_done < d->n_parts || s->n_pending || s->n_asked || s->is_ready)
		return;
	subject_fini(s);
	s->next_free = d->free;
	d->free = map64_del(&d->by_idx, host_idx);
	publish_detected(d, host_idx, is_timed_out);
}

static bool is_over(const struct subject *s, uint64_t now_ns)
{
	return s->deadline_ns && now_ns >= s->deadline_ns;
}

/** --host-timeout: what waits is not asked; what is under way ends by itself. */
static void time_out(struct detect *d)
{
	uint64_t now_ns = clock_now_ns();

	if (!d->conf.host_timeout_ms || now_ns < d->look_ns)
		return;
	d->look_ns = now_ns + LOOK_EVERY_NS;
	for (uint32_t i = 0; i < d->n_subjects; i++) {
		struct subject *s = &d->subjects[i];
		if (!s->n_pending || !is_over(s, now_ns))
			continue;
		s->is_timed_out = true;
		drop_asks(d, s);
	}
}

static void make_ready(struct detect *d, struct subject *s)
{
	uint32_t slot = (uint32_t)(s - d->subjects);

	if (s->is_ready || !s->n_pending || s->n_asked - s->n_quiet >= d->conf.n_ports_per_host)
		return;
	s->is_ready = true;
	s->next_ready = NO_SLOT;
	if (d->ready_first == NO_SLOT)
		d->ready_first = slot;
	else
		d->subjects[d->ready_last].next_ready = slot;
	d->ready_last = slot;
}

/* --- ports --------------------------------------------------------------------------------- */

static bool is_excluded(const struct detect *d, const struct service_port *p)
{
	enum port_proto proto = port_proto_of(p->proto);

	return proto == PORT_PROTO_N || (!d->conf.asks_excluded &&
					 svc_ports_has(&d->conf.asker.db->exclude[proto], p->port));
}

static void no_memory(struct detect *d)
{
	if (!d->has_failed)
		bus_warn(d->bus, "out of memory: not all services were detected");
	d->has_failed = true;
}

/** Where what a port said to the scan hangs; NULL there: nothing. */
static struct asker_heard **find_heard(struct subject *s, uint16_t port)
{
	struct asker_heard **at = &s->heard;

	while (*at && (*at)->port != port)
		at = &(*at)->next;
	return at;
}

/** @return owned. */
static struct asker_heard *take_heard(struct subject *s, const struct service_port *p)
{
	struct asker_heard **at = find_heard(s, p->port), *h = *at;

	if (p->proto != PROTO_UDP || !h)
		return NULL;
	*at = h->next;
	return h;
}

static void add_port(struct detect *d, struct subject *s, const struct service_port *p)
{
	if (d->is_stopped || is_excluded(d, p))
		return;
	if (is_over(s, clock_now_ns())) {
		s->is_timed_out = true;
		return;
	}
	if (s->n_pending == s->pending_cap) {
		uint32_t cap = s->pending_cap ? s->pending_cap * 2 : 8;
		struct pending *grown = mem_resize(s->pending, cap, sizeof(*grown));
		if (!grown) {
			no_memory(d);
			return;
		}
		s->pending = grown;
		s->pending_cap = cap;
	}
	s->pending[s->n_pending++] = (struct pending){*p, take_heard(s, p)};
	d->n_open++;
	make_ready(d, s);
}

static bool can_ask(uint8_t proto)
{
	return proto == PROTO_TCP || proto == PROTO_UDP;
}

static void on_port(struct detect *d, const struct event *ev)
{
	const struct ev_port *p = &ev->port;
	struct service_port port = {.proto = p->proto, .port = p->port, .rtt_us = p->rtt_us};

	if (d->is_publishing || p->state != PORT_OPEN || !can_ask(p->proto) ||
	    p->reason == REASON_USER_SET)
		return;
	struct subject *s = subject_find(d, ev->host_idx);
	if (!s)
		s = subject_new(d, ev->host_idx);
	if (!s) {
		no_memory(d);
		return;
	}
	for (uint32_t i = 0; i < s->n_pending; i++)
		if (s->pending[i].port.port == port.port && s->pending[i].port.proto == port.proto)
			return;
	s->addr = p->addr;
	add_port(d, s, &port);
}

/** A piece of what a port said, just before the port is told. */
static void on_reply(struct detect *d, const struct event *ev)
{
	const struct ev_reply *r = &ev->reply;
	struct subject *s = subject_find(d, ev->host_idx);

	if (d->is_stopped || (!s && !(s = subject_new(d, ev->host_idx))))
		return;
	if (r->off == 0) {
		struct asker_heard *h = mem_alloc(1, sizeof(*h) + r->total_bytes);
		if (!h)
			return;
		*h = (struct asker_heard){s->heard, r->port, 0, r->total_bytes};
		s->heard = h;
	}
	struct asker_heard *h = *find_heard(s, r->port);
	if (!h || h->n_bytes != r->off || r->n_bytes > h->total_bytes - h->n_bytes)
		return;
	memcpy(h->bytes + h->n_bytes, r->bytes, r->n_bytes);
	h->n_bytes = (uint16_t)(h->n_bytes + r->n_bytes);
}

/** Hosts at the head of the list that have nothing to ask any more leave it. */
static void skip_idle(struct detect *d)
{
	while (d->ready_first != NO_SLOT && !d->subjects[d->ready_first].n_pending) {
		struct subject *s = &d->subjects[d->ready_first];
		d->ready_first = s->next_ready;
		s->is_ready = false;
		try_end(d, s);
	}
}

/** An earlier part of the scan has asked the port. */
static void forget(struct detect *d, uint64_t host_idx, uint16_t port, uint8_t proto)
{
	struct subject *s = subject_find(d, host_idx);

	for (uint32_t i = s ? s->n_pending : 0; i-- > 0;) {
		struct pending *p = &s->pending[i];
		if (p->port.port != port || p->port.proto != proto)
			continue;
		mem_free(p->heard);
		*p = s->pending[--s->n_pending];
		d->n_open--;
		skip_idle(d);
		return;
	}
}

/** With the last that a port told, or nothing, there is nothing left to ask. */
static void on_known(struct detect *d, const struct event *ev)
{
	const struct ev_service *k = &ev->service;
	const struct ev_nothing *none = &ev->nothing;

	if (d->is_publishing)
		return;
	if (ev->kind == EVENT_NOTHING_FOUND) {
		if (none->of == EVENT_SERVICE_DETECTED)
			forget(d, ev->host_idx, none->port, none->proto);
	} else if (ev->kind == EVENT_BANNER_GRABBED || !d->conf.wants_banners ||
		   !k->facts->banner) {
		forget(d, ev->host_idx, k->port, k->proto);
	}
}

/** Does any probe list this port? */
static bool is_listed(const struct svcdb *db, uint8_t proto, uint16_t port)
{
	for (uint32_t i = 0; i < db->n_probes; i++)
		if (db->probes[i].proto == proto && svc_ports_has(&db->probes[i].ports, port))
			return true;
	return false;
}

/** Hosts with more silent ports than this are filtered: only what probes list is asked of them. */
enum { DOUBTFUL_MAX = 64 };

static uint32_t n_doubtful(const struct detect *d, const struct host *host)
{
	struct host_port p;
	uint32_t pos = 0, n = 0;

	while (n <= DOUBTFUL_MAX && host_next_port(d->conf.hosts, host, &pos, &p))
		n += p.proto == PROTO_UDP && p.state == PORT_OPEN_FILTERED;
	return n;
}

/** Ports that the scan could not tell from filtered ones: an answer to a probe proves them open. */
static void add_doubtful(struct detect *d, struct subject *s)
{
	const struct host *host = hosts_find(d->conf.hosts, s->host_idx);
	struct host_port p;
	uint32_t pos = 0;
	bool is_filtered = host && n_doubtful(d, host) > DOUBTFUL_MAX;

	while (host && host_next_port(d->conf.hosts, host, &pos, &p)) {
		struct service_port port = {.proto = p.proto,
					    .port = p.port,
					    .is_doubtful = true,
					    .is_listed_only = is_filtered};
		if (p.proto == PROTO_UDP && p.state == PORT_OPEN_FILTERED &&
		    (!is_filtered || is_listed(d->conf.asker.db, p.proto, p.port)))
			add_port(d, s, &port);
	}
}

static bool scans(const struct detect *d, uint8_t proto)
{
	const struct scan_info *scan = d->bus->scan;

	for (uint32_t i = 0; i < scan->n_types; i++)
		if (scan->types[i]->proto == proto)
			return true;
	return false;
}

static void on_scanned(struct detect *d, const struct event *ev)
{
	struct subject *s = subject_find(d, ev->host_idx);

	if (!s && d->n_parts == 1 && (ev->done.state == HOST_DOWN || !scans(d, PROTO_UDP))) {
		publish_detected(d, ev->host_idx, false); /* nothing was open */
		return;
	}
	if (!s && !(s = subject_new(d, ev->host_idx))) {
		no_memory(d);
		publish_detected(d, ev->host_idx, false);
		return;
	}
	s->addr = ev->done.addr;
	s->scanned_ns = s->n_parts_done + 1 == d->n_parts ? ev->time_ns : 0;
	s->is_timed_out |= ev->done.is_timed_out && s->n_pending;
	if (ev->done.is_given_up || ev->done.is_timed_out) /* dishonest, or its time is over */
		drop_asks(d, s);
	if (++s->n_parts_done == d->n_parts && scans(d, PROTO_UDP) && !ev->done.is_partial &&
	    !ev->done.is_given_up)
		add_doubtful(d, s);
	try_end(d, s);
}

static void on_event(void *ctx, const struct event *ev)
{
	if (ev->kind == EVENT_PORT_FOUND)
		on_port(ctx, ev);
	else if (ev->kind == EVENT_REPLY_HEARD)
		on_reply(ctx, ev);
	else if (ev->kind == EVENT_HOST_SCANNED)
		on_scanned(ctx, ev);
	else
		on_known(ctx, ev);
}

/* --- the pump --------------------------------------------------------------------------------- */

/** @return whether there is a thread to ask. */
static bool has_asker(struct detect *d)
{
	if (d->asker)
		return true;
	int err = asker_new(&d->conf.asker, &d->asker);
	if (err)
		bus_warn(d->bus, "services are not detected: %s", err_text(err));
	return !err;
}

/** The matcher's indexes take the thread a few milliseconds: while the first ports are looked for.
 * That there is no thread is said when it is needed. */
static void begin(struct detect *d)
{
	d->has_begun = true;
	d->conf.asker.prepares = scans(d, PROTO_TCP) && d->conf.wants_services;
	if (d->conf.asker.prepares && asker_new(&d->conf.asker, &d->asker) < 0)
		d->asker = NULL;
}

/** Without a thread nothing can be asked: what waits is dropped. */
static void drop_pending(struct detect *d)
{
	d->is_stopped = true;
	d->ready_first = NO_SLOT;
	for (uint32_t i = 0; i < d->n_subjects; i++) {
		struct subject *s = &d->subjects[i];
		if (!s->n_pending && !s->is_ready)
			continue;
		drop_asks(d, s);
		s->is_ready = false;
		try_end(d, s);
	}
}

/** Ports of each host in turn. @return whether any was handed out. */
static bool hand_out(struct detect *d)
{
	bool is_any = false;

	while (d->ready_first != NO_SLOT) {
		struct subject *s = &d->subjects[d->ready_first];
		struct asker_job job = {.host_idx = s->host_idx, .addr = s->addr};
		if (s->n_pending) {
			if (!s->deadline_ns)
				s->deadline_ns = budget_deadline(
					budget_left_ns(d->conf.hosts, s->host_idx, s->scanned_ns,
						       d->conf.host_timeout_ms));
			job.deadline_ns = s->deadline_ns;
			job.port = s->pending[s->n_pending - 1].port;
			job.heard = s->pending[s->n_pending - 1].heard;
			if (!asker_put(d->asker, &job))
				return is_any;
			s->n_pending--;
			s->n_asked++;
			is_any = true;
		}
		d->ready_first = s->next_ready;
		s->is_ready = false;
		make_ready(d, s);
		try_end(d, s);
	}
	return is_any;
}

/** A datagram came back from a port that had been silent. */
static void publish_open(struct detect *d, const struct asker_job *job)
{
	struct event ev = {.kind = EVENT_PORT_FOUND, .host_idx = job->host_idx};

	ev.port = (struct ev_port){.addr = job->addr,
				   .port = job->port.port,
				   .proto = job->port.proto,
				   .state = PORT_OPEN,
				   .reason = REASON_UDP_RESPONSE};
	bus_publish(d->bus, &ev);
}

/** The port was asked in full and gave nothing to tell. */
static void publish_nothing(struct detect *d, const struct asker_job *job)
{
	struct event ev = {.kind = EVENT_NOTHING_FOUND, .host_idx = job->host_idx};

	if (d->is_stopped)
		return;
	ev.nothing = (struct ev_nothing){job->addr, job->port.port, job->port.proto,
					 EVENT_SERVICE_DETECTED};
	bus_publish(d->bus, &ev);
}

static void publish(struct detect *d, const struct asker_answer *a)
{
	struct event ev = {.kind = EVENT_SERVICE_DETECTED, .host_idx = a->job.host_idx};
	bool is_silent = a->job.port.is_doubtful && !a->has_heard;

	if (!a->service)
		return;
	if (!a->has_timed_out && (is_silent || (!d->conf.wants_services && !a->service->banner)))
		publish_nothing(d, &a->job);
	if (is_silent)
		return;
	ev.service =
		(struct ev_service){a->job.addr, a->job.port.port, a->job.port.proto, a->service};
	if (a->job.port.is_doubtful)
		publish_open(d, &a->job);
	if (d->conf.wants_services)
		bus_publish(d->bus, &ev);
	if (!d->conf.wants_banners || !a->service->banner)
		return;
	ev.kind = EVENT_BANNER_GRABBED;
	ev.time_ns = 0;
	bus_publish(d->bus, &ev);
}

static void take_answer(struct detect *d, const struct asker_answer *a)
{
	struct subject *s = subject_find(d, a->job.host_idx);

	if (!a->is_quiet) {
		d->n_open--;
		d->is_publishing = true;
		publish(d, a);
		d->is_publishing = false;
		facts_free(a->block);
	}
	if (!s)
		return;
	s->n_quiet = s->n_quiet + a->is_quiet - a->was_quiet;
	s->n_asked -= !a->is_quiet;
	s->is_timed_out |= a->has_timed_out;
	make_ready(d, s);
	try_end(d, s);
}

bool detect_pump(struct detect *d)
{
	struct asker_answer a;
	bool is_any = false;

	if (!d->has_begun && !d->is_stopped)
		begin(d);
	time_out(d);
	if (d->ready_first != NO_SLOT && (d->is_scan_over || !d->conf.waits_for_scan)) {
		if (has_asker(d))
			is_any = hand_out(d);
		else
			drop_pending(d);
	}
	for (; d->asker && asker_take(d->asker, &a); is_any = true)
		take_answer(d, &a);
	return is_any;
}

void detect_wait(struct detect *d, int ms)
{
	if (d->asker)
		asker_wait(d->asker, ms);
}

uint64_t detect_n_sent(const struct detect *d)
{
	if (!d->asker)
		return 0;
	struct streams_stats s = asker_stats(d->asker);
	return s.n_opened + s.n_sends;
}

void detect_scan_over(struct detect *d)
{
	d->is_scan_over = true;
}

bool detect_is_idle(const struct detect *d)
{
	return d->n_open == 0;
}

void detect_stop(struct detect *d)
{
	if (d->is_stopped)
		return;
	drop_pending(d);
	if (d->asker)
		asker_stop(d->asker);
}

/* --- life ----------------------------------------------------------------------------------- */

int detect_new(const struct detect_conf *conf, struct bus *bus, struct detect **ret)
{
	struct detect *d = mem_alloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->conf = *conf;
	d->bus = bus;
	d->n_parts = hosts_n_parts(conf->hosts);
	d->free = d->ready_first = d->ready_last = NO_SLOT;
	map64_init(&d->by_idx, HOSTS_MAX);
	int err = bus_subscribe(
		bus,
		EVENT_BIT(EVENT_PORT_FOUND) | EVENT_BIT(EVENT_HOST_SCANNED) |
			EVENT_BIT(EVENT_REPLY_HEARD) | EVENT_BIT(EVENT_SERVICE_DETECTED) |
			EVENT_BIT(EVENT_BANNER_GRABBED) | EVENT_BIT(EVENT_NOTHING_FOUND),
		on_event, d);
	if (err) {
		detect_free(d);
		return err;
	}
	*ret = d;
	return 0;
}

void detect_free(struct detect *d)
{
	if (!d)
		return;
	asker_free(d->asker);
	for (uint32_t i = 0; i < d->n_subjects; i++) {
		drop_asks(d, &d->subjects[i]);
		subject_fini(&d->subjects[i]);
	}
	mem_free(d->subjects);
	map64_fini(&d->by_idx);
	mem_free(d);
}
