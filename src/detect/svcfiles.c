/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Finding and reading probe files. Our own, data/prtip-service-probes, is part of the program, so
 * that services are detected with nothing installed, and is read behind nmap's: it adds what that
 * one misses.
 */
#include "detect/svcfiles.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUILTIN_NAME "prtip-service-probes (built in)"

/* The file's bytes, put here by the assembler. */
__asm__(".pushsection .rodata\n"
	".globl svcfiles_builtin_start, svcfiles_builtin_end\n"
	"svcfiles_builtin_start: .incbin \"" PRTIP_SERVICE_PROBES "\"\n"
	"svcfiles_builtin_end: .byte 0\n"
	".popsection\n");
extern const uint8_t svcfiles_builtin_start[] __attribute__((visibility("hidden")));
extern const uint8_t svcfiles_builtin_end[] __attribute__((visibility("hidden")));

struct bytes svcfiles_builtin(void)
{
	return (struct bytes){svcfiles_builtin_start,
			      (size_t)(svcfiles_builtin_end - svcfiles_builtin_start)};
}

static int map_file(const char *path, struct svcfiles *f)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = -EINVAL;
	else if (st.st_size > SVC_FILE_BYTES_MAX)
		err = -EFBIG;
	if (!err && st.st_size) {
		f->map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		f->map_len = (size_t)st.st_size;
		if (f->map == MAP_FAILED) {
			err = -errno;
			f->map = NULL;
		}
	}
	close(fd);
	return err;
}

/** @return the file that was mapped, or NULL: there is none. */
static const char *map_installed(struct svcfiles *f, char own[4096])
{
	static const char *const places[] = {"/usr/share/nmap/nmap-service-probes",
					     "/usr/local/share/nmap/nmap-service-probes"};
	const char *dir = secure_getenv("NMAPDIR");

	if (dir && snprintf(own, 4096, "%s/nmap-service-probes", dir) < 4096 &&
	    map_file(own, f) == 0)
		return own;
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (map_file(places[i], f) == 0)
			return places[i];
	return NULL;
}

int svcfiles_open(const char *path, struct svcfiles *ret, struct err_where *reterr)
{
	struct svcfiles f = {0};
	struct bytes texts[2];
	const char *names[2];
	uint32_t n = 0;
	char own[4096];

	if (path) {
		int err = map_file(path, &f);
		if (err)
			return err;
	} else {
		path = map_installed(&f, own);
	}
	if (f.map) {
		texts[n] = (struct bytes){f.map, f.map_len};
		names[n++] = path;
	}
	texts[n] = svcfiles_builtin();
	names[n++] = BUILTIN_NAME;
	int err = svcdb_parse(texts, names, n, &f.db, reterr);
	if (err)
		svcfiles_close(&f);
	else
		*ret = f;
	return err;
}

void svcfiles_close(struct svcfiles *f)
{
	svcdb_free(f->db);
	if (f->map)
		munmap(f->map, f->map_len);
	*f = (struct svcfiles){0};
}
