/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Mapping files. Every reader of a data file opens it here, so that a pipe, a directory, an empty
 * or a huge file meets all of them alike.
 */
#include "base/mapfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int check(int fd, size_t max_bytes, size_t *ret_len)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -E_UNSUPPORTED;
	if (st.st_size == 0)
		return -E_TRUNCATED;
	*ret_len = (size_t)st.st_size;
	return *ret_len > max_bytes ? -EFBIG : 0;
}

int mapfile_open(const char *path, size_t max_bytes, struct mapfile *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t len = 0;

	if (fd < 0)
		return -errno;
	int err = check(fd, max_bytes, &len);
	void *map = err ? MAP_FAILED : mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (!err && map == MAP_FAILED)
		err = -errno;
	close(fd);
	if (!err)
		ret->text = (struct bytes){map, len};
	return err;
}

int mapfile_open_nmap(const char *name, size_t max_bytes, struct mapfile *ret,
		      char ret_path[MAPFILE_PATH_CAP])
{
	const char *const places[] = {secure_getenv("NMAPDIR"), "/usr/share/nmap",
				      "/usr/local/share/nmap"};
	int err = -ENOENT;

	for (size_t i = 0; i < ARRAY_LEN(places) && err; i++)
		if (places[i] && snprintf(ret_path, MAPFILE_PATH_CAP, "%s/%s", places[i], name) <
					 MAPFILE_PATH_CAP)
			err = mapfile_open(ret_path, max_bytes, ret);
	return err;
}

void mapfile_close(struct mapfile *m)
{
	if (m->text.p)
		munmap((void *)(uintptr_t)m->text.p, m->text.len);
	*m = (struct mapfile){.text = {NULL, 0}};
}
