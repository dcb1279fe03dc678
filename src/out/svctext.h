/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What detection found out, as several formats print it. */
#pragma once

#include "out/text.h"

/** A port's service, from detection or from the services file. Texts are borrowed. */
struct svc_text {
	const struct service_facts *facts; /* NULL: not asked, or no answer */
	const char *name;                  /* NULL: nobody knows one */
	bool is_guess;                     /* only the port number speaks for the name */
	bool is_marked;                    /* it was asked, and the name is a guess: "http?" */
	char own[32];
};

void svc_text_of(const struct out *o, const struct view *v, const struct host_port *p,
		 struct svc_text *ret);
/** "ssl/http", "ipp", "discard?", "unknown". */
void svc_put_name(struct buf *b, const struct svc_text *s, enum text_kind kind);
/** Columns that svc_put_name needs. */
uint32_t svc_name_width(const struct svc_text *s);
/** "nginx 1.22.1 (Debian)"; nothing when nothing is known. */
void svc_put_version(struct buf *b, const struct service_facts *f, enum text_kind kind);
/** A line below a port's: what the handshake for its service has shown; nothing without. Accepts
 * NULL. */
void svc_put_tls(struct buf *b, const struct service_facts *f);
/** A line below a port's, as of nmap's script "banner"; nothing without. Trailing blanks and line
 * ends are left out, and what is too long for a line unless @p is_whole. */
void svc_put_banner(struct buf *b, struct bytes banner, bool is_whole);
/** The "Service Info:" line, and the fingerprints of what nobody recognised, of all listed ports.
 */
void svc_put_info(struct out *o, const struct view *v);
void svc_put_fingerprints(struct out *o, const struct view *v);
