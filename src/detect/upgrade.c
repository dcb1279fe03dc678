/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * STARTTLS after -sV knows the service. Each step waits for its answer; bytes that are something
 * else, with a pause behind them, are a refusal, whatever the protocol calls it.
 * Sources: see starttls.c.
 */
#include "detect/upgrade.h"

#include "base/clock.h"
#include "detect/streamtls.h"

#include <string.h>

#define FIRST_WAIT_NS (2 * NS_PER_S)    /* connect, each answer, the handshake */
#define REFUSED_NS    (250 * NS_PER_MS) /* a pause behind an answer that is not the one awaited */
#define RTTS          20u

static void wait_for(const struct upgrade *u, uint64_t ns)
{
	stream_deadline(u->stream, clock_now_ns() + ns + RTTS * (uint64_t)u->rtt_us * NS_PER_US);
}

static void end(struct upgrade *u)
{
	stream_close(u->stream);
	u->stream = NULL;
	u->over(u->ctx);
}

/** @return false when the stream is broken. */
static bool say(const struct upgrade *u, const struct starttls_step *step)
{
	const struct bytes parts[] = {
		step->send,
		{(const uint8_t *)u->name, step->send_more.len ? strlen(u->name) : 0},
		step->send_more};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (parts[i].len && stream_send(u->stream, parts[i].p, parts[i].len) < 0)
			return false;
	return true;
}

/** Say what is due. @return false: it leads nowhere. */
static bool go_on(struct upgrade *u)
{
	while (u->step < u->row->n_steps) {
		const struct starttls_step *step = &u->row->steps[u->step];
		bool is_any = stream_received(u->stream).len > 0;

		if (!starttls_is_met(step, stream_received(u->stream))) {
			wait_for(u, is_any ? REFUSED_NS : FIRST_WAIT_NS);
			return true;
		}
		stream_forget(u->stream);
		if (!say(u, step))
			return false;
		u->step++;
	}
	wait_for(u, FIRST_WAIT_NS);
	return stream_start_tls(u->stream, NULL) == 0;
}

static void on_stream(void *ctx, struct stream *s, enum stream_event ev)
{
	struct upgrade *u = ctx;

	if (stream_tls(s) && ev == STREAM_OPEN)
		(void)streamtls_summary(stream_tls(s), u->text, sizeof(u->text));
	else if (!stream_tls(s) && (ev == STREAM_OPEN || ev == STREAM_DATA) && go_on(u))
		return;
	end(u);
}

int upgrade_begin(struct upgrade *u, struct streams *all, const struct endpoint *to)
{
	const struct stream_to peer = {.to = *to, .layer = STREAM_PLAIN};

	addr_format_bare(&to->addr, u->name);
	int err = stream_open(all, &peer, on_stream, u, &u->stream);
	if (!err)
		wait_for(u, FIRST_WAIT_NS);
	return err;
}

void upgrade_fini(struct upgrade *u)
{
	stream_close(u->stream);
	u->stream = NULL;
}
