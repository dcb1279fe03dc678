/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Error codes. Functions that can fail return 0 or more on success and -code on
 * failure: errno values where errno fits (-ENOMEM, -EACCES), ours from 1000 on.
 */
#pragma once

#include "base/compiler.h"

// clang-format off
#define ERR_LIST(X) \
	X(E_FAMILY,    1000, "address family does not fit") \
	X(E_SYNTAX,    1001, "malformed input") \
	X(E_RANGE,     1002, "value out of range") \
	X(E_TRUNCATED, 1003, "input ends too early") \
	X(E_FULL,      1004, "fixed capacity exhausted") \
	X(E_NOROUTE,   1005, "no route to target") \
	X(E_PRIVILEGE, 1006, "missing privilege") \
	X(E_UNSUPPORTED, 1007, "not supported here") \
	X(E_NAME,      1008, "host name cannot be resolved") \
	X(E_EMPTY,     1009, "nothing left to do") \
	X(E_AGAIN,     1010, "nothing available now")
// clang-format on

#define X(name, number, text) name = number,
enum err { ERR_LIST(X) };
#undef X

/** @return static text for @p code (sign ignored): ours or strerror's. Thread: any. */
const char *err_text(int code);
/** @return the symbol ("E_FAMILY") for our codes, "errno" for the system's. */
const char *err_name(int code);

/**
 * Where and why parsing of user text failed, for a message that names the token.
 * Caller's storage; filled only on failure; texts are truncated, never overflowed.
 */
struct err_where {
	char token[96];  /* the offending span as the user wrote it */
	char want[160];  /* what is wrong or accepted, as messages show it: "want an octet 0-255, or
			  *" */
	char file[96];   /* "" for the command line */
	uint32_t line;   /* 1-based; 0 when there is none */
	uint32_t column; /* 1-based byte offset of token in its line or argument */
};

/**
 * Fill @p w with a token span and what is wrong with it; @p w may be NULL. file and line are
 * cleared: the reader of a file sets them after the failure. Control bytes of the token become
 * dots. @return code, for tail calls.
 */
int err_at(struct err_where *w, int code, const char *token, size_t token_len, uint32_t column,
	   const char *want_fmt, ...) PRINTF_LIKE(6, 7);
