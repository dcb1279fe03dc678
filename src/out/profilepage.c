/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The scan's profile as one HTML page: SVG charts in the page itself, no scripts, nothing fetched.
 * Bars share a scale within their section.
 */
#include "out/profile.h"
#include "out/text.h"

#include <stdio.h>

enum {
	LEFT = 210,
	WIDTH = 560,
	WHOLE_WIDTH = PROFILE_BUCKETS * 12,
	ROW = 22,
	COLUMNS_HIGH = 140,
	COLUMN_WIDE = 12,
	LABEL_EVERY = 4
};

/** A part of a bar. */
struct piece {
	uint64_t value;
	const char *colour, *what;
};

struct bar {
	uint32_t row;
	uint64_t all; /* as long as the chart is wide */
	const char *label;
};

static const char *const colours[PROFILE_N] = {
	[PROFILE_STARTING] = "#9aa5b1", [PROFILE_PUBLISHING] = "#b07aa1",
	[PROFILE_BUILDING] = "#4e79a7", [PROFILE_SENDING] = "#f28e2b",
	[PROFILE_WAITING] = "#e3e6e8",  [PROFILE_RECEIVING] = "#e15759",
	[PROFILE_MATCHING] = "#76b7b2", [PROFILE_TIMERS] = "#edc948",
	[PROFILE_CLOSING] = "#79706e",
};

/* --- pieces of a page --------------------------------------------------------------------- */

static void begin_section(struct buf *b, const char *title, const char *words)
{
	buf_printf(b, "<h2>%s</h2>\n<p>%s</p>\n", title, words);
}

static void begin_chart(struct buf *b, uint32_t height)
{
	buf_printf(b, "<svg width=\"%d\" height=\"%u\" role=\"img\">\n", LEFT + WIDTH + 170,
		   height);
}

static void end_chart(struct buf *b)
{
	text_lit(b, "</svg>\n");
}

static double milliseconds(uint64_t ns)
{
	return (double)ns / 1e6;
}

static void put_rect(struct buf *b, double x, double y, double width, double height)
{
	buf_printf(b, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"", x, y, width,
		   height);
}

/** One bar of nanoseconds, its pieces side by side. */
static void put_bar(struct buf *b, const struct bar *bar, const struct piece *pieces, uint32_t n)
{
	double x = LEFT, y = (double)(bar->row * ROW);
	uint64_t sum = 0;

	buf_printf(b, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">", LEFT - 8, y + 15);
	text_put(b, bar->label, TEXT_XML);
	text_lit(b, "</text>");
	for (uint32_t i = 0; i < n; i++) {
		double width = (double)pieces[i].value * WIDTH / (double)MAX(bar->all, 1ull);
		sum += pieces[i].value;
		put_rect(b, x, y + 2, width, ROW - 5);
		buf_printf(b, " fill=\"%s\"><title>%s: %.3f ms</title></rect>", pieces[i].colour,
			   pieces[i].what, milliseconds(pieces[i].value));
		x += width;
	}
	buf_printf(b, "<text x=\"%.1f\" y=\"%.1f\">%.3f ms</text>\n", x + 6, y + 15,
		   milliseconds(sum));
}

static void put_legend(struct buf *b, const struct piece *pieces, uint32_t n)
{
	text_lit(b, "<p>");
	for (uint32_t i = 0; i < n; i++)
		buf_printf(b, "<span class=\"key\" style=\"background:%s\"></span>%s ",
			   pieces[i].colour, pieces[i].what);
	text_lit(b, "</p>\n");
}

/* --- histograms ------------------------------------------------------------------------------ */

static void used_range(const struct profile_hist *h, uint32_t *ret_first, uint32_t *ret_last)
{
	*ret_first = PROFILE_BUCKETS;
	*ret_last = 0;
	for (uint32_t i = 0; i < PROFILE_BUCKETS; i++) {
		if (!h->bucket[i])
			continue;
		*ret_first = MIN(*ret_first, i);
		*ret_last = i;
	}
}

/** @param scale height of one count. */
static void put_column(struct buf *b, const struct profile_hist *h, uint32_t i, double x,
		       double scale)
{
	double high = (double)h->bucket[i] * scale;

	put_rect(b, x, COLUMNS_HIGH - high, COLUMN_WIDE - 1, high);
	buf_printf(b, " fill=\"#4e79a7\"><title>%llu to %llu: %u</title></rect>\n",
		   (unsigned long long)profile_bucket_lo(i),
		   (unsigned long long)profile_bucket_lo(i + 1) - 1, h->bucket[i]);
}

/** Columns by size, sizes growing by a quarter. */
static void put_columns(struct buf *b, const struct profile_hist *h, const char *unit)
{
	uint32_t first, last, highest = 1;

	if (!h->n) {
		text_lit(b, "<p>None.</p>\n");
		return;
	}
	buf_printf(b,
		   "<p>%llu in all, mean %.1f, half at most %llu, 99 %% at most %llu, largest %u "
		   "(%s)</p>\n",
		   (unsigned long long)h->n, (double)h->sum / (double)h->n,
		   (unsigned long long)profile_quantile(h, 0.5),
		   (unsigned long long)profile_quantile(h, 0.99), h->max, unit);
	used_range(h, &first, &last);
	for (uint32_t i = first; i <= last; i++)
		highest = MAX(highest, h->bucket[i]);
	begin_chart(b, COLUMNS_HIGH + 20);
	for (uint32_t i = first; i <= last; i++) {
		double x = (i - first) * COLUMN_WIDE;
		if (h->bucket[i])
			put_column(b, h, i, x, (double)COLUMNS_HIGH / (double)highest);
		if ((i - first) % LABEL_EVERY == 0)
			buf_printf(b, "<text x=\"%.1f\" y=\"%d\">%llu</text>", x, COLUMNS_HIGH + 15,
				   (unsigned long long)profile_bucket_lo(i));
	}
	end_chart(b);
}

/* --- sections ------------------------------------------------------------------------------------
 */

static void put_head(struct buf *b, const struct profile_told *t)
{
	text_lit(b,
		 "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
		 "<title>prtip profile</title>\n<style>body{font:14px sans-serif;margin:2em;"
		 "max-width:60em}svg text{font:12px sans-serif}td,th{padding:2px 12px;text-align:"
		 "right}.key{display:inline-block;width:1em;height:1em;margin:0 .3em 0 1em}"
		 "</style></head><body>\n<h1>Profile of a scan</h1>\n<p><code>");
	text_put(b, t->scan->args, TEXT_XML);
	text_lit(b, "</code></p>\n<p>prtip ");
	text_put(b, t->scan->version, TEXT_XML);
	text_lit(b, ", scan ");
	text_put(b, t->scan->scan_id, TEXT_XML);
	buf_printf(b,
		   ": %.3f ms, of them %.3f ms of processor time; %llu packets sent, %llu answers "
		   "received; packets by ",
		   milliseconds(t->elapsed_ns), milliseconds(t->cpu_ns),
		   (unsigned long long)t->n_sent, (unsigned long long)t->n_received);
	text_put(b, t->backend ? t->backend : "nothing: the scan did not end", TEXT_XML);
	text_lit(b, "</p>\n");
}

static void put_stages(struct buf *b, const struct profile_told *t)
{
	uint64_t all = 1;

	begin_section(b, "Stages",
		      "Upper bar: time. Lower bar: processor time of all threads. Targets are "
		      "resolved while initializing.");
	for (uint32_t i = 0; i < STAGE_COMPLETED; i++)
		all = MAX(all, MAX(t->stage_wall_ns[i], t->stage_cpu_ns[i]));
	begin_chart(b, STAGE_COMPLETED * 2 * ROW);
	for (uint32_t i = 0; i < STAGE_COMPLETED; i++) {
		struct piece wall = {t->stage_wall_ns[i], "#4e79a7", "time"};
		struct piece cpu = {t->stage_cpu_ns[i], "#f28e2b", "processor time"};
		put_bar(b, &(struct bar){2 * i, all, stage_name((enum stage)i)}, &wall, 1);
		put_bar(b, &(struct bar){2 * i + 1, all, ""}, &cpu, 1);
	}
	end_chart(b);
}

/** Threads that live, and the rest of the process's time: of those that had ended. */
static void put_threads(struct buf *b, const struct profile_told *t)
{
	uint64_t known_ns = 0;

	begin_section(b, "Threads",
		      "Processor time. Workers that have ended stand in the last bar; the next "
		      "section has each.");
	begin_chart(b, (t->n_threads + 1) * ROW);
	for (uint32_t i = 0; i < t->n_threads; i++) {
		struct piece cpu = {t->thread[i].cpu_ns, "#f28e2b", "processor time"};
		put_bar(b, &(struct bar){i, t->cpu_ns, t->thread[i].name}, &cpu, 1);
		known_ns += t->thread[i].cpu_ns;
	}
	struct piece rest = {t->cpu_ns - MIN(known_ns, t->cpu_ns), "#9aa5b1", "processor time"};
	put_bar(b, &(struct bar){t->n_threads, t->cpu_ns, "threads that ended"}, &rest, 1);
	end_chart(b);
}

static uint64_t worker_ns(const struct profile_worker *w)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < PROFILE_N; i++)
		sum += w->spent_ns[i];
	return sum;
}

static void put_workers(struct buf *b, const struct profile_told *t)
{
	struct piece pieces[PROFILE_N];
	uint64_t all = 1;

	begin_section(b, "Workers", "What each did with its time.");
	for (uint32_t i = 0; i < t->n_workers; i++)
		all = MAX(all, worker_ns(&t->worker[i]));
	begin_chart(b, (t->n_workers + 1) * ROW);
	for (uint32_t i = 0; i < t->n_workers; i++) {
		char label[40];
		for (uint32_t k = 0; k < PROFILE_N; k++)
			pieces[k] = (struct piece){t->worker[i].spent_ns[k], colours[k],
						   profile_parts[k].name};
		snprintf(label, sizeof(label), "worker %u%s", i,
			 t->worker[i].is_main ? " (main thread)" : "");
		put_bar(b, &(struct bar){i, all, label}, pieces, PROFILE_N);
	}
	end_chart(b);
	if (t->n_workers)
		put_legend(b, pieces, PROFILE_N);
}

/** The rest of a row. @param calls NULL: not counted. */
static void put_way(struct buf *b, uint64_t n, const uint64_t *calls,
		    const struct profile_hist *at_once)
{
	buf_printf(b, "<td>%llu</td>", (unsigned long long)n);
	if (calls)
		buf_printf(b, "<td>%llu</td><td>%.1f</td>", (unsigned long long)*calls,
			   (double)n / (double)MAX(*calls, 1ull));
	else
		text_lit(b, "<td>-</td><td>-</td>");
	buf_printf(b, "<td>%.1f</td><td>%u</td></tr>\n",
		   (double)at_once->sum / (double)MAX(at_once->n, 1ull), at_once->max);
}

static void put_calls(struct buf *b, const struct profile_told *t)
{
	begin_section(b, "Packets a system call",
		      "At once: by one turn of the worker's loop. A ring shared with the kernel "
		      "needs no calls to receive; connects are not counted by call.");
	text_lit(b, "<table><tr><th></th><th></th><th>packets</th><th>calls</th><th>a call</th>"
		    "<th>at once</th><th>at most</th></tr>\n");
	for (uint32_t i = 0; i < t->n_workers; i++) {
		const struct profile_worker *w = &t->worker[i];
		buf_printf(b, "<tr><th>worker %u</th><td>sent</td>", i);
		put_way(b, w->n_sent, w->has_calls ? &w->n_sent_calls : NULL, &w->sent_at_once);
		text_lit(b, "<tr><th></th><td>received</td>");
		put_way(b, w->n_received, w->has_calls ? &w->n_received_calls : NULL,
			&w->received_at_once);
	}
	text_lit(b, "</table>\n");
}

static void put_rings(struct buf *b, const struct profile_told *t)
{
	begin_section(b, "Rings of events",
		      "Results on their way to the outputs, counted once a turn.");
	for (uint32_t i = 0; i < t->n_workers; i++) {
		const struct profile_worker *w = &t->worker[i];
		buf_printf(b, "<h3>worker %u: room for %u, full %llu times</h3>\n", i, w->ring_cap,
			   (unsigned long long)w->n_ring_full);
		put_columns(b, &w->ring_used, "events");
	}
}

void profile_put_page(struct buf *b, const struct profile_told *t)
{
	put_head(b, t);
	put_stages(b, t);
	put_threads(b, t);
	put_workers(b, t);
	put_calls(b, t);
	put_rings(b, t);
	begin_section(b, "Round trips", "Of answers whose round trip is known.");
	put_columns(b, &t->rtt_us, "microseconds");
	text_lit(b, "</body></html>\n");
}
