/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The entry: parse, answer help and version, run, exit. */
#include "cli/options.h"
#include "cli/plan.h"
#include "cli/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { ARGS_MAX = 1 << 20, HELP_MAX = 1 << 20 };

/** The command line as one would type it again. */
static void quote_args(int argc, char **argv, struct buf *b)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=./:,%@+[]";

	for (int i = 0; i < argc; i++) {
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

static int run(const struct config *c, int argc, char **argv)
{
	struct buf args;

	if (c->wants_help)
		return print_help(c->help_topic);
	if (c->wants_version) {
		printf("prtip version %s\n", PRTIP_VERSION);
		return fflush(stdout) != 0 ? EXIT_FATAL : EXIT_DONE;
	}
	if (c->wants_iflist)
		return run_iflist();
	buf_init(&args, ARGS_MAX);
	quote_args(argc, argv, &args);
	int code = run_scan(c, buf_text(&args));
	buf_fini(&args);
	return code;
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
		code = run(&c, argc, argv);
	config_fini(&c);
	return code;
}
