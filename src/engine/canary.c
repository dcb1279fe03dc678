/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Canaries: probes to ports that nobody asked for, sent to a host whose every answer is "open"
 * (dishonest.c). They stand beside the group's probes in a small table of sets, one a suspect; the
 * suspect's ports stay incomplete until its set has said what it is. Their answers are evidence and
 * never port results.
 */
#include "engine/track_int.h"

enum { CANARY_ATTEMPTS = 3, BLOCKED_US = 1000 };

static uint8_t all_bits(void)
{
	static_assert(DISHONEST_CANARIES == 8, "a bit each");
	return 0xff;
}

void canary_ask(struct track *t, struct track_group *g, struct host_slot *h)
{
	uint8_t i = 0;

	while (i < TRACK_CANARY_SETS && t->canaries[i].host)
		i++;
	if (i == TRACK_CANARY_SETS)
		return; /* the next open port asks again */
	struct canary_set *s = &t->canaries[i];
	*s = (struct canary_set){.group = g, .host = h, .todo = all_bits(), .waiting = all_bits()};
	dishonest_ports(t->conf.seed ^ (h->idx * t->conf.n_shards + t->conf.shard + 1),
			&t->conf.ports->of[PORT_TCP], s->port);
	h->honest.state = DISHONEST_SUSPECT;
	h->honest.canary_set = i;
	h->n_pending++;
	t->n_canary_sets++;
	t->n_canaries_todo += DISHONEST_CANARIES;
}

static void todo_clear(struct track *t, struct canary_set *s, uint8_t bits)
{
	t->n_canaries_todo -= (uint32_t)__builtin_popcount(s->todo & bits);
	s->todo &= (uint8_t)~bits;
}

/** The set has said enough: the host goes on, or is given up. */
static void set_end(struct track *t, struct canary_set *s)
{
	struct track_group *g = s->group;
	struct host_slot *h = s->host;

	todo_clear(t, s, all_bits());
	s->host = NULL;
	t->n_canary_sets--;
	if (h->honest.state == DISHONEST_CONVICTED)
		host_convicted(t, g, h);
	if (!--h->n_pending)
		group_host_complete(t, g, h);
}

void canary_drop(struct track *t, struct host_slot *h)
{
	for (uint32_t i = 0; t->n_canary_sets && i < TRACK_CANARY_SETS; i++) {
		struct canary_set *s = &t->canaries[i];
		if (s->host != h)
			continue;
		todo_clear(t, s, all_bits());
		s->host = NULL;
		t->n_canary_sets--;
	}
}

static void conclude(struct track *t, struct canary_set *s, uint32_t c, bool is_open)
{
	struct dishonest *d = &s->host->honest;

	todo_clear(t, s, (uint8_t)(1u << c));
	s->waiting &= (uint8_t) ~(1u << c);
	dishonest_canary(d, is_open);
	if (d->state != DISHONEST_SUSPECT)
		set_end(t, s);
}

bool canary_next(struct track *t, uint64_t now_ns, struct track_probe *ret)
{
	for (uint32_t i = 0; i < TRACK_CANARY_SETS; i++) {
		struct canary_set *s = &t->canaries[i];
		if (!s->host || !s->todo ||
		    !hold_borrow(t, s->group, s->host->rank * s->group->width, now_ns))
			continue;
		uint32_t c = (uint32_t)__builtin_ctz(s->todo);
		todo_clear(t, s, (uint8_t)(1u << c));
		s->sent_us = (uint32_t)(now_ns / NS_PER_US);
		*ret = (struct track_probe){.type = t->tested,
					    .to = {.addr = s->host->addr,
						   .port = s->port[c],
						   .proto = t->tested->proto},
					    .host = s->host,
					    .group = s->group,
					    .q = TRACK_CANARY_Q + i * DISHONEST_CANARIES + c,
					    .attempt = s->attempt};
		t->stats.n_canaries++;
		return true;
	}
	return false;
}

void canary_unsent(struct track *t, const struct track_probe *p)
{
	uint32_t at = p->q - TRACK_CANARY_Q, c = at % DISHONEST_CANARIES;
	struct canary_set *s = &t->canaries[at / DISHONEST_CANARIES];

	if (s->host != p->host || s->attempt != p->attempt || !(s->waiting & ~s->todo & 1u << c))
		return;
	s->todo |= (uint8_t)(1u << c);
	t->n_canaries_todo++;
	t->stats.n_canaries--;
}

bool canary_answer(struct track *t, struct host_slot *h, const struct scan_type *type,
		   const struct probe_reply *r)
{
	struct canary_set *s = &t->canaries[h->honest.canary_set];

	if (h->honest.state != DISHONEST_SUSPECT || type != t->tested || r->attempt > s->attempt ||
	    !type->state_of[r->kind])
		return false;
	for (uint32_t c = 0; c < DISHONEST_CANARIES; c++) {
		if (s->port[c] != r->to.port)
			continue;
		if (s->waiting >> c & 1)
			conclude(t, s, c, type->state_of[r->kind] == PORT_OPEN);
		else
			t->stats.n_dup++;
		return true;
	}
	return false;
}

/** Nothing came in time: another round, or silence is the answer. */
static void round_over(struct track *t, struct canary_set *s)
{
	if (s->attempt + 1 < CANARY_ATTEMPTS) {
		s->attempt++;
		s->todo = s->waiting;
		t->n_canaries_todo += (uint32_t)__builtin_popcount(s->todo);
		return;
	}
	while (s->host && s->waiting)
		conclude(t, s, (uint32_t)__builtin_ctz(s->waiting), false);
}

static uint32_t due_in_us(const struct track *t, const struct canary_set *s, uint64_t now_ns)
{
	uint32_t age_us = (uint32_t)(now_ns / NS_PER_US) - s->sent_us;
	uint32_t rto_us = track_rto_us(t, s->host, s->attempt);

	return age_us < rto_us ? rto_us - age_us : 0;
}

void canary_expire(struct track *t, uint64_t now_ns)
{
	for (uint32_t i = 0; i < TRACK_CANARY_SETS && t->n_canary_sets; i++) {
		struct canary_set *s = &t->canaries[i];
		if (s->host && !s->todo && !due_in_us(t, s, now_ns))
			round_over(t, s);
	}
}

uint32_t canary_wait_us(const struct track *t, uint64_t now_ns, uint32_t most_us)
{
	for (uint32_t i = 0; i < TRACK_CANARY_SETS && t->n_canary_sets; i++) {
		const struct canary_set *s = &t->canaries[i];
		if (s->host)
			most_us = MIN(most_us,
				      s->todo ? (uint32_t)BLOCKED_US : due_in_us(t, s, now_ns));
	}
	return most_us;
}
