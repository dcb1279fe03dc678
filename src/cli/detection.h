/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Detection as a run wires it: probe files, the stage, its place in the life of a scan. */
#pragma once

#include "cli/plan.h"
#include "detect/detect.h"
#include "detect/svcfiles.h"
#include "detect/tlsstage.h"

/** All zero: nothing is detected. */
struct detection {
	struct svcfiles files;
	struct detect *services;
	struct tlsstage *tls;
};

/** Read what detection needs, before anything is opened or sent. On failure a message has been
 * written. @return 0 or an exit code. */
int detection_load(const struct config *c, const struct plan *p, struct detection *ret);
/** Subscribe; after hosts_new. Borrows what it is given. @return 0 or an exit code. */
int detection_open(struct detection *d, const struct config *c, const struct plan *p,
		   const struct hosts *hosts, struct bus *bus);
/** Hand out jobs and publish answers; often. */
void detection_pump(struct detection *d);
/** The port scan is over: wait for what detection says next, at most @p ms. @return false: nothing
 * is left. */
bool detection_wait(struct detection *d, int ms);
/** ^C: publish what is known, ask nothing more. */
void detection_stop(struct detection *d);
/** Was something left out that was asked for: without OpenSSL, or because this machine failed? */
bool detection_is_degraded(const struct detection *d);
/** Adds what services were sent. */
void detection_totals(const struct detection *d, struct ev_scan_completed *ret);
void detection_close(struct detection *d);
