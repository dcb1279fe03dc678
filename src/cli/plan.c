/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The plan of a scan: targets, ports, routes and the engine's configuration. Which rows are used is
 * decided in scans.c.
 */
#include "cli/plan.h"

#include "base/clock.h"
#include "base/hash.h"
#include "cli/priv.h"
#include "cli/scans.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ORDERED_HOSTS_MAX = 4096, FEW_HOSTS_PER_SHARD = 32 };

/** One line to stderr; nothing of a word, a file or a device's name may steer the terminal. */
static void say(const char *prefix, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
static void say(const char *prefix, const char *fmt, va_list ap)
{
	char text[512];

	vsnprintf(text, sizeof(text), fmt, ap);
	for (char *s = text; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
	fprintf(stderr, "prtip: %s%s\n", prefix, text);
}

void say_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("", fmt, ap);
	va_end(ap);
}

void say_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("note: ", fmt, ap);
	va_end(ap);
}

void say_where(const char *what, const struct err_where *w, int code)
{
	char place[160] = "";

	if (w->file[0] && w->line)
		snprintf(place, sizeof(place), " (%s line %u, column %u)", w->file, w->line,
			 w->column);
	else if (w->file[0])
		snprintf(place, sizeof(place), " (%s)", w->file);
	const char *text = w->want[0] ? w->want : err_text(code);
	if (!w->token[0] && w->column)
		say_error("%s: nothing at column %u%s: %s", what, w->column, place, text);
	else if (!w->token[0])
		say_error("%s: %s", what, text);
	else
		say_error("%s \"%s\"%s: %s", what, w->token, place, text);
}

/* --- engine ------------------------------------------------------------------------ */

static const struct pktio_ops *backend_of(uint8_t choice)
{
	return choice == TX_AUTO ? NULL : pktio_find(opt_tx_backends[choice]);
}

static void fill_engine(const struct config *c, struct engine_conf *e)
{
	static_assert((int)CONNECT_IO_URING == (int)CONN_URING &&
			      (int)CONNECT_EPOLL == (int)CONN_EPOLL,
		      "the option's choices are the engine's");
	e->max_rate_pps = c->max_rate_pps;
	e->max_retries = c->max_retries;
	e->never_abandons = c->never_abandons;
	e->again_max = c->again_max;
	e->initial_rto_us = c->initial_rto_us;
	e->min_rto_us = c->min_rto_us;
	e->max_rto_us = c->max_rto_us;
	e->batch = c->batch;
	e->bounds = c->bounds;
	e->bounds.is_rate_fixed = c->rate != 0;
	e->n_threads = c->n_threads;
	e->seed = c->has_seed ? c->seed : rng_entropy();
	e->ttl = c->ttl;
	e->source_port = c->source_port;
	e->source4 = c->source4;
	e->source6 = c->source6;
	e->backend = backend_of(c->tx_backend);
	e->conn_backend = c->connect_backend;
	e->wants_trace = c->wants_trace;
	e->wants_retries = c->out.event_log != NULL;
	e->wants_replies = c->wants_services || c->wants_banners;
}

static int choose_iface(const struct config *c, struct plan *p)
{
	int err = route_table_load(&p->routes);

	if (err) {
		say_error("cannot read the kernel's routes: %s", err_text(err));
		return EXIT_FATAL;
	}
	if (!c->iface_name)
		return 0;
	const struct iface *i = route_iface_named(p->routes, c->iface_name);
	if (!i) {
		say_error("-e \"%s\": no such interface; --iflist shows those there are",
			  c->iface_name);
		return EXIT_USAGE;
	}
	p->engine.if_idx = i->if_idx;
	return 0;
}

/* --- targets and ports --------------------------------------------------------------- */

static uint32_t n_ports(const struct port_set *set)
{
	uint32_t n = 0;

	for (uint32_t proto = 0; proto < PORT_PROTO_N; proto++)
		n += set->of[proto].n;
	return n;
}

static int load_ports(const struct config *c, struct plan *p)
{
	struct ports_conf pc = c->ports;
	struct err_where w = {0};
	uint32_t n_unused = 0;
	int err = services_open(c->services_file, &p->services);

	if (err) {
		say_error("--servicedb \"%s\": %s; want a file of lines such as \"http 80/tcp "
			  "0.48\", as nmap-services",
			  c->services_file, err_text(err));
		return EXIT_FATAL;
	}
	if (c->wants_ping_only || c->wants_list)
		return 0;
	for (uint32_t i = 0; i < p->engine.n_types; i++)
		pc.wants[port_proto_of(p->engine.types[i]->proto)] = true;
	err = ports_load(&pc, p->services, &p->ports, &n_unused, &w);
	if (err) {
		say_where("ports", &w, err);
		return EXIT_USAGE;
	}
	if (n_unused)
		say_note("%u port list(s) name a protocol that no scan type here uses", n_unused);
	p->width = n_ports(&p->ports);
	return 0;
}

/** @return the link that link-local targets without a zone are on: -e's, or the only one; 0:
 * unknown. */
static uint32_t only_link(const struct plan *p)
{
	const struct addr any = addr_from_u128(ADDR_V6, ((u128)0xfe80 << 112) + 1, 0);
	uint32_t found = 0;

	if (p->engine.if_idx || !p->routes)
		return p->engine.if_idx;
	for (uint32_t i = 0; i < route_n_ifaces(p->routes); i++) {
		const struct iface *f = route_iface_at(p->routes, i);
		struct route r;

		if (f->is_loopback || route_lookup(p->routes, &any, f->if_idx, &r))
			continue;
		if (found)
			return 0;
		found = f->if_idx;
	}
	return found;
}

static bool lacks_zone(const struct range_set *set)
{
	for (uint32_t i = 0; i < set->n; i++) {
		struct addr lo = addr_from_u128(set->r[i].family, set->r[i].lo, 0);
		if (lo.family == ADDR_V6 && !set->r[i].zone && addr_is_linklocal(&lo))
			return true;
	}
	return false;
}

static int load_targets(const struct config *c, struct plan *p)
{
	struct target_conf conf = c->target;
	struct err_where w = {0};

	conf.link_zone = only_link(p);
	int err = targets_load(&conf, &p->targets, &w);
	if (err) {
		say_where("target", &w, err);
		return err <= -1000 ? EXIT_USAGE : EXIT_FATAL;
	}
	if (p->targets.n_unresolved)
		say_note("no address for \"%s\"%s: left out", p->targets.unresolved.token,
			 p->targets.n_unresolved > 1 ? " and other names" : "");
	if (p->targets.n_reserved)
		say_note("%.10g reserved, multicast or broadcast addresses left out of wide "
			 "targets; a target of their own names them",
			 (double)p->targets.n_reserved);
	if (!p->targets.set.n_addrs) {
		say_error("no targets are left after exclusions");
		return EXIT_USAGE;
	}
	if (p->routes && lacks_zone(&p->targets.set)) {
		say_error("a link-local target may be on several links here: name one, as in "
			  "fe80::1%%eth0, or with -e");
		return EXIT_USAGE;
	}
	return 0;
}

/* --- shards ------------------------------------------------------------------------------ */

/** Leave every n-th port, counted over all protocols. */
static void deal_ports(struct port_set *set, struct shard shard)
{
	uint32_t k = 0;

	for (uint32_t proto = 0; proto < PORT_PROTO_N; proto++) {
		struct port_bits *b = &set->of[proto];
		for (uint32_t word = 0; word < ARRAY_LEN(b->bits); word++)
			for (uint64_t bits = b->bits[word]; bits; bits &= bits - 1, k++)
				if (k % shard.n != shard.idx)
					b->bits[word] &= ~(bits & -bits);
		port_bits_seal(b);
	}
}

/**
 * Keep this shard's part: whole hosts, so that no host is looked for twice; the same ports of every
 * host where that leaves the largest shard clearly smaller, which takes few hosts.
 */
static void take_shard(const struct config *c, struct plan *p)
{
	u128 n_hosts = p->targets.set.n_addrs, n = MAX(c->shard.n, 1u);
	uint32_t width = n_ports(&p->ports);
	bool is_few = n_hosts < n * FEW_HOSTS_PER_SHARD;
	bool is_by_port =
		is_few && width && n_hosts * ((width + n - 1) / n) < (n_hosts + n - 1) / n * width;

	if (c->shard.n < 2)
		return;
	p->scan.shard_idx = c->shard.idx;
	p->scan.n_shards = c->shard.n;
	p->scan.is_sharded_by_port = is_by_port;
	if (is_by_port) {
		deal_ports(&p->ports, c->shard);
		p->is_empty = !n_ports(&p->ports);
		p->width = n_ports(&p->ports);
	} else {
		p->engine.shard = c->shard;
		p->is_empty = !space_n_hosts(n_hosts, c->shard);
	}
	if (p->is_empty)
		say_note("shard %u/%u of these targets is empty: there is nothing to scan",
			 c->shard.idx + 1, c->shard.n);
}

uint64_t plan_mix(uint64_t sum, const void *p, size_t len)
{
	const struct siphash_key key = {sum, 0x726573756d65ull};

	return siphash24(&key, p, len);
}

uint64_t plan_mix_u64(uint64_t sum, uint64_t v)
{
	return plan_mix(sum, &v, sizeof(v));
}

/** Interface numbers of zones count: elsewhere they are other links. */
static uint64_t targets_sum(const struct range_set *set)
{
	uint64_t sum = plan_mix_u64(0, set->n);

	for (uint32_t i = 0; i < set->n; i++) {
		const struct range *r = &set->r[i];
		u128 ends[2] = {r->lo, r->hi};
		sum = plan_mix_u64(sum, (uint64_t)r->zone << 8 | r->family);
		sum = plan_mix(sum, ends, sizeof(ends));
	}
	return sum;
}

static void fill_scan(const struct config *c, const char *args, struct plan *p)
{
	struct scan_info *s = &p->scan;
	uint64_t a = rng_entropy(), b = rng_entropy();
	u128 n = p->engine.shard.n > 1 ? space_n_hosts(p->targets.set.n_addrs, p->engine.shard)
				       : p->targets.set.n_addrs;

	s->version = PRTIP_VERSION;
	s->args = args;
	snprintf(s->scan_id, sizeof(s->scan_id), "%08x-%04x-4%03x-%04x-%012llx",
		 (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff),
		 (unsigned)(0x8000 | (b >> 48 & 0x3fff)),
		 (unsigned long long)(b & 0xffffffffffffull));
	s->seed = p->engine.seed;
	s->targets_sum = targets_sum(&p->targets.set);
	s->ports = &p->ports;
	s->is_list = c->wants_list;
	s->is_ping_only = c->wants_ping_only;
	s->skips_discovery = c->skips_discovery;
	s->n_hosts = n > UINT64_MAX ? UINT64_MAX : (uint64_t)n;
	s->specs = c->target.specs;
	s->n_specs = c->target.n_specs;
	s->input_file = c->target.input_file;
	s->wants_reason = c->wants_reason;
	s->wants_open_only = c->wants_open_only;
	s->wants_trace = c->wants_trace;
	s->silent_attempt = (uint8_t)MIN(c->max_retries, 1u);
	s->verbosity = (int)c->verbosity;
	s->debugging = (int)c->debugging;
	s->wants_names = c->names != NAMES_NEVER;
	s->wants_down_names = c->names == NAMES_ALL;
	s->wants_services = c->wants_services;
	s->wants_tls = c->wants_tls;
	s->n_detectors = (uint8_t)((c->wants_services || c->wants_banners) + c->wants_tls);
	/* the hosts of a shard do not stand next to each other in target order */
	s->wants_order = !c->wants_list && n <= ORDERED_HOSTS_MAX && p->engine.shard.n < 2;
}

int plan_make(const struct config *c, const char *args, struct plan *p)
{
	memset(p, 0, sizeof(*p));
	p->scan.start_wall_ns = clock_wall_ns();
	p->has_raw = !c->wants_list && priv_has_net_raw();
	fill_engine(c, &p->engine);
	int code = scans_choose(c, p);
	if (!code && !c->wants_list)
		code = choose_iface(c, p);
	if (!code)
		code = load_ports(c, p);
	if (!code)
		code = scans_choose_pings(c, p);
	if (!code)
		code = scans_load_payloads(c, p);
	if (!code)
		code = load_targets(c, p);
	if (!code)
		code = scans_check_families(p);
	if (!code) {
		take_shard(c, p);
		fill_scan(c, args, p);
	}
	return code;
}

void plan_fini(struct plan *p)
{
	targets_fini(&p->targets);
	services_close(p->services);
	payloads_close(p->payloads);
	route_table_free(p->routes);
}

/* --- confirmation ------------------------------------------------------------------------ */

#define WIDE_V4     ((u128)1 << 24)
#define WIDE_V6     ((u128)1 << 64)
#define WIDE_PUBLIC ((u128)1 << 16)
enum { ESTIMATE_PPS = 100000 };

static bool is_wide(const struct range_set *set)
{
	u128 n4 = 0, n6 = 0, n_public = 0;

	for (uint32_t i = 0; i < set->n; i++) {
		const struct range *r = &set->r[i];
		struct addr lo = addr_from_u128(r->family, r->lo, 0),
			    hi = addr_from_u128(r->family, r->hi, 0);
		u128 n = r->hi - r->lo + 1;
		if (r->family == ADDR_V6)
			n6 += n ? n : ~(u128)0;
		else
			n4 += n;
		if (!addr_is_private(&lo) || !addr_is_private(&hi))
			n_public += n ? n : ~(u128)0;
	}
	return n4 > WIDE_V4 || n6 > WIDE_V6 || n_public > WIDE_PUBLIC;
}

static void describe_size(const struct plan *p, char *out, size_t cap)
{
	double packets = (double)p->targets.set.n_addrs * (p->width ? p->width : p->engine.n_pings);
	uint32_t rate = p->engine.max_rate_pps;
	double s = packets / (rate ? rate : (uint32_t)ESTIMATE_PPS);

	snprintf(out, cap,
		 "%.4g addresses, at least %.4g packets, %.4g %s at %s%u packets per second",
		 (double)p->targets.set.n_addrs, packets,
		 s < 7200     ? s
		 : s < 172800 ? s / 3600
			      : s / 86400,
		 s < 7200     ? "seconds"
		 : s < 172800 ? "hours"
			      : "days",
		 rate ? "" : "an assumed ", rate ? rate : (uint32_t)ESTIMATE_PPS);
}

bool plan_confirm(const struct config *c, const struct plan *p)
{
	char size[200], answer[16];

	if (c->is_confirmed || c->wants_list || !is_wide(&p->targets.set))
		return true;
	describe_size(p, size, sizeof(size));
	if (!isatty(STDIN_FILENO)) {
		say_error("very wide targets (%s): confirm with --yes", size);
		return false;
	}
	fprintf(stderr, "prtip: very wide targets: %s.\nScan them? [y/N] ", size);
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}
