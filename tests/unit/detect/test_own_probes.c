/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The built-in probe file on what servers of Debian 12 answered: each line fits its answer whole,
 * none names a program from a part that ends before its mark, and the program is borne out. */
#include "detect/app.h"
#include "detect/evidence.h"
#include "detect/svcfiles.h"
#include "detect/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/guard.h"

#define CAPTURE(t) t, sizeof(t) - 1

static const struct {
	const char *probe, *bytes;
	size_t len;
	const char *service, *product, *version;
	size_t mark; /* bytes that a match needs at least */
} cases[] = {
	{"GetRequest",
	 CAPTURE("cvs [pserver aborted]: bad auth protocol start: GET / HTTP/1.0\r\n"),
	 "cvspserver", "cvs pserver", NULL, 48},
	{"GetRequest",
	 CAPTURE("HTTP/1.0 501 Tor ControlPort is not an HTTP proxy\r\nContent-Type: "
		 "text/html; charset=iso-8859-1\r\n\r\n<html>\n"),
	 "tor-control", "Tor control port", NULL, 51},
	{"TorProtocolInfo",
	 CAPTURE("250-PROTOCOLINFO 1\r\n250-AUTH METHODS=NULL\r\n250-VERSION Tor=\"0.4.9.11\"\r\n"
		 "250 OK\r\n"),
	 "tor-control", "Tor control port", "0.4.9.11", 66},
	{"FirebirdConnect", CAPTURE("\0\0\0\\\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), "firebird",
	 "Firebird RDBMS", NULL, 20},
	{"BaculaHello",
	 CAPTURE("\0\0\0Jhello.c:109 Connection from unknown Director prtip at 127.0.0.1 "
		 "rejected.\n"),
	 "bacula-fd", "Bacula file daemon", NULL, 49},
	{"NrpeCheck", CAPTURE("\0\4\0\2\r\xaa\xd2\x45\0\0\0\0\0\0\0\x0cNRPE v4.1.0\0"), "nrpe",
	 "Nagios NRPE", "4.1.0", 23},
	{"DelugeInfo", CAPTURE("\1\0\0\0\x11x\x9c;\xcc\xc8\xd8j\xa4g\xa0g\x0c\0\x0c\xe2\2<"),
	 "deluge-rpc", "Deluge BitTorrent daemon", NULL, 7},
	{"ZabbixAgent", CAPTURE("ZBXD\1\6\0\0\0\0\0\0\0006.0.14"), "zabbix", "Zabbix agent",
	 "6.0.14", 18},
	{"SaneInit", CAPTURE("\0\0\0\0\1\1\0\3"), "sane-port", "SANE network scanner daemon", NULL,
	 8},
};

static uint32_t probe_of(const struct svcdb *db, const char *name)
{
	for (uint32_t i = 0; i < db->n_probes; i++)
		if (db->probes[i].name.len == strlen(name) &&
		    memcmp(db->probes[i].name.p, name, strlen(name)) == 0)
			return i;
	fail_msg("no probe %s", name);
	return 0;
}

static void check_whole(size_t i, const struct match_hit *hit, struct bytes b)
{
	struct facts *block = facts_new(FACTS_BLOCK_MAX);
	struct service_facts said;

	assert_non_null(block);
	verdict_of(hit, block, &said);
	assert_string_equal(said.name, cases[i].service);
	assert_string_equal(said.product ? said.product : "", cases[i].product);
	assert_string_equal(said.version ? said.version : "",
			    cases[i].version ? cases[i].version : "");
	assert_true(evidence_is_enough(hit, b, said.product));
	facts_free(block);
}

static void lines_fit_their_servers(void **state)
{
	struct bytes text = svcfiles_builtin();
	const char *name = "own";
	struct svcdb *db;
	struct matcher *m;
	struct match_hit hit;

	assert_int_equal(svcdb_parse(&text, &name, 1, &db, NULL), 0);
	assert_int_equal(matcher_new(db, &m), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint32_t probe = probe_of(db, cases[i].probe);
		for (size_t cut = 0; cut <= cases[i].len; cut++) {
			uint8_t *p = guard_copy(cases[i].bytes, cut);
			struct bytes b = {p, cut};
			int rc = matcher_match(m, probe, b, (struct bytes){0}, &hit);
			bool is = rc == 1 && !hit.match->is_soft;
			if (is && cut < cases[i].mark)
				fail_msg("case %zu: %zu bytes are enough", i, cut);
			if (cut == cases[i].len) {
				assert_true(is);
				check_whole(i, &hit, b);
			}
			guard_free(p, cut);
		}
	}
	matcher_free(m);
	svcdb_free(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(lines_fit_their_servers)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
