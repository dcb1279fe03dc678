/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The event table against itself: structs of random content, filled by the table, are written, read
 * back and written again: the lines are equal, so no member is lost on the way. The log's files:
 * numbers, footers, rotation.
 */
#include "event/eventread.h"
#include "out/eventjson.h"
#include "out/eventlog.h"

#include "base/clock.h"
#include "support/guard.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define UUID     "01234567-89ab-4cde-8f01-23456789abcd"
#define START_NS 1795312605123456789ull

/* --- random structs ------------------------------------------------------------------ */

static struct facts *block;
static uint32_t state = 1;

static uint32_t roll(uint32_t below)
{
	state = state * 1664525u + 1013904223u;
	return (state >> 8) % below;
}

static void fill_struct(const struct fields *t, uint8_t *to);

static char *random_text(void)
{
	static const char *const texts[] = {"a", "open ssh", "q\"\\\n<&>", "\xc3\xa9t\xc3\xa9", ""};
	const char *s = texts[roll(ARRAY_LEN(texts))];

	return memcpy(facts_alloc(block, strlen(s) + 1), s, strlen(s) + 1);
}

static void fill_value(const struct field *f, uint8_t *base);

static void fill_elements(const struct field *f, uint8_t *to, uint32_t n)
{
	const struct field e = {.kind = f->elem,
				.size = f->elem_size,
				.of = f->of,
				.words = f->words,
				.is_needed = true};

	for (uint32_t i = 0; i < n; i++)
		fill_value(&e, to + i * f->elem_size);
}

static void put_pointer(const struct field *f, uint8_t *base, const void *p)
{
	memcpy(base + f->offset, &p, sizeof(p));
}

static void fill_counted(const struct field *f, uint8_t *base)
{
	uint32_t cap = f->kind == FIELD_ARRAY ? f->cap : 3, n = roll(MIN(cap, 3u) + 1);
	uint8_t *to = base + f->offset;

	if (f->kind != FIELD_ARRAY)
		to = facts_alloc(block, MAX(n, 1u) * MAX(f->elem_size, 1u));
	if (f->kind == FIELD_BYTES)
		for (uint32_t i = 0; i < n; i++)
			to[i] = (uint8_t)roll(256);
	else
		fill_elements(f, to, n);
	if (f->kind != FIELD_ARRAY)
		put_pointer(f, base, to);
	if (f->count_size)
		field_set_uint(base + f->count_offset, f->count_size, n);
}

static void fill_ports(const struct field *f, uint8_t *base)
{
	struct port_set *set = facts_alloc(block, sizeof(*set));

	for (uint32_t p = 0; p < PORT_PROTO_N; p++) {
		for (uint32_t i = roll(4); i; i--)
			port_bits_add(&set->of[p], (uint16_t)roll(65536));
		port_bits_seal(&set->of[p]);
	}
	put_pointer(f, base, set);
}

static void fill_number(const struct field *f, uint8_t *base)
{
	uint64_t v = (uint64_t)roll(1 << 24) << 40 ^ (uint64_t)roll(1 << 24) << 20 ^ roll(1 << 24);
	int64_t narrow = (int32_t)v;
	double real = (double)roll(1000) / 7;

	if (f->kind == FIELD_REAL)
		memcpy(base + f->offset, &real, sizeof(real));
	else if (f->kind == FIELD_INT)
		memcpy(base + f->offset, &narrow, f->size);
	else
		field_set_uint(base + f->offset, f->size, roll(3) ? v : roll(2));
}

static void fill_value(const struct field *f, uint8_t *base)
{
	static const uint8_t protos[] = {PROTO_TCP, PROTO_UDP, PROTO_SCTP, PROTO_ICMP, 0};
	struct addr a = roll(2) ? addr_v4(roll(1 << 24)) : (struct addr){.family = ADDR_V6};
	uint8_t *to;

	switch ((enum field_kind)f->kind) {
	case FIELD_UINT:
	case FIELD_INT:
	case FIELD_REAL:
		fill_number(f, base);
		break;
	case FIELD_TIME:
		field_set_uint(base + f->offset, f->size, START_NS + roll(1 << 24));
		break;
	case FIELD_BOOL:
		base[f->offset] = roll(2) != 0;
		break;
	case FIELD_TEXT:
		put_pointer(f, base, f->is_needed || roll(2) ? random_text() : NULL);
		break;
	case FIELD_CHARS:
		snprintf((char *)base + f->offset, f->size, "%s", random_text());
		break;
	case FIELD_WORD:
		field_set_uint(base + f->offset, f->size, roll(f->words->n));
		break;
	case FIELD_PROTO:
		base[f->offset] = protos[roll(ARRAY_LEN(protos))];
		break;
	case FIELD_ADDR:
		a.b[3] = 1;
		a.zone = a.family == ADDR_V6 ? roll(3) : 0;
		if (roll(5))
			memcpy(base + f->offset, &a, sizeof(a));
		break;
	case FIELD_MAC:
		base[f->count_offset] = roll(2) != 0;
		for (uint32_t i = 0; i < sizeof(struct mac); i++)
			base[f->offset + i] = (uint8_t)roll(256);
		break;
	case FIELD_PORTS:
		fill_ports(f, base);
		break;
	case FIELD_STRUCT:
		fill_struct(f->of, base + f->offset);
		break;
	case FIELD_POINTER:
		to = facts_alloc(block, f->of->size);
		fill_struct(f->of, to);
		put_pointer(f, base, to);
		break;
	default:
		fill_counted(f, base);
		break;
	}
}

static void fill_struct(const struct fields *t, uint8_t *to)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (!t->f[i].is_derived)
			fill_value(&t->f[i], to);
}

/** An event of the kind; *ret_scan for scan_started. */
static struct event random_event(uint32_t kind, const struct scan_info **ret_scan)
{
	const struct event_spec *spec = &event_specs[kind];
	struct event ev = {.kind = kind, .seq = roll(1 << 20), .time_ns = START_NS};
	struct told_certificate cert = {0};
	struct tls_facts *tls = facts_alloc(block, sizeof(*tls));
	uint8_t *scan = facts_alloc(block, sizeof(struct scan_info));

	if (spec->is_of_host)
		ev.host_idx = UINT64_MAX - roll(9);
	if (kind == EVENT_CERTIFICATE_FOUND) {
		fill_struct(spec->fields, (uint8_t *)&cert);
		tls->certs = cert.cert;
		ev.tls = (struct ev_tls){.addr = cert.addr, .port = cert.port, .facts = tls};
	} else if (spec->fields) {
		fill_struct(spec->fields, spec->is_of_scan ? scan : (uint8_t *)&ev + spec->offset);
	}
	*ret_scan = (const struct scan_info *)(void *)scan;
	return ev;
}

/* --- the table --------------------------------------------------------------------------- */

/** One line, and nothing that steers a terminal: no C0, DEL or C1. */
static void check_harmless(const struct buf *b)
{
	for (size_t i = 0; i + 1 < b->len; i++) {
		assert_true(b->p[i] >= 0x20 && b->p[i] != 0x7f);
		assert_false(b->p[i] == 0xc2 && b->p[i + 1] < 0xa0);
	}
	assert_int_equal(b->p[b->len - 1], '\n');
}

static void every_member_comes_back(void **unused)
{
	struct jsonread *r = jsonread_new();
	struct eventjson j;
	struct buf a, b;

	buf_init(&a, 1 << 24);
	buf_init(&b, 1 << 24);
	eventjson_init(&j, UUID);
	for (uint32_t n = 0; n < 200 * EVENT_N; n++) {
		const struct scan_info *scan;
		struct event_record rec;
		struct err_where w = {0};
		uint32_t kind = n % EVENT_N;
		if (!event_specs[kind].is_logged)
			continue;
		block = facts_new(1 << 24);
		struct event ev = random_event(kind, &scan);
		buf_reset(&a);
		eventjson_put(&j, &a, &ev, scan);
		check_harmless(&a);
		int err = eventread_line(r, (const char *)a.p, a.len - 1, &rec, &w);
		if (err)
			fail_msg("%s: %s in %.*s", w.token, w.want, (int)a.len, (char *)a.p);
		assert_int_equal(rec.kind, EVENTREAD_EVENT);
		assert_int_equal(rec.ev.kind, kind);
		if (kind != EVENT_CERTIFICATE_FOUND) {
			buf_reset(&b);
			eventjson_put(&j, &b, &rec.ev, rec.scan);
			assert_string_equal(buf_text(&a), buf_text(&b));
		}
		facts_free(block);
	}
	buf_fini(&a);
	buf_fini(&b);
	jsonread_free(r);
}

static void cut_anywhere_it_is_refused(void **unused)
{
	struct jsonread *r = jsonread_new();
	struct eventjson j;
	struct buf a;

	buf_init(&a, 1 << 24);
	eventjson_init(&j, UUID);
	for (uint32_t kind = 0; kind < EVENT_N; kind++) {
		const struct scan_info *scan;
		struct event_record rec;
		struct err_where w;
		if (!event_specs[kind].is_logged)
			continue;
		block = facts_new(1 << 24);
		struct event ev = random_event(kind, &scan);
		buf_reset(&a);
		eventjson_put(&j, &a, &ev, scan);
		for (size_t len = 0; len < MIN(a.len - 1, 700ul); len++) {
			uint8_t *g = guard_copy(a.p, len);
			assert_true(eventread_line(r, (const char *)g, len, &rec, &w) < 0);
			guard_free(g, len);
		}
		facts_free(block);
	}
	buf_fini(&a);
	jsonread_free(r);
}

/** What the queue copies of an event lies inside it. */
static void told_parts_lie_in_the_event(void **unused)
{
	for (uint32_t k = 0; k < EVENT_N; k++) {
		const struct event_spec *s = &event_specs[k];
		assert_non_null(s->name);
		assert_true(s->offset + s->len <= sizeof(struct event));
		if (s->fields && !s->is_of_scan && k != EVENT_CERTIFICATE_FOUND)
			assert_int_equal(s->fields->size, s->len);
		for (uint32_t other = 0; other < k; other++)
			assert_string_not_equal(s->name, event_specs[other].name);
	}
}

/* --- files --------------------------------------------------------------------------------- */

/** Read the log through its parts. @return events; numbers must rise. */
static uint64_t count_events(const char *path, uint64_t *ret_dropped, uint32_t *ret_parts)
{
	struct jsonread *r = jsonread_new();
	struct event_record rec;
	struct err_where w;
	char at[128], next[128];
	uint64_t n = 0, seq = 0;

	snprintf(at, sizeof(at), "%s", path);
	for (*ret_parts = 0; at[0]; (*ret_parts)++) {
		assert_int_equal(jsonread_open(r, at), 0);
		next[0] = '\0';
		while (eventread_next(r, &rec, &w) > 0) {
			if (rec.kind == EVENTREAD_EVENT) {
				assert_true(rec.ev.seq > seq);
				seq = rec.ev.seq;
				n++;
			} else if (rec.kind == EVENTREAD_FOOTER) {
				*ret_dropped = rec.n_dropped;
				if (rec.next)
					snprintf(next, sizeof(next), "/tmp/%.100s", rec.next);
			}
		}
		unlink(at);
		memcpy(at, next, sizeof(at));
	}
	jsonread_free(r);
	return n;
}

static void publish_ports(struct bus *bus, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct event ev = {.kind = EVENT_PORT_FOUND};
		ev.port = (struct ev_port){.addr = addr_v4(1), .port = (uint16_t)i, .proto = 6};
		bus_publish(bus, &ev);
	}
}

static struct eventlog_totals run_log(struct eventlog_conf *conf, uint32_t n, int want)
{
	static const struct scan_info scan = {.version = "0", .scan_id = UUID};
	struct eventlog_totals t;
	struct err_where w = {0};
	struct eventlog *log;
	struct bus bus;

	conf->scan = &scan;
	bus_init(&bus, &scan);
	assert_int_equal(eventlog_open(conf, &log, &w), 0);
	assert_int_equal(eventlog_start(log, &bus), 0);
	publish_ports(&bus, n / 2);
	eventlog_sync(log);
	publish_ports(&bus, n - n / 2);
	assert_int_equal(eventlog_close(log, &t, &w), want);
	assert_int_equal(t.n_written + t.n_dropped, n);
	return t;
}

static void files_follow_each_other(void **unused)
{
	char path[] = "/tmp/prtip-elog-XXXXXX";
	struct eventlog_conf conf = {.path = path, .file_max_bytes = 20000};
	uint64_t n_dropped = 1;
	uint32_t n_parts;

	close(mkstemp(path));
	struct eventlog_totals t = run_log(&conf, 1000, 0);
	assert_int_equal(count_events(path, &n_dropped, &n_parts), 1000);
	assert_int_equal(n_dropped, 0);
	assert_int_equal(n_parts, t.n_files);
	assert_in_range(n_parts, 8, 20);
}

static void what_does_not_fit_is_counted(void **unused)
{
	char path[] = "/tmp/prtip-elog-XXXXXX";
	struct eventlog_conf conf = {.path = path, .queue_max_bytes = 2 << 14};
	uint64_t n_dropped;
	uint32_t n_parts;

	close(mkstemp(path));
	/* all of the second half comes before the thread, which starts with the sixteenth of
	 * two, ever sees any of it */
	struct eventlog_totals t = run_log(&conf, 4000, 0);
	assert_in_range(t.n_dropped, 1, 3999);
	assert_int_equal(count_events(path, &n_dropped, &n_parts), t.n_written);
	assert_int_equal(n_dropped, t.n_dropped);
}

static void a_full_disk_is_told(void **unused)
{
	struct eventlog_conf conf = {.path = "/dev/full"};

	assert_int_equal(run_log(&conf, 1000, -ENOSPC).n_written, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_member_comes_back),
		cmocka_unit_test(cut_anywhere_it_is_refused),
		cmocka_unit_test(told_parts_lie_in_the_event),
		cmocka_unit_test(files_follow_each_other),
		cmocka_unit_test(what_does_not_fit_is_counted),
		cmocka_unit_test(a_full_disk_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
