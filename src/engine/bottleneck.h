/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What held a scan up, in one sentence: a table of causes, the most telling first. Facts are taken
 * at the start and the end of a scan, never per packet.
 */
#pragma once

#include "base/compiler.h"

/** What a worker's loop did with its time. */
enum spent {
	SPENT_SENDING,
	SPENT_CAP,    /* waiting for --max-rate */
	SPENT_PACED,  /* waiting because targets or their path answer no faster */
	SPENT_SILENT, /* waiting for answers, of which some never come */
	SPENT_DELAY,  /* waiting for --scan-delay, or with all probes outstanding that may be */
	SPENT_N
};

struct bottleneck_facts {
	uint64_t elapsed_ns,
		after_ns;           /* after: the last probe's end, what was found is looked into */
	uint64_t spent_ns[SPENT_N]; /* over all workers */
	uint64_t cpu_ns;            /* of the whole process */
	uint32_t n_cores;           /* that it may run on */
	uint32_t max_rate_pps;      /* 0: no cap */
	uint64_t n_rx_drops, n_tx_errors, n_tx_full;
	uint64_t n_socket_errors; /* connects that failed for want of ports or descriptors */
	uint64_t n_result_waits;  /* workers waited for the outputs */
	uint64_t n_tracking_drops;
	uint64_t n_no_route; /* targets, where nothing was sent to any */
	double stolen;       /* share of the CPU time that the hypervisor gave to others */
};

/** Write the sentence, without full stop, to follow "Limited by". */
void bottleneck_say(const struct bottleneck_facts *f, char *out, size_t cap);

/** Counters of this machine at one moment. */
struct machine_state {
	uint64_t mono_ns, cpu_ns;
	uint64_t n_jiffies, n_stolen; /* of all cores; 0 when not read */
	uint64_t n_tracking_drops;
};
/** @param reads_files /proc too, which costs some 100 us: not for small scans. */
void machine_read(struct machine_state *ret, bool reads_files);
/** Sums of /proc/stat's first line. @return false when it is none. */
bool machine_parse_stat(const char *text, uint64_t *ret_total, uint64_t *ret_stolen);
/** Packets dropped by connection tracking (/proc/net/stat/nf_conntrack), by its column "drop".
 * @return false when there is none. */
bool machine_parse_tracking(const char *text, uint64_t *ret_drops);
