/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Source address selection, as the kernel does it, so that a probe built by us carries the address
 * the kernel would have chosen and its answer comes back to this host. Sources: RFC 6724 section 5
 * (IPv6), ip-address(8) for scopes and secondary addresses (IPv4).
 */
#include "pktio/srcaddr.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

static bool in_subnet(const struct nl_addr *a, const struct addr *of)
{
	uint32_t mask = a->prefix_len ? ~0u << (32 - a->prefix_len) : 0;

	return of->family == ADDR_V4 && ((addr_to_u32(of) ^ addr_to_u32(&a->local)) & mask) == 0;
}

static bool fits_v4(const struct nl_addr *a, uint8_t route_scope)
{
	return a->local.family == ADDR_V4 && !(a->flags & IFA_F_SECONDARY) &&
	       a->scope <= route_scope;
}

const struct addr *src_pick_v4(const struct src_addr *s, uint32_t n, uint32_t if_idx,
			       const struct addr *gateway, uint8_t route_scope)
{
	const struct addr *first = NULL;

	for (uint32_t i = 0; i < n; i++) {
		if (s[i].a.if_idx != if_idx || !fits_v4(&s[i].a, route_scope))
			continue;
		if (gateway->family != ADDR_V4 || in_subnet(&s[i].a, gateway))
			return &s[i].a.local;
		first = first ? first : &s[i].a.local;
	}
	for (uint32_t i = 0; i < n && !first; i++)
		if (fits_v4(&s[i].a, route_scope) && s[i].a.scope != RT_SCOPE_LINK)
			first = &s[i].a.local;
	return first;
}

/* Scope as in multicast addresses (RFC 4291 2.7): 2 link-local, 5 site-local, 14 global. */
static int scope_v6(const struct addr *a)
{
	static const uint8_t loopback[16] = {[15] = 1};

	if (memcmp(a->b, loopback, 16) == 0)
		return 2;
	if (a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80)
		return 2;
	if (a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0xc0)
		return 5;
	return 14;
}

/* The policy table's labels in the kernel's default form, most specific first. */
static const struct label_row {
	uint8_t base[16];
	uint8_t len, label;
} labels[] = {
	{{[15] = 1}, 128, 0},
	{{[10] = 0xff, 0xff}, 96, 4},
	{{0}, 96, 3},
	{{0x20, 0x01}, 32, 6},
	{{0x20, 0x01, 0x00, 0x10}, 28, 7},
	{{0x20, 0x02}, 16, 2},
	{{0x3f, 0xfe}, 16, 12},
	{{0xfe, 0xc0}, 10, 11},
	{{0xfc}, 7, 5},
	{{0}, 0, 1},
};

static int common_bits(const uint8_t *a, const uint8_t *b)
{
	for (int i = 0; i < 16; i++)
		if (a[i] != b[i])
			return i * 8 + __builtin_clz((unsigned)(a[i] ^ b[i])) - 24;
	return 128;
}

static int label_v6(const struct addr *a)
{
	for (size_t i = 0; i < ARRAY_LEN(labels); i++)
		if (common_bits(a->b, labels[i].base) >= labels[i].len)
			return labels[i].label;
	return 1;
}

struct v6_dst {
	const struct addr *addr;
	int scope, label;
	uint32_t if_idx;
};

enum {
	RULE_SAME,
	RULE_SCOPE,
	RULE_PREFERRED,
	RULE_OIF,
	RULE_LABEL,
	RULE_PRIVACY,
	RULE_PREFIX,
	RULE_N
};

/* Higher is better. */
static int score(int rule, const struct src_addr *s, const struct v6_dst *d)
{
	int scope;

	switch (rule) {
	case RULE_SAME:
		return memcmp(s->a.local.b, d->addr->b, 16) == 0;
	case RULE_SCOPE:
		scope = scope_v6(&s->a.local);
		return scope >= d->scope ? -scope : scope - 128;
	case RULE_PREFERRED:
		return !(s->a.flags & (IFA_F_DEPRECATED | IFA_F_OPTIMISTIC)) ||
		       common_bits(s->a.local.b, labels[0].base) == 128;
	case RULE_OIF:
		return s->a.if_idx == d->if_idx;
	case RULE_LABEL:
		return label_v6(&s->a.local) == d->label;
	case RULE_PRIVACY:
		return !(s->a.flags & IFA_F_TEMPORARY) != s->prefers_temporary;
	case RULE_PREFIX:
		return MIN(common_bits(s->a.local.b, d->addr->b), s->a.prefix_len);
	}
	return 0;
}

static bool is_better(const struct src_addr *a, const struct src_addr *b, const struct v6_dst *d)
{
	for (int rule = 0; rule < RULE_N; rule++) {
		int x = score(rule, a, d), y = score(rule, b, d);

		if (x != y)
			return x > y;
	}
	return false;
}

static bool is_candidate(const struct src_addr *s, const struct v6_dst *d)
{
	if (s->a.local.family != ADDR_V6)
		return false;
	if ((s->a.flags & IFA_F_TENTATIVE) && !(s->a.flags & IFA_F_OPTIMISTIC))
		return false;
	return d->scope > 2 || s->a.if_idx == d->if_idx;
}

const struct addr *src_pick_v6(const struct src_addr *s, uint32_t n, uint32_t if_idx,
			       const struct addr *dst)
{
	struct v6_dst d = {
		.addr = dst, .scope = scope_v6(dst), .label = label_v6(dst), .if_idx = if_idx};
	const struct src_addr *best = NULL;

	for (uint32_t i = 0; i < n; i++)
		if (is_candidate(&s[i], &d) && (!best || is_better(&s[i], best, &d)))
			best = &s[i];
	return best ? &best->a.local : NULL;
}
