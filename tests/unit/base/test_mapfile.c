/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that are mapped and those that are refused; where nmap's are looked for. */
#include "base/mapfile.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/prtip-mapfile-XXXXXX";

static const char *at(const char *name)
{
	static char path[200];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(at(name), "w");

	assert_non_null(f);
	(void)fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static int make(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	put("full", "text");
	put("empty", "");
	return mkfifo(at("pipe"), 0600);
}

static int drop(void **state)
{
	static const char *const names[] = {"full", "empty", "pipe"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		(void)unlink(at(names[i]));
	return rmdir(dir);
}

static void kinds_of_files(void **state)
{
	static const struct {
		const char *name;
		size_t max_bytes;
		int want;
	} rows[] = {{"full", 4, 0},         {"full", 3, -EFBIG},  {"empty", 9, -E_TRUNCATED},
		    {"", 9, -EISDIR},       {"none", 9, -ENOENT}, {"pipe", 9, -E_UNSUPPORTED},
		    {"full/x", 9, -ENOTDIR}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mapfile m = {.text = {NULL, 0}};
		assert_int_equal(mapfile_open(at(rows[i].name), rows[i].max_bytes, &m),
				 rows[i].want);
		assert_int_equal(m.text.p != NULL, rows[i].want == 0);
		if (!rows[i].want)
			assert_memory_equal(m.text.p, "text", m.text.len);
		mapfile_close(&m);
		assert_null(m.text.p);
	}
}

static void nmap_directory(void **state)
{
	struct mapfile m = {.text = {NULL, 0}};
	char path[MAPFILE_PATH_CAP];

	(void)state;
	assert_int_equal(setenv("NMAPDIR", dir, 1), 0);
	assert_int_equal(mapfile_open_nmap("full", 9, &m, path), 0);
	assert_string_equal(path, at("full"));
	mapfile_close(&m);
	assert_int_equal(mapfile_open_nmap("prtip-none", 9, &m, path), -ENOENT);
	assert_string_equal(path, "/usr/local/share/nmap/prtip-none");
	assert_int_equal(unsetenv("NMAPDIR"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_of_files),
		cmocka_unit_test(nmap_directory),
	};

	return cmocka_run_group_tests(tests, make, drop);
}
