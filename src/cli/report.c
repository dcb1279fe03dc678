/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From output options to open sinks: files first, then the console, which a machine format on
 * standard output displaces. Everything that reports results to the user goes through here.
 */
#include "cli/report.h"

#include "cli/plan.h"

#include <unistd.h>

static const char *service_name(void *ctx, uint8_t proto, uint16_t port, char out[32])
{
	struct report *r = ctx;

	return services_name(r->services, proto, port, out);
}

static const char *mac_vendor(void *ctx, const struct mac *mac)
{
	struct report *r = ctx;

	return vendor_name(&r->vendor, mac);
}

static bool target_range(void *ctx, uint32_t i, struct addr *ret_first, struct addr *ret_last)
{
	const struct range_set *set = ((struct report *)ctx)->targets;

	if (!set || i >= set->n)
		return false;
	const struct range *r = &set->r[i];
	*ret_first = addr_from_u128(r->family, r->lo, r->zone);
	*ret_last = addr_from_u128(r->family, r->hi, r->zone);
	return true;
}

/** What nmap would refer to, and services.c finds its file beside. */
static const char *stylesheet_of(const struct config *c)
{
	static const char *const places[] = {"/usr/share/nmap/nmap.xsl",
					     "/usr/local/share/nmap/nmap.xsl"};
	static const char *const hrefs[] = {"file:///usr/share/nmap/nmap.xsl",
					    "file:///usr/local/share/nmap/nmap.xsl"};

	if (c->stylesheet || c->wants_no_stylesheet)
		return c->stylesheet;
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (access(places[i], R_OK) == 0)
			return hrefs[i];
	return NULL;
}

static int open_outputs(struct report *r, const struct output_requests *o, struct err_where *w)
{
	const struct {
		const char *path;
		const struct out_ops *ops;
	} files[] = {
		{o->normal, &out_normal}, {o->xml, &out_xml},   {o->grepable, &out_grepable},
		{o->json, &out_json},     {o->db, &out_sqlite},
	};
	int err = outs_new(&r->conf, &r->outs);
	for (size_t i = 0; i < ARRAY_LEN(files) && !err; i++)
		if (files[i].path)
			err = outs_add(r->outs, files[i].ops, files[i].path, w);
	if (!err && o->all_base)
		err = outs_add_all(r->outs, o->all_base, w);
	if (!err)
		err = outs_add_console(r->outs);
	return err;
}

int report_open(struct report *r, const struct config *c, const struct hosts *hosts,
		struct services *services, struct bus *bus)
{
	struct err_where w = {0};

	r->services = services;
	r->conf = (struct out_conf){
		.scan = bus->scan,
		.hosts = hosts,
		.service_name = service_name,
		.mac_vendor = mac_vendor,
		.target_range = target_range,
		.ctx = r,
		.xml_stylesheet = stylesheet_of(c),
		.console_fd = STDOUT_FILENO,
		.status_fd = STDERR_FILENO,
		.is_status_tty = isatty(STDERR_FILENO),
		.stats_every_ns = (uint64_t)c->stats_every_ms * NS_PER_MS,
	};
	int err = open_outputs(r, &c->out, &w);
	if (!err)
		err = outs_start(r->outs, bus);
	if (err)
		say_error("output \"%s\": %s", w.token, w.want[0] ? w.want : err_text(err));
	return err;
}

int report_close(struct report *r)
{
	struct outs_failures failed = {0};
	int err = r->outs ? outs_close(r->outs, &failed) : 0;

	for (uint32_t i = 0; i < failed.n; i++)
		say_error("output \"%s\": %s", failed.at[i].token, failed.at[i].want);
	vendor_free(r->vendor);
	*r = (struct report){0};
	return err;
}
