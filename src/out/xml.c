/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * -oX: nmap's XML, valid against its nmap.dtd (xmloutputversion 1.05) so that ndiff,
 * python3-libnmap and nmap.xsl read it. Hosts are appended as they finish; between two events
 * the text so far plus "</nmaprun>" is well-formed, and close() always ends the document,
 * with exit="error" when no summary came. The writer is ours: loading libxml2 would cost more
 * time than a small scan takes.
 */
#include "base/clock.h"
#include "out/osview.h"
#include "out/svctext.h"
#include "out/tlstext.h"

#include <string.h>

struct xml_state {
	bool is_done;
};

static void attr(struct buf *b, const char *name, const char *value)
{
	buf_putc(b, ' ');
	buf_puts(b, name);
	text_lit(b, "=\"");
	text_put(b, value, TEXT_XML);
	buf_putc(b, '"');
}

static void attr_known(struct buf *b, const char *name, const char *value)
{
	if (value)
		attr(b, name, value);
}

static void attr_u64(struct buf *b, const char *name, uint64_t value)
{
	buf_putc(b, ' ');
	buf_puts(b, name);
	text_lit(b, "=\"");
	buf_put_u64(b, value);
	buf_putc(b, '"');
}

/** time="1795312605" timestr="Sun Nov 22 01:56:45 2026" under the given names. */
static void attr_time(struct buf *b, const char *name, const char *text_name, uint64_t wall_ns)
{
	attr_u64(b, name, wall_ns / NS_PER_S);
	buf_putc(b, ' ');
	buf_puts(b, text_name);
	text_lit(b, "=\"");
	text_put_time(b, wall_ns, TEXT_TIME_CTIME);
	buf_putc(b, '"');
}

/* The head */

static void put_prolog(struct out *o)
{
	const struct scan_info *scan = o->conf->scan;
	struct buf *b = &o->buf;

	text_lit(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE nmaprun>\n");
	if (o->conf->xml_stylesheet) {
		text_lit(b, "<?xml-stylesheet href=\"");
		text_put(b, o->conf->xml_stylesheet, TEXT_XML);
		text_lit(b, "\" type=\"text/xsl\"?>\n");
	}
	text_lit(b, "<!-- prtip ");
	buf_puts(b, scan->version);
	text_lit(b, " scan initiated ");
	text_put_time(b, scan->start_wall_ns, TEXT_TIME_CTIME);
	text_lit(b, " as: ");
	text_put(b, scan->args, TEXT_COMMENT);
	text_lit(b, " -->\n");
}

static void put_scaninfo(struct out *o, const struct scan_desc *type)
{
	const struct port_bits *asked = text_asked(o->conf->scan, type->proto);

	if (!asked)
		return;
	text_lit(&o->buf, "<scaninfo");
	attr(&o->buf, "type", type->name);
	attr(&o->buf, "protocol", proto_name(type->proto));
	attr_u64(&o->buf, "numservices", asked->n);
	text_lit(&o->buf, " services=\"");
	text_put_port_bits(&o->buf, asked);
	text_lit(&o->buf, "\"/>\n");
}

static void on_started(struct out *o, const struct event *ev)
{
	const struct scan_info *scan = o->conf->scan;
	struct buf *b = &o->buf;

	put_prolog(o);
	/* The DTD admits no other scanner than nmap; version says who wrote this. */
	text_lit(b, "<nmaprun scanner=\"nmap\"");
	attr(b, "args", scan->args);
	attr_time(b, "start", "startstr", scan->start_wall_ns);
	text_lit(b, " version=\"");
	text_put(b, scan->version, TEXT_XML);
	text_lit(b, " (prtip)\" xmloutputversion=\"1.05\">\n");
	for (uint32_t i = 0; i < scan->n_types; i++)
		put_scaninfo(o, scan->types[i]);
	text_lit(b, "<verbose");
	attr_u64(b, "level", (uint64_t)MAX(scan->verbosity, 0));
	text_lit(b, "/>\n<debugging");
	attr_u64(b, "level", (uint64_t)MAX(scan->debugging, 0));
	text_lit(b, "/>\n");
}

/* Hosts */

static void put_status(struct buf *b, const struct view *v)
{
	const char *state =
		v->scan->is_list ? "unknown" : host_state_name((enum host_state)v->facts.state);
	uint8_t reason = v->scan->is_list ? (uint8_t)REASON_USER_SET : v->facts.reason;

	text_lit(b, "<status");
	attr(b, "state", state);
	attr(b, "reason", reason_name((enum reason)reason));
	attr_u64(b, "reason_ttl", v->facts.ttl);
	text_lit(b, "/>\n");
}

static void put_addresses(struct out *o, const struct view *v)
{
	struct buf *b = &o->buf;
	char text[MAC_TEXT_CAP];
	const char *vendor;

	text_lit(b, "<address");
	attr(b, "addr", v->addr_bare);
	attr(b, "addrtype", v->facts.addr.family == ADDR_V6 ? "ipv6" : "ipv4");
	text_lit(b, "/>\n");
	if (!v->facts.has_mac)
		return;
	vendor = text_vendor(o, &v->facts.mac);
	text_lit(b, "<address");
	attr(b, "addr", mac_format(&v->facts.mac, text));
	attr(b, "addrtype", "mac");
	if (vendor)
		attr(b, "vendor", vendor);
	text_lit(b, "/>\n");
}

static void put_hostname(struct buf *b, const char *name, const char *type)
{
	if (!name)
		return;
	text_lit(b, "<hostname");
	attr(b, "name", name);
	attr(b, "type", type);
	text_lit(b, "/>\n");
}

static void put_hostnames(struct buf *b, const struct view *v)
{
	text_lit(b, "<hostnames>\n");
	put_hostname(b, v->facts.target_name, "user");
	put_hostname(b, v->facts.name, "PTR");
	text_lit(b, "</hostnames>\n");
}

static void put_extrareasons(struct out *o, const struct view *v, uint8_t state)
{
	struct buf *b = &o->buf;

	for (uint32_t i = 0; i < v->n_groups; i++) {
		const struct host_group *g = &v->groups[i];

		if (g->state != state)
			continue;
		text_lit(b, "<extrareasons");
		attr(b, "reason", reason_name((enum reason)g->reason));
		attr_u64(b, "count", g->n);
		attr(b, "proto", proto_name(g->proto));
		text_lit(b, " ports=\"");
		view_put_group_ports(v, g, b);
		text_lit(b, "\"/>\n");
		out_spill(o);
	}
}

/** Groups stand together by state, fullest state first. */
static void put_extraports(struct out *o, const struct view *v)
{
	uint8_t last = PORT_UNKNOWN;

	for (uint32_t i = 0; i < v->n_groups; i++) {
		uint8_t state = v->groups[i].state;

		if (state == last || !v->is_ignored[state])
			continue;
		last = state;
		text_lit(&o->buf, "<extraports");
		attr(&o->buf, "state", port_state_name((enum port_state)state));
		attr_u64(&o->buf, "count", v->facts.n_by_state[state]);
		text_lit(&o->buf, ">\n");
		put_extrareasons(o, v, state);
		text_lit(&o->buf, "</extraports>\n");
	}
}

/** In nmap's order. */
static void put_service_texts(struct buf *b, const struct service_facts *f)
{
	attr_known(b, "product", f->product);
	attr_known(b, "version", f->version);
	attr_known(b, "extrainfo", f->extrainfo);
	attr_known(b, "hostname", f->hostname);
	attr_known(b, "ostype", f->ostype);
	attr_known(b, "devicetype", f->devicetype);
	attr_known(b, "servicefp", f->fingerprint);
	attr_known(b, "tunnel", f->tunnel == TUNNEL_TLS ? "ssl" : NULL);
}

/** The DTD demands name, method and conf. */
static void put_service(struct out *o, const struct view *v, const struct host_port *p)
{
	static const struct service_facts nothing;
	struct buf *b = &o->buf;
	struct svc_text svc;

	svc_text_of(o, v, p, &svc);
	const struct service_facts *f = svc.facts ? svc.facts : &nothing;
	if (!svc.name && !f->fingerprint && !f->tunnel)
		return;
	text_lit(b, "<service");
	attr(b, "name", svc.name ? svc.name : "unknown");
	put_service_texts(b, f);
	attr(b, "method", svc.is_guess ? "table" : "probed");
	attr_u64(b, "conf", svc.is_guess ? 3 : f->conf);
	if (!f->n_cpe) {
		text_lit(b, "/>");
		return;
	}
	buf_putc(b, '>');
	for (uint32_t i = 0; i < f->n_cpe; i++) {
		text_lit(b, "<cpe>");
		text_put(b, f->cpe[i], TEXT_XML);
		text_lit(b, "</cpe>");
	}
	text_lit(b, "</service>");
}

/** What a handshake for the service's sake has shown. */
static void put_tls_summary(struct buf *b, const struct service_facts *f)
{
	if (!f || !f->tls_summary)
		return;
	text_lit(b, "<script");
	attr(b, "id", "tls-summary");
	attr(b, "output", f->tls_summary);
	text_lit(b, "/>");
}

/** As nmap's script of that name, but whole. */
static void put_banner(struct buf *b, struct bytes banner)
{
	if (!banner.len)
		return;
	text_lit(b, "<script id=\"banner\" output=\"");
	text_put_bytes(b, banner, TEXT_XML);
	text_lit(b, "\"/>");
}

static void put_port(struct out *o, const struct view *v, const struct host_port *p)
{
	struct buf *b = &o->buf;
	char from[ADDR_TEXT_CAP];

	text_lit(b, "<port protocol=\"");
	buf_puts(b, proto_name(p->proto));
	text_lit(b, "\" portid=\"");
	buf_put_u64(b, p->port);
	text_lit(b, "\"><state state=\"");
	buf_puts(b, port_state_name((enum port_state)p->state));
	text_lit(b, "\" reason=\"");
	buf_puts(b, reason_name((enum reason)p->reason));
	text_lit(b, "\" reason_ttl=\"");
	buf_put_u64(b, p->ttl);
	buf_putc(b, '"');
	if (p->from.family != ADDR_NONE)
		attr(b, "reason_ip", addr_format_bare(&p->from, from));
	text_lit(b, "/>");
	put_service(o, v, p);
	put_banner(b, host_banner(v->host, p->proto, p->port));
	const struct tls_facts *tls = host_tls(v->host, p->proto, p->port);
	if (tls)
		tlstext_put_xml(b, tls);
	else
		put_tls_summary(b, host_service(v->host, p->proto, p->port));
	text_lit(b, "</port>\n");
}

static void put_times(struct buf *b, const struct view *v)
{
	if (!v->facts.srtt_us)
		return;
	text_lit(b, "<times");
	attr_u64(b, "srtt", v->facts.srtt_us);
	attr_u64(b, "rttvar", v->facts.rttvar_us);
	attr_u64(b, "to", v->facts.rto_us);
	text_lit(b, "/>\n");
}

static void put_ports(struct out *o, const struct view *v)
{
	struct host_port p;
	uint32_t pos = 0;

	text_lit(&o->buf, "<ports>");
	put_extraports(o, v);
	while (view_next_port(v, &pos, &p)) {
		put_port(o, v, &p);
		out_spill(o);
	}
	text_lit(&o->buf, "</ports>\n");
}

/** What the DTD has no place for: doubts about the host, and that it was not asked everything. */
static void put_comment(struct buf *b, const struct host_facts *f)
{
	if (!f->evidence.mark && !f->is_partial && !f->is_timed_out)
		return;
	text_lit(b, " comment=\"");
	if (f->evidence.mark) {
		text_lit(b, "dishonest: ");
		text_put_evidence(b, &f->evidence);
	}
	if ((f->is_partial || f->is_timed_out) && f->evidence.mark)
		text_lit(b, "; ");
	if (f->is_partial)
		buf_puts(b, f->is_timed_out ? "timed out" : "stopped early");
	else if (f->is_timed_out)
		text_lit(b, "detection timed out");
	buf_putc(b, '"');
}

static void on_host(struct out *o, const struct event *ev)
{
	const struct view *v = out_view(o);
	bool is_up = v->facts.state == HOST_UP && !v->scan->is_list;
	struct buf *b = &o->buf;

	text_lit(b, "<host");
	if (is_up) {
		attr_u64(b, "starttime", v->facts.start_ns / NS_PER_S);
		attr_u64(b, "endtime", v->facts.end_ns / NS_PER_S);
		put_comment(b, &v->facts);
	}
	buf_putc(b, '>');
	put_status(b, v);
	put_addresses(o, v);
	if (is_up || v->name)
		put_hostnames(b, v);
	if (v->n_ports)
		put_ports(o, v);
	os_put_xml(b, v);
	put_times(b, v);
	text_lit(b, "</host>\n");
}

/* The end */

static void put_end(struct out *o, uint64_t n_up, uint64_t n_hosts)
{
	struct buf *b = &o->buf;

	text_lit(b, "/><hosts");
	attr_u64(b, "up", n_up);
	attr_u64(b, "down", n_hosts > n_up ? n_hosts - n_up : 0);
	attr_u64(b, "total", n_hosts);
	text_lit(b, "/>\n</runstats>\n</nmaprun>\n");
}

static void on_completed(struct out *o, const struct event *ev)
{
	const struct ev_scan_completed *c = &ev->completed;
	const struct out_totals *t = out_totals(o);
	struct xml_state *s = o->state;
	struct buf *b = &o->buf;

	s->is_done = true;
	text_lit(b, "<runstats><finished");
	attr_time(b, "time", "timestr", ev->time_ns);
	buf_printf(b, " summary=\"prtip %s at ", text_outcome(c));
	text_put_time(b, ev->time_ns, TEXT_TIME_CTIME);
	text_lit(b, "; ");
	text_put_summary(b, t, c);
	if (c->trust) {
		text_lit(b, "; ");
		text_put_coverage(b, c);
	}
	text_lit(b, "\" elapsed=\"");
	text_put_seconds(b, c->elapsed_ns, 2);
	buf_putc(b, '"');
	bool is_whole = !c->interrupted && !c->broke_off;

	attr(b, "exit", is_whole ? "success" : "error");
	if (!is_whole)
		attr(b, "errormsg", text_outcome(c));
	put_end(o, c->n_up, t->n_hosts);
}

static void end(struct out *o)
{
	const struct xml_state *s = o->state;
	struct hosts_totals totals;
	uint64_t now = clock_wall_ns();

	if (s->is_done)
		return;
	hosts_totals(o->conf->hosts, &totals);
	text_lit(&o->buf, "<runstats><finished");
	attr_time(&o->buf, "time", "timestr", now);
	text_lit(&o->buf, " elapsed=\"");
	text_put_seconds(
		&o->buf,
		now > o->conf->scan->start_wall_ns ? now - o->conf->scan->start_wall_ns : 0, 2);
	text_lit(&o->buf, "\" exit=\"error\" errormsg=\"ended without a summary\"");
	put_end(o, totals.n_up, out_totals(o)->n_hosts);
}

const struct out_ops out_xml = {
	.name = "xml",
	.help = "nmap's XML",
	.extension = ".xml",
	.state_len = sizeof(struct xml_state),
	.on = {[EVENT_SCAN_STARTED] = on_started,
	       [EVENT_HOST_FINISHED] = on_host,
	       [EVENT_SCAN_COMPLETED] = on_completed},
	.close = end,
};
