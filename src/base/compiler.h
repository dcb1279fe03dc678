/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Compiler attributes, byte-order words and banned functions.
 * Included by every other header; includes nothing of ours.
 */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Words in network byte order. Everything that is not be* is in host order. */
typedef uint16_t be16;
typedef uint32_t be32;

/** 128-bit number: an IPv6 address as an integer, and counts of addresses. */
typedef unsigned __int128 u128;

#define ARRAY_LEN(a)            (sizeof(a) / sizeof((a)[0]))
#define MUST_CHECK              __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define UNUSED                  __attribute__((unused))
#define CLEANUP(fn)             __attribute__((cleanup(fn)))
#define ALIGNED(n)              __attribute__((aligned(n)))
#define likely(x)               __builtin_expect(!!(x), 1)
#define unlikely(x)             __builtin_expect(!!(x), 0)
/** Will be written soon: begin to fetch it. */
#define PREFETCH(p) __builtin_prefetch((p), 1)

#define MIN(a, b)        ((a) < (b) ? (a) : (b))
#define MAX(a, b)        ((a) > (b) ? (a) : (b))
#define CLAMP(x, lo, hi) ((x) < (lo) ? (lo) : (x) > (hi) ? (hi) : (x))

#define NS_PER_US 1000ull
#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull
