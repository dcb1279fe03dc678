/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Replays a corpus through a fuzz target without a fuzzing engine, so that every build and every
 * compiler runs the inputs. Each argument is a file or a directory of files; an input is copied to
 * a block of exactly its size, where a sanitizer or valgrind sees one byte too far.
 * No input at all is a failure: an empty corpus proves nothing.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static int replay_file(const char *path)
{
	FILE *in = fopen(path, "rb");
	struct stat st;
	uint8_t *bytes;
	size_t n;

	if (!in || fstat(fileno(in), &st) < 0) {
		perror(path);
		if (in)
			fclose(in);
		return -1;
	}
	n = (size_t)st.st_size;
	bytes = malloc(n);
	if ((bytes || !n) && fread(bytes, 1, n, in) == n)
		LLVMFuzzerTestOneInput(bytes, n);
	else
		n = SIZE_MAX;
	fclose(in);
	free(bytes);
	return n == SIZE_MAX ? -1 : 0;
}

static int is_visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

/* @return inputs replayed, -1 when one could not be read. */
static int replay_path(const char *path)
{
	struct dirent **list;
	int n = scandir(path, &list, is_visible, alphasort), rc = 0;
	char file[4096];

	if (n < 0)
		return replay_file(path) < 0 ? -1 : 1;
	for (int i = 0; i < n; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, list[i]->d_name);
		rc |= replay_file(file);
		free(list[i]);
	}
	free(list);
	return rc < 0 ? -1 : n;
}

int main(int argc, char **argv)
{
	int n_inputs = 0;

	for (int i = 1; i < argc; i++) {
		int n = replay_path(argv[i]);

		if (n < 0)
			return 1;
		n_inputs += n;
	}
	printf("%d inputs\n", n_inputs);
	return n_inputs ? 0 : 1;
}
