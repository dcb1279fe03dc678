/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A server of one port in tables: how it speaks, and what must be said of it. */
#pragma once

#include <stddef.h>

enum manner {
	GREETS,  /* says it unasked, then refuses every line */
	ANSWERS, /* says it to whatever it is asked */
	SERVES,  /* says it to requests of HTTP, with the length of what is behind the empty line */
	PHONES,  /* says it to requests of SIP */
	MANNER_N
};

struct claim_case {
	enum manner manner;
	const char *text;
	const char *service, *product, *version; /* NULL: nothing may be said */
	const char *ostype;                      /* in claims_systems only */
};

#define FTP(t)    GREETS, "220 " t "\r\n"
#define SMTP(t)   GREETS, "220 " t "\r\n"
#define POP3(t)   GREETS, "+OK " t "\r\n"
#define IMAP(t)   GREETS, "* OK " t "\r\n"
#define SERVER(t) SERVES, "HTTP/1.1 200 OK\r\nServer: " t "\r\nContent-Type: text/html\r\n\r\n<p>hi"
#define PAGE(t)   SERVES, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" t

extern const struct claim_case claims_none[], claims_true[], claims_systems[];
extern const size_t claims_n_none, claims_n_true, claims_n_systems;
