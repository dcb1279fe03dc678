/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The fan-out: opening, who owns stdout, number and errors of writes, the status line, agreement of
 * formats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/** One up host per address of 10.0.0.0/8 with one port, open or closed in turn. */
static void play_hosts(struct stream *s, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct event ev = {.kind = EVENT_PORT_FOUND, .host_idx = i};

		ev.port = (struct ev_port){.addr = addr_v4(0x0a000000u + i),
					   .port = 80,
					   .proto = PROTO_TCP,
					   .state = i & 1 ? PORT_OPEN : PORT_CLOSED,
					   .reason = i & 1 ? REASON_SYN_ACK : REASON_RESET,
					   .ttl = 64,
					   .rtt_us = 100};
		stream_put(s, ev);
		ev = (struct event){.kind = EVENT_HOST_SCANNED, .host_idx = i};
		ev.done = (struct ev_host_done){.addr = addr_v4(0x0a000000u + i),
						.state = HOST_UP,
						.reason = REASON_USER_SET,
						.srtt_us = 100};
		stream_put(s, ev);
	}
}

static struct stream *open_stream(void)
{
	struct stream *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	stream_init(s);
	stream_ports(s, PORT_TCP, 80, 80);
	s->scan.skips_discovery = true;
	return s;
}

static void wrong_path_stops_before_the_scan(void **state)
{
	struct stream *s = open_stream();
	struct err_where w = {0};

	(void)state;
	stream_open(s);
	assert_int_equal(outs_add(s->outs, &out_xml, "/no/such/folder/x.xml", &w), -ENOENT);
	assert_string_equal(w.token, "/no/such/folder/x.xml");
	assert_string_equal(w.want, "No such file or directory");
	assert_int_equal(outs_add(s->outs, &out_xml, "/tmp", &w), -EISDIR);
	assert_int_equal(outs_add_all(s->outs, "/no/such/folder/base", &w), -ENOENT);
	assert_string_equal(w.token, "/no/such/folder/base.nmap");
	assert_int_equal(stream_close(s, &w), 0);
	free(s);
}

static void one_sink_owns_stdout(void **state)
{
	struct stream *s = open_stream();
	struct err_where w = {0};
	char path[] = "/tmp/prtip-out-XXXXXX", text[64] = "";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	s->conf.console_fd = fd;
	stream_open(s);
	assert_int_equal(outs_add(s->outs, &out_normal, "/dev/null", &w), 0);
	assert_int_equal(outs_add_console(s->outs), 0);
	assert_int_equal(outs_add(s->outs, &out_xml, "-", &w), -EBUSY);
	stream_begin(s);
	assert_int_equal(stream_close(s, &w), 0);
	assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
	assert_memory_equal(text, "Starting prtip", 14);

	/* the other way round: a format on stdout leaves no console report */
	free(s);
	s = open_stream();
	assert_int_equal(ftruncate(fd, 0), 0);
	s->conf.console_fd = fd;
	stream_open(s);
	assert_int_equal(outs_add(s->outs, &out_json, "-", &w), 0);
	assert_int_equal(outs_add(s->outs, &out_xml, "-", &w), -EBUSY);
	assert_int_equal(outs_add_console(s->outs), 0);
	/* nothing begins, so that the test's own stdout stays clean */
	assert_int_equal(stream_close(s, &w), 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), 0);
	close(fd);
	unlink(path);
	free(s);
}

/** @return messages read; a sequenced-packet socket keeps the borders of writes. */
static uint32_t drain(int fd, size_t *total)
{
	static uint8_t sink[1 << 20];
	uint32_t n_reads = 0;
	ssize_t n;

	while ((n = read(fd, sink, sizeof(sink))) > 0) {
		*total += (size_t)n;
		n_reads++;
	}
	return n_reads;
}

static void results_cost_few_writes(void **state)
{
	struct stream *s = open_stream();
	struct err_where w;
	int fds[2], big = 1 << 20, own_stdout = dup(STDOUT_FILENO);
	size_t total = 0;
	uint32_t n_writes = 0;

	(void)state;
	fflush(stdout);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_SNDBUFFORCE, &big, sizeof(big)), 0);
	stream_open(s);
	assert_int_equal(outs_add(s->outs, &out_json, "-", &w), 0);
	assert_true(own_stdout >= 0 && dup2(fds[1], STDOUT_FILENO) >= 0);
	stream_begin(s);
	play_hosts(s, 100);
	n_writes += drain(fds[0], &total);
	dup2(n_writes == 0 ? fds[1] : own_stdout, STDOUT_FILENO);
	for (uint32_t i = 0; i < 9; i++)
		play_hosts(s, 100);
	outs_flush(s->outs);
	outs_flush(s->outs); /* nothing left: no call */
	stream_finish(s, false);
	assert_int_equal(stream_close(s, &w), 0);
	assert_true(dup2(own_stdout, STDOUT_FILENO) >= 0);
	n_writes += drain(fds[0], &total);
	close(own_stdout);
	close(fds[0]);
	close(fds[1]);
	assert_true(total > 250 * 1000); /* 1,000 ports and 1,000 hosts */
	assert_in_range(n_writes, 2, 10);
	free(s);
}

/** Full disk and a reader that went away: noted once, reported at the end, the scan goes on. */
static void write_errors_are_kept_and_reported(void **state)
{
	struct stream *s = open_stream();
	struct err_where w = {0};

	(void)state;
	if (access("/dev/full", W_OK) < 0)
		skip();
	stream_open(s);
	assert_int_equal(outs_add(s->outs, &out_json, "/dev/full", &w), 0);
	assert_int_equal(outs_add(s->outs, &out_xml, "/dev/null", &w), 0);
	stream_begin(s);
	play_hosts(s, 3000);
	outs_flush(s->outs);
	play_hosts(s, 10);
	stream_finish(s, false);
	assert_int_equal(stream_close(s, &w), -ENOSPC);
	assert_string_equal(w.token, "/dev/full");
	assert_string_equal(w.want, "No space left on device");
	free(s);
}

static void closed_pipe_is_an_error_of_that_sink(void **state)
{
	struct stream *s = open_stream();
	struct err_where w = {0};
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	s->conf.console_fd = fds[1];
	stream_open(s);
	assert_int_equal(outs_add_console(s->outs), 0);
	stream_begin(s);
	play_hosts(s, 10);
	assert_int_equal(stream_close(s, &w), -EPIPE);
	assert_string_equal(w.token, "standard output");
	close(fds[1]);
	free(s);
}

static void progress(struct stream *s, uint64_t elapsed_ms)
{
	struct event ev = {.kind = EVENT_PROGRESS};

	ev.progress = (struct ev_progress){.stage = STAGE_SCANNING_PORTS,
					   .n_done = elapsed_ms,
					   .n_total = 4000,
					   .n_sent = 10,
					   .rate_pps = 5000,
					   .n_hosts_done = 3,
					   .n_hosts = 9,
					   .elapsed_ns = elapsed_ms * NS_PER_MS,
					   .eta_ns = 65 * NS_PER_S};
	clock_fake_set(STREAM_START_NS + elapsed_ms * NS_PER_MS);
	stream_put(s, ev);
}

static void status_line_and_stats(void **state)
{
	static const char want[] =
		"\r\033[KSYN Stealth Scan 12.50%  5000/s  0:00:00, 0:01:05 left"
		"\r\033[K"
		"Stats: 0:00:01 elapsed; 3 hosts completed, 6 to go; 10 packets sent, 5000/s\n"
		"SYN Stealth Scan Timing: About 25.00% done; ETC: 01:57 (0:01:05 remaining)\n"
		"\r\033[KSYN Stealth Scan 25.00%  5000/s  0:00:01, 0:01:05 left"
		"\r\033[K";
	struct stream *s = open_stream();
	struct err_where w = {0};
	char path[] = "/tmp/prtip-out-XXXXXX", text[1024] = "";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	s->conf.status_fd = fd;
	s->conf.is_status_tty = true;
	s->conf.stats_every_ns = NS_PER_S;
	s->conf.console_fd = open("/dev/null", O_WRONLY);
	stream_open(s);
	assert_int_equal(outs_add_console(s->outs), 0);
	stream_begin(s);
	outs_flush(s->outs);
	progress(s, 500);
	progress(s, 510); /* too soon to redraw */
	progress(s, 1000);
	outs_clear_status(s->outs);
	outs_clear_status(s->outs); /* nothing left to wipe */
	assert_int_equal(stream_close(s, &w), 0);
	assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
	assert_string_equal(text, want);
	close(s->conf.console_fd);
	close(fd);
	unlink(path);
	free(s);
}

static void registry_knows_its_formats(void **state)
{
	(void)state;
	for (int i = 0; out_formats[i]; i++) {
		assert_non_null(out_formats[i]->extension);
		for (int j = 0; j < i; j++)
			assert_string_not_equal(out_formats[i]->extension,
						out_formats[j]->extension);
	}
}

/** Not a pass or fail on time: prints what a host costs; counts are checked. */
static void cost_of_a_wide_scan(void **state)
{
	struct stream *s = open_stream();
	struct err_where w = {0};
	struct timespec a, b;
	uint32_t n = 131072;

	(void)state;
	stream_open(s);
	assert_int_equal(outs_add(s->outs, &out_json, "/dev/null", &w), 0);
	assert_int_equal(outs_add(s->outs, &out_normal, "/dev/null", &w), 0);
	stream_begin(s);
	clock_gettime(CLOCK_MONOTONIC, &a);
	play_hosts(s, n);
	clock_gettime(CLOCK_MONOTONIC, &b);
	assert_int_equal(s->bus.n_by_kind[EVENT_HOST_FINISHED], n);
	stream_finish(s, false);
	assert_int_equal(stream_close(s, &w), 0);
	print_message("%u one-port hosts, normal and JSON: %.1f ms\n", n,
		      (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_path_stops_before_the_scan),
		cmocka_unit_test(one_sink_owns_stdout),
		cmocka_unit_test(results_cost_few_writes),
		cmocka_unit_test(write_errors_are_kept_and_reported),
		cmocka_unit_test(closed_pipe_is_an_error_of_that_sink),
		cmocka_unit_test(status_line_and_stats),
		cmocka_unit_test(registry_knows_its_formats),
		cmocka_unit_test(cost_of_a_wide_scan),
	};

	setenv("TZ", "UTC", 1);
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
