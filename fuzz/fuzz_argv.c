/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line: input lines are its words. Whatever they are, a refusal comes with a printable
 * message. */
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"

#define WORDS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *argv[WORDS_MAX + 1] = {"prtip"}, *text = malloc(n + 1), *next = text;
	struct opt_error err = {""};
	struct config c;
	int argc = 1;

	memcpy(text, p, n);
	text[n] = '\0';
	while (next && argc < WORDS_MAX)
		argv[argc++] = strsep(&next, "\n");
	if (options_parse(argc, argv, &c, &err) < 0) {
		if (!err.text[0] || strlen(err.text) >= sizeof(err.text))
			abort();
		for (const char *s = err.text; *s; s++)
			if ((unsigned char)*s < 0x20)
				abort();
	} else if (!c.wants_help && !c.wants_version &&
		   (c.min_rto_us > c.max_rto_us || c.target.n_specs >= WORDS_MAX)) {
		abort();
	}
	config_fini(&c);
	free(text);
	return 0;
}
