/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Journal frames, heads and events: what is read can be written again and reads the same. */
#include "engine/jrecord.h"

#include <stdlib.h>

static void event_again(const struct event *ev, struct bytes line)
{
	struct bytes again;
	struct event back;
	struct buf b;

	buf_init(&b, JOURNAL_FRAME_MAX);
	line.p ? jrecord_put_line(&b, ev->kind, line) : jrecord_put_event(&b, ev);
	struct cursor c = cursor_of(b.p, b.len);
	if (jrecord_get_event(&c, &back, &again) != 1 || memcmp(&back, ev, sizeof(back)) != 0 ||
	    again.len != line.len || (line.len && memcmp(again.p, line.p, line.len) != 0))
		abort();
	buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const char *words[64];
	enum journal_frame kind;
	struct journal_stamp stamp;
	struct journal_head head;
	struct event ev;
	struct bytes line;
	struct cursor body = cursor_of(p, n), other = body;
	int len = jrecord_frame(p, n, &kind, &body);

	if (len < 0 || (size_t)len > n)
		body = cursor_of(p, n); /* checksums are hard to guess: bodies come bare, too */
	other = body;
	(void)!jrecord_get_head(&other, &head, words, 64);
	if (jrecord_get_stamp(&body, &stamp) == 0)
		while (jrecord_get_event(&body, &ev, &line) > 0)
			event_again(&ev, line);
	return 0;
}
