/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Finding and reading probe files. Our own, data/prtip-service-probes, is part of the program, so
 * that services are detected with nothing installed, and is read behind nmap's: it adds what that
 * one misses.
 */
#include "detect/svcfiles.h"

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

int svcfiles_open(const char *path, struct svcfiles *ret, struct err_where *reterr)
{
	struct svcfiles f = {0};
	struct bytes texts[2];
	const char *names[2];
	uint32_t n = 0;
	char own[MAPFILE_PATH_CAP];
	int err = path ? mapfile_open(path, SVC_FILE_BYTES_MAX, &f.file)
		       : mapfile_open_nmap("nmap-service-probes", SVC_FILE_BYTES_MAX, &f.file, own);

	if (path && err && err != -E_TRUNCATED)
		return err;
	if (f.file.text.p) {
		texts[n] = f.file.text;
		names[n++] = path ? path : own;
	}
	texts[n] = svcfiles_builtin();
	names[n++] = BUILTIN_NAME;
	err = svcdb_parse(texts, names, n, &f.db, reterr);
	if (err)
		svcfiles_close(&f);
	else
		*ret = f;
	return err;
}

void svcfiles_close(struct svcfiles *f)
{
	svcdb_free(f->db);
	mapfile_close(&f->file);
	*f = (struct svcfiles){0};
}
