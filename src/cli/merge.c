/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * prtip merge. Files are read one after another into union.c; their first records must describe
 * parts of one scan: the same targets, scan types and, unless the shards divide ports, the same
 * ports. Then the union is published like a scan. What is missing (a shard, the end of a file)
 * does not stop the merge; it is told, and the exit code says that the result is not whole.
 */
#include "cli/merge.h"

#include "base/clock.h"
#include "base/mem.h"
#include "cli/plan.h"
#include "cli/report.h"
#include "cli/union.h"
#include "engine/coverage.h"
#include "event/jsonread.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct merge {
	const struct config *c;
	struct jsonread *in;
	struct unions all;
	struct scan_info info;
	struct port_set ports;
	struct bus bus;
	struct hosts *hosts;
	struct services *services;
	struct report report;
	struct ev_scan_completed sum; /* of what the files' summaries say */
	struct scan_trust trust;      /* of all files; least: of the one trusted least */
	double least;
	bool has_trust;
	uint64_t n_hosts_most; /* of one file */
	struct {
		uint64_t n_up, n_ports[PORT_STATE_N];
	} told; /* by the host records of the file that is being read */
	struct part {
		uint64_t n_asked; /* hosts, by the summary that tells of most */
		bool is_read;
	} * parts;          /* shards, by index; NULL without */
	uint32_t shard_idx; /* of the file that is being read */
	uint32_t n_missing, n_cut;
	const char *backend;
	bool has_several_seeds;
};

/* --- the first records ------------------------------------------------------------------ */

/** The command line of the whole: that of a shard without its --shard. */
static const char *args_of(struct merge *m, const char *args)
{
	char *copy = arena_strdup(&m->all.text, args, strlen(args));
	char *at = copy ? strstr(copy, " --shard") : NULL;

	if (at) {
		char *rest = at + strlen(" --shard");
		rest += *rest == ' ' || *rest == '=';
		rest += strcspn(rest, " ");
		memmove(at, rest, strlen(rest) + 1);
	}
	return copy;
}

static int find_types(struct merge *m, const struct json_scan *s)
{
	for (uint32_t i = 0; i < s->n_types; i++) {
		uint32_t k = 0;
		while (scan_types[k] && strcmp(scan_types[k]->name, s->types[i]) != 0)
			k++;
		if (!scan_types[k])
			return -E_UNSUPPORTED;
		m->info.types[m->info.n_types++] = &scan_types[k]->desc;
	}
	return 0;
}

static int take_first(struct merge *m, const struct json_scan *s)
{
	struct scan_info *i = &m->info;

	i->args = args_of(m, s->args);
	i->version = arena_strdup(&m->all.text, s->version, strlen(s->version));
	if (s->n_shards)
		m->parts = mem_alloc(s->n_shards, sizeof(*m->parts));
	if (!i->args || !i->version || (s->n_shards && !m->parts))
		return -ENOMEM;
	snprintf(i->scan_id, sizeof(i->scan_id), "%.36s", s->id);
	i->seed = s->seed;
	i->start_wall_ns = s->start_wall_ns;
	i->ports = &m->ports;
	m->ports = *s->ports;
	i->is_list = s->kind == JSON_SCAN_LIST;
	i->is_ping_only = s->kind == JSON_SCAN_PING;
	i->skips_discovery = s->skips_discovery;
	i->targets_sum = s->targets_sum;
	i->n_shards = s->n_shards;
	i->is_sharded_by_port = s->is_sharded_by_port;
	i->silent_attempt = s->silent_attempt;
	i->wants_reason = m->c->wants_reason;
	i->wants_open_only = m->c->wants_open_only;
	i->verbosity = (int)m->c->verbosity;
	i->debugging = (int)m->c->debugging;
	return find_types(m, s);
}

/** What makes this file no part of the scan that the first one is of; NULL: it is. */
static const char *difference(const struct merge *m, const struct json_scan *s)
{
	const struct scan_info *i = &m->info;

	if (s->targets_sum != i->targets_sum)
		return "other targets than the first file";
	if (s->n_types != i->n_types || (s->kind == JSON_SCAN_LIST) != i->is_list ||
	    (s->kind == JSON_SCAN_PING) != i->is_ping_only)
		return "another kind of scan than the first file";
	for (uint32_t k = 0; k < s->n_types; k++)
		if (strcmp(s->types[k], i->types[k]->name) != 0)
			return "other scan types than the first file";
	if (s->n_shards != i->n_shards || s->is_sharded_by_port != i->is_sharded_by_port)
		return "another number of shards than the first file";
	if (!s->is_sharded_by_port && memcmp(s->ports, &m->ports, sizeof(m->ports)) != 0)
		return "other ports than the first file";
	if (s->skips_discovery != i->skips_discovery)
		return "-Pn in only one of the files";
	return NULL;
}

static void add_ports(struct port_set *to, const struct port_set *more)
{
	for (uint32_t p = 0; p < PORT_PROTO_N; p++) {
		for (uint32_t w = 0; w < ARRAY_LEN(to->of[p].bits); w++)
			to->of[p].bits[w] |= more->of[p].bits[w];
		port_bits_seal(&to->of[p]);
	}
}

static int take_scan(struct merge *m, const char *path, const struct json_scan *s, bool is_first)
{
	const char *why = is_first ? NULL : difference(m, s);
	int err = is_first ? take_first(m, s) : 0;

	if (s->is_open_only)
		why = "written with --open, so records of other ports are missing; scan without it "
		      "and merge with it";
	if (err == -E_UNSUPPORTED)
		why = "a scan type that this version does not know";
	if (why) {
		say_error("merge: %s line 1: %s", path, why);
		return -E_UNSUPPORTED;
	}
	if (err)
		return err;
	m->has_several_seeds |= s->seed != m->info.seed;
	m->info.wants_services |= s->wants_services;
	m->info.start_wall_ns = MIN(m->info.start_wall_ns, s->start_wall_ns);
	add_ports(&m->ports, s->ports);
	bool is_again = m->parts && m->parts[s->shard_idx].is_read;
	if (!s->n_shards || s->is_sharded_by_port)
		m->info.n_hosts = s->n_hosts;
	else if (!is_again)
		m->info.n_hosts += s->n_hosts;
	if (is_again)
		say_note("merge: %s: shard %u/%u again", path, s->shard_idx + 1, s->n_shards);
	m->shard_idx = s->shard_idx;
	if (m->parts)
		m->parts[s->shard_idx].is_read = true;
	return 0;
}

/* --- the last records ------------------------------------------------------------------- */

/** Strata of different scans stand side by side; the pooled ones are of one kind and add up. */
static void take_trust(struct merge *m, const struct scan_trust *t)
{
	struct coverage *all = &m->trust.ports;

	if (!m->has_trust) {
		coverage_init(all);
		m->least = 2;
	}
	m->has_trust = true;
	for (uint32_t i = 0; i < t->ports.n_strata; i++) {
		const struct coverage_stratum *s = &t->ports.strata[i];
		if (i == 0 || all->n_strata == COVERAGE_STRATA_MAX)
			stratum_merge(&all->strata[0], s);
		else
			all->strata[all->n_strata++] = *s;
	}
	stratum_merge(&m->trust.hosts, &t->hosts);
	m->trust.n_late_ports += t->n_late_ports;
	m->trust.n_unknown_ports += t->n_unknown_ports;
	m->trust.is_of_hosts = t->is_of_hosts;
	if (t->estimate.is_known && t->estimate.estimate >= m->least)
		return;
	m->least = t->estimate.is_known ? t->estimate.estimate : m->least;
	memcpy(m->trust.bottleneck, t->bottleneck, sizeof(m->trust.bottleneck));
}

/** @return how many hosts a file adds to those that were asked: none twice for one shard. */
static uint64_t n_more_asked(struct merge *m, uint64_t n_asked)
{
	struct part *p = m->parts ? &m->parts[m->shard_idx] : NULL;
	uint64_t n_before = p ? p->n_asked : 0;

	if (p)
		p->n_asked = MAX(p->n_asked, n_asked);
	return n_asked > n_before ? n_asked - n_before : 0;
}

static int take_summary(struct merge *m, const struct json_summary *j)
{
	struct ev_scan_completed *t = &m->sum;
	const struct ev_scan_completed *c = &j->completed;

	t->elapsed_ns = MAX(t->elapsed_ns, c->elapsed_ns);
	t->n_sent += c->n_sent;
	t->n_received += c->n_received;
	t->n_dup += c->n_dup;
	t->n_late += c->n_late;
	t->n_forged += c->n_forged;
	t->n_unproven += c->n_unproven;
	t->n_local_drops += c->n_local_drops;
	t->n_rx_drops += c->n_rx_drops;
	t->n_tx_errors += c->n_tx_errors;
	if (c->trust)
		take_trust(m, c->trust);
	t->n_down += n_more_asked(m, c->n_up + c->n_down); /* until the union is counted: all */
	t->interrupted |= c->interrupted;
	m->n_hosts_most = MAX(m->n_hosts_most, c->n_up + c->n_down);
	if (!m->backend)
		m->backend = arena_strdup(&m->all.text, c->backend, strlen(c->backend));
	else if (strcmp(m->backend, c->backend) != 0)
		m->backend = "several";
	return m->backend ? 0 : -ENOMEM;
}

/* --- files ------------------------------------------------------------------------------ */

static int refuse(const char *path, int err, const struct err_where *w)
{
	if (w->line)
		say_error("merge: %s line %u, column %u, \"%s\": %s", w->file, w->line, w->column,
			  w->token, w->want);
	else
		say_error("merge: %s: %s", path, w->want[0] ? w->want : err_text(err));
	return err;
}

/** Silence has no port records where a host never answered: the states that it stands for. */
static uint32_t mute_states(const struct merge *m)
{
	uint32_t bits = 0;

	for (uint32_t i = 0; i < m->info.n_types; i++)
		bits |= 1u << m->info.types[i]->silent_state;
	return bits;
}

/** A host record counts its ports: with fewer port records before it, some were lost, and their
 * ports would pass for silent. */
static int take_host(struct merge *m, const char *path, const struct json_record *rec)
{
	const struct json_host *j = &rec->host;
	char addr[ADDR_TEXT_CAP];
	enum port_state state;
	uint64_t n = union_n_missing(&m->all, j, mute_states(m), &state);

	if (n) {
		addr_format(&j->found.addr, addr);
		say_error("merge: %s: %" PRIu64 " port record(s) of %s with state %s are missing: "
			  "its host record counts %" PRIu64 "; the file is not as prtip wrote it",
			  path, n, addr, port_state_name(state), j->n_ports[state]);
		return -E_UNSUPPORTED;
	}
	m->told.n_up += j->found.state == HOST_UP;
	for (uint32_t s = 0; s < PORT_STATE_N; s++)
		m->told.n_ports[s] += j->n_ports[s];
	return union_add(&m->all, rec);
}

/** The summary counts hosts and their ports: with fewer in its host records, some were lost. */
static int check_summary(const struct merge *m, const char *path, const struct json_summary *j)
{
	const struct ev_scan_completed *c = &j->completed;

	if (m->told.n_up < c->n_up) {
		say_error("merge: %s: %" PRIu64 " host record(s) are missing: its summary counts "
			  "%" PRIu64 " up; the file is not as prtip wrote it",
			  path, c->n_up - m->told.n_up, c->n_up);
		return -E_UNSUPPORTED;
	}
	for (uint32_t s = PORT_UNKNOWN + 1; s < PORT_STATE_N; s++) {
		if (m->told.n_ports[s] >= c->n_ports[s])
			continue;
		say_error("merge: %s: its summary counts %" PRIu64 " ports with state %s, its host "
			  "records %" PRIu64 "; the file is not as prtip wrote it",
			  path, c->n_ports[s], port_state_name((enum port_state)s),
			  m->told.n_ports[s]);
		return -E_UNSUPPORTED;
	}
	return 0;
}

/** One record, where it may stand. @p n_before records of known types came before it. */
static int take_record(struct merge *m, const char *path, const struct json_record *rec,
		       uint64_t n_before, bool *ret_has_end)
{
	bool is_scan = rec->kind == JSON_SCAN;

	if (is_scan != (n_before == 0)) {
		say_error("merge: %s: %s", path,
			  is_scan ? "a second scan record; want one scan in a file"
				  : "does not begin with a scan record: no file of prtip -oJ");
		return -E_UNSUPPORTED;
	}
	if (is_scan)
		return take_scan(m, path, &rec->scan, path == m->c->target.specs[0]);
	if (rec->kind == JSON_HOST)
		return take_host(m, path, rec);
	if (rec->kind != JSON_SUMMARY)
		return union_add(&m->all, rec);
	*ret_has_end = true;
	int err = check_summary(m, path, &rec->summary);
	return err ? err : take_summary(m, &rec->summary);
}

static int read_file(struct merge *m, const char *path)
{
	struct err_where w = {0};
	struct json_record rec;
	uint64_t n_records = 0;
	bool has_end = false;
	int err = jsonread_open(m->in, path), n;

	union_next_file(&m->all);
	memset(&m->told, 0, sizeof(m->told));
	if (err)
		return refuse(path, err, &w);
	while ((n = jsonread_next(m->in, &rec, &w)) > 0) {
		if (rec.kind == JSON_OTHER)
			continue;
		err = take_record(m, path, &rec, n_records++, &has_end);
		if (err == -E_UNSUPPORTED)
			return err;
		if (err)
			return refuse(path, err, &w);
	}
	if (n < 0)
		return refuse(path, n, &w);
	if (!n_records) {
		say_error("merge: %s: empty; want a file of prtip -oJ", path);
		return -E_EMPTY;
	}
	m->n_cut += !has_end;
	if (!has_end)
		say_note("merge: %s: cut off before its summary; what it has is used", path);
	return 0;
}

/* --- the union --------------------------------------------------------------------------- */

/** Name the shards that no file was of. */
static void tell_missing(struct merge *m)
{
	char list[120] = "";
	size_t n = 0;

	for (uint32_t i = 0; i < m->info.n_shards; i++) {
		if (m->parts[i].is_read)
			continue;
		m->n_missing++;
		if (n < sizeof(list) - 12)
			n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%u", n ? ", " : "",
					      i + 1);
	}
	if (m->n_missing)
		say_note("merge: of %u shards %s missing: %s: the result is not whole",
			 m->info.n_shards, m->n_missing > 1 ? "these are" : "one is", list);
	if (m->has_several_seeds && m->c->verbosity)
		say_note("merge: the files' seeds differ: no matter for results");
}

/** Up in one shard of ports and not in another: there its ports were never asked. */
static void tell_uneven(const struct merge *m)
{
	uint32_t n = 0;

	for (uint32_t i = 0; m->info.is_sharded_by_port && i < m->all.n_hosts; i++)
		n += m->all.hosts[i].n_files &&
		     m->all.hosts[i].n_files + m->n_missing < m->info.n_shards;
	if (n)
		say_note(
			"merge: %u host(s) were up for some shards only: ports that the others had "
			"count as silent",
			n);
}

static int complete(struct merge *m, int code)
{
	struct event ev = {.kind = EVENT_SCAN_COMPLETED, .completed = m->sum};
	struct ev_scan_completed *c = &ev.completed;
	struct hosts_totals t;
	uint64_t n_asked =
		m->info.is_sharded_by_port || !m->info.n_shards ? m->n_hosts_most : m->sum.n_down;

	if (m->has_trust) {
		coverage_estimate(&m->trust.hosts, m->trust.is_of_hosts ? NULL : &m->trust.ports,
				  m->trust.n_late_ports, &m->trust.estimate);
		coverage_unknown(&m->trust.estimate, m->trust.n_unknown_ports);
		c->trust = &m->trust;
	}
	hosts_finish_all(m->hosts);
	hosts_totals(m->hosts, &t);
	c->n_up = t.n_up;
	c->n_down = n_asked > t.n_up ? n_asked - t.n_up : t.n_down;
	c->n_unseen = c->n_down > t.n_down ? c->n_down - t.n_down : 0;
	c->n_dishonest = t.n_dishonest;
	memcpy(c->n_ports, t.n_ports, sizeof(t.n_ports));
	c->backend = m->backend ? m->backend : "none";
	if (!code && (hosts_error(m->hosts) || m->n_missing || m->n_cut || c->interrupted))
		code = EXIT_DEGRADED;
	c->exit_code = (uint8_t)code;
	c->broke_off = m->n_missing || m->n_cut;
	bus_publish(&m->bus, &ev);
	return code;
}

static int publish(struct merge *m)
{
	struct event started = {.kind = EVENT_SCAN_STARTED};

	m->info.n_shards = 0; /* the whole again */
	bus_init(&m->bus, &m->info);
	m->hosts = hosts_new(&m->bus, 1, 0);
	if (!m->hosts || services_open(m->c->services_file, &m->services) < 0) {
		say_error("merge: %s", m->hosts ? "--servicedb cannot be read" : "out of memory");
		return EXIT_FATAL;
	}
	if (report_open(&m->report, m->c, m->hosts, m->services, &m->bus) < 0)
		return EXIT_FATAL;
	bus_publish(&m->bus, &started);
	return union_publish(&m->all, &m->bus, m->hosts) < 0 ? EXIT_FATAL : EXIT_DONE;
}

static int merge(struct merge *m)
{
	for (uint32_t i = 0; i < m->c->target.n_specs; i++)
		if (read_file(m, m->c->target.specs[i]) < 0)
			return EXIT_USAGE;
	tell_missing(m);
	tell_uneven(m);
	uint32_t n_shards = m->info.n_shards;
	int code = publish(m);
	m->info.n_shards = n_shards;
	return m->report.outs ? complete(m, code) : code;
}

int run_merge(const struct config *c)
{
	struct merge m = {.c = c, .in = jsonread_new()};

	union_init(&m.all);
	int code = m.in ? merge(&m) : EXIT_FATAL;
	if (report_close(&m.report) < 0 && code == EXIT_DONE)
		code = EXIT_DEGRADED;
	hosts_free(m.hosts);
	services_close(m.services);
	jsonread_free(m.in);
	mem_free(m.parts);
	union_fini(&m.all);
	return code;
}
