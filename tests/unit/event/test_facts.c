/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Facts: foreign bytes become harmless texts, copies stand alone, a full block loses and never
 * breaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "event/facts.h"
#include "support/guard.h"

static void texts_are_clean(void **state)
{
	static const struct {
		const char *in, *out;
		size_t len;
	} cases[] = {
		{"OpenSSH 9.2", "OpenSSH 9.2", 11},
		{" \r\n v1 \0", "v1", 8},
		{"a\0b\x1b[31m\x7f", "a.b.[31m.", 9},
		{"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
		 "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", 14},
		{"\xc3", ".", 1},
		{"\xe2\x82", "..", 2},
		{"\xc0\xafx", "..x", 3},         /* longer than needed */
		{"\xed\xa0\x80", "...", 3},      /* half of a surrogate pair */
		{"\xf4\x90\x80\x80", "....", 4}, /* beyond the last character */
		{"\xc2\x80", "..", 2},           /* a control character of Latin-1 */
		{"\xff\xfe\x80", "...", 3},
		{" \t\r\n", NULL, 4},
		{"", NULL, 0},
	};
	struct facts *f = facts_new(FACTS_BLOCK_MAX);

	(void)state;
	assert_non_null(f);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t *in = guard_copy(cases[i].in, cases[i].len);
		const char *out = facts_text(f, in, cases[i].len);
		if (cases[i].out)
			assert_string_equal(out, cases[i].out);
		else
			assert_null(out);
		guard_free(in, cases[i].len);
	}
	facts_free(f);
	facts_free(NULL);
}

static void copies_stand_alone(void **state)
{
	struct facts *a = facts_new(FACTS_BLOCK_MAX), *b = facts_new(FACTS_BLOCK_MAX);
	uint8_t banner[] = {1, 0, 2};
	struct service_facts s = {.name = facts_text(a, "http", 4),
				  .version = facts_text(a, "1.18", 4),
				  .tunnel = TUNNEL_TLS,
				  .conf = 10,
				  .banner = banner,
				  .banner_len = sizeof(banner)};

	(void)state;
	for (int i = 0; i < 20; i++) {
		char cpe[16] = {'c', 'p', 'e', ':', '/', (char)('a' + i / 2)};
		service_add_cpe(&s, facts_keep(a, cpe));
	}
	service_add_cpe(&s, NULL);
	assert_int_equal(s.n_cpe, FACTS_CPES_MAX);
	struct service_facts *copy = facts_keep_service(b, &s);
	facts_free(a);
	banner[0] = 9;
	assert_string_equal(copy->name, "http");
	assert_null(copy->product);
	assert_string_equal(copy->version, "1.18");
	assert_string_equal(copy->cpe[7], "cpe:/h");
	assert_int_equal(copy->tunnel, TUNNEL_TLS);
	assert_int_equal(copy->banner[0], 1);
	assert_int_equal(copy->banner_len, 3);
	facts_free(b);
}

static void a_full_block_loses_texts_only(void **state)
{
	struct facts *f = facts_new(4096);
	char *big = malloc(8192);

	(void)state;
	memset(big, 'x', 8192);
	assert_null(facts_text(f, big, 8192));
	assert_string_equal(facts_text(f, "small", 5), "small");
	free(big);
	facts_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_clean),
		cmocka_unit_test(copies_stand_alone),
		cmocka_unit_test(a_full_block_loses_texts_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
