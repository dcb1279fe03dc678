/* SPDX-License-Identifier: GPL-3.0-or-later */
/* log.c: levels, the limit per site and second, clean lines. stderr is a temporary file meanwhile.
 */
#include "base/clock.h"
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct capture {
	FILE *file;
	int saved_fd;
};

static struct capture capture_start(void)
{
	struct capture c = {tmpfile(), dup(STDERR_FILENO)};

	dup2(fileno(c.file), STDERR_FILENO);
	return c;
}

/* @return lines written since the start; the text goes to out. */
static int capture_stop(struct capture *c, char *out, size_t cap)
{
	int n_lines = 0;
	size_t n;

	dup2(c->saved_fd, STDERR_FILENO);
	close(c->saved_fd);
	rewind(c->file);
	n = fread(out, 1, cap - 1, c->file);
	out[n] = '\0';
	fclose(c->file);
	for (size_t i = 0; i < n; i++)
		n_lines += out[i] == '\n';
	return n_lines;
}

static void levels(void **state)
{
	char text[2048];
	struct capture c = capture_start();

	log_set_level(LOG_WARN);
	log_at(LOG_NOTE, "route", "not said");
	log_at(LOG_WARN, "route", "no neighbour for %s", "10.0.0.1");
	log_set_level(LOG_DEBUG);
	log_at(LOG_DEBUG, "tx", "batch of %d", 7);
	log_at(LOG_TRACE, "tx", "not said");
	assert_int_equal(capture_stop(&c, text, sizeof(text)), 2);
	assert_string_equal(text, "prtip: warning: route: no neighbour for 10.0.0.1\n"
				  "prtip: debug: tx: batch of 7\n");
	assert_int_equal(log_get_level(), LOG_DEBUG);
	log_set_level(LOG_WARN);
}

static void ten_a_second(void **state)
{
	char text[4096];
	struct log_site site = {0};
	struct capture c = capture_start();

	clock_fake_set(5 * NS_PER_S);
	for (int i = 0; i < 25; i++)
		log_emit(&site, LOG_ERROR, "x", "line %d", i);
	clock_fake_set(6 * NS_PER_S);
	log_emit(&site, LOG_ERROR, "x", "later");
	log_emit(&site, LOG_ERROR, "x", "again");
	clock_fake_set(0);
	assert_int_equal(capture_stop(&c, text, sizeof(text)), 12);
	assert_non_null(strstr(text, "line 9\n"));
	assert_null(strstr(text, "line 10\n"));
	assert_non_null(strstr(text, "prtip: error: x: (15 held back) later\n"));
	assert_non_null(strstr(text, "prtip: error: x: again\n"));
}

static void lines_stay_lines(void **state)
{
	char big[2000], text[4096];
	struct log_site site = {0};
	struct capture c = capture_start();

	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	log_emit(&site, LOG_ERROR, "x", "a\nb\x1b[2Jc");
	log_emit(&site, LOG_ERROR, big, "%s", big);
	assert_int_equal(capture_stop(&c, text, sizeof(text)), 2);
	assert_non_null(strstr(text, "x: a.b.[2Jc\n"));
	assert_true(strlen(text) < 600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels),
		cmocka_unit_test(ten_a_second),
		cmocka_unit_test(lines_stay_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
