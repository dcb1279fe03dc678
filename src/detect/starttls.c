/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * STARTTLS and its kin, a row per protocol. Sources: RFC 3207 (SMTP), RFC 2595 (IMAP, POP3), RFC
 * 4217 (FTP), RFC 4511 4.14 (LDAP), RFC 4642 (NNTP), RFC 5804 (ManageSieve), RFC 6120 5.4 (XMPP),
 * PostgreSQL's SSLRequest, MySQL's SSL Request packet.
 */
#include "detect/starttls.h"

#include <string.h>

#define TEXT(s)                                                                                    \
	{                                                                                          \
		(const uint8_t *)"" s "", sizeof(s) - 1                                            \
	}

#define XMPP(namespace, port)                                                                      \
	{                                                                                          \
		"xmpp", {port},                                                                    \
			{{{0},                                                                     \
			  TEXT("<?xml version='1.0'?><stream:stream to='"),                        \
			  TEXT("' xmlns='" namespace "' xmlns:stream="                             \
						     "'http://etherx.jabber.org/streams' "         \
						     "version='1.0'>")},                           \
			 {TEXT("</stream:features>"),                                              \
			  TEXT("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),             \
			  {0}},                                                                    \
			 {TEXT("<proceed"), {0}, {0}}},                                            \
			3                                                                          \
	}

static const struct starttls rows[] = {
	{"smtp",
	 {25, 587, 2525},
	 {{TEXT("220"), TEXT("EHLO prtip.invalid\r\n")},
	  {TEXT("250 "), TEXT("STARTTLS\r\n")},
	  {TEXT("220"), {0}}},
	 3},
	{"imap", {143}, {{TEXT("* OK"), TEXT("a1 STARTTLS\r\n")}, {TEXT("a1 OK"), {0}}}, 2},
	{"pop3", {110}, {{TEXT("+OK"), TEXT("STLS\r\n")}, {TEXT("+OK"), {0}}}, 2},
	{"ftp", {21}, {{TEXT("220"), TEXT("AUTH TLS\r\n")}, {TEXT("234"), {0}}}, 2},
	{"ldap",
	 {389, 3268},
	 {{{0},
	   TEXT("\x30\x1d\x02\x01\x01\x77\x18\x80\x16"
		"1.3.6.1.4.1.1466.20037")},
	  {TEXT("\x0a\x01\x00"), {0}}},
	 2},
	{"nntp", {119}, {{TEXT("20"), TEXT("STARTTLS\r\n")}, {TEXT("382"), {0}}}, 2},
	{"sieve", {4190}, {{TEXT("OK"), TEXT("STARTTLS\r\n")}, {TEXT("OK"), {0}}}, 2},
	XMPP("jabber:client", 5222),
	XMPP("jabber:server", 5269),
	{"postgresql", {5432}, {{{0}, TEXT("\0\0\0\x08\x04\xd2\x16\x2f")}, {TEXT("S"), {0}}}, 2},
	{"mysql",
	 {3306},
	 {{TEXT("\0\x0a"), TEXT("\x20\0\0\x01\0\x8a\0\0\0\0\0\x01\x21\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
				"\0\0\0\0\0\0\0\0")}},
	 1},
};

const struct starttls *starttls_of(uint16_t port)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t k = 0; k < ARRAY_LEN(rows[i].ports) && rows[i].ports[k]; k++)
			if (rows[i].ports[k] == port)
				return &rows[i];
	return NULL;
}

const struct starttls *starttls_of_service(const char *name, uint16_t port)
{
	const struct starttls *by_port = starttls_of(port);
	const char *known = strcmp(name, "jabber") == 0 ? "xmpp" : name;

	if (by_port && strcmp(by_port->name, known) == 0)
		return by_port;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (strcmp(rows[i].name, known) == 0)
			return &rows[i];
	return NULL;
}

bool starttls_is_met(const struct starttls_step *step, struct bytes received)
{
	return !step->await.len ||
	       (received.len && memmem(received.p, received.len, step->await.p, step->await.len));
}
