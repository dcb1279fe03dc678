/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a match rests on: stock phrases, denials, mirrors; and that real names are believed. */
#include "detect/app.h"
#include "detect/evidence.h"
#include "detect/stock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/guard.h"

static const struct {
	const char *pattern, *answer, *product, *service;
	bool is_enough;
} cases[] = {
	{"^ERROR\\r\\nERROR\\r\\n$", "ERROR\r\nERROR\r\n", "Memcached", "memcached", false},
	{"^550 Bad syntax\\. Go away\\.\\n$", "550 Bad syntax. Go away.\n", "CA Spectrum", "x",
	 false},
	{"^220 ([-\\w_.]+) FTP server ready\\r\\n", "220 a.b FTP server ready\r\n", "ProFTPD",
	 "ftp", false},
	{"^220.*ProFTP[dD].*Server ready", "220 we do not run ProFTPD, Server ready", "ProFTPD",
	 "ftp", false},
	{"^220.*ProFTP[dD].*Server ready", "220 mail.no ProFTPD Server ready", "ProFTPD", "ftp",
	 true},
	{"^220 ProFTPD Server", "220 ProFTPD Server (no log-in)", "ProFTPD", "ftp", true},
	{"^\\0\\0\\0\\0$", "...", "Apache Spark", "spark", false},
	{"^\\x01\\xfe\\xca\\xff$", "...", "Something", "thing", true},
	{"^!\"#\\$%&'\\(\\)\\*\\+,-\\./0123456789", "!", "Linux chargen", "chargen", false},
	{"^STAT pid \\d+\\r\\nSTAT uptime", "STAT pid 1\r\nSTAT uptime", "Memcached", "m", true},
	{"^(?:zork|quux) (\\d)", "quux 1", "Adventure", "game", true},
	{"^(?:OK|ready) (\\d)", "ready 1", "Adventure", "game", false},
	{"^ERROR", "ERROR", NULL, "line", true}, /* it names no program */
};

static void a_program_is_believed_on_evidence(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct svc_match m = {.pattern = app_text(cases[i].pattern),
				      .service = app_text(cases[i].service)};
		size_t n = strlen(cases[i].answer);
		uint8_t *p = guard_copy(cases[i].answer, n);
		struct match_hit hit = {.match = &m, .group = {{p, n}}};
		if (evidence_is_enough(&hit, (struct bytes){p, n}, cases[i].product) !=
		    cases[i].is_enough)
			fail_msg("case %zu: %s", i, cases[i].answer);
		guard_free(p, n);
	}
}

/** A piece that was captured is what may differ: it is no evidence. */
static void captured_pieces_are_left_out(void **state)
{
	struct svc_match m = {.pattern = app_text("^(\\w+) (?:ready|OK)"),
			      .service = app_text("x")};
	struct bytes a = app_text("zork ready");
	struct match_hit hit = {.match = &m, .group = {a, {a.p, 4}}};

	assert_false(evidence_is_enough(&hit, a, "Thing"));
	hit.group[1] = (struct bytes){NULL, 0};
	assert_true(evidence_is_enough(&hit, a, "Thing"));
}

static void mirrors(void **state)
{
	struct bytes said = app_text("GET / HTTP/1.0\r\n\r\n");

	assert_true(evidence_is_mirror(app_text("you: GET / HTTP/1.0\r\n\r\n!"), said));
	assert_true(evidence_is_mirror(app_text("get / http/1.0\r\n\r\n"), said));
	assert_true(evidence_is_mirror(app_text("\n\r\n\r0.1/PTTH / TEG"), said));
	assert_false(evidence_is_mirror(app_text("HTTP/1.0 200 OK\r\n\r\n"), said));
	assert_false(evidence_is_mirror(app_text("GET / HTTP/1.0\r\n\r"), said));
	/* line ends are in every answer */
	assert_false(evidence_is_mirror(app_text("500\r\n\r\n"), app_text("\r\n\r\n")));
	assert_false(evidence_is_mirror(app_text("x"), (struct bytes){NULL, 0}));
}

static void names_and_words(void **state)
{
	static const char *const no_names[] = {"none",
					       "",
					       "-",
					       "Web Server",
					       "not nginx",
					       "hidden",
					       "this server is run by seven hamsters"};
	static const char *const names[] = {"nginx", "Sun Java System Web Server", "Boa", "X",
					    "Apache"};

	for (size_t i = 0; i < ARRAY_LEN(no_names); i++)
		assert_true(stock_is_no_name(app_text(no_names[i])));
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_false(stock_is_no_name(app_text(names[i])));
	assert_true(stock_is_word(app_text("ERROR")));
	assert_false(stock_is_word(app_text("ERRO")));
	assert_false(stock_is_word((struct bytes){NULL, 0}));
}

/** At every place of texts before an unreadable page. */
static void denials_at_every_place(void **state)
{
	static const char text[] = "220 it isn't Exim; no.1 is Exim. Not Exim";
	static const size_t denied[] = {13, 37};
	size_t n = strlen(text);
	uint8_t *p = guard_copy(text, n);

	for (size_t i = 0; i + 4 <= n; i++) {
		bool is = stock_is_denied((struct bytes){p, n}, p + i);
		if (memcmp(p + i, "Exim", 4) == 0)
			assert_int_equal(is, i == denied[0] || i == denied[1]);
	}
	for (size_t cut = 0; cut <= n; cut++)
		(void)stock_is_denied((struct bytes){p, cut}, p + cut);
	guard_free(p, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_is_believed_on_evidence),
		cmocka_unit_test(captured_pieces_are_left_out),
		cmocka_unit_test(mirrors),
		cmocka_unit_test(names_and_words),
		cmocka_unit_test(denials_at_every_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
