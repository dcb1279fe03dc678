/* SPDX-License-Identifier: GPL-3.0-or-later */
/* -O as the program sees it: where the fingerprint file is, what is refused, life. */
#include "cli/osdetect.h"

#include "cli/run.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ALONE_WAIT_US = 2000 };

/** Where nmap installs its data. */
static const char *const places[] = {"/usr/share/nmap/nmap-os-db",
				     "/usr/local/share/nmap/nmap-os-db"};

static int map_file(const char *path, struct osdetect *d)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	int err = fstat(fd, &st) < 0 ? -errno : st.st_size == 0 ? -E_EMPTY : 0;
	if (!err) {
		d->text_len = (size_t)st.st_size;
		d->text = mmap(NULL, d->text_len, PROT_READ, MAP_PRIVATE, fd, 0);
		if (d->text == MAP_FAILED) {
			d->text = NULL;
			err = -errno;
		}
	}
	close(fd);
	return err;
}

/** @return 0 or -code of the last place; @p ret_path the one that was tried last. */
static int find_file(const struct config *c, struct osdetect *d, const char **ret_path)
{
	int err = -ENOENT;

	*ret_path = c->os_file;
	if (c->os_file)
		return map_file(c->os_file, d);
	for (size_t i = 0; i < ARRAY_LEN(places) && err == -ENOENT; i++)
		err = map_file(*ret_path = places[i], d);
	return err;
}

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
	const char *path;
	int code = refuse(c, p);

	if (code || !c->wants_os)
		return code;
	int err = find_file(c, ret, &path);
	if (err) {
		say_error("-O: fingerprint file \"%s\": %s%s", path, err_text(err),
			  err == -ENOENT && !c->os_file
				  ? "; install nmap-common or name one by --os-db"
				  : "");
		return EXIT_FATAL;
	}
	err = osdb_parse((struct bytes){ret->text, ret->text_len}, path, &ret->db, &w);
	if (err) {
		say_where("-O", &w, err);
		return EXIT_FATAL;
	}
	p->scan.n_detectors++;
	ret->if_idx = p->engine.if_idx;
	return 0;
}

int osdetect_open(struct osdetect *d, const struct config *c, const struct hosts *hosts,
		  uint32_t n_parts, struct bus *bus)
{
	struct osscan_conf oc = {
		.db = d->db,
		.hosts = hosts,
		.n_parts = n_parts,
		.max_tries = c->os_tries,
		.wants_limit = c->limits_os,
		.wants_guess = c->guesses_os,
		.wants_trace = c->wants_trace,
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
	if (d->text)
		munmap(d->text, d->text_len);
	*d = (struct osdetect){0};
}
