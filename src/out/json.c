/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * -oJ: JSON lines, one record a line, each with "schema":1 and "type": scan, port, service, host,
 * summary. A port record is written the moment its reply is believed; when a host that
 * answered finishes, its silent ports follow and then its host record with the counts of
 * all states. Fields without a value are null, so records of a type have the same keys
 * ("from" and "ptr" stand only where they say something else than the address or name).
 */
#include "base/clock.h"
#include "out/oshint.h"
#include "out/osview.h"
#include "out/text.h"
#include "out/tlstext.h"

#include <string.h>

struct json_state {
	struct addr last_addr; /* text of the address seen last: replies of a host come in a row */
	char last_text[ADDR_TEXT_CAP];
	size_t last_len;
	bool is_done; /* the summary waits for the end: it tells of the other outputs' failures */
	struct ev_scan_completed completed;
};

static void put_field(struct buf *b, const char *name, uint64_t v)
{
	text_lit(b, ",\"");
	buf_puts(b, name);
	text_lit(b, "\":");
	buf_put_u64(b, v);
}

static void put_known_u64(struct buf *b, uint64_t v)
{
	if (v)
		buf_put_u64(b, v);
	else
		text_lit(b, "null");
}

/** What was asked of each host. */
static void put_asked(struct buf *b, const struct scan_info *scan)
{
	bool is_first = true;

	text_lit(b, ",\"types\":[");
	for (uint32_t i = 0; i < scan->n_types; i++) {
		buf_puts(b, i ? "," : "");
		text_put_json(b, scan->types[i]->name);
	}
	text_lit(b, "],\"ports\":{");
	for (uint32_t proto = 0; scan->ports && proto < PORT_PROTO_N; proto++) {
		if (!scan->ports->of[proto].n)
			continue;
		buf_printf(b, "%s\"%s\":\"", is_first ? "" : ",",
			   proto_name(port_proto_number((enum port_proto)proto)));
		text_put_port_bits(b, &scan->ports->of[proto]);
		buf_putc(b, '"');
		is_first = false;
	}
	text_lit(b, "}");
}

/** What readers that unite or compare scans must know of this one. */
static void put_scope(struct buf *b, const struct scan_info *scan)
{
	text_lit(b, ",\"kind\":");
	text_put_json(b, scan->is_list ? "list" : scan->is_ping_only ? "ping" : "ports");
	put_asked(b, scan);
	put_field(b, "hosts", scan->n_hosts);
	buf_printf(b, ",\"targets\":\"%016llx\"", (unsigned long long)scan->targets_sum);
	text_lit(b, ",\"shard\":");
	if (scan->n_shards)
		buf_printf(b, "{\"index\":%u,\"count\":%u,\"by\":\"%s\"}", scan->shard_idx + 1,
			   scan->n_shards, scan->is_sharded_by_port ? "ports" : "hosts");
	else
		text_lit(b, "null");
	text_put_json_bool(b, "discovery", !scan->skips_discovery);
	text_put_json_bool(b, "open_only", scan->wants_open_only);
	text_put_json_bool(b, "services", scan->wants_services);
	put_field(b, "silent_attempt", scan->silent_attempt);
}

static void on_started(struct out *o, const struct event *ev)
{
	const struct scan_info *scan = o->conf->scan;
	struct buf *b = &o->buf;
	char time[32];

	text_lit(b, "{\"schema\":1,\"type\":\"scan\",\"id\":");
	text_put_json(b, scan->scan_id);
	text_lit(b, ",\"version\":");
	text_put_json(b, scan->version);
	text_lit(b, ",\"args\":");
	text_put_json(b, scan->args);
	text_lit(b, ",\"seed\":");
	buf_put_u64(b, scan->seed);
	text_lit(b, ",\"start\":");
	text_put_json(b, clock_format_rfc3339(scan->start_wall_ns, time));
	put_scope(b, scan);
	text_lit(b, "}\n");
}

/* Ports */

static void put_address(struct out *o, const struct addr *a)
{
	struct json_state *s = o->state;

	if (!s->last_len || !addr_equal(&s->last_addr, a)) {
		addr_format_bare(a, s->last_text);
		s->last_addr = *a;
		s->last_len = strlen(s->last_text);
	}
	buf_put(&o->buf, s->last_text, s->last_len);
}

static void put_port(struct out *o, const struct addr *addr, const struct host_port *p)
{
	struct buf *b = &o->buf;
	char from[ADDR_TEXT_CAP];

	text_lit(b, "{\"schema\":1,\"type\":\"port\",\"address\":\"");
	put_address(o, addr);
	text_lit(b, "\",\"port\":");
	buf_put_u64(b, p->port);
	text_lit(b, ",\"protocol\":\"");
	buf_puts(b, proto_name(p->proto));
	text_lit(b, "\",\"state\":\"");
	buf_puts(b, port_state_name((enum port_state)p->state));
	text_lit(b, "\",\"reason\":\"");
	buf_puts(b, reason_name((enum reason)p->reason));
	text_lit(b, "\",\"ttl\":");
	put_known_u64(b, p->ttl);
	text_lit(b, ",\"rtt_us\":");
	put_known_u64(b, p->rtt_us);
	text_lit(b, ",\"attempt\":");
	buf_put_u64(b, p->attempt);
	if (p->from.family != ADDR_NONE) {
		text_lit(b, ",\"from\":");
		text_put_json(b, addr_format_bare(&p->from, from));
	}
	text_lit(b, "}\n");
}

static bool is_wanted(const struct out *o, uint8_t state)
{
	return !o->conf->scan->wants_open_only || view_is_maybe_open(state);
}

static void on_port(struct out *o, const struct event *ev)
{
	const struct host_port p = {.port = ev->port.port,
				    .proto = ev->port.proto,
				    .state = ev->port.state,
				    .reason = ev->port.reason,
				    .ttl = ev->port.ttl,
				    .attempt = ev->port.attempt,
				    .rtt_us = ev->port.rtt_us,
				    .from = ev->port.from};

	if (is_wanted(o, p.state))
		put_port(o, &ev->port.addr, &p);
}

static void put_silent_ports(struct out *o, const struct view *v)
{
	struct host_port p;
	uint32_t pos = 0;

	if (v->facts.n_replied == v->n_ports)
		return;
	while (host_next_port(v->hosts, v->host, &pos, &p)) {
		if (p.reason != REASON_NO_RESPONSE || !is_wanted(o, p.state))
			continue;
		p.attempt = v->scan->silent_attempt;
		put_port(o, &v->facts.addr, &p);
		out_spill(o);
	}
}

/* Services */

static void put_name(struct buf *b, const char *name, const char *value)
{
	text_lit(b, ",\"");
	buf_puts(b, name);
	text_lit(b, "\":");
	text_put_json(b, value);
}

static void put_endpoint(struct out *o, const char *type, const struct ev_service *s)
{
	struct buf *b = &o->buf;

	text_lit(b, "{\"schema\":1,\"type\":\"");
	buf_puts(b, type);
	text_lit(b, "\",\"address\":\"");
	put_address(o, &s->addr);
	text_lit(b, "\",\"port\":");
	buf_put_u64(b, s->port);
	put_name(b, "protocol", proto_name(s->proto));
}

static void on_tls(struct out *o, const struct event *ev)
{
	const struct ev_tls *t = &ev->tls;
	const struct ev_service at = {.addr = t->addr, .port = t->port, .proto = t->proto};
	bool is_cert = ev->kind == EVENT_CERTIFICATE_FOUND;

	put_endpoint(o, is_cert ? "certificate" : "tls", &at);
	if (is_cert)
		tlstext_put_json_cert(&o->buf, t->facts, t->cert_idx);
	else
		tlstext_put_json(&o->buf, t->facts);
	text_lit(&o->buf, "}\n");
}

static void on_service(struct out *o, const struct event *ev)
{
	const struct service_facts *f = ev->service.facts;
	struct buf *b = &o->buf;

	put_endpoint(o, "service", &ev->service);
	put_name(b, "name", f->name);
	put_name(b, "product", f->product);
	put_name(b, "version", f->version);
	put_name(b, "extrainfo", f->extrainfo);
	put_name(b, "hostname", f->hostname);
	put_name(b, "ostype", f->ostype);
	put_name(b, "devicetype", f->devicetype);
	text_lit(b, ",\"cpe\":[");
	for (uint32_t i = 0; i < f->n_cpe; i++) {
		buf_puts(b, i ? "," : "");
		text_put_json(b, f->cpe[i]);
	}
	text_lit(b, "]");
	put_name(b, "tunnel", f->tunnel == TUNNEL_TLS ? "tls" : NULL);
	put_name(b, "method", f->name ? "probed" : NULL);
	put_field(b, "conf", f->conf);
	if (f->tls_summary)
		put_name(b, "tls_summary", f->tls_summary);
	if (f->fingerprint)
		put_name(b, "fingerprint", f->fingerprint);
	text_lit(b, "}\n");
}

static void on_banner(struct out *o, const struct event *ev)
{
	const struct service_facts *f = ev->service.facts;
	struct buf *b = &o->buf;

	put_endpoint(o, "banner", &ev->service);
	text_lit(b, ",\"banner\":\"");
	text_put_bytes(b, (struct bytes){f->banner, f->banner_len}, TEXT_JSON);
	text_lit(b, "\"}\n");
}

/* Hosts */

/** Every state that occurs; open, closed and filtered always. */
static void put_counts(struct buf *b, const uint64_t n[PORT_STATE_N])
{
	static const uint8_t order[] = {PORT_OPEN,       PORT_CLOSED,        PORT_FILTERED,
					PORT_UNFILTERED, PORT_OPEN_FILTERED, PORT_CLOSED_FILTERED,
					PORT_UNKNOWN};

	text_lit(b, "{");
	for (uint32_t i = 0; i < ARRAY_LEN(order); i++) {
		if (i > 2 && !n[order[i]])
			continue;
		buf_puts(b, i ? ",\"" : "\"");
		buf_puts(b, port_state_name((enum port_state)order[i]));
		text_lit(b, "\":");
		buf_put_u64(b, n[order[i]]);
	}
	text_lit(b, "}");
}

static void put_mac(struct out *o, const struct view *v)
{
	char text[MAC_TEXT_CAP];

	text_lit(&o->buf, ",\"mac\":");
	text_put_json(&o->buf, v->facts.has_mac ? mac_format(&v->facts.mac, text) : NULL);
	text_lit(&o->buf, ",\"vendor\":");
	text_put_json(&o->buf, v->facts.has_mac ? text_vendor(o, &v->facts.mac) : NULL);
}

static void put_evidence(struct buf *b, const struct ev_evidence *e)
{
	text_lit(b, ",\"dishonest\":");
	text_put_json(b, host_mark_name((enum host_mark)e->mark));
	text_lit(b, ",\"evidence\":{\"asked\":");
	buf_put_u64(b, e->n_asked);
	put_field(b, "open", e->n_open);
	put_field(b, "zero_window", e->n_zero);
	put_field(b, "canaries", e->n_canaries);
	put_field(b, "canaries_open", e->n_canaries_open);
	text_lit(b, ",\"ttl_open\":");
	put_known_u64(b, e->ttl_open);
	text_lit(b, ",\"ttl_other\":");
	put_known_u64(b, e->ttl_other);
	buf_putc(b, '}');
}

static void on_host(struct out *o, const struct event *ev)
{
	const struct view *v = out_view(o);
	bool has_answered = v->facts.reason != REASON_USER_SET || v->facts.n_replied;
	const struct host_facts *f = &v->facts;
	uint64_t n[PORT_STATE_N];
	struct buf *b = &o->buf;

	for (uint32_t s = 0; s < PORT_STATE_N; s++)
		n[s] = f->n_by_state[s];
	if (has_answered)
		put_silent_ports(o, v);
	os_put_json(b, v);
	os_hint_put_json(b, v);
	text_lit(b, "{\"schema\":1,\"type\":\"host\",\"address\":\"");
	put_address(o, &f->addr);
	text_lit(b, "\",\"hostname\":");
	text_put_json(b, v->name);
	if (f->name && f->target_name && strcmp(f->name, f->target_name) != 0) {
		text_lit(b, ",\"ptr\":");
		text_put_json(b, f->name);
	}
	if (f->target_name)
		text_lit(b, ",\"typed\":true");
	text_lit(b, ",\"state\":");
	text_put_json(b, v->scan->is_list ? "unknown" : host_state_name((enum host_state)f->state));
	text_lit(b, ",\"reason\":");
	text_put_json(b, reason_name(v->scan->is_list ? REASON_USER_SET : (enum reason)f->reason));
	text_lit(b, ",\"ttl\":");
	put_known_u64(b, f->ttl);
	text_lit(b, ",\"rtt_us\":");
	put_known_u64(b, f->srtt_us ? f->srtt_us : f->rtt_us);
	text_lit(b, ",\"rttvar_us\":");
	put_known_u64(b, f->rttvar_us);
	text_lit(b, ",\"rto_us\":");
	put_known_u64(b, f->rto_us);
	put_mac(o, v);
	text_lit(b, ",\"ports\":");
	put_counts(b, n);
	if (f->is_partial)
		text_lit(b, ",\"partial\":true");
	if (f->is_timed_out)
		text_lit(b, ",\"timed_out\":true");
	if (f->evidence.mark)
		put_evidence(b, &f->evidence);
	text_lit(b, "}\n");
}

/* The end */

static void put_rate(struct out *o, const struct ev_scan_completed *c)
{
	uint64_t ms = MAX(c->elapsed_ns / NS_PER_MS, 1ull);
	uint64_t mean = c->n_sent * 1000 / ms;

	text_lit(&o->buf, ",\"rate_pps\":{\"mean\":");
	buf_put_u64(&o->buf, mean);
	text_lit(&o->buf, ",\"max\":");
	buf_put_u64(&o->buf, MAX(mean, out_totals(o)->max_pps));
	text_lit(&o->buf, "}");
}

/** Has nothing to write; being wanted, progress is stated, and with it the highest rate. */
static void on_progress(struct out *o, const struct event *ev)
{
}

static void put_fraction(struct buf *b, const char *name, double v)
{
	buf_printf(b, ",\"%s\":%.8g", name, v);
}

static void put_list(struct buf *b, const char *name, const uint64_t *v, uint32_t n)
{
	while (n && !v[n - 1])
		n--;
	buf_printf(b, ",\"%s\":[", name);
	for (uint32_t i = 0; i < n; i++) {
		if (i)
			buf_putc(b, ',');
		buf_put_u64(b, v[i]);
	}
	buf_putc(b, ']');
}

/** The counts behind the estimate: scans are merged by putting them side by side. */
static void put_stratum(struct buf *b, const char *of, const struct coverage_stratum *s)
{
	const uint64_t again[] = {s->n_again, s->n_again_answered};

	if (!s->n_hosts && !s->n_again)
		return;
	if (b->len && b->p[b->len - 1] == '}')
		buf_putc(b, ',');
	buf_printf(b, "{\"of\":\"%s\",\"pooled\":%s", of, s->is_pooled ? "true" : "false");
	put_field(b, "hosts", s->n_hosts);
	put_list(b, "answered", s->n_answered, COVERAGE_ATTEMPTS_MAX);
	put_list(b, "silent", s->n_silent, COVERAGE_ATTEMPTS_MAX);
	put_list(b, "again", again, s->n_again ? 2 : 0);
	text_lit(b, "}");
}

static void put_coverage(struct buf *b, const struct scan_trust *t)
{
	const struct coverage_estimate *e = &t->estimate;

	text_lit(b, ",\"coverage\":{\"of\":");
	text_put_json(b, t->is_of_hosts ? "hosts" : "ports");
	if (e->is_known) {
		put_fraction(b, "estimate", e->estimate);
		put_fraction(b, "low", e->low);
		put_fraction(b, "high", e->high);
	} else {
		text_lit(b, ",\"estimate\":null,\"low\":null,\"high\":null");
	}
	put_field(b, "found", e->n_found);
	put_field(b, "silent", e->n_silent);
	put_field(b, "late", t->n_late_ports);
	if (t->n_unknown_ports) {
		put_field(b, "unknown", t->n_unknown_ports);
		put_fraction(b, "of_asked", e->of_asked);
	}
	put_fraction(b, "attempts", e->n_attempts);
	text_lit(b, ",\"strata\":[");
	for (uint32_t i = 0; i < t->ports.n_strata; i++)
		put_stratum(b, "ports", &t->ports.strata[i]);
	put_stratum(b, "hosts", &t->hosts);
	text_lit(b, "]},\"bottleneck\":");
	text_put_json(b, t->bottleneck);
}

static void put_drops(struct buf *b, const struct ev_scan_completed *c)
{
	text_lit(b, ",\"drops\":{\"local\":");
	buf_put_u64(b, c->n_local_drops);
	put_field(b, "rx", c->n_rx_drops);
	put_field(b, "tx", c->n_tx_errors);
	if (c->trust && c->trust->estimate.is_known)
		put_fraction(b, "path", c->trust->estimate.loss);
	else
		text_lit(b, ",\"path\":null");
	text_lit(b, "}");
}

static void on_completed(struct out *o, const struct event *ev)
{
	struct json_state *s = o->state;

	s->completed = ev->completed;
	s->is_done = true;
}

/** Last of all sinks: a scan that ended well has not when a report of it could not be written. */
static void end(struct out *o)
{
	const struct json_state *s = o->state;
	const struct ev_scan_completed *c = &s->completed;
	bool is_degraded = c->exit_code == 0 && outs_have_failed(o->outs);
	struct buf *b = &o->buf;

	if (!s->is_done)
		return;
	text_lit(b, "{\"schema\":1,\"type\":\"summary\",\"elapsed_s\":");
	text_put_seconds(b, c->elapsed_ns, 6);
	put_field(b, "sent", c->n_sent);
	put_field(b, "received", c->n_received);
	text_lit(b, ",\"hosts\":{\"up\":");
	buf_put_u64(b, c->n_up);
	put_field(b, "down", c->n_down);
	text_lit(b, "},\"ports\":");
	put_counts(b, c->n_ports);
	put_drops(b, c);
	put_field(b, "duplicates", c->n_dup);
	put_field(b, "late", c->n_late);
	put_field(b, "forged", c->n_forged);
	put_field(b, "unproven", c->n_unproven);
	put_field(b, "malformed", c->n_malformed);
	put_field(b, "dishonest", c->n_dishonest);
	put_rate(o, c);
	if (c->trust)
		put_coverage(b, c->trust);
	else
		text_lit(b, ",\"coverage\":null,\"bottleneck\":null");
	text_lit(b, ",\"backend\":");
	text_put_json(b, c->backend);
	put_field(b, "exit", is_degraded ? 3 : c->exit_code);
	text_lit(b, ",\"interrupted\":");
	buf_puts(b, c->interrupted ? "true}\n" : "false}\n");
}

static void on_rate_limit(struct out *o, const struct event *ev)
{
	const struct ev_rate_limit *r = &ev->rate;
	struct buf *b = &o->buf;
	char text[ADDR_TEXT_CAP];

	text_lit(b, "{\"schema\":1,\"type\":\"rate_limit\",\"address\":");
	if (r->addr.family == ADDR_NONE)
		text_lit(b, "null,\"protocol\":null");
	else {
		addr_format_bare(&r->addr, text);
		text_put_json(b, text);
		text_lit(b, ",\"protocol\":");
		text_put_json(b, proto_name(r->proto));
	}
	put_field(b, "current_pps", r->current_pps);
	if (r->target_pps)
		put_field(b, "target_pps", r->target_pps);
	else
		text_lit(b, ",\"target_pps\":null");
	text_lit(b, ",\"cause\":");
	text_put_json(b, rate_cause_name(r->cause));
	text_lit(b, "}\n");
}

const struct out_ops out_json = {
	.name = "json",
	.help = "JSON lines",
	.extension = ".json",
	.closes_last = true,
	.state_len = sizeof(struct json_state),
	.on = {[EVENT_SCAN_STARTED] = on_started,
	       [EVENT_PORT_FOUND] = on_port,
	       [EVENT_SERVICE_DETECTED] = on_service,
	       [EVENT_BANNER_GRABBED] = on_banner,
	       [EVENT_TLS_FOUND] = on_tls,
	       [EVENT_CERTIFICATE_FOUND] = on_tls,
	       [EVENT_HOST_FINISHED] = on_host,
	       [EVENT_PROGRESS] = on_progress,
	       [EVENT_RATE_LIMIT] = on_rate_limit,
	       [EVENT_SCAN_COMPLETED] = on_completed},
	.close = end,
};
