/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The generated texts: each mentions every option, and the tools that read them accept them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/options.h"

#define TEXT_BYTES_MAX (1u << 20)

/** Text of one generator; free with buf_fini. */
static struct buf text_of(void (*generate)(struct buf *))
{
	struct buf b;

	buf_init(&b, TEXT_BYTES_MAX);
	generate(&b);
	assert_int_equal(b.error, 0);
	(void)buf_text(&b);
	return b;
}

/** Every spelling, with @p dash as the generator writes dashes, stands in @p text. */
static void assert_mentions_all(const char *text, const char *dash)
{
	for (uint32_t i = 0; i < opt_table_n; i++) {
		const struct opt_spec *o = &opt_table[i];
		char want[128];
		size_t n = 0;

		if (o->short_name) {
			snprintf(want, sizeof(want), "%s%s", dash, o->short_name);
			if (!strstr(text, want))
				fail_msg("%s is missing", want);
		}
		if (!o->long_name)
			continue;
		n = (size_t)snprintf(want, sizeof(want), "%s%s", dash, dash);
		for (const char *s = o->long_name; *s; s++)
			n += (size_t)snprintf(want + n, sizeof(want) - n, "%s%.*s",
					      *s == '-' ? dash : "", *s != '-', s);
		if (!strstr(text, want))
			fail_msg("%s is missing", want);
	}
}

static void whole_help(struct buf *b)
{
	assert_int_equal(options_help(NULL, b), opt_table_n);
}

static void every_text_mentions_every_option(void **state)
{
	static const struct {
		void (*generate)(struct buf *);
		const char *dash;
	} texts[] = {{whole_help, "-"},
		     {options_man, "\\-"},
		     {options_completion_bash, "-"},
		     {options_completion_zsh, "-"},
		     {options_markdown, "-"},
		     {options_list, "-"}};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct buf b = text_of(texts[i].generate);

		assert_mentions_all(buf_text(&b), texts[i].dash);
		buf_fini(&b);
	}
}

static void list_has_one_spelling_a_line(void **state)
{
	struct buf b = text_of(options_list);
	uint32_t n_lines = 0, n_spellings = 0;

	for (size_t i = 0; i < b.len; i++)
		n_lines += b.p[i] == '\n';
	for (uint32_t i = 0; i < opt_table_n; i++)
		n_spellings += (opt_table[i].long_name != NULL) + (opt_table[i].short_name != NULL);
	assert_int_equal(n_lines, n_spellings);
	assert_null(strchr(buf_text(&b), ' '));
	buf_fini(&b);
}

static void help_fits_a_terminal(void **state)
{
	struct buf b = text_of(whole_help);
	const char *text = buf_text(&b);

	for (size_t len; *text; text += len + 1) {
		len = strcspn(text, "\n");
		assert_in_range(len, 0, 80);
	}
	buf_fini(&b);
}

static void topics(void **state)
{
	static const struct {
		const char *topic, *has, *has_not; /* in the answer */
	} cases[] = {
		{"rate", "--max-rate PPS", "-iL"},
		{"RATE", "--rate-limit", NULL},
		{"--max-rate", "--max-rate", "--rate-limit PPS"},
		{"-sS", "-sS", "-sT "},
		{"p", "-p PORTS", NULL},
		{"Output", "-oX FILE", "-sS"},
		{"CAP_NET_RAW", "-sS", "-oX"},
		{"ttl", "1 to 255", NULL},
		{"default", NULL, NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b;

		buf_init(&b, TEXT_BYTES_MAX);
		assert_true(options_help(cases[i].topic, &b) > 0);
		if (cases[i].has && !strstr(buf_text(&b), cases[i].has))
			fail_msg("help %s: no %s", cases[i].topic, cases[i].has);
		if (cases[i].has_not && strstr(buf_text(&b), cases[i].has_not))
			fail_msg("help %s: has %s", cases[i].topic, cases[i].has_not);
		buf_fini(&b);
	}
}

static void unknown_topic_names_the_nearest(void **state)
{
	struct buf b;

	buf_init(&b, TEXT_BYTES_MAX);
	assert_int_equal(options_help("--pakket-trace", &b), 0);
	assert_non_null(strstr(buf_text(&b), "the nearest option is --packet-trace"));
	buf_fini(&b);
}

/** Feed a text to a command's standard input. @return its exit status; skips without the command.
 */
static int pipe_into(const char *program, const char *command, const char *text)
{
	char probe[128];
	FILE *f;

	snprintf(probe, sizeof(probe), "command -v %s >/dev/null 2>&1", program);
	if (system(probe) != 0)
		skip();
	f = popen(command, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	return pclose(f);
}

static void bash_accepts_its_completion(void **state)
{
	struct buf b = text_of(options_completion_bash);

	assert_int_equal(pipe_into("bash", "bash -n", buf_text(&b)), 0);
	buf_fini(&b);
}

/** What bash itself completes with the generated function. */
static void bash_completes(void **state)
{
	static const char check[] =
		"\nCOMP_WORDS=(prtip --max-r); COMP_CWORD=1; _prtip\n"
		"[[ ${COMPREPLY[*]} == '--max-rate --max-retries --max-rtt-timeout' ]] || exit 1\n"
		"COMP_WORDS=(prtip --tx-backend af); COMP_CWORD=2; _prtip\n"
		"[[ ${COMPREPLY[*]} == 'afpacket afxdp afxdp-zc' ]] || exit 2\n";
	struct buf b = text_of(options_completion_bash);

	buf_puts(&b, check);
	assert_int_equal(pipe_into("bash", "bash --norc -s", buf_text(&b)), 0);
	buf_fini(&b);
}

static void zsh_accepts_its_completion(void **state)
{
	struct buf b = text_of(options_completion_zsh);

	assert_int_equal(pipe_into("zsh", "zsh -n /dev/stdin", buf_text(&b)), 0);
	buf_fini(&b);
}

/** groff prints nothing to stderr and the page is not empty. */
static void man_page_has_no_warning(void **state)
{
	struct buf b = text_of(options_man);

	assert_int_equal(pipe_into("man",
				   "out=$(LC_ALL=C MANWIDTH=80 man -l --warnings -P cat - 2>&1 "
				   ">/dev/null) && test -z \"$out\"",
				   buf_text(&b)),
			 0);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_text_mentions_every_option),
		cmocka_unit_test(list_has_one_spelling_a_line),
		cmocka_unit_test(help_fits_a_terminal),
		cmocka_unit_test(topics),
		cmocka_unit_test(unknown_topic_names_the_nearest),
		cmocka_unit_test(bash_accepts_its_completion),
		cmocka_unit_test(bash_completes),
		cmocka_unit_test(zsh_accepts_its_completion),
		cmocka_unit_test(man_page_has_no_warning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
