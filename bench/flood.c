/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Publishes events on the bus as fast as it can into an event log whose reader, on a fifo, sleeps
 * between its reads, and counts: what was published is what the reader got and what the footer says
 * was dropped. usage: flood EVENTS [READ-PAUSE-US]; one JSON line; exit 1 when a count is off.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "out/eventlog.h"

struct reader {
	const char *path;
	useconds_t pause_us;
	uint64_t n_lines, n_ports, n_bytes;
	char last[4096]; /* line */
};

static void take_line(struct reader *r, const char *line)
{
	r->n_lines++;
	r->n_ports += strstr(line, "\"type\":\"port_found\"") != NULL;
	snprintf(r->last, sizeof(r->last), "%s", line);
}

static void *read_slowly(void *arg)
{
	struct reader *r = arg;
	FILE *f = fopen(r->path, "r");
	char line[4096];
	uint64_t next = 0;

	while (f && fgets(line, sizeof(line), f)) {
		take_line(r, line);
		r->n_bytes += strlen(line);
		if (r->n_bytes < next)
			continue;
		next = r->n_bytes + (64 << 10);
		usleep(r->pause_us);
	}
	if (f)
		fclose(f);
	return NULL;
}

static void publish(struct bus *bus, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		struct event ev = {.kind = EVENT_PORT_FOUND, .host_idx = i >> 16};
		ev.port = (struct ev_port){.addr = addr_v4(0x0a000000u + (uint32_t)(i >> 16)),
					   .port = (uint16_t)i,
					   .proto = PROTO_TCP,
					   .state = PORT_CLOSED,
					   .reason = REASON_RESET,
					   .ttl = 64,
					   .rtt_us = 100};
		bus_publish(bus, &ev);
	}
}

/** "dropped":{"port_found":N} of the footer. */
static uint64_t dropped_in(const char *footer)
{
	const char *at = strstr(footer, "\"dropped\":{\"port_found\":");

	return at ? strtoull(strrchr(at, ':') + 1, NULL, 10) : 0;
}

static bool is_counted(const struct reader *r, const struct eventlog_totals *t, uint64_t n)
{
	bool has_footer = strstr(r->last, "\"type\":\"footer\"") != NULL;

	return has_footer && t->n_written + t->n_dropped == n && r->n_ports == t->n_written &&
	       dropped_in(r->last) == t->n_dropped && r->n_lines == r->n_ports + 2;
}

static int flood(struct reader *r, uint64_t n)
{
	struct scan_info scan = {.version = "0", .scan_id = "00000000-0000-4000-8000-000000000000"};
	struct eventlog_conf conf = {.path = r->path, .scan = &scan};
	struct eventlog_totals t = {0};
	struct eventlog *log;
	struct err_where w = {0};
	struct bus bus;
	pthread_t thread;

	bus_init(&bus, &scan);
	if (pthread_create(&thread, NULL, read_slowly, r) || eventlog_open(&conf, &log, &w) ||
	    eventlog_start(log, &bus))
		return 2;
	uint64_t start_ns = clock_now_ns();
	publish(&bus, n);
	uint64_t spent_ns = clock_now_ns() - start_ns;
	int err = eventlog_close(log, &t, &w);
	pthread_join(thread, NULL);
	bool is_good = !err && is_counted(r, &t, n);
	printf("{\"bench\":\"flood\",\"published\":%llu,\"received\":%llu,\"dropped\":%llu,"
	       "\"ns_per_event\":%.1f,\"writes\":%u,\"reader_pause_us\":%u,\"adds_up\":%s}\n",
	       (unsigned long long)n, (unsigned long long)r->n_ports,
	       (unsigned long long)t.n_dropped, (double)spent_ns / (double)n, t.n_writes,
	       r->pause_us, is_good ? "true" : "false");
	return is_good ? 0 : 1;
}

int main(int argc, char **argv)
{
	char directory[] = "/tmp/prtip-flood-XXXXXX", path[64];
	struct reader r = {.path = path,
			   .pause_us = argc > 2 ? (useconds_t)strtoul(argv[2], NULL, 10) : 1000};
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;

	if (!n || !mkdtemp(directory))
		return 2;
	snprintf(path, sizeof(path), "%s/fifo", directory);
	int code = mkfifo(path, 0600) ? 2 : flood(&r, n);
	unlink(path);
	rmdir(directory);
	return code;
}
