/* SPDX-License-Identifier: GPL-3.0-or-later */
/* jsonfacts.c: records of detection come back as facts; broken ones are refused where they break,
 * cut at every byte. */
#include "event/jsonread.h"

#include "support/guard.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define AT "\"address\":\"10.0.0.1\",\"port\":443,\"protocol\":\"tcp\""
static const char service[] =
	"{\"schema\":1,\"type\":\"service\"," AT ",\"name\":\"http\",\"product\":\"a<b\","
	"\"version\":null,\"extrainfo\":null,\"hostname\":\"h\",\"ostype\":null,\"devicetype\":"
	"null,\"cpe\":[\"cpe:/a:x\",\"cpe:/o:y\"],\"tunnel\":\"tls\",\"method\":\"probed\","
	"\"conf\":10,\"tls_summary\":\"TLSv1.3; h\",\"fingerprint\":\"SF-Port443-TCP:V=0&<x>\"}";
static const char banner[] =
	"{\"schema\":1,\"type\":\"banner\"," AT ",\"banner\":\"\\u001b[1m \\\\xff\"}";
static const char tls[] =
	"{\"schema\":1,\"type\":\"tls\"," AT ",\"sni\":null,\"versions\":[{\"version\":\"TLSv1.2\","
	"\"order\":\"server\",\"complete\":true,\"compression\":false,\"suites\":[{\"id\":10,"
	"\"name\":\"TLS_RSA_WITH_3DES_EDE_CBC_SHA\",\"bits\":112,\"flaw\":\"64-bit blocks\"}]}],"
	"\"groups\":[\"x25519\"],\"alpn\":[\"h2\",\"http/1.1\"],\"dh_bits\":1024,"
	"\"secure_renegotiation\":true,\"jarm\":\"00\",\"certificates\":2,\"trusted\":false,"
	"\"trust\":\"self-signed\",\"name_checked\":\"a\",\"name_matches\":true,"
	"\"connections\":50,\"complete\":true,\"findings\":[{\"code\":\"expired\",\"severity\":"
	"\"high\",\"text\":\"it's old\"}]}";
static const char cert[] =
	"{\"schema\":1,\"type\":\"certificate\"," AT ",\"chain_index\":1,\"subject\":\"CN=a&b\","
	"\"issuer\":\"CN=c\",\"serial\":\"0a\",\"not_before\":\"1969-12-31T23:59:59Z\","
	"\"not_after\":\"9999-12-31T23:59:59Z\",\"days_left\":-3,\"key\":\"rsa\",\"key_bits\":2048,"
	"\"curve\":null,\"signature\":\"rsassaPss\",\"hash\":\"sha256\",\"salt_bytes\":0,"
	"\"rsa_exponent\":65537,\"sans\":[{\"kind\":\"dns\",\"value\":\"a\"},{\"kind\":\"uri\","
	"\"value\":\"<>\"}],\"n_sans\":3,\"key_usage\":[\"keyCertSign\",\"cRLSign\"],"
	"\"extended_key_usage\":null,\"ca\":true,\"path_len\":-1,\"version\":3,\"ski\":\"aa\","
	"\"aki\":null,\"sha1\":\"11\",\"sha256\":\"22\",\"self_signed\":true,\"signed_by_next\":"
	"false,\"subject_parts\":[{\"name\":\"commonName\",\"value\":\"a&b\"}],\"issuer_parts\":[],"
	"\"pem\":\"-----BEGIN CERTIFICATE-----\\nAA+/=\\n\"}";
static const char os[] =
	"{\"schema\":1,\"type\":\"os\",\"address\":\"10.0.0.1\",\"perfect\":1,\"too_many\":false,"
	"\"ideal\":false,\"doubt\":\"Didn't\",\"guess\":true,\"matches\":[{\"name\":\"Linux\","
	"\"accuracy\":100,\"line\":7,\"classes\":[{\"vendor\":\"L\",\"family\":\"F\",\"cpe\":[],"
	"\"accuracy\":99}]}],\"classes\":[],\"ports\":{\"open_tcp\":22,\"closed_tcp\":1,"
	"\"closed_udp\":0},\"uptime_s\":60,\"boot_s\":1700000000,\"seq_index\":260,"
	"\"ip_id_sequence\":\"All zeros\",\"sequences\":{\"tcp\":[1,4294967295],\"ip_id\":[0,9],"
	"\"timestamps\":[],\"timestamp_class\":\"none\"},\"fingerprint\":\"OS:x\\nOS:y\"}";

static struct jsonread *r;

static int parse(const char *line, size_t len, struct json_record *ret, struct err_where *w)
{
	jsonread_free(r);
	r = jsonread_new();
	assert_non_null(r);
	return jsonread_line(r, line, len, ret, w);
}

static int tear_down(void **state)
{
	jsonread_free(r);
	r = NULL;
	return 0;
}

static void services_come_back(void **state)
{
	struct json_record rec;

	assert_int_equal(parse(service, strlen(service), &rec, NULL), 0);
	assert_int_equal(rec.kind, JSON_SERVICE);
	const struct service_facts *s = rec.service.facts;
	assert_int_equal(rec.service.port, 443);
	assert_string_equal(s->product, "a<b");
	assert_null(s->version);
	assert_int_equal(s->n_cpe, 2);
	assert_string_equal(s->cpe[1], "cpe:/o:y");
	assert_int_equal(s->tunnel, TUNNEL_TLS);
	assert_int_equal(s->conf, 10);
	assert_string_equal(s->tls_summary, "TLSv1.3; h");
	assert_string_equal(s->fingerprint, "SF-Port443-TCP:V=0&<x>");
	assert_int_equal(parse(banner, strlen(banner), &rec, NULL), 0);
	assert_int_equal(rec.kind, JSON_BANNER);
	assert_memory_equal(rec.service.facts->banner, "\033[1m \\xff", 9);
	assert_int_equal(rec.service.facts->banner_len, 9);
}

static void endpoints_come_back(void **state)
{
	struct json_record rec;

	assert_int_equal(parse(tls, strlen(tls), &rec, NULL), 0);
	assert_int_equal(rec.kind, JSON_TLS);
	const struct tls_facts *t = rec.tls.facts;
	assert_int_equal(t->n_versions, 1);
	assert_string_equal(t->versions[0].suites[0].flaw, "64-bit blocks");
	assert_int_equal(t->versions[0].suites[0].bits, 112);
	assert_false(t->versions[0].is_cut || t->is_cut || t->is_trusted);
	assert_true(t->matches_name && t->has_renegotiation_info);
	assert_string_equal(t->alpn[1], "http/1.1");
	assert_int_equal(t->n_certs, 2);
	assert_string_equal(t->findings[0].severity, "high");
}

static void certificates_come_back(void **state)
{
	struct json_record rec;

	assert_int_equal(parse(cert, strlen(cert), &rec, NULL), 0);
	assert_int_equal(rec.kind, JSON_CERTIFICATE);
	const struct cert_info *c = &rec.cert.cert;
	assert_int_equal(rec.cert.chain_idx, 1);
	assert_int_equal(c->not_before_s, -1);
	assert_int_equal(c->not_after_s, 253402300799);
	assert_int_equal(c->days_left, -3);
	assert_true(c->is_pss && c->is_ca && c->is_self_signed && !c->is_signed_by_next);
	assert_string_equal(c->key_usage, "keyCertSign,cRLSign");
	assert_null(c->eku);
	assert_int_equal(c->n_sans_kept, 2);
	assert_int_equal(c->n_sans, 3);
	assert_string_equal(c->sans[1].value, "<>");
	assert_string_equal(c->subject_parts[0].name, "commonName");
	assert_int_equal(c->path_len, -1);
	assert_string_equal(c->pem, "-----BEGIN CERTIFICATE-----\nAA+/=\n");
}

static void systems_come_back(void **state)
{
	struct json_record rec;

	assert_int_equal(parse(os, strlen(os), &rec, NULL), 0);
	assert_int_equal(rec.kind, JSON_OS);
	const struct os_facts *o = rec.os.facts;
	assert_int_equal(o->matches[0].classes[0].accuracy, 99);
	assert_string_equal(o->doubt, "Didn't");
	assert_int_equal(o->n_seqs, 2);
	assert_int_equal(o->seqs[1], UINT32_MAX);
	assert_int_equal(o->ip_ids[1], 9);
	assert_false(o->has_ts);
	assert_int_equal(o->distance, -1);
	assert_int_equal(o->boot_wall_ns, 1700000000000000000);
	assert_int_equal(o->open_tcp, 22);
	assert_string_equal(o->fingerprint, "OS:x\nOS:y");
}

static void a_held_block_outlives_the_reader(void **state)
{
	struct json_record rec;

	assert_int_equal(parse(service, strlen(service), &rec, NULL), 0);
	struct facts *held = facts_hold(rec.block);
	jsonread_free(r);
	r = NULL;
	assert_string_equal(rec.service.facts->name, "http");
	facts_free(held);
}

static void cut_at_every_byte(void **state)
{
	static const char *const all[] = {service, banner, tls, cert, os};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		for (size_t len = 0; len < strlen(all[i]); len++) {
			char *p = (char *)guard_copy(all[i], len);
			struct json_record rec;
			struct err_where w = {0};
			assert_int_equal(parse(p, len, &rec, &w), -E_SYNTAX);
			guard_free((uint8_t *)p, len);
		}
}

/** What outputs write as it stands must be plain, and counts must fit what they count. */
static void wrong_values(void **state)
{
	static const struct {
		const char *line, *from, *to, *token;
		int code;
	} rows[] = {
		{service, "\"conf\":10", "\"conf\":11", "conf", -E_RANGE},
		{service, "\"cpe:/a:x\"", "7", "cpe", -E_SYNTAX},
		{service, "\"http\"", "80", "name", -E_SYNTAX},
		{service, "&<x>", "\\n", "fingerprint", -E_SYNTAX},
		{banner, "\"banner\":\"\\u001b", "\"banned\":\"", "banner", -E_SYNTAX},
		{tls, "\"TLSv1.2\"", "\"TLS<1>\"", "version", -E_SYNTAX},
		{tls, "TLS_RSA", "\\u001b", "name", -E_SYNTAX},
		{tls, "64-bit blocks", "\\\"", "flaw", -E_SYNTAX},
		{tls, "\"id\":10", "\"id\":65536", "id", -E_RANGE},
		{tls, "\"certificates\":2", "\"certificates\":65", "certificates", -E_RANGE},
		{tls, "it's old", "a\\nb", "text", -E_SYNTAX},
		{tls, "[\"x25519\"]", "\"x25519\"", "groups", -E_SYNTAX},
		{cert, "\"chain_index\":1", "\"chain_index\":64", "chain_index", -E_RANGE},
		{cert, "\"rsa\"", "\"r&a\"", "key", -E_SYNTAX},
		{cert, "keyCertSign", "key\\\"", "key_usage", -E_SYNTAX},
		{cert, "AA+/=", "</elem>", "pem", -E_SYNTAX},
		{cert, "9999-12-31T23", "9999-12-31 23", "not_after", -E_SYNTAX},
		{cert, "\"path_len\":-1", "\"path_len\":-2", "path_len", -E_RANGE},
		{cert, "\"dns\"", "\"<\"", "kind", -E_SYNTAX},
		{os, "\"perfect\":1", "\"perfect\":2", "perfect", -E_RANGE},
		{os, "\"accuracy\":100", "\"accuracy\":101", "accuracy", -E_RANGE},
		{os, "[1,4294967295]", "[1,4294967296]", "tcp", -E_RANGE},
		{os, "[0,9]", "[0,1,2,3,4,5,6]", "ip_id", -E_SYNTAX},
		{os, "Didn't", "\\u0007", "doubt", -E_SYNTAX},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char line[2048];
		struct json_record rec;
		struct err_where w = {0};
		const char *at = strstr(rows[i].line, rows[i].from);

		assert_non_null(at);
		snprintf(line, sizeof(line), "%.*s%s%s", (int)(at - rows[i].line), rows[i].line,
			 rows[i].to, at + strlen(rows[i].from));
		int err = parse(line, strlen(line), &rec, &w);
		if (err != rows[i].code || strcmp(w.token, rows[i].token) != 0)
			fail_msg("%s: %d, token \"%s\"", line, err, w.token);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(services_come_back, tear_down),
		cmocka_unit_test_teardown(endpoints_come_back, tear_down),
		cmocka_unit_test_teardown(certificates_come_back, tear_down),
		cmocka_unit_test_teardown(systems_come_back, tear_down),
		cmocka_unit_test_teardown(a_held_block_outlives_the_reader, tear_down),
		cmocka_unit_test_teardown(cut_at_every_byte, tear_down),
		cmocka_unit_test_teardown(wrong_values, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
