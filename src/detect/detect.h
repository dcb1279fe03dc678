/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The detection stage as the coordinator sees it: open ports come from the bus while the port scan
 * goes on, their services are asked for on another thread (asker.h), what is found out is published
 * when the coordinator pumps. A host's HOST_DETECTED follows when its ports have all been answered.
 * Thread: the bus's, for everything here.
 */
#pragma once

#include "detect/asker.h"
#include "event/hosts.h"

struct detect;

struct detect_conf {
	struct asker_conf asker;
	const struct hosts *hosts; /* borrowed */
	uint32_t n_ports_per_host; /* asked at once */
	uint32_t host_timeout_ms;  /* of a host's port scan and detection together; 0: no limit */
	bool asks_excluded;        /* --all-ports */
	bool wants_services;       /* publish EVENT_SERVICE_DETECTED */
	bool wants_banners;        /* publish EVENT_BANNER_GRABBED */
	bool waits_for_scan; /* ask nothing before detect_scan_over(): the rate is the scan's */
};

/** Subscribes. Call after hosts_new. @return 0, -E_FULL, -ENOMEM. */
int detect_new(const struct detect_conf *conf, struct bus *bus, struct detect **ret) MUST_CHECK;
/** Hand out jobs, publish answers. Cheap when there is nothing. @return whether anything was done.
 */
bool detect_pump(struct detect *d);
/** Wait until the pump has something to do, at most @p ms. */
void detect_wait(struct detect *d, int ms);
/** Connects and messages so far: as a connect scan counts. Slightly stale. */
uint64_t detect_n_sent(const struct detect *d);
/** The port scan has ended: no more ports will come. */
void detect_scan_over(struct detect *d);
/** Nothing waits for an answer. */
bool detect_is_idle(const struct detect *d);
/** ^C: what is known is published by later pumps, nothing more is asked. */
void detect_stop(struct detect *d);
/** Accepts NULL. */
void detect_free(struct detect *d);
