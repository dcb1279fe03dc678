/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * route_lookup against the kernel itself (RTM_GETROUTE) for thousands of addresses in a namespace
 * with several interfaces, metrics, more-specifics, refusing routes, a tun device and link-local
 * ways; then with every interface as -e, then with policy rules. No packet is sent. Exits 77
 * without privilege.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <net/if.h>
#include <cmocka.h>

#include <linux/rtnetlink.h>

#include "base/hash.h"
#include "pktio/netlink.h"
#include "pktio/route.h"
#include "support/netns.h"

#define N_RANDOM 4000
#define N_NEAR   40 /* per prefix */

static const char *const links[] = {
	"ip link add va address 02:77:00:00:00:01 type veth peer name vb",
	"ip link add vc address 02:77:00:00:00:03 type veth peer name vd",
	"ip link add ve address 02:77:00:00:00:05 type veth peer name vf",
	"ip tuntap add t0 mode tun",
	"ip tuntap add d0 mode tap",
	"ip addr add 10.1.0.1/24 dev va; ip addr add 10.1.0.9/24 dev va; ip addr add 10.1.8.1/22 "
	"dev va",
	"ip addr add 10.2.0.1/16 dev vc; ip addr add 169.254.7.7/16 dev vc scope link",
	"ip addr add 10.9.0.1 peer 10.9.0.2 dev t0; ip addr add 10.8.0.1/30 dev d0",
	"ip addr add fd00:1::1/64 dev va nodad; ip addr add fd00:1::2/64 dev va nodad "
	"preferred_lft 0",
	"ip addr add 2001:db8:1::1/64 dev va nodad; ip addr add 2001:db8:2::1/64 dev vc nodad",
	"ip addr add fd00:9::1/126 dev t0 nodad; ip addr add 2002:a01::1/48 dev d0 nodad",
	"for i in va vb vc vd t0 d0; do ip link set $i up; done",
	"ip link set va mtu 1400",
	"sysctl -qw net.ipv6.conf.va.disable_ipv6=0",
	NULL};

static const char *const routes[] = {
	"ip route add 20.0.0.0/8 via 10.1.0.254",
	"ip route add 20.0.0.0/8 via 10.2.0.254 metric 10",
	"ip route add 20.1.0.0/16 via 10.2.0.254 metric 5 mtu 1280",
	"ip route add 20.1.0.0/16 via 10.1.0.254 metric 6",
	"ip route add 20.1.2.0/24 dev t0",
	"ip route add 20.1.2.128/25 via 10.1.0.253 src 10.1.0.9",
	"ip route add 20.1.2.129 via 10.1.9.9",
	"ip route add 21.0.0.0/8 dev vc",
	"ip route add 21.3.0.0/16 dev d0 src 10.8.0.1",
	"ip route add 22.0.0.0/8 dev t0 metric 3",
	"ip route add blackhole 22.1.0.0/16",
	"ip route add unreachable 22.2.0.0/16",
	"ip route add prohibit 22.3.0.0/16",
	"ip route add throw 22.4.0.0/16",
	"ip route add 22.4.0.0/15 via 10.2.0.7 table default",
	"ip route add 23.0.0.0/8 via 10.1.0.254 table default",
	"ip route add 23.1.0.0/16 via inet6 fd00:1::77 dev va",
	"ip route add local 24.0.0.0/14 dev lo",
	"ip route add 24.1.0.0/16 via 10.2.0.99",
	"ip route add 24.0.0.0/14 via 10.2.0.98",
	"ip route add 127.9.0.0/16 via 10.2.0.97",
	"ip route add 128.0.0.0/2 via 10.77.7.7 dev vc onlink",
	"ip -6 route add 2000::/3 via fd00:1::fe",
	"ip -6 route add 2400::/12 via fe80::99 dev vc",
	"ip -6 route add 2400::/12 via fd00:1::98 metric 10",
	"ip -6 route add 2400:1::/32 dev t0",
	"ip -6 route add 2400:1:2::/48 via 2001:db8:2::5 src 2001:db8:2::1",
	"ip -6 route add 2600::/12 via fe80::1 dev va pref low",
	"ip -6 route add blackhole 2400:2::/32; ip -6 route add unreachable 2400:3::/32",
	"ip -6 route add prohibit 2400:4::/32; ip -6 route add throw 2400:5::/32",
	"ip -6 route add local fd00:24::/64 dev lo",
	"ip -6 route add fd00:24:0:0:1::/80 via fd00:1::98",
	"ip -6 route add fd00:30::/32 via fd00:1::97 mtu 1290",
	NULL};

static const char *const prefixes[] = {
	"10.1.0.0/24",     "10.1.8.0/22",     "10.2.0.0/16",        "169.254.0.0/16",
	"10.9.0.0/30",     "10.8.0.0/30",     "20.0.0.0/8",         "20.1.0.0/16",
	"20.1.2.0/24",     "20.1.2.128/25",   "20.1.2.129/32",      "21.0.0.0/8",
	"21.3.0.0/16",     "22.0.0.0/8",      "22.1.0.0/16",        "22.2.0.0/16",
	"22.3.0.0/16",     "22.4.0.0/15",     "22.4.0.0/16",        "23.0.0.0/8",
	"23.1.0.0/16",     "24.0.0.0/14",     "24.1.0.0/16",        "127.0.0.0/8",
	"127.9.0.0/16",    "128.0.0.0/2",     "10.1.0.1/32",        "10.1.0.255/32",
	"::1/128",         "fd00:1::/64",     "fd00:1::1/128",      "fd00:1::2/128",
	"2001:db8:1::/64", "2001:db8:2::/64", "fd00:9::/126",       "2002:a01::/48",
	"2000::/3",        "2400::/12",       "2400:1::/32",        "2400:1:2::/48",
	"2600::/12",       "2400:2::/32",     "2400:3::/32",        "2400:4::/32",
	"2400:5::/32",     "fd00:24::/64",    "fd00:24:0:0:1::/80", "fd00:30::/32",
};

struct tally {
	uint32_t n, n_found, n_none, n_bad, n_skipped;
	uint32_t n_kind[ROUTE_KIND_N];
};

static void sh_all(const char *const *lines)
{
	for (; *lines; lines++)
		netns_sh("%s", *lines);
}

static bool same_bytes(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && memcmp(a->b, b->b, 16) == 0;
}

static void complain(const struct addr *dst, uint32_t oif, int err, const struct route *r,
		     int kernel_err, const struct nl_route *k)
{
	char d[ADDR_TEXT_CAP], s[ADDR_TEXT_CAP], g[ADDR_TEXT_CAP];

	print_error("%s oif %u: ours err %d kind %u if %u src %s via %s\n",
		    addr_format_bare(dst, d), oif, err, r->kind, r->if_idx,
		    addr_format_bare(&r->src, s), addr_format_bare(&r->next_hop, g));
	print_error("    kernel err %d type %u if %u src %s via %s\n", kernel_err, k->type, k->oif,
		    addr_format_bare(&k->prefsrc, s), addr_format_bare(&k->gateway, g));
}

static bool is_way(int kernel_err, const struct nl_route *k)
{
	return kernel_err == 0 &&
	       (k->type == RTN_UNICAST || k->type == RTN_LOCAL || k->type == RTN_ANYCAST);
}

/* With -e the kernel takes an IPv4 target without a route for on-link; we do not, on purpose. */
static bool is_guess(uint32_t oif, const struct nl_route *k)
{
	return oif && k->family == ADDR_V4 && k->type == RTN_UNICAST &&
	       k->gateway.family == ADDR_NONE;
}

static void compare(struct route_table *t, struct nl_sock *nl, const struct addr *dst, uint32_t oif,
		    struct tally *y)
{
	struct nl_route k = {0};
	struct route r = {0};
	int kernel_err = nl_route_get(nl, dst, oif, &k), err = route_lookup(t, dst, oif, &r);
	bool is_good;

	y->n++;
	if (err) {
		y->n_none++;
		if (is_way(kernel_err, &k) && is_guess(oif, &k)) {
			y->n_skipped++;
			return;
		}
		is_good = !is_way(kernel_err, &k);
	} else {
		y->n_found++;
		y->n_kind[r.kind]++;
		is_good = is_way(kernel_err, &k) && k.oif == r.if_idx &&
			  same_bytes(&k.prefsrc, &r.src) && same_bytes(&k.gateway, &r.next_hop) &&
			  (k.type == RTN_UNICAST) == (r.kind != ROUTE_LOOPBACK);
	}
	if (is_good)
		return;
	if (y->n_bad++ < 5)
		complain(dst, oif, err, &r, kernel_err, &k);
}

/* Multicast and unspecified addresses are refused on purpose and not compared. */
static bool is_comparable(const struct addr *a)
{
	static const uint8_t zero[16];

	return !addr_is_multicast(a) && memcmp(a->b, zero, 16) != 0;
}

static struct addr near_prefix(struct rng *rng, const char *text)
{
	const char *slash = strchr(text, '/');
	unsigned len = (unsigned)strtoul(slash + 1, NULL, 10);
	struct addr a;

	assert_int_equal(addr_parse(text, (size_t)(slash - text), &a), 0);
	unsigned width = a.family == ADDR_V4 ? 32 : 128, host = width - len;
	u128 all = width == 32 ? UINT32_MAX : ~(u128)0;
	u128 mask = host == 128 ? all : ((u128)1 << host) - 1, base = addr_to_u128(&a);
	u128 pick = (u128)rng_u64(rng) << 64 | rng_u64(rng);

	switch (rng_below(rng, 6)) {
	case 0:
		return addr_from_u128(a.family, base, 0);
	case 1:
		return addr_from_u128(a.family, (base - 1) & all, 0);
	case 2:
		return addr_from_u128(a.family, base | mask, 0);
	case 3:
		return addr_from_u128(a.family, ((base | mask) + 1) & all, 0);
	default:
		return addr_from_u128(a.family, base | (pick & mask), 0);
	}
}

static void sweep(struct route_table *t, uint32_t oif, uint64_t seed, struct tally *y)
{
	struct nl_sock nl;
	struct rng rng;

	rng_init(&rng, seed);
	assert_int_equal(nl_open(&nl), 0);
	for (size_t p = 0; p < ARRAY_LEN(prefixes); p++)
		for (int i = 0; i < N_NEAR; i++) {
			struct addr a = near_prefix(&rng, prefixes[p]);

			if (is_comparable(&a))
				compare(t, &nl, &a, oif, y);
		}
	for (int i = 0; i < N_RANDOM; i++) {
		u128 n = (u128)rng_u64(&rng) << 64 | rng_u64(&rng);
		struct addr a = i % 2 ? addr_v4((uint32_t)n)
				      : addr_from_u128(ADDR_V6, (n >> 3) | (u128)1 << 125, 0);

		if (is_comparable(&a))
			compare(t, &nl, &a, oif, y);
	}
	nl_close(&nl);
}

static void report(const char *what, const struct tally *y)
{
	print_message("%s: %u compared, %u found (lo %u, on link %u, gateway %u, p2p %u), %u none, "
		      "%u kernel guesses\n",
		      what, y->n, y->n_found, y->n_kind[ROUTE_LOOPBACK], y->n_kind[ROUTE_ONLINK],
		      y->n_kind[ROUTE_GATEWAY], y->n_kind[ROUTE_P2P], y->n_none, y->n_skipped);
	assert_int_equal(y->n_bad, 0);
}

static void agrees_with_the_kernel(void **state)
{
	struct route_table *t;
	struct tally y = {0};

	assert_int_equal(route_table_load(&t), 0);
	for (uint64_t seed = 1; seed <= 3; seed++)
		sweep(t, 0, seed, &y);
	report("all interfaces", &y);
	for (int kind = ROUTE_LOOPBACK; kind < ROUTE_KIND_N; kind++)
		assert_true(y.n_kind[kind] > 100);
	assert_true(y.n_none > 100);
	route_table_free(t);
}

static void agrees_for_each_interface(void **state)
{
	struct route_table *t;

	assert_int_equal(route_table_load(&t), 0);
	for (uint32_t i = 0; i < route_n_ifaces(t); i++) {
		const struct iface *f = route_iface_at(t, i);
		struct tally y = {0};

		if (!f->is_up || f->is_loopback)
			continue;
		sweep(t, f->if_idx, i, &y);
		report(f->name, &y);
	}
	route_table_free(t);
}

static void link_local_goes_by_zone(void **state)
{
	static const char *const names[] = {"va", "vc"};
	struct route_table *t;

	assert_int_equal(route_table_load(&t), 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct iface *f = route_iface_named(t, names[i]);
		struct addr a;
		struct route r;

		assert_non_null(f);
		assert_int_equal(addr_parse("fe80::1234", 10, &a), 0);
		a.zone = f->if_idx;
		assert_int_equal(route_lookup(t, &a, 0, &r), 0);
		assert_int_equal(r.kind, ROUTE_ONLINK);
		assert_int_equal(r.if_idx, f->if_idx);
		assert_true(addr_is_linklocal(&r.src));
		assert_int_equal(r.src.zone, f->if_idx);
		assert_memory_equal(r.src.b + 13, f->mac.b + 3, 3);
		assert_int_equal(route_lookup(t, &a, f->if_idx + 1000, &r), -E_NOROUTE);
	}
	route_table_free(t);
}

static void neighbours_in_usable_states_are_known(void **state)
{
	static const struct row {
		const char *state_text, *addr;
		bool is_known;
	} rows[] = {{"permanent", "10.1.0.50", true}, {"reachable", "10.1.0.51", true},
		    {"stale", "10.1.0.52", true},     {"noarp", "10.1.0.53", true},
		    {"failed", "10.1.0.54", false},   {"incomplete", "10.1.0.55", false},
		    {"permanent", "fd00:1::50", true}};
	struct route_table *t;
	struct addr a;
	struct mac m;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		netns_sh("ip neigh replace %s lladdr 02:00:00:00:00:%02x dev va nud %s",
			 rows[i].addr, (unsigned)i, rows[i].state_text);
	assert_int_equal(route_table_load(&t), 0);
	uint32_t va = route_iface_named(t, "va")->if_idx;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(addr_parse(rows[i].addr, strlen(rows[i].addr), &a), 0);
		assert_int_equal(route_neigh(t, va, &a, &m), rows[i].is_known ? 0 : -E_EMPTY);
		if (rows[i].is_known)
			assert_int_equal(m.b[5], i);
		assert_int_equal(route_neigh(t, va + 1, &a, &m), -E_EMPTY);
	}
	assert_int_equal(addr_parse("10.1.0.60", 9, &a), 0);
	netns_sh("ip neigh replace 10.1.0.60 lladdr 02:00:00:00:00:60 dev va nud permanent");
	assert_int_equal(route_neigh(t, va, &a, &m), -E_EMPTY); /* read once */
	route_table_free(t);
}

static void agrees_after_links_went_away(void **state)
{
	for (int is_ignored = 0; is_ignored < 2; is_ignored++) {
		struct route_table *t;
		struct tally y = {0};

		netns_sh("sysctl -qw net.ipv4.conf.va.ignore_routes_with_linkdown=%d "
			 "net.ipv6.conf.va.ignore_routes_with_linkdown=%d; "
			 "ip link set vc down; ip link set vb down",
			 is_ignored, is_ignored);
		assert_int_equal(route_table_load(&t), 0);
		sweep(t, 0, 77, &y);
		report("vc down, va without carrier", &y);
		route_table_free(t);
		netns_sh("ip link set vc up; ip link set vb up");
	}
}

/* The last: a rule splits the kernel's local and main tables for good. */
static void agrees_under_policy_rules(void **state)
{
	struct route_table *t;
	struct tally y = {0};

	netns_sh("ip rule add to 20.1.0.0/16 lookup 77 prio 100; ip route add 20.1.3.0/24 via "
		 "10.1.0.222 table 77; "
		 "ip -6 rule add to 2400:1::/32 lookup 77 prio 100; "
		 "ip -6 route add 2400:1:3::/48 via fd00:1::222 table 77");
	assert_int_equal(route_table_load(&t), 0);
	sweep(t, 0, 99, &y);
	report("policy rules", &y);
	route_table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_the_kernel),
		cmocka_unit_test(agrees_for_each_interface),
		cmocka_unit_test(link_local_goes_by_zone),
		cmocka_unit_test(neighbours_in_usable_states_are_known),
		cmocka_unit_test(agrees_after_links_went_away),
		cmocka_unit_test(agrees_under_policy_rules),
	};

	(void)netns_new();
	sh_all(links);
	sh_all(routes);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
