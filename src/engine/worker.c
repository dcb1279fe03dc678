/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One worker from sockets to loop: opens its back ends, holds its source ports in the kernel,
 * makes templates for each way out as targets turn up. The loop itself is loop.c.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "engine/engine_int.h"
#include "pktio/capture.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>

enum {
	UDP_HEADERS_MAX = 14 + 40 + 8, /* Ethernet, IPv6, UDP */
	DEFAULT_TTL = 64,
	EVENTS_INLINE = 128, /* the thread that fills it pumps it */
	EVENTS_BESIDE = 512, /* of another that an inline one pumps now and then */
	EVENTS_THREAD = 8192,
	LOOPBACK_RTO_US = 200000,
	ONLINK_RTO_US = 300000,
	FULL_WAIT_NS = 100000
};

/* --- paths ------------------------------------------------------------------ */

static void add_row(struct worker *w, const struct scan_type *t)
{
	if (!t->match)
		return;
	for (uint32_t i = 0; i < w->n_rows; i++)
		if (w->rows[i] == t)
			return;
	assert(w->n_rows < WORKER_ROWS_MAX);
	w->row_idx[t->row] = (uint8_t)w->n_rows;
	w->rows[w->n_rows++] = t;
}

/** Row @p i's templates for the network layer and, where possible, for Ethernet. */
static int path_prepare_row(struct worker *w, struct worker_path *p, struct probe_path *pp,
			    uint32_t i, bool is_ether)
{
	const struct scan_type *t = w->rows[i];
	bool is_l2_only = t->needs & NEED_L2;
	int err = 0;

	if (!is_l2_only) {
		pp->link = LINK_NONE;
		err = t->prepare(t, pp, &p->l3[i]);
	}
	if (!err && w->l2 && is_ether && (p->has_l2 || is_l2_only)) {
		pp->link = LINK_ETHERNET;
		err = t->prepare(t, pp, &p->l2[i]);
	}
	return err;
}

static int path_prepare(struct worker *w, struct worker_path *p)
{
	const struct route *r = &p->route;
	const struct iface *iface = route_iface(w->e->routes, r->if_idx);
	bool is_ether = iface && iface->is_ether;
	struct probe_path pp = {.src = r->src,
				.if_idx = r->if_idx,
				.sport = w->sport,
				.n_sports = w->n_sports,
				.payloads = w->conf->payloads,
				.ttl = w->conf->ttl ? w->conf->ttl : DEFAULT_TTL};
	int err = 0;

	if (is_ether)
		pp.src_mac = iface->mac;
	p->wants_host_mac = r->next_hop.family == ADDR_NONE;
	bool is_driven = !w->e->xdp || r->if_idx == xdp_hub_if_idx(w->e->xdp);
	p->has_l2 = w->l2 && is_ether && is_driven && iface->has_arp &&
		    (p->wants_host_mac ||
		     !route_neigh(w->e->routes, r->if_idx, &r->next_hop, &pp.dst_mac));
	for (uint32_t i = 0; i < w->n_rows && !err; i++)
		if (scan_type_fits(w->rows[i], r->src.family))
			err = path_prepare_row(w, p, &pp, i, is_ether);
	return err;
}

/** @return index of the path of a route, made on first sight; -E_FULL when there are too many. */
static int path_of(struct worker *w, const struct route *r)
{
	for (uint32_t i = w->n_paths; i-- > 0;) {
		const struct route *have = &w->paths[i]->route;
		if (have->if_idx == r->if_idx && have->kind == r->kind &&
		    addr_equal(&have->src, &r->src) && addr_equal(&have->next_hop, &r->next_hop))
			return (int)i;
	}
	if (w->n_paths == WORKER_PATHS_MAX)
		return -E_FULL;
	struct worker_path *p = mem_alloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	w->paths[w->n_paths] = p;
	p->route = *r;
	/* the default is for the wide world; a time the user chose holds everywhere */
	if (w->conf->initial_rto_us == DEFAULT_INITIAL_RTO_US)
		p->initial_rto_us = r->kind == ROUTE_LOOPBACK ? LOOPBACK_RTO_US
				    : r->kind == ROUTE_ONLINK ? ONLINK_RTO_US
							      : 0;
	int err = w->e->is_connect ? 0 : path_prepare(w, p);
	if (err)
		mem_free(p);
	return err ? err : (int)w->n_paths++;
}

/** Discovery of an on-link target: ask the link for it. @return mask, 0 when the link cannot be
 * asked. */
static uint32_t link_pings(const struct worker *w, uint8_t family)
{
	const struct scan_type *t = family == ADDR_V6 ? &ping_nd : &ping_arp;

	for (uint32_t i = 0; i < w->track.conf.n_pings; i++)
		if (w->track.conf.pings[i].type == t)
			return 1u << i;
	return 0;
}

static uint32_t routed_pings(const struct worker *w, uint8_t family)
{
	uint32_t mask = 0;

	for (uint32_t i = 0; i < w->conf->n_pings; i++)
		if (scan_type_fits(w->conf->pings[i].type, family))
			mask |= 1u << i;
	return mask;
}

/** Take over what the discovery pass learned. @return 0, or -E_EMPTY: the host is down. */
static int classify_seeded(const struct worker *w, struct host_slot *h)
{
	const struct host_seed *s = &w->e->seeds[h->idx];

	h->flags = (s->flags & (HOST_HAS_MAC | HOST_IS_USER_SET | HOST_IS_HEARD)) | HOST_IS_SEEDED;
	h->reason = s->reason;
	h->ttl = s->ttl;
	h->mac = s->mac;
	h->rtt = s->rtt;
	h->delay_until_ns = s->delay_until_ns;
	return s->flags & HOST_IS_UP ? 0 : -E_EMPTY;
}

/** How the host is looked for: by its link, by the usual probes, or not at all. */
static void discovery_of(const struct worker *w, const struct route *r, struct host_slot *h)
{
	bool skips = w->conf->skips_discovery;

	if (r->kind == ROUTE_ONLINK && !w->e->is_connect && !w->conf->skips_link_ping) {
		bool is_known = skips && !route_neigh(w->e->routes, r->if_idx, &h->addr, &h->mac);
		h->pings = is_known ? 0 : link_pings(w, h->addr.family);
		h->flags |= is_known ? HOST_HAS_MAC : 0;
	}
	if (!h->pings && !skips)
		h->pings = routed_pings(w, h->addr.family);
	if (!h->pings) {
		h->reason = REASON_USER_SET;
		h->flags |= HOST_IS_USER_SET;
	}
}

static int classify_locked(struct worker *w, struct host_slot *h)
{
	struct route r;
	int path = engine_route(w->e, &h->addr, &r);

	h->reason = REASON_NO_ROUTE;
	if (path < 0 || (path = path_of(w, &r)) < 0)
		return path;
	h->reason = REASON_NO_RESPONSE;
	h->path = (uint16_t)path;
	h->initial_rto_us = w->paths[path]->initial_rto_us;
	if (w->e->seeds && (!w->e->is_seeding || w->e->seeds[h->idx].is_known))
		return classify_seeded(w, h);
	if (r.kind == ROUTE_LOOPBACK) {
		h->reason = REASON_LOCALHOST;
		return 0;
	}
	discovery_of(w, &r, h);
	return 0;
}

int worker_classify(void *ctx, struct host_slot *h)
{
	struct worker *w = ctx;

	pthread_mutex_lock(&w->e->routes_lock);
	int err = classify_locked(w, h);
	pthread_mutex_unlock(&w->e->routes_lock);
	return err;
}

/* --- life ---------------------------------------------------------------------- */

static void events_full(void *ctx)
{
	struct worker *w = ctx;
	struct timespec ts = {.tv_nsec = FULL_WAIT_NS};

	w->stats.n_full_waits++;
	if (w->e->is_inline && w->idx == 0)
		(void)engine_pump(w->e);
	else
		nanosleep(&ts, NULL);
}

static void on_discovered(void *ctx, const struct host_slot *h)
{
	struct worker *w = ctx;

	if (w->conf->wants_checkpoints && !(h->flags & (HOST_IS_UP | HOST_IS_SEEDED))) {
		struct event *ev = track_event(&w->track, EVENT_CHECKPOINT);
		ev->host_idx = h->idx;
		ev->checkpoint = (struct ev_checkpoint){.what = CHECKPOINT_DOWN};
		track_event_commit(&w->track);
	}
	w->e->seeds[h->idx] = (struct host_seed){.flags = h->flags,
						 .reason = h->reason,
						 .ttl = h->ttl,
						 .mac = h->mac,
						 .rtt = h->rtt,
						 .delay_until_ns = h->delay_until_ns};
}

/** Groups that a worker may have open, so that all together scan no more hosts than the user wants.
 */
static uint32_t groups_max(const struct engine *e)
{
	uint32_t n_lines = e->is_sharded_by_port ? 1 : e->n_workers;

	return e->conf.bounds.max_hosts / (n_lines * e->space.hosts_per_group);
}

static int track_setup(struct worker *w)
{
	struct engine *e = w->e;
	const struct engine_conf *c = &e->conf;
	struct track_conf tc = {
		.space = &e->space,
		.ports = e->ports,
		.n_types = c->n_types,
		.payloads = c->payloads,
		.shard = w->idx,
		.n_shards = e->n_workers,
		.next_shared = e->is_sharded_by_port ? NULL : &e->next_group,
		.is_sharded_by_port = e->is_sharded_by_port,
		.boards = e->boards,
		.lend = e->lend,
		.max_retries = c->max_retries,
		.never_abandons = c->never_abandons,
		.again_max = c->again_max / e->n_workers + (c->again_max % e->n_workers != 0),
		.initial_rto_us = c->initial_rto_us,
		.min_rto_us = c->min_rto_us,
		.max_rto_us = c->max_rto_us,
		.bounds = pace_bounds_share(&c->bounds, w->idx, e->n_workers),
		.groups_max = groups_max(e),
		.seed = c->seed,
		.events = &w->events,
		.events_full = events_full,
		.classify = worker_classify,
		.ctx = w,
		.wants_checkpoints = c->wants_checkpoints,
		.wants_replies = c->wants_replies,
		.wants_retries = c->wants_retries,
		.restored = !e->restored ? NULL : &e->restored[w->idx % e->n_restored],
	};

	if (e->is_seeding) {
		tc.n_types = 0;
		tc.space = &e->discovery;
		tc.is_sharded_by_port = true; /* all groups are this worker's */
		tc.next_shared = NULL;
		tc.boards = NULL;
		tc.lend = NULL;
		tc.on_discovered = on_discovered;
		tc.bounds = c->bounds;
		tc.groups_max = 0;
		tc.wants_checkpoints = false; /* groups of the pass are not the scan's */
		tc.restored = NULL;
	}
	memcpy(tc.types, c->types, sizeof(tc.types));
	for (uint32_t i = 0; i < c->n_pings; i++)
		tc.pings[tc.n_pings++] = (struct track_ping){c->pings[i].type, c->pings[i].port};
	if (!e->is_connect && e->uses_l2 && e->survey.has_arp)
		tc.pings[tc.n_pings++] = (struct track_ping){&ping_arp, 0};
	if (!e->is_connect && e->survey.has_v6 && !c->skips_link_ping)
		tc.pings[tc.n_pings++] = (struct track_ping){&ping_nd, 0};
	for (uint32_t i = 0; i < c->n_types; i++)
		add_row(w, tc.types[i]);
	for (uint32_t i = 0; i < tc.n_pings; i++)
		add_row(w, tc.pings[i].type);
	return track_init(&w->track, &tc);
}

/** @p ops NULL: the Ethernet back end of this scan. */
static int lane_open(struct worker *w, const struct pktio_ops *ops, struct pktio_conf *pc,
		     struct lane **ret)
{
	struct lane *l = mem_alloc(1, sizeof(*l) + pc->batch * sizeof(l->f[0]));

	if (!l)
		return -ENOMEM;
	int err = ops ? pktio_open(ops, pc, &l->io) : backend_open(w, pc, &l->io);
	if (!err)
		err = capture_tap(w->conf->capture, &l->io);
	if (err) {
		pktio_close(l->io);
		mem_free(l);
		return err;
	}
	*ret = l;
	return 0;
}

static bool has_row_of(const struct worker *w, uint8_t proto)
{
	for (uint32_t i = 0; i < w->n_rows; i++)
		if (w->rows[i]->proto == proto)
			return true;
	return false;
}

static int hold_ports(struct worker *w, bool wants_udp)
{
	const struct survey *s = &w->e->survey;
	struct sports_conf c = {.v4 = s->has_v4,
				.v6 = s->has_v6,
				.wants_udp = wants_udp,
				.holds_udp = s->has_ether || s->has_other,
				.wanted = w->conf->source_port};
	int err = sports_hold(&w->own_ports, &c);

	w->sport = w->own_ports.first;
	w->n_sports = w->own_ports.n;
	w->e->asking[w->idx] = (struct probe_sports){w->sport, w->n_sports};
	w->asking = w->e->asking;
	w->n_asking = w->e->n_workers;
	return err;
}

/** Send and receive by the program in the driver, or only receive. */
static int driver_lanes(struct worker *w, struct pktio_conf *pc)
{
	struct pktio_conf by_program = *pc;
	uint8_t rows[XDP_COOKIE_ROWS_MAX];

	driver_conf(w, &by_program, rows);
	if (driver_sends(w->e) && pc->frame_cap_bytes <= XDP_FRAME_MAX) {
		int err = lane_open(w, &pktio_xdp, &by_program, &w->l2);
		w->rx = err ? NULL : w->l2->io;
		return err;
	}
	pc->is_tx_only = true;
	pc->wants_arp = false;
	int err = w->e->uses_l2 ? lane_open(w, NULL, pc, &w->l2) : 0;
	if (!err)
		err = pktio_open(&pktio_xdp_rx, &by_program, &w->ear);
	if (!err)
		err = capture_tap(w->conf->capture, &w->ear);
	w->rx = w->ear;
	w->has_ear = !err;
	return err;
}

/** @p ret_what names what is being opened. */
static int raw_open(struct worker *w, const char **ret_what)
{
	const struct survey *s = &w->e->survey;

	*ret_what = "source port";
	bool wants_udp = has_row_of(w, PROTO_UDP);
	int err = hold_ports(w, wants_udp);

	if (err)
		return err;
	cookie_key_init(&w->key, w->conf->seed, w->e->nonce + w->idx);
	struct pktio_conf pc = {
		.batch = w->conf->batch,
		.v4 = s->has_v4,
		.v6 = s->has_v6,
		.wants_tcp = true,
		.wants_udp = wants_udp,
		.wants_sctp = has_row_of(w, PROTO_SCTP),
		.hears_itself = s->has_loopback,
		.port_lo = w->sport,
		.port_hi = (uint16_t)(w->sport + w->n_sports - 1),
		.frame_cap_bytes =
			wants_udp ? UDP_HEADERS_MAX + payloads_max_len(w->conf->payloads) : 0,
		.if_idx = w->conf->if_idx,
		.rx_buf_bytes = 8u << 20,
		.is_tx_only = w->e->uses_l2 || w->e->xdp};
	w->rx_frames = mem_alloc(WORKER_RX_BATCH, sizeof(*w->rx_frames));
	if (!w->rx_frames)
		return -ENOMEM;
	*ret_what = "raw socket";
	err = lane_open(w, &pktio_rawip, &pc, &w->l3);
	if (err || !pc.is_tx_only) {
		w->rx = err ? NULL : w->l3->io;
		return err;
	}
	pc.is_tx_only = false;
	pc.wants_arp = w->e->survey.has_arp;
	*ret_what = w->conf->backend ? w->conf->backend->name : "packet socket";
	if (w->e->xdp)
		return driver_lanes(w, &pc);
	err = lane_open(w, NULL, &pc, &w->l2);
	if (!err)
		w->rx = w->l2->io;
	return err;
}

static uint32_t ring_records(const struct worker *w)
{
	if (!w->e->is_inline)
		return EVENTS_THREAD;
	return w->idx ? EVENTS_BESIDE : EVENTS_INLINE;
}

int worker_new(struct engine *e, uint32_t idx, struct worker **ret, struct err_where *reterr)
{
	struct worker *w = mem_alloc(1, sizeof(*w));
	const char *what = "memory";
	int err = -ENOMEM;

	if (!w)
		return -ENOMEM;
	*w = (struct worker){.e = e, .conf = &e->conf, .idx = idx};
	err = ring_init(&w->events, sizeof(struct event), ring_records(w));
	if (!err && e->conf.wants_profile && !(w->meter = meter_new()))
		err = -ENOMEM;
	if (!err)
		err = track_setup(w);
	if (!err && e->is_connect) {
		what = "connect sockets";
		err = conn_open(w);
	} else if (!err) {
		err = raw_open(w, &what);
		err = err ? err : sweep_new(w);
	}
	if (err) {
		err_at(reterr, err, what, strlen(what), 0, "%s", err_text(err));
		worker_free(w);
		return err;
	}
	uint32_t rate = e->conf.max_rate_pps,
		 share = rate / e->n_workers + (idx < rate % e->n_workers);
	pace_init(&w->pace, rate ? MAX(share, 1u) : 0, clock_now_ns());
	*ret = w;
	return 0;
}

static void lane_free(struct lane *l)
{
	if (l)
		pktio_close(l->io);
	mem_free(l);
}

/** Close on the worker's own thread: the kernel takes up to 16 ms for a packet socket, and workers
 * wait side by side. */
static void raw_close(struct worker *w)
{
	struct lane *lanes[] = {w->l3, w->l2};

	for (uint32_t i = 0; i < ARRAY_LEN(lanes); i++)
		if (lanes[i])
			lanes[i]->io->ops->stats(lanes[i]->io, &w->io_stats[i]);
	if (w->ear)
		w->ear->ops->stats(w->ear, &w->io_stats[2]);
	pktio_close(w->ear);
	lane_free(w->l2);
	lane_free(w->l3);
	w->l2 = w->l3 = NULL;
	w->ear = NULL;
	w->rx = NULL;
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	if (w->e->is_connect)
		conn_close(w);
	sweep_free(w->sweep);
	raw_close(w);
	outage_close(&w->outage);
	sports_release(&w->own_ports);
	track_fini(&w->track);
	ring_fini(&w->events);
	meter_free(w->meter);
	mem_free(w->rx_frames);
	for (uint32_t i = 0; i < w->n_paths; i++)
		mem_free(w->paths[i]);
	mem_free(w);
}

/* --- loop -------------------------------------------------------------------------- */

bool worker_any_holds(const struct worker *w, const struct endpoint *at)
{
	for (uint32_t i = 0; i < w->e->n_workers; i++)
		if (conn_holds(w->e->workers[i], at))
			return true;
	return false;
}

bool worker_turn(struct worker *w)
{
	if (w->e->is_inline && w->idx == 0) {
		(void)engine_pump(w->e);
		engine_tick(w->e);
	}
	return atomic_load_explicit(&w->e->is_stopped, memory_order_relaxed);
}

/** A connect transport is opened afresh for the scan: its ring belongs to the thread that used it
 * first. */
static int worker_reopen(struct worker *w)
{
	int err = track_setup(w);

	if (err || !w->e->is_connect)
		return err;
	conn_close(w);
	return conn_open(w);
}

int worker_discover(struct worker *w)
{
	struct engine *e = w->e;
	bool was_inline = e->is_inline;

	e->is_inline = e->is_seeding = true;
	track_fini(&w->track);
	int err = track_setup(w);
	meter_begin(w->meter);
	if (!err)
		err = e->is_connect ? conn_run(w) : loop_run(w);
	meter_end(w->meter);
	track_abandon(&w->track);
	e->pass_stats = w->track.stats;
	e->pass_hosts = w->track.hosts_seen;
	track_fini(&w->track);
	e->is_seeding = false;
	e->is_inline = was_inline;
	return err ? err : worker_reopen(w);
}

int worker_replan(struct worker *w)
{
	track_fini(&w->track);
	return track_setup(w);
}

void worker_run(struct worker *w)
{
	meter_begin(w->meter);
	w->error = w->e->is_connect ? conn_run(w) : loop_run(w);
	sweep_stop(w->sweep);
	lend_leave(&w->track);
	track_abandon(&w->track);
	raw_close(w);
	meter_end(w->meter);
}
