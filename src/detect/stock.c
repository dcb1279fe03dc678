/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The stock of words that servers share: a text made of these alone says what protocol is spoken,
 * perhaps, but not by whom. Header and element names, phrases of status lines and of errors, names
 * of days and months, and the small words of English.
 * Sources: RFC 9110 (fields, reason phrases), RFC 959, 5321, 1939, 9051 (replies), HTML's elements.
 */
#include "detect/stock.h"

#include "base/compiler.h"

#include <ctype.h>
#include <string.h>

enum { WORD_BYTES_MAX = 32 };

static const char words[] =
	/* headers, reason phrases */
	" http https rtsp sip server content type length date text html xhtml plain charset utf "
	"iso "
	"connection close closed closing keep alive ok error errors not found bad request requests "
	"expires cache control no store pragma mime version location index www authenticate basic "
	"digest realm unauthorized allow allowed get head post put delete options trace accept "
	"ranges bytes last modified etag set cookie path transfer encoding chunked moved "
	"permanently temporarily forbidden internal service services unavailable method methods "
	"implemented redirect multiple choices gateway proxy timeout timed out range entity "
	"large long unsupported media expectation failed precondition required conflict gone "
	"application octet stream json xml via host user agent must revalidate private public "
	"max age vary origin identity gmt utc message response status code reason "
	/* pages */
	"doctype dtd en us w3c transitional strict org loose tr title body meta equiv name "
	"center table td th tr font size color align width height border hr br href src img script "
	"javascript css style link rel div span form input p h1 h2 h3 li ul ol pre address "
	"document page file files object url uri resource requested this that here xmlns "
	"standalone "
	/* replies of lines */
	"ftp ftpd ftps smtp smtpd esmtp lmtp mail imap imapd capability rev pop "
	"popd nntp irc telnet telnetd ssh sshd ldap login logged logout password passwd "
	"please username access denied refused goodbye bye hello hi welcome ready err nok nak ack "
	"command commands cmd unknown unrecognized unrecognised invalid illegal syntax understood "
	"recognized recognised bad wrong missing number argument arguments parameter parameters "
	"parse protocol session sessions connect connected connections disconnected registered "
	"register incorrect failure fail fatal id quit exit help usage try again later sorry many "
	"too temporary time line input output end start started open opened data port address "
	"operation permitted permission authentication authorization authenticated auth system "
	"only use used new client clients remote local default null none nil undefined unnamed "
	"hidden secret undisclosed anonymous web webserver httpd daemon app pwd nope redacted "
	"nothing nobody "
	/* English */
	"a an and any are as at be been but by can cannot could do does don for from go away had "
	"has have how i if in into is isn it its just know let may me more my need nor of off on "
	"one or our own please see should so some such than the their them then there these they "
	"to up was we were what when where which who why will with without won would you your yes "
	"sun mon tue wed thu fri sat jan feb mar apr may jun jul aug sep oct nov dec am pm ";

bool stock_is_listed(const char *list, size_t list_len, struct bytes word)
{
	char padded[WORD_BYTES_MAX + 2];

	if (!word.len || word.len > WORD_BYTES_MAX)
		return false;
	padded[0] = ' ';
	for (size_t i = 0; i < word.len; i++)
		padded[i + 1] = (char)tolower(word.p[i]);
	padded[word.len + 1] = ' ';
	return memmem(list, list_len, padded, word.len + 2) != NULL;
}

bool stock_is_word(struct bytes word)
{
	return stock_is_listed(words, sizeof(words) - 1, word);
}

bool stock_next_word(struct bytes *in, struct bytes *ret)
{
	size_t i = 0, n = 0;

	while (i < in->len && !isalpha(in->p[i]))
		i++;
	while (i + n < in->len && isalpha(in->p[i + n]))
		n++;
	*ret = (struct bytes){in->p + i, n};
	*in = (struct bytes){in->p + i + n, in->len - i - n};
	return n != 0;
}
