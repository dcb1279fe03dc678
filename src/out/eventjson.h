/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events as JSON lines by the event table (event/fields.h), and the table as a JSON Schema. */
#pragma once

#include "base/buf.h"
#include "event/fields.h"
#include "out/eventline.h"

#define EVENTJSON_SCHEMA 1

/** What is the same in every line of a log. Thread: one. */
struct eventjson {
	char head[80]; /* {"schema":1,"scan":"UUID","seq": */
	size_t head_len;
	uint64_t second; /* of the time below */
	char time[32];
	struct eventline line; /* of the kind that came last and has one */
};

void eventjson_init(struct eventjson *j, const char *scan_id);
/** {"schema":1,"scan":...,"seq":N,"time":...,"type":TYPE: what every record begins with. */
void eventjson_begin(struct eventjson *j, struct buf *b, uint64_t seq, uint64_t time_ns,
		     const char *type);
/**
 * One event as a line. @param scan what scan_started tells. Of kinds that are logged only.
 * Cost: about 0.1 us for a port.
 */
void eventjson_put(struct eventjson *j, struct buf *b, const struct event *ev,
		   const struct scan_info *scan);
/** The members of a struct, each behind a comma unless it is the first in its object. */
void eventjson_put_fields(struct buf *b, const struct fields *t, const void *of);
/** The schema of a line of the log: JSON Schema 2020-12. */
void eventjson_put_schema(struct buf *b);
