/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From options and privileges to rows: the scan types asked for, the discovery probes of the -P
 * options or the usual ones, and the requests of UDP probes. What cannot be done is refused with
 * its remedy, never replaced by another kind. Part of the plan (plan.c).
 */
#include "cli/scans.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

/* --- transport ------------------------------------------------------------------ */

#define REMEDY "run as root, or give the program the right once: setcap cap_net_raw+ep PRTIP"

static const struct ping_probe raw_pings[] = {
	{&ping_echo, 0},
	{&ping_syn, 443},
	{&ping_ack, 80},
	{&ping_timestamp, 0},
};
static const struct ping_probe connect_pings[] = {{&ping_connect, 443}, {&ping_connect, 80}};

static void add_type(struct plan *p, const struct scan_type *t)
{
	p->engine.types[p->engine.n_types++] = t;
	p->scan.types[p->scan.n_types++] = &t->desc;
}

/** The rows asked for; without a word from the user, the best that privileges allow. */
static void choose_types(const struct config *c, struct plan *p)
{
	bool is_plain = !c->tcp_scan && !c->wants_udp && !c->wants_sctp;

	if (c->wants_ping_only || c->wants_list)
		return;
	if (c->tcp_scan)
		add_type(p, scan_type_of_flag((char)c->tcp_scan));
	if (is_plain)
		add_type(p, p->has_raw ? &scan_syn : &scan_connect);
	if (is_plain && !p->has_raw)
		say_note("no CAP_NET_RAW: connect scan (-sT) instead of SYN scan; for -sS " REMEDY);
	if (c->wants_udp)
		add_type(p, &scan_udp);
	if (c->wants_sctp)
		add_type(p, &scan_sctp);
}

int scans_choose(const struct config *c, struct plan *p)
{
	struct engine_conf *e = &p->engine;

	choose_types(c, p);
	p->is_raw = p->has_raw;
	for (uint32_t i = 0; i < e->n_types; i++) {
		p->is_raw = e->types[i]->needs & NEED_RAW;
		if (!p->is_raw || p->has_raw)
			continue;
		say_error("-s%c sends raw packets and needs CAP_NET_RAW: " REMEDY
			  "; or use -sT, which needs no privilege",
			  e->types[i]->flag);
		return EXIT_FATAL;
	}
	return 0;
}

/* --- discovery -------------------------------------------------------------------- */

/** The -P options: a flag, or ports of a protocol. */
struct ping_option {
	const char *name;
	const struct scan_type *type, *unprivileged; /* NULL: there is no way */
	size_t flag_offset, ports_offset;            /* of struct config; 0: not this kind */
};

#define PING_FLAG(f)  .flag_offset = offsetof(struct config, f)
#define PING_PORTS(f) .ports_offset = offsetof(struct config, f)

static const struct ping_option ping_options[] = {
	{"-PE", &ping_echo, NULL, PING_FLAG(pings_echo)},
	{"-PS", &ping_syn, &ping_connect, PING_PORTS(pings_syn)},
	{"-PA", &ping_ack, &ping_connect, PING_PORTS(pings_ack)},
	{"-PP", &ping_timestamp, NULL, PING_FLAG(pings_timestamp)},
	{"-PM", &ping_mask, NULL, PING_FLAG(pings_mask)},
	{"-PU", &ping_udp, NULL, PING_PORTS(pings_udp)},
	{"-PY", &ping_sctp, NULL, PING_PORTS(pings_sctp)},
};

static int add_ping(struct plan *p, const struct scan_type *t, uint16_t port)
{
	struct engine_conf *e = &p->engine;

	for (uint32_t i = 0; i < e->n_pings; i++)
		if (e->pings[i].type == t && e->pings[i].port == port)
			return 0;
	if (e->n_pings == ENGINE_PINGS_MAX) {
		say_error("more than %u discovery probes per host: shorten the lists of -PS -PA "
			  "-PU -PY",
			  ENGINE_PINGS_MAX);
		return EXIT_USAGE;
	}
	e->pings[e->n_pings++] = (struct ping_probe){t, port};
	return 0;
}

/** Every port of a -PS list. */
static int add_port_pings(struct plan *p, const struct ping_option *o, const struct scan_type *t,
			  const char *list)
{
	CLEANUP(mem_freep) struct port_set *set = mem_alloc(1, sizeof(*set));
	enum port_proto proto = port_proto_of(t->proto);
	struct ports_conf pc = {.spec = list};
	struct err_where w = {0};
	int code = 0;

	pc.wants[proto] = true;
	int err = set ? ports_load(&pc, p->services, set, NULL, &w) : -ENOMEM;
	if (err) {
		say_where(o->name, &w, err);
		return EXIT_USAGE;
	}
	for (uint32_t i = 0; i < set->of[proto].n && !code; i++)
		code = add_ping(p, t, port_bits_at(&set->of[proto], i));
	return code;
}

static int add_asked_ping(const struct config *c, struct plan *p, const struct ping_option *o)
{
	const uint8_t *base = (const uint8_t *)c;
	const struct scan_type *t = p->is_raw ? o->type : o->unprivileged;
	const char *list = NULL;
	bool is_asked = false;

	if (o->ports_offset)
		memcpy(&list, base + o->ports_offset, sizeof(list));
	else
		memcpy(&is_asked, base + o->flag_offset, sizeof(is_asked));
	if (!is_asked && !list)
		return 0;
	if (t)
		return list ? add_port_pings(p, o, t, list) : add_ping(p, t, 0);
	if (p->has_raw)
		say_error("%s sends raw packets, and a connect scan (-sT) sends none: use -sS, or "
			  "-PS or -PA, which can connect",
			  o->name);
	else
		say_error("%s sends raw packets and needs CAP_NET_RAW: " REMEDY
			  "; or use -PS or -PA, which can connect",
			  o->name);
	return EXIT_FATAL;
}

int scans_choose_pings(const struct config *c, struct plan *p)
{
	struct engine_conf *e = &p->engine;
	int code = 0;

	e->skips_discovery = c->skips_discovery;
	e->skips_link_ping = c->skips_link_ping;
	if (c->skips_discovery || c->wants_list)
		return 0;
	if (c->pings_link && !p->is_raw) {
		say_error("-PR asks by ARP or neighbour discovery, which are raw packets: %s",
			  p->has_raw ? "a connect scan (-sT) sends none" : REMEDY);
		return EXIT_FATAL;
	}
	for (size_t i = 0; i < ARRAY_LEN(ping_options) && !code; i++)
		code = add_asked_ping(c, p, &ping_options[i]);
	if (code || e->n_pings)
		return code;
	const struct ping_probe *pings = p->is_raw ? raw_pings : connect_pings;
	e->n_pings = p->is_raw ? ARRAY_LEN(raw_pings) : ARRAY_LEN(connect_pings);
	memcpy(e->pings, pings, e->n_pings * sizeof(*pings));
	return 0;
}

int scans_check_families(const struct plan *p)
{
	const struct engine_conf *e = &p->engine;
	const struct range_set *set = &p->targets.set;
	bool has_v6 = set->r[set->n - 1].family == ADDR_V6, fits = !e->n_pings;

	for (uint32_t i = 0; i < e->n_pings; i++)
		fits |= scan_type_fits(e->pings[i].type, ADDR_V6);
	if (!has_v6 || fits)
		return 0;
	say_error("-PP and -PM ask IPv4 targets only, and there are IPv6 targets: add -PE or "
		  "another");
	return EXIT_USAGE;
}

/* --- UDP requests ----------------------------------------------------------------- */

static bool asks_udp(const struct plan *p)
{
	const struct engine_conf *e = &p->engine;
	bool is_asked = false;

	for (uint32_t i = 0; i < e->n_types; i++)
		is_asked |= e->types[i]->proto == PROTO_UDP;
	for (uint32_t i = 0; i < e->n_pings; i++)
		is_asked |= e->pings[i].type->proto == PROTO_UDP;
	return is_asked;
}

/** A broken file that the user did not name costs only what it would add. */
int scans_load_payloads(const struct config *c, struct plan *p)
{
	struct err_where w = {0};

	if (!asks_udp(p) && c->payload_file) {
		say_error(
			"--payload-db \"%s\": nothing here is asked over UDP; want -sU or -PU too",
			c->payload_file);
		return EXIT_USAGE;
	}
	if (!asks_udp(p))
		return 0;
	int err = payloads_open(c->payload_file, &p->payloads, &w);

	if (err && !c->payload_file) {
		say_note("%s line %u, column %u: %s; built-in UDP requests only", w.file, w.line,
			 w.column, w.want[0] ? w.want : err_text(err));
		err = payloads_open_builtin(&p->payloads);
	}
	if (err && w.want[0])
		say_where("--payload-db", &w, err);
	else if (err)
		say_error("--payload-db \"%s\": %s", c->payload_file, err_text(err));
	p->engine.payloads = p->payloads;
	return err ? EXIT_FATAL : 0;
}
