/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rate of one bottleneck, found from its own answers. A flow is what shares a limit: the
 * probes of one protocol to one host (its limits of resets or ICMP errors), or all probes of a
 * worker (its path). It starts free. The order of probes is random, so without a limit the same
 * share of them is answered whenever and however fast they are sent; a share that falls says that
 * answers are lost to the rate. Then experiments find the rate: stretches at it and stretches far
 * below it, whose answers a second are compared. Loss that does not depend on the rate, and ports
 * that never answer, are the same in both and slow nothing down.
 *
 * Pure: no clock, no memory. Thread: the worker's.
 */
#pragma once

#include "engine/board.h"

#define FLOW_PHASES     4u
#define FLOW_GAP_MAX_NS 2000000000u /* one probe in two seconds: below the slowest limit in use */

/** Probes of a kind are answered in equal shares while nothing is limited. */
enum flow_kind { FLOW_FIRST, FLOW_AGAIN, FLOW_PING, FLOW_KINDS };

/** Answers of a class share a limit: resets and ICMP errors are limited where handshakes are not.
 */
enum flow_class { FLOW_REFUSED, FLOW_ACCEPTED, FLOW_CLASSES };

/** FREE: no limit. SEARCH: by factors of two and four. CRUISE: near the rate found. */
enum flow_mode { FLOW_FREE, FLOW_SEARCH, FLOW_CRUISE };

/** A stretch of sending, judged when all its answers have had their time. */
struct flow_phase {
	uint32_t start_us;
	uint32_t rate_gap_ns, gap_ns; /* the flow's when it began */
	uint32_t rtt_us;              /* moving average over its answers; 0: none */
	uint16_t n_sent[FLOW_KINDS], n_answered[FLOW_KINDS][FLOW_CLASSES];
};

/** One side of an experiment. */
struct flow_side {
	uint32_t n_sent, n_answered[FLOW_CLASSES];
};
enum flow_level { FLOW_HIGH, FLOW_LOW, FLOW_LEVELS };

/**
 * Invariant: gap_ns is 0 exactly while mode is FLOW_FREE. What each probe and each answer touch
 * stands first, in three cache lines: with many hosts of a few ports each is a miss.
 */
struct flow {
	uint64_t next_ns;     /* earliest next departure */
	uint32_t rate_gap_ns; /* between probes at the rate believed right */
	uint32_t gap_ns;      /* the same in this phase, high or low */
	uint32_t most_gap_ns; /* of both; 0: FLOW_GAP_MAX_NS */
	uint32_t last_us;     /* when a probe left last */
	uint32_t n_first;     /* first attempts so far */
	uint32_t n_free_sent; /* while free, so far */
	uint8_t newest, n_phases, mode;
	uint8_t shift;                      /* phases are 2^shift microseconds of the clock */
	bool is_limited_by_rule;            /* limits are the norm: any sign of one counts */
	bool is_due;                        /* enough has been sent for a look at it */
	bool is_low;                        /* this phase */
	uint8_t n_placed;                   /* of last_place; counted until they are enough */
	uint16_t last_place;                /* of the first attempts that were refused */
	uint8_t n_tired;                    /* answers to late attempts */
	uint32_t n_answers, n_recovered;    /* so far; to retransmissions */
	uint32_t n_refused, n_refused_late; /* of them, refusals */
	uint32_t n_barren;                  /* probes in a row that nothing answered */
	uint32_t late_rtt_us;               /* the longest lately */
	uint32_t min_rtt_us;                /* 0: unknown */
	/* the window: when it began, its first and its last answer came */
	uint32_t win_start_us, win_first_us, win_last_us, n_win_sent, n_win_answers[FLOW_CLASSES];
	struct flow_board *board;              /* NULL: alone */
	struct flow_phase phases[FLOW_PHASES]; /* the newest at newest, n_phases in use */
	uint8_t n_ups;                         /* decisions for more in a row */
	uint8_t up_shift;  /* the last decision was for 2^up_shift times the rate */
	bool is_proven;    /* a part of the rate has been in vain since the limit began */
	bool is_closed;    /* nothing is answered any more, at any rate */
	uint8_t n_settled; /* how often silence to what was sent before has come to mean nothing */
	/* phases judged free since these were last read: as before; short of answers */
	uint8_t n_fine, n_short;
	float share_was;                    /* answered at the rate before the last decision */
	uint32_t found_gap_ns;              /* the rate at the last decision; 0: none yet */
	float share_began;                  /* of them answered, as believed when the limit began */
	uint32_t n_tried, n_told, tried_us; /* at this rate, before the first decision */
	uint16_t barren_max;                /* as many are enough to say so */
	struct flow_side sides[FLOW_LEVELS];
	uint32_t queue_rtt_us; /* of the last high phase, if a queue stood; else 0 */
	/* while free: answered of UINT16_MAX, how many probes that is known from; phases that
	 * decided nothing, for the next */
	uint16_t share[FLOW_KINDS][FLOW_CLASSES], n_share[FLOW_KINDS];
	struct flow_phase carry;
	uint32_t begun_us; /* the first probe left */
	/* limited: answers are counted since then; so many before; sent since then */
	uint32_t meter_us, n_metered, n_meter_sent;
	uint32_t was_pps;          /* sent at before the limit */
	uint32_t n_refused_was;    /* when doubt began */
	uint32_t n_refused_second; /* refusals of second attempts */
	bool is_among_lossy;       /* hosts that lose as much, at random */
	bool is_doubt;             /* a few are asked slowly before silence is believed */
	bool was_doubt;
	bool is_by_recoveries;
	/* with other workers behind the same bottleneck: agreed with them, as this one last knew */
	bool is_idle; /* too little to ask in the last phase */
	uint8_t member, epoch, told_settled;
	bool is_ripe; /* about to believe silence since */
	uint32_t ripe_us;
};

/** A probe leaves. */
void flow_sent(struct flow *f, enum flow_kind kind, uint32_t now_us);
/** The probe counted last did not leave after all. */
void flow_unsent(struct flow *f, enum flow_kind kind);
/** An answer that tells more than silence would. */
struct flow_answer {
	enum flow_kind kind; /* of its probe */
	enum flow_class class;
	uint32_t sent_us, rtt_us;
	uint16_t place; /* of its probe in the random order, of UINT16_MAX */
	uint8_t attempt;
};
void flow_answered(struct flow *f, const struct flow_answer *a);
/** An answer to an attempt before the last: only that it came, at @p now_us. */
void flow_answered_late(struct flow *f, enum flow_class class, uint32_t now_us);
/**
 * Judge what can be judged and set the rate.
 * @param wait_us what an answer may take: the time-out of a first attempt.
 * @param may_begin whether loss may limit a flow that is free.
 * @return true when a limit began, was halved, or ended.
 * Cost: a few ns unless a phase ends.
 */
bool flow_update(struct flow *f, uint32_t now_us, uint32_t wait_us, bool may_begin);
/**
 * All that will be asked has been asked once and had its time to answer. Was only the beginning of
 * it answered, as where a limit ran out? @return true when a limit began.
 */
bool flow_look_back(struct flow *f, uint32_t now_us);
/**
 * Silence is about to be believed where limits are the rule. Did answers not explain themselves,
 * being next to none, or the first ones only? Then a few probes are asked slowly, once: one answer
 * makes it a limit, none ends it after a second or two. @return true when that began.
 */
bool flow_doubt(struct flow *f, uint32_t now_us);
/** Is there a limit, beyond doubt? */
static inline bool flow_is_limited(const struct flow *f)
{
	return f->gap_ns && !f->is_doubt;
}
/** Does the flow still want to know the places of answers? */
static inline bool flow_wants_place(const struct flow *f)
{
	return !f->gap_ns && f->n_placed < UINT8_MAX;
}
/** Free again, and nothing sent so far is judged; what was learned stays. */
void flow_restart(struct flow *f, uint32_t now_us);
/** Is it worth while to call flow_update before the next probe? Cost: 1 ns. */
static inline bool flow_is_due(const struct flow *f, uint32_t now_us)
{
	return f->gap_ns || (f->is_due && now_us != f->last_us);
}
/** @return how many probes may leave now, at most @p most. */
uint32_t flow_budget(struct flow *f, uint64_t now_ns, uint32_t most);
/** @p n probes leave. */
void flow_spend(struct flow *f, uint32_t n);
/** @return packets a second, at least 1; 0: no limit. */
static inline uint32_t flow_rate_pps(const struct flow *f)
{
	return f->rate_gap_ns ? MAX((uint32_t)(NS_PER_S / f->rate_gap_ns), 1u) : 0;
}
