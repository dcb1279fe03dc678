/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The probe file reader: every directive, every complaint with its place, cut anywhere. */
#include "detect/svcdb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/guard.h"

static const char file[] =
	"# comment\r\n"
	"Exclude T:9100-9107,9200,U:5,7-9\n"
	"Probe TCP NULL q||\n"
	"totalwaitms 6000\n"
	"tcpwrappedms 2500\n"
	"match ssh m|^SSH-([\\d.]+)|i p/Secure Shell/ v/$1/ cpe:/a:openbsd:ssh:$1/a\n"
	"softmatch ftp m=^220 =s\n"
	"\n"
	"Probe TCP Get q|GET \\x41\\0\\r\\n\\\\|\n"
	"rarity 3\n"
	"ports 80,8000-8010,82,81\n"
	"sslports 443\n"
	"fallback Udp, NULL\n"
	"match http m/^HTTP/ p|x| i'y' h(z(o.O.d;D;\n"
	"Probe UDP Udp q/x/ no-payload\n";

static int parse(const char *text, size_t len, struct svcdb **db, struct err_where *w)
{
	const char *name = "test";
	struct bytes b = {(const uint8_t *)text, len};

	return svcdb_parse(&b, &name, 1, db, w);
}

static bool is(struct bytes b, const char *text)
{
	return b.len == strlen(text) && !memcmp(b.p, text, b.len);
}

static void every_directive(void **state)
{
	struct svcdb *db;

	(void)state;
	assert_int_equal(parse(file, sizeof(file) - 1, &db, NULL), 0);
	assert_int_equal(db->n_probes, 3);
	assert_int_equal(db->null_probe, 0);
	assert_int_equal(db->exclude[PORT_TCP].n, 2);
	assert_true(svc_ports_has(&db->exclude[PORT_TCP], 9107));
	assert_true(svc_ports_has(&db->exclude[PORT_TCP], 9200));
	assert_false(svc_ports_has(&db->exclude[PORT_TCP], 5));
	assert_true(svc_ports_has(&db->exclude[PORT_UDP], 8));
	assert_false(svc_ports_has(&db->exclude[PORT_UDP], 6));

	const struct svc_probe *p = &db->probes[0];
	assert_int_equal(p->totalwait_ms, 6000);
	assert_int_equal(p->tcpwrapped_ms, 2500);
	assert_int_equal(p->payload_len, 0);
	assert_int_equal(p->n_chain, 1);
	assert_int_equal(p->n_matches, 2);
	assert_true(is(p->matches[0].service, "ssh"));
	assert_true(is(p->matches[0].pattern, "^SSH-([\\d.]+)"));
	assert_true(p->matches[0].is_caseless && !p->matches[0].is_dotall);
	assert_int_equal(p->matches[0].line, 6);
	assert_true(p->matches[1].is_soft && p->matches[1].is_dotall);

	p = &db->probes[1];
	assert_int_equal(p->payload_len, 9);
	assert_memory_equal(p->payload, "GET A\0\r\n\\", 9);
	assert_int_equal(p->rarity, 3);
	assert_int_equal(p->totalwait_ms, 5000);
	assert_int_equal(p->ports.n, 2); /* 80-82 and 8000-8010 */
	assert_true(svc_ports_has(&p->ports, 8005) && svc_ports_has(&p->sslports, 443));
	assert_false(svc_ports_has(&p->ports, 83));
	/* itself, the UDP probe, NULL as named and NULL as every TCP probe has it */
	assert_int_equal(p->n_chain, 4);
	assert_int_equal(p->chain[0], 1);
	assert_int_equal(p->chain[1], 2);
	assert_int_equal(p->chain[2], 0);
	assert_true(db->probes[2].has_no_payload);
	assert_int_equal(db->probes[2].proto, PROTO_UDP);
	assert_int_equal(db->probes[2].n_chain, 1);
	svcdb_free(db);
}

static void templates(void **state)
{
	static const struct {
		int field;
		const char *text;
	} want[] = {{SVC_PRODUCT, "x"},
		    {SVC_EXTRAINFO, "y"},
		    {SVC_HOSTNAME, "z"},
		    {SVC_OSTYPE, "O"},
		    {SVC_DEVICETYPE, "D"}};
	struct svcdb *db;
	struct bytes left, text;

	(void)state;
	assert_int_equal(parse(file, sizeof(file) - 1, &db, NULL), 0);
	left = db->probes[1].matches[0].templates;
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		assert_int_equal(svc_templates_next(&left, &text), want[i].field);
		assert_true(is(text, want[i].text));
	}
	assert_int_equal(svc_templates_next(&left, &text), -1);
	left = db->probes[0].matches[0].templates;
	assert_int_equal(svc_templates_next(&left, &text), SVC_PRODUCT);
	assert_int_equal(svc_templates_next(&left, &text), SVC_VERSION);
	assert_int_equal(svc_templates_next(&left, &text), SVC_CPE);
	assert_true(is(text, "a:openbsd:ssh:$1"));
	assert_int_equal(svc_templates_next(&left, &text), -1);
	svcdb_free(db);
}

static void complaints(void **state)
{
	static const struct {
		const char *text;
		uint32_t line, column;
		const char *token;
		int code;
	} rows[] = {
		{"match x m|y|", 1, 1, "match", -E_SYNTAX},
		{"Probe SCTP A q|x|", 1, 7, "SCTP", -E_SYNTAX},
		{"Probe TCP", 1, 10, "", -E_SYNTAX},
		{"Probe TCP A p|x|", 1, 13, "p|x|", -E_SYNTAX},
		{"Probe TCP A q|x", 1, 13, "q|x", -E_SYNTAX},
		{"Probe TCP A q|x| junk", 1, 18, "junk", -E_SYNTAX},
		{"Probe TCP A q|a\\z|", 1, 16, "\\z", -E_SYNTAX},
		{"Probe TCP A q|\\x4|", 1, 15, "\\x4", -E_SYNTAX},
		{"Probe TCP A q|x|\nrarity 0", 2, 8, "0", -E_RANGE},
		{"Probe TCP A q|x|\nrarity 10", 2, 8, "10", -E_RANGE},
		{"Probe TCP A q|x|\nrarity 1 2", 2, 10, "2", -E_SYNTAX},
		{"Probe TCP A q|x|\ntotalwaitms 99999999999", 2, 13, "99999999999", -E_RANGE},
		{"Probe TCP A q|x|\ntcpwrappedms x", 2, 14, "x", -E_RANGE},
		{"Probe TCP A q|x|\nports 1,65536", 2, 9, "65536", -E_SYNTAX},
		{"Probe TCP A q|x|\nports 9-8", 2, 7, "9-8", -E_SYNTAX},
		{"Probe TCP A q|x|\nports 1,,2", 2, 9, "", -E_SYNTAX},
		{"Probe TCP A q|x|\n\nmatch", 3, 6, "", -E_SYNTAX},
		{"Probe TCP A q|x|\nmatch s m|x", 2, 9, "m|x", -E_SYNTAX},
		{"Probe TCP A q|x|\nmatch s m|x|q", 2, 13, "q", -E_SYNTAX},
		{"Probe TCP A q|x|\nmatch s m|x| z/y/", 2, 14, "z/y/", -E_SYNTAX},
		{"Probe TCP A q|x|\nmatch s m|x| p/y", 2, 14, "p/y", -E_SYNTAX},
		{"Probe TCP A q|x|\nfallback B", 1, 1, "B", -E_NAME},
		{"Foo bar", 1, 1, "Foo", -E_SYNTAX},
		{"Exclude T:x", 1, 11, "x", -E_SYNTAX},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err_where w = {0};
		struct svcdb *db = NULL;
		assert_int_equal(parse(rows[i].text, strlen(rows[i].text), &db, &w), rows[i].code);
		assert_null(db);
		assert_int_equal(w.line, rows[i].line);
		assert_int_equal(w.column, rows[i].column);
		assert_string_equal(w.token, rows[i].token);
		assert_string_equal(w.file, "test");
		assert_true(w.want[0]);
	}
}

/** A second file adds matches behind those of the first, and probes of its own. */
static void two_files(void **state)
{
	static const char more[] = "Probe TCP NULL q||\nmatch a m|b|\nProbe TCP New q|n|\n";
	const char *names[] = {"one", "two"};
	struct bytes both[] = {{(const uint8_t *)file, sizeof(file) - 1},
			       {(const uint8_t *)more, sizeof(more) - 1}};
	struct svcdb *db;

	(void)state;
	assert_int_equal(svcdb_parse(both, names, 2, &db, NULL), 0);
	assert_int_equal(db->n_probes, 4);
	assert_int_equal(db->probes[0].n_matches, 3);
	assert_true(is(db->probes[0].matches[2].service, "a"));
	assert_int_equal(db->probes[0].matches[2].file, 1);
	assert_int_equal(db->probes[0].totalwait_ms, 6000);
	svcdb_free(db);
}

static void cut_anywhere(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(file); len++) {
		uint8_t *p = guard_copy(file, len);
		struct svcdb *db = NULL;
		int err = parse((const char *)p, len, &db, NULL);
		assert_true(err <= 0);
		if (!err)
			svcdb_free(db);
		guard_free(p, len);
	}
}

/** The installed file of nmap is read to its end. */
static void installed(void **state)
{
	FILE *f = fopen("/usr/share/nmap/nmap-service-probes", "rb");
	size_t cap = 16u << 20, n;
	uint32_t n_matches = 0;
	struct svcdb *db;

	(void)state;
	if (!f)
		skip();
	char *text = malloc(cap);
	n = fread(text, 1, cap, f);
	fclose(f);
	uint64_t before = mem_n_allocs();
	assert_int_equal(parse(text, n, &db, NULL), 0);
	assert_true(mem_n_allocs() - before < 2000);
	assert_true(db->n_probes > 100);
	for (uint32_t i = 0; i < db->n_probes; i++)
		n_matches += db->probes[i].n_matches;
	assert_true(n_matches > 5000);
	svcdb_free(db);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_directive), cmocka_unit_test(templates),
		cmocka_unit_test(complaints),      cmocka_unit_test(two_files),
		cmocka_unit_test(cut_anywhere),    cmocka_unit_test(installed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
