/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The coordinator: looks at the ways to the targets, decides how many workers and which back ends,
 * starts them, and pumps their events into the bus from the caller's thread.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "engine/engine_int.h"

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <string.h>
#include <time.h>

enum {
	USUAL_PINGS = 12,
	ONE_WORKER_RATE_PPS = 100000,
	SEEDS_MAX = 1 << 18,
	HOSTS_PER_SHARD_MIN = 32,
	GROUPS_PER_WORKER = 4, /* so that the slower core gets fewer */
	WORKERS_DEFAULT_MAX = 4,
	DEFAULT_MIN_RTO_US = 25000,
	DEFAULT_MAX_RTO_US = 10000000,
	TICK_NS = 1000000,
	PUMP_NS = 4000000,
	PUMP_BUSY_NS = 500000, /* when this many events came since the last time: the rings must
				  not fill up, nor outgrow the caches */
	PUMP_BUSY_EVENTS = 512,
	PUMP_AHEAD = 16,       /* events */
	STAMPED_TOGETHER = 32, /* events with one look at the clock */
	PUMP_INLINE_NS = 250000,
	TINY_SCAN_PROBES = 500 /* below this a second thread costs more than it sends */
};

int engine_route(struct engine *e, const struct addr *a, struct route *ret)
{
	const struct addr *src = a->family == ADDR_V6 ? &e->conf.source6 : &e->conf.source4;
	uint32_t if_idx = e->conf.if_idx ? e->conf.if_idx : a->zone;
	int err = route_lookup(e->routes, a, if_idx, ret);

	if (!err && src->family != ADDR_NONE)
		ret->src = *src;
	return err;
}

/* --- decisions ------------------------------------------------------------------ */

static uint64_t n_hosts(const struct engine *e)
{
	return space_n_hosts(e->targets->set.n_addrs, e->conf.shard);
}

static uint64_t count_probes(const struct engine *e)
{
	u128 n = (u128)n_hosts(e) * MAX(e->width, MAX(e->conf.n_pings, 1u));

	return n > UINT64_MAX ? UINT64_MAX : (uint64_t)n;
}

static uint32_t workers_wanted(const struct engine *e)
{
	const struct pace_bounds *b = &e->conf.bounds;
	uint32_t rate = e->conf.max_rate_pps, n = e->conf.n_threads;
	bool is_tiny = e->n_probes <= TINY_SCAN_PROBES;
	bool is_slow = rate && rate <= ONE_WORKER_RATE_PPS;

	if (!n)
		n = is_tiny || is_slow ? 1 : MIN(engine_n_cores(e), (uint32_t)WORKERS_DEFAULT_MAX);
	if (e->conf.shape)
		n = e->conf.shape->n_workers;
	n = CLAMP(n, 1u, ENGINE_WORKERS_MAX);
	if (b->max_outstanding)
		n = MIN(n, b->max_outstanding);
	return b->max_hosts ? MIN(n, b->max_hosts) : n;
}

/** Few hosts: divide their ports, unless one worker must keep the delay between probes to a host,
 * or take host after host. */
static void divide_ports(struct engine *e)
{
	const struct pace_bounds *b = &e->conf.bounds;
	bool wants_one = b->scan_delay_us || (b->max_hosts && b->max_hosts < n_hosts(e));

	e->is_sharded_by_port = e->width >= e->n_workers && !wants_one;
	if (!e->is_sharded_by_port)
		e->n_workers = 1;
}

static void decide_workers(struct engine *e)
{
	e->n_probes = count_probes(e);
	e->n_workers = workers_wanted(e);
	if (e->n_workers > 1 && n_hosts(e) < (uint64_t)e->n_workers * HOSTS_PER_SHARD_MIN)
		divide_ports(e);
	e->is_inline = !engine_is_large(e);
	e->uses_l2 = !e->is_connect &&
		     (e->survey.has_arp || (engine_is_large(e) && e->survey.has_ether));
	if (e->conf.backend)
		e->uses_l2 =
			!e->is_connect && e->survey.has_ether && (e->conf.backend->caps & PKTIO_L2);
}

static void set_defaults(struct engine_conf *c)
{
	if (!c->initial_rto_us)
		c->initial_rto_us = DEFAULT_INITIAL_RTO_US;
	if (!c->min_rto_us)
		c->min_rto_us = DEFAULT_MIN_RTO_US;
	if (!c->max_rto_us)
		c->max_rto_us = DEFAULT_MAX_RTO_US;
	c->initial_rto_us = CLAMP(c->initial_rto_us, c->min_rto_us, c->max_rto_us);
}

/** Discovery probes of a host at most: the routed ones or those of the link; the lower bound keeps
 * groups from growing with few. */
static uint32_t pings_width(const struct engine *e)
{
	return MAX(e->conf.n_pings + 2, (uint32_t)USUAL_PINGS);
}

static uint32_t width_of(const struct engine_conf *c, const struct port_set *ports)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->n_types; i++)
		n += ports->of[port_proto_of(c->types[i]->proto)].n;
	return n;
}

/** Connect rows need no packets; a scan is all of one transport. */
static bool is_connect_scan(const struct engine_conf *c)
{
	if (c->n_types)
		return c->types[0]->needs & NEED_CONNECT;
	return c->n_pings && c->pings[0].type->needs & NEED_CONNECT;
}

/**
 * Discover all hosts before their ports when the ports are what bounds a group: shards by port
 * would each discover every host, and with many ports only a few hosts would be looked for at a
 * time.
 */
static bool wants_discovery_pass(const struct engine *e)
{
	if (e->conf.shape)
		return e->conf.shape->has_discovery_pass && e->targets->set.n_addrs <= SEEDS_MAX;
	if (!e->survey.has_discovery || !e->conf.n_types ||
	    (e->is_connect && e->conf.source_port) || e->targets->set.n_addrs > SEEDS_MAX)
		return false;
	return e->is_sharded_by_port || e->width > pings_width(e);
}

static_assert(ENGINE_WORKERS_MAX <= LEND_WORKERS_MAX, "each has a box");

/** Not beside a journal, whose word each worker's ports are of; and what is over in a few
 * milliseconds needs none. */
static int lend_new(struct engine *e)
{
	if (!e->is_sharded_by_port || e->n_workers < 2 || e->is_inline || e->is_connect ||
	    e->conf.wants_checkpoints || e->conf.shape)
		return 0;
	e->lend = mem_alloc(1, sizeof(*e->lend));
	if (!e->lend)
		return -ENOMEM;
	lend_init(e->lend, e->n_workers);
	return 0;
}

static int seeds_new(struct engine *e)
{
	/* by place in target order: of all targets, though a shard fills only its own */
	e->seeds = mem_alloc((size_t)e->targets->set.n_addrs, sizeof(*e->seeds));
	space_init_shard(&e->discovery, &e->targets->set,
			 &(struct space_conf){.width = pings_width(e),
					      .min_groups = 1,
					      .seed = e->conf.seed,
					      .shard = e->conf.shard});
	return e->seeds ? 0 : -ENOMEM;
}

/** What the workers find together: a board for the path, and where they divide ports one for each
 * host's protocols. */
static int boards_new(struct engine *e)
{
	uint64_t n = 1 + (e->is_sharded_by_port ? n_hosts(e) * e->conf.n_types : 0);

	e->boards = mem_alloc((size_t)n, sizeof(*e->boards));
	for (uint64_t i = 0; e->boards && i < n; i++)
		board_init(&e->boards[i], e->n_workers);
	return e->boards ? 0 : -ENOMEM;
}

/* --- life ------------------------------------------------------------------------- */

int engine_new(const struct engine_conf *conf, const struct targets *targets,
	       const struct port_set *ports, struct route_table *routes, struct bus *bus,
	       struct engine **ret, struct err_where *reterr)
{
	struct engine *e = mem_alloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	*e = (struct engine){
		.conf = *conf, .targets = targets, .ports = ports, .routes = routes, .bus = bus};
	pthread_mutex_init(&e->routes_lock, NULL);
	sem_init(&e->n_ended, 0, 0);
	if (sched_getaffinity(0, sizeof(e->cores), &e->cores) < 0)
		CPU_ZERO(&e->cores);
	set_defaults(&e->conf);
	e->is_connect = is_connect_scan(conf);
	e->width = width_of(conf, ports);
	e->nonce = rng_entropy();
	survey_targets(e);
	decide_workers(e);
	bool by_group = e->n_workers > 1 && !e->is_sharded_by_port;
	uint32_t n_lines = by_group ? e->n_workers : 1;
	space_init_shard(
		&e->space, &targets->set,
		&(struct space_conf){.width = MAX(e->width, pings_width(e)),
				     .min_groups = by_group ? e->n_workers * GROUPS_PER_WORKER : 1,
				     .min_hosts = (conf->bounds.min_hosts + n_lines - 1) / n_lines,
				     .max_hosts = conf->bounds.max_hosts / n_lines,
				     .seed = conf->seed,
				     .shard = conf->shard});
	int err = wants_discovery_pass(e) ? seeds_new(e) : 0;
	if (!err && e->n_workers > 1)
		err = boards_new(e);
	if (!err)
		err = lend_new(e);
	if (!err) {
		driver_open(e);
		err = backend_check(e, reterr);
	}
	for (uint32_t i = 0; i < e->n_workers && !err; i++)
		err = worker_new(e, i, &e->workers[i], reterr);
	if (err) {
		engine_free(e);
		return err;
	}
	backend_name(e);
	*ret = e;
	return 0;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	for (uint32_t i = 0; i < e->n_workers; i++)
		worker_free(e->workers[i]);
	xdp_hub_close(e->xdp);
	for (uint32_t i = 0; i < e->n_restored; i++)
		restore_fini(&e->restored[i]);
	mem_free(e->restored);
	mem_free(e->boards);
	mem_free(e->seeds);
	mem_free(e->lend);
	sem_destroy(&e->n_ended);
	pthread_mutex_destroy(&e->routes_lock);
	mem_free(e);
}

uint32_t engine_n_parts(const struct engine *e)
{
	return e->is_sharded_by_port ? e->n_workers : 1;
}

/* --- an earlier part of the scan ------------------------------------------------------ */

void engine_shape(const struct engine *e, struct engine_shape *ret)
{
	*ret = (struct engine_shape){
		.n_workers = e->n_workers,
		.width = e->width,
		.hosts_per_group = e->space.hosts_per_group,
		.is_by_port = e->is_sharded_by_port,
		.has_discovery_pass = e->seeds != NULL,
	};
}

/** The discovery pass knows this host. */
static void restore_seed(struct engine *e, const struct event *ev)
{
	struct host_seed *s = &e->seeds[ev->host_idx];

	*s = (struct host_seed){.is_known = true, .reason = REASON_NO_RESPONSE};
	if (ev->kind != EVENT_HOST_DISCOVERED)
		return;
	struct restored_host was = restored_host_of(&ev->host);
	s->flags = was.flags;
	s->reason = was.reason;
	s->ttl = was.ttl;
	s->mac = was.mac;
	if (was.rtt_us)
		rtt_sample(&s->rtt, was.rtt_us);
}

static const struct addr *addr_of(const struct event *ev)
{
	switch ((enum event_kind)ev->kind) {
	case EVENT_PORT_FOUND:
		return &ev->port.addr;
	case EVENT_HOST_SCANNED:
		return &ev->done.addr;
	case EVENT_SERVICE_DETECTED:
	case EVENT_BANNER_GRABBED:
		return &ev->service.addr;
	case EVENT_OS_DETECTED:
		return &ev->os.addr;
	case EVENT_TLS_FOUND:
		return &ev->tls.addr;
	case EVENT_NOTHING_FOUND:
		return &ev->nothing.addr;
	default:
		return &ev->host.addr;
	}
}

static int restored_new(struct engine *e)
{
	e->n_restored = e->is_sharded_by_port ? e->n_workers : 1;
	e->restored = mem_alloc(e->n_restored, sizeof(*e->restored));
	return e->restored ? 0 : -ENOMEM;
}

/** Where the event's host stands in visiting order. @return 0, or -E_SYNTAX: it is not of this
 * scan. */
static int locate(const struct engine *e, const struct event *ev, uint64_t *ret_ordinal)
{
	bool is_checkpoint = ev->kind == EVENT_CHECKPOINT;
	u128 idx;

	if (!is_checkpoint &&
	    (!range_set_find(&e->targets->set, addr_of(ev), &idx) || idx != ev->host_idx))
		return -E_SYNTAX;
	if (is_checkpoint && ev->checkpoint.what != CHECKPOINT_DOWN)
		return 0;
	return space_ordinal(&e->space, ev->host_idx, ret_ordinal) ? 0 : -E_SYNTAX;
}

int engine_restore(struct engine *e, const struct event *ev)
{
	bool is_down = ev->kind == EVENT_CHECKPOINT && ev->checkpoint.what == CHECKPOINT_DOWN;
	uint64_t ordinal = 0;

	if (!e->restored && restored_new(e) < 0)
		return -ENOMEM;
	if (ev->part >= e->n_workers || (is_down && !e->seeds) || locate(e, ev, &ordinal) < 0)
		return -E_SYNTAX;
	if (jrecord_is_told(ev->kind) || ev->kind == EVENT_NOTHING_FOUND)
		return 0; /* of detection: not the engine's */
	if (is_down || (e->seeds && ev->kind == EVENT_HOST_DISCOVERED)) {
		restore_seed(e, ev);
		return 0;
	}
	return restore_event(&e->restored[ev->part % e->n_restored], &e->workers[ev->part]->track,
			     ev, ordinal);
}

/** Let the schedulers begin where the earlier part ended. */
static int replan(struct engine *e)
{
	int err = 0;

	if (!e->restored)
		return 0;
	atomic_store(&e->next_group, e->restored[0].next_group);
	for (uint32_t i = 0; i < e->n_workers && !err; i++)
		err = worker_replan(e->workers[i]);
	return err;
}

/* --- coordinator -------------------------------------------------------------------- */

/** Tell of events to come, unless they are of the host whose turn it is. */
static void expect(const struct engine *e, const struct ring *r, const struct event *now)
{
	const uint8_t *record = ring_peek_after(r, 2 * PUMP_AHEAD);

	if (record) {
		PREFETCH(record);
		PREFETCH(record + MEM_LINE_BYTES);
	}
	for (uint32_t n = PUMP_AHEAD; n; n -= PUMP_AHEAD / 2) {
		const struct event *ev = ring_peek_after(r, n);
		if (ev && ev->host_idx != now->host_idx)
			bus_expect(e->bus, ev, n < PUMP_AHEAD);
	}
}

uint32_t engine_pump(struct engine *e)
{
	struct event *ev;
	uint64_t now_ns = 0;
	uint32_t n = 0;

	for (uint32_t i = 0; i < e->n_workers; i++) {
		struct ring *r = &e->workers[i]->events;
		for (; (ev = ring_peek(r)); ring_pop(r), n++) {
			expect(e, r, ev);
			if (n % STAMPED_TOGETHER == 0)
				now_ns = clock_wall_ns();
			ev->time_ns = ev->time_ns ? ev->time_ns : now_ns;
			bus_publish(e->bus, ev);
		}
	}
	return n;
}

void engine_tick(struct engine *e)
{
	uint64_t now_ns = clock_now_ns();

	if (bus_control_take(e->bus) == CONTROL_STOP)
		atomic_store_explicit(&e->is_stopped, true, memory_order_relaxed);
	if (now_ns - e->last_tick_ns < TICK_NS)
		return;
	e->last_tick_ns = now_ns;
	if (e->conf.on_tick)
		e->conf.on_tick(e->conf.tick_ctx, now_ns);
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	/* started on a core of its own; from here on the scheduler may know better */
	(void)sched_setaffinity(0, sizeof(w->e->cores), &w->e->cores);
	worker_run(w);
	(void)sem_post(&w->e->n_ended);
	return NULL;
}

/**
 * Start a worker on a core of its own where there is one: the scheduler wakes a new thread beside
 * its maker, and a scan of a few milliseconds is over before it moves it.
 */
static int start_thread(struct engine *e, struct worker *w)
{
	pthread_attr_t attr;
	cpu_set_t one;
	uint32_t nth = w->idx % engine_n_cores(e);

	CPU_ZERO(&one);
	for (int cpu = 0, here = sched_getcpu(); cpu < CPU_SETSIZE; cpu++) {
		/* worker 0 may run here: count on from this core */
		int c = (here + cpu) % CPU_SETSIZE;
		if (CPU_ISSET(c, &e->cores) && nth-- == 0) {
			CPU_SET(c, &one);
			break;
		}
	}
	pthread_attr_init(&attr);
	if (CPU_COUNT(&one))
		(void)pthread_attr_setaffinity_np(&attr, sizeof(one), &one);
	int err = -pthread_create(&w->thread, &attr, worker_main, w);
	pthread_attr_destroy(&attr);
	return err;
}

/** Start workers @p first and up. @return how many threads run; @p ret_err -errno when one could
 * not be made. */
static uint32_t start_threads(struct engine *e, uint32_t first, int *ret_err)
{
	uint32_t n = first;

	while (n < e->n_workers && !(*ret_err = start_thread(e, e->workers[n])))
		n++;
	if (*ret_err)
		atomic_store(&e->is_stopped, true);
	return n - first;
}

/** @param n_events of the last pump. @return whether a worker's thread ended within the time to the
 * next. */
static bool await_end(struct engine *e, uint32_t n_events)
{
	uint64_t wait_ns = e->is_inline                  ? PUMP_INLINE_NS /* small rings */
			   : n_events > PUMP_BUSY_EVENTS ? PUMP_BUSY_NS
							 : PUMP_NS;
	uint64_t until_ns = clock_now_ns() + wait_ns;
	struct timespec ts = {.tv_sec = (time_t)(until_ns / NS_PER_S),
			      .tv_nsec = (long)(until_ns % NS_PER_S)};

	return !sem_clockwait(&e->n_ended, CLOCK_MONOTONIC, &ts);
}

/** Pump until the threads are done. */
static void attend_threads(struct engine *e, uint32_t first, uint32_t n)
{
	uint32_t n_events = 0;

	for (uint32_t n_done = 0; n_done < n; n_done += await_end(e, n_events)) {
		n_events = engine_pump(e);
		engine_tick(e);
	}
	for (uint32_t i = first; i < first + n; i++)
		pthread_join(e->workers[i]->thread, NULL);
}

int engine_run(struct engine *e)
{
	uint32_t first = e->is_inline ? 1 : 0;
	int err = replan(e);

	machine_read(&e->began, engine_is_large(e));
	if (e->survey.is_unreachable && !err) {
		e->pass_stats.n_no_route = n_hosts(e);
		e->ended_ns = clock_now_ns();
		return 0;
	}
	if (e->seeds || !e->conf.n_types)
		bus_enter(e->bus, STAGE_DISCOVERING_HOSTS);
	if (!err && e->seeds)
		err = worker_discover(e->workers[0]);
	if (!err && e->conf.n_types)
		bus_enter(e->bus, STAGE_SCANNING_PORTS);
	uint32_t n = err ? 0 : start_threads(e, first, &err);

	if (e->is_inline && !err)
		worker_run(e->workers[0]);
	attend_threads(e, first, n);
	(void)engine_pump(e);
	for (uint32_t i = 0; i < e->n_workers && !err; i++)
		err = e->workers[i]->error;
	e->ended_ns = clock_now_ns();
	return err;
}
