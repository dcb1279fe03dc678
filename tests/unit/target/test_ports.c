/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Port lists by nmap's grammar, popular ports by frequency, and refusals. */
#include "target/ports.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char table[] = "# comment\n"
			    "echo\t7/tcp\t0.004855\n"
			    "echo\t7/udp\t0.024679\n"
			    "ssh\t22/tcp\t0.182286\t# Secure Shell\n"
			    "http\t80/sctp\t0.000000\n"
			    "http\t80/tcp\t0.484143\n"
			    "http\t80/udp\t0.035767\n"
			    "https\t443/tcp\t0.208669\n"
			    "X11\t6000/tcp\t0.005683\n"
			    "rare-a\t7001/tcp\t0.000100\n"
			    "rare-b\t7002/tcp\t0.000100\n"
			    "rare-c\t7003/tcp\t0.000100\n"
			    "http-alt\t8080/tcp\t42/1000\n";

static struct port_set set; /* 30 kB */

static int load(const struct ports_conf *c, uint32_t *ret_n_unused, struct err_where *err)
{
	struct services *s = NULL;
	int rc;

	assert_int_equal(services_open_bytes(table, sizeof(table) - 1, &s), 0);
	rc = ports_load(c, s, &set, ret_n_unused, err);
	services_close(s);
	return rc;
}

/* "T:1-3 U:53" */
static const char *set_text(void)
{
	static const char letters[] = "TUS";
	static char out[1024];
	size_t n = 0;

	out[0] = '\0';
	for (int p = 0; p < PORT_PROTO_N; p++) {
		if (!set.of[p].n)
			continue;
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%c:", n ? " " : "", letters[p]);
		n += port_bits_format(&set.of[p], out + n, sizeof(out) - n);
	}
	return out;
}

enum { T = 1, U = 2, S = 4 };

static struct ports_conf conf(const char *spec, const char *exclude, int wants)
{
	return (struct ports_conf){.spec = spec,
				   .exclude = exclude,
				   .wants = {(wants & T) != 0, (wants & U) != 0, (wants & S) != 0}};
}

static const struct {
	const char *spec, *exclude;
	int wants;
	const char *want;
	uint32_t n_unused;
} good[] = {
	{"22", NULL, T, "T:22", 0},
	{"22,80-90", NULL, T, "T:22,80-90", 0},
	{"22", NULL, T | U | S, "T:22 U:22 S:22", 0},
	{"-", NULL, T, "T:1-65535", 0},
	{"-3", NULL, T, "T:1-3", 0},
	{"65530-", NULL, T, "T:65530-65535", 0},
	{"0", NULL, T, "T:0", 0},
	{"0-2", NULL, T, "T:0-2", 0},
	{"0-65535", NULL, U, "U:0-65535", 0},
	{"5,3,4,3,", NULL, T, "T:3-5", 0},
	{" 1 , 2-3 ", NULL, T, "T:1-3", 0},
	{"T:22,U:53,80", NULL, T | U, "T:22 U:53,80", 0},
	{"1,T:2,3,U:4,S:5", NULL, T | U | S, "T:1-3 U:1,4 S:1,5", 0},
	{"T:22,U:53", NULL, T, "T:22", 1},
	{"http", NULL, T | U, "T:80 U:80", 0},
	{"http", NULL, T, "T:80", 0},
	{"HTTP,x11", NULL, T, "T:80,6000", 0},
	{"http*", NULL, T, "T:80,443,8080", 0},
	{"http?", NULL, T, "T:443", 0},
	{"*-alt", NULL, T, "T:8080", 0},
	{"r*e-*", NULL, T, "T:7001-7003", 0},
	{"U:http*", NULL, T | U, "U:80", 0},
	{"[1-100]", NULL, T, "T:7,22,80", 0},
	{"[1-100]", NULL, T | U, "T:7,22,80 U:7,80", 0},
	{"[-],5", NULL, U, "U:5,7,80", 0},
	{"[1-21,23-100],5", NULL, T, "T:5,7,80", 0},
	{"T:[-50],U:[-50]", NULL, T | U, "T:7,22 U:7", 0},
	{"1-10", "3-5", T, "T:1-2,6-10", 0},
	{"1-10", "3-5,U:7", T | U, "T:1-2,6-10 U:1-2,6,8-10", 0},
	{"1-3", "T:2", T | U, "T:1,3 U:1-3", 0},
	{"1-100", "http,T:ssh", T, "T:1-21,23-79,81-100", 0},
};

static void lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct ports_conf c = conf(good[i].spec, good[i].exclude, good[i].wants);
		struct err_where err = {.line = 0};
		uint32_t n_unused = 99;

		if (load(&c, &n_unused, &err) != 0)
			fail_msg("%s: %s", good[i].spec, err.want);
		assert_string_equal(set_text(), good[i].want);
		assert_int_equal(n_unused, good[i].n_unused);
	}
}

static const struct {
	const char *spec, *exclude;
	int code;
	const char *token;
	uint32_t column;
} bad[] = {
	{"", NULL, -E_SYNTAX, "", 1},
	{"65536", NULL, -E_RANGE, "65536", 1},
	{"1,99999999999", NULL, -E_RANGE, "99999999999", 3},
	{"1-70000", NULL, -E_RANGE, "70000", 3},
	{"9-3", NULL, -E_RANGE, "9-3", 1},
	{"1-2-3", NULL, -E_SYNTAX, "1-2-3", 1},
	{"--", NULL, -E_SYNTAX, "--", 1},
	{"80,,90", NULL, -E_SYNTAX, ",90", 4},
	{"80:90", NULL, -E_SYNTAX, ":90", 3},
	{"80 90", NULL, -E_SYNTAX, "90", 4},
	{"X:80", NULL, -E_SYNTAX, "X:", 1},
	{"T:", NULL, -E_SYNTAX, "", 3},
	{"T:,80", NULL, -E_SYNTAX, ",80", 3},
	{"[80", NULL, -E_SYNTAX, "[80", 1},
	{"80]", NULL, -E_SYNTAX, "]", 3},
	{"[[80]]", NULL, -E_SYNTAX, "[", 2},
	{"[]", NULL, -E_SYNTAX, "]", 2},
	{"nosuch", NULL, -E_EMPTY, "nosuch", 1},
	{"80x", NULL, -E_EMPTY, "80x", 1},
	{"U:53", NULL, -E_EMPTY, "U:53", 1},
	{"80", "80", -E_EMPTY, "80", 1},
	{"80", "1-2-3", -E_SYNTAX, "1-2-3", 1},
	{"[23-79]", NULL, -E_EMPTY, "[23-79]", 1},
};

static void refusals_name_the_spot(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct ports_conf c = conf(bad[i].spec, bad[i].exclude, T);
		struct err_where err = {.line = 0};
		int rc = load(&c, NULL, &err);

		if (rc != bad[i].code)
			fail_msg("%s: %d, want %d", bad[i].spec, rc, bad[i].code);
		assert_string_equal(err.token, bad[i].token);
		assert_int_equal(err.column, bad[i].column);
		assert_true(err.want[0] != '\0');
		assert_int_equal(load(&c, NULL, NULL), rc);
	}
}

static const struct {
	uint32_t top_n;
	double min_ratio;
	const char *exclude;
	int wants;
	const char *want;
} tops[] = {
	{1, 0, NULL, T, "T:80"},
	{2, 0, NULL, T, "T:80,443"},
	{4, 0, NULL, T, "T:22,80,443,8080"},
	{6, 0, NULL, T, "T:7,22,80,443,6000,8080"},
	{7, 0, NULL, T, "T:7,22,80,443,6000,7001,8080"}, /* equal frequency: the lower port */
	{8, 0, NULL, T, "T:7,22,80,443,6000,7001-7002,8080"},
	{1, 0, NULL, T | U | S, "T:80 U:80 S:80"},
	{2, 0, "80", T | U, "T:22,443 U:7"},
	{500, 0, NULL, U, "U:7,80"},
	{0, 0, NULL, S, "S:80"},
	{0, 0.1, NULL, T, "T:22,80,443"},
	{0, 0.182286, NULL, T, "T:22,80,443"},
	{0, 0.182287, NULL, T, "T:80,443"},
	{0, 0.042, NULL, T, "T:22,80,443,8080"},
	{2, 0.1, NULL, T, "T:80,443"},
};

static void popular_ports(void **state)
{
	struct err_where err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tops); i++) {
		struct ports_conf c = conf(NULL, tops[i].exclude, tops[i].wants);

		c.top_n = tops[i].top_n;
		c.min_ratio = tops[i].min_ratio;
		assert_int_equal(load(&c, NULL, &err), 0);
		assert_string_equal(set_text(), tops[i].want);
	}
}

static void numbers_out_of_range_are_refused(void **state)
{
	static const double ratios[] = {-0.1, 1.0, 2.0, (double)NAN, (double)INFINITY};
	struct ports_conf c = conf(NULL, NULL, T);
	struct services *s = NULL;
	struct err_where err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ratios); i++) {
		c.min_ratio = ratios[i];
		assert_int_equal(load(&c, NULL, &err), -E_RANGE);
	}
	c.min_ratio = 0;
	c.top_n = 65537;
	assert_int_equal(load(&c, NULL, &err), -E_RANGE);
	c.top_n = 0;
	c.min_ratio = 0.5;
	assert_int_equal(services_open_builtin(&s), 0);
	assert_int_equal(ports_load(&c, s, &set, NULL, &err), -E_UNSUPPORTED);
	services_close(s);
	c = conf("80", NULL, 0);
	assert_int_equal(load(&c, NULL, &err), -E_EMPTY);
}

static void own_table_knows_what_is_common(void **state)
{
	struct ports_conf c = conf(NULL, NULL, T | U | S);
	struct services *s = NULL;

	(void)state;
	assert_int_equal(services_open_builtin(&s), 0);
	c.top_n = 3;
	assert_int_equal(ports_load(&c, s, &set, NULL, NULL), 0);
	assert_string_equal(set_text(), "T:22,80,443 U:53,123,161 S:2905,36412,38412");
	c.top_n = 100;
	assert_int_equal(ports_load(&c, s, &set, NULL, NULL), 0);
	assert_int_equal(set.of[PORT_TCP].n, 100);
	c.top_n = 0;
	assert_int_equal(ports_load(&c, s, &set, NULL, NULL), 0);
	assert_int_equal(set.of[PORT_TCP].n,
			 services_builtin_n[PORT_TCP]); /* no port twice, fewer than 1000 */
	assert_int_equal(set.of[PORT_UDP].n, services_builtin_n[PORT_UDP]);
	assert_int_equal(set.of[PORT_SCTP].n, services_builtin_n[PORT_SCTP]);
	services_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists),
		cmocka_unit_test(refusals_name_the_spot),
		cmocka_unit_test(popular_ports),
		cmocka_unit_test(numbers_out_of_range_are_refused),
		cmocka_unit_test(own_table_knows_what_is_common),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
