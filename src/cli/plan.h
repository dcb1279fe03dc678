/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From the command line to what the engine is told: privileges decide the transport, interface
 * names become indices, wide targets ask for confirmation. Messages for the user come from here.
 */
#pragma once

#include "cli/options.h"
#include "engine/engine.h"

/** Write one line "prtip: ..." to stderr. */
void say_error(const char *fmt, ...) PRINTF_LIKE(1, 2);
void say_note(const char *fmt, ...) PRINTF_LIKE(1, 2);
/** "prtip: target "10.0.0.300" (hosts.txt line 3, column 1): want ..." */
void say_where(const char *what, const struct err_where *w, int code);

/** What will be scanned and how. Owned by run.c. */
struct plan {
	struct targets targets;
	struct port_set ports;
	struct services *services;
	struct payloads *payloads; /* NULL unless UDP is asked */
	struct route_table *routes;
	struct engine_conf engine;
	struct scan_info scan;
	uint32_t width; /* ports per host */
	bool has_raw;   /* CAP_NET_RAW */
	bool is_raw;    /* packets are sent, not connects */
	bool is_empty;  /* the shard has no part of these targets */
};

/** Exit codes of docs/exit-codes.md. */
enum { EXIT_DONE = 0, EXIT_FATAL = 1, EXIT_USAGE = 2, EXIT_DEGRADED = 3, EXIT_INTERRUPTED = 130 };

/**
 * Fill @p p from @p c. On failure a message has been written.
 * @param args the command line as text, borrowed for the scan. @return 0 or an exit code.
 */
int plan_make(const struct config *c, const char *args, struct plan *p);
void plan_fini(struct plan *p);
/** Chained fingerprints of what a scan asks: SipHash keyed by the sum so far. */
uint64_t plan_mix(uint64_t sum, const void *p, size_t len);
uint64_t plan_mix_u64(uint64_t sum, uint64_t v);
/** Wide or public targets: ask on a terminal, else demand --yes. @return true to go on. */
bool plan_confirm(const struct config *c, const struct plan *p);
