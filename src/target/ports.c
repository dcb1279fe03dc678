/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which ports to ask. A list is read left to right with two pieces of state, the protocols the last
 * prefix chose and whether a bracket is open. Popular ports are picked by a partial sort of keys
 * that hold rarity above port, so equal frequencies go to the lower port, as nmap does. Source:
 * nmap's reference guide, "Port Specification and Scan Order".
 */
#include "target/ports.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

#define TOP_DEFAULT 1000

#define WANT_PORT                                                                                  \
	"want a port 0-65535, a range such as 20-25, -100 or 60000-, or a service name such as "   \
	"http or http*"
#define WANT_PREFIX "want a protocol prefix T: (TCP), U: (UDP) or S: (SCTP)"

struct port_list {
	const char *s;
	size_t len, pos;
	const struct services *services;
	struct port_set *set;
	const struct port_set *named; /* ports of the services file while a bracket is open */
	struct port_set *named_store; /* owned, made at the first bracket */
	const bool *wants;
	bool applies[PORT_PROTO_N];
	uint32_t n_unused;
	struct err_where *err;
};

static int list_fail(const struct port_list *l, int code, size_t at, size_t len, const char *want)
{
	return err_at(l->err, code, l->s + at, len, (uint32_t)at + 1, "%s", want);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Whole match with * and ?. The last star is the only one worth going back to, so time is at most
 * len * n. */
static bool glob_match(const char *pat, size_t pat_len, const char *s, size_t len)
{
	size_t p = 0, i = 0, star = pat_len, star_i = 0;

	while (i < len) {
		if (p < pat_len && pat[p] == '*') {
			star = p++;
			star_i = i;
		} else if (p < pat_len && (pat[p] == '?' || lower(pat[p]) == lower(s[i]))) {
			p++;
			i++;
		} else if (star < pat_len) {
			p = star + 1;
			i = ++star_i;
		} else {
			return false;
		}
	}
	while (p < pat_len && pat[p] == '*')
		p++;
	return p == pat_len;
}

/* Add a port for every protocol in force, or where a bracket is open, those where it has a name. */
static void list_add(struct port_list *l, uint16_t port)
{
	for (int p = 0; p < PORT_PROTO_N; p++)
		if (l->applies[p] && (!l->named || port_bits_has(&l->named->of[p], port)))
			port_bits_add(&l->set->of[p], port);
}

static int add_names(struct port_list *l, size_t at, size_t len)
{
	struct service_row row;
	uint32_t n = 0;

	for (size_t pos = 0; services_next(l->services, &pos, &row);) {
		if (!l->applies[row.proto] || !glob_match(l->s + at, len, row.name, row.name_len))
			continue;
		port_bits_add(&l->set->of[row.proto], row.port);
		n++;
	}
	return n ? 0
		 : err_at(l->err, -E_EMPTY, l->s + at, len, (uint32_t)at + 1,
			  "no service of this name for the protocols asked for; " WANT_PORT);
}

/* Digits at *pos, if any, into *ret. @return 1 when there are, 0 when not, -E_RANGE. */
static int take_port(const struct port_list *l, size_t *pos, size_t end, uint32_t *ret)
{
	size_t start = *pos;
	uint32_t v = 0;

	for (; *pos < end && is_digit(l->s[*pos]); ++*pos)
		v = MIN(v * 10 + (uint32_t)(l->s[*pos] - '0'), UINT16_MAX + 1u);
	if (v > UINT16_MAX)
		return list_fail(l, -E_RANGE, start, *pos - start, WANT_PORT);
	if (*pos == start)
		return 0;
	*ret = v;
	return 1;
}

/* "7", "1-20", "-20", "20-" or "-": a missing end is the first or last port but 0. */
static int add_range(struct port_list *l, size_t at, size_t end)
{
	uint32_t lo = 1, hi = UINT16_MAX;
	size_t pos = at;
	int rc = take_port(l, &pos, end, &lo);

	if (rc > 0 && pos == end) {
		hi = lo;
	} else if (rc >= 0 && pos < end) { /* the item has digits and dashes only */
		pos++;
		rc = take_port(l, &pos, end, &hi);
	}
	if (rc < 0)
		return rc;
	if (pos != end)
		return list_fail(l, -E_SYNTAX, at, end - at, WANT_PORT);
	if (lo > hi)
		return list_fail(l, -E_RANGE, at, end - at,
				 "a range runs from the lower to the higher port");
	for (uint32_t p = lo; p <= hi; p++)
		list_add(l, (uint16_t)p);
	return 0;
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_space(struct port_list *l)
{
	while (l->pos < l->len && is_space(l->s[l->pos]))
		l->pos++;
}

/* One port, range or name, up to a separator. */
static int add_item(struct port_list *l)
{
	size_t at = l->pos;
	bool is_numeric = true;

	for (; l->pos < l->len && !memchr(",[]:", l->s[l->pos], 4) && !is_space(l->s[l->pos]);
	     l->pos++)
		is_numeric &= is_digit(l->s[l->pos]) || l->s[l->pos] == '-';
	if (l->pos == at)
		return list_fail(l, -E_SYNTAX, at, l->len - at, WANT_PORT);
	return is_numeric ? add_range(l, at, l->pos) : add_names(l, at, l->pos - at);
}

static int take_prefix(struct port_list *l)
{
	static const char letters[PORT_PROTO_N] = {
		[PORT_TCP] = 'T', [PORT_UDP] = 'U', [PORT_SCTP] = 'S'};
	const char *hit = memchr(letters, l->s[l->pos], sizeof(letters));

	if (!hit)
		return list_fail(l, -E_SYNTAX, l->pos, 2, WANT_PREFIX);
	memset(l->applies, 0, sizeof(l->applies));
	l->applies[hit - letters] = true;
	l->n_unused += !l->wants[hit - letters];
	l->pos += 2;
	return 0;
}

static int open_bracket(struct port_list *l)
{
	struct service_row row;

	if (l->named)
		return list_fail(l, -E_SYNTAX, l->pos, 1,
				 "brackets do not nest: [1-1024] keeps the ports that have names");
	if (!l->named_store) {
		l->named_store = mem_alloc(1, sizeof(*l->named_store));
		if (!l->named_store)
			return -ENOMEM;
		for (size_t pos = 0; services_next(l->services, &pos, &row);)
			port_bits_add(&l->named_store->of[row.proto], row.port);
	}
	l->named = l->named_store;
	l->pos++;
	return 0;
}

/* Prefixes and an opening bracket, an item, a closing bracket. */
static int parse_element(struct port_list *l)
{
	int rc = 0;

	skip_space(l);
	while (rc == 0 && l->pos < l->len) {
		if (l->pos + 1 < l->len && l->s[l->pos + 1] == ':')
			rc = take_prefix(l);
		else if (l->s[l->pos] == '[')
			rc = open_bracket(l);
		else
			break;
		skip_space(l);
	}
	if (rc == 0)
		rc = add_item(l);
	skip_space(l);
	if (rc == 0 && l->named && l->pos < l->len && l->s[l->pos] == ']') {
		l->named = NULL;
		l->pos++;
		skip_space(l);
	}
	return rc;
}

/* One comma may end the list. */
static int parse_list(struct port_list *l)
{
	int rc;

	do {
		rc = parse_element(l);
		if (rc == 0 && l->pos < l->len && l->s[l->pos] != ',')
			rc = list_fail(l, -E_SYNTAX, l->pos, l->len - l->pos,
				       "want a comma between ports: 22,80-90,http*");
		l->pos++;
	} while (rc == 0 && l->pos < l->len);
	if (rc == 0 && l->named)
		rc = list_fail(l, -E_SYNTAX, 0, l->len, "want a closing bracket: [1-1024]");
	mem_free(l->named_store);
	return rc;
}

/* @return prefixes of protocols not in @p wants, or -code. */
static int load_list(const char *spec, const bool *wants, const struct services *s,
		     struct port_set *ret, struct err_where *reterr)
{
	struct port_list l = {.s = spec,
			      .len = strlen(spec),
			      .services = s,
			      .set = ret,
			      .wants = wants,
			      .err = reterr};
	int rc;

	memcpy(l.applies, wants, sizeof(l.applies));
	rc = parse_list(&l);
	return rc < 0 ? rc : (int)MIN(l.n_unused, (uint32_t)INT32_MAX);
}

/* Move the n smallest of len distinct keys to the front, in any order (Hoare's selection). */
static void select_smallest(uint64_t *key, size_t len, size_t n)
{
	size_t lo = 0, hi = len;

	while (n > lo && n < hi) {
		uint64_t pivot = key[lo + (hi - lo) / 2];
		size_t i = lo, j = hi - 1;

		for (;; i++, j--) {
			uint64_t t;

			while (key[i] < pivot)
				i++;
			while (key[j] > pivot)
				j--;
			if (i >= j)
				break;
			t = key[i];
			key[i] = key[j];
			key[j] = t;
		}
		/* Nothing before i is larger than anything from i on; the pivot itself is in place
		 * where they met. */
		if (n <= i)
			hi = i;
		else
			lo = i + (i == j);
	}
}

/** One key a port: rarity above port number. */
struct keys {
	uint64_t *key;
	uint32_t n, cap;
};

static int keys_add(struct keys *k, const struct service_row *row)
{
	if (k->n == k->cap) {
		uint32_t cap = k->cap ? k->cap * 2 : 1024;
		uint64_t *key = mem_resize(k->key, cap, sizeof(*key));

		if (!key)
			return -ENOMEM;
		k->key = key;
		k->cap = cap;
	}
	k->key[k->n++] = (uint64_t)(SERVICE_FREQUENCY_ONE - row->frequency) << 16 | row->port;
	return 0;
}

/* A port mentioned twice counts as first mentioned. @p seen starts as what is excluded. */
static int gather(const struct ports_conf *c, const struct services *s, struct port_set *seen,
		  struct keys keys[PORT_PROTO_N])
{
	uint32_t least = (uint32_t)(c->min_ratio * SERVICE_FREQUENCY_ONE + 0.5);
	struct service_row row;
	int rc = 0;

	for (size_t pos = 0; rc == 0 && services_next(s, &pos, &row);) {
		if (!c->wants[row.proto] || row.frequency < least ||
		    port_bits_has(&seen->of[row.proto], row.port))
			continue;
		port_bits_add(&seen->of[row.proto], row.port);
		rc = keys_add(&keys[row.proto], &row);
	}
	return rc;
}

/* Changes @p seen, which comes with the excluded ports. */
static int load_top(const struct ports_conf *c, const struct services *s, struct port_set *seen,
		    struct port_set *ret)
{
	uint32_t top_n = c->top_n ? c->top_n : c->min_ratio > 0 ? UINT16_MAX + 1u : TOP_DEFAULT;
	struct keys keys[PORT_PROTO_N] = {0};
	int rc = gather(c, s, seen, keys);

	for (int p = 0; p < PORT_PROTO_N; p++) {
		struct keys *k = &keys[p];

		select_smallest(k->key, k->n, rc == 0 ? top_n : 0);
		for (uint32_t i = 0; rc == 0 && i < MIN(k->n, top_n); i++)
			port_bits_add(&ret->of[p], (uint16_t)k->key[i]);
		mem_free(k->key);
	}
	return rc;
}

/* Negated, so that not-a-number is refused too. */
static int check_conf(const struct ports_conf *c, const struct services *s,
		      struct err_where *reterr)
{
	if (c->min_ratio != 0 && !(c->min_ratio > 0 && c->min_ratio < 1))
		return err_at(reterr, -E_RANGE, "", 0, 0, "want a port ratio between 0 and 1");
	if (c->top_n > UINT16_MAX + 1u)
		return err_at(reterr, -E_RANGE, "", 0, 0, "want a number of ports, 1-65535");
	if (c->min_ratio > 0 && !c->spec && !services_has_frequencies(s))
		return err_at(reterr, -E_UNSUPPORTED, "", 0, 0,
			      "port ratios need nmap-services (package nmap-common): the built-in "
			      "table has none");
	return 0;
}

static int seal_wanted(const struct ports_conf *c, struct port_set *ret, struct err_where *reterr)
{
	uint32_t n = 0;

	for (int p = 0; p < PORT_PROTO_N; p++) {
		if (!c->wants[p])
			memset(&ret->of[p], 0, sizeof(ret->of[p]));
		port_bits_seal(&ret->of[p]);
		n += ret->of[p].n;
	}
	if (n)
		return 0;
	return err_at(reterr, -E_EMPTY, c->spec ? c->spec : "", c->spec ? strlen(c->spec) : 0,
		      c->spec ? 1 : 0,
		      "want at least one port of a protocol that is scanned, and not excluded");
}

static void remove_ports(struct port_set *from, const struct port_set *what)
{
	for (int p = 0; p < PORT_PROTO_N; p++)
		for (size_t i = 0; i < ARRAY_LEN(from->of[p].bits); i++)
			from->of[p].bits[i] &= ~what->of[p].bits[i];
}

/* @return as load_list. */
static int load_sets(const struct ports_conf *c, const struct services *s,
		     struct port_set *excluded, struct port_set *ret, struct err_where *reterr)
{
	static const bool all[PORT_PROTO_N] = {true, true, true};
	int n_unused = 0, rc = 0;

	if (c->exclude)
		rc = load_list(c->exclude, all, s, excluded, reterr);
	if (rc >= 0 && !c->spec)
		rc = load_top(c, s, excluded, ret);
	if (rc >= 0 && c->spec) {
		rc = n_unused = load_list(c->spec, c->wants, s, ret, reterr);
		remove_ports(ret, excluded);
	}
	if (rc >= 0)
		rc = seal_wanted(c, ret, reterr);
	return rc < 0 ? rc : n_unused;
}

int ports_load(const struct ports_conf *c, struct services *s, struct port_set *ret,
	       uint32_t *ret_n_unused, struct err_where *reterr)
{
	struct port_set *excluded;
	int rc = check_conf(c, s, reterr);

	if (rc < 0)
		return rc;
	excluded = mem_alloc(1, sizeof(*excluded));
	if (!excluded)
		return -ENOMEM;
	memset(ret, 0, sizeof(*ret));
	rc = load_sets(c, s, excluded, ret, reterr);
	mem_free(excluded);
	if (rc < 0)
		return rc;
	if (ret_n_unused)
		*ret_n_unused = (uint32_t)rc;
	return 0;
}
