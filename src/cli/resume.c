/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Between the user and engine/journal.c. A journal holds its own command line, so a resumed scan
 * is planned anew from it and must come out as the same scan: a fingerprint of targets, ports and
 * probes decides. Names that now resolve otherwise, a changed list of targets, a lost privilege:
 * each is refused before anything is sent or any output touched.
 */
#include "cli/resume.h"

#include "event/eventread.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/** What is asked of whom.  */
static uint64_t fingerprint(const struct plan *p)
{
	uint64_t sum = p->scan.targets_sum;

	for (uint32_t proto = 0; proto < PORT_PROTO_N; proto++)
		sum = plan_mix(sum, p->ports.of[proto].bits, sizeof(p->ports.of[proto].bits));
	sum = plan_mix_u64(sum, p->engine.n_types);
	for (uint32_t i = 0; i < p->engine.n_types; i++)
		sum = plan_mix(sum, p->engine.types[i]->name, strlen(p->engine.types[i]->name));
	for (uint32_t i = 0; i < p->engine.n_pings; i++) {
		const struct ping_probe *ping = &p->engine.pings[i];
		sum = plan_mix(plan_mix_u64(sum, ping->port), ping->type->name,
			       strlen(ping->type->name));
	}
	sum = plan_mix_u64(sum, p->engine.skips_discovery);
	return plan_mix_u64(sum, (uint64_t)p->scan.shard_idx << 32 | p->scan.n_shards);
}

static int refuse(const char *option, const char *path, int err)
{
	switch (err) {
	case -EEXIST:
		say_error("%s \"%s\": exists already; go on with --resume, or name a new file",
			  option, path);
		break;
	case -EBUSY:
		say_error("%s \"%s\": a running scan is writing it", option, path);
		break;
	case -E_SYNTAX:
		say_error("%s \"%s\": not a journal, or damaged at its beginning", option, path);
		break;
	case -E_UNSUPPORTED:
		say_error(
			"%s \"%s\": a journal of another format; want one of prtip " PRTIP_VERSION,
			option, path);
		break;
	default:
		say_error("%s \"%s\": %s", option, path, err_text(err));
		break;
	}
	return EXIT_FATAL;
}

int resume_open(const char *path, struct journal **ret)
{
	struct journal *j = NULL;
	int err = journal_open(path, &j);

	*ret = NULL;
	if (err)
		return refuse("--resume", path, err);
	if (journal_is_complete(j)) {
		say_note("--resume \"%s\": that scan is complete; there is nothing left to do",
			 path);
		journal_close(j);
		return EXIT_DONE;
	}
	if (strcmp(journal_head(j)->version, PRTIP_VERSION) != 0) {
		say_error("--resume \"%s\": written by prtip %.20s; this is " PRTIP_VERSION, path,
			  journal_head(j)->version);
		journal_close(j);
		return EXIT_FATAL;
	}
	if (journal_n_cut(j))
		say_note("--resume \"%s\": the last %llu bytes are not whole and are left out",
			 path, (unsigned long long)journal_n_cut(j));
	*ret = j;
	return EXIT_DONE;
}

int resume_adopt(const struct journal *j, const char *path, struct plan *p)
{
	const struct journal_head *h = journal_head(j);

	if (fingerprint(p) != h->what) {
		say_error("--resume \"%s\": its command line now means other targets, ports or "
			  "probes (names, target files or privileges have changed)",
			  path);
		return EXIT_FATAL;
	}
	p->engine.seed = p->scan.seed = h->seed;
	p->engine.shape = &h->shape;
	p->scan.start_wall_ns = h->start_wall_ns;
	snprintf(p->scan.scan_id, sizeof(p->scan.scan_id), "%.36s", h->scan_id);
	return 0;
}

int resume_create(const char *path, const struct plan *p, const struct engine *e,
		  const struct config *c, struct journal **ret)
{
	struct journal_head h = {
		.version = PRTIP_VERSION,
		.scan_id = p->scan.scan_id,
		.seed = p->engine.seed,
		.start_wall_ns = p->scan.start_wall_ns,
		.what = fingerprint(p),
		.argv = c->argv,
		.argc = c->argc,
	};

	engine_shape(e, &h.shape);
	int err = journal_create(path, &h, ret);
	return err ? refuse("--journal", path, err) : 0;
}

int resume_check_shape(const struct journal *j, const char *path, const struct engine *e)
{
	const struct engine_shape *was = &journal_head(j)->shape;
	struct engine_shape is;

	engine_shape(e, &is);
	if (is.n_workers == was->n_workers && is.width == was->width &&
	    is.hosts_per_group == was->hosts_per_group && is.is_by_port == was->is_by_port)
		return 0;
	say_error("--resume \"%s\": the work cannot be divided here as it was there", path);
	return EXIT_FATAL;
}

/* --- what detection found ------------------------------------------------------------------- */

void resume_lines_init(struct resume_lines *l, const char *scan_id)
{
	*l = (struct resume_lines){0};
	eventjson_init(&l->json, scan_id);
	buf_init(&l->out, 2 * JOURNAL_LINE_MAX);
}

void resume_lines_fini(struct resume_lines *l)
{
	buf_fini(&l->out);
	jsonread_free(l->in);
	l->in = NULL;
}

void resume_put(struct resume_lines *l, struct journal *j, const struct event *ev,
		const struct scan_info *scan)
{
	if (!jrecord_is_told(ev->kind)) {
		journal_put(j, ev);
		return;
	}
	buf_reset(&l->out);
	eventjson_put(&l->json, &l->out, ev, scan);
	if (!l->out.error)
		journal_put_line(j, ev->kind, (struct bytes){l->out.p, l->out.len});
}

int resume_next(struct resume_lines *l, struct journal *j, struct event *ret)
{
	int n = journal_next(j, ret);
	struct bytes line = journal_line(j);
	struct event_record rec;

	if (n <= 0 || !line.p)
		return n;
	if (!l->in && !(l->in = jsonread_new()))
		return -ENOMEM;
	int err = eventread_line(l->in, (const char *)line.p, line.len, &rec, NULL);
	if (err)
		return err == -ENOMEM ? err : -E_SYNTAX;
	if (rec.kind != EVENTREAD_EVENT || rec.ev.kind != ret->kind)
		return -E_SYNTAX;
	*ret = rec.ev;
	return 1;
}
