/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pieces of texts for the readers of application protocols: lines, words, versions, and fields that
 * keep them. Everything is a view of the answer until it is kept; what is kept has a ceiling and no
 * control bytes. CPE escapes: CPE 2.2 specification, section 5.
 */
#include "detect/app.h"
#include "detect/stock.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int app_magic(struct bytes in, const void *magic, size_t len)
{
	if (memcmp(in.p, magic, MIN(in.len, len)) != 0)
		return -E_SYNTAX;
	return in.len >= len;
}

struct bytes app_text(const char *text)
{
	return (struct bytes){(const uint8_t *)text, strlen(text)};
}

struct bytes app_skip(struct bytes in, size_t n)
{
	n = MIN(n, in.len);
	return (struct bytes){in.p + n, in.len - n};
}

struct bytes app_trim(struct bytes in)
{
	while (in.len && (isspace(in.p[0]) || !in.p[0]))
		in = app_skip(in, 1);
	while (in.len && (isspace(in.p[in.len - 1]) || !in.p[in.len - 1]))
		in.len--;
	return in;
}

struct bytes app_until(struct bytes in, const char *stops)
{
	for (size_t i = 0; i < in.len; i++)
		if (in.p[i] && strchr(stops, in.p[i]))
			return (struct bytes){in.p, i};
	return in;
}

bool app_starts(struct bytes in, const char *what)
{
	size_t i = 0;

	for (; what[i]; i++)
		if (i >= in.len || tolower(in.p[i]) != tolower((uint8_t)what[i]))
			return false;
	return true;
}

bool app_equals(struct bytes in, const char *what)
{
	return strlen(what) == in.len && app_starts(in, what);
}

bool app_find(struct bytes in, const char *what, struct bytes *ret_from_there)
{
	size_t n = strlen(what);

	for (size_t i = 0; i + n <= in.len; i++) {
		if (!app_starts(app_skip(in, i), what))
			continue;
		*ret_from_there = app_skip(in, i);
		return true;
	}
	return false;
}

bool app_line(struct bytes *in, struct bytes *ret_line)
{
	const uint8_t *end = in->len ? memchr(in->p, '\n', in->len) : NULL;

	if (!end)
		return false;
	*ret_line = (struct bytes){in->p, (size_t)(end - in->p)};
	*in = app_skip(*in, ret_line->len + 1);
	while (ret_line->len && ret_line->p[ret_line->len - 1] == '\r')
		ret_line->len--;
	return true;
}

struct bytes app_version(struct bytes in)
{
	size_t n = 0;

	if (!in.len || !isdigit(in.p[0]))
		return (struct bytes){in.p, 0};
	while (n < in.len && in.p[n] && (isalnum(in.p[n]) || strchr(".-_+~:", in.p[n])))
		n++;
	while (!isalnum(in.p[n - 1]) && in.p[n - 1] != '+')
		n--;
	return (struct bytes){in.p, n};
}

struct bytes app_between(struct bytes in, const char *before, const char *stops)
{
	struct bytes at;

	if (!app_find(in, before, &at))
		return (struct bytes){in.p, 0};
	return app_until(app_skip(at, strlen(before)), stops);
}

/* --- fields ---------------------------------------------------------------------- */

void app_put(struct app_facts *f, enum app_field field, struct bytes text)
{
	text = app_trim(text);
	size_t n = MIN(text.len, APP_FIELD_BYTES_MAX - 1);

	if (!n)
		return;
	for (size_t i = 0; i < n; i++)
		f->field[field][i] =
			(char)(text.p[i] < 0x20 || text.p[i] == 0x7f ? '.' : text.p[i]);
	/* a character of UTF-8 that was cut is left out whole */
	if (n < text.len && (text.p[n] & 0xc0) == 0x80) {
		while (n && (text.p[n] & 0xc0) == 0x80)
			n--;
	}
	f->field[field][n] = 0;
}

void app_puts(struct app_facts *f, enum app_field field, const char *text)
{
	app_put(f, field, app_text(text));
}

static void put_formatted(struct app_facts *f, enum app_field field, const char *fmt, va_list ap)
	PRINTF_LIKE(3, 0);
static void put_formatted(struct app_facts *f, enum app_field field, const char *fmt, va_list ap)
{
	char text[2 * APP_FIELD_BYTES_MAX];

	vsnprintf(text, sizeof(text), fmt, ap);
	app_puts(f, field, text);
}

void app_putf(struct app_facts *f, enum app_field field, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_formatted(f, field, fmt, ap);
	va_end(ap);
}

void app_addf(struct app_facts *f, enum app_field field, const char *fmt, ...)
{
	char text[APP_FIELD_BYTES_MAX], before[APP_FIELD_BYTES_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	memcpy(before, f->field[field], sizeof(before));
	app_putf(f, field, "%s%s%s", before, before[0] ? "; " : "", text);
}

void app_cpe(struct app_facts *f, const char *name, struct bytes version)
{
	if (f->n_cpe == APP_CPES_MAX)
		return;
	char *out = f->cpe[f->n_cpe++];
	size_t n = (size_t)snprintf(out, APP_FIELD_BYTES_MAX, "cpe:/%s%s", name,
				    version.len ? ":" : "");

	for (size_t i = 0; i < version.len && n + 4 < APP_FIELD_BYTES_MAX; i++) {
		uint8_t c = version.p[i];
		if (isalnum(c) || (c && strchr("._-", c)))
			out[n++] = (char)tolower(c);
		else
			n += (size_t)snprintf(out + n, 4, "%%%02x", c);
	}
	out[n] = 0;
	for (uint32_t i = 0; i + 1 < f->n_cpe; i++)
		if (strcmp(f->cpe[i], out) == 0) {
			f->n_cpe--;
			return;
		}
}

/* --- systems ----------------------------------------------------------------------- */

static const struct system {
	const char *word, *ostype, *cpe;
} systems[] = {
	{"Debian", "Linux", "o:linux:linux_kernel"},
	{"Ubuntu", "Linux", "o:linux:linux_kernel"},
	{"Raspbian", "Linux", "o:linux:linux_kernel"},
	{"CentOS", "Linux", "o:linux:linux_kernel"},
	{"Red Hat", "Linux", "o:linux:linux_kernel"},
	{"Fedora", "Linux", "o:linux:linux_kernel"},
	{"Rocky Linux", "Linux", "o:linux:linux_kernel"},
	{"AlmaLinux", "Linux", "o:linux:linux_kernel"},
	{"openSUSE", "Linux", "o:linux:linux_kernel"},
	{"SUSE", "Linux", "o:linux:linux_kernel"},
	{"Gentoo", "Linux", "o:linux:linux_kernel"},
	{"Alpine", "Linux", "o:linux:linux_kernel"},
	{"Amazon Linux", "Linux", "o:linux:linux_kernel"},
	{"Linux-Mandrake", "Linux", "o:linux:linux_kernel"},
	{"MandrakeLinux", "Linux", "o:linux:linux_kernel"},
	{"Mandriva", "Linux", "o:linux:linux_kernel"},
	{"Linux", "Linux", "o:linux:linux_kernel"},
	{"FreeBSD", "FreeBSD", "o:freebsd:freebsd"},
	{"NetBSD", "NetBSD", "o:netbsd:netbsd"},
	{"OpenBSD", "OpenBSD", "o:openbsd:openbsd"},
	{"SunOS", "Solaris", "o:sun:sunos"},
	{"WindowsNT", "Windows", "o:microsoft:windows"},
	{"Windows", "Windows", "o:microsoft:windows"},
	{"MSWin32", "Windows", "o:microsoft:windows"},
	{"Win32", "Windows", "o:microsoft:windows"},
	{"Win64", "Windows", "o:microsoft:windows"},
	{"Darwin", "Mac OS X", "o:apple:mac_os_x"},
};

/** Beside a system's name: what it is built for, and kinds of it. */
static const char additions[] =
	" microsoft xp vista sp1 sp2 sp3 prefork gnu linux kernel stream enterprise server core "
	"lts leap nt lenny squeeze wheezy jessie "
	"stretch buster bullseye bookworm trixie sid unstable testing stable x86 amd64 ia64 arm64 "
	"aarch64 armhf armv6l armv7l mips mipsel mips64 ppc64 ppc64le powerpc riscv64 s390x "
	"sparc64 ";

/** The next piece between blanks and the like. */
static struct bytes next_piece(struct bytes *in)
{
	while (in->len && strchr(" /-_+", in->p[0] ?: 'x'))
		*in = app_skip(*in, 1);
	struct bytes piece = app_until(*in, " /-_+");
	*in = app_skip(*in, piece.len);
	return piece;
}

static bool is_addition(struct bytes piece)
{
	if (piece.len > 1 && strchr("vri", tolower(piece.p[0]) ?: 'x') && isdigit(piece.p[1]))
		return true;
	return isdigit(piece.p[0]) || stock_is_listed(additions, sizeof(additions) - 1, piece);
}

static const struct system *system_at(struct bytes text)
{
	for (size_t i = 0; i < ARRAY_LEN(systems); i++) {
		size_t n = strlen(systems[i].word);
		if (app_starts(text, systems[i].word) && (text.len == n || !isalnum(text.p[n])))
			return &systems[i];
	}
	return NULL;
}

/** The system whose name is all of a text, but for versions and the like. */
static const struct system *system_of(struct bytes text)
{
	const struct system *is = NULL;

	text = app_trim(text);
	while (text.len) {
		const struct system *it = is ? NULL : system_at(text);
		if (it) {
			is = it;
			text = app_skip(text, strlen(it->word));
			continue;
		}
		struct bytes piece = next_piece(&text);
		if (piece.len && !is_addition(piece))
			return NULL;
	}
	return is;
}

bool app_is_system(struct bytes text)
{
	return system_of(text) != NULL;
}

bool app_os_of(struct app_facts *f, struct bytes text)
{
	while (text.len) {
		struct bytes part = app_until(text, ";,");
		const struct system *is = system_of(part);
		text = app_skip(text, part.len + 1);
		if (!is)
			continue;
		if (!f->field[APP_OSTYPE][0]) {
			app_puts(f, APP_OSTYPE, is->ostype);
			app_cpe(f, is->cpe, (struct bytes){NULL, 0});
		}
		return true;
	}
	return false;
}
