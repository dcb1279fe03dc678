/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared by jsonread.c (one line), jsonfacts.c (what detection found), jsonfetch.c (values),
 * jsonlines.c (a file of lines) and eventread.c (lines of event logs); nobody else includes it. */
#pragma once

#include "base/buf.h"
#include "event/jsonread.h"

#include <jansson.h>

struct jsonread {
	json_t *root;          /* of the last record */
	struct port_set ports; /* what the last record's pointers lead to */
	struct scan_trust trust;
	struct facts *block; /* what the last record of detection found; NULL: it was none */
	const char *path;
	int fd;
	uint32_t line;
	struct buf bytes; /* of the file, from pos on not read yet */
	size_t pos;
	bool is_end, is_cut;
};

/** Fetching from one object; the first error sticks, and what is fetched after it is empty. */
struct fetch {
	const json_t *obj;
	const char *line; /* for columns */
	size_t len;
	struct err_where *where;
	struct facts *block; /* for what detection found */
	int err;
};

/** Refuse the value of @p key. */
void fetch_refuse(struct fetch *f, const char *key, int code, const char *want);
uint64_t fetch_u64(struct fetch *f, const char *key, uint64_t max);
/** As fetch_u64; null or no key at all is 0. */
uint64_t fetch_known(struct fetch *f, const char *key, uint64_t max);
/** A number that may be beyond what JSON readers hold exactly; saturates. */
uint64_t fetch_count(struct fetch *f, const char *key);
double fetch_real(struct fetch *f, const char *key);
bool fetch_bool(struct fetch *f, const char *key);
/** NULL for null and for no key. */
const char *fetch_text(struct fetch *f, const char *key);
/** Never NULL. */
const char *fetch_need_text(struct fetch *f, const char *key);
struct addr fetch_addr(struct fetch *f, const char *key, bool must);
/** The index of a word in a table of @p n names. */
uint8_t fetch_word(struct fetch *f, const char *key, const char *(*name)(uint32_t), uint32_t n);
uint8_t fetch_proto(struct fetch *f);

/** Records of detection; texts and lists are in f->block. */
void jsonfacts_service(struct fetch *f, struct ev_service *ret);
void jsonfacts_banner(struct fetch *f, struct ev_service *ret);
void jsonfacts_tls(struct fetch *f, struct ev_tls *ret);
void jsonfacts_cert(struct fetch *f, struct json_cert *ret);
void jsonfacts_os(struct fetch *f, struct ev_os *ret);

/** Turn a line into r->root. @param flags of Jansson, beside those for every line. @return 0,
 * -E_SYNTAX with @p reterr, -ENOMEM. */
int jsonread_parse(struct jsonread *r, const struct bytes *line, size_t flags,
		   struct err_where *reterr) MUST_CHECK;
/** The next line that is not empty. @return 1; 2: the last, without its end; 0; -errno; -E_FULL. */
int jsonlines_next(struct jsonread *r, struct bytes *ret) MUST_CHECK;
/** What parsing line @p n (of jsonlines_next) came to, as jsonread_next says it. */
int jsonlines_judge(struct jsonread *r, int n, int err, struct err_where *reterr);
