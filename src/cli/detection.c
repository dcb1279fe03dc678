/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the options say about detection, and the probe files behind it. A broken probe file stops
 * the run before the first packet.
 */
#include "cli/detection.h"

enum { PORTS_PER_HOST = 32, PORTS_AT_ONCE = 512, INTENSITY_DEFAULT = 7, PARALLEL_DEFAULT = 2 };

static bool is_wanted(const struct config *c)
{
	return c->wants_services || c->wants_banners;
}

/** Options that only detection uses, or -sV where no port is found: silence would mislead. */
static int check(const struct config *c, const struct plan *p)
{
	bool has_ports = p->engine.n_types > 0;
	const struct {
		bool is_given;
		const char *name;
	} used[] = {{c->probe_file != NULL, "--probe-db"},
		    {c->asks_all_ports, "--all-ports"},
		    {c->version_intensity != INTENSITY_DEFAULT, "--version-intensity"},
		    {c->version_parallelism != PARALLEL_DEFAULT, "--version-parallel"}};

	if (is_wanted(c) && !has_ports) {
		say_error("%s asks open ports, and this run scans none",
			  c->wants_services ? "-sV" : "--banner-grab");
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < ARRAY_LEN(used) && !is_wanted(c); i++) {
		if (!used[i].is_given)
			continue;
		say_error("%s is about service detection: want -sV too", used[i].name);
		return EXIT_USAGE;
	}
	return 0;
}

int detection_load(const struct config *c, const struct plan *p, struct detection *ret)
{
	struct err_where w = {0};
	int code = check(c, p);

	*ret = (struct detection){0};
	if (code || !is_wanted(c))
		return code;
	int err = svcfiles_open(c->probe_file, &ret->files, &w);
	if (err && w.want[0])
		say_where("--probe-db", &w, err);
	else if (err)
		say_error("--probe-db \"%s\": %s", c->probe_file ? c->probe_file : "",
			  err_text(err));
	return err ? EXIT_FATAL : 0;
}

int detection_open(struct detection *d, const struct config *c, const struct plan *p,
		   const struct hosts *hosts, struct bus *bus)
{
	if (!d->files.db)
		return 0;
	struct detect_conf conf = {
		.asker = {.db = d->files.db,
			  .intensity = (uint8_t)c->version_intensity,
			  .n_talks = (uint8_t)c->version_parallelism,
			  .is_brief = !c->wants_services,
			  .max_rate_pps = p->engine.max_rate_pps,
			  .n_ports = PORTS_AT_ONCE,
			  .streams = {.source4 = p->engine.source4,
				      .source6 = p->engine.source6,
				      .if_idx = p->engine.if_idx,
				      .ttl = p->engine.ttl},
			  .version = p->scan.version},
		.hosts = hosts,
		.n_ports_per_host = PORTS_PER_HOST,
		.asks_excluded = c->asks_all_ports,
		.wants_banners = c->wants_banners,
		.wants_services = c->wants_services,
		.waits_for_scan = p->engine.max_rate_pps != 0,
	};
	int err = detect_new(&conf, bus, &d->services);
	if (err)
		say_error("detection cannot start: %s", err_text(err));
	return err ? EXIT_FATAL : 0;
}

void detection_pump(struct detection *d)
{
	if (d->services)
		(void)detect_pump(d->services);
}

bool detection_wait(struct detection *d, int ms)
{
	if (!d->services)
		return false;
	detect_scan_over(d->services);
	if (detect_is_idle(d->services))
		return false;
	if (!detect_pump(d->services))
		detect_wait(d->services, ms);
	return true;
}

void detection_stop(struct detection *d)
{
	if (d->services)
		detect_stop(d->services);
}

void detection_close(struct detection *d)
{
	detect_free(d->services);
	svcfiles_close(&d->files);
	*d = (struct detection){0};
}
