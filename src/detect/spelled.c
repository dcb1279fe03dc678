/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a pattern spells out itself, read from its text without its meaning: whether a match line
 * was written for words that an answer has, escaped or not, in any of its alternatives.
 */
#include "detect/spelled.h"

#include <ctype.h>
#include <string.h>

/** Does @p pattern have @p text at its place @p at, escaped or not? @return the place behind, 0:
 * no.
 */
static size_t spelled_at(struct bytes pattern, size_t at, struct bytes text)
{
	size_t k = 0;

	for (; k < text.len && at < pattern.len; at++) {
		if (pattern.p[at] == '\\' && text.p[k] != '\\')
			continue;
		if (tolower(pattern.p[at]) != tolower(text.p[k]))
			return 0;
		k++;
	}
	return k == text.len ? at : 0;
}

/** Is the place in a pattern not inside a word? In "\rno" a word begins with "no". */
static bool is_edge(struct bytes pattern, size_t at)
{
	bool is_inside =
		at && at < pattern.len && isalpha(pattern.p[at]) && isalpha(pattern.p[at - 1]);

	return !is_inside || (at > 1 && pattern.p[at - 2] == '\\');
}

bool spelled_in(struct bytes pattern, struct bytes text)
{
	for (size_t i = 0; text.len && i + text.len <= pattern.len; i++) {
		size_t behind = is_edge(pattern, i) ? spelled_at(pattern, i, text) : 0;
		if (behind && is_edge(pattern, behind))
			return true;
	}
	return false;
}

bool spelled_first(struct bytes pattern, struct bytes text)
{
	return pattern.len && text.len && pattern.p[0] == '^' && spelled_at(pattern, 1, text);
}

bool spelled_open(struct bytes pattern, struct bytes word)
{
	for (size_t i = 0; i + word.len < pattern.len; i++) {
		size_t at = is_edge(pattern, i) ? spelled_at(pattern, i, word) : 0;
		bool is_class = at + 1 < pattern.len && pattern.p[at] == '\\' &&
				strchr("wSd", pattern.p[at + 1] ?: 'x');
		if (at && at < pattern.len && (is_class || strchr("[(", pattern.p[at] ?: 'x')))
			return true;
	}
	return false;
}
