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
	/* nbd-server 3.24, uWSGI 2.0.21 and xl2tpd 1.3.18 of Debian 12; a Zabbix server as its
	   manual says */
	{"NULL", CAPTURE("NBDMAGICIHAVEOPT\0\3"), "nbd", "", NULL, 18},
	{"UwsgiRequest", CAPTURE("HTTP/1.7 200 OK\r\nContent-Type: text/plain\r\n\r\nhi"), "uwsgi",
	 "", NULL, 13},
	{"ZabbixAgent", CAPTURE("ZBXD\1\x14\0\0\0\0\0\0\0{\"response\":\"failed\"}"), "zabbix", "",
	 NULL, 26},
	{"L2tpStart",
	 CAPTURE("\xc8\2\0\x2d\0\1\0\0\0\0\0\1\x80\x08\0\0\0\0\0\2\x80\x08\0\0\0\2\1\0"
		 "\0\x13\0\0\0\x08xelerance.com"),
	 "l2tp", "xl2tpd", NULL, 20},
	{"L2tpStart", CAPTURE("\xc8\2\0\x14\0\1\0\0\0\0\0\1\x80\x08\0\0\0\0\0\4"), "l2tp", "", NULL,
	 20},
	/* from the protocols' documents */
	{"KafkaApiVersions", CAPTURE("\0\0\0\x10prtp\0\0\0\0\0\1\0\x12\0\0\0\3"), "kafka", "", NULL,
	 18},
	{"CassandraOptions",
	 CAPTURE("\x84\0\0\0\6\0\0\0\x1a\0\1\0\x0b"
		 "CQL_VERSION\0\1\0\0053.4.5"),
	 "cassandra-native", "", NULL, 24},
	{"CassandraOptions",
	 CAPTURE("\x84\0\0\0\6\0\0\0\x3a\0\2\0\x0b"
		 "CQL_VERSION\0\1\0\0053.3.1\0\x0cSCYLLA_SHARD\0\1\0\0010"),
	 "cassandra-native", "ScyllaDB", NULL, 24},
	{"BoltHandshake", CAPTURE("\0\0\4\4"), "bolt", "", NULL, 4},
	{"OpcUaHello", CAPTURE("ACKF\x1c\0\0\0\0\0\0\0\xff\xff\0\0\xff\xff\0\0\0\0\0\1\0\0\0\0"),
	 "opcua-tcp", "", NULL, 8},
	{"OpcUaHello", CAPTURE("ERRF\x10\0\0\0\0\0\x83\x80\0\0\0\0"), "opcua-tcp", "", NULL, 12},
	{"EnipListIdentity",
	 CAPTURE("c\0\x38\0\0\0\0\0\0\0\0\0prtip\0\0\0\0\0\0\0\1\0\x0c\0\x32\0\1\0"
		 "\0\2\xaf\x12\x0a\0\0\1\0\0\0\0\0\0\0\0"
		 "\1\0\x0e\0\x36\0\x14\x0b\x60\x31\x1a\6\x6c\0\x11"
		 "1756-L61 LOGIX556\3"),
	 "EtherNetIP-2", "1756-L61 LOGIX556", "20.11", 65},
	{"EnipListIdentityUdp",
	 CAPTURE("c\0\x38\0\0\0\0\0\0\0\0\0prtip\0\0\0\0\0\0\0\1\0\x0c\0\x32\0\1\0"
		 "\0\2\xaf\x12\x0a\0\0\1\0\0\0\0\0\0\0\0"
		 "\1\0\x0e\0\x36\0\x14\x0b\x60\x31\x1a\6\x6c\0\x11"
		 "1756-L61 LOGIX556\3"),
	 "EtherNetIP-2", "1756-L61 LOGIX556", "20.11", 65},
	{"ModbusDeviceId", CAPTURE("\0\1\0\0\0\3\0\xab\1"), "modbus", "", NULL, 9},
	{"ModbusDeviceId", CAPTURE("\0\1\0\0\0\x1d\0\x2b\x0e\1\1\0\0\3\0\6Vendor\1\4PLC1\2\5v1.20"),
	 "modbus", "Vendor PLC1", "v1.20", 29},
	{"CotpConnect", CAPTURE("\3\0\0\x16\x11\xd0\0\1\0\2\0\xc0\1\x0a"), "iso-tsap", "", NULL,
	 11},
	{"Iec104TestFrame", CAPTURE("h\4\x83\0\0\0"), "iec-104", "", NULL, 6},
	{"BacnetModelName",
	 CAPTURE("\x81\x0a\0\x1c\1\0\x30\1\x0c\x0c\2\0\4\xd2\x19\x46\x3e\x75\5\0Ctrl\x3f"),
	 "bacnet", "", NULL, 22},
	{"BacnetModelName", CAPTURE("\x81\x0a\0\x0d\1\0\x50\1\x0c\x91\1\x91\x1f"), "bacnet", "",
	 NULL, 8},
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
