/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whether a Server field has the form that programs give it. RFC 9110 10.2.4 makes it products with
 * versions, and comments; some put plain words behind, mostly the same few ("httpd", "Final").
 * Other words make it somebody's text, in which the first word is not the program that it seems to
 * be.
 */
#include "detect/servername.h"

#include "detect/app.h"
#include "detect/spelled.h"
#include "detect/stock.h"

#include <ctype.h>
#include <string.h>

/** Plain words that programs write behind their names. */
static const char known[] =
	" httpd http https server webserver web proxy gateway engine embedded library lib final "
	"release "
	"stable unstable devel snapshot trunk patch patchlevel alpha beta rc build edition version "
	"ver "
	"v r enterprise community standard professional pro plus open source service services pack "
	"based on os unix inside rtsp sip upnp dlna ssl tls phusion passenger ";
/** Behind these a release's own name follows: "codename Protein Powder". */
static const char namers[] = " codename ";
/** Joined to a version they deny it. */
static const char denials[] =
	" alike like free fake not compatible mock clone emulated less killer "
	"ish esque style lookalike ";

static bool is_listed(const char *list, struct bytes word)
{
	return stock_is_listed(list, strlen(list), word);
}

struct bytes servername_of(struct bytes answer)
{
	struct bytes left = answer, line;
	bool is_first = true;

	if (!app_starts(answer, "HTTP/") && !app_starts(answer, "RTSP/") &&
	    !app_starts(answer, "SIP/"))
		return (struct bytes){answer.p, 0};
	for (; app_line(&left, &line) && (line.len || is_first); is_first = false)
		if (app_starts(line, "Server:"))
			return app_trim(app_skip(line, strlen("Server:")));
	return (struct bytes){answer.p, 0};
}

/** Behind comments and what sets pieces apart. */
static struct bytes behind_comments(struct bytes in)
{
	uint32_t depth = 0;

	while (in.len && (depth || strchr(" \t,;+()", in.p[0] ?: 'x'))) {
		depth += in.p[0] == '(';
		depth -= depth && in.p[0] == ')';
		in = app_skip(in, 1);
	}
	return in;
}

/** Only letters, perhaps with a point behind. */
static bool is_plain(struct bytes token)
{
	size_t n = token.len;

	while (n && strchr(".!?:'", token.p[n - 1] ?: 'x'))
		n--;
	for (size_t i = 0; i < n; i++)
		if (!isalpha(token.p[i]) && token.p[i] < 0x80)
			return false;
	return n != 0;
}

/** A version begins with a number: "1.2", "v2", "R6_1". @return false for "hidden", "2.4-free". */
static bool is_version(struct bytes text, struct bytes own)
{
	struct bytes left = text, word;

	if (text.len > 1 && strchr("vVrR", text.p[0] ?: 'x'))
		text = app_skip(text, 1);
	if (text.len && isalpha(text.p[0]) && !spelled_in(own, app_until(text, ".-_/ ")))
		return false;
	while (stock_next_word(&left, &word))
		if (is_listed(denials, word))
			return false;
	return true;
}

bool servername_is_sentence(struct bytes value, struct bytes own)
{
	struct bytes left = behind_comments(value);

	for (bool is_first = true; left.len; is_first = false) {
		struct bytes token = app_until(left, " \t,;+()");
		struct bytes name = app_until(token, "/"), word = token;
		struct bytes version = app_skip(token, name.len + 1);
		if (is_first && !is_version(version, own))
			return true;
		if (is_listed(namers, token))
			return false;
		while (word.len && strchr(".!?:'", word.p[word.len - 1] ?: 'x'))
			word.len--;
		if (!is_first && is_plain(token) && !is_listed(known, word) &&
		    !spelled_in(own, word) && !app_is_system(word))
			return true;
		left = behind_comments(app_skip(left, token.len));
	}
	return false;
}
