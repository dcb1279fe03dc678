/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Cost of the primitives of the packet path: one JSON line per operation with the median of
 * several runs, in nanoseconds of CPU per operation. Arguments, if any, name the operations to run.
 */
#include "base/hash.h"
#include "base/ring.h"
#include "detect/x509.h"
#include "out/eventjson.h"
#include "wire/decode.h"
#include "wire/eth.h"
#include "wire/ip.h"
#include "wire/l4.h"
#include "wire/portset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define N_RUNS 9
#define N_OPS  1000000u

/* Keeps a result alive without a store the loop would be measured by. */
#define KEEP(x) __asm__ volatile("" ::"r"(x) : "memory")

/* An Ethernet frame with a SYN+ACK, the reply a scan sees most of. */
static struct frame build_reply(uint8_t *bytes, size_t cap, enum addr_family family)
{
	const struct mac mac = {{2, 0, 0, 0, 0, 1}};
	const struct tcp_conf tcp = {.sport = 80,
				     .dport = 40000,
				     .window = 65535,
				     .flags = TCP_SYN | TCP_ACK,
				     .mss = 1460};
	struct addr a = addr_from_u128(family, 0xc6336401, 0),
		    b = addr_from_u128(family, 0xc6336402, 0);
	const struct ipv4_conf v4 = {
		.src = a, .dst = b, .ttl = 64, .proto = PROTO_TCP, .payload_len = 24};
	const struct ipv6_conf v6 = {
		.src = a, .dst = b, .hop_limit = 64, .next_header = PROTO_TCP, .payload_len = 24};
	struct wcursor w = wcursor_of(bytes, cap);

	eth_encode(&w, &mac, &mac, family == ADDR_V4 ? ETHTYPE_IPV4 : ETHTYPE_IPV6);
	if (family == ADDR_V4)
		ipv4_encode(&w, &v4);
	else
		ipv6_encode(&w, &v6);
	tcp_encode(&w, &tcp, &a, &b);
	return (struct frame){.bytes = bytes,
			      .len = (uint32_t)w.pos,
			      .cap = (uint32_t)cap,
			      .link = LINK_ETHERNET};
}

static void decode_many(enum addr_family family)
{
	uint8_t bytes[128];
	struct frame f = build_reply(bytes, sizeof(bytes), family);
	struct pkt p;

	for (uint32_t i = 0; i < N_OPS; i++) {
		int rc = decode(&f, &p);

		KEEP(rc);
		KEEP(&p);
	}
}

static void bench_decode_v4(void)
{
	decode_many(ADDR_V4);
}

static void bench_decode_v6(void)
{
	decode_many(ADDR_V6);
}

static void bench_csum(void)
{
	uint8_t bytes[40] = {0x45};

	for (uint32_t i = 0; i < N_OPS; i++) {
		KEEP(bytes);
		KEEP(csum_add(0, bytes, sizeof(bytes)));
	}
}

static void bench_siphash(void)
{
	struct siphash_key key = {1, 2};
	uint64_t words[5] = {3, 4, 5, 6, 7};

	for (uint32_t i = 0; i < N_OPS; i++) {
		words[0] = i;
		KEEP(siphash24_words(&key, words, ARRAY_LEN(words)));
	}
}

static void bench_ring(void)
{
	struct ring r;

	if (ring_init(&r, 256, 1024) < 0)
		return;
	for (uint32_t i = 0; i < N_OPS; i++) {
		uint32_t *slot = ring_reserve(&r);

		*slot = i;
		ring_commit(&r);
		KEEP(ring_peek(&r));
		ring_pop(&r);
	}
	ring_fini(&r);
}

static void bench_index(void)
{
	static struct port_bits ports;

	for (uint32_t port = 0; port < 65536; port += 3)
		port_bits_add(&ports, (uint16_t)port);
	port_bits_seal(&ports);
	for (uint32_t i = 0; i < N_OPS; i++)
		KEEP(port_bits_index(&ports, (uint16_t)(i * 40503u)));
}

/** The certificate of a web server: 2048-bit RSA, four names, nine extensions. */
static struct bytes web_certificate(void)
{
	static uint8_t der[4096];
	FILE *f = fopen(SOURCE_ROOT "/fuzz/corpus/x509/web", "rb");
	size_t len = f ? fread(der, 1, sizeof(der), f) : 0;

	if (!len) {
		fprintf(stderr, "no fuzz/corpus/x509/web\n");
		exit(1);
	}
	fclose(f);
	return (struct bytes){der, len};
}

static void bench_certificate(void)
{
	struct bytes der = web_certificate();
	struct cert_facts f;

	for (uint32_t i = 0; i < N_OPS; i++) {
		KEEP(x509_parse(der, &f));
		KEEP(&f);
	}
}

/** With every text that a report shows. */
static void bench_certificate_texts(void)
{
	struct bytes der = web_certificate();
	char text[CERT_TEXT_CAP];
	struct cert_facts f;
	struct cert_san san;

	for (uint32_t i = 0; i < N_OPS; i++) {
		KEEP(x509_parse(der, &f));
		KEEP(x509_name_text(f.subject, text, sizeof(text)));
		KEEP(x509_name_text(f.issuer, text, sizeof(text)));
		KEEP(x509_serial_text(f.serial, text, sizeof(text)));
		while (x509_next_san(&f.sans, &san))
			KEEP(x509_san_text(&san, text, sizeof(text)));
		KEEP(text);
	}
}

/** A line of the event log, of the kind that there are most of. */
static void bench_event_line(void)
{
	const struct scan_info scan = {.scan_id = "01234567-89ab-cdef-0123-456789abcdef"};
	struct event ev = {.kind = EVENT_PORT_FOUND,
			   .port = {.addr = addr_from_u128(ADDR_V4, 0xc6336402, 0),
				    .proto = PROTO_TCP,
				    .state = PORT_CLOSED,
				    .reason = REASON_RESET,
				    .ttl = 64,
				    .rtt_us = 1638}};
	struct eventjson json;
	struct buf line;

	eventjson_init(&json, scan.scan_id);
	buf_init(&line, 1 << 16);
	for (uint32_t i = 0; i < N_OPS; i++) {
		ev.seq = i;
		ev.time_ns = 1700000000000000000 + i * 500ull;
		ev.port.port = (uint16_t)i;
		buf_reset(&line);
		eventjson_put(&json, &line, &ev, &scan);
		KEEP(line.p);
	}
	buf_fini(&line);
}

struct micro {
	const char *name;
	void (*run)(void);
};

static const struct micro micros[] = {
	{"decode_tcp_v4", bench_decode_v4},
	{"decode_tcp_v6", bench_decode_v6},
	{"csum_add_40", bench_csum},
	{"siphash24_words_5", bench_siphash},
	{"ring_reserve_commit_peek_pop", bench_ring},
	{"port_bits_index", bench_index},
	{"x509_parse", bench_certificate},
	{"x509_parse_and_texts", bench_certificate_texts},
	{"event_line_port", bench_event_line},
};

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/** The thread's own time: others on the machine do not count. */
static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static double median_ns(const struct micro *m)
{
	uint64_t ns[N_RUNS];

	m->run();
	for (size_t i = 0; i < N_RUNS; i++) {
		uint64_t start = cpu_ns();

		m->run();
		ns[i] = cpu_ns() - start;
	}
	qsort(ns, N_RUNS, sizeof(ns[0]), by_value);
	return (double)ns[N_RUNS / 2] / N_OPS;
}

int main(int argc, char **argv)
{
	for (size_t i = 0; i < ARRAY_LEN(micros); i++) {
		bool is_wanted = argc < 2;

		for (int a = 1; a < argc; a++)
			is_wanted = is_wanted || strcmp(argv[a], micros[i].name) == 0;
		if (is_wanted)
			printf("{\"name\":\"%s\",\"ns_per_op\":%.2f,\"runs\":%d}\n", micros[i].name,
			       median_ns(&micros[i]), N_RUNS);
	}
	return 0;
}
