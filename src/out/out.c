/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The registry of formats and the fan-out: one subscriber on the bus that hands events to the
 * open sinks and their bytes to the kernel, those of files by a thread while the scan runs
 * (writer.c). The host of a HOST_FINISHED event is looked up
 * and judged once (view.c) and hosts that are not shown reach no sink, so formats cannot
 * disagree. All file handling and every write error live here.
 */
#include "out/out.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

const struct out_ops *const out_formats[] = {&out_normal, &out_xml, &out_grepable, &out_json, NULL};

struct outs {
	const struct out_conf *conf;
	struct out *sinks[OUTS_MAX];
	uint32_t n_sinks;
	bool is_stdout_taken;
	struct out *status; /* the status line among sinks, or NULL */
	struct writer *writer;
	bool is_ending; /* nothing is put to the writer any more */
	struct out_totals totals;
	struct view view;
};

const struct view *out_view(const struct out *o)
{
	return &o->outs->view;
}

const struct out_totals *out_totals(const struct out *o)
{
	return &o->outs->totals;
}

/* Writing */

/** The first error so far, of making the text or of writing it. */
static int error_of(const struct out *o)
{
	return o->error ? o->error : atomic_load(&o->lane.error);
}

void out_write(struct out *o)
{
	struct outs *outs = o->outs;

	if (o->ops->opens_itself)
		return;
	if (!o->error)
		o->error = o->buf.error;
	if (o->buf.len && !error_of(o)) {
		if (o != outs->status && (o->is_console || o->lane.fd == STDOUT_FILENO))
			outs_clear_status(outs);
		if (o->owns_fd && !outs->is_ending)
			writer_put(outs->writer, &o->lane, &o->buf);
		else
			writer_write(&o->lane, o->buf.p, o->buf.len);
	}
	buf_reset(&o->buf);
}

void out_spill(struct out *o)
{
	if (o->buf.len >= OUT_SPILL_BYTES)
		out_write(o);
}

bool outs_are_broken(const struct outs *outs)
{
	for (uint32_t i = 0; i < outs->n_sinks; i++)
		if (outs->sinks[i] != outs->status && !error_of(outs->sinks[i]))
			return false;
	return true;
}

bool outs_have_failed(const struct outs *outs)
{
	for (uint32_t i = 0; i < outs->n_sinks; i++)
		if (outs->sinks[i] != outs->status && error_of(outs->sinks[i]))
			return true;
	return false;
}

void outs_flush(struct outs *outs)
{
	for (uint32_t i = 0; i < outs->n_sinks; i++) {
		struct out *o = outs->sinks[i];

		if (o->ops->flush && o->is_begun)
			o->ops->flush(o);
		out_write(o);
	}
}

void outs_sync(struct outs *outs)
{
	outs_flush(outs);
	writer_wait(outs->writer);
}

void outs_settle(struct outs *outs)
{
	writer_wait(outs->writer);
	outs->is_ending = true;
	outs_flush(outs);
}

void outs_clear_status(struct outs *outs)
{
	struct out *o = outs->status;

	if (o && o->ops->wipe) {
		o->ops->wipe(o);
		out_write(o);
	}
}

/* Events */

static void hand_out(struct outs *outs, const struct event *ev)
{
	for (uint32_t i = 0; i < outs->n_sinks; i++) {
		struct out *o = outs->sinks[i];

		o->is_begun |= ev->kind == EVENT_SCAN_STARTED;
		if (!o->is_begun || !o->ops->on[ev->kind])
			continue;
		if (ev->kind == EVENT_HOST_FINISHED && !outs->view.is_shown && !o->ops->sees_all)
			continue;
		o->ops->on[ev->kind](o, ev);
		out_spill(o);
	}
}

static void on_event(void *ctx, const struct event *ev)
{
	struct outs *outs = ctx;

	if (ev->kind == EVENT_SCAN_STARTED)
		outs->totals.start_mono_ns = clock_now_ns();
	if (ev->kind == EVENT_SCAN_COMPLETED)
		outs->totals.n_hosts += ev->completed.n_unseen;
	if (ev->kind == EVENT_PROGRESS)
		outs->totals.max_pps = MAX(outs->totals.max_pps, ev->progress.rate_pps);
	if (ev->kind == EVENT_HOST_FINISHED) {
		outs->totals.n_hosts++;
		if (!view_load(&outs->view, outs->conf->scan, outs->conf->hosts, ev->host_idx))
			return;
	}
	hand_out(outs, ev);
	if (ev->kind == EVENT_SCAN_PAUSED)
		outs_sync(outs);
}

int outs_start(struct outs *outs, struct bus *bus)
{
	uint32_t mask = EVENT_BIT(EVENT_SCAN_STARTED) | EVENT_BIT(EVENT_HOST_FINISHED) |
			EVENT_BIT(EVENT_SCAN_PAUSED);

	for (uint32_t i = 0; i < outs->n_sinks; i++)
		for (uint32_t k = 0; k < EVENT_N; k++)
			mask |= outs->sinks[i]->ops->on[k] ? EVENT_BIT(k) : 0;
	if (!outs->conf->scan->wants_trace)
		mask &= ~EVENT_BIT(EVENT_PACKET);
	return bus_subscribe(bus, mask, on_event, outs);
}

/* Opening and closing */

int outs_new(const struct out_conf *conf, struct outs **ret)
{
	struct outs *outs = mem_alloc(1, sizeof(*outs));

	if (!outs)
		return -ENOMEM;
	outs->conf = conf;
	outs->writer = writer_new();
	if (!outs->writer) {
		mem_free(outs);
		return -ENOMEM;
	}
	*ret = outs;
	return 0;
}

static void out_free(struct out *o)
{
	if (!o)
		return;
	if (o->owns_fd && o->lane.fd >= 0)
		close(o->lane.fd);
	buf_fini(&o->buf);
	mem_free(o->state);
	mem_free(o->path);
	mem_free(o);
}

/** @param path NULL for the console and the status line. */
static struct out *out_new(struct outs *outs, const struct out_ops *ops, const char *path)
{
	struct out *o = mem_alloc(1, sizeof(*o));

	if (!o)
		return NULL;
	*o = (struct out){.ops = ops, .conf = outs->conf, .outs = outs, .lane.fd = -1};
	buf_init(&o->buf, OUT_BUF_MAX_BYTES);
	o->path = mem_strdup(path);
	o->state = mem_alloc(ops->state_len ? ops->state_len : 1, 1);
	if ((path && !o->path) || !o->state) {
		out_free(o);
		return NULL;
	}
	return o;
}

static int fail_at(struct err_where *w, int code, const char *path)
{
	return err_at(w, code, path, strlen(path), 1, "%s", err_text(code));
}

/** Of a sink, which may know more than the code says. */
static int fail_of(struct err_where *w, int code, const struct out *o)
{
	const char *path = o->path ? o->path : "standard output";

	return o->why[0] ? err_at(w, code, path, strlen(path), 1, "%s", o->why)
			 : fail_at(w, code, path);
}

static int open_path(struct outs *outs, struct out *o, const char *path, struct err_where *w)
{
	if (strcmp(path, "-") == 0) {
		if (outs->is_stdout_taken)
			return err_at(w, -EBUSY, path, 1, 1, "only one output on stdout (-)");
		outs->is_stdout_taken = true;
		o->lane.fd = STDOUT_FILENO;
		return 0;
	}
	o->lane.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (o->lane.fd < 0)
		return fail_at(w, -errno, path);
	o->owns_fd = true;
	return 0;
}

static void adopt(struct outs *outs, struct out *o)
{
	outs->sinks[outs->n_sinks++] = o;
}

int outs_add(struct outs *outs, const struct out_ops *ops, const char *path,
	     struct err_where *reterr)
{
	struct out *o;
	int rc;

	if (outs->n_sinks == OUTS_MAX)
		return err_at(reterr, -E_FULL, path, strlen(path), 1, "at most %d outputs",
			      OUTS_MAX);
	o = out_new(outs, ops, path);
	if (!o)
		return fail_at(reterr, -ENOMEM, path);
	rc = ops->opens_itself ? 0 : open_path(outs, o, path, reterr);
	if (rc == 0 && ops->open) {
		rc = ops->open(o);
		if (rc < 0)
			(void)fail_of(reterr, rc, o);
	}
	if (rc < 0) {
		out_free(o);
		return rc;
	}
	adopt(outs, o);
	return 0;
}

int outs_add_all(struct outs *outs, const char *base, struct err_where *reterr)
{
	struct buf path;
	int rc = 0;

	buf_init(&path, 4096);
	for (uint32_t i = 0; out_formats[i] && rc == 0; i++) {
		if (!out_formats[i]->extension)
			continue;
		buf_reset(&path);
		buf_puts(&path, base);
		buf_puts(&path, out_formats[i]->extension);
		rc = path.error ? fail_at(reterr, -ENAMETOOLONG, base)
				: outs_add(outs, out_formats[i], buf_text(&path), reterr);
	}
	buf_fini(&path);
	return rc;
}

static int add_stream(struct outs *outs, const struct out_ops *ops, int fd, bool is_console)
{
	struct out *o = outs->n_sinks < OUTS_MAX ? out_new(outs, ops, NULL) : NULL;
	int rc;

	if (!o)
		return -ENOMEM;
	o->lane.fd = fd;
	o->is_console = is_console;
	rc = ops->open ? ops->open(o) : 0;
	if (rc < 0) {
		out_free(o);
		return rc;
	}
	adopt(outs, o);
	if (!is_console)
		outs->status = o;
	return 0;
}

int outs_add_console(struct outs *outs)
{
	const struct out_conf *conf = outs->conf;
	int rc = 0;

	if (conf->is_status_tty || conf->stats_every_ns)
		rc = add_stream(outs, &out_progress, conf->status_fd, false);
	if (rc == 0 && !outs->is_stdout_taken) {
		outs->is_stdout_taken = true;
		rc = add_stream(outs, &out_normal, conf->console_fd, true);
	}
	return rc;
}

static void end_sink(struct out *o)
{
	if (o->ops->close && o->is_begun)
		o->ops->close(o);
	out_write(o);
	if (o->owns_fd && close(o->lane.fd) < 0 && !error_of(o))
		o->error = -errno;
	o->lane.fd = -1;
}

int outs_close(struct outs *outs, struct outs_failures *ret)
{
	int rc = 0;

	ret->n = 0;
	if (!outs)
		return 0;
	writer_wait(outs->writer);
	outs->is_ending = true;
	for (uint32_t i = 0; i < 2 * outs->n_sinks; i++) {
		struct out *o = outs->sinks[i % outs->n_sinks];

		if (o->ops->closes_last != (i >= outs->n_sinks))
			continue;
		end_sink(o);
		if (!error_of(o) || o == outs->status)
			continue;
		rc = rc ? rc : error_of(o);
		(void)fail_of(&ret->at[ret->n++], error_of(o), o);
	}
	for (uint32_t i = 0; i < outs->n_sinks; i++)
		out_free(outs->sinks[i]);
	writer_free(outs->writer);
	mem_free(outs);
	return rc;
}
