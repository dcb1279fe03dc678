/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The report for people, on the terminal and with -oN: nmap's normal output, so that eyes and
 * scripts used to it find everything where they expect it (layout observed on nmap 7.93). The
 * console differs from the file in its first and last lines and in the lines of the moment
 * (-v: phases, open ports as they are found). Packet trace lines go to both.
 */
#include "base/clock.h"
#include "out/oshint.h"
#include "out/osview.h"
#include "out/svctext.h"
#include "out/tlstext.h"
#include "wire/decode.h"

#include <string.h>

#define COLUMN_SERVICE_MAX 32

struct normal_state {
	uint64_t stage_start_ns;
	uint8_t stage;
	bool is_done;
};

static const char *version(const struct out *o)
{
	return o->conf->scan->version;
}

static void on_started(struct out *o, const struct event *ev)
{
	const struct scan_info *scan = o->conf->scan;

	if (o->is_console) {
		buf_printf(&o->buf, "Starting prtip %s at ", version(o));
		text_put_time(&o->buf, scan->start_wall_ns, TEXT_TIME_MINUTE);
	} else {
		buf_printf(&o->buf, "# prtip %s scan initiated ", version(o));
		text_put_time(&o->buf, scan->start_wall_ns, TEXT_TIME_CTIME);
		text_lit(&o->buf, " as: ");
		text_put(&o->buf, scan->args, TEXT_TERMINAL);
	}
	buf_putc(&o->buf, '\n');
}

/* One host */

static void put_headline(struct buf *b, const struct view *v)
{
	bool is_down = v->facts.state == HOST_DOWN && !v->scan->is_list;

	text_lit(b, "Scan report for ");
	if (v->name) {
		text_put(b, v->name, TEXT_TERMINAL);
		text_lit(b, " (");
	}
	buf_puts(b, v->addr);
	if (v->name)
		buf_putc(b, ')');
	if (is_down) {
		text_lit(b, " [host down");
		if (v->scan->wants_reason) {
			text_lit(b, ", received ");
			text_put_reason(b, v->facts.reason, v->facts.ttl, &v->facts.from);
		}
		buf_putc(b, ']');
	}
	buf_putc(b, '\n');
}

static void put_liveness(struct buf *b, const struct view *v)
{
	uint32_t us = v->facts.srtt_us ? v->facts.srtt_us : v->facts.rtt_us;

	if (v->facts.target_name && v->facts.name &&
	    strcmp(v->facts.target_name, v->facts.name) != 0) {
		buf_printf(b, "rDNS record for %s: ", v->addr);
		text_put(b, v->facts.name, TEXT_TERMINAL);
		buf_putc(b, '\n');
	}
	text_lit(b, "Host is up");
	if (v->scan->wants_reason) {
		text_lit(b, ", received ");
		text_put_reason(b, v->facts.reason, v->facts.ttl, &v->facts.from);
	}
	if (us) {
		text_lit(b, " (");
		text_put_latency(b, us);
		text_lit(b, "s latency)");
	}
	text_lit(b, ".\n");
}

static void put_not_shown(struct buf *b, const struct view *v)
{
	bool is_first = true;

	if (!v->n_listed) {
		text_lit(b, "All ");
		buf_put_u64(b, v->n_ports);
		text_lit(b, " scanned ports on ");
		buf_puts(b, v->addr);
		text_lit(b, " are in ignored states.\n");
	}
	for (uint32_t i = 0; i < v->n_groups; i++) {
		const struct host_group *g = &v->groups[i];

		if (!v->is_ignored[g->state])
			continue;
		buf_puts(b, is_first ? "Not shown: " : ", ");
		is_first = false;
		buf_put_u64(b, g->n);
		buf_putc(b, ' ');
		buf_puts(b, port_state_name((enum port_state)g->state));
		buf_putc(b, ' ');
		buf_puts(b, proto_name(g->proto));
		buf_puts(b, g->n == 1 ? " port (" : " ports (");
		buf_puts(b, reason_name((enum reason)g->reason));
		buf_putc(b, ')');
	}
	buf_putc(b, '\n');
}

struct widths {
	uint32_t port, state, service, reason;
};

static uint32_t n_digits(uint32_t n)
{
	uint32_t digits = 1;

	while (n >= 10) {
		n /= 10;
		digits++;
	}
	return digits;
}

static uint32_t reason_width(const struct host_port *p)
{
	struct buf b;

	buf_init(&b, 256);
	text_put_reason(&b, p->reason, p->ttl, &p->from);
	uint32_t n = (uint32_t)b.len;
	buf_fini(&b);
	return n;
}

static struct widths measure(const struct out *o, const struct view *v)
{
	struct widths w = {.port = 4, .state = 5, .service = 7, .reason = 6};
	struct host_port p;
	uint32_t pos = 0;
	struct svc_text svc;

	while (view_next_port(v, &pos, &p)) {
		uint32_t port = n_digits(p.port) + 1 + (uint32_t)strlen(proto_name(p.proto));
		uint32_t state = (uint32_t)strlen(port_state_name((enum port_state)p.state));

		w.port = MAX(w.port, port);
		w.state = MAX(w.state, state);
		if (v->scan->wants_reason || v->scan->wants_services) {
			svc_text_of(o, v, &p, &svc);
			w.service = MAX(w.service, svc_name_width(&svc));
		}
		if (v->scan->wants_services && v->scan->wants_reason)
			w.reason = MAX(w.reason, reason_width(&p));
	}
	return w;
}

/** Text and spaces up to @p width and one more; the last column of a line passes 0. */
static void put_column(struct buf *b, const char *text, uint32_t width)
{
	static const char spaces[COLUMN_SERVICE_MAX + 1] = "                                ";
	uint32_t len = (uint32_t)strlen(text);

	buf_puts(b, text);
	if (width)
		buf_put(b, spaces, MIN(width - MIN(len, width) + 1, (uint32_t)COLUMN_SERVICE_MAX));
}

/** Spaces until @p width columns from @p start are full, and one. */
static void put_spaces(struct buf *b, size_t start, uint32_t width)
{
	do
		buf_putc(b, ' ');
	while (b->len <= start + width);
}

static void put_version(struct buf *b, const struct svc_text *svc)
{
	if (svc->facts && svc->facts->name)
		svc_put_version(b, svc->facts, TEXT_TERMINAL);
	while (b->len && b->p[b->len - 1] == ' ') /* of columns with nothing behind them */
		b->len--;
}

static void put_port_line(struct out *o, const struct view *v, const struct host_port *p,
			  const struct widths *w)
{
	struct buf *b = &o->buf;
	size_t start = b->len;
	bool has_reason = v->scan->wants_reason, has_version = v->scan->wants_services;
	struct svc_text svc;

	buf_put_u64(b, p->port);
	buf_putc(b, '/');
	put_column(b, proto_name(p->proto), w->port - (uint32_t)(b->len - start));
	put_column(b, port_state_name((enum port_state)p->state), w->state);
	svc_text_of(o, v, p, &svc);
	start = b->len;
	svc_put_name(b, &svc, TEXT_TERMINAL);
	if (has_reason || has_version)
		put_spaces(b, start, w->service);
	start = b->len;
	if (has_reason)
		text_put_reason(b, p->reason, p->ttl, &p->from);
	if (has_reason && has_version)
		put_spaces(b, start, w->reason);
	if (has_version)
		put_version(b, &svc);
	buf_putc(b, '\n');
}

static void put_ports(struct out *o, const struct view *v)
{
	struct buf *b = &o->buf;
	struct widths w;
	struct host_port p;
	uint32_t pos = 0;

	if (v->n_ignored_states)
		put_not_shown(b, v);
	else
		buf_putc(b, '\n');
	if (!v->n_listed)
		return;
	w = measure(o, v);
	put_column(b, "PORT", w.port);
	put_column(b, "STATE", w.state);
	put_column(b, "SERVICE", v->scan->wants_reason || v->scan->wants_services ? w.service : 0);
	if (v->scan->wants_reason)
		put_column(b, "REASON", v->scan->wants_services ? w.reason : 0);
	buf_puts(b, v->scan->wants_services ? "VERSION\n" : "\n");
	while (view_next_port(v, &pos, &p)) {
		put_port_line(o, v, &p, &w);
		svc_put_banner(b, host_banner(v->host, p.proto, p.port), v->scan->verbosity > 0);
		const struct tls_facts *tls = host_tls(v->host, p.proto, p.port);
		if (tls)
			tlstext_put_normal(&o->buf, tls);
		else
			svc_put_tls(&o->buf, host_service(v->host, p.proto, p.port));
		out_spill(o);
	}
}

static void put_mac(struct out *o, const struct view *v)
{
	char text[MAC_TEXT_CAP];
	const char *vendor;

	if (!v->facts.has_mac)
		return;
	vendor = text_vendor(o, &v->facts.mac);
	text_lit(&o->buf, "MAC Address: ");
	buf_puts(&o->buf, mac_format(&v->facts.mac, text));
	text_lit(&o->buf, " (");
	text_put(&o->buf, vendor ? vendor : "Unknown", TEXT_TERMINAL);
	text_lit(&o->buf, ")\n");
}

static void on_host(struct out *o, const struct event *ev)
{
	const struct view *v = out_view(o);
	uint32_t n_unknown = v->facts.n_by_state[PORT_UNKNOWN];

	put_headline(&o->buf, v);
	if (v->scan->is_list || (v->facts.state == HOST_DOWN && !v->n_ports))
		return;
	put_liveness(&o->buf, v);
	if (v->n_ports)
		put_ports(o, v);
	if (v->facts.evidence.mark) {
		text_lit(&o->buf, "Dishonest host: ");
		text_put_evidence(&o->buf, &v->facts.evidence);
		text_lit(&o->buf, ". Its open ports prove nothing.\n");
	}
	if (v->facts.is_partial && n_unknown) {
		buf_puts(&o->buf, v->facts.is_timed_out ? "Host timed out: " : "Stopped early: ");
		buf_put_u64(&o->buf, n_unknown);
		buf_puts(&o->buf,
			 n_unknown == 1 ? " port has no result.\n" : " ports have no result.\n");
	}
	if (v->facts.is_timed_out && !v->facts.is_partial)
		text_lit(&o->buf, "Host timed out: detection was not finished.\n");
	svc_put_fingerprints(o, v);
	put_mac(o, v);
	os_put_normal(&o->buf, v);
	os_hint_put_normal(&o->buf, v);
	svc_put_info(o, v);
	if (!v->scan->is_ping_only)
		buf_putc(&o->buf, '\n');
}

/* Lines of the moment */

static void on_port(struct out *o, const struct event *ev)
{
	char addr[ADDR_TEXT_CAP];

	if (!o->is_console || ev->port.state != PORT_OPEN || o->conf->scan->verbosity < 1)
		return;
	text_lit(&o->buf, "Discovered open port ");
	buf_put_u64(&o->buf, ev->port.port);
	buf_putc(&o->buf, '/');
	buf_puts(&o->buf, proto_name(ev->port.proto));
	text_lit(&o->buf, " on ");
	buf_puts(&o->buf, addr_format(&ev->port.addr, addr));
	buf_putc(&o->buf, '\n');
}

static void put_stage_title(struct out *o, enum stage stage)
{
	const struct scan_info *scan = o->conf->scan;

	if (stage == STAGE_DISCOVERING_HOSTS)
		text_lit(&o->buf, "Ping Scan");
	for (uint32_t i = 0; stage == STAGE_SCANNING_PORTS && i < scan->n_types; i++) {
		buf_puts(&o->buf, i ? ", " : "");
		buf_puts(&o->buf, scan->types[i]->title);
	}
}

static void on_stage(struct out *o, const struct event *ev)
{
	struct normal_state *s = o->state;
	bool was_timed = s->stage == STAGE_DISCOVERING_HOSTS || s->stage == STAGE_SCANNING_PORTS;
	uint8_t to = ev->stage.to;

	if (!o->is_console || o->conf->scan->verbosity < 1)
		return;
	if (was_timed) {
		uint64_t ns = ev->time_ns > s->stage_start_ns ? ev->time_ns - s->stage_start_ns : 0;

		text_lit(&o->buf, "Completed ");
		put_stage_title(o, (enum stage)s->stage);
		text_lit(&o->buf, " at ");
		text_put_time(&o->buf, ev->time_ns, TEXT_TIME_CLOCK);
		text_lit(&o->buf, ", ");
		text_put_seconds(&o->buf, ns, 2);
		text_lit(&o->buf, "s elapsed\n");
	}
	if (to == STAGE_DISCOVERING_HOSTS || to == STAGE_SCANNING_PORTS) {
		text_lit(&o->buf, "Initiating ");
		put_stage_title(o, (enum stage)to);
		text_lit(&o->buf, " at ");
		text_put_time(&o->buf, ev->time_ns, TEXT_TIME_CLOCK);
		buf_putc(&o->buf, '\n');
	}
	s->stage = to;
	s->stage_start_ns = ev->time_ns;
}

#define ETHERNET_LEN 14

/** The head as a frame: ARP is only ARP behind an Ethernet header, so it gets an empty one. */
static struct frame frame_of(const struct ev_packet *p, uint8_t bytes[ETHERNET_LEN + 84])
{
	static const uint8_t arp_header[ETHERNET_LEN] = {[12] = 0x08, [13] = 0x06};
	uint32_t lead = p->is_arp ? ETHERNET_LEN : 0, len = MIN(p->cap_len, sizeof(p->head));

	static_assert(sizeof(p->head) <= 84, "the head fits behind the header");
	memcpy(bytes, arp_header, lead);
	memcpy(bytes + lead, p->head, len);
	return (struct frame){.bytes = bytes,
			      .len = lead + len,
			      .cap = ETHERNET_LEN + 84,
			      .link = p->is_arp ? LINK_ETHERNET : LINK_NONE};
}

static void on_packet(struct out *o, const struct event *ev)
{
	uint64_t start = out_totals(o)->start_mono_ns, now = ev->packet.mono_ns;
	uint8_t bytes[ETHERNET_LEN + 84];
	struct frame f = frame_of(&ev->packet, bytes);
	char line[256];
	struct pkt p;

	buf_puts(&o->buf, ev->packet.is_sent ? "SENT (" : "RCVD (");
	text_put_seconds(&o->buf, now > start ? now - start : 0, 4);
	text_lit(&o->buf, "s) ");
	if (decode(&f, &p) < 0)
		text_lit(&o->buf, "packet that cannot be read");
	else
		text_put(&o->buf, pkt_format(&f, &p, line, sizeof(line)), TEXT_TERMINAL);
	buf_putc(&o->buf, '\n');
}

/* The end */

static void put_counters(struct buf *b, const struct ev_scan_completed *c)
{
	static const char pad[] = "           ";

	buf_printf(b, "%sPackets sent: %llu | received: %llu", pad, (unsigned long long)c->n_sent,
		   (unsigned long long)c->n_received);
	if (c->n_dup || c->n_late || c->n_forged || c->n_unproven)
		buf_printf(b,
			   " | not believed: %llu duplicate, %llu late, %llu forged, %llu unproven",
			   (unsigned long long)c->n_dup, (unsigned long long)c->n_late,
			   (unsigned long long)c->n_forged, (unsigned long long)c->n_unproven);
	if (c->n_local_drops)
		buf_printf(b, " | dropped here: %llu", (unsigned long long)c->n_local_drops);
	buf_putc(b, '\n');
}

/** What held the scan up, and how much of the answer can be trusted. */
static void put_trust(struct buf *b, const struct ev_scan_completed *c, const char *lead)
{
	if (!c->trust)
		return;
	if (c->trust->bottleneck[0])
		buf_printf(b, "%sLimited by %s\n", lead, c->trust->bottleneck);
	buf_puts(b, lead);
	text_put_coverage(b, c);
	buf_putc(b, '\n');
}

static void on_completed(struct out *o, const struct event *ev)
{
	const struct scan_info *scan = o->conf->scan;
	const struct ev_scan_completed *c = &ev->completed;
	const char *verb = text_outcome(c);
	struct normal_state *s = o->state;
	struct buf *b = &o->buf;

	s->is_done = true;
	if (!o->is_console) {
		put_trust(b, c, "# ");
		buf_printf(b, "# prtip %s at ", verb);
		text_put_time(b, ev->time_ns, TEXT_TIME_CTIME);
		text_lit(b, " -- ");
		text_put_summary(b, out_totals(o), c);
		buf_putc(b, '\n');
		return;
	}
	bool was_asked = !scan->is_list && !scan->skips_discovery && !c->n_no_route;
	if (was_asked && c->n_up == 0 && c->n_down == 1)
		buf_puts(b,
			 "Note: Host seems down. If it is really up, but blocking our ping probes, "
			 "try -Pn\n");
	buf_printf(b, "prtip %s: ", verb);
	text_put_summary(b, out_totals(o), c);
	buf_putc(b, '\n');
	if (scan->verbosity > 0)
		put_counters(b, c);
	put_trust(b, c, "");
}

static void end(struct out *o)
{
	const struct normal_state *s = o->state;

	if (s->is_done || o->is_console)
		return;
	text_lit(&o->buf, "# prtip ended without a summary at ");
	text_put_time(&o->buf, clock_wall_ns(), TEXT_TIME_CTIME);
	buf_putc(&o->buf, '\n');
}

const struct out_ops out_normal = {
	.name = "normal",
	.help = "the report as on the terminal",
	.extension = ".nmap",
	.state_len = sizeof(struct normal_state),
	.on = {[EVENT_SCAN_STARTED] = on_started,
	       [EVENT_STAGE_CHANGED] = on_stage,
	       [EVENT_PORT_FOUND] = on_port,
	       [EVENT_HOST_FINISHED] = on_host,
	       [EVENT_PACKET] = on_packet,
	       [EVENT_SCAN_COMPLETED] = on_completed},
	.close = end,
};
