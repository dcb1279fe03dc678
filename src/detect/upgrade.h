/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The certificate behind STARTTLS: one more conversation with a service that is known by now, which
 * asks for TLS as its protocol has it, shakes hands, and is summed up as that of a port where TLS
 * comes first. Whoever does not offer it costs one short conversation. Thread: the loop's.
 */
#pragma once

#include "detect/starttls.h"
#include "detect/stream.h"

enum { UPGRADE_TEXT_CAP = 320 };

/** Owned by the port it is about; all zero: not begun. */
struct upgrade {
	const struct starttls *row;
	struct stream *stream; /* NULL: none, or over */
	uint32_t step, rtt_us;
	char name[ADDR_TEXT_CAP]; /* the server is called this where it must be called something */
	char text[UPGRADE_TEXT_CAP]; /* what the handshake has shown; "": nothing */
	void (*over)(void *ctx);     /* told once, from the loop; the upgrade may be freed in it */
	void *ctx;
};

/**
 * Begin. row, over, ctx and rtt_us are set; the rest is zero.
 * @return 0; -E_AGAIN: no room now; -errno. over is called only after 0.
 */
int upgrade_begin(struct upgrade *u, struct streams *all, const struct endpoint *to) MUST_CHECK;
/** Ends it without a word. */
void upgrade_fini(struct upgrade *u);
