/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Journal records and files: what is written is read back, and any cut or change of the bytes ends
 * the journal early or is refused, never more. */
#include "engine/journal.h"

#include "support/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { N_EXAMPLES = 7 };

static const char *const words[] = {"prtip", "-p", "1-9", "it's", "", NULL};
static const struct journal_head head = {
	.version = "1.2.3",
	.scan_id = "01234567-89ab-4cde-8f01-23456789abcd",
	.seed = UINT64_MAX,
	.start_wall_ns = 1700000000123456789ull,
	.what = 0xfedcba9876543210ull,
	.shape = {.n_workers = 3, .width = 9, .hosts_per_group = 8192, .has_discovery_pass = true},
	.argv = words,
	.argc = 5,
};

static const struct event *examples(uint32_t *ret_n)
{
	static struct event ev[N_EXAMPLES];
	uint8_t six[16] = {0xfe, 0x80, [15] = 9};
	struct addr a4 = addr_v4(0x0a000001), a6 = addr_v6(six);

	a6.zone = 70000;
	ev[0] = (struct event){.kind = EVENT_HOST_DISCOVERED, .host_idx = 1ull << 61, .part = 7};
	ev[0].host = (struct ev_host){.addr = a6,
				      .state = HOST_UP,
				      .reason = REASON_ND_RESPONSE,
				      .ttl = 255,
				      .has_mac = true,
				      .mac = {{1, 2, 3, 4, 5, 6}},
				      .rtt_us = UINT32_MAX,
				      .from = a4};
	ev[1] = (struct event){.kind = EVENT_PORT_FOUND, .host_idx = 3};
	ev[1].port = (struct ev_port){.addr = a4,
				      .port = 65535,
				      .proto = PROTO_TCP,
				      .state = PORT_CLOSED_FILTERED,
				      .reason = REASON_RESET,
				      .ttl = 1,
				      .attempt = 15,
				      .rtt_us = 128};
	ev[2] = (struct event){.kind = EVENT_HOST_SCANNED, .host_idx = 127};
	ev[2].done =
		(struct ev_host_done){.addr = a4,
				      .state = HOST_DOWN,
				      .reason = REASON_NO_ROUTE,
				      .rto_us = 1,
				      .is_given_up = true,
				      .evidence = {HOST_SYN_PROXY, 8, 7, 255, 1, 70000, 129, 1}};
	ev[3] = (struct event){.kind = EVENT_CHECKPOINT};
	ev[3].checkpoint = (struct ev_checkpoint){.what = CHECKPOINT_GROUP, .group = 1ull << 62};
	ev[4] = (struct event){.kind = EVENT_CHECKPOINT};
	ev[4].checkpoint = (struct ev_checkpoint){.what = CHECKPOINT_SILENT,
						  .n_probes = CHECKPOINT_PROBES_MAX};
	for (uint32_t i = 0; i < CHECKPOINT_PROBES_MAX; i++)
		ev[4].checkpoint.probe[i] = i * 0x10001u;
	ev[5] = (struct event){.kind = EVENT_CHECKPOINT, .host_idx = 5};
	ev[5].checkpoint = (struct ev_checkpoint){.what = CHECKPOINT_DOWN};
	ev[6] = (struct event){.kind = EVENT_NOTHING_FOUND, .host_idx = 1};
	ev[6].nothing = (struct ev_nothing){a4, 65535, PROTO_TCP, EVENT_TLS_FOUND};
	*ret_n = ARRAY_LEN(ev);
	return ev;
}

static void frame_of_examples(struct buf *b)
{
	struct journal_stamp s = {1, 2, 3, UINT64_MAX};
	uint32_t n;
	const struct event *ev = examples(&n);
	size_t start = jrecord_begin(b, JOURNAL_EVENTS);

	jrecord_put_stamp(b, &s);
	for (uint32_t i = 0; i < n; i++)
		jrecord_put_event(b, &ev[i]);
	jrecord_seal(b, start);
}

/** Count events until the end or an error. */
static uint32_t count_events(struct cursor *c)
{
	struct journal_stamp s;
	struct bytes line;
	struct event ev;
	uint32_t n = 0;

	if (jrecord_get_stamp(c, &s) < 0)
		return 0;
	while (jrecord_get_event(c, &ev, &line) > 0)
		n++;
	return n;
}

static void events_come_back(void **state)
{
	enum journal_frame kind;
	struct journal_stamp s;
	struct cursor body;
	struct bytes line;
	struct event ev;
	struct buf b;
	uint32_t n;
	const struct event *want = examples(&n);

	buf_init(&b, 1 << 16);
	frame_of_examples(&b);
	assert_int_equal(jrecord_frame(b.p, b.len, &kind, &body), b.len);
	assert_int_equal(kind, JOURNAL_EVENTS);
	assert_int_equal(jrecord_get_stamp(&body, &s), 0);
	assert_int_equal(s.n_received, UINT64_MAX);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(jrecord_get_event(&body, &ev, &line), 1);
		assert_memory_equal(&ev, &want[i], sizeof(ev));
		assert_null(line.p);
	}
	assert_int_equal(jrecord_get_event(&body, &ev, &line), 0);
	buf_fini(&b);
}

static void lines_come_back(void **state)
{
	static const uint8_t text[] = "{\"type\":\"service_detected\"}";
	static uint8_t huge[JOURNAL_LINE_MAX + 1];
	struct bytes line;
	struct event ev;
	struct buf b;

	buf_init(&b, JOURNAL_FRAME_MAX);
	jrecord_put_line(&b, EVENT_SERVICE_DETECTED, (struct bytes){text, sizeof(text)});
	for (size_t n = 1; n <= b.len; n++) { /* also cut anywhere */
		uint8_t *copy = guard_copy(b.p, n);
		struct cursor c = cursor_of(copy, n);
		assert_int_equal(jrecord_get_event(&c, &ev, &line), n < b.len ? -E_SYNTAX : 1);
		if (n == b.len) {
			assert_int_equal(ev.kind, EVENT_SERVICE_DETECTED);
			assert_int_equal(line.len, sizeof(text));
			assert_memory_equal(line.p, text, sizeof(text));
			assert_int_equal(jrecord_get_event(&c, &ev, &line), 0);
		}
		guard_free(copy, n);
	}
	buf_reset(&b);
	jrecord_put_line(&b, EVENT_TLS_FOUND, (struct bytes){huge, sizeof(huge)});
	struct cursor c = cursor_of(b.p, b.len);
	assert_int_equal(jrecord_get_event(&c, &ev, &line), -E_SYNTAX);
	buf_fini(&b);
}

static void head_comes_back(void **state)
{
	const char *back[8];
	enum journal_frame kind;
	struct journal_head h;
	struct cursor body;
	struct buf b;

	buf_init(&b, 1 << 16);
	size_t start = jrecord_begin(&b, JOURNAL_HEAD);
	jrecord_put_head(&b, &head);
	jrecord_seal(&b, start);
	assert_int_equal(jrecord_frame(b.p, b.len, &kind, &body), b.len);
	struct cursor again = body;
	assert_int_equal(jrecord_get_head(&body, &h, back, ARRAY_LEN(back)), 0);
	assert_string_equal(h.scan_id, head.scan_id);
	assert_int_equal(h.seed, head.seed);
	assert_int_equal(h.what, head.what);
	assert_memory_equal(&h.shape, &head.shape, sizeof(h.shape));
	assert_int_equal(h.argc, head.argc);
	for (uint32_t i = 0; i < h.argc; i++)
		assert_string_equal(h.argv[i], words[i]);
	assert_null(h.argv[h.argc]);
	assert_int_equal(jrecord_get_head(&again, &h, back, 5), -E_SYNTAX);
	buf_fini(&b);
}

/** Every byte may be the last one, and no byte may change unnoticed. */
static void frames_cut_and_changed(void **state)
{
	enum journal_frame kind;
	struct cursor body;
	struct buf b;

	buf_init(&b, 1 << 16);
	frame_of_examples(&b);
	for (size_t len = 0; len < b.len; len++) {
		uint8_t *p = guard_copy(b.p, len);
		assert_int_equal(jrecord_frame(p, len, &kind, &body), 0);
		guard_free(p, len);
	}
	for (size_t bit = 0; bit < b.len * 8; bit++) {
		uint8_t *p = guard_copy(b.p, b.len);
		p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_true(jrecord_frame(p, b.len, &kind, &body) <= 0);
		guard_free(p, b.len);
	}
	buf_fini(&b);
}

/** Bodies behind a right checksum are foreign bytes all the same. */
static void bodies_cut_and_changed(void **state)
{
	enum journal_frame kind;
	struct cursor body;
	struct buf b;
	const char *back[8];
	struct journal_head h;

	buf_init(&b, 1 << 16);
	frame_of_examples(&b);
	assert_int_equal(jrecord_frame(b.p, b.len, &kind, &body), b.len);
	for (size_t len = 0; len <= body.len; len++) {
		uint8_t *p = guard_copy(body.p, len);
		struct cursor c = cursor_of(p, len);
		assert_true(count_events(&c) <= N_EXAMPLES);
		guard_free(p, len);
	}
	for (size_t at = 0; at < body.len; at++)
		for (uint32_t v = 0; v < 256; v += 5) {
			uint8_t *p = guard_copy(body.p, body.len);
			p[at] = (uint8_t)v;
			struct cursor c = cursor_of(p, body.len);
			(void)count_events(&c);
			guard_free(p, body.len);
		}
	buf_reset(&b);
	jrecord_put_head(&b, &head);
	for (size_t len = 0; len < b.len; len++) {
		uint8_t *p = guard_copy(b.p, len);
		struct cursor c = cursor_of(p, len);
		assert_int_equal(jrecord_get_head(&c, &h, back, ARRAY_LEN(back)), -E_SYNTAX);
		guard_free(p, len);
	}
	buf_fini(&b);
}

/* --- files ------------------------------------------------------------------------ */

static char path[] = "/tmp/prtip-journal-XXXXXX";

static int make_file(void **state)
{
	int fd = mkstemp(path);

	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	return unlink(path);
}

/** A journal of @p n_frames frames of all examples. */
static void write_journal(uint32_t n_frames, bool is_complete)
{
	uint32_t n;
	const struct event *ev = examples(&n);
	struct journal *j;

	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(journal_create(path, &head, &j), 0);
	assert_int_equal(journal_append(j), 0);
	for (uint32_t f = 1; f <= n_frames; f++) {
		struct journal_stamp s = {.time_ns = f, .n_sent = 100 * f};
		for (uint32_t i = 0; i < n; i++)
			journal_put(j, &ev[i]);
		assert_int_equal(journal_flush(j, &s), 0);
	}
	if (is_complete)
		assert_int_equal(journal_complete(j), 0);
	assert_int_equal(journal_close(j), 0);
}

/** @return events read; -E_x of journal_open. */
static int read_journal(uint64_t *ret_sent)
{
	struct journal *j;
	struct event ev;
	int n = 0, rc = journal_open(path, &j);

	if (rc)
		return rc;
	while ((rc = journal_next(j, &ev)) > 0)
		n++;
	assert_int_equal(rc, 0);
	*ret_sent = journal_stamp(j)->n_sent;
	assert_int_equal(journal_close(j), 0);
	return n;
}

static void file_comes_back(void **state)
{
	uint64_t n_sent;
	struct journal *j, *other;

	write_journal(40, false);
	assert_int_equal(read_journal(&n_sent), 40 * N_EXAMPLES);
	assert_int_equal(n_sent, 4000);
	assert_int_equal(journal_create(path, &head, &j), -EEXIST);
	assert_int_equal(journal_open(path, &j), 0);
	assert_false(journal_is_complete(j));
	assert_int_equal(journal_head(j)->argc, 5);
	assert_int_equal(journal_open(path, &other), -EBUSY);
	journal_close(j);
	write_journal(2, true);
	assert_int_equal(journal_open(path, &j), 0);
	assert_true(journal_is_complete(j));
	journal_close(j);
	assert_int_equal(journal_open("/tmp/prtip-no-such-journal", &j), -ENOENT);
}

/** Cut anywhere, a journal gives the frames that are whole, and grows again from there. */
static void file_cut_anywhere(void **state)
{
	uint32_t n;
	const struct event *ev = examples(&n);
	struct journal_stamp s = {.n_sent = 7};
	uint64_t n_sent;
	int last = 0;

	write_journal(2, false);
	int fd = open(path, O_RDONLY);
	off_t len = lseek(fd, 0, SEEK_END);
	close(fd);
	for (off_t cut = len; cut >= 0; cut--) {
		struct journal *j;
		struct event got;
		write_journal(2, false);
		assert_int_equal(truncate(path, cut), 0);
		int have = read_journal(&n_sent);
		if (have < 0) {
			assert_int_equal(have, -E_SYNTAX);
			continue;
		}
		assert_int_equal(have % N_EXAMPLES, 0);
		last = MAX(last, have);
		assert_int_equal(journal_open(path, &j), 0);
		while (journal_next(j, &got) > 0)
			;
		assert_int_equal(journal_append(j), 0);
		journal_put(j, &ev[1]);
		assert_int_equal(journal_flush(j, &s), 0);
		assert_int_equal(journal_close(j), 0);
		assert_int_equal(read_journal(&n_sent), have + 1);
		assert_int_equal(n_sent, 7);
	}
	assert_int_equal(last, 2 * N_EXAMPLES);
}

/** Partial hosts and kinds without facts are not kept; a full disk ends the journal once. */
static void what_is_kept(void **state)
{
	struct event ev = {.kind = EVENT_HOST_SCANNED, .done = {.is_partial = true}};
	struct journal_stamp s = {0};
	uint64_t n_sent;
	struct journal *j;

	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(journal_create(path, &head, &j), 0);
	assert_int_equal(journal_append(j), 0);
	journal_put(j, &ev);
	ev = (struct event){.kind = EVENT_WARNING};
	journal_put(j, &ev);
	assert_int_equal(journal_flush(j, &s), 0);
	assert_int_equal(journal_close(j), 0);
	assert_int_equal(read_journal(&n_sent), 0);
	assert_int_equal(journal_create("/dev/full", &head, &j), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_come_back),       cmocka_unit_test(lines_come_back),
		cmocka_unit_test(head_comes_back),        cmocka_unit_test(frames_cut_and_changed),
		cmocka_unit_test(bodies_cut_and_changed), cmocka_unit_test(file_comes_back),
		cmocka_unit_test(file_cut_anywhere),      cmocka_unit_test(what_is_kept),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
