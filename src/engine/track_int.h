/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The scheduler's inside: track.c (probes), answer.c, plan.c, group.c (hosts, groups, stages) and
 * the files named below. */
#pragma once

#include "base/mem.h"
#include "engine/track.h"

#define NO_PROBE UINT32_MAX
/** Probes a host must have for a rate of its own. */
#define FLOW_WIDTH_MIN 8u

/** Per-probe byte: two bits of state, four of attempt, two marks. */
enum {
	PROBE_NEW = 0,
	PROBE_FLIGHT = 1,
	PROBE_WAIT = 2,
	PROBE_DONE = 3,
	PROBE_STATE = 3,
	PROBE_ATTEMPT_SHIFT = 2, /* answered: the attempt that was; else the last one made */
	PROBE_ATTEMPT_MASK = 15,
	PROBE_MARK = 64, /* in flight: by name only, the transport could not send it; waiting:
			    counted in n_wait; done: never asked */
	PROBE_ANSWERED = 128,
	/* an earlier part of the scan has told its outcome */
	PROBE_RESTORED = PROBE_DONE | PROBE_MARK | PROBE_ATTEMPT_MASK << PROBE_ATTEMPT_SHIFT
};

/** A host that has answered so often tells its own loss. */
#define OWN_ANSWERS_MIN 64u

/** The probe at a place of the group's order. */
static inline uint32_t probe_at(const struct track_group *g, uint64_t place)
{
	uint32_t i = (uint32_t)permute_at(&g->order, place);

	if (g->walk_width == g->width)
		return i;
	return i / g->walk_width * g->width + g->walk_first + i % g->walk_width;
}

struct host_slot *group_host(const struct track_group *g, uint32_t q);
/** Begin to fetch what a probe's sending or its answer reads and writes; of its host only what is
 * its protocol's. */
static inline void probe_fetch(const struct track *t, const struct track_group *g, uint32_t q)
{
	PREFETCH(&g->state[q]);
	PREFETCH(&g->sent_us[q]);
	PREFETCH(&g->link[q]);
	if (!g->flows)
		return;
	const uint8_t *f = (const uint8_t *)&g->flows[q / g->width * t->n_flows];
	PREFETCH(f);
	PREFETCH(f + MEM_LINE_BYTES);
	PREFETCH(f + 2 * MEM_LINE_BYTES);
}
static inline void host_fetch(const struct host_slot *h)
{
	PREFETCH(h);
	PREFETCH((const uint8_t *)h + MEM_LINE_BYTES);
}
/** Limits of one host that are counted apart; 0: it is asked too little for rates of its own. A
 * delay that the user wants is kept for any host, in discovery too. */
uint32_t plan_flows_per_host(const struct track *t);
/** The most that a host is asked in one stage. */
uint32_t plan_probes_per_host(const struct track *t);
/** Accepts one without memory. */
void group_free(struct track_group *g);
/** Open the next group of this shard. @p ret NULL when there is none. */
int group_open(struct track *t, uint64_t now_ns, struct track_group **ret) MUST_CHECK;
/** Every probe of the host in this stage is concluded. */
void group_host_complete(struct track *t, struct track_group *g, struct host_slot *h);
/** A discovery probe was answered. */
void host_ping_answered(struct track *t, struct track_group *g, struct host_slot *h, uint8_t state,
			const struct probe_reply *r, uint32_t attempt);
/** Move groups whose hosts are all complete to their next stage; drop finished ones. Never inside a
 * timer. */
void groups_advance(struct track *t, uint64_t now_ns);
/** The host's open ports are worth nothing: unless that is unwanted, drop its probes but those in
 * flight. The caller completes it when nothing is pending. */
void host_convicted(struct track *t, struct track_group *g, struct host_slot *h);

/* track.c */
/**
 * UDP silence means little: ICMP errors are limited everywhere (RFC 1812 4.3.2.8), by Linux to one
 * a second, and an exhausted limit looks like a filter. Hosts of which many ports are asked are
 * asked once more, a second later: one answer then tells.
 */
bool probe_is_doubtful(const struct track *t, const struct track_group *g, uint32_t q);
/** Retransmissions of one probe: never fewer than it takes to ask everything its port is asked. */
uint32_t probe_retries(const struct track *t, const struct track_group *g, uint32_t q);
/** What an attempt is given at a host that was never heard. */
static inline uint32_t track_first_us(const struct track *t, const struct host_slot *h)
{
	return h->initial_rto_us ? h->initial_rto_us : t->conf.initial_rto_us;
}
enum {
	UDP_RETRIES_MIN = 2,
	SLOW_PORT_WAIT_US = 300000 /* a quick host's silent port is waited for */
};
/** Retransmissions a probe of this host may have. */
uint32_t retries_allowed(const struct track *t, const struct host_slot *h);

/* scout.c */
/**
 * Is the port, still silent, one of the few of its host that are asked once more, spread over the
 * time that all of them are waited for anyway?
 */
bool probe_is_scout(const struct track *t, const struct track_group *g, uint32_t q);
/** Time-out of a probe's attempt. */
uint32_t probe_rto_us(const struct track *t, const struct track_group *g, uint32_t q,
		      uint32_t attempt);
/** Attempts that say nothing when they are not answered. */
uint32_t attempts_excused(const struct track *t, const struct host_slot *h);
/** One probe of the host is concluded; the last one completes the host. */
void host_probe_done(struct track *t, struct track_group *g, struct host_slot *h);
/** Do the open ports that this probe finds say whether its host is honest? */
bool probe_is_tested(const struct track *t, const struct track_group *g, uint32_t q);
/** What a port turned out to be says something about its host. @p r NULL: silent. */
void host_test(struct track *t, struct track_group *g, uint32_t q, bool is_open,
	       const struct probe_reply *r);

/** A probe that has left otherwise than by track_next(), at g->sent_us, is in flight: wait for it.
 */
void probe_watch(struct track *t, struct track_group *g, uint32_t q, uint64_t now_ns);

/* canary.c */
/** Suspect: take a free set for the host, if there is one. */
void canary_ask(struct track *t, struct track_group *g, struct host_slot *h);
/** @return true with the next canary. Call while t->n_canaries_todo. */
bool canary_next(struct track *t, uint64_t now_ns, struct track_probe *ret);
/** It could not be sent after all. */
void canary_unsent(struct track *t, const struct track_probe *p);
/** @return true when @p r is about a canary of the host. */
bool canary_answer(struct track *t, struct host_slot *h, const struct scan_type *type,
		   const struct probe_reply *r);
void canary_expire(struct track *t, uint64_t now_ns);
/** The host is dropped: its canaries too. */
void canary_drop(struct track *t, struct host_slot *h);
/** As track_wait_us. */
uint32_t canary_wait_us(const struct track *t, uint64_t now_ns, uint32_t most_us);
/** The probe as it would be sent now. */
void probe_fill(const struct track *t, struct track_group *g, uint32_t q, struct track_probe *ret);

/* again.c */
/** An answered port, or host in discovery, may be asked once more. @param attempt the first number
 * it has not used. */
void again_consider(struct track *t, struct track_group *g, uint32_t q, uint32_t attempt,
		    uint64_t now_ns);
/** One that is due, @return as track_next. */
bool again_next(struct track *t, uint64_t now_ns, struct track_probe *ret);
/** @return true when @p r answers one of these. */
bool again_answered(struct track *t, const struct track_group *g, uint32_t q,
		    const struct probe_reply *r);
/** It could not be sent after all: no trial. */
void again_unsent(struct track *t, const struct track_probe *p);
/** The group is over. Trials under way are left out, won or lost: to count only those that have
 * been answered would flatter. */
void again_forget(struct track *t, const struct track_group *g);
/** A host's ports are complete, or broken off: count what is concluded. Cost: 1 ns a port. */
void tally_ports(struct track *t, const struct track_group *g, const struct host_slot *h);
/** A host was discovered by @p attempt, or not at all. */
void tally_host(struct track *t, const struct track_group *g, const struct host_slot *h,
		uint32_t attempt, bool is_up);

/** Mark a probe concluded and take it out of its host's queue. */
void probe_conclude(struct track *t, struct track_group *g, uint32_t q);
/** Which of a host's port probes here asks this port; NO_PROBE: none. */
uint32_t track_port_probe(const struct track *t, uint8_t proto, uint16_t port);
/** Hand what ended in silence to the journal. */
void track_flush_silent(struct track *t);

/** A probe that its host's rate lets go again, or that is due again: into the group's ready list.
 */
void ready_push(struct track_group *g, uint32_t q);

/* hold.c */
/** The flow of a probe of the ports stage; NULL: hosts have none of their own. */
struct host_flow *hold_flow(const struct track *t, const struct track_group *g, uint32_t q);
/** The ports stage begins: workers that divide a host's ports share its rate. */
void hold_join(struct track *t, struct track_group *g);
/** The host is complete here. */
void hold_leave(struct track *t, struct track_group *g, const struct host_slot *h);
/** May this probe leave now, by its host's rate? If not it is held and comes back when its turn
 * is. */
bool hold_pass(struct track *t, struct track_group *g, uint32_t q, uint64_t now_ns);
/** A probe that is never held leaves in the turn of the next. @return false: not before the user's
 * delay is over. */
bool hold_borrow(struct track *t, struct track_group *g, uint32_t q, uint64_t now_ns);
/** Are as many probes outstanding as may be? */
bool hold_is_full(const struct track *t);
/** May any probe leave now, by the path's rate? Nothing is held. */
bool hold_path_passes(struct track *t, uint64_t now_ns);
/** A probe leaves; did not leave after all; was answered with more than silence would tell. */
void hold_sent(struct track *t, struct track_group *g, uint32_t q, uint32_t attempt,
	       uint64_t now_ns);
void hold_unsent(struct track *t, struct track_group *g, uint32_t q, uint32_t attempt);
struct track_heard {
	uint64_t now_ns;
	uint32_t attempt;
	uint8_t state;
};
void hold_answered(struct track *t, struct track_group *g, uint32_t q,
		   const struct track_heard *heard);
/** A probe is no longer held. Does nothing when it was not. */
void hold_forget(struct track *t, struct track_group *g, uint32_t q);
/** Let go what is due. Every turn. */
void hold_release(struct track *t, uint64_t now_ns);
/** The group's probes are all concluded. */
void hold_drop_group(struct track *t, const struct track_group *g);

/* review.c */
enum review { REVIEW_UNDER_WAY, REVIEW_ALL_ASKED, REVIEW_GIVING_UP };
/** Judge the rate of one host, and at @p at all that it has answered. */
void hold_judge(struct track *t, struct host_flow *hf, struct host_slot *h, uint64_t now_ns,
		enum review at);
void hold_path_update(struct track *t, uint64_t now_ns);
/** Before a probe is given up: judge again. @return true when silence so far has come to mean
 * nothing. */
bool hold_review(struct track *t, struct track_group *g, uint32_t q, uint64_t now_ns);
/** May silence be believed yet, by what the other workers have come to? */
bool hold_is_ripe(const struct track *t, const struct track_group *g, uint32_t q, uint64_t now_ns);
/** An answer to attempt @p n, the excused not counted, for all workers that ask the host. */
void hold_attempt(const struct track *t, const struct track_group *g, uint32_t q, uint32_t n);

/* timeout.c */
/** Drop the hosts that have taken too long. Every turn, outside of timers. */
void hosts_time_out(struct track *t, uint64_t now_ns);
/** A probe of the host is due again as attempt @p attempt. */
void retry_count(struct track *t, const struct host_slot *h, uint32_t attempt, uint32_t waited_us);
/** State what was counted since the last call: at most one event a turn. */
void retries_tell(struct track *t);
