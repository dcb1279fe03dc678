/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The way to a target: five netlink dumps folded into interfaces and, per family, one flattened
 * table over the kernel's standard rules (local, main, default). With any other rule,
 * source-specific IPv6 routes or a huge table, the kernel is asked per address instead and the
 * answer kept in a small cache. IPv4's local and main tables are one trie in the kernel until a
 * rule is added, so here they are one stage in which the longer prefix wins and local wins ties;
 * IPv6 asks local first. Sources: rtnetlink(7), ip-rule(8), RFC 4191 (router preference).
 */
#include "pktio/route.h"

#include "base/hash.h"
#include "base/mem.h"
#include "pktio/lpm.h"
#include "pktio/neigh.h"
#include "pktio/netlink.h"
#include "pktio/rows.h"
#include "pktio/srcaddr.h"

#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#define ROUTES_MAX 65536 /* beyond it flattening costs more than it saves: the kernel is asked */
#define FLATS_MAX  4     /* tables restricted to one interface, kept at a time */
#define ASKED_MAX  256   /* the kernel's answers, direct-mapped */
#define LOAD_TRIES 3

enum { FAM_V4, FAM_V6, FAM_N };

/* All routes, or those over one interface, flattened. */
struct flat {
	uint32_t if_idx;
	bool is_built;
	struct lpm of[FAM_N];
};

struct asked {
	struct addr dst;
	uint32_t if_idx;
	int err;
	struct route route;
};

struct route_table {
	struct rows links;  /* struct iface */
	struct rows addrs;  /* struct src_addr */
	struct rows routes; /* struct nl_route */
	struct neigh_table neighs;
	struct prefix_addr *prefixes;
	bool asks_kernel[FAM_N];
	uint32_t n_rules[FAM_N], n_standard[FAM_N];
	uint8_t standard_seen[FAM_N]; /* bits: local, main, default */
	uint32_t lo_idx;
	struct flat flats[FLATS_MAX];
	uint32_t next_flat;
	struct asked *asked;
	struct nl_sock nl;
};

static int fam_of(const struct addr *a)
{
	return a->family == ADDR_V4 ? FAM_V4 : FAM_V6;
}

static struct iface *iface_of(const struct route_table *t, uint32_t i)
{
	return (struct iface *)t->links.p + i;
}

static struct src_addr *addrs_of(const struct route_table *t)
{
	return t->addrs.p;
}

static int on_link(void *ctx, const struct nl_msg *m)
{
	struct route_table *t = ctx;
	struct nl_link l;

	if (m->type != RTM_NEWLINK || nl_link_parse(m, &l))
		return 0;
	struct iface *f = rows_add(&t->links);
	if (!f)
		return -ENOMEM;
	*f = (struct iface){.if_idx = l.if_idx,
			    .mtu_bytes = l.mtu_bytes,
			    .arp_type = l.arp_type,
			    .is_up = l.flags & IFF_UP,
			    .is_loopback = l.flags & IFF_LOOPBACK,
			    .is_ether = l.arp_type == ARPHRD_ETHER,
			    .is_p2p = l.flags & IFF_POINTOPOINT,
			    .has_arp = !(l.flags & IFF_NOARP),
			    .prefers_temporary = l.prefers_temporary,
			    .mac = l.mac};
	memcpy(f->name, l.name, sizeof(f->name));
	if (f->is_loopback && !t->lo_idx)
		t->lo_idx = f->if_idx;
	return 0;
}

static int on_addr(void *ctx, const struct nl_msg *m)
{
	struct route_table *t = ctx;
	struct src_addr s = {0};

	if (m->type != RTM_NEWADDR || nl_addr_parse(m, &s.a) || s.a.local.family == ADDR_NONE)
		return 0;
	struct src_addr *to = rows_add(&t->addrs);
	if (!to)
		return -ENOMEM;
	if (addr_is_linklocal(&s.a.local) && s.a.local.family == ADDR_V6)
		s.a.local.zone = s.a.if_idx;
	*to = s;
	return 0;
}

static bool is_kept(const struct nl_route *r)
{
	if (r->is_dead || r->is_cloned || (r->family == ADDR_V4 && r->tos))
		return false;
	return r->table == RT_TABLE_LOCAL || r->table == RT_TABLE_MAIN ||
	       (r->table == RT_TABLE_DEFAULT && r->family == ADDR_V4);
}

static int on_route(void *ctx, const struct nl_msg *m)
{
	struct route_table *t = ctx;
	struct nl_route r;

	if (m->type != RTM_NEWROUTE || nl_route_parse(m, &r) || !is_kept(&r))
		return 0;
	if (r.has_src_prefix) {
		t->asks_kernel[FAM_V6] = true;
		return 0;
	}
	if (t->routes.n == ROUTES_MAX) {
		t->asks_kernel[FAM_V4] = t->asks_kernel[FAM_V6] = true;
		return 0;
	}
	struct nl_route *to = rows_add(&t->routes);
	if (!to)
		return -ENOMEM;
	*to = r;
	return 0;
}

static int on_rule(void *ctx, const struct nl_msg *m)
{
	static const struct standard_row {
		uint32_t priority, table;
	} standard[] = {{0, RT_TABLE_LOCAL}, {32766, RT_TABLE_MAIN}, {32767, RT_TABLE_DEFAULT}};
	struct route_table *t = ctx;
	struct nl_rule r;

	if (m->type != RTM_NEWRULE || nl_rule_parse(m, &r))
		return 0;
	int fam = r.family == ADDR_V4 ? FAM_V4 : FAM_V6;
	t->n_rules[fam]++;
	for (size_t i = 0; i < ARRAY_LEN(standard); i++)
		if (r.is_plain && r.action == FR_ACT_TO_TBL && r.priority == standard[i].priority &&
		    r.table == standard[i].table) {
			t->n_standard[fam]++;
			t->standard_seen[fam] |= (uint8_t)(1u << i);
		}
	return 0;
}

/* Addresses come per family; interfaces hand theirs out as one array each. */
static int group_addrs(struct route_table *t)
{
	uint32_t n = 0;

	t->prefixes = mem_alloc(t->addrs.n + 1, sizeof(*t->prefixes));
	if (!t->prefixes)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->links.n; i++) {
		struct iface *f = iface_of(t, i);

		f->addrs = t->prefixes + n;
		for (uint32_t k = 0; k < t->addrs.n; k++) {
			struct src_addr *s = addrs_of(t) + k;

			if (s->a.if_idx != f->if_idx)
				continue;
			s->prefers_temporary = f->prefers_temporary;
			t->prefixes[n++] = (struct prefix_addr){s->a.local, s->a.prefix_len};
			f->n_addrs++;
		}
	}
	return 0;
}

/* Preference between equal prefixes: table, metric, router preference. */
static uint64_t rank_of(const struct nl_route *r)
{
	uint64_t pref = r->router_pref == 1 ? 0 : r->router_pref == 0 ? 1 : 2;

	return (uint64_t)(r->table != RT_TABLE_LOCAL) << 40 | (uint64_t)r->metric << 2 | pref;
}

static uint8_t stage_of(const struct nl_route *r)
{
	if (r->table == RT_TABLE_DEFAULT)
		return 2;
	return r->family == ADDR_V6 && r->table == RT_TABLE_MAIN;
}

static int flatten(const struct route_table *t, uint8_t family, uint32_t if_idx, struct lpm *ret)
{
	struct lpm_prefix *p = mem_alloc(t->routes.n + 1, sizeof(*p));
	const struct nl_route *r = t->routes.p;
	uint32_t n = 0;

	if (!p)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->routes.n; i++) {
		if (r[i].family != family || (if_idx && r[i].oif != if_idx))
			continue;
		p[n++] = (struct lpm_prefix){.base = addr_to_u128(&r[i].dst),
					     .len = r[i].dst_len,
					     .stage = stage_of(&r[i]),
					     .rank = rank_of(&r[i]),
					     .value = r[i].type == RTN_THROW ? LPM_THROW : i};
	}
	int err = lpm_build(p, n, family == ADDR_V4 ? 32 : 128, ret);
	mem_free(p);
	return err;
}

static void flat_fini(struct flat *f)
{
	lpm_fini(&f->of[FAM_V4]);
	lpm_fini(&f->of[FAM_V6]);
	f->is_built = false;
}

static int flat_init(const struct route_table *t, uint32_t if_idx, struct flat *f)
{
	flat_fini(f);
	f->if_idx = if_idx;
	int err = flatten(t, ADDR_V4, if_idx, &f->of[FAM_V4]);
	if (!err)
		err = flatten(t, ADDR_V6, if_idx, &f->of[FAM_V6]);
	f->is_built = !err;
	return err;
}

/* Slot 0 is for all interfaces; the others take turns. */
static int flat_for(struct route_table *t, uint32_t if_idx, struct flat **ret)
{
	for (uint32_t i = 0; i < FLATS_MAX; i++) {
		*ret = &t->flats[i];
		if (t->flats[i].is_built && t->flats[i].if_idx == if_idx)
			return 0;
	}
	t->next_flat = t->next_flat % (FLATS_MAX - 1) + 1;
	*ret = &t->flats[t->next_flat];
	return flat_init(t, if_idx, *ret);
}

static void rows_reset(struct route_table *t)
{
	t->links.n = t->addrs.n = t->routes.n = t->lo_idx = 0;
	for (int f = 0; f < FAM_N; f++) {
		t->n_rules[f] = t->n_standard[f] = t->standard_seen[f] = 0;
		t->asks_kernel[f] = false;
	}
}

static int read_all(struct route_table *t)
{
	static const struct dump_row {
		uint16_t type;
		nl_msg_fn fn;
	} dumps[] = {{RTM_GETLINK, on_link},
		     {RTM_GETADDR, on_addr},
		     {RTM_GETROUTE, on_route},
		     {RTM_GETRULE, on_rule}};
	int err = -EAGAIN;

	for (int try = 0; try < LOAD_TRIES && err == -EAGAIN; try++) {
		rows_reset(t);
		err = 0;
		for (size_t i = 0; i < ARRAY_LEN(dumps) && !err; i++)
			err = nl_dump(&t->nl, dumps[i].type, dumps[i].fn, t);
		if (err == -EOPNOTSUPP) /* a kernel without policy rules */
			err = 0;
	}
	return err == -EAGAIN ? 0
			      : err; /* changing all the time: what was read is as good as any */
}

int route_table_load(struct route_table **ret)
{
	struct route_table *t = mem_alloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->links = (struct rows){.size = sizeof(struct iface), .max = 65536};
	t->addrs = (struct rows){.size = sizeof(struct src_addr), .max = 1048576};
	t->routes = (struct rows){.size = sizeof(struct nl_route), .max = ROUTES_MAX};
	int err = nl_open(&t->nl);
	if (!err)
		err = read_all(t);
	if (!err)
		err = group_addrs(t);
	for (int f = 0; f < FAM_N; f++)
		if (t->n_rules[f] != t->n_standard[f] ||
		    (t->n_rules[f] && (t->standard_seen[f] & 3) != 3))
			t->asks_kernel[f] = true;
	if (!err)
		err = flat_init(t, 0, &t->flats[0]);
	if (err) {
		route_table_free(t);
		return err;
	}
	*ret = t;
	return 0;
}

void route_table_free(struct route_table *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < FLATS_MAX; i++)
		flat_fini(&t->flats[i]);
	mem_free(t->links.p);
	mem_free(t->addrs.p);
	mem_free(t->routes.p);
	neigh_fini(&t->neighs);
	mem_free(t->prefixes);
	mem_free(t->asked);
	nl_close(&t->nl);
	mem_free(t);
}

uint32_t route_n_ifaces(const struct route_table *t)
{
	return t->links.n;
}

const struct iface *route_iface_at(const struct route_table *t, uint32_t i)
{
	return i < t->links.n ? iface_of(t, i) : NULL;
}

const struct iface *route_iface(const struct route_table *t, uint32_t if_idx)
{
	for (uint32_t i = 0; i < t->links.n; i++)
		if (iface_of(t, i)->if_idx == if_idx)
			return iface_of(t, i);
	return NULL;
}

const struct iface *route_iface_named(const struct route_table *t, const char *name)
{
	for (uint32_t i = 0; i < t->links.n; i++)
		if (strcmp(iface_of(t, i)->name, name) == 0)
			return iface_of(t, i);
	return NULL;
}

/* Where the kernel would send from: the route's word, a local target's own address, or selection.
 */
static int source_of(const struct route_table *t, const struct nl_route *r, const struct addr *dst,
		     struct addr *ret)
{
	const struct addr *src = &r->prefsrc;

	if (src->family == ADDR_NONE && dst->family == ADDR_V4)
		src = r->type == RTN_LOCAL
			      ? dst
			      : src_pick_v4(addrs_of(t), t->addrs.n, r->oif, &r->gateway, r->scope);
	else if (src->family == ADDR_NONE)
		src = src_pick_v6(addrs_of(t), t->addrs.n, r->oif, dst);
	if (!src)
		return -E_FAMILY;
	*ret = *src;
	if (ret->family == ADDR_V6 && addr_is_linklocal(ret))
		ret->zone = r->oif;
	return 0;
}

static enum route_kind kind_of(const struct iface *f, const struct nl_route *r)
{
	if (f->is_loopback)
		return ROUTE_LOOPBACK;
	if (f->is_p2p || !f->is_ether || !f->has_arp)
		return ROUTE_P2P;
	return r->gateway.family != ADDR_NONE ? ROUTE_GATEWAY : ROUTE_ONLINK;
}

static int fill(const struct route_table *t, const struct nl_route *r, const struct addr *dst,
		struct route *ret)
{
	bool is_local = r->type == RTN_LOCAL || (r->type == RTN_ANYCAST && r->family == ADDR_V6);
	const struct iface *f = route_iface(t, is_local ? t->lo_idx : r->oif);
	struct route way = {0};

	if ((!is_local && r->type != RTN_UNICAST) || !f || !f->is_up)
		return -E_NOROUTE;
	int err = source_of(t, r, dst, &way.src);
	if (err)
		return err;
	way.kind = (uint8_t)kind_of(f, r);
	way.if_idx = f->if_idx;
	way.next_hop = r->gateway;
	if (way.next_hop.family == ADDR_V6 && addr_is_linklocal(&way.next_hop))
		way.next_hop.zone = f->if_idx;
	way.mtu_bytes = r->mtu_bytes && r->mtu_bytes < f->mtu_bytes ? r->mtu_bytes : f->mtu_bytes;
	*ret = way;
	return 0;
}

static struct asked *asked_slot(struct route_table *t, const struct addr *dst, uint32_t if_idx)
{
	static const struct siphash_key key = {0};
	uint64_t w[3] = {if_idx};

	if (!t->asked)
		t->asked = mem_alloc(ASKED_MAX, sizeof(*t->asked));
	memcpy(w + 1, dst->b, 16);
	return t->asked ? &t->asked[siphash24_words(&key, w, 3) % ASKED_MAX] : NULL;
}

static int ask_kernel(struct route_table *t, const struct addr *dst, uint32_t if_idx,
		      struct route *ret)
{
	struct asked *a = asked_slot(t, dst, if_idx);
	struct nl_route r;

	if (!a)
		return -ENOMEM;
	if (a->if_idx != if_idx || !addr_equal(&a->dst, dst)) {
		a->dst = *dst;
		a->if_idx = if_idx;
		a->err = nl_route_get(&t->nl, dst, if_idx, &r) ? -E_NOROUTE
							       : fill(t, &r, dst, &a->route);
	}
	if (!a->err)
		*ret = a->route;
	return a->err;
}

static bool is_single_host(const struct addr *a)
{
	static const uint8_t zero[16], ones[4] = {255, 255, 255, 255};

	if (addr_is_multicast(a) || memcmp(a->b, zero, 16) == 0)
		return false;
	return a->family != ADDR_V4 || memcmp(a->b, ones, 4) != 0;
}

int route_lookup(struct route_table *t, const struct addr *dst, uint32_t if_idx, struct route *ret)
{
	struct flat *f;

	if (dst->family != ADDR_V4 && dst->family != ADDR_V6)
		return -E_FAMILY;
	if (dst->zone && if_idx && dst->zone != if_idx)
		return -E_NOROUTE;
	if (!is_single_host(dst))
		return -E_NOROUTE;
	if_idx = if_idx ? if_idx : dst->zone;
	if (t->asks_kernel[fam_of(dst)])
		return ask_kernel(t, dst, if_idx, ret);
	int err = flat_for(t, if_idx, &f);
	if (err)
		return err;
	uint32_t value = lpm_find(&f->of[fam_of(dst)], addr_to_u128(dst));
	if (value >= LPM_THROW)
		return -E_NOROUTE;
	return fill(t, (const struct nl_route *)t->routes.p + value, dst, ret);
}

bool route_may_reach(const struct route_table *t, const struct addr *lo, const struct addr *hi,
		     uint32_t if_idx)
{
	const struct nl_route *r = t->routes.p;
	u128 from = addr_to_u128(lo), to = addr_to_u128(hi);
	uint32_t bits = lo->family == ADDR_V4 ? 32 : 128;

	if (t->asks_kernel[fam_of(lo)])
		return true;
	for (uint32_t i = 0; i < t->routes.n; i++) {
		u128 first = addr_to_u128(&r[i].dst), len = 0;
		if (r[i].family != lo->family || (if_idx && r[i].oif != if_idx) ||
		    (r[i].type != RTN_UNICAST && r[i].type != RTN_LOCAL &&
		     r[i].type != RTN_ANYCAST))
			continue;
		if (r[i].dst_len < bits)
			len = (((u128)1 << (bits - r[i].dst_len - 1)) - 1) * 2 + 1;
		if (first <= to && first + len >= from)
			return true;
	}
	return false;
}

int route_neigh(struct route_table *t, uint32_t if_idx, const struct addr *a, struct mac *ret)
{
	if (!t->neighs.is_read && neigh_load(&t->neighs, &t->nl))
		return -E_EMPTY;
	return neigh_find(&t->neighs, if_idx, a, ret);
}

static const char *kind_text(const struct iface *f)
{
	if (f->is_loopback)
		return "loopback";
	return f->is_p2p ? "point2point" : f->is_ether ? "ethernet" : "other";
}

static void describe_iface(const struct iface *f, void (*fn)(void *ctx, const char *line),
			   void *ctx)
{
	char line[160], at[ADDR_TEXT_CAP], mac[MAC_TEXT_CAP] = "";

	if (f->is_ether)
		mac_format(&f->mac, mac);
	for (uint32_t k = 0; k < MAX(f->n_addrs, 1u); k++) {
		char where[ADDR_TEXT_CAP + 8] = "(none)/0";

		if (f->n_addrs)
			snprintf(where, sizeof(where), "%s/%u",
				 addr_format_bare(&f->addrs[k].addr, at), f->addrs[k].len);
		snprintf(line, sizeof(line), "%-15s %-43s %-11s %-4s %5u %s", f->name, where,
			 kind_text(f), f->is_up ? "up" : "down", f->mtu_bytes, mac);
		fn(ctx, line);
	}
}

static void describe_route(const struct route_table *t, const struct nl_route *r,
			   void (*fn)(void *ctx, const char *line), void *ctx)
{
	char line[192], dst[ADDR_TEXT_CAP], via[ADDR_TEXT_CAP] = "", where[ADDR_TEXT_CAP + 8];
	const struct iface *f = route_iface(t, r->oif);

	if (r->type != RTN_UNICAST || r->table == RT_TABLE_LOCAL)
		return;
	if (r->gateway.family != ADDR_NONE)
		addr_format_bare(&r->gateway, via);
	snprintf(where, sizeof(where), "%s/%u", addr_format_bare(&r->dst, dst), r->dst_len);
	snprintf(line, sizeof(line), "%-43s %-15s %6u %s", where, f ? f->name : "?", r->metric,
		 via);
	fn(ctx, line);
}

void route_describe(const struct route_table *t, void (*fn)(void *ctx, const char *line), void *ctx)
{
	const struct nl_route *r = t->routes.p;

	fn(ctx, "INTERFACE       ADDRESS                                     TYPE        STATE  "
		"MTU MAC");
	for (uint32_t i = 0; i < t->links.n; i++)
		describe_iface(iface_of(t, i), fn, ctx);
	fn(ctx, "DESTINATION                                 INTERFACE       METRIC GATEWAY");
	for (uint32_t i = 0; i < t->routes.n; i++)
		describe_route(t, &r[i], fn, ctx);
}
