/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How far the scan is, for the person who waits: one line redrawn in place when the status
 * stream is a terminal, and with --stats-every two plain lines as nmap prints them. Redraws
 * are kept to ten a second; flush() wipes the line so that other text can be printed.
 */
#include "base/clock.h"
#include "out/text.h"

#define REDRAW_NS (100 * NS_PER_MS)

struct progress_state {
	uint64_t drawn_ns;      /* of the last draw, monotonic; 0: never */
	uint64_t next_stats_ns; /* scan time of the next --stats-every lines */
	bool is_drawn;
};

/** h:mm:ss */
static void put_duration(struct buf *b, uint64_t ns)
{
	uint64_t s = ns / NS_PER_S;

	buf_printf(b, "%llu:%02llu:%02llu", (unsigned long long)(s / 3600),
		   (unsigned long long)(s / 60 % 60), (unsigned long long)(s % 60));
}

static void put_percent(struct buf *b, const struct ev_progress *p)
{
	uint64_t hundredths = p->n_total ? (uint64_t)((u128)p->n_done * 10000 / p->n_total) : 0;

	buf_printf(b, "%llu.%02llu%%", (unsigned long long)(MIN(hundredths, 10000ull) / 100),
		   (unsigned long long)(MIN(hundredths, 10000ull) % 100));
}

static const char *title(const struct out *o, uint8_t stage)
{
	const struct scan_info *scan = o->conf->scan;

	if (stage == STAGE_DISCOVERING_HOSTS)
		return "Ping Scan";
	if (stage == STAGE_SCANNING_PORTS && scan->n_types)
		return scan->types[0]->title;
	return stage_name((enum stage)stage);
}

static void put_stats(struct out *o, const struct event *ev)
{
	const struct ev_progress *p = &ev->progress;
	struct buf *b = &o->buf;

	buf_puts(b, "Stats: ");
	put_duration(b, p->elapsed_ns);
	buf_puts(b, " elapsed; ");
	buf_put_u64(b, p->n_hosts_done);
	buf_puts(b, " hosts completed");
	if (p->n_hosts != UINT64_MAX && p->n_hosts >= p->n_hosts_done) {
		buf_puts(b, ", ");
		buf_put_u64(b, p->n_hosts - p->n_hosts_done);
		buf_puts(b, " to go");
	}
	buf_printf(b, "; %llu packets sent, %llu/s\n%s Timing: About ",
		   (unsigned long long)p->n_sent, (unsigned long long)p->rate_pps,
		   title(o, p->stage));
	put_percent(b, p);
	buf_puts(b, " done");
	if (p->eta_ns) {
		buf_puts(b, "; ETC: ");
		text_put_time(b, ev->time_ns + p->eta_ns, TEXT_TIME_CLOCK);
		buf_puts(b, " (");
		put_duration(b, p->eta_ns);
		buf_puts(b, " remaining)");
	}
	buf_putc(b, '\n');
}

static void wipe(struct out *o)
{
	struct progress_state *s = o->state;

	if (s->is_drawn)
		buf_puts(&o->buf, "\r\033[K");
	s->is_drawn = false;
}

static void draw(struct out *o, const struct ev_progress *p)
{
	struct progress_state *s = o->state;
	struct buf *b = &o->buf;

	buf_puts(b, "\r\033[K");
	buf_puts(b, title(o, p->stage));
	buf_putc(b, ' ');
	put_percent(b, p);
	buf_printf(b, "  %llu/s  ", (unsigned long long)p->rate_pps);
	put_duration(b, p->elapsed_ns);
	if (p->eta_ns) {
		buf_puts(b, ", ");
		put_duration(b, p->eta_ns);
		buf_puts(b, " left");
	}
	s->is_drawn = true;
}

static void on_progress(struct out *o, const struct event *ev)
{
	struct progress_state *s = o->state;
	uint64_t every = o->conf->stats_every_ns, now = clock_now_ns();

	if (every && ev->progress.elapsed_ns >= s->next_stats_ns) {
		wipe(o);
		put_stats(o, ev);
		s->next_stats_ns = (ev->progress.elapsed_ns / every + 1) * every;
	}
	if (o->conf->is_status_tty && (!s->drawn_ns || now - s->drawn_ns >= REDRAW_NS)) {
		draw(o, &ev->progress);
		s->drawn_ns = now;
	}
	out_write(o);
}

static void on_completed(struct out *o, const struct event *ev)
{
	wipe(o);
}

static int progress_open(struct out *o)
{
	struct progress_state *s = o->state;

	s->next_stats_ns = o->conf->stats_every_ns;
	return 0;
}

const struct out_ops out_progress = {
	.name = "progress",
	.help = "status line and --stats-every",
	.state_len = sizeof(struct progress_state),
	.open = progress_open,
	.on = {[EVENT_PROGRESS] = on_progress, [EVENT_SCAN_COMPLETED] = on_completed},
	.wipe = wipe,
	.close = wipe,
};
