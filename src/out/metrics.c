/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The metrics file. A table of values by enum metric, filled by events; the text is made anew each
 * time, under another name beside the file, and renamed over it.
 */
#include "out/metrics.h"

#include "base/buf.h"
#include "base/mem.h"
#include "out/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX_BYTES = 64 << 10 };

struct metrics {
	const struct scan_info *scan;
	const char *path;
	char *path_new; /* path.new, written before it takes the place of path */
	double value[METRIC_N];
	uint8_t stage;
	bool is_new;
	int error;
	struct buf text;
};

/* --- text -------------------------------------------------------------------------------- */

static void put_metric(struct buf *b, const struct metric_spec *s, double value)
{
	buf_printf(b, "# TYPE prtip_%s %s\n", s->name, s->is_counter ? "counter" : "gauge");
	buf_printf(b, "# UNIT prtip_%s %s\n", s->name, s->unit);
	buf_printf(b, "# HELP prtip_%s %s\n", s->name, s->help);
	buf_printf(b, "prtip_%s%s %.17g\n", s->name, s->is_counter ? "_total" : "", value);
}

static void put_stage(struct buf *b, uint8_t stage)
{
	text_lit(b, "# TYPE prtip_stage stateset\n# HELP prtip_stage What the scan does\n");
	for (uint32_t i = 0; i < STAGE_N; i++)
		buf_printf(b, "prtip_stage{prtip_stage=\"%s\"} %d\n", stage_name((enum stage)i),
			   i == stage);
}

static void put_all(const struct metrics *m, struct buf *b)
{
	buf_printf(b,
		   "# TYPE prtip_scan info\n# HELP prtip_scan The scan that these are of\n"
		   "prtip_scan_info{scan=\"%s\",version=\"%s\"} 1\n",
		   m->scan->scan_id, m->scan->version);
	put_stage(b, m->stage);
	for (uint32_t i = 0; i < METRIC_N; i++)
		put_metric(b, &metric_specs[i], m->value[i]);
	text_lit(b, "# EOF\n");
}

/* --- file -------------------------------------------------------------------------------- */

static int write_new(struct metrics *m)
{
	int fd = open(m->path_new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	int err = fd < 0 ? -errno : m->text.error;
	size_t done = 0;

	while (!err && done < m->text.len) {
		ssize_t n = write(fd, m->text.p + done, m->text.len - done);
		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			err = -errno;
	}
	if (fd >= 0 && close(fd) < 0 && !err)
		err = -errno;
	return err;
}

static void replace(struct metrics *m)
{
	buf_reset(&m->text);
	put_all(m, &m->text);
	int err = write_new(m);
	if (!err && rename(m->path_new, m->path) < 0)
		err = -errno;
	if (err)
		(void)unlink(m->path_new);
	if (!m->error)
		m->error = err;
	m->is_new = false;
}

void metrics_flush(struct metrics *m)
{
	if (m && m->is_new && !m->error)
		replace(m);
}

/* --- events ------------------------------------------------------------------------------ */

static void on_event(void *ctx, const struct event *ev)
{
	struct metrics *m = ctx;

	m->is_new = true;
	if (ev->kind == EVENT_METRIC)
		m->value[ev->metric.metric] = ev->metric.value;
	else
		m->stage = ev->stage.to;
}

/* --- life ----------------------------------------------------------------------------------- */

static void free_all(struct metrics *m)
{
	buf_fini(&m->text);
	mem_free(m->path_new);
	mem_free(m);
}

int metrics_open(const char *path, const struct scan_info *scan, struct metrics **ret,
		 struct err_where *reterr)
{
	struct metrics *m = mem_alloc(1, sizeof(*m));
	size_t cap = strlen(path) + sizeof(".new");

	if (!m)
		return -ENOMEM;
	*m = (struct metrics){.scan = scan, .path = path, .path_new = mem_alloc(cap, 1)};
	buf_init(&m->text, TEXT_MAX_BYTES);
	if (!m->path_new) {
		free_all(m);
		return -ENOMEM;
	}
	snprintf(m->path_new, cap, "%s.new", path);
	replace(m);
	int err = m->error;
	if (err)
		free_all(m);
	else
		*ret = m;
	return err ? err_at(reterr, err, path, strlen(path), 1, "%s", err_text(err)) : 0;
}

int metrics_start(struct metrics *m, struct bus *bus)
{
	return bus_subscribe(bus, EVENT_BIT(EVENT_METRIC) | EVENT_BIT(EVENT_STAGE_CHANGED),
			     on_event, m);
}

bool metrics_has_failed(const struct metrics *m)
{
	return m && m->error;
}

int metrics_close(struct metrics *m, struct err_where *reterr)
{
	if (!m)
		return 0;
	metrics_flush(m);
	int err = m->error;
	if (err)
		(void)err_at(reterr, err, m->path, strlen(m->path), 1, "%s", err_text(err));
	free_all(m);
	return err;
}
