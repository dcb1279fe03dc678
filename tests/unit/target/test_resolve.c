/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lookups against a name server in a thread on loopback; nothing leaves the machine. */
#include "target/resolve.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "dns_responder.h"

static const struct dns_row rows[] = {
	{"one.test", DNS_A, "192.0.2.1"},
	{"two.test", DNS_A, "192.0.2.2"},
	{"two.test", DNS_A, "192.0.2.3"},
	{"two.test", DNS_AAAA, "2001:db8::2"},
	{"six.test", DNS_AAAA, "2001:db8::6"},
	{"silent.test", DNS_A, NULL},
	{"1.2.0.192.in-addr.arpa", DNS_PTR, "one.test"},
	{"9.2.0.192.in-addr.arpa", DNS_PTR, "evil name.test"},
	{"8.2.0.192.in-addr.arpa", DNS_PTR, NULL},
	{"6.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", DNS_PTR,
	 "six.test"},
};

/** What callbacks were told. */
struct answers {
	uint32_t n_calls, n_addrs;
	int code;
	struct addr addrs[8];
	char name[64];
};

static void on_addrs(void *ctx, const char *name, int code, const struct addr *addrs, uint32_t n)
{
	struct answers *a = ctx;

	a->n_calls++;
	a->code = code;
	a->n_addrs = n;
	(void)snprintf(a->name, sizeof(a->name), "%s", name);
	for (uint32_t i = 0; i < MIN(n, 8u); i++)
		a->addrs[i] = addrs[i];
}

static void on_name(void *ctx, uint64_t id, const char *name)
{
	struct answers *a = ctx;

	a->n_calls++;
	a->code = (int)id;
	(void)snprintf(a->name, sizeof(a->name), "%s", name ? name : "(none)");
}

struct bed {
	struct dns_responder dns;
	struct resolve *r;
	char hosts_file[32];
};

static int setup(void **state)
{
	static struct bed bed;
	static const char hosts[] = "192.0.2.50 hosts.test\n127.0.0.1 localhost\n";
	int fd;

	(void)snprintf(bed.hosts_file, sizeof(bed.hosts_file), "/tmp/prtip-hosts-XXXXXX");
	fd = mkstemp(bed.hosts_file);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, hosts, sizeof(hosts) - 1), sizeof(hosts) - 1);
	close(fd);
	dns_start(&bed.dns, rows, ARRAY_LEN(rows));
	struct resolve_conf c = {.timeout_ms = 400,
				 .max_inflight = 4,
				 .servers = bed.dns.servers,
				 .hosts_file = bed.hosts_file};
	assert_int_equal(resolve_new(&c, &bed.r), 0);
	*state = &bed;
	return 0;
}

static int teardown(void **state)
{
	struct bed *b = *state;

	resolve_free(b->r);
	if (b->dns.fd)
		dns_stop(&b->dns);
	unlink(b->hosts_file);
	memset(b, 0, sizeof(*b));
	return 0;
}

/* Bounded: every query ends within its own time limit. */
static void drain(struct resolve *r)
{
	uint64_t end_ns = clock_now_ns() + 20 * NS_PER_S;

	while (resolve_poll(r, 100))
		assert_true(clock_now_ns() < end_ns);
}

static void forward(void **state)
{
	struct bed *b = *state;
	struct answers both = {0}, v4 = {0}, v6 = {0}, only6 = {0}, none = {0}, wrong = {0};
	struct addr want = addr_v4(0xc0000201);

	assert_int_equal(resolve_forward(b->r, "one.test", ADDR_V4, on_addrs, &v4), 0);
	assert_int_equal(resolve_forward(b->r, "two.test", ADDR_NONE, on_addrs, &both), 0);
	assert_int_equal(resolve_forward(b->r, "two.test", ADDR_V6, on_addrs, &v6), 0);
	assert_int_equal(resolve_forward(b->r, "six.test", ADDR_NONE, on_addrs, &only6), 0);
	assert_int_equal(resolve_forward(b->r, "none.test", ADDR_NONE, on_addrs, &none), 0);
	assert_int_equal(resolve_forward(b->r, "one.test", ADDR_V6, on_addrs, &wrong), 0);
	assert_int_equal(v4.n_calls, 0); /* never from the call itself */
	drain(b->r);
	assert_int_equal(v4.n_calls, 1);
	assert_int_equal(v4.n_addrs, 1);
	assert_string_equal(v4.name, "one.test");
	assert_true(addr_equal(&v4.addrs[0], &want));
	assert_int_equal(both.n_addrs, 3);
	assert_int_equal(v6.n_addrs, 1);
	assert_int_equal(v6.addrs[0].family, ADDR_V6);
	assert_int_equal(only6.n_addrs, 1);
	assert_int_equal(none.n_calls, 1);
	assert_int_equal(none.n_addrs, 0);
	assert_int_equal(none.code, -E_NAME);
	assert_int_equal(wrong.n_addrs, 0);
	assert_int_equal(wrong.code, -E_NAME);
}

static void reverse(void **state)
{
	struct bed *b = *state;
	struct answers one = {0}, six = {0}, none = {0}, evil = {0};
	uint8_t six_bytes[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 6};
	struct addr a1 = addr_v4(0xc0000201), a6 = addr_v6(six_bytes), a7 = addr_v4(0xc0000207),
		    a9 = addr_v4(0xc0000209);

	assert_int_equal(resolve_reverse(b->r, &a1, 11, on_name, &one), 0);
	assert_int_equal(resolve_reverse(b->r, &a6, 66, on_name, &six), 0);
	assert_int_equal(resolve_reverse(b->r, &a7, 77, on_name, &none), 0);
	assert_int_equal(resolve_reverse(b->r, &a9, 99, on_name, &evil), 0);
	drain(b->r);
	assert_string_equal(one.name, "one.test");
	assert_int_equal(one.code, 11);
	assert_string_equal(six.name, "six.test");
	assert_string_equal(none.name, "(none)");
	assert_int_equal(none.n_calls, 1);
	assert_string_equal(evil.name, "(none)"); /* a space is no part of a host name */
}

static void local_names_are_not_sent(void **state)
{
	struct bed *b = *state;
	struct answers a[9] = {0};
	uint8_t loop6[16] = {[15] = 1}, link[16] = {0xfe, 0x80, [15] = 1};
	struct addr l4 = addr_v4(0x7f000001), l4b = addr_v4(0x7f010203), l6 = addr_v6(loop6),
		    ll = addr_v6(link);
	struct addr hosts = addr_v4(0xc0000232);

	assert_int_equal(resolve_reverse(b->r, &l4, 1, on_name, &a[0]), 0);
	assert_int_equal(resolve_reverse(b->r, &l4b, 2, on_name, &a[1]), 0);
	assert_int_equal(resolve_reverse(b->r, &l6, 3, on_name, &a[2]), 0);
	assert_int_equal(resolve_reverse(b->r, &ll, 4, on_name, &a[3]), 0);
	assert_int_equal(resolve_reverse(b->r, &hosts, 5, on_name, &a[4]), 0);
	assert_string_equal(a[0].name, "localhost"); /* at once */
	assert_string_equal(a[1].name, "(none)");
	assert_string_equal(a[2].name, "(none)");
	assert_string_equal(a[3].name, "(none)");
	assert_string_equal(a[4].name, "hosts.test");
	assert_int_equal(resolve_forward(b->r, "hosts.test", ADDR_NONE, on_addrs, &a[5]), 0);
	assert_int_equal(resolve_forward(b->r, "www.LOCALHOST.", ADDR_NONE, on_addrs, &a[6]), 0);
	assert_int_equal(resolve_forward(b->r, "192.0.2.77", ADDR_NONE, on_addrs, &a[7]), 0);
	assert_int_equal(resolve_forward(b->r, "nosuch.invalid", ADDR_NONE, on_addrs, &a[8]), 0);
	drain(b->r);
	assert_int_equal(a[8].n_calls, 1);
	assert_int_equal(a[8].n_addrs, 0);
	assert_int_equal(a[5].n_addrs, 1);
	assert_true(addr_equal(&a[5].addrs[0], &hosts));
	assert_int_equal(a[6].n_addrs, 2);
	assert_true(addr_is_loopback(&a[6].addrs[0]) && addr_is_loopback(&a[6].addrs[1]));
	assert_int_equal(addr_to_u32(&a[7].addrs[0]), 0xc000024d);
	dns_stop(&b->dns);
	b->dns.fd = 0;
	assert_int_equal(atomic_load(&b->dns.n_asked), 0);
}

static void silence_ends_in_time(void **state)
{
	struct bed *b = *state;
	struct addr a8 = addr_v4(0xc0000208);
	struct answers fwd = {0}, ptr = {0}, fast = {0};
	uint64_t start_ns = clock_now_ns(), took_ms;

	assert_int_equal(resolve_forward(b->r, "silent.test", ADDR_V4, on_addrs, &fwd), 0);
	assert_int_equal(resolve_reverse(b->r, &a8, 8, on_name, &ptr), 0);
	assert_int_equal(resolve_forward(b->r, "one.test", ADDR_V4, on_addrs, &fast), 0);
	drain(b->r);
	took_ms = (clock_now_ns() - start_ns) / NS_PER_MS;
	assert_in_range(took_ms, 200,
			5000); /* the limit is 400 ms; the machine may be slow, never fast */
	assert_int_equal(fwd.n_calls, 1);
	assert_int_equal(fwd.code, -ETIMEDOUT);
	assert_int_equal(ptr.n_calls, 1);
	assert_string_equal(ptr.name, "(none)");
	assert_int_equal(fast.n_addrs, 1);
}

/* Ten times as many as may run at once, a fifth of them unanswered. */
static void more_queries_than_slots(void **state)
{
	struct bed *b = *state;
	struct answers a[40] = {0};

	for (size_t i = 0; i < ARRAY_LEN(a); i++)
		assert_int_equal(resolve_forward(b->r, i % 5 ? "one.test" : "silent.test", ADDR_V4,
						 on_addrs, &a[i]),
				 0);
	assert_int_equal(resolve_poll(b->r, 0) > 0, 1);
	drain(b->r);
	for (size_t i = 0; i < ARRAY_LEN(a); i++) {
		assert_int_equal(a[i].n_calls, 1);
		assert_int_equal(a[i].n_addrs, i % 5 ? 1 : 0);
	}
}

static void freeing_calls_nobody(void **state)
{
	struct bed *b = *state;
	struct answers running = {0}, waiting[8] = {0};

	assert_int_equal(resolve_forward(b->r, "silent.test", ADDR_V4, on_addrs, &running), 0);
	for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
		assert_int_equal(
			resolve_forward(b->r, "silent.test", ADDR_V4, on_addrs, &waiting[i]), 0);
	assert_int_equal(resolve_poll(b->r, 0), 9);
	resolve_free(b->r);
	b->r = NULL;
	assert_int_equal(running.n_calls, 0);
	for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
		assert_int_equal(waiting[i].n_calls, 0);
}

static void malformed_servers_are_refused(void **state)
{
	struct resolve_conf c = {.servers = "no server"};
	struct resolve *r = NULL;

	(void)state;
	assert_int_equal(resolve_new(&c, &r), -E_NAME);
	assert_null(r);
	resolve_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(forward, setup, teardown),
		cmocka_unit_test_setup_teardown(reverse, setup, teardown),
		cmocka_unit_test_setup_teardown(local_names_are_not_sent, setup, teardown),
		cmocka_unit_test_setup_teardown(silence_ends_in_time, setup, teardown),
		cmocka_unit_test_setup_teardown(more_queries_than_slots, setup, teardown),
		cmocka_unit_test_setup_teardown(freeing_calls_nobody, setup, teardown),
		cmocka_unit_test(malformed_servers_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
