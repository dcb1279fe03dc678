/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One rate for the workers behind one bottleneck (board.h). The leader judges its own answers as if
 * it were alone (flow.c): as all send alike, its part of the limit stays its part. A leader that
 * has too little to ask gives the lead away; when a member has finished, the others share out its
 * part at once.
 */
#include "engine/board.h"

#include "engine/flow_int.h"

#include <stdatomic.h>
#include <string.h>

enum { REFUSED_MAX = 1 << 15, RIPE_WAIT_US = 1000000 };

/** The word: of each member's flow; leader 0: none, else its index and 1. */
struct flow_agreed {
	uint32_t gap_ns; /* 0: free */
	uint8_t leader;
	uint8_t epoch; /* changes when silence so far has come to mean nothing */
	uint8_t shift : 5;
	bool is_steady : 1; /* no low phases */
	bool is_closed : 1;
	bool is_found : 1; /* by a decision: silence has another meaning then */
	uint8_t mode : 2;
	bool is_proven : 1;
	uint8_t n_members : 4; /* that the rate is right for */
	bool is_doubt : 1;
};
static_assert(sizeof(struct flow_agreed) == sizeof(uint64_t), "one word");

static uint64_t word_of(const struct flow_agreed *a)
{
	uint64_t word;

	memcpy(&word, a, sizeof(word));
	return word;
}

static struct flow_agreed board_read(const struct flow_board *b)
{
	uint64_t word = atomic_load_explicit(&b->word, memory_order_relaxed);
	struct flow_agreed a;

	memcpy(&a, &word, sizeof(a));
	return a;
}

static bool board_exchange(struct flow_board *b, const struct flow_agreed *was,
			   const struct flow_agreed *a)
{
	uint64_t word = word_of(was);

	return word == word_of(a) ||
	       atomic_compare_exchange_strong_explicit(&b->word, &word, word_of(a),
						       memory_order_relaxed, memory_order_relaxed);
}

uint8_t board_n_members(const struct flow_board *b)
{
	return (uint8_t)atomic_load_explicit(&b->n_members, memory_order_relaxed);
}

void board_init(struct flow_board *b, uint32_t n)
{
	atomic_init(&b->word, 0);
	atomic_init(&b->n_members, n);
	atomic_init(&b->barren_max, 0);
	atomic_init(&b->placed, 0);
	atomic_init(&b->refused, 0);
	atomic_init(&b->busy, 0);
	atomic_init(&b->heard_us, 0);
	atomic_init(&b->asking, 0);
	atomic_init(&b->ripe, 0);
	atomic_init(&b->max_attempt, 0);
}

void board_join(struct flow *f, struct flow_board *b, uint32_t i)
{
	f->board = b;
	f->member = (uint8_t)(i + 1);
}

void board_place(struct flow_board *b, uint16_t place)
{
	uint32_t was = atomic_load_explicit(&b->placed, memory_order_relaxed), now;

	do {
		uint32_t n = MIN((was >> 16) + 1, (uint32_t)UINT8_MAX);
		now = n << 16 | MAX((uint16_t)was, place);
	} while (!atomic_compare_exchange_weak_explicit(&b->placed, &was, now, memory_order_relaxed,
							memory_order_relaxed));
}

void board_refuse(struct flow_board *b, bool is_late)
{
	if (atomic_load_explicit(&b->refused, memory_order_relaxed) >> 16 < REFUSED_MAX)
		atomic_fetch_add_explicit(&b->refused, (1u << 16) + is_late, memory_order_relaxed);
}

void board_hear(struct flow_board *b, uint32_t now_us)
{
	atomic_store_explicit(&b->heard_us, now_us, memory_order_relaxed);
}

bool board_has_heard(const struct flow_board *b, uint32_t from_us)
{
	return (int32_t)(atomic_load_explicit(&b->heard_us, memory_order_relaxed) - from_us) >= 0;
}

static uint32_t bit_of(const struct flow *f)
{
	return 1u << f->member;
}

/** State one of the member's bits. @return those of all as they were. */
static uint32_t set_bit(const struct flow *f, _Atomic uint32_t *bits, bool is_set)
{
	uint32_t was = atomic_load_explicit(bits, memory_order_relaxed);

	if (is_set && !(was & bit_of(f)))
		atomic_fetch_or_explicit(bits, bit_of(f), memory_order_relaxed);
	if (!is_set && was & bit_of(f))
		atomic_fetch_and_explicit(bits, ~bit_of(f), memory_order_relaxed);
	return was;
}

/** State whether the member has enough to ask. @return is there another that has, and it has not?
 */
static bool is_spare(struct flow *f, bool is_busy)
{
	return (set_bit(f, &f->board->busy, is_busy) & ~bit_of(f)) && !is_busy;
}

bool board_others_ask(const struct flow *f, bool is_asking)
{
	return f->board && set_bit(f, &f->board->asking, is_asking) & ~bit_of(f);
}

bool board_is_ripe(struct flow *f, uint32_t now_us)
{
	struct flow_board *b = f->board;

	if (!b)
		return true;
	if (!f->is_ripe)
		f->ripe_us = now_us;
	f->is_ripe = true;
	uint32_t ripe = set_bit(f, &b->ripe, true) | bit_of(f);
	return (uint32_t)__builtin_popcount(ripe) >= board_n_members(b) ||
	       now_us - f->ripe_us >= RIPE_WAIT_US;
}

void board_attempt(struct flow_board *b, uint32_t n)
{
	uint32_t was = atomic_load_explicit(&b->max_attempt, memory_order_relaxed);

	while (n > was &&
	       !atomic_compare_exchange_weak_explicit(&b->max_attempt, &was, n,
						      memory_order_relaxed, memory_order_relaxed))
		;
}

void board_leave(struct flow *f)
{
	struct flow_board *b = f->board;

	if (!b)
		return;
	struct flow_agreed was = board_read(b), a = was;
	a.leader = 0;
	(void)is_spare(f, false);
	(void)board_others_ask(f, false);
	(void)set_bit(f, &b->ripe, false);
	atomic_fetch_sub_explicit(&b->n_members, 1, memory_order_relaxed);
	if (was.leader == f->member)
		(void)board_exchange(b, &was, &a);
	f->board = NULL;
}

/** Do as is agreed. @return true when a limit began, or silence so far has come to mean nothing. */
static bool adopt(struct flow *f, const struct flow_agreed *a, uint32_t now_us, bool can_end)
{
	bool was_free = f->mode == FLOW_FREE, is_news = was_free || a->epoch != f->epoch;

	f->epoch = a->epoch;
	f->shift = a->shift;
	if (was_free)
		flow_limit_begin(f, now_us);
	if (was_free && a->is_doubt)
		flow_doubt_begin(f);
	f->n_settled += is_news && !was_free;
	f->is_doubt = a->is_doubt;
	f->barren_max = (uint16_t)atomic_load_explicit(&f->board->barren_max, memory_order_relaxed);
	f->mode = a->mode;
	f->is_proven = a->is_proven;
	f->found_gap_ns = a->is_found ? a->gap_ns : 0;
	if (was_free || (can_end && (flow_phase_is_over(f, now_us) || a->gap_ns != f->rate_gap_ns)))
		flow_phase_turn(f, now_us, a->gap_ns, a->is_steady);
	return is_news;
}

/** Take the lead that nobody has. */
static bool lead(struct flow *f, const struct flow_agreed *was, uint32_t now_us)
{
	struct flow_agreed a = *was;

	a.leader = f->member;
	if (!board_exchange(f->board, was, &a))
		return false;
	f->n_barren = 0;
	f->told_settled = f->n_settled;
	flow_phases_restart(f, now_us);
	return true;
}

/** Somebody has finished: the rate is shared by fewer. */
static void share_out(struct flow *f, const struct flow_agreed *a)
{
	uint8_t n = board_n_members(f->board);

	if (!n || n >= a->n_members)
		return;
	flow_set_rate(f, f->rate_gap_ns * (double)n / a->n_members);
	f->found_gap_ns = f->found_gap_ns ? f->rate_gap_ns : 0;
	memset(f->sides, 0, sizeof(f->sides));
}

bool board_obeys(struct flow *f, uint32_t now_us, bool can_end, bool *ret_is_news)
{
	struct flow_agreed a = board_read(f->board);

	if (a.leader == f->member && a.gap_ns) {
		share_out(f, &a);
		return false;
	}
	if (!a.gap_ns && f->mode != FLOW_FREE) {
		f->is_closed = a.is_closed;
		flow_restart(f, now_us);
		*ret_is_news = true;
	}
	if (!a.gap_ns)
		return false;
	*ret_is_news = adopt(f, &a, now_us, can_end);
	return is_spare(f, !f->is_idle) || a.leader || !lead(f, &a, now_us);
}

void board_tell(struct flow *f)
{
	struct flow_agreed was = board_read(f->board), a = {.epoch = was.epoch};

	if (was.gap_ns ? was.leader != f->member : f->mode == FLOW_FREE)
		return; /* not ours to say, or nothing new */
	a.is_closed = f->is_closed;
	a.n_members = board_n_members(f->board);
	a.epoch += f->n_settled != f->told_settled;
	if (f->mode != FLOW_FREE) {
		a.gap_ns = f->rate_gap_ns;
		a.leader = is_spare(f, !f->is_idle) ? 0 : f->member;
		a.shift = f->shift;
		a.is_found = f->found_gap_ns != 0;
		a.is_steady = f->n_barren != 0;
		a.mode = f->mode;
		a.is_proven = f->is_proven;
		a.is_doubt = f->is_doubt;
		atomic_store_explicit(&f->board->barren_max, f->barren_max, memory_order_relaxed);
	}
	if (!board_exchange(f->board, &was, &a))
		return;
	f->epoch = a.epoch;
	f->told_settled = f->n_settled;
}
