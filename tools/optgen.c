/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Build-time program: writes one text generated from the option table to standard output
 * (man page, completions, Markdown reference, plain list). Run by meson, never installed.
 */
#include <stdio.h>
#include <string.h>

#include "cli/options.h"

#define TEXT_BYTES_MAX (1u << 20)

static const struct {
	const char *name;
	void (*generate)(struct buf *b);
} texts[] = {
	{"man", options_man},
	{"bash", options_completion_bash},
	{"zsh", options_completion_zsh},
	{"markdown", options_markdown},
	{"list", options_list},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < ARRAY_LEN(texts); i++) {
		struct buf b;
		int rc;

		if (strcmp(argv[1], texts[i].name) != 0)
			continue;
		buf_init(&b, TEXT_BYTES_MAX);
		texts[i].generate(&b);
		rc = b.error || fwrite(b.p, 1, b.len, stdout) != b.len || fflush(stdout) != 0;
		buf_fini(&b);
		return rc;
	}
	fputs("usage: optgen man|bash|zsh|markdown|list\n", stderr);
	return 2;
}
