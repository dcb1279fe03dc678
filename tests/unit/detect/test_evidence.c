/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a match rests on: stock phrases, denials, mirrors; and that real names are believed. */
#include "detect/app.h"
#include "detect/evidence.h"
#include "detect/naming.h"
#include "detect/stock.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
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
	{"^\\xff\\xfb\\x01\\xff\\xfb\\x03\\r\\nlogin: $", "login: ", "Orinoco WAP telnetd",
	 "telnet", false}, /* all of telnet says so */
	{"^\\xff\\xfb\\x01\\n\\rUser Name : $", "\xff\xfb\x01\n\rUser Name : ", "APC card telnetd",
	 "telnet", true}, /* the wrong way round */
	{"^\\xff\\xfd\\x18\\xff\\xfd \\xff\\xfd#\\xff\\xfd'", "x", "Linux telnetd", "telnet", true},
	{"^\\xff\\xfb\\x01\\xff\\xfb\\x03", "HP JetDirect", "HP LaserJet telnetd", "telnet", true},
	{"^\\xff\\xfb\\x01\\xff\\xfb\\x03", "HPE", "HP LaserJet telnetd", "telnet", false},
	{"^220.*ProFTP[dD]", "220 proftpd.example.org ready", "ProFTPD", "ftp", false},
	{"^220 ESMTP Postfix", "220 ESMTP PostfixAdminGate", "Postfix smtpd", "smtp", false},
	{"^220 .*FTP server \\(Version (wu-[-.\\w]+)", "220 a.b FTP server (Version wu-2.6.2(1)",
	 "WU-FTPD", "ftp", true},
	{"^220 MTA(\\w+)", "220 MTAbc", "MTA Express", "smtp",
	 true}, /* the pattern lets it go on */
	{"^Server: (.+)$", "Server: instead of Foo", "instead of Foo", "http", false},
};

static void a_program_is_believed_on_evidence(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct svc_match m = {.pattern = app_text(cases[i].pattern),
				      .service = app_text(cases[i].service)};
		size_t n = strlen(cases[i].answer);
		uint8_t *p = guard_copy(cases[i].answer, n);
		struct match_hit hit = {.match = &m, .group = {{p, n}}};
		if (strstr(cases[i].pattern, "(.+)")) /* what is captured there */
			hit.group[1] = (struct bytes){p + 8, n - 8};
		if (evidence_is_enough(&hit, (struct bytes){p, n}, cases[i].product) !=
		    cases[i].is_enough)
			fail_msg("case %zu: %s", i, cases[i].answer);
		guard_free(p, n);
	}
}

/** A piece that was captured is what may differ, and a word that the pattern does not spell is what
 * any pattern takes: they are no evidence. */
static void captured_pieces_are_left_out(void **state)
{
	struct svc_match m = {.pattern = app_text("^(zork|\\w+) (?:ready|OK)"),
			      .service = app_text("x")};
	struct bytes a = app_text("zork ready");
	struct bytes b = app_text("blip ready");
	struct match_hit hit = {.match = &m, .group = {a, {a.p, 4}}};

	assert_false(evidence_is_enough(&hit, a, "Thing"));
	hit.group[1] = (struct bytes){NULL, 0};
	assert_true(evidence_is_enough(&hit, a, "Thing"));
	hit.group[0] = b;
	assert_false(evidence_is_enough(&hit, b, "Thing"));
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
		assert_true(naming_is_none(app_text(no_names[i])));
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_false(naming_is_none(app_text(names[i])));
	assert_true(stock_is_word(app_text("ERROR")));
	assert_false(stock_is_word(app_text("ERRO")));
	assert_false(stock_is_word((struct bytes){NULL, 0}));
}

/** A name ("X" stands for Exim) in answers, and whether it is the speaker's. */
static const struct {
	const char *text;
	bool is_claim;
} namings[] = {
	{"220 mx.example.org ESMTP X 4.96", true},
	{"220 mail.no ESMTP X", true},
	{"220 mx ESMTP X 4.96 Mon, 01 Jan 2024", true},
	{"220 host NO UCE ESMTP X 4.96", true},
	{"220 Welcome to the ACME mail server: X 4.96", true},
	{"220 host ESMTP (X 4.96)", true},
	{"* OK [CAPABILITY IMAP4rev1 not a word] mx X v2.4 server ready", true},
	{"220-we use nothing here\r\n220 mx ESMTP X", true},
	{"220 it is no.1: X", true},
	{"not here\nX", true},
	{"220 X.example.org ESMTP", false},
	{"220 X-4-94.example.org ESMTP ready", false},
	{"220 X ESMTP", false},
	{"220 x FTP server (Version 6.4) ready", false},
	{"+OK <1.2@X>", false},
	{"+OK ready <1.2@X.example.org>", false},
	{"220 ready [X.example.org]", false},
	{"220 ready [X]\r\n", false},
	{":X 001 nick :Welcome", false},
	{"see https://example.org/X/now", false},
	{"220 mx ESMTP XAdminGate", false},
	{"220 it isn't X", false},
	{"220 mx ESMTP definitely-not-X 3", false},
	{"220 mx ESMTP (no X 4 please)", false},
	{"220 mx ESMTP replaces X 4.94", false},
	{"220 mx ESMTP obsoletes X 4.94", false},
	{"220 mx ESMTP gateway in front of X", false},
	{"220 mx ESMTP we hate X", false},
	{"220 mx ESMTP X 4.94 was retired in 2019", false},
	{"220 mx ESMTP X-compatible 4.94", false},
	{"220 mx ESMTP X is gone.", false},
	{"HTTP/1.0 200 OK\r\n\r\n<title>Moving off X</title>", false},
	{"HTTP/1.0 200 OK\r\n\r\n<title>X alternatives</title>", false},
	{"HTTP/1.0 200 OK\r\n\r\n<title>my page, powered by X</title>", true},
};

/** Each before an unreadable page, whole and cut off behind and within the name. */
static void whom_names_mean(void **state)
{
	static const struct bytes none = {NULL, 0};

	for (size_t i = 0; i < ARRAY_LEN(namings); i++) {
		const char *in = namings[i].text, *at = strpbrk(in, "Xx");
		while (at > in && (isalpha(at[-1]) || isalpha(at[1])) && strncmp(at, "XAdmin", 6))
			at = strpbrk(at + 1, "Xx");
		size_t before = (size_t)(at - in), n = strlen(in) + 3;
		char text[256];
		snprintf(text, sizeof(text), "%.*s%s%s", (int)before, in,
			 *at == 'X' ? "Exim" : "exim", at + 1);
		uint8_t *p = guard_copy(text, n);
		struct bytes name = {p + before, 4};
		if (naming_is_claim((struct bytes){p, n}, name, none) != namings[i].is_claim)
			fail_msg("%s", text);
		for (size_t cut = 1; cut <= n; cut++) {
			uint8_t *q = guard_copy(text, cut);
			for (size_t k = 0; k < cut; k++)
				(void)naming_is_claim((struct bytes){q, cut},
						      (struct bytes){q + k, MIN(cut - k, 4u)},
						      none);
			guard_free(q, cut);
		}
		guard_free(p, n);
	}
}

/** What the pattern spells out itself is the program's own text. */
static void spelled_words_are_its_own(void **state)
{
	struct bytes text = app_text("220 we left www.exim.org to you, Eximizer");
	struct bytes name = {text.p + 16, 4}, longer = {text.p + 33, 4};

	assert_memory_equal(name.p, "exim", 4);
	assert_memory_equal(longer.p, "Exim", 4);
	assert_true(naming_is_host(text, name, app_text("^220 we")));
	assert_false(naming_is_host(text, name, app_text("^220 we left www\\.exim\\.org")));
	assert_true(naming_is_mention(text, longer, app_text("^220")));
	assert_false(naming_is_mention(text, longer, app_text("^220 we left .* to you, ")));
	assert_true(naming_is_longer(text, longer, app_text("Exim")));
	assert_false(naming_is_longer(text, longer, app_text("Eximizer")));
}

static void names_of_hosts(void **state)
{
	static const struct {
		const char *name, *answer;
		bool is;
	} hosts[] = {
		{"mx.example.org", "", true},
		{"mx.example.org.", "", true},
		{"10.0.0.1", "", true},
		{"::1", "", true},
		{"mx", "220 mx ESMTP", true},
		{"EX01", "220 EX01 Microsoft", true},
		{"server", "220 server ESMTP", true},
		{"Acme", "220 Acme FTP server", true},
		{"Acme", "220 Acme is the best", false},
		{"We", "220 We migrated", false},
		{"The", "* OK The Microsoft", false},
		{"Welcome.", "220 Welcome. ProFTPD", false},
		{"Private", "220 Private FTP server", false},
		{"no way", "", false},
		{"", "", false},
		{"15", "", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
		if (naming_is_host_name(app_text(hosts[i].name), app_text(hosts[i].answer)) !=
		    hosts[i].is)
			fail_msg("%s", hosts[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_is_believed_on_evidence),
		cmocka_unit_test(captured_pieces_are_left_out),
		cmocka_unit_test(mirrors),
		cmocka_unit_test(names_and_words),
		cmocka_unit_test(whom_names_mean),
		cmocka_unit_test(spelled_words_are_its_own),
		cmocka_unit_test(names_of_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
