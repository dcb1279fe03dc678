/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The only mutable result store: hosts and their ports, folded from events. First
 * subscriber on the bus. A host leaves as soon as it is complete: scanned by every worker
 * part, detected by every detector, named (when names are wanted), and next in target order (when
 * order is wanted);
 * then EVENT_HOST_FINISHED is published, sinks read the host here, and its memory is reused.
 * Silent ports cost nothing: what no event mentioned is in the scan type's silent state.
 */
#pragma once

#include "base/cursor.h"
#include "event/bus.h"

/*
 * What the engine promises: no event of a host after the HOST_SCANNED of the part that would
 * send it. Events of a host never seen before create it, except HOST_NAMED, which is ignored:
 * a list scan publishes HOST_SCANNED first, then the name. Hosts that are down do not wait
 * for a name, nor for detection. Every detector sends HOST_DETECTED once for each other host, when
 * it has heard the last HOST_SCANNED or later, and nothing about the host after it.
 */

/**
 * One port's result. rtt_us and attempt are kept for open ports and for answers with rare
 * facts; for the bulk of closed and filtered ports they are 0 here (EVENT_PORT_FOUND has them).
 */
struct host_port {
	uint16_t port;
	uint8_t proto, state, reason, ttl;
	uint8_t attempt;
	uint32_t rtt_us;
	struct addr from; /* ICMP sender if not the host */
};

/** Ports of one state and reason, counted: what nmap calls extra ports. Never PORT_UNKNOWN. */
struct host_group {
	uint8_t proto, state, reason;
	uint32_t n;
};

/** Groups one host can have; beyond it the reason of the first group of that state is taken. */
#define HOST_GROUPS_MAX 64

struct host; /* opaque; read through the functions below */

struct host_facts {
	uint64_t idx;
	struct addr addr;
	uint8_t state, reason, ttl;
	bool has_mac, is_partial;
	bool is_timed_out; /* without is_partial: its ports are known, detection was ended */
	struct mac mac;
	struct addr from;
	const char *name;            /* PTR name or NULL; borrowed until the host is finished */
	const char *target_name;     /* what the user typed when it was a name, or NULL */
	struct ev_evidence evidence; /* of all parts together */
	uint32_t rtt_us, srtt_us, rttvar_us, rto_us;
	uint64_t start_ns,
		end_ns;     /* wall clock of the first and the last event; end 0 while unfinished */
	uint32_t n_replied; /* ports whose state was concluded from a reply */
	uint32_t n_by_state[PORT_STATE_N]; /* silent ports included; PORT_UNKNOWN: not done when
					      stopped */
};

struct hosts;
/**
 * @param n_parts workers that each send one EVENT_HOST_SCANNED per host.
 * @param max_held finished hosts kept back for target order; beyond it order is given up (one
 * warning).
 * @return owned, or NULL without memory. Subscribes itself; must be the first subscriber.
 */
struct hosts *hosts_new(struct bus *bus, uint32_t n_parts, uint32_t max_held) MUST_CHECK;
void hosts_free(struct hosts *h);
/** The n_parts of hosts_new. */
uint32_t hosts_n_parts(const struct hosts *h);
/** End of scan: release what is held, in order, partial hosts included (is_partial). */
void hosts_finish_all(struct hosts *h);
/** The same, as at @p wall_ns. */
void hosts_finish_all_at(struct hosts *h, uint64_t wall_ns);
/** The name the user typed for a target, shown beside the address. Copied. */
int hosts_set_target_name(struct hosts *h, uint64_t idx, const char *name) MUST_CHECK;

/** @return the host, or NULL when it is not (or no longer) in the table. */
const struct host *hosts_find(const struct hosts *h, uint64_t idx);
void host_facts(const struct hosts *h, const struct host *host, struct host_facts *ret);
/**
 * Every asked port of the host in protocol and port order, silent ones included; none of a host
 * that was not port-scanned; of a partial host only those with a result.
 * @param pos iteration state, 0 to start. @return false after the last. Cost: O(1) amortised.
 */
bool host_next_port(const struct hosts *h, const struct host *host, uint32_t *pos,
		    struct host_port *ret);
/** Counts per (protocol, state, reason), largest first. @return groups written, at most @p cap
 * (HOST_GROUPS_MAX suffices). */
uint32_t host_groups(const struct hosts *h, const struct host *host, struct host_group *ret,
		     uint32_t cap);

/** What detection found out about a port. @return borrowed until the host is finished; NULL: it
 * said nothing. Cost: O(ports with a service). */
const struct service_facts *host_service(const struct host *host, uint8_t proto, uint16_t port);
/** What it said first, raw, when that was asked for (--banner-grab); empty: nothing. */
struct bytes host_banner(const struct host *host, uint8_t proto, uint16_t port);
/** The same of TLS. */
const struct tls_facts *host_tls(const struct host *host, uint8_t proto, uint16_t port);

/** Was detection of any host ended by --host-timeout? */
bool hosts_has_detection_timed_out(const struct hosts *h);

/** What the OS test found out. @return borrowed until the host is finished; NULL: not asked, or no
 * answer. */
const struct os_facts *host_os(const struct host *host);

/** Totals over finished hosts. */
struct hosts_totals {
	uint64_t n_up, n_down, n_dishonest;
	uint64_t n_ports[PORT_STATE_N];
};
void hosts_totals(const struct hosts *h, struct hosts_totals *ret);
/** @return 0, or -ENOMEM once a fact was lost for want of memory: results are incomplete. */
int hosts_error(const struct hosts *h);
