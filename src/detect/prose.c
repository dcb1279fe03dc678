/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Greetings that have a program's name in them without being its own: a label says whose it is, or
 * the name goes on, as firms and places do. Beside naming.c, which knows the words of sentences.
 */
#include "detect/prose.h"

#include "detect/spelled.h"
#include "detect/stock.h"

#include <ctype.h>
#include <string.h>

/** Labels that programs write in front of their own names. */
static const char own_labels[] = " server software version daemon by on powered mta service ftpd ";
/** Words with a capital that programs write behind theirs. */
static const char own_words[] =
	" release pro connect build final edition winsock winsocket da lmtp mail service server "
	"debian ubuntu fedora gentoo freebsd openbsd netbsd linux unix windows invoca turbo "
	"station "
	"copyright pigeonhole daemon pop imap lite standard enterprise professional express ";
/** Behind a name in brackets they go on about it. */
static const char verbs[] = " is was runs lives moved has ";

static bool is_listed(const char *list, struct bytes word)
{
	return stock_is_listed(list, strlen(list), word);
}

/** The place of the colon or equals sign that a list with the name begins behind; NULL: none. */
static const uint8_t *label_end(struct bytes text, const uint8_t *name)
{
	for (const uint8_t *at = name; at > text.p && !strchr(";(\n", at[-1] ?: '\n'); at--) {
		bool is_apart = at[-1] == ':' && *at == ' ';
		if (is_apart || (at[-1] == '=' && at == name))
			return at - 1;
		if (at[-1] == '.' && *at == ' ')
			break;
	}
	return NULL;
}

bool prose_is_labelled(struct bytes text, struct bytes name, struct bytes pattern)
{
	const uint8_t *end = name.len ? label_end(text, name.p) : NULL, *at = end;

	while (at && at > text.p && isalpha(at[-1]))
		at--;
	struct bytes label = {at, (size_t)(end - at)};
	return label.len && !is_listed(own_labels, label) && !spelled_in(pattern, label);
}

/** "GmbH", "Street": not "POP3", not "DA". */
static bool is_foreign(struct bytes word, struct bytes pattern)
{
	bool has_small = false;

	for (size_t i = 0; i < word.len; i++) {
		if (!isalpha(word.p[i]))
			return false;
		has_small |= islower(word.p[i]) != 0;
	}
	return word.len > 1 && isupper(word.p[0]) && has_small && !stock_is_word(word) &&
	       !is_listed(own_words, word) && !spelled_in(pattern, word);
}

/** The next piece of the line, without its points. */
static struct bytes next_piece(struct bytes *in)
{
	size_t n = 0;

	while (in->len && in->p[0] == ' ')
		*in = (struct bytes){in->p + 1, in->len - 1};
	while (n < in->len && !isspace(in->p[n]) && !strchr("(),;:[]<>", in->p[n] ?: ' '))
		n++;
	struct bytes piece = {in->p, n};
	*in = (struct bytes){in->p + n, in->len - n};
	while (piece.len && piece.p[piece.len - 1] == '.')
		piece.len--;
	return piece;
}

/** "(X 3.0.3) is on port 2121". */
static bool is_told_of(struct bytes left)
{
	struct bytes word;

	return left.len > 2 && left.p[0] == ')' && left.p[1] == ' ' &&
	       stock_next_word(&left, &word) && is_listed(verbs, word);
}

bool prose_goes_on(struct bytes text, const uint8_t *at, struct bytes pattern)
{
	struct bytes left = {at, (size_t)(text.p + text.len - at)}, piece;

	/* what is joined to the name, then versions */
	while (left.len && !isspace(left.p[0]) && !strchr("(),;:[]<>", left.p[0] ?: ' ')) {
		if (left.len > 2 && memcmp(left.p, "'s ", 3) == 0)
			return true;
		left = (struct bytes){left.p + 1, left.len - 1};
	}
	do {
		piece = next_piece(&left);
	} while (piece.len && isdigit(piece.p[0]));
	if (piece.len == 1 && piece.p[0] == '-' && left.len && left.p[0] == '>')
		return true;
	return piece.len ? is_foreign(piece, pattern) : is_told_of(left);
}
