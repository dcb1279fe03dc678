/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the options say about detection, and the probe files behind it. A broken probe file stops
 * the run before the first packet.
 */
#include "cli/detection.h"

#include "detect/streamtls.h"

#include <errno.h>
#include <time.h>

enum { TLS_AT_ONCE = 32, TLS_NAP_MS = 2 };
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

	if ((is_wanted(c) || c->wants_tls) && !has_ports) {
		say_error("%s asks open ports, and this run scans none",
			  c->wants_services  ? "-sV"
			  : c->wants_banners ? "--banner-grab"
					     : "--tls-cert-analysis");
		return EXIT_USAGE;
	}
	if (!c->wants_tls && (c->tls_name || c->ca_file)) {
		say_error("%s is about TLS analysis: want --tls-cert-analysis too",
			  c->tls_name ? "--tls-sni" : "--ca-file");
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

static struct streams_conf streams_of(const struct plan *p)
{
	return (struct streams_conf){.source4 = p->engine.source4,
				     .source6 = p->engine.source6,
				     .if_idx = p->engine.if_idx,
				     .ttl = p->engine.ttl};
}

static int open_tls(struct detection *d, const struct config *c, const struct plan *p,
		    const struct hosts *hosts, struct bus *bus)
{
	struct tlsstage_conf conf = {.asker = {.streams = streams_of(p),
					       .ca_file = c->ca_file,
					       .max_rate_pps = p->engine.max_rate_pps,
					       .n_endpoints = TLS_AT_ONCE},
				     .sni = c->tls_name,
				     .hosts = hosts,
				     .n_parts = hosts_n_parts(hosts),
				     .host_timeout_ms = c->bounds.host_timeout_ms};
	int err = tlsstage_new(&conf, bus, &d->tls);

	if (err == -ENOENT)
		say_error("--ca-file \"%s\": no certificate can be read from it", c->ca_file);
	else if (err)
		say_error("TLS analysis cannot start: %s", err_text(err));
	return err ? EXIT_FATAL : 0;
}

int detection_open(struct detection *d, const struct config *c, const struct plan *p,
		   const struct hosts *hosts, struct bus *bus)
{
	int code = c->wants_tls ? open_tls(d, c, p, hosts, bus) : 0;

	if (code || !d->files.db)
		return code;
	struct detect_conf conf = {
		.asker = {.db = d->files.db,
			  .intensity = (uint8_t)c->version_intensity,
			  .n_talks = (uint8_t)c->version_parallelism,
			  .is_brief = !c->wants_services,
			  .max_rate_pps = p->engine.max_rate_pps,
			  .n_ports = PORTS_AT_ONCE,
			  .streams = streams_of(p),
			  .version = p->scan.version},
		.hosts = hosts,
		.n_ports_per_host = PORTS_PER_HOST,
		.host_timeout_ms = c->bounds.host_timeout_ms,
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
	if (d->tls)
		tlsstage_pump(d->tls);
}

/** @return whether there is something to wait for. */
static bool wait_services(struct detection *d, int ms)
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

bool detection_wait(struct detection *d, int ms)
{
	bool is_more = wait_services(d, d->tls ? MIN(ms, TLS_NAP_MS) : ms);

	if (!d->tls)
		return is_more;
	tlsstage_pump(d->tls);
	if (tlsstage_is_idle(d->tls))
		return is_more;
	if (!is_more)
		nanosleep(&(struct timespec){.tv_nsec = TLS_NAP_MS * (long)NS_PER_MS}, NULL);
	return true;
}

bool detection_is_degraded(const struct detection *d)
{
	return streamtls_is_missing() || (d->tls && tlsstage_has_failed(d->tls));
}

void detection_totals(const struct detection *d, struct ev_scan_completed *ret)
{
	if (d->services)
		ret->n_sent += detect_n_sent(d->services);
}

void detection_stop(struct detection *d)
{
	if (d->services)
		detect_stop(d->services);
	if (d->tls)
		tlsstage_stop(d->tls);
}

void detection_close(struct detection *d)
{
	detect_free(d->services);
	tlsstage_free(d->tls);
	svcfiles_close(&d->files);
	*d = (struct detection){0};
}
