/* SPDX-License-Identifier: GPL-3.0-or-later */
/* -O as the program sees it: where the fingerprint file is, what is refused, life. */
#include "cli/osdetect.h"

#include "cli/run.h"

#include <errno.h>

enum { ALONE_WAIT_US = 2000 };

enum { FILE_BYTES_MAX = 64 << 20 };

static int refuse(const struct config *c, const struct plan *p)
{
	bool has_detail = c->limits_os || c->guesses_os || c->os_tries || c->os_file;

	if (!c->wants_os && has_detail)
		say_error("--osscan-limit, --osscan-guess, --max-os-tries and --os-db say how -O "
			  "works; want -O too");
	else if (c->wants_os && !p->scan.n_types)
		say_error("-O needs a port scan: it asks open and closed ports");
	else
		return 0;
	return EXIT_USAGE;
}

int osdetect_load(const struct config *c, struct plan *p, struct osdetect *ret)
{
	struct err_where w = {0};
	char installed[MAPFILE_PATH_CAP] = "";
	int code = refuse(c, p);

	if (code || !c->wants_os)
		return code;
	if (c->yields_os && !p->has_raw) {
		say_note("no CAP_NET_RAW: -A goes on without -O, which needs raw sockets");
		return 0;
	}
	int err = c->os_file
			  ? mapfile_open(c->os_file, FILE_BYTES_MAX, &ret->file)
			  : mapfile_open_nmap("nmap-os-db", FILE_BYTES_MAX, &ret->file, installed);
	const char *path = c->os_file ? c->os_file : installed;
	if (err) {
		say_error("-O: fingerprint file \"%s\": %s%s", path, err_text(err),
			  err == -ENOENT && !c->os_file
				  ? "; install nmap-common or name one by --os-db"
				  : "");
		return EXIT_FATAL;
	}
	err = osdb_parse(ret->file.text, path, &ret->db, &w);
	if (err) {
		say_where("-O", &w, err);
		return EXIT_FATAL;
	}
	p->scan.n_detectors++;
	ret->if_idx = p->engine.if_idx;
	ret->routes = p->routes;
	return 0;
}

int osdetect_open(struct osdetect *d, const struct config *c, const struct hosts *hosts,
		  uint32_t n_parts, struct bus *bus)
{
	struct osscan_conf oc = {
		.db = d->db,
		.hosts = hosts,
		.routes = d->routes,
		.n_parts = n_parts,
		.max_tries = c->os_tries,
		.host_timeout_ms = c->bounds.host_timeout_ms,
		.wants_limit = c->limits_os,
		.wants_guess = c->guesses_os,
		.wants_trace = c->wants_trace,
		.capture = d->capture,
		.max_rate_pps = c->max_rate_pps,
		.if_idx = d->if_idx,
		.ttl = c->ttl,
		.source4 = c->source4,
		.version = PRTIP_VERSION,
	};
	int err = d->db ? osscan_new(&oc, bus, &d->scan) : 0;

	if (err == -EPERM || err == -EACCES)
		say_error("-O needs raw sockets: run as root, or setcap cap_net_raw+ep on prtip");
	else if (err)
		say_error("-O: %s", err_text(err));
	return err ? EXIT_FATAL : 0;
}

bool osdetect_turn(struct osdetect *d, uint64_t now_ns, bool is_alone)
{
	return d->scan && osscan_turn(d->scan, now_ns, is_alone, is_alone ? ALONE_WAIT_US : 0) > 0;
}

void osdetect_totals(const struct osdetect *d, struct ev_scan_completed *ret)
{
	struct osscan_stats s;

	if (!d->scan)
		return;
	osscan_stats(d->scan, &s);
	ret->n_sent += s.n_sent;
	ret->n_received += s.n_received;
}

void osdetect_close(struct osdetect *d)
{
	osscan_free(d->scan);
	osdb_free(d->db);
	mapfile_close(&d->file);
	*d = (struct osdetect){0};
}
