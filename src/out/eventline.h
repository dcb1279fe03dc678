/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Members that are one number or word each, and whole lines of such. Internal to eventjson.c. */
#pragma once

#include "event/fields.h"

enum {
	EVENTLINE_STEPS = 12,      /* members of a kind that can be prepared */
	EVENTLINE_KEY_CAP = 32,    /* bytes of a member's name and what surrounds it */
	EVENTLINE_TEXT_CAP = 64,   /* of its value */
	EVENTLINE_MAX_BYTES = 2048 /* of the members of a line, with what copies overshoot */
};

/** The lines of one kind of event as pieces that are the same in each and members between them. */
struct eventline {
	const struct event_spec *spec; /* NULL: none */
	uint32_t n_steps;
	uint8_t type_len;
	char type[EVENTLINE_TEXT_CAP]; /* ","type":"port_found","host": */
	struct eventline_step {
		const struct field *f;
		uint8_t key_len, text_len, last_len;
		char key[EVENTLINE_KEY_CAP];   /* ,"port": */
		char text[EVENTLINE_TEXT_CAP]; /* the value in the line before; text_len 0: none */
		uint8_t last[sizeof(struct addr)]; /* the bytes that it was made of */
	} steps[EVENTLINE_STEPS];
};

/** The kinds of member that eventline_put_value() writes. */
bool eventline_has(enum field_kind kind);
/** A member's value. @param p room for EVENTLINE_TEXT_CAP bytes. @return behind it. */
uint8_t *eventline_put_value(const struct field *f, const uint8_t *base, uint8_t *p);
/** Prepare for @p spec. @return false: it has other members, or too many; @p l is as it was. */
bool eventline_prepare(struct eventline *l, const struct event_spec *spec);
/** The members of an event of l->spec, from type to the end of the line. @param p room for
 * EVENTLINE_MAX_BYTES. @return behind them. */
uint8_t *eventline_put(struct eventline *l, uint64_t host_idx, const uint8_t *told, uint8_t *p);
