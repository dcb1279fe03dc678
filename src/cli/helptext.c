/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Everything a reader sees of the option table, generated from it: help on the terminal, man page,
 * shell completions, the Markdown reference, the bare list. Each generator is one walk over the
 * rows and its own quoting; none names an option. Sources: man(7) and groff_man(7), bash(1)
 * "Programmable Completion", zshcompsys(1) _arguments.
 */
#include "cli/options.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HELP_COLUMN 30 /* where the texts begin */
#define HELP_WIDTH  80

static const char synopsis[] = "prtip [OPTIONS] TARGET...";
static const char targets_text[] =
	"TARGET is an address, a network (192.0.2.0/24, 2001:db8::/120), a range (192.0.2.1-20, "
	"10.0-3.1,5.*) or a name.";

/** "-g, --source-port PORT" */
static void put_syntax(const struct opt_spec *o, struct buf *b)
{
	if (o->short_name)
		buf_printf(b, "-%s", o->short_name);
	if (o->long_name)
		buf_printf(b, "%s--%s", o->short_name ? ", " : "", o->long_name);
	if (opt_takes_value(o))
		buf_printf(b, o->absent ? "[%s]" : " %s", o->metavar);
}

/** The default as a sentence part: "default 250ms", "default auto"; nothing for flags and texts. */
static bool put_default(const struct opt_spec *o, struct buf *b)
{
	if (o->kind == OPT_CHOICE) {
		buf_printf(b, "default %s", o->choices[0]);
		return true;
	}
	if (!o->dflt && !o->zero)
		return false;
	buf_puts(b, "default ");
	if (o->dflt)
		opt_put_number(o, o->dflt, b);
	else
		buf_puts(b, o->zero);
	return true;
}

/** Words of @p text from column @p col on, continued at @p indent. */
static void put_wrapped(struct buf *b, const char *text, size_t col, size_t indent)
{
	bool is_first = true;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (!is_first && col + 1 + len > HELP_WIDTH) {
			buf_printf(b, "\n%*s", (int)indent, "");
			col = indent;
		} else if (!is_first) {
			buf_putc(b, ' ');
			col++;
		}
		buf_put(b, text, len);
		col += len;
		is_first = false;
		text += len + strspn(text + len, " ");
	}
	buf_putc(b, '\n');
}

/** What the reference says of a value: help, then choices or default. */
static void put_sentence(const struct opt_spec *o, struct buf *b)
{
	buf_puts(b, o->help);
	if (o->kind == OPT_CHOICE) {
		buf_puts(b, ": ");
		opt_put_want(o, b);
	}
	if (o->kind == OPT_CHOICE || o->dflt || o->zero) {
		buf_puts(b, " (");
		put_default(o, b);
		buf_putc(b, ')');
	}
}

static void put_help_row(const struct opt_spec *o, struct buf *b)
{
	struct buf text;
	size_t start = b->len, col;

	buf_init(&text, 4096);
	buf_puts(b, "  ");
	put_syntax(o, b);
	col = b->len - start;
	if (col + 2 > HELP_COLUMN) {
		buf_putc(b, '\n');
		col = 0;
	}
	buf_printf(b, "%*s", (int)(HELP_COLUMN - col), "");
	put_sentence(o, &text);
	put_wrapped(b, buf_text(&text), HELP_COLUMN, HELP_COLUMN);
	buf_fini(&text);
}

/** The row with bounds and its relation to nmap, for a topic. */
static void put_help_detail(const struct opt_spec *o, struct buf *b)
{
	put_help_row(o, b);
	buf_printf(b, "%*s", HELP_COLUMN, "");
	if (opt_takes_value(o) || o->kind == OPT_COUNT) {
		struct buf want;

		buf_init(&want, 512);
		buf_puts(&want, "Value: ");
		opt_put_want(o, &want);
		put_wrapped(b, buf_text(&want), HELP_COLUMN, HELP_COLUMN);
		buf_printf(b, "%*s", HELP_COLUMN, "");
		buf_fini(&want);
	}
	buf_printf(b, "[%s; %s]\n", opt_group_title(o->group), opt_nmap_text(o->nmap));
}

/** Whether a word of @p text begins with @p topic: "rate" is in "max-rate", not in "separated". */
static bool contains(const char *text, const char *topic)
{
	for (const char *s = text; s && (s = strcasestr(s, topic)); s++)
		if (s == text || !isalnum((unsigned char)s[-1]))
			return true;
	return false;
}

/** @p topic may carry the dashes of an option; then only names count. */
static bool is_about(const struct opt_spec *o, const char *topic)
{
	size_t n_dashes = strspn(topic, "-");
	const char *word = topic + n_dashes;

	if (n_dashes == 1 && o->short_name)
		return strcmp(o->short_name, word) == 0;
	if (n_dashes)
		return n_dashes == 2 && o->long_name &&
		       strncasecmp(o->long_name, word, strlen(word)) == 0;
	return (o->short_name && strcmp(o->short_name, word) == 0) ||
	       contains(o->long_name, word) || contains(opt_group_title(o->group), word) ||
	       contains(o->help, word) || contains(o->unit, word);
}

static uint32_t help_topic(const char *topic, struct buf *b)
{
	char near[OPT_NAME_CAP];
	uint32_t n = 0;

	for (uint32_t i = 0; i < cmd_table_n; i++) {
		if (contains(cmd_table[i].name, topic)) {
			buf_printf(b, "prtip %s\n%*s", cmd_table[i].syntax, HELP_COLUMN, "");
			put_wrapped(b, cmd_table[i].help, HELP_COLUMN, HELP_COLUMN);
			n++;
		}
	}
	for (uint32_t i = 0; i < opt_table_n; i++) {
		if (is_about(&opt_table[i], topic)) {
			put_help_detail(&opt_table[i], b);
			n++;
		}
	}
	if (!n)
		buf_printf(b, "Nothing about \"%.80s\"; %s%s.\n", topic,
			   *options_nearest(topic, near) ? "the nearest option is "
							 : "prtip --help lists every option",
			   near);
	return n;
}

uint32_t options_help(const char *topic, struct buf *b)
{
	if (topic && *topic)
		return help_topic(topic, b);
	buf_printf(b, "prtip " PRTIP_VERSION ", a network scanner\nUsage: %s\n", synopsis);
	for (uint32_t i = 0; i < cmd_table_n; i++)
		buf_printf(b, "       prtip %s\n", cmd_table[i].syntax);
	put_wrapped(b, targets_text, 0, 0);
	for (uint32_t i = 0; i < opt_table_n; i++) {
		if (i == 0 || opt_table[i].group != opt_table[i - 1].group)
			buf_printf(b, "\n%s:\n", opt_group_title(opt_table[i].group));
		put_help_row(&opt_table[i], b);
	}
	return opt_table_n;
}

/* ---- man page ---- */

/** Text of a man page: dashes stay dashes, no line is a request. */
static void put_roff(const char *s, struct buf *b)
{
	if (*s == '.' || *s == '\'')
		buf_puts(b, "\\&");
	for (; *s; s++) {
		if (*s == '-' || *s == '\\')
			buf_puts(b, *s == '-' ? "\\-" : "\\e");
		else
			buf_putc(b, *s);
	}
}

static void put_man_row(const struct opt_spec *o, struct buf *b)
{
	struct buf text;

	buf_init(&text, 4096);
	buf_puts(b, ".TP\n");
	if (o->short_name)
		buf_printf(b, "\\fB\\-%s\\fR", o->short_name);
	if (o->long_name) {
		buf_puts(b, o->short_name ? ", \\fB\\-\\-" : "\\fB\\-\\-");
		put_roff(o->long_name, b);
		buf_puts(b, "\\fR");
	}
	if (opt_takes_value(o))
		buf_printf(b, o->absent ? "[\\fI%s\\fR]" : " \\fI%s\\fR", o->metavar);
	buf_putc(b, '\n');
	put_sentence(o, &text);
	buf_puts(&text, ".");
	if (opt_takes_value(o)) {
		buf_puts(&text, " Value: ");
		opt_put_want(o, &text);
		buf_putc(&text, '.');
	}
	buf_printf(&text, " [%s]", opt_nmap_text(o->nmap));
	put_roff(buf_text(&text), b);
	buf_putc(b, '\n');
	buf_fini(&text);
}

/** What the option table does not know. */
static void put_man_end(struct buf *b)
{
	buf_puts(b, ".SH EXIT STATUS\n"
		    ".TP\n.B 0\nThe scan was done.\n"
		    ".TP\n.B 1\nIt could not be started, or broke off.\n"
		    ".TP\n.B 2\nThe command line, a target or a port list is wrong, or a very wide "
		    "scan was not confirmed.\n"
		    ".TP\n.B 3\nThe scan was done, but an output could not be written completely.\n"
		    ".TP\n.B 130\nInterrupted; outputs are valid and hold what was known.\n");
	buf_puts(b, ".SH FILES\n"
		    ".TP\n.I /usr/share/nmap/nmap\\-services\n"
		    "Names and frequencies of ports, from the package nmap\\-common; a built\\-in "
		    "table without it.\n"
		    ".TP\n.I /usr/share/nmap/nmap\\-mac\\-prefixes\n"
		    "Vendors of network cards, from the same package.\n"
		    ".TP\n.I /etc/hosts\nNames, before the name servers are asked.\n");
	buf_puts(b, ".SH SEE ALSO\n.BR nmap (1),\n.BR capabilities (7)\n");
}

void options_man(struct buf *b)
{
	buf_puts(b, ".TH PRTIP 1 \"\" \"prtip " PRTIP_VERSION "\" \"User Commands\"\n");
	buf_puts(b, ".SH NAME\nprtip \\- network scanner\n.SH SYNOPSIS\n.B "
		    "prtip\n[\\fIOPTIONS\\fR] \\fITARGET\\fR...\n");
	for (uint32_t i = 0; i < cmd_table_n; i++)
		buf_printf(b, ".br\n.B prtip %s\n", cmd_table[i].syntax);
	buf_puts(b, ".SH DESCRIPTION\n");
	buf_puts(b, "Finds the hosts and ports that answer in the given targets.\n");
	put_roff(targets_text, b);
	buf_puts(b, "\nOptions and targets may stand in any order; \\fB\\-\\-\\fR ends the "
		    "options. A long option may be cut to an\n"
		    "unambiguous beginning.\n.SH OPTIONS\n");
	for (uint32_t i = 0; i < opt_table_n; i++) {
		if (i == 0 || opt_table[i].group != opt_table[i - 1].group)
			buf_printf(b, ".SS %s\n", opt_group_title(opt_table[i].group));
		put_man_row(&opt_table[i], b);
	}
	buf_puts(b, ".SH COMMANDS\n");
	for (uint32_t i = 0; i < cmd_table_n; i++) {
		buf_printf(b, ".TP\n.B %s\n", cmd_table[i].syntax);
		put_roff(cmd_table[i].help, b);
		buf_putc(b, '\n');
	}
	put_man_end(b);
}

/* ---- lists and completions ---- */

static void put_spellings(const struct opt_spec *o, const char *between, struct buf *b)
{
	if (o->short_name)
		buf_printf(b, "-%s", o->short_name);
	if (o->short_name && o->long_name)
		buf_puts(b, between);
	if (o->long_name)
		buf_printf(b, "--%s", o->long_name);
}

void options_list(struct buf *b)
{
	for (uint32_t i = 0; i < opt_table_n; i++) {
		put_spellings(&opt_table[i], "\n", b);
		buf_putc(b, '\n');
	}
}

/** Whatever completes the value: choices, files, or nothing. */
static void put_bash_case(const struct opt_spec *o, struct buf *b)
{
	buf_puts(b, "\t");
	put_spellings(o, "|", b);
	buf_puts(b, ")\n\t\t");
	if (o->kind == OPT_CHOICE) {
		buf_puts(b, "COMPREPLY=($(compgen -W '");
		for (size_t i = 0; o->choices[i]; i++)
			buf_printf(b, "%s%s", i ? " " : "", o->choices[i]);
		buf_puts(b, "' -- \"$cur\"))\n");
	} else if (o->kind == OPT_PATH) {
		buf_puts(b, "COMPREPLY=($(compgen -f -- \"$cur\"))\n");
	} else {
		buf_puts(b, "COMPREPLY=()\n");
	}
	buf_puts(b, "\t\treturn\n\t\t;;\n");
}

void options_completion_bash(struct buf *b)
{
	buf_puts(b,
		 "# bash completion for prtip\n_prtip()\n{\n\tlocal cur=${COMP_WORDS[COMP_CWORD]}\n"
		 "\tlocal prev=${COMP_WORDS[COMP_CWORD-1]}\n\tcase $prev in\n");
	for (uint32_t i = 0; i < opt_table_n; i++)
		if (opt_takes_value(&opt_table[i]) && !opt_table[i].absent)
			put_bash_case(&opt_table[i], b);
	buf_puts(b, "\tesac\n\tif [[ $cur == -* ]]; then\n\t\tCOMPREPLY=($(compgen -W '");
	for (uint32_t i = 0; i < opt_table_n; i++) {
		buf_puts(b, i ? "\n\t\t\t" : "");
		put_spellings(&opt_table[i], " ", b);
	}
	buf_puts(b, "' -- \"$cur\"))\n\telse\n\t\tCOMPREPLY=($(compgen -A hostname -- "
		    "\"$cur\"))\n\tfi\n}\n"
		    "complete -F _prtip prtip\n");
}

/** Text inside a single-quoted _arguments spec: no quote, bracket or colon survives unescaped. */
static void put_zsh(const char *s, struct buf *b)
{
	for (; *s; s++) {
		if (*s == '\'')
			buf_puts(b, "'\\''");
		else if (strchr("[]:\\", *s))
			buf_printf(b, "\\%c", *s);
		else
			buf_putc(b, *s);
	}
}

static void put_zsh_spec(const struct opt_spec *o, const char *dashes, const char *name,
			 struct buf *b)
{
	bool is_repeatable = o->kind == OPT_COUNT || o->kind == OPT_LIST || o->kind == OPT_ADDR;

	buf_printf(b, "\t'%s%s%s%s[", is_repeatable ? "*" : "", dashes, name,
		   o->absent                         ? "-"
		   : opt_takes_value(o) && dashes[1] ? "="
						     : "");
	put_zsh(o->help, b);
	buf_putc(b, ']');
	if (opt_takes_value(o)) {
		buf_puts(b, o->absent ? "::" : ":");
		put_zsh(o->metavar, b);
		buf_putc(b, ':');
	}
	if (o->kind == OPT_PATH)
		buf_puts(b, "_files");
	if (o->kind == OPT_CHOICE) {
		buf_putc(b, '(');
		for (size_t i = 0; o->choices[i]; i++)
			buf_printf(b, "%s%s", i ? " " : "", o->choices[i]);
		buf_putc(b, ')');
	}
	buf_puts(b, "' \\\n");
}

void options_completion_zsh(struct buf *b)
{
	buf_puts(b, "#compdef prtip\n_arguments \\\n");
	for (uint32_t i = 0; i < opt_table_n; i++) {
		if (opt_table[i].short_name)
			put_zsh_spec(&opt_table[i], "-", opt_table[i].short_name, b);
		if (opt_table[i].long_name)
			put_zsh_spec(&opt_table[i], "--", opt_table[i].long_name, b);
	}
	buf_puts(b, "\t'*:target:_hosts'\n");
}

/* ---- reference ---- */

static void put_markdown(const char *s, struct buf *b)
{
	for (; *s; s++) {
		if (strchr("|*<_\\", *s))
			buf_putc(b, '\\');
		buf_putc(b, *s);
	}
}

static void put_markdown_row(const struct opt_spec *o, struct buf *b)
{
	struct buf text;

	buf_init(&text, 4096);
	buf_puts(b, "| `");
	put_syntax(o, b);
	buf_puts(b, "` | ");
	put_markdown(o->help, b);
	buf_puts(b, " | ");
	if (opt_takes_value(o) || o->kind == OPT_COUNT)
		opt_put_want(o, &text);
	put_markdown(buf_text(&text), b);
	buf_puts(b, " | ");
	buf_reset(&text);
	if (put_default(o, &text))
		put_markdown(buf_text(&text) + strlen("default "), b);
	buf_printf(b, " | %s |\n", opt_nmap_text(o->nmap));
	buf_fini(&text);
}

void options_markdown(struct buf *b)
{
	buf_printf(
		b,
		"# Options of prtip\n\nGenerated from the option table; do not edit.\n\n    %s\n\n",
		synopsis);
	put_markdown(targets_text, b);
	buf_putc(b, '\n');
	for (uint32_t i = 0; i < opt_table_n; i++) {
		if (i == 0 || opt_table[i].group != opt_table[i - 1].group)
			buf_printf(b,
				   "\n## %s\n\n| option | meaning | value | default | relation "
				   "|\n|---|---|---|---|---|\n",
				   opt_group_title(opt_table[i].group));
		put_markdown_row(&opt_table[i], b);
	}
	buf_puts(b, "\n## Commands\n\n| command | meaning |\n|---|---|\n");
	for (uint32_t i = 0; i < cmd_table_n; i++)
		buf_printf(b, "| `prtip %s` | %s |\n", cmd_table[i].syntax, cmd_table[i].help);
}
