/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * -oG: one line per host and kind of fact, tab between fields, as nmap's deprecated but much
 * used grepable output (observed on 7.93). The ignored state is named only when there is
 * exactly one, as there.
 */
#include "out/osview.h"
#include "out/svctext.h"

struct grepable_state {
	bool is_done;
};

static void put_ports_scanned(struct out *o)
{
	static const char *const names[] = {"TCP(", "UDP(", "SCTP("};
	const struct scan_info *scan = o->conf->scan;

	static_assert(ARRAY_LEN(names) == PORT_PROTO_N, "a name for every protocol");
	text_lit(&o->buf, "# Ports scanned: ");
	for (uint32_t slot = 0; slot < PORT_PROTO_N; slot++) {
		const struct port_bits *bits =
			text_asked(scan, port_proto_number((enum port_proto)slot));

		buf_puts(&o->buf, names[slot]);
		buf_put_u64(&o->buf, bits ? bits->n : 0);
		buf_putc(&o->buf, ';');
		text_put_port_bits(&o->buf, bits);
		text_lit(&o->buf, ") ");
	}
	text_lit(&o->buf, "PROTOCOLS(0;)\n");
}

static void on_started(struct out *o, const struct event *ev)
{
	const struct scan_info *scan = o->conf->scan;

	buf_printf(&o->buf, "# prtip %s scan initiated ", scan->version);
	text_put_time(&o->buf, scan->start_wall_ns, TEXT_TIME_CTIME);
	text_lit(&o->buf, " as: ");
	text_put(&o->buf, scan->args, TEXT_TERMINAL);
	buf_putc(&o->buf, '\n');
	if (scan->verbosity > 0)
		put_ports_scanned(o);
}

static void put_host(struct buf *b, const struct view *v)
{
	text_lit(b, "Host: ");
	buf_puts(b, v->addr);
	text_lit(b, " (");
	text_put(b, v->name, TEXT_GREPABLE);
	text_lit(b, ")\t");
}

/** As nmap does it, only the slash of the separators is replaced. Empties @p text. */
static void put_field(struct buf *b, struct buf *text)
{
	const char *s = buf_text(text);

	for (; *s; s++)
		buf_putc(b, *s == '/' ? '|' : *s);
	buf_reset(text);
}

static void put_port(struct out *o, const struct view *v, const struct host_port *p)
{
	struct buf *b = &o->buf, text;
	struct svc_text svc;

	svc_text_of(o, v, p, &svc);
	buf_init(&text, 8192);
	buf_put_u64(b, p->port);
	buf_putc(b, '/');
	buf_puts(b, port_state_name((enum port_state)p->state));
	buf_putc(b, '/');
	buf_puts(b, proto_name(p->proto));
	text_lit(b, "//");
	if (svc.name || svc.facts)
		svc_put_name(&text, &svc, svc.is_guess ? TEXT_GREPABLE : TEXT_TERMINAL);
	put_field(b, &text);
	text_lit(b, "//");
	if (svc.facts && svc.facts->name)
		svc_put_version(&text, svc.facts, TEXT_TERMINAL);
	put_field(b, &text);
	buf_putc(b, '/');
	buf_fini(&text);
}

static void put_ignored(struct buf *b, const struct view *v)
{
	if (v->n_ignored_states != 1)
		return;
	for (uint32_t s = 0; s < PORT_STATE_N; s++) {
		if (!v->is_ignored[s])
			continue;
		text_lit(b, "\tIgnored State: ");
		buf_puts(b, port_state_name((enum port_state)s));
		text_lit(b, " (");
		buf_put_u64(b, v->facts.n_by_state[s]);
		buf_putc(b, ')');
	}
}

static void on_host(struct out *o, const struct event *ev)
{
	const struct view *v = out_view(o);
	const char *status = v->scan->is_list              ? "Unknown"
			     : v->facts.state == HOST_DOWN ? "Down"
							   : "Up";
	struct host_port p;
	uint32_t pos = 0;
	bool is_first = true;

	put_host(&o->buf, v);
	text_lit(&o->buf, "Status: ");
	buf_puts(&o->buf, status);
	buf_putc(&o->buf, '\n');
	if (!v->n_ports)
		return;
	put_host(&o->buf, v);
	text_lit(&o->buf, "Ports: ");
	while (view_next_port(v, &pos, &p)) {
		if (!is_first)
			text_lit(&o->buf, ", ");
		is_first = false;
		put_port(o, v, &p);
		out_spill(o);
	}
	put_ignored(&o->buf, v);
	os_put_grepable(&o->buf, v);
	if (v->facts.evidence.mark) {
		text_lit(&o->buf, "\tDishonest: ");
		text_put_evidence(&o->buf, &v->facts.evidence);
	}
	buf_putc(&o->buf, '\n');
}

static void on_completed(struct out *o, const struct event *ev)
{
	struct grepable_state *s = o->state;

	s->is_done = true;
	if (ev->completed.trust) {
		text_lit(&o->buf, "# ");
		text_put_coverage(&o->buf, &ev->completed);
		buf_putc(&o->buf, '\n');
	}
	buf_printf(&o->buf, "# prtip %s at ", text_outcome(&ev->completed));
	text_put_time(&o->buf, ev->time_ns, TEXT_TIME_CTIME);
	text_lit(&o->buf, " -- ");
	text_put_summary(&o->buf, out_totals(o), &ev->completed);
	buf_putc(&o->buf, '\n');
}

static void end(struct out *o)
{
	const struct grepable_state *s = o->state;

	if (!s->is_done)
		text_lit(&o->buf, "# prtip ended without a summary\n");
}

const struct out_ops out_grepable = {
	.name = "grepable",
	.help = "one line per host, for grep and awk",
	.extension = ".gnmap",
	.state_len = sizeof(struct grepable_state),
	.on = {[EVENT_SCAN_STARTED] = on_started,
	       [EVENT_HOST_FINISHED] = on_host,
	       [EVENT_SCAN_COMPLETED] = on_completed},
	.close = end,
};
