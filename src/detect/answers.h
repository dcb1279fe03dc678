/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a port said to each probe, for the fingerprint of a service that nobody recognises: the form
 * of nmap's SF lines, so that the same eyes and tools read it.
 */
#pragma once

#include "base/buf.h"

#define ANSWER_BYTES_MAX  900u  /* of one answer */
#define ANSWERS_BYTES_MAX 2200u /* of the whole text, as nmap keeps them */

struct answers {
	struct buf text; /* %r(Probe,LEN,"...") one behind the other */
};

/** What stands at the head of a fingerprint. */
struct answers_head {
	uint16_t port;
	uint8_t proto, intensity;
	bool is_tls;
	uint64_t wall_ns;
	const char *version;
};

void answers_init(struct answers *a);
void answers_fini(struct answers *a);
/** Keep the answer to a probe, cut; nothing once the text is long enough. */
void answers_add(struct answers *a, struct bytes probe_name, struct bytes answer);
/** "SF-Port80-TCP:V=...%r(...);" in one line, appended to @p out; nothing without an answer. */
void answers_put(const struct answers *a, const struct answers_head *h, struct buf *out);
