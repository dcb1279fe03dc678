/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The entry: parse, answer help and version, run, exit. */
#include "cli/db.h"
#include "cli/merge.h"
#include "cli/options.h"
#include "cli/plan.h"
#include "cli/replay.h"
#include "cli/resume.h"
#include "cli/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { ARGS_MAX = 1 << 20, HELP_MAX = 1 << 20 };

/** The command line as one would type it again. */
static void quote_args(uint32_t argc, const char *const *argv, struct buf *b)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=./:,%@+[]";

	for (uint32_t i = 0; i < argc; i++) {
		const char *s = i ? argv[i] : "prtip";
		if (i)
			buf_putc(b, ' ');
		if (*s && strspn(s, plain) == strlen(s)) {
			buf_puts(b, s);
			continue;
		}
		buf_putc(b, '\'');
		for (; *s; s++) {
			if (*s == '\'')
				buf_puts(b, "'\\'");
			buf_putc(b, *s);
		}
		buf_putc(b, '\'');
	}
}

static int print_help(const char *topic)
{
	struct buf b;

	buf_init(&b, HELP_MAX);
	uint32_t n = options_help(topic, &b);
	fputs(buf_text(&b), stdout);
	buf_fini(&b);
	return fflush(stdout) != 0 ? EXIT_FATAL : n ? EXIT_DONE : EXIT_USAGE;
}

static int scan(const struct config *c, struct journal *resumed)
{
	struct buf args;

	buf_init(&args, ARGS_MAX);
	quote_args(c->argc, c->argv, &args);
	int code = run_scan(c, buf_text(&args), resumed);
	buf_fini(&args);
	return code;
}

/** The scan that the journal's own command line describes. */
static int resume(const char *path)
{
	struct journal *j;
	struct config c;
	struct opt_error e;
	int code = resume_open(path, &j);

	if (!j)
		return code;
	const struct journal_head *h = journal_head(j);
	if (options_parse((int)h->argc, (char **)(uintptr_t)h->argv, &c, &e) < 0 ||
	    !c.journal_file) {
		say_error("--resume \"%s\": its command line is none of a scan with a journal",
			  path);
		journal_close(j);
		code = EXIT_FATAL;
	} else {
		c.journal_file = path;
		c.is_confirmed = true;
		code = scan(&c, j);
	}
	config_fini(&c);
	return code;
}

static int run(const struct config *c)
{
	if (c->wants_help)
		return print_help(c->help_topic);
	if (c->wants_version) {
		printf("prtip version %s\n", PRTIP_VERSION);
		return fflush(stdout) != 0 ? EXIT_FATAL : EXIT_DONE;
	}
	if (c->wants_iflist)
		return run_iflist();
	if (c->wants_db)
		return run_db(c);
	if (c->wants_merge)
		return run_merge(c);
	if (c->wants_replay)
		return run_replay(c);
	return c->resume_file ? resume(c->resume_file) : scan(c, NULL);
}

/**
 * A standard descriptor that the caller closed would be taken by the next file or socket. Standard
 * output becomes a device that is always full, so that a lost report is an error.
 */
static void hold_standard_fds(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)!open(fd == 1 ? "/dev/full" : "/dev/null", O_RDWR);
}

int main(int argc, char **argv)
{
	struct config c;
	struct opt_error e;
	int code = EXIT_USAGE;

	hold_standard_fds();
	if (options_parse(argc, argv, &c, &e) < 0)
		say_error("%s", e.text);
	else
		code = run(&c);
	config_fini(&c);
	return code;
}
