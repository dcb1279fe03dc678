/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Scans replayed from code, every format and the console compared byte for byte with
 * tests/golden/NAME.*; XML validated against nmap's DTD where xmllint and the DTD are
 * installed. PRTIP_GOLDEN_WRITE=1 writes the files anew: read the diff before committing it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "stream.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#define DTD          "/usr/share/nmap/nmap.dtd"
#define HOSTILE_NAME "<b>\"&'--\033[31m\xff\xc3\xa9,/(x)\xe2\x80"

static void play_banner(struct stream *s, uint64_t idx, const char *addr, uint16_t port)
{
	static const char said[] = "220 \033[31m<\0\xe2\x80\xaehi\xff\xc3\xa9 \r\n";
	struct service_facts f = {.banner = (const uint8_t *)said, .banner_len = sizeof(said) - 1};
	struct event ev = {.kind = EVENT_BANNER_GRABBED, .host_idx = idx};

	ev.service = (struct ev_service){stream_addr(addr), port, PROTO_TCP, &f};
	stream_put(s, ev);
}

static void play_mixed(struct stream *s)
{
	stream_up(s, 0, "10.0.0.1", REASON_ECHO_REPLY, NULL);
	stream_port(s, 0, "10.0.0.1", PROTO_TCP, 80, PORT_OPEN, REASON_SYN_ACK, NULL);
	stream_port(s, 0, "10.0.0.1", PROTO_TCP, 22, PORT_OPEN, REASON_SYN_ACK, NULL);
	stream_port(s, 0, "10.0.0.1", PROTO_TCP, 25, PORT_FILTERED, REASON_ADMIN_PROHIBITED,
		    "10.9.9.9");
	for (uint16_t p = 1; p <= 100; p++)
		if (p != 80 && p != 22 && p != 25)
			stream_port(s, 0, "10.0.0.1", PROTO_TCP, p, PORT_CLOSED, REASON_RESET,
				    NULL);
	stream_port(s, 0, "10.0.0.1", PROTO_UDP, 53, PORT_OPEN, REASON_UDP_RESPONSE, NULL);
	stream_port(s, 0, "10.0.0.1", PROTO_UDP, 54, PORT_CLOSED, REASON_PORT_UNREACH, NULL);
	stream_done(s, 0, "10.0.0.1", HOST_UP, REASON_ECHO_REPLY, 1300);
	stream_name(s, 0, "ptr.example.net");

	for (uint16_t p = 30; p <= 59; p++)
		stream_port(s, 1, "2001:db8::1", PROTO_TCP, p, PORT_FILTERED,
			    REASON_ADMIN_PROHIBITED, "2001:db8::ff");
	for (uint16_t p = 60; p <= 89; p++)
		stream_port(s, 1, "2001:db8::1", PROTO_TCP, p, PORT_CLOSED, REASON_RESET, NULL);
	stream_done(s, 1, "2001:db8::1", HOST_UP, REASON_ECHO_REPLY, 5);
	stream_name(s, 1, NULL);

	stream_done(s, 2, "10.0.0.3", HOST_DOWN, REASON_NO_RESPONSE, 0);

	stream_up(s, 3, "10.0.0.4", REASON_ARP_RESPONSE, "52:54:00:12:34:56");
	stream_port(s, 3, "10.0.0.4", PROTO_TCP, 19, PORT_OPEN, REASON_SYN_ACK, NULL);
	play_banner(s, 3, "10.0.0.4", 19);
	stream_done(s, 3, "10.0.0.4", HOST_UP, REASON_ARP_RESPONSE, 127);
	stream_name(s, 3, HOSTILE_NAME);

	stream_up(s, 4, "10.0.0.5", REASON_ARP_RESPONSE, "02:00:00:00:00:01");
	stream_done(s, 4, "10.0.0.5", HOST_UP, REASON_ARP_RESPONSE, 0);
	stream_name(s, 4, NULL);
}

static void set_mixed(struct stream *s)
{
	s->scan.types[1] = &stream_udp;
	s->scan.n_types = 2;
	s->scan.wants_names = s->scan.wants_order = true;
	s->conf.xml_stylesheet = "file:///usr/share/nmap/nmap.xsl";
	stream_ports(s, PORT_TCP, 1, 100);
	stream_ports(s, PORT_UDP, 53, 56);
}

static void set_verbose(struct stream *s)
{
	set_mixed(s);
	s->scan.wants_reason = s->scan.wants_trace = true;
	s->scan.verbosity = 1;
}

static void play_verbose(struct stream *s)
{
	static const uint8_t syn[] = {0x45, 0,    0,    44, 0x12, 0x34, 0, 0, 64, 6,    0,
				      0,    10,   0,    0,  9,    10,   0, 0, 1,  0x9c, 0x40,
				      0,    80,   1,    2,  3,    4,    0, 0, 0,  0,    0x60,
				      2,    0x04, 0x00, 0,  0,    0,    0, 2, 4,  0x05, 0xb4};
	static const uint8_t arp[] = {0,  1, 8, 0, 6, 4, 0, 1, 2, 0, 0,  0, 0, 1,
				      10, 0, 0, 9, 0, 0, 0, 0, 0, 0, 10, 0, 0, 4};
	struct event ev = {.kind = EVENT_PACKET};

	ev.packet.is_sent = true;
	ev.packet.cap_len = ev.packet.len = sizeof(syn);
	ev.packet.mono_ns = STREAM_START_NS + 30149999;
	memcpy(ev.packet.head, syn, sizeof(syn));
	stream_put(s, ev);
	ev.packet.cap_len = ev.packet.len = sizeof(arp);
	ev.packet.is_arp = true;
	memcpy(ev.packet.head, arp, sizeof(arp));
	stream_put(s, ev);
	play_mixed(s);
}

static void set_open(struct stream *s)
{
	set_mixed(s);
	s->scan.wants_open_only = true;
}

static void set_list(struct stream *s)
{
	s->scan.is_list = true;
	s->scan.n_types = 0;
	s->scan.wants_names = s->scan.wants_order = true;
}

static void play_list(struct stream *s)
{
	for (uint64_t i = 0; i < 3; i++) {
		static const char *const addrs[] = {"10.0.0.1", "10.0.0.2", "2001:db8::1"};
		static const char *const names[] = {"one.example", NULL, HOSTILE_NAME};

		stream_done(s, i, addrs[i], HOST_UNKNOWN, REASON_USER_SET, 0);
		stream_name(s, i, names[i]);
	}
}

static void set_ping(struct stream *s)
{
	s->scan.is_ping_only = true;
	s->scan.n_types = 0;
}

static void play_ping(struct stream *s)
{
	stream_up(s, 0, "10.0.0.1", REASON_ECHO_REPLY, NULL);
	stream_done(s, 0, "10.0.0.1", HOST_UP, REASON_ECHO_REPLY, 0);
	stream_up(s, 1, "10.0.0.2", REASON_ARP_RESPONSE, "52:54:00:12:34:57");
	stream_done(s, 1, "10.0.0.2", HOST_UP, REASON_ARP_RESPONSE, 0);
	stream_done(s, 2, "10.0.0.3", HOST_DOWN, REASON_NO_RESPONSE, 0);
}

static void set_dishonest(struct stream *s)
{
	stream_ports(s, PORT_TCP, 1, 10);
}

static void dishonest_done(struct stream *s, uint64_t idx, const char *addr, struct ev_evidence e)
{
	struct event ev = {.kind = EVENT_HOST_SCANNED, .host_idx = idx};

	ev.done = (struct ev_host_done){.addr = stream_addr(addr),
					.state = HOST_UP,
					.reason = REASON_ECHO_REPLY,
					.is_given_up = idx == 0,
					.evidence = e};
	stream_put(s, ev);
}

static void play_dishonest(struct stream *s)
{
	stream_up(s, 0, "10.0.0.1", REASON_ECHO_REPLY, NULL);
	stream_port(s, 0, "10.0.0.1", PROTO_TCP, 7, PORT_OPEN, REASON_SYN_ACK, NULL);
	dishonest_done(s, 0, "10.0.0.1",
		       (struct ev_evidence){HOST_ALL_OPEN, 7, 7, 57, 0, 18, 17, 0});
	stream_up(s, 1, "10.0.0.2", REASON_ECHO_REPLY, NULL);
	stream_port(s, 1, "10.0.0.2", PROTO_TCP, 8, PORT_OPEN, REASON_SYN_ACK, NULL);
	dishonest_done(s, 1, "10.0.0.2",
		       (struct ev_evidence){HOST_SYN_PROXY, 8, 7, 250, 57, 100, 99, 1});
	stream_up(s, 2, "2001:db8::3", REASON_ECHO_REPLY, NULL);
	stream_port(s, 2, "2001:db8::3", PROTO_TCP, 9, PORT_OPEN, REASON_ZERO_WINDOW, NULL);
	dishonest_done(s, 2, "2001:db8::3",
		       (struct ev_evidence){HOST_ZERO_WINDOW, 0, 0, 0, 0, 100, 4, 4});
}

static void set_cut(struct stream *s)
{
	stream_ports(s, PORT_TCP, 1, 1000);
	s->scan.skips_discovery = true;
}

static void play_cut(struct stream *s)
{
	stream_done(s, 0, "10.0.0.1", HOST_UP, REASON_USER_SET, 0);
	stream_port(s, 1, "10.0.0.2", PROTO_TCP, 443, PORT_OPEN, REASON_SYN_ACK, NULL);
	for (uint16_t p = 1; p <= 30; p++)
		stream_port(s, 1, "10.0.0.2", PROTO_TCP, p, PORT_CLOSED, REASON_RESET, NULL);
}

static const struct scenario {
	const char *name;
	void (*set)(struct stream *s);
	void (*play)(struct stream *s);
	bool interrupted;
} scenarios[] = {
	{"mixed", set_mixed, play_mixed, false},
	{"verbose", set_verbose, play_verbose, false},
	{"open", set_open, play_mixed, false},
	{"list", set_list, play_list, false},
	{"dishonest", set_dishonest, play_dishonest, false},
	{"ping", set_ping, play_ping, false},
	{"cut", set_cut, play_cut, true},
};

static char *slurp(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "rb");
	char *text = calloc(1, 1 << 20);

	assert_non_null(text);
	if (!f) {
		print_error("cannot read %s\n", path);
		fail();
	}
	*ret_len = fread(text, 1, (1 << 20) - 1, f);
	fclose(f);
	return text;
}

static void compare(const char *got_path, const char *name, const char *ext)
{
	char golden[512];
	size_t len, want_len;
	char *text = slurp(got_path, &len), *want;

	snprintf(golden, sizeof(golden), "%s/%s%s", GOLDEN_DIR, name, ext);
	if (getenv("PRTIP_GOLDEN_WRITE")) {
		FILE *f = fopen(golden, "wb");

		assert_non_null(f);
		assert_int_equal(fwrite(text, 1, len, f), len);
		fclose(f);
	}
	want = slurp(golden, &want_len);
	if (len != want_len || memcmp(text, want, len) != 0)
		print_error("%s differs; got:\n%s\n", golden, text);
	assert_int_equal(len, want_len);
	assert_memory_equal(text, want, len);
	free(text);
	free(want);
}

/** Quiet run of a reader. @return its exit code; 127 when it is not installed. */
static int run(char *const argv[])
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, 1);
		execvp(argv[0], argv);
		_exit(127);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void validate_xml(const char *path)
{
	char *argv[] = {"xmllint", "--nonet", "--noout", "--dtdvalid", DTD, (char *)(uintptr_t)path,
			NULL};
	int rc;

	if (access(DTD, R_OK) < 0)
		return;
	rc = run(argv);
	if (rc != 127)
		assert_int_equal(rc, 0);
}

static void play(const struct scenario *sc, const char *dir)
{
	static const char *const exts[] = {".nmap", ".xml", ".gnmap", ".json", ".stdout"};
	char base[256], path[300];
	struct stream *s = calloc(1, sizeof(*s));
	struct err_where where;

	assert_non_null(s);
	snprintf(base, sizeof(base), "%s/%s", dir, sc->name);
	snprintf(path, sizeof(path), "%s.stdout", base);
	stream_init(s);
	sc->set(s);
	s->conf.console_fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
	assert_true(s->conf.console_fd >= 0);
	stream_open(s);
	if (!s->scan.is_list && !s->scan.is_ping_only && !s->scan.skips_discovery)
		assert_int_equal(hosts_set_target_name(s->hosts, 0, "typed.example.org"), 0);
	assert_int_equal(outs_add_all(s->outs, base, &where), 0);
	assert_int_equal(outs_add_console(s->outs), 0);
	stream_begin(s);
	sc->play(s);
	outs_sync(s->outs);
	stream_finish(s, sc->interrupted);
	assert_int_equal(stream_close(s, &where), 0);
	close(s->conf.console_fd);
	free(s);
	for (size_t i = 0; i < ARRAY_LEN(exts); i++) {
		snprintf(path, sizeof(path), "%s%s", base, exts[i]);
		if (i == 1)
			validate_xml(path);
		compare(path, sc->name, exts[i]);
		unlink(path);
	}
}

static void formats_match_their_goldens(void **state)
{
	char dir[] = "/tmp/prtip-golden-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < ARRAY_LEN(scenarios); i++)
		play(&scenarios[i], dir);
	rmdir(dir);
}

/** After every flush, what is in the file plus the closing tag is well-formed; so is a scan that
 * never completes. */
static void xml_is_whole_at_every_flush(void **state)
{
	char dir[] = "/tmp/prtip-golden-XXXXXX", path[64], copy[64];
	struct stream *s = calloc(1, sizeof(*s));
	struct err_where where;

	(void)state;
	assert_non_null(s);
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a.xml", dir);
	snprintf(copy, sizeof(copy), "%s/b.xml", dir);
	stream_init(s);
	set_cut(s);
	stream_open(s);
	assert_int_equal(outs_add(s->outs, &out_xml, path, &where), 0);
	stream_begin(s);
	for (uint64_t i = 0; i < 3; i++) {
		size_t len;
		char *text;
		FILE *f;

		stream_port(s, i, "10.0.0.2", PROTO_TCP, 443, PORT_OPEN, REASON_SYN_ACK, NULL);
		stream_done(s, i, "10.0.0.2", HOST_UP, REASON_USER_SET, 10);
		outs_sync(s->outs);
		text = slurp(path, &len);
		f = fopen(copy, "wb");
		assert_non_null(f);
		fprintf(f,
			"%s<runstats><finished time=\"1\" elapsed=\"1\"/><hosts "
			"total=\"0\"/></runstats></nmaprun>",
			text);
		fclose(f);
		validate_xml(copy);
		free(text);
	}
	hosts_finish_all(s->hosts);
	assert_int_equal(stream_close(s, &where), 0);
	validate_xml(path);
	free(s);
	unlink(path);
	unlink(copy);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats_match_their_goldens),
		cmocka_unit_test(xml_is_whole_at_every_flush),
	};

	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
