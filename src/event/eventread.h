/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Event logs, read back into events by the table that wrote them (event/fields.h). Lines come from
 * the reader of JSON lines; unknown keys and types are passed over, missing keys are refused.
 * Thread: owner.
 */
#pragma once

#include "event/fields.h"
#include "event/jsonread.h"

enum eventread_kind { EVENTREAD_OTHER, EVENTREAD_HEADER, EVENTREAD_EVENT, EVENTREAD_FOOTER };

/** One line. Everything in it is valid until the next is read, unless the block is held. */
struct event_record {
	enum eventread_kind kind;
	const char *scan_id;
	struct event ev;              /* EVENTREAD_EVENT; certificate_found without facts */
	const struct scan_info *scan; /* of scan_started */
	uint32_t part;                /* of a header or footer */
	const char *next;             /* footer: file that goes on; NULL: the log is complete */
	uint64_t n_dropped;           /* footer: events that are missing */
	struct facts *block;          /* owns what ev and scan point to; NULL: they point nowhere */
};

/** One record from the bytes of a line. @return as jsonread_line. */
int eventread_line(struct jsonread *r, const char *line, size_t len, struct event_record *ret,
		   struct err_where *reterr) MUST_CHECK;
/** The next one of the file that jsonread_open opened. @return as jsonread_next. */
int eventread_next(struct jsonread *r, struct event_record *ret,
		   struct err_where *reterr) MUST_CHECK;
