/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Targets from every source: files, excludes, reserved blocks, names; and where an error is said to
 * be. */
#include "target/spec.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dns_responder.h"

static void write_file(char path[32], const char *text, size_t len)
{
	int fd;

	(void)snprintf(path, 32, "/tmp/prtip-targets-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	close(fd);
}

static u128 count(const char *spec, const char *exclude, u128 *ret_n_reserved,
		  uint32_t *ret_n_ranges)
{
	struct target_conf c = {
		.specs = &spec, .n_specs = 1, .excludes = &exclude, .n_excludes = exclude ? 1 : 0};
	struct err_where err;
	struct targets t;
	u128 n;

	if (targets_load(&c, &t, &err) != 0)
		fail_msg("%s: %s %s", spec, err.token, err.want);
	n = t.set.n_addrs;
	if (ret_n_reserved)
		*ret_n_reserved = t.n_reserved;
	if (ret_n_ranges)
		*ret_n_ranges = t.set.n;
	targets_fini(&t);
	return n;
}

static void reserved_blocks_leave_wide_specs_only(void **state)
{
	static const struct {
		const char *spec;
		u128 n, n_reserved;
		uint32_t n_ranges;
	} rows[] = {
		{"0.0.0.0/0", (222ull << 24), 34ull << 24, 2},
		{"224.0.0.0/4", 0, 1u << 28, 0},
		{"224.0.0.0/16", 1u << 16, 0, 1},
		{"224.0.0.0/15", 0, 1u << 17, 0},
		{"127.0.0.0/8", 1u << 24, 0, 1},
		{"126.0.0.0/7", 1u << 24, 1u << 24, 1},
		{"127.0.0.1", 1, 0, 1},
		{"0.0.0.0/8", 0, 1u << 24, 0},
		{"0.0.0.0", 1, 0, 1},
		{"255.255.255.255", 1, 0, 1},
		{"239.255.0.0-240.0.255.255", 0, 1u << 17, 0},
		{"223.255.0.0-224.0.255.255", 1u << 16, 1u << 16, 1},
		{"192.168.0.0/16", 1u << 16, 0,
		 1}, /* network and broadcast addresses are scanned */
		{"ff02::1", 1, 0, 1},
		{"ff02::/112", 1u << 16, 0, 1},
		{"ff02::/111", 0, 1u << 17, 0},
		{"2001:db8::/32", (u128)1 << 96, 0, 1},
		{"::/0", (u128)255 << 120, (u128)1 << 120, 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		u128 n_reserved;
		uint32_t n_ranges;

		if (count(rows[i].spec, NULL, &n_reserved, &n_ranges) != rows[i].n ||
		    n_reserved != rows[i].n_reserved || n_ranges != rows[i].n_ranges)
			fail_msg("%s", rows[i].spec);
	}
}

static void excludes_are_taken_out(void **state)
{
	static const struct {
		const char *spec, *exclude;
		uint32_t n;
	} rows[] = {
		{"10.0.0.0/24", "10.0.0.5", 255},
		{"10.0.0.0/24", "10.0.0.5,10.0.0.128/25,,10.0.0.6", 126},
		{"10.0.0.0/24", "10.0.0.0-10.0.0.254", 1},
		{"10.0.0.0/24", "10.0.0.*", 0},
		{"10.0.0.0/24", "2001:db8::1", 256},
		{"10.0.0.0/24", "::/0", 256},
		{"2001:db8::/120", "::/0", 0},
		{"fe80::1-fe80::4", "fe80::2", 3},
		{"fe80::1%1-fe80::4", "fe80::2", 3}, /* without a zone: on every link */
		{"fe80::1%1-fe80::4", "fe80::2%1", 3},
		{"fe80::1%1-fe80::4", "fe80::2%2", 4},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (count(rows[i].spec, rows[i].exclude, NULL, NULL) != rows[i].n)
			fail_msg("%s less %s", rows[i].spec, rows[i].exclude);
}

static void sources_add_up_and_overlaps_count_once(void **state)
{
	static const char list[] = "# head\n10.0.0.1 10.0.0.2\t10.0.0.3#tail\n\n  "
				   "10.0.0.3\r\n#10.0.0.9\n10.0.0.4 # 10.0.0.8\n10.0.0.7";
	static const char exclude[] = "10.0.0.2 # not this\n";
	const char *specs[] = {"10.0.0.3-5", "2001:db8::1"}, *excludes[] = {"10.0.0.1"};
	char in[32], ex[32];
	struct target_conf c = {.specs = specs,
				.n_specs = 2,
				.input_file = in,
				.excludes = excludes,
				.n_excludes = 1,
				.exclude_file = ex};
	struct err_where err;
	struct targets t;
	struct addr a;

	(void)state;
	write_file(in, list, sizeof(list) - 1);
	write_file(ex, exclude, sizeof(exclude) - 1);
	assert_int_equal(targets_load(&c, &t, &err), 0);
	unlink(in);
	unlink(ex);
	assert_true(t.set.n_addrs == 5); /* .3 .4 .5 .7 and the v6 one */
	assert_int_equal(t.set.n, 3);
	assert_true(t.excluded.n_addrs == 2);
	range_set_pick(&t.set, 3, &a);
	assert_int_equal(addr_to_u32(&a), 0x0a000007);
	assert_null(targets_name_of(&t, &a));
	targets_fini(&t);
}

static void errors_say_where(void **state)
{
	static const char list[] = "10.0.0.1\n# fine\n  10.0.0.2 10.0.0.300\n";
	const char *spec = "10.0.0.0/40", *exclude = "10.0.0.1,10.0.0.1-999", *six = "2001:db8::1";
	char in[32];
	struct err_where err;
	struct targets t;
	struct target_conf c = {.specs = &spec, .n_specs = 1};

	(void)state;
	assert_int_equal(targets_load(&c, &t, &err), -E_RANGE);
	assert_string_equal(err.token, "40");
	assert_string_equal(err.file, "");
	assert_int_equal(err.line, 0);
	assert_int_equal(err.column, 10);

	c = (struct target_conf){.excludes = &exclude, .n_excludes = 1};
	assert_int_equal(targets_load(&c, &t, &err), -E_RANGE);
	assert_string_equal(err.token, "999");
	assert_int_equal(err.column, 19);

	write_file(in, list, sizeof(list) - 1);
	c = (struct target_conf){.input_file = in};
	assert_int_equal(targets_load(&c, &t, &err), -E_RANGE);
	assert_string_equal(err.token, "300");
	assert_string_equal(err.file, in);
	assert_int_equal(err.line, 3);
	assert_int_equal(err.column, 19);
	unlink(in);
	assert_int_equal(targets_load(&c, &t, &err), -ENOENT);
	assert_string_equal(err.token, in);
	assert_int_equal(targets_load(&c, &t, NULL), -ENOENT);
	c.input_file = "/tmp";
	assert_int_equal(targets_load(&c, &t, &err), -EISDIR);

	c = (struct target_conf){.specs = &six, .n_specs = 1, .family = ADDR_V4};
	assert_int_equal(targets_load(&c, &t, &err), -E_FAMILY);
	assert_string_equal(err.token, six);
	c.family = ADDR_V6;
	c.excludes = &(const char *){"10.0.0.1"};
	c.n_excludes = 1; /* excludes may be of the other family */
	assert_int_equal(targets_load(&c, &t, &err), 0);
	assert_true(t.set.n_addrs == 1);
	targets_fini(&t);
}

static void words_have_a_longest_length(void **state)
{
	char text[1100], in[32];
	struct target_conf c = {.input_file = in};
	struct err_where err;
	struct targets t;

	(void)state;
	memset(text, '1', sizeof(text));
	text[0] = '\n';
	for (size_t len = 1023; len <= 1024; len++) {
		write_file(in, text, len + 1);
		assert_int_equal(targets_load(&c, &t, &err), -E_SYNTAX);
		assert_int_equal(err.line, 2);
		assert_int_equal(strstr(err.want, "1023") != NULL, len == 1024);
		unlink(in);
	}
}

static void long_lists_are_cheap(void **state)
{
	enum { N = 20000 };
	char *text = mem_alloc(N, 20), in[32];
	struct target_conf c = {.input_file = in};
	uint64_t n_allocs;
	struct targets t;
	size_t len = 0;

	(void)state;
	assert_non_null(text);
	for (uint32_t i = 0; i < N; i++) { /* every second address, backwards */
		uint32_t v = (N - i) * 2;

		len += (size_t)snprintf(text + len, N * 20 - len, "10.%u.%u.%u\n", v >> 16,
					v >> 8 & 255, v & 255);
	}
	write_file(in, text, len);
	mem_free(text);
	n_allocs = mem_n_allocs();
	assert_int_equal(targets_load(&c, &t, NULL), 0);
	unlink(in);
	assert_true(mem_n_allocs() - n_allocs < 32); /* no allocation a line */
	assert_true(t.set.n_addrs == N);
	assert_int_equal(t.set.n, N);
	assert_int_equal(t.set.cap, N);
	targets_fini(&t);
}

static const struct dns_row rows[] = {
	{"one.test", DNS_A, "192.0.2.1"},      {"same.test", DNS_A, "192.0.2.1"},
	{"two.test", DNS_AAAA, "2001:db8::2"}, {"two.test", DNS_A, "192.0.2.2"},
	{"two.test", DNS_A, "192.0.2.3"},      {"six.test", DNS_AAAA, "2001:db8::6"},
	{"silent.test", DNS_A, NULL},
};

static int load_names(const char *const *specs, uint32_t n, const char *exclude, uint8_t family,
		      bool resolve_all, struct targets *t, struct err_where *err)
{
	struct dns_responder dns;
	struct target_conf c = {.specs = specs,
				.n_specs = n,
				.excludes = &exclude,
				.n_excludes = exclude ? 1 : 0,
				.family = family,
				.resolve_all = resolve_all,
				.dns_timeout_ms = 500,
				.hosts_file = "/dev/null"};
	int rc;

	dns_start(&dns, rows, ARRAY_LEN(rows));
	c.dns_servers = dns.servers;
	rc = targets_load(&c, t, err);
	dns_stop(&dns);
	return rc;
}

static void names_become_addresses(void **state)
{
	static const char *const specs[] = {"one.test", "two.test/30", "six.test", "10.0.0.1"};
	struct err_where err;
	struct targets t;
	struct addr a = addr_v4(0xc0000202);

	(void)state;
	assert_int_equal(load_names(specs, 4, NULL, ADDR_NONE, false, &t, &err), 0);
	assert_true(t.set.n_addrs == 4 + 1 + 1); /* two.test/30 covers one.test; v4 goes first */
	assert_string_equal(targets_name_of(&t, &a), "two.test");
	a = addr_v4(0xc0000203);
	assert_null(targets_name_of(&t, &a));
	assert_int_equal(t.n_names, 3);
	assert_int_equal(t.n_unresolved, 0);
	targets_fini(&t);

	assert_int_equal(load_names(specs + 1, 1, NULL, ADDR_NONE, true, &t, &err), 0);
	assert_int_equal(t.n_names, 3);
	assert_true(t.set.n_addrs == 4 + ((u128)1 << 98));
	targets_fini(&t);

	assert_int_equal(load_names(&(const char *){"two.test"}, 1, NULL, ADDR_V6, true, &t, &err),
			 0);
	assert_true(t.set.n_addrs == 1);
	assert_int_equal(t.names[0].addr.family, ADDR_V6);
	targets_fini(&t);

	assert_int_equal(load_names((const char *[]){"one.test", "same.test"}, 2, NULL, ADDR_V4,
				    true, &t, &err),
			 0);
	assert_int_equal(t.n_names, 1);
	assert_string_equal(t.names[0].name, "one.test");
	targets_fini(&t);
}

static void unknown_names(void **state)
{
	static const char *const specs[] = {"one.test", "none.test", "silent.test", "10.0.0.0/24"};
	struct err_where err;
	struct targets t;

	(void)state;
	assert_int_equal(load_names(specs, 4, "two.test", ADDR_NONE, false, &t, &err), 0);
	assert_int_equal(t.n_unresolved, 2);
	assert_string_equal(t.unresolved.token, "none.test");
	assert_true(t.set.n_addrs == 257);
	assert_true(t.excluded.n_addrs == 3); /* all addresses of an excluded name */
	targets_fini(&t);

	assert_int_equal(load_names(specs + 1, 1, NULL, ADDR_NONE, false, &t, &err), -E_NAME);
	assert_string_equal(err.token, "none.test");
	assert_int_equal(load_names(specs + 2, 1, NULL, ADDR_NONE, false, &t, &err), -E_NAME);
	assert_non_null(strstr(err.want, "no answer in time"));
	assert_int_equal(load_names(specs, 1, "10.0.0.1,none.test", ADDR_NONE, false, &t, &err),
			 -E_NAME);
	assert_string_equal(err.token, "none.test");
	assert_int_equal(err.column, 10);
	assert_int_equal(
		load_names(&(const char *){"one.test/64"}, 1, NULL, ADDR_V4, false, &t, &err),
		-E_NAME);
	assert_non_null(strstr(err.want, "fewer bits"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reserved_blocks_leave_wide_specs_only),
		cmocka_unit_test(excludes_are_taken_out),
		cmocka_unit_test(sources_add_up_and_overlaps_count_once),
		cmocka_unit_test(errors_say_where),
		cmocka_unit_test(words_have_a_longest_length),
		cmocka_unit_test(long_lists_are_cheap),
		cmocka_unit_test(names_become_addresses),
		cmocka_unit_test(unknown_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
