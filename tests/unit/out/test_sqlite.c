/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of the database: what dbput.c flattens and dbwriter.c stores, dbread.c gives back. */
#include "base/mem.h"
#include "out/dbread.h"
#include "out/dbwriter.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { QUEUE_BYTES = 9000000 };

struct bed {
	char path[40];
	struct dbwriter *w;
	struct buf rows;
	struct facts *block;
	struct dbread in;
};

static void open_bed(struct bed *b)
{
	char why[DB_WHY_CAP] = "";
	const struct db_key key = {.seq = 1};

	snprintf(b->path, sizeof(b->path), "/tmp/prtip-db-XXXXXX");
	close(mkstemp(b->path));
	buf_init(&b->rows, 1 << 20);
	assert_int_equal(dbwriter_open(b->path, QUEUE_BYTES, &b->w, why), 0);
	dbput(dbwriter_tables(b->w), &b->rows, DB_SCANS, &key,
	      &(struct db_scan){.id = "x", .seed = UINT64_MAX, .tcp = "1-3"});
	assert_int_equal(dbwriter_start(b->w, &b->rows, why), 0);
	buf_reset(&b->rows);
}

static void put(struct bed *b, enum db_root root, uint64_t seq, const void *of)
{
	const struct db_key key = {.seq = seq, .host = UINT64_MAX - 1, .has_host = true};

	dbput(dbwriter_tables(b->w), &b->rows, root, &key, of);
}

/** What was put is written, the file closed and opened for reading. */
static void turn(struct bed *b)
{
	char why[DB_WHY_CAP] = "";

	dbwriter_give(b->w, &b->rows, 1);
	assert_int_equal(dbwriter_close(b->w, why), 0);
	assert_int_equal(dbread_open(&b->in, b->path), 0);
	b->block = facts_new(FACTS_HOST_BLOCK_MAX);
	assert_non_null(b->block);
}

static void close_bed(struct bed *b)
{
	dbread_close(&b->in);
	facts_free(b->block);
	buf_fini(&b->rows);
	unlink(b->path);
}

static void get(struct bed *b, enum db_root root, void *ret, uint64_t seq)
{
	struct db_key key = {0};

	assert_int_equal(dbread_start(&b->in, root, 1), 0);
	assert_int_equal(dbread_next(&b->in, root, b->block, &key, ret), 1);
	assert_int_equal(key.seq, seq);
	if (root != DB_SCANS)
		assert_true(key.has_host && key.host == UINT64_MAX - 1);
}

static struct addr address(const char *text)
{
	struct addr a = {0};

	assert_int_equal(addr_parse(text, strlen(text), &a), 0);
	return a;
}

static void plain_rows_come_back(void **state)
{
	struct bed b = {0};
	struct ev_port p = {.addr = address("fe80::1"),
			    .port = 65535,
			    .proto = PROTO_SCTP,
			    .state = PORT_CLOSED_FILTERED,
			    .reason = REASON_ADMIN_PROHIBITED,
			    .ttl = 255,
			    .attempt = 9,
			    .rtt_us = UINT32_MAX,
			    .from = address("10.0.0.1")},
		       q = {0};
	struct db_host h = {.found = {.addr = address("10.0.0.9"),
				      .state = HOST_UP,
				      .reason = REASON_ARP_RESPONSE,
				      .has_mac = true,
				      .mac = {{0, 1, 0xab, 3, 4, 0xff}}},
			    .target_name = "O'Neil; DROP TABLE \"hosts\"",
			    .evidence = {.mark = HOST_SYN_PROXY, .n_open = 7},
			    .start_ns = UINT64_MAX,
			    .is_timed_out = true},
		       i = {0};
	struct db_scan s = {0};

	open_bed(&b);
	p.addr.zone = 7;
	put(&b, DB_PORTS, 5, &p);
	put(&b, DB_HOSTS, 6, &h);
	turn(&b);
	get(&b, DB_PORTS, &q, 5);
	assert_true(addr_equal(&p.addr, &q.addr) && addr_equal(&p.from, &q.from));
	assert_int_equal(q.port, p.port);
	assert_int_equal(q.proto, p.proto);
	assert_int_equal(q.state, p.state);
	assert_int_equal(q.reason, p.reason);
	assert_int_equal(q.ttl, p.ttl);
	assert_int_equal(q.attempt, p.attempt);
	assert_int_equal(q.rtt_us, p.rtt_us);
	get(&b, DB_HOSTS, &i, 6);
	assert_memory_equal(&i.found.mac, &h.found.mac, 6);
	assert_true(i.found.has_mac && i.is_timed_out && !i.is_partial);
	assert_string_equal(i.target_name, h.target_name);
	assert_null(i.name);
	assert_int_equal(i.evidence.mark, HOST_SYN_PROXY);
	assert_int_equal(i.evidence.n_open, 7);
	assert_true(i.start_ns == UINT64_MAX);
	get(&b, DB_SCANS, &s, 1);
	assert_true(s.seed == UINT64_MAX);
	assert_string_equal(s.tcp, "1-3");
	assert_null(s.udp);
	close_bed(&b);
}

static void services_come_back(void **state)
{
	static const uint8_t said[] = {'a', 0, 0xff, '\n'};
	const struct service_facts facts = {.name = "ssh",
					    .version = "9.2",
					    .cpe = {"cpe:/a:x", "cpe:/o:y"},
					    .n_cpe = 2,
					    .tunnel = TUNNEL_TLS,
					    .conf = 10,
					    .is_soft = true,
					    .banner = said,
					    .banner_len = sizeof(said)};
	struct ev_service got = {0};
	struct bed b = {0};

	open_bed(&b);
	put(&b, DB_SERVICES, 3,
	    &(struct ev_service){
		    .addr = address("::1"), .port = 22, .proto = PROTO_TCP, .facts = &facts});
	turn(&b);
	get(&b, DB_SERVICES, &got, 3);
	const struct service_facts *f = got.facts;
	assert_non_null(f);
	assert_string_equal(f->name, "ssh");
	assert_null(f->product);
	assert_int_equal(f->n_cpe, 2);
	assert_string_equal(f->cpe[1], "cpe:/o:y");
	assert_int_equal(f->tunnel, TUNNEL_TLS);
	assert_true(f->is_soft && f->conf == 10);
	assert_int_equal(f->banner_len, sizeof(said));
	assert_memory_equal(f->banner, said, sizeof(said));
	close_bed(&b);
}

/** Lists in lists: rows find their own parent. */
static void lists_come_back(void **state)
{
	static const struct tls_suite_info newer[] = {{"A", NULL, 1, 128}, {"B", "weak", 2, 64}},
					   older[] = {{"C", NULL, 3, 256}};
	static const struct tls_version_info versions[] = {
		{"TLSv1.3", "server", newer, 2, false, false},
		{"TLSv1.1", NULL, NULL, 0, true, false},
		{"TLSv1.0", NULL, older, 1, false, true}};
	static const char *const groups[] = {"x25519", "secp256r1"};
	static const struct cert_pair sans[] = {{"dns", "a.example"}, {"ip", "::1"}};
	static const struct cert_info certs[] = {
		{.subject = "CN=a",
		 .days_left = -3,
		 .path_len = -1,
		 .sans = sans,
		 .n_sans = 9,
		 .n_sans_kept = 2},
		{.subject = "CN=ca", .is_ca = true, .rsa_exponent = 65537}};
	const struct tls_facts facts = {.versions = versions,
					.n_versions = 3,
					.groups = groups,
					.n_groups = 2,
					.certs = certs,
					.n_certs = 2,
					.is_trusted = true};
	struct ev_tls got = {0};
	struct bed b = {0};

	open_bed(&b);
	put(&b, DB_TLS, 8, &(struct ev_tls){.addr = address("::1"), .port = 443, .facts = &facts});
	put(&b, DB_TLS, 9, &(struct ev_tls){.addr = address("::2"), .port = 443, .facts = &facts});
	turn(&b);
	get(&b, DB_TLS, &got, 8);
	const struct tls_facts *f = got.facts;
	assert_int_equal(f->n_versions, 3);
	assert_int_equal(f->versions[0].n_suites, 2);
	assert_string_equal(f->versions[0].suites[1].flaw, "weak");
	assert_int_equal(f->versions[1].n_suites, 0);
	assert_true(f->versions[1].is_cut);
	assert_int_equal(f->versions[2].n_suites, 1);
	assert_string_equal(f->versions[2].suites[0].name, "C");
	assert_int_equal(f->n_groups, 2);
	assert_string_equal(f->groups[1], "secp256r1");
	assert_int_equal(f->n_alpn, 0);
	assert_int_equal(f->n_certs, 2);
	assert_int_equal(f->certs[0].days_left, -3);
	assert_int_equal(f->certs[0].path_len, -1);
	assert_int_equal(f->certs[0].n_sans, 9);
	assert_int_equal(f->certs[0].n_sans_kept, 2);
	assert_string_equal(f->certs[0].sans[1].value, "::1");
	assert_int_equal(f->certs[1].n_sans_kept, 0);
	assert_int_equal(f->certs[1].rsa_exponent, 65537);
	assert_true(f->certs[1].is_ca && f->is_trusted);
	close_bed(&b);
}

static void the_end_comes_back(void **state)
{
	static struct scan_trust trust = {
		.estimate = {.is_known = true, .estimate = 0.971, .low = 0.95, .high = 0.988},
		.ports = {.n_strata = 2,
			  .strata = {{.is_pooled = true}, {.n_hosts = 4, .n_answered = {9, 0, 2}}}},
		.hosts = {.n_silent = {[15] = 5}},
		.bottleneck = "nothing"};
	struct db_summary sum = {.completed =
					 {.n_sent = 77,
					  .n_ports = {[PORT_OPEN] = 3, [PORT_CLOSED_FILTERED] = 4},
					  .trust = &trust,
					  .interrupted = true},
				 .max_pps = 1234},
			  got = {0};
	struct bed b = {0};

	open_bed(&b);
	put(&b, DB_SUMMARIES, 99, &sum);
	turn(&b);
	get(&b, DB_SUMMARIES, &got, 99);
	const struct scan_trust *t = got.completed.trust;
	assert_non_null(t);
	assert_true(t->estimate.is_known && t->estimate.estimate == 0.971 &&
		    t->estimate.high == 0.988);
	assert_int_equal(t->ports.n_strata, 2);
	assert_true(t->ports.strata[0].is_pooled);
	assert_int_equal(t->ports.strata[1].n_answered[2], 2);
	assert_int_equal(t->hosts.n_silent[15], 5);
	assert_string_equal(t->bottleneck, "nothing");
	assert_int_equal(got.completed.n_ports[PORT_CLOSED_FILTERED], 4);
	assert_int_equal(got.completed.n_sent, 77);
	assert_true(got.completed.interrupted);
	assert_int_equal(got.max_pps, 1234);
	close_bed(&b);
}

/** What is not known leaves no struct behind. */
static void no_trust_is_none(void **state)
{
	struct db_summary got = {0};
	struct bed b = {0};

	open_bed(&b);
	put(&b, DB_SUMMARIES, 2, &(struct db_summary){.end_ns = 5});
	turn(&b);
	get(&b, DB_SUMMARIES, &got, 2);
	assert_null(got.completed.trust);
	assert_int_equal(got.end_ns, 5);
	close_bed(&b);
}

/** More than the writer may hold is dropped, counted, and costs nothing but itself. */
static void drops_are_counted(void **state)
{
	char *text = mem_alloc(900000, 1);
	struct bed b = {0};
	struct db_host h = {.name = text};
	char why[DB_WHY_CAP] = "";

	assert_non_null(text);
	memset(text, 'x', 900000 - 1);
	open_bed(&b);
	put(&b, DB_HOSTS, 1, &h);
	/* a second writer holds the file: ours waits, and so does what it is given */
	sqlite3 *other = NULL;
	assert_int_equal(sqlite3_open(b.path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	for (uint32_t i = 0; i < 40; i++) {
		dbwriter_give(b.w, &b.rows, 3);
		buf_reset(&b.rows);
		put(&b, DB_HOSTS, 2 + i, &h);
	}
	assert_true(dbwriter_n_lost(b.w) >= 3 * 20);
	assert_true(dbwriter_n_lost(b.w) <= 3 * 31);
	assert_int_equal(dbwriter_n_lost(b.w) % 3, 0);
	assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	assert_int_equal(dbwriter_close(b.w, why), 0);
	buf_fini(&b.rows);
	unlink(b.path);
	mem_free(text);
}

/** The schema is what version 2 is: a change of the tables behind it needs a new version. */
static void the_schema_stands(void **state)
{
	struct db_tables t;
	struct buf schema;
	char line[8192];
	size_t at = 0;
	FILE *f = fopen(GOLDEN_DIR "/schema.sql", "r");

	assert_non_null(f);
	buf_init(&schema, 1 << 16);
	dbtable_list(&t);
	dbtable_put_schema(&t, &schema);
	const char *text = buf_text(&schema);
	while (fgets(line, sizeof(line), f)) {
		assert_true(at < schema.len);
		assert_memory_equal(text + at, line, strlen(line));
		at += strlen(line);
	}
	assert_int_equal(at, schema.len);
	fclose(f);
	buf_fini(&schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_rows_come_back), cmocka_unit_test(services_come_back),
		cmocka_unit_test(lists_come_back),      cmocka_unit_test(the_end_comes_back),
		cmocka_unit_test(no_trust_is_none),     cmocka_unit_test(drops_are_counted),
		cmocka_unit_test(the_schema_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
