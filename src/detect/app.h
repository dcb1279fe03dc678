/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Services read by parsers of their protocols, where patterns see too little: a family of pure
 * readers. Each recognises its own protocol strictly, so all may be tried on any answer, whoever
 * asked; each has the questions that bring such an answer. A reader states what the bytes say and
 * nothing else.
 */
#pragma once

#include "base/cursor.h"
#include "base/err.h"
#include "event/facts.h"

#define APP_FIELD_BYTES_MAX 192u /* with the NUL; longer texts are cut */
#define APP_CPES_MAX        4u
#define APP_HELLO_PORTS_MAX 8u

enum app_field {
	APP_PRODUCT,
	APP_VERSION,
	APP_EXTRAINFO,
	APP_HOSTNAME,
	APP_OSTYPE,
	APP_DEVICETYPE,
	APP_FIELD_N
};

/** What an answer says. Texts end with NUL, hold no control bytes, and are "" when unknown. */
struct app_facts {
	const char *service;  /* nmap's name for the protocol; static; NULL: not recognised */
	const char *replaces; /* name that patterns give to all of its family; static; NULL: none */
	char field[APP_FIELD_N][APP_FIELD_BYTES_MAX];
	char cpe[APP_CPES_MAX][APP_FIELD_BYTES_MAX]; /* "cpe:/a:openbsd:openssh:9.2p1" */
	uint32_t n_cpe;
	bool is_greeting; /* such bytes mean this only when nothing was asked */
	bool is_exact;    /* patterns misread it: what they say of the program does not hold */
};

/** APP_TCP | APP_UDP: over what something is said. */
enum app_proto { APP_TCP = 1, APP_UDP = 2 };

/**
 * One question: to its ports as long as no service is known, and on any port once its service is
 * known and no version.
 */
struct app_hello {
	struct bytes bytes;
	uint8_t protos;
	uint16_t ports[APP_HELLO_PORTS_MAX]; /* 0 ends */
	const char *service;                 /* words with blanks between; NULL: ports only */
	const char *product;                 /* what the product starts with; "": none is known;
						NULL: any */
	bool hears_any_port;                 /* of UDP: its answer comes from another port */
};

struct app_ops {
	const char *name;
	const char *help;
	uint8_t protos;
	bool wants_tls;     /* usually spoken inside TLS on its ports */
	bool is_asked_only; /* its answers have too weak a mark to be believed unasked */
	const struct app_hello *hellos;
	uint32_t n_hellos;
	/**
	 * Read all bytes heard so far in one direction of a conversation (TCP) or one datagram.
	 * @param ret zeroed; filled with what is known so far: service is set as soon as the
	 * protocol is certain.
	 * @return bytes consumed, more than 0: complete; 0: more may be needed, what @p ret has
	 * stands if nothing comes; -E_SYNTAX: not this protocol (ret is then of no meaning).
	 * Pure. Cost: linear in @p in. Thread: any.
	 */
	int (*parse)(struct bytes in, struct app_facts *ret);
};

extern const struct app_ops *const app_rows[];
extern const uint32_t app_n_rows;

/**
 * Try every reader of @p proto on an answer, in order, but those that are read only when they
 * asked: call their parse().
 * @param proto APP_TCP or APP_UDP.
 * @return the reader that completed, or else the first that recognised its protocol, with @p ret
 * filled; NULL when none did.
 */
const struct app_ops *app_read(struct bytes in, enum app_proto proto, struct app_facts *ret);

/** What is known of a port before a question. Texts NULL or "": unknown. */
struct app_known {
	const char *service, *product, *version;
	uint16_t port;
	uint8_t proto; /* enum app_proto */
};

/**
 * The next question worth asking. @param pos 0 at first, moved on; one pass over all questions, so
 * none is given twice. @return NULL at the end. @param ret_row whose question it is; may be NULL.
 */
const struct app_hello *app_next_hello(const struct app_known *k, uint32_t *pos,
				       const struct app_ops **ret_row);

/* --- for readers: pieces of texts ---------------------------------------------- */

/** @return 1: @p in starts with the magic; 0: it ends inside it; -E_SYNTAX. */
int app_magic(struct bytes in, const void *magic, size_t len);
/** Keep a text: control bytes become dots, blanks around it are cut. Empty ones change nothing. */
void app_put(struct app_facts *f, enum app_field field, struct bytes text);
void app_puts(struct app_facts *f, enum app_field field, const char *text);
void app_putf(struct app_facts *f, enum app_field field, const char *fmt, ...) PRINTF_LIKE(3, 4);
/** Append behind "; " when the field holds something already. */
void app_addf(struct app_facts *f, enum app_field field, const char *fmt, ...) PRINTF_LIKE(3, 4);
/** Add "cpe:/" NAME ":" VERSION, the version escaped as CPE 2.2 wants it and left out when empty.
 * @param name "a:openbsd:openssh". */
void app_cpe(struct app_facts *f, const char *name, struct bytes version);
/** Linux with its CPE, for texts that name a distribution of it; Windows, FreeBSD, ... The name is
 * all of the text or of a part between ";" and ",", but for versions and the like. @return whether
 * @p text names a system that is known. */
bool app_os_of(struct app_facts *f, struct bytes text);
/** Is all of @p text the name of a system, perhaps with a version? */
bool app_is_system(struct bytes text);
/** Cut the first line off @p in (LF or CRLF, not part of it). @return false without a line end. */
bool app_line(struct bytes *in, struct bytes *ret_line);
/** First place of @p what, ignoring case; from there to the end. @return false: not found. */
bool app_find(struct bytes in, const char *what, struct bytes *ret_from_there);
bool app_starts(struct bytes in, const char *what); /* ignoring case */
bool app_equals(struct bytes in, const char *what); /* ignoring case */
struct bytes app_skip(struct bytes in, size_t n);   /* at most all of it */
struct bytes app_trim(struct bytes in);
/** Up to the first of @p stops, or all. */
struct bytes app_until(struct bytes in, const char *stops);
/** A version at the start of @p in: a digit, then digits, letters, ".-_+~:"; empty without. */
struct bytes app_version(struct bytes in);
struct bytes app_text(const char *text);
/** The text between @p before and any of @p stops, where @p before is first found. Empty without.
 */
struct bytes app_between(struct bytes in, const char *before, const char *stops);

/** Is @p version less than a version: unknown, a range ("3.X - 4.X"), a bound ("9.6 or later"), a
 * protocol's ("v4")? NULL: unknown. */
bool app_is_vague(const char *version);

/* --- products by the name they use for themselves -------------------------------- */

/** Which spelling means which product. */
struct app_product {
	const char *spelling; /* ignoring case, as a whole word at the start */
	const char *product;  /* nmap's name for it; "": names a part, not the server */
	const char *cpe;      /* "a:vendor:product" or NULL */
	const char *service;  /* when it is not the protocol's usual one; NULL */
};

/**
 * State product, version and CPE from "Name/1.2.3 (comment) ..." as Server headers have it.
 * Names that are not in the table are stated as they are.
 */
void app_put_server(struct app_facts *f, struct bytes server);
/** @return the row for the start of @p name, or NULL. */
const struct app_product *app_product_of(struct bytes name);

/* --- for the stage ------------------------------------------------------------------ */

/**
 * Add what a reader says to what patterns said. Nothing known is contradicted: with a product from
 * a hard match only empty fields are filled, and only when the reader means the same program or the
 * pattern named just a library that many programs are built with.
 * @param is_hard @p into comes from a match line that is not soft. @param block where texts go.
 * @return whether anything was added.
 */
bool app_merge(const struct app_facts *from, struct facts *block, struct service_facts *into,
	       bool is_hard);
