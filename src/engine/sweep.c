/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sweeps: a window per group that the program sends for. Nothing is written per probe when it
 * leaves; when it leaves is known by the call it left with. Answers are collected from memory that
 * the program writes, in the order of hosts, and told to the scheduler; a while after the last
 * place has left, the window closes and the probes that nobody answered become the scheduler's.
 */
#include "engine/sweep.h"

#include "base/clock.h"
#include "engine/engine_int.h"
#include "engine/track_int.h"
#include "wire/eth.h"
#include "wire/l4.h"

#include <errno.h>

#include <string.h>

enum {
	KICKS_MAX = 512, /* calls whose times are kept; a group that takes more is ended */
	LOOK_US = 10000, /* between two looks at a window: each fetches what other cores wrote */
	IDLE_LOOK_US = 1000,
	LINGER_US = 25000, /* a window stays open after its last place has left */
	SEND_NS = 200,     /* what a packet takes at least */
	TIME_KNOWN_US = 500,
	MAIL_MAX = 128
};

/** Places first and up left from from_us to to_us. */
struct sweep_kick {
	uint32_t first, n, from_us, to_us;
};

struct swept {
	struct track_group *group; /* NULL: the window is free */
	struct sweep_form form;
	uint64_t looked_ns, last_ns; /* when it was looked at, when its last place left */
	uint32_t n_kicks;
	struct sweep_kick kicks[KICKS_MAX];
};

struct sweep {
	struct worker *w;
	struct track *t;
	struct pktio *io;
	const struct pktio_sweep_ops *ops;
	const struct sweep_plan *plan;
	const struct scan_type *type;
	uint32_t n_open;
	bool was_used;
	struct swept of[SWEEP_WINDOWS];
};

static uint32_t us_of(uint64_t ns)
{
	return (uint32_t)(ns / NS_PER_US);
}

/* --- which scans ------------------------------------------------------------------- */

static bool conf_fits(const struct engine *e)
{
	const struct engine_conf *c = &e->conf;
	const struct pace_bounds *b = &c->bounds;

	return c->n_types == 1 && c->types[0]->proto == PROTO_TCP &&
	       c->types[0]->tcp_flags == TCP_SYN && c->shard.n <= 1 && !e->is_sharded_by_port &&
	       !c->wants_trace && !c->capture && !c->wants_checkpoints && !c->shape &&
	       !b->scan_delay_us && !b->host_timeout_ms && !b->max_outstanding;
}

bool sweep_fits(const struct engine *e, struct sweep_plan *ret)
{
	const struct range_set *set = &e->targets->set;
	const struct port_bits *ports = &e->ports->of[PORT_TCP];

	if (!conf_fits(e) || set->n > SWEEP_RANGES_MAX || !ports->n || ports->n >= FLOW_WIDTH_MIN)
		return false;
	*ret = (struct sweep_plan){.n_ranges = set->n,
				   .n_ports = ports->n,
				   .hosts_per_group = e->space.hosts_per_group,
				   .n_hosts = e->space.n_hosts,
				   .order = e->space.is_permuted ? &e->space.order : NULL};
	uint32_t n = 0;
	for (uint32_t port = 0; n < ports->n; port++)
		if (port_bits_has(ports, (uint16_t)port))
			ret->ports[n++] = (uint16_t)port;
	for (uint32_t i = 0; i < set->n; i++) {
		if (set->r[i].family != ADDR_V4)
			return false;
		ret->ranges[i] =
			(struct sweep_range){(uint32_t)set->r[i].lo, (uint32_t)set->r[i].hi};
	}
	return true;
}

int sweep_new(struct worker *w)
{
	struct pktio *io = w->l2 ? w->l2->io : NULL;

	if (!w->e->sweep.n_ports || !io || !io->ops->sweep || !io->ops->sweep->addrs(io, 0))
		return 0;
	struct sweep *s = mem_alloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->w = w;
	s->t = &w->track;
	s->io = io;
	s->ops = io->ops->sweep;
	s->plan = &w->e->sweep;
	s->type = w->conf->types[0];
	/* the program numbers a host's ports as they are listed here */
	for (uint32_t p = 0; p < s->plan->n_ports; p++)
		assert(w->track.port_of[p] == s->plan->ports[p]);
	w->sweep = w->track.sweep = s;
	return 0;
}

bool sweep_was_used(const struct sweep *s)
{
	return s && s->was_used;
}

void sweep_free(struct sweep *s)
{
	mem_free(s);
}

/* --- a group's turn -------------------------------------------------------------------- */

/** The form of all probes to hosts of one way out. @return false: that way is none for sweeps. */
static bool form_of(const struct sweep *s, uint32_t path_idx, struct sweep_form *ret)
{
	const struct worker_path *path = s->w->paths[path_idx];
	const struct template *tpl = &path->l2[s->w->row_idx[s->type->row]];

	if (!path->has_l2 || path->wants_host_mac || tpl->len != SWEEP_FRAME_BYTES ||
	    tpl->family != ADDR_V4 || tpl->link != LINK_ETHERNET)
		return false;
	*ret = (struct sweep_form){.bytes = tpl->bytes,
				   .l3_sum = tpl->l3_sum,
				   .l4_sum = tpl->l4_sum,
				   .if_idx = tpl->if_idx,
				   .sport = s->w->sport,
				   .row = s->type->row};
	memcpy(&ret->source, path->route.src.b, sizeof(ret->source));
	return true;
}

bool sweep_begin(struct sweep *s, struct track *t, struct track_group *g)
{
	if (!s || !g->n_ranks || t->path.gap_ns || g->restored || g->width != s->plan->n_ports)
		return false;
	uint32_t window = sweep_window(s->plan, g->first), path = g->hosts[g->up[0]].path;
	struct swept *at = &s->of[window];
	if (at->group || !form_of(s, path, &at->form))
		return false;
	uint32_t *addrs = s->ops->addrs(s->io, window);
	for (uint32_t r = 0; r < g->n_ranks; r++) {
		const struct host_slot *h = &g->hosts[g->up[r]];
		if (h->path != path)
			return false;
		memcpy(&addrs[r], h->addr.b, sizeof(addrs[r]));
	}
	s->ops->open(s->io, window, &(struct sweep_group){.first = g->first, .order = &g->order});
	at->group = g;
	at->n_kicks = 0;
	at->looked_ns = at->last_ns = 0;
	g->sweep = at;
	s->n_open++;
	return true;
}

/** The program sends no more of this group. */
static void stop_sending(struct track *t, struct track_group *g)
{
	if (!g->is_sweeping)
		return;
	g->is_sweeping = false;
	g->n_ahead = g->n_picked;
	t->n_sweeping--;
}

/** The oldest group with places left; limits of the path are kept per probe, so they end all. */
static struct track_group *group_to_send(struct sweep *s)
{
	struct track *t = s->t;

	for (uint32_t i = 0; i < t->n_live && t->n_sweeping; i++) {
		struct track_group *g = &t->groups[t->live[i]];
		if (!g->is_sweeping)
			continue;
		if (g->n_picked < g->n_probes && g->sweep->n_kicks < KICKS_MAX && !t->path.gap_ns)
			return g;
		stop_sending(t, g);
	}
	return NULL;
}

/** When the nth probe of a call left, at the earliest: what found the driver's queue full left
 * later. */
static uint32_t kick_us(const struct sweep_kick *k, uint32_t nth)
{
	return MIN(k->from_us + nth * SEND_NS / (uint32_t)NS_PER_US, k->to_us);
}

/** What hold_sent() and probe_send() do for one. The rate's share of answers rests on both ends of
 * a probe being told the same time. */
static void account(struct sweep *s, struct track_group *g, const struct sweep_kick *k)
{
	struct track *t = s->t;

	for (uint32_t i = 0; i < k->n; i++)
		flow_sent(&t->path, FLOW_FIRST, kick_us(k, i));
	g->n_picked += k->n;
	t->n_outstanding += k->n;
	stat_add(&t->stats.n_picked, k->n);
	if (g->n_picked == g->n_probes)
		stop_sending(t, g);
}

int sweep_send(struct sweep *s, uint64_t now_ns, uint32_t most)
{
	struct track_group *g = s && s->t->n_sweeping ? group_to_send(s) : NULL;

	if (!g || !most)
		return 0;
	struct swept *at = g->sweep;
	uint32_t n = (uint32_t)MIN(g->n_probes - g->n_picked, (uint64_t)MIN(most, SWEEP_KICK_MAX)),
		 first = (uint32_t)g->n_picked;
	if (flow_is_due(&s->t->path, us_of(now_ns)))
		hold_path_update(s->t, now_ns);
	int sent = s->ops->kick(s->io, (uint32_t)(at - s->of), &at->form, first, n);
	at->last_ns = clock_now_ns();
	struct sweep_kick *k = &at->kicks[at->n_kicks++];
	*k = (struct sweep_kick){first, n, us_of(now_ns), us_of(at->last_ns)};
	account(s, g, k);
	s->was_used = true;
	if (sent < 0)
		return sent;
	stat_add(&s->w->stats.n_sent, (uint64_t)sent);
	stat_add(&s->w->stats.n_sent_bytes, (uint64_t)sent * (SWEEP_FRAME_BYTES - ETH_HDR_LEN));
	return (int)n;
}

/* --- answers ------------------------------------------------------------------------------ */

/** The call that a place left with. */
static const struct sweep_kick *kick_of(const struct swept *at, uint32_t place)
{
	uint32_t lo = 0, hi = at->n_kicks;

	while (hi - lo > 1) {
		uint32_t mid = (lo + hi) / 2;
		if (at->kicks[mid].first <= place)
			lo = mid;
		else
			hi = mid;
	}
	return &at->kicks[lo];
}

/** From now on the scheduler knows the probe as one in flight. @return whether it is known when it
 * left: not where the driver had to be offered it again and again. */
static bool adopt(const struct swept *at, struct track_group *g, uint32_t q, uint32_t place)
{
	const struct sweep_kick *k = kick_of(at, place);

	g->state[q] = PROBE_FLIGHT;
	g->sent_us[q] = kick_us(k, place - k->first);
	return k->to_us - k->from_us <= TIME_KNOWN_US;
}

bool sweep_adopt(struct sweep *s, struct track_group *g, uint32_t q, uint64_t now_ns)
{
	uint32_t place = (uint32_t)permute_inverse(&g->order, q);

	if (place >= g->n_picked)
		return true;
	bool is_known = adopt(g->sweep, g, q, place);
	probe_watch(s->t, g, q, now_ns);
	return is_known;
}

static void take(struct sweep *s, struct track_group *g, const struct sweep_mail *m,
		 uint64_t now_ns)
{
	uint32_t slot = m->at / g->width, p = m->at % g->width;

	if (slot >= g->n_hosts || g->hosts[slot].rank == NO_PROBE)
		return;
	const struct host_slot *h = &g->hosts[slot];
	uint32_t q = h->rank * g->width + p;
	struct probe_reply r = {
		.to = {.addr = h->addr, .port = s->t->port_of[p], .proto = PROTO_TCP},
		.from = h->addr,
		.kind = REPLY_RST,
		.reason = REASON_RESET,
		.ttl = m->ttl};

	if (!g->state[q])
		r.is_time_unknown = !adopt(g->sweep, g, q, (uint32_t)permute_inverse(&g->order, q));
	uint32_t ago_us = us_of(now_ns) - m->heard_us;
	track_answer(s->t, g, q, s->type, &r, now_ns - MIN(ago_us, 1000000u) * NS_PER_US);
	stat_add(&s->w->stats.n_received, 1);
}

static void collect(struct sweep *s, struct swept *at, uint64_t now_ns)
{
	struct sweep_mail mail[MAIL_MAX];
	uint32_t pos = 0, n, n_all = 0;

	do {
		n = s->ops->collect(s->io, (uint32_t)(at - s->of), &pos, mail, MAIL_MAX);
		for (uint32_t i = 0; i < n; i++)
			take(s, at->group, &mail[i], now_ns);
		n_all += n;
	} while (n == MAIL_MAX);
	at->looked_ns = now_ns;
	meter_received(s->w->meter, n_all);
}

void sweep_end(struct sweep *s, struct track_group *g, uint64_t now_ns)
{
	struct swept *at = g->sweep;

	if (!at)
		return;
	stop_sending(s->t, g);
	s->ops->close(s->io, (uint32_t)(at - s->of));
	collect(s, at, now_ns);
	for (uint32_t place = 0; place < g->n_picked && g->n_open; place++) {
		uint32_t q = (uint32_t)permute_at(&g->order, place);
		if (g->state[q])
			continue;
		(void)adopt(at, g, q, place);
		probe_watch(s->t, g, q, now_ns);
	}
	at->group = NULL;
	g->sweep = NULL;
	s->n_open--;
}

void sweep_turn(struct sweep *s, uint64_t now_ns, bool is_idle)
{
	uint64_t look_ns = (is_idle ? IDLE_LOOK_US : LOOK_US) * NS_PER_US;

	for (uint32_t i = 0; s->n_open && i < SWEEP_WINDOWS; i++) {
		struct swept *at = &s->of[i];
		if (!at->group || now_ns < at->looked_ns + look_ns)
			continue;
		bool is_over =
			!at->group->is_sweeping && now_ns >= at->last_ns + LINGER_US * NS_PER_US;
		if (is_over)
			sweep_end(s, at->group, now_ns);
		else
			collect(s, at, now_ns);
	}
}

void sweep_stop(struct sweep *s)
{
	for (uint32_t i = 0; s && i < SWEEP_WINDOWS; i++)
		if (s->of[i].group)
			sweep_end(s, s->of[i].group, clock_now_ns());
}

uint32_t sweep_wait_us(const struct sweep *s, uint32_t most_us)
{
	return s && s->n_open ? MIN(most_us, (uint32_t)IDLE_LOOK_US) : most_us;
}
