/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * --metrics-file: what metric_recorded events said last, as an OpenMetrics text that is replaced
 * as a whole, so that a reader (a node exporter's textfile collector) never sees half of it.
 * Source: OpenMetrics 1.0 (prometheus.io/docs/specs/om/open_metrics_spec). Thread: owner.
 */
#pragma once

#include "event/bus.h"

struct metrics; /* opaque */

/** Write the file for the first time, so that a wrong path stops the run. @param path borrowed.
 * @return 0; -errno with @p reterr; -ENOMEM. */
int metrics_open(const char *path, const struct scan_info *scan, struct metrics **ret,
		 struct err_where *reterr) MUST_CHECK;
/** @return 0 or -E_FULL. */
int metrics_start(struct metrics *m, struct bus *bus) MUST_CHECK;
/** Replace the file when something is new. Accepts NULL. */
void metrics_flush(struct metrics *m);
bool metrics_has_failed(const struct metrics *m);
/** Write the last values, free. Accepts NULL. @return 0 or the first -errno, with @p reterr. */
int metrics_close(struct metrics *m, struct err_where *reterr);
