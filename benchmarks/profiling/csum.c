/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Would vectors sum the Internet checksum faster at the lengths that a scan sends? The product's
 * csum_add beside sums by SSE2 and by AVX2 (RFC 1071: any order, folded at the end), checked
 * against each other first; one JSON line per length and way: nanoseconds of CPU per sum, the
 * median of interleaved runs.
 */
#include "base/clock.h"
#include "base/compiler.h"
#include "wire/ip.h"

#include <immintrin.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { N_RUNS = 9, N_OPS = 1000000, LEN_MAX = 1500 };
#define KEEP(x) __asm__ volatile("" ::"r"(x) : "memory")

typedef uint32_t (*sum_fn)(const uint8_t *bytes, size_t len);

static uint32_t scalar(const uint8_t *bytes, size_t len)
{
	return csum_finish(csum_add(0, bytes, len));
}

static uint32_t sse2(const uint8_t *bytes, size_t len)
{
	__m128i sum = _mm_setzero_si128(), zero = _mm_setzero_si128();
	uint32_t lanes[4];

	for (; len >= 16; bytes += 16, len -= 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)bytes);

		sum = _mm_add_epi32(sum, _mm_add_epi32(_mm_unpacklo_epi16(v, zero),
						       _mm_unpackhi_epi16(v, zero)));
	}
	_mm_storeu_si128((__m128i *)lanes, sum);
	return csum_finish(
		csum_add((uint64_t)lanes[0] + lanes[1] + lanes[2] + lanes[3], bytes, len));
}

__attribute__((target("avx2"))) static uint32_t avx2(const uint8_t *bytes, size_t len)
{
	__m256i sum = _mm256_setzero_si256(), zero = _mm256_setzero_si256();
	uint32_t lanes[8];
	uint64_t all = 0;

	for (; len >= 32; bytes += 32, len -= 32) {
		__m256i v = _mm256_loadu_si256((const __m256i *)bytes);

		sum = _mm256_add_epi32(sum, _mm256_add_epi32(_mm256_unpacklo_epi16(v, zero),
							     _mm256_unpackhi_epi16(v, zero)));
	}
	_mm256_storeu_si256((__m256i *)lanes, sum);
	for (int i = 0; i < 8; i++)
		all += lanes[i];
	return csum_finish(csum_add(all, bytes, len));
}

static const struct {
	const char *name;
	sum_fn sum;
} ways[] = {{"csum_add", scalar}, {"sse2", sse2}, {"avx2", avx2}};

static double run_ns(sum_fn sum, const uint8_t *bytes, size_t len)
{
	uint64_t begin_ns = clock_thread_ns();

	for (int i = 0; i < N_OPS; i++) {
		KEEP(bytes);
		KEEP(sum(bytes, len));
	}
	return (double)(clock_thread_ns() - begin_ns) / N_OPS;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(void)
{
	static const size_t lengths[] = {20, 40, 60, 128, 512, 1500};
	static uint8_t bytes[LEN_MAX];
	size_t n_ways = ARRAY_LEN(ways) - !__builtin_cpu_supports("avx2");

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 167 + 13);
	for (size_t len = 0; len <= LEN_MAX; len++)
		for (size_t w = 1; w < n_ways; w++)
			if (ways[w].sum(bytes, len) != scalar(bytes, len)) {
				fprintf(stderr, "%s is wrong at %zu bytes\n", ways[w].name, len);
				return 1;
			}
	for (size_t l = 0; l < ARRAY_LEN(lengths); l++) {
		double ns[ARRAY_LEN(ways)][N_RUNS];

		for (int i = 0; i < N_RUNS; i++)
			for (size_t w = 0; w < n_ways; w++)
				ns[w][i] = run_ns(ways[w].sum, bytes, lengths[l]);
		for (size_t w = 0; w < n_ways; w++) {
			qsort(ns[w], N_RUNS, sizeof(ns[w][0]), by_value);
			printf("{\"part\":\"checksum\",\"way\":\"%s\",\"bytes\":%zu,\"ns\":%.2f,"
			       "\"runs\":%d}\n",
			       ways[w].name, lengths[l], ns[w][N_RUNS / 2], N_RUNS);
		}
	}
	return 0;
}
