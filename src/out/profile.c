/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The scan's profile: collected while events pass, told as JSON. A stage's time is from the event
 * that entered it to the next. Threads are those that /proc/self/task lists when the scan is
 * completed, with the processor time of sched(7)'s schedstat; what the process used beyond them
 * was of threads that had ended.
 */
#include "out/profile.h"

#include "base/clock.h"
#include "base/mem.h"
#include "out/text.h"
#include "out/writer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TEXT_MAX_BYTES = 4 << 20, PATH_CAP = 4096, FORMS = 2 };

static const struct {
	const char *file;
	void (*put)(struct buf *b, const struct profile_told *t);
} forms[FORMS] = {{"profile.json", profile_put_json}, {"profile.html", profile_put_page}};

struct profile {
	struct profile_told told;
	const char *dir;
	int fd[FORMS];
	uint64_t start_ns, entered_ns, entered_cpu_ns;
	uint8_t stage;
};

/* --- collecting ------------------------------------------------------------------------- */

static uint64_t cpu_now_ns(void)
{
	struct timespec ts = {0};

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/** The stage so far ends; another begins. */
static void enter(struct profile *p, uint8_t stage)
{
	uint64_t now_ns = clock_now_ns(), cpu_ns = cpu_now_ns();

	p->told.stage_wall_ns[p->stage] += now_ns - p->entered_ns;
	p->told.stage_cpu_ns[p->stage] += cpu_ns - p->entered_cpu_ns;
	p->entered_ns = now_ns;
	p->entered_cpu_ns = cpu_ns;
	p->stage = stage;
}

static bool read_file(int dir_fd, const char *tid, const char *name, char text[64])
{
	char path[320];

	snprintf(path, sizeof(path), "%s/%s", tid, name);
	int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, 63);
	if (fd >= 0)
		close(fd);
	text[MAX(n, 0)] = '\0';
	return n > 0;
}

/** proc(5): comm is the thread's name and a line feed, schedstat begins with its time in
 * nanoseconds. */
static void add_thread(struct profile_told *t, int dir_fd, const char *tid)
{
	struct profile_thread *th = &t->thread[t->n_threads];
	unsigned long long cpu_ns;
	char text[64];

	if (t->n_threads == PROFILE_THREADS_MAX || !read_file(dir_fd, tid, "comm", text))
		return;
	snprintf(th->name, sizeof(th->name), "%.*s", (int)strcspn(text, "\n"), text);
	if (!read_file(dir_fd, tid, "schedstat", text) || sscanf(text, "%llu", &cpu_ns) != 1)
		return;
	th->cpu_ns = cpu_ns;
	t->n_threads++;
}

static void read_threads(struct profile_told *t)
{
	DIR *d = opendir("/proc/self/task");
	const struct dirent *entry;

	while (d && (entry = readdir(d)))
		if (entry->d_name[0] != '.')
			add_thread(t, dirfd(d), entry->d_name);
	if (d)
		closedir(d);
}

static void completed(struct profile *p, const struct ev_scan_completed *c)
{
	if (p->stage != STAGE_COMPLETED)
		enter(p, STAGE_COMPLETED);
	p->told.elapsed_ns = p->entered_ns - p->start_ns;
	p->told.cpu_ns = p->entered_cpu_ns;
	p->told.backend = c->backend;
	p->told.n_sent = c->n_sent;
	p->told.n_received = c->n_received;
	read_threads(&p->told);
}

static void on_event(void *ctx, const struct event *ev)
{
	struct profile *p = ctx;

	if (ev->kind == EVENT_PORT_FOUND && ev->port.rtt_us)
		profile_count(&p->told.rtt_us, ev->port.rtt_us);
	else if (ev->kind == EVENT_HOST_DISCOVERED && ev->host.reason != REASON_USER_SET &&
		 ev->host.rtt_us) /* otherwise it is its first port's answer */
		profile_count(&p->told.rtt_us, ev->host.rtt_us);
	else if (ev->kind == EVENT_STAGE_CHANGED)
		enter(p, ev->stage.to);
	else if (ev->kind == EVENT_SCAN_COMPLETED)
		completed(p, &ev->completed);
}

void profile_put_worker(struct profile *p, const struct profile_worker *w)
{
	if (p->told.n_workers < PROFILE_WORKERS_MAX)
		p->told.worker[p->told.n_workers++] = *w;
}

/* --- as JSON ------------------------------------------------------------------------------ */

static void put_s(struct buf *b, const char *name, uint64_t ns)
{
	buf_printf(b, "\"%s\":", name);
	text_put_seconds(b, ns, 9);
}

static void put_hist(struct buf *b, const char *name, const struct profile_hist *h)
{
	const char *comma = "";

	buf_printf(b, "\"%s\":{\"n\":%llu,\"mean\":%.3f,\"max\":%u", name, (unsigned long long)h->n,
		   (double)h->sum / (double)MAX(h->n, 1ull), h->max);
	buf_printf(b, ",\"p50\":%llu,\"p90\":%llu,\"p99\":%llu,\"buckets\":[",
		   (unsigned long long)profile_quantile(h, 0.5),
		   (unsigned long long)profile_quantile(h, 0.9),
		   (unsigned long long)profile_quantile(h, 0.99));
	for (uint32_t i = 0; i < PROFILE_BUCKETS; i++) {
		if (!h->bucket[i])
			continue;
		buf_printf(b, "%s[%llu,%llu,%u]", comma, (unsigned long long)profile_bucket_lo(i),
			   (unsigned long long)profile_bucket_lo(i + 1), h->bucket[i]);
		comma = ",";
	}
	text_lit(b, "]}");
}

/** How much went through how many calls; connects have none to count. */
static void put_way(struct buf *b, const char *name, uint64_t n, const uint64_t *calls,
		    const struct profile_hist *at_once)
{
	buf_printf(b, ",\"%s\":{\"packets\":%llu", name, (unsigned long long)n);
	if (calls)
		buf_printf(b, ",\"calls\":%llu,\"packets_per_call\":%.3f",
			   (unsigned long long)*calls, (double)n / (double)MAX(*calls, 1ull));
	buf_putc(b, ',');
	put_hist(b, "at_once", at_once);
	buf_putc(b, '}');
}

static void put_worker(struct buf *b, uint32_t idx, const struct profile_worker *w)
{
	buf_printf(b, "{\"worker\":%u,\"is_main_thread\":%s,", idx, w->is_main ? "true" : "false");
	put_s(b, "user_s", w->user_ns);
	buf_putc(b, ',');
	put_s(b, "system_s", w->system_ns);
	text_lit(b, ",\"spent_s\":{");
	for (uint32_t i = 0; i < PROFILE_N; i++) {
		put_s(b, profile_parts[i].name, w->spent_ns[i]);
		if (i + 1 < PROFILE_N)
			buf_putc(b, ',');
	}
	buf_putc(b, '}');
	put_way(b, "sent", w->n_sent, w->has_calls ? &w->n_sent_calls : NULL, &w->sent_at_once);
	put_way(b, "received", w->n_received, w->has_calls ? &w->n_received_calls : NULL,
		&w->received_at_once);
	buf_printf(b, ",\"event_ring\":{\"capacity\":%u,\"waits_for_room\":%llu,", w->ring_cap,
		   (unsigned long long)w->n_ring_full);
	put_hist(b, "used", &w->ring_used);
	text_lit(b, "}}");
}

void profile_put_json(struct buf *b, const struct profile_told *t)
{
	text_lit(b, "{\"schema\":1,\"type\":\"profile\",\"scan\":");
	text_put_json(b, t->scan->scan_id);
	text_lit(b, ",\"version\":");
	text_put_json(b, t->scan->version);
	text_lit(b, ",\"args\":");
	text_put_json(b, t->scan->args);
	text_lit(b, ",\"backend\":");
	text_put_json(b, t->backend);
	buf_putc(b, ',');
	put_s(b, "elapsed_s", t->elapsed_ns);
	buf_putc(b, ',');
	put_s(b, "cpu_s", t->cpu_ns);
	buf_printf(b, ",\"sent\":%llu,\"received\":%llu,\n\"stages\":[",
		   (unsigned long long)t->n_sent, (unsigned long long)t->n_received);
	for (uint32_t i = 0; i < STAGE_COMPLETED; i++) {
		buf_printf(b, "%s{\"stage\":\"%s\",", i ? "," : "", stage_name((enum stage)i));
		put_s(b, "wall_s", t->stage_wall_ns[i]);
		buf_putc(b, ',');
		put_s(b, "cpu_s", t->stage_cpu_ns[i]);
		buf_putc(b, '}');
	}
	text_lit(b, "],\n\"threads\":[");
	for (uint32_t i = 0; i < t->n_threads; i++) {
		text_put(b, i ? ",{\"name\":" : "{\"name\":", TEXT_TERMINAL);
		text_put_json(b, t->thread[i].name);
		buf_putc(b, ',');
		put_s(b, "cpu_s", t->thread[i].cpu_ns);
		buf_putc(b, '}');
	}
	text_lit(b, "],\n\"workers\":[");
	for (uint32_t i = 0; i < t->n_workers; i++) {
		if (i)
			text_lit(b, ",\n");
		put_worker(b, i, &t->worker[i]);
	}
	text_lit(b, "],\n");
	put_hist(b, "rtt_us", &t->rtt_us);
	text_lit(b, "}\n");
}

/* --- life ------------------------------------------------------------------------------------ */

static int create(struct profile *p)
{
	char path[PATH_CAP];

	if (mkdir(p->dir, 0777) < 0 && errno != EEXIST)
		return -errno;
	for (uint32_t i = 0; i < FORMS; i++) {
		if (snprintf(path, sizeof(path), "%s/%s", p->dir, forms[i].file) >=
		    (int)sizeof(path))
			return -ENAMETOOLONG;
		p->fd[i] = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (p->fd[i] < 0)
			return -errno;
	}
	return 0;
}

/** @return 0 or the first -errno. */
static int close_files(struct profile *p, int err)
{
	for (uint32_t i = 0; i < FORMS; i++)
		if (p->fd[i] >= 0 && close(p->fd[i]) < 0 && !err)
			err = -errno;
	return err;
}

int profile_open(const char *dir, const struct scan_info *scan, uint64_t start_ns,
		 struct profile **ret, struct err_where *reterr)
{
	struct profile *p = mem_alloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	*p = (struct profile){.dir = dir,
			      .fd = {-1, -1},
			      .start_ns = start_ns,
			      .entered_ns = start_ns,
			      .told = {.scan = scan}};
	int err = create(p);
	if (!err) {
		*ret = p;
		return 0;
	}
	(void)close_files(p, 0);
	mem_free(p);
	return err_at(reterr, err, dir, strlen(dir), 1, "%s", err_text(err));
}

int profile_start(struct profile *p, struct bus *bus)
{
	return bus_subscribe(bus,
			     EVENT_BIT(EVENT_STAGE_CHANGED) | EVENT_BIT(EVENT_PORT_FOUND) |
				     EVENT_BIT(EVENT_HOST_DISCOVERED) |
				     EVENT_BIT(EVENT_SCAN_COMPLETED),
			     on_event, p);
}

int profile_close(struct profile *p, struct err_where *reterr)
{
	struct buf text;
	int err = 0;

	if (!p)
		return 0;
	buf_init(&text, TEXT_MAX_BYTES);
	for (uint32_t i = 0; i < FORMS && !err; i++) {
		struct writer_lane l = {.fd = p->fd[i]};
		buf_reset(&text);
		forms[i].put(&text, &p->told);
		writer_write(&l, text.p, text.len);
		err = text.error ? text.error : atomic_load(&l.error);
	}
	err = close_files(p, err);
	if (err)
		(void)err_at(reterr, err, p->dir, strlen(p->dir), 1, "%s", err_text(err));
	buf_fini(&text);
	mem_free(p);
	return err;
}
