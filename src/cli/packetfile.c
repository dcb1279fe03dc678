/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The file of --packet-capture: what it can hold is said before the scan, what it lacks after. */
#include "cli/packetfile.h"

#include "pktio/capture.h"

int packetfile_open(const struct config *c, struct plan *p)
{
	if (!c->capture_file)
		return 0;
	if (!p->is_raw) {
		say_error("--packet-capture: the packets of a connect scan are the kernel's and "
			  "never pass here; want a scan that sends packets (-sS, as root), or "
			  "tcpdump");
		return EXIT_USAGE;
	}
	int err = capture_open(c->capture_file, "prtip " PRTIP_VERSION, &p->engine.capture);
	if (err) {
		say_error("--packet-capture \"%s\": %s", c->capture_file, err_text(err));
		return EXIT_FATAL;
	}
	/* ICMP reaches the sockets of every worker: with one it is in the file once */
	if (!p->engine.n_threads)
		p->engine.n_threads = 1;
	if (c->wants_services || c->wants_banners || c->wants_tls)
		say_note("--packet-capture: the connections of service detection are the kernel's: "
			 "not in the file");
	return 0;
}

int packetfile_start(const struct plan *p)
{
	int err = p->engine.capture ? capture_start(p->engine.capture) : 0;

	if (err)
		say_error("--packet-capture: %s", err_text(err));
	return err ? EXIT_FATAL : 0;
}

int packetfile_close(const struct config *c, struct plan *p, int code)
{
	struct capture_totals t = {0};
	int err = capture_close(p->engine.capture, &t);

	p->engine.capture = NULL;
	if (err)
		say_error("--packet-capture \"%s\": %s", c->capture_file, err_text(err));
	if (t.n_dropped)
		say_note("--packet-capture: %llu of %llu packets are missing, for the file could "
			 "not be written fast enough",
			 (unsigned long long)t.n_dropped,
			 (unsigned long long)(t.n_dropped + t.n_sent + t.n_received));
	return err && code == EXIT_DONE ? EXIT_DEGRADED : code;
}
