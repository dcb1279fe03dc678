/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the structs of events consist of, as tables: the writer of the event log, its reader, its
 * JSON Schema and its description all follow them. A member that is not in a table is not in the
 * log.
 */
#pragma once

#include "event/event.h"

enum field_kind {
	FIELD_UINT,    /* unsigned of 1 to 8 bytes; beyond 2^53 its digits as a text */
	FIELD_INT,     /* signed of 4 or 8 bytes, within 2^53 */
	FIELD_REAL,    /* double */
	FIELD_BOOL,    /* bool */
	FIELD_TEXT,    /* const char *, NULL: null */
	FIELD_CHARS,   /* char[size] that ends with a NUL */
	FIELD_WORD,    /* small unsigned; its name in words */
	FIELD_PROTO,   /* uint8_t; "tcp"; 0: null */
	FIELD_TIME,    /* uint64_t, ns since 1970; RFC 3339 */
	FIELD_ADDR,    /* struct addr with its zone by number; ADDR_NONE: null */
	FIELD_MAC,     /* struct mac; null unless the bool at count_offset */
	FIELD_BYTES,   /* const uint8_t * of the count at count_offset; each byte a character */
	FIELD_PORTS,   /* const struct port_set *; {"tcp":"22,80-89"} */
	FIELD_STRUCT,  /* the struct itself; an object */
	FIELD_POINTER, /* a pointer to one; NULL: null */
	FIELD_LIST,    /* a pointer to elements, as many as the count says */
	FIELD_ARRAY,   /* elements in place; without a count those up to the last that is not 0 */
	FIELD_KIND_N
};

/** Names of the numbers from 0 on; NULL where there is none. */
struct words {
	const char *const *names;
	uint32_t n;
};
extern const struct words words_port_state, words_host_state, words_host_mark, words_reason,
	words_stage, words_rate_cause;

struct field {
	const char *name, *help; /* help without full stop; NULL: the name says it */
	const struct fields *of; /* of structs */
	const struct words *words;
	uint16_t offset, size;
	uint16_t count_offset;
	uint16_t cap;          /* elements: of an array; of a list as read */
	uint16_t elem_size;    /* bytes of an element */
	uint8_t count_size;    /* bytes of the count; 0: there is none */
	uint8_t kind, elem;    /* enum field_kind; of elements */
	bool is_known_unless0; /* 0 is written as null */
	bool is_needed;        /* of texts: never null */
	bool is_derived;       /* follows from the others: written, not read */
};

/** A struct. */
struct fields {
	const char *name; /* of its definition in the schema */
	const struct field *f;
	uint32_t n;
	size_t size;
};

/** A kind of event. */
struct event_spec {
	const char *name; /* "port_found" */
	const char *help;
	const struct fields *fields;
	uint16_t offset, len; /* the part of struct event that holds what is told */
	bool is_of_scan;      /* told is struct scan_info instead */
	bool is_of_host;      /* host_idx is valid */
	bool is_lent;         /* points to what lives for the publication only */
	bool is_logged;
};
/** By enum event_kind. */
extern const struct event_spec event_specs[EVENT_N];
/** certificate_found as it is told: the certificate beside its place. */
struct told_certificate {
	struct addr addr;
	uint16_t port;
	uint8_t proto;
	uint32_t cert_idx;
	const struct cert_info *cert;
};

/** An unsigned member of 1, 2, 4 or 8 bytes. */
uint64_t field_get_uint(const void *at, size_t size);
void field_set_uint(void *at, size_t size, uint64_t v);
