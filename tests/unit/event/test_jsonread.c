/* SPDX-License-Identifier: GPL-3.0-or-later */
/* jsonread.c: the records of the golden files come back as facts; broken lines are refused where
 * they break, cut at every byte. */
#include "event/jsonread.h"

#include "support/guard.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char scan[] =
	"{\"schema\":1,\"type\":\"scan\",\"id\":\"x\",\"version\":\"0.1.0\",\"args\":\"prtip\","
	"\"seed\":18446744073709551615,\"start\":\"2026-11-22T01:56:45.123456789Z\",\"kind\":"
	"\"ports\","
	"\"types\":[\"syn\"],\"ports\":{\"tcp\":\"1-3,80\"},\"hosts\":256,\"targets\":"
	"\"00000000000000ff\","
	"\"shard\":{\"index\":2,\"count\":4,\"by\":\"ports\"},\"discovery\":false,\"open_only\":"
	"false,"
	"\"silent_attempt\":1}";
static const char port[] =
	"{\"schema\":1,\"type\":\"port\",\"address\":\"10.0.0.1\",\"port\":25,\"protocol\":\"tcp\","
	"\"state\":\"filtered\",\"reason\":\"admin-prohibited\",\"ttl\":62,\"rtt_us\":null,"
	"\"attempt\":2,"
	"\"from\":\"2001:db8::9\"}";
static const char host[] =
	"{\"schema\":1,\"type\":\"host\",\"address\":\"10.0.0.4\",\"hostname\":\"a\\\"b\",\"ptr\":"
	"\"c\",\"typed\":"
	"true,\"state\":\"up\",\"reason\":\"arp-response\",\"ttl\":null,\"rtt_us\":127,\"mac\":"
	"\"52:54:00:12:34:FF\",\"vendor\":null,\"ports\":{},\"partial\":true,\"dishonest\":\"zero-"
	"window\","
	"\"evidence\":{\"asked\":100,\"open\":4,\"zero_window\":4,\"canaries\":1,\"canaries_open\":"
	"0,"
	"\"ttl_open\":64,\"ttl_other\":null}}";
static const char summary[] = "{\"schema\":1,\"type\":\"summary\",\"elapsed_s\":2.5,\"sent\":1234,"
			      "\"received\":1200,\"hosts\":{\"up\":4,"
			      "\"down\":1},\"ports\":{\"open\":4},\"drops\":{\"local\":2},"
			      "\"duplicates\":3,\"late\":1,\"forged\":5,"
			      "\"rate_pps\":{\"mean\":526,\"max\":600},\"backend\":\"rawip\","
			      "\"exit\":3,\"interrupted\":true}";

static int parse(const char *line, size_t len, struct json_record *ret, struct err_where *w,
		 struct jsonread **ret_r)
{
	struct jsonread *r = jsonread_new();

	assert_non_null(r);
	*ret_r = r;
	return jsonread_line(r, line, len, ret, w);
}

static void records_come_back(void **state)
{
	struct json_record rec;
	struct jsonread *r;

	assert_int_equal(parse(scan, strlen(scan), &rec, NULL, &r), 0);
	assert_int_equal(rec.kind, JSON_SCAN);
	assert_int_equal(rec.scan.seed, UINT64_MAX);
	assert_int_equal(rec.scan.start_wall_ns, 1795312605123456789ull);
	assert_int_equal(rec.scan.ports->of[PORT_TCP].n, 4);
	assert_true(port_bits_has(&rec.scan.ports->of[PORT_TCP], 80));
	assert_int_equal(rec.scan.n_hosts, 256);
	assert_int_equal(rec.scan.targets_sum, 255);
	assert_int_equal(rec.scan.shard_idx, 1);
	assert_int_equal(rec.scan.n_shards, 4);
	assert_true(rec.scan.is_sharded_by_port && rec.scan.skips_discovery);
	assert_string_equal(rec.scan.types[0], "syn");
	jsonread_free(r);
	assert_int_equal(parse(port, strlen(port), &rec, NULL, &r), 0);
	assert_int_equal(rec.kind, JSON_PORT);
	assert_int_equal(rec.port.state, PORT_FILTERED);
	assert_int_equal(rec.port.reason, REASON_ADMIN_PROHIBITED);
	assert_int_equal(rec.port.attempt, 2);
	assert_int_equal(rec.port.from.family, ADDR_V6);
	jsonread_free(r);
	assert_int_equal(parse(host, strlen(host), &rec, NULL, &r), 0);
	assert_int_equal(rec.kind, JSON_HOST);
	assert_string_equal(rec.host.hostname, "a\"b");
	assert_true(rec.host.is_typed && rec.host.done.is_partial && rec.host.found.has_mac);
	assert_int_equal(rec.host.found.mac.b[5], 0xff);
	assert_int_equal(rec.host.done.evidence.n_open, 4);
	assert_int_equal(rec.host.done.evidence.ttl_open, 64);
	jsonread_free(r);
	assert_int_equal(parse(summary, strlen(summary), &rec, NULL, &r), 0);
	assert_int_equal(rec.kind, JSON_SUMMARY);
	assert_int_equal(rec.summary.completed.elapsed_ns, 2500000000ull);
	assert_int_equal(rec.summary.completed.n_forged, 5);
	assert_true(rec.summary.completed.interrupted);
	assert_int_equal(rec.summary.max_pps, 600);
	jsonread_free(r);
}

static void cut_at_every_byte(void **state)
{
	static const char *const all[] = {scan, port, host, summary};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		for (size_t len = 0; len < strlen(all[i]); len++) {
			char *p = (char *)guard_copy(all[i], len);
			struct json_record rec;
			struct err_where w = {0};
			struct jsonread *r;
			assert_int_equal(parse(p, len, &rec, &w, &r), -E_SYNTAX);
			assert_in_range(w.column, 1, len + 1);
			jsonread_free(r);
			guard_free((uint8_t *)p, len);
		}
}

/** Each replacement makes one value wrong; the message names its key and place. */
static void wrong_values(void **state)
{
	static const struct {
		const char *line, *from, *to, *token;
		int code;
	} rows[] = {
		{port, "\"port\":25", "\"port\":65536", "port", -E_RANGE},
		{port, "\"port\":25", "\"port\":2.5", "port", -E_RANGE},
		{port, "\"port\":25", "\"port\":-1", "port", -E_RANGE},
		{port, "10.0.0.1", "10.0.0.256", "address", -E_SYNTAX},
		{port, "\"filtered\"", "\"shut\"", "state", -E_SYNTAX},
		{port, "\"filtered\"", "\"unknown\"", "state", -E_SYNTAX},
		{port, "admin-prohibited", "because", "reason", -E_SYNTAX},
		{port, "\"tcp\"", "\"ddp\"", "protocol", -E_SYNTAX},
		{port, "\"schema\":1", "\"schema\":2", "schema", -E_UNSUPPORTED},
		{port, "\"schema\":1,", "", "schema", -E_SYNTAX},
		{port, "\"type\":\"port\",", "", "type", -E_SYNTAX},
		{port, "2001:db8::9", "router", "from", -E_SYNTAX},
		{scan, "01:56:45", "01-56-45", "start", -E_SYNTAX},
		{scan, "1-3,80", "3-1", "ports", -E_SYNTAX},
		{scan, "1-3,80", "1-,80", "ports", -E_SYNTAX},
		{scan, "1-3,80", "1,70000", "ports", -E_SYNTAX},
		{scan, "\"index\":2", "\"index\":5", "shard", -E_RANGE},
		{scan, "00000000000000ff", "xyz", "targets", -E_SYNTAX},
		{scan, "18446744073709551615", "28446744073709551615", "seed", -E_RANGE},
		{host, "52:54", "52-54", "mac", -E_SYNTAX},
		{host, "\"typed\":true", "\"typed\":1", "typed", -E_SYNTAX},
		{host, "zero-window", "odd", "dishonest", -E_SYNTAX},
		{summary, "\"elapsed_s\":2.5", "\"elapsed_s\":-1", "elapsed_s", -E_RANGE},
		{summary, "\"hosts\":{\"up\":4,", "\"hosts\":{", "up", -E_RANGE},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char line[1024];
		struct json_record rec;
		struct err_where w = {0};
		struct jsonread *r;
		const char *at = strstr(rows[i].line, rows[i].from);

		assert_non_null(at);
		snprintf(line, sizeof(line), "%.*s%s%s", (int)(at - rows[i].line), rows[i].line,
			 rows[i].to, at + strlen(rows[i].from));
		int err = parse(line, strlen(line), &rec, &w, &r);
		if (err != rows[i].code || strcmp(w.token, rows[i].token) != 0)
			fail_msg("%s: %d, token \"%s\"", line, err, w.token);
		assert_true(w.column >= 1 && w.want[0]);
		jsonread_free(r);
	}
}

static void unknown_things_pass(void **state)
{
	static const char later[] = "{\"schema\":1,\"type\":\"dream\",\"x\":[1,{\"y\":null}]}";
	struct json_record rec;
	struct jsonread *r;

	assert_int_equal(parse(later, strlen(later), &rec, NULL, &r), 0);
	assert_int_equal(rec.kind, JSON_OTHER);
	jsonread_free(r);
}

static void files(void **state)
{
	char path[] = "/tmp/prtip-jsonread-XXXXXX";
	int fd = mkstemp(path);
	struct jsonread *r = jsonread_new();
	struct json_record rec;
	struct err_where w = {0};

	assert_true(fd >= 0 && r);
	assert_true(dprintf(fd, "%s\n\n%s\n%.40s", scan, port, host) > 0);
	assert_int_equal(jsonread_open(r, path), 0);
	assert_int_equal(jsonread_next(r, &rec, &w), 1);
	assert_int_equal(rec.kind, JSON_SCAN);
	assert_int_equal(jsonread_next(r, &rec, &w), 1);
	assert_int_equal(rec.kind, JSON_PORT);
	assert_int_equal(jsonread_next(r, &rec, &w), 0);
	assert_true(jsonread_is_cut(r));
	assert_true(dprintf(fd, "\n%s\n", port) > 0);
	assert_int_equal(jsonread_open(r, path), 0);
	assert_false(jsonread_is_cut(r));
	assert_int_equal(jsonread_next(r, &rec, &w), 1);
	assert_int_equal(jsonread_next(r, &rec, &w), 1);
	assert_int_equal(jsonread_next(r, &rec, &w), -E_SYNTAX);
	assert_int_equal(w.line, 4);
	assert_string_equal(w.file, path);
	assert_int_equal(jsonread_open(r, "/tmp/prtip-none"), -ENOENT);
	jsonread_free(r);
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_come_back),
		cmocka_unit_test(cut_at_every_byte),
		cmocka_unit_test(wrong_values),
		cmocka_unit_test(unknown_things_pass),
		cmocka_unit_test(files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
