/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Cost of a certificate chain, step by step: reading it, writing everything a report says of it,
 * checking it by OpenSSL's arithmetic. Arguments: a PEM file of authorities, a PEM file of the
 * chain. One JSON line per step with the median of several runs, in nanoseconds of CPU.
 */
#include "detect/tlsreport.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/pem.h>

#define N_RUNS 9
#define NOW_S  1800000000

/* Keeps a result alive without a store the loop would be measured by. */
#define KEEP(x) __asm__ volatile("" ::"r"(x) : "memory")

struct chain {
	struct trust *trust;
	struct tls_learned learned;
	struct bytes ders[TRUST_CHAIN_MAX];
	uint32_t n;
};

static void read_chain(struct chain *c, const char *path)
{
	struct wcursor w = wcursor_of(c->learned.chain, sizeof(c->learned.chain));
	FILE *f = fopen(path, "r");
	X509 *x;

	while (f && c->n < TRUST_CHAIN_MAX && (x = PEM_read_X509(f, NULL, NULL, NULL))) {
		uint8_t *der = NULL;
		int len = i2d_X509(x, &der);

		wcursor_u8(&w, (uint8_t)(len >> 16));
		wcursor_u16(&w, (uint16_t)len);
		c->ders[c->n++] = (struct bytes){w.p + w.pos, (size_t)len};
		wcursor_put(&w, der, (size_t)len);
		OPENSSL_free(der);
		X509_free(x);
	}
	if (f)
		fclose(f);
	c->learned.chain_len = (uint32_t)w.pos;
	if (!c->n || w.failed) {
		fprintf(stderr, "%s: no chain\n", path);
		exit(1);
	}
}

static void parse(struct chain *c)
{
	struct cert_facts f;

	for (uint32_t i = 0; i < c->n; i++)
		KEEP(x509_parse(c->ders[i], &f));
	KEEP(&f);
}

static void check(struct chain *c)
{
	struct trust_verdict v;

	KEEP(trust_check(c->trust, c->ders, c->n, &v));
	KEEP(&v);
}

/** All of it, as the examining thread does it for an endpoint. */
static void report(struct chain *c)
{
	const struct tls_context context = {
		.trust = c->trust, .host = "www.site.example", .now_s = NOW_S};
	struct facts *block = facts_new(FACTS_BLOCK_MAX);

	KEEP(tlsreport_make(&c->learned, NULL, &context, block));
	facts_free(block);
}

static const struct {
	const char *name;
	void (*run)(struct chain *c);
	uint32_t n_ops;
} steps[] = {{"parse", parse, 200000}, {"check", check, 100}, {"report", report, 100}};

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static struct chain c;

	if (argc != 3 || trust_new(argv[1], &c.trust) < 0) {
		fprintf(stderr, "usage: bench_chain AUTHORITIES.pem CHAIN.pem\n");
		return 1;
	}
	read_chain(&c, argv[2]);
	for (size_t s = 0; s < ARRAY_LEN(steps); s++) {
		uint64_t ns[N_RUNS];

		for (size_t i = 0; i < N_RUNS; i++) {
			uint64_t start = cpu_ns();

			for (uint32_t k = 0; k < steps[s].n_ops; k++)
				steps[s].run(&c);
			ns[i] = (cpu_ns() - start) / steps[s].n_ops;
		}
		qsort(ns, N_RUNS, sizeof(ns[0]), by_value);
		printf("{\"step\":\"%s\",\"certificates\":%u,\"ns_per_chain\":%llu,"
		       "\"ns_per_certificate\":%.1f,\"runs\":%d}\n",
		       steps[s].name, c.n, (unsigned long long)ns[N_RUNS / 2],
		       (double)ns[N_RUNS / 2] / c.n, N_RUNS);
	}
	trust_free(c.trust);
	return 0;
}
