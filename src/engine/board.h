/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the workers behind one bottleneck agree on. Each has a flow of its own for it; when one
 * finds the limit it leads, and the others do as it does: the same rate each, high and low phases
 * at the same time. With a rate of its own each would take the other's answers for its own doing.
 *
 * Thread: any; one word, exchanged whole. Cost: one load of a shared line.
 */
#pragma once

#include "base/compiler.h"

struct flow;

#define BOARD_MEMBERS_MAX 15u

/** @p word is a struct flow_agreed (board.c); all zero: nothing is limited. */
struct flow_board {
	_Atomic uint64_t word;
	_Atomic uint32_t n_members;  /* that still have something to ask */
	_Atomic uint32_t barren_max; /* the leader's, as it began */
	_Atomic uint32_t placed;     /* refused first attempts of all: number << 16 | last place */
	/** Where limits are the rule, refusals so far: number << 16 | those to retransmissions. */
	_Atomic uint32_t refused;
	_Atomic uint32_t busy;     /* members with enough to ask to judge the rate by, a bit each */
	_Atomic uint32_t heard_us; /* when any was answered last, while limited */
	_Atomic uint32_t asking;   /* members with more than last attempts to ask, a bit each */
	_Atomic uint32_t ripe;     /* members that are about to believe silence, a bit each */
	_Atomic uint32_t max_attempt; /* highest that was answered, the excused not counted */
} ALIGNED(64);

/** @param n_members at most BOARD_MEMBERS_MAX. */
void board_init(struct flow_board *b, uint32_t n_members);
/** The flow is member @p i, from 0. @p b NULL: it is alone. Keeps @p b. */
void board_join(struct flow *f, struct flow_board *b, uint32_t i);
/** @return those that still have something to ask. */
uint8_t board_n_members(const struct flow_board *b);
/** A first attempt that stood at @p place was refused. */
void board_place(struct flow_board *b, uint16_t place);
/** Something that limits are the rule of was refused. */
void board_refuse(struct flow_board *b, bool is_late);
/** A member of a limited flow was answered at @p now_us. */
void board_hear(struct flow_board *b, uint32_t now_us);
/** Has any been since @p from_us? */
bool board_has_heard(const struct flow_board *b, uint32_t from_us);
/** State whether the member asks more than last attempts. @return does any other? */
bool board_others_ask(const struct flow *f, bool is_asking);
/**
 * The member is about to believe silence. @return have all others come as far? What they are
 * answered meanwhile says what it is worth. It is waited for a second at most.
 */
bool board_is_ripe(struct flow *f, uint32_t now_us);
/** An answer to attempt @p n. */
void board_attempt(struct flow_board *b, uint32_t n);
/** The member has nothing more to ask: what it had is the others'. Does nothing when it is alone.
 */
void board_leave(struct flow *f);
