/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What this machine counts: CPU time of the process, CPU time that a hypervisor took away
 * (/proc/stat, proc(5)), packets that connection tracking dropped (/proc/net/stat/nf_conntrack, a
 * line of hexadecimal columns for each core under a line of names). Read at the start and the end
 * of a scan.
 */
#include "base/clock.h"
#include "engine/bottleneck.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FILE_MAX_BYTES = 32768, STEAL_COLUMN = 7, STAT_COLUMNS = 8 };

bool machine_parse_stat(const char *text, uint64_t *ret_total, uint64_t *ret_stolen)
{
	uint64_t total = 0, stolen = 0;
	char *end;

	if (strncmp(text, "cpu ", 4) != 0)
		return false;
	text += 4;
	for (uint32_t i = 0; i < STAT_COLUMNS; i++, text = end) {
		uint64_t v = strtoull(text, &end, 10);
		if (end == text)
			return false;
		total += v;
		stolen = i == STEAL_COLUMN ? v : 0;
	}
	*ret_total = total;
	*ret_stolen = stolen;
	return true;
}

/** Index of a word in a line of words, or -1. */
static int column_of(const char *line, const char *word)
{
	size_t len = strlen(word);

	for (int i = 0; *line && *line != '\n'; i++) {
		size_t n = strcspn(line, " \n");
		if (n == len && memcmp(line, word, n) == 0)
			return i;
		line += n + strspn(line + n, " ");
	}
	return -1;
}

bool machine_parse_tracking(const char *text, uint64_t *ret_drops)
{
	int column = column_of(text, "drop");
	uint64_t sum = 0;

	if (column < 0)
		return false;
	for (text = strchr(text, '\n'); text && *++text; text = strchr(text, '\n')) {
		for (int i = 0; i < column; i++)
			text += strcspn(text, " \n") + strspn(text + strcspn(text, " \n"), " ");
		sum += strtoull(text, NULL, 16);
	}
	*ret_drops = sum;
	return true;
}

/** @return bytes, the text ended by 0; 0 when it cannot be read. */
static size_t read_file(const char *path, char *out, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 1;

	while (fd >= 0 && n > 0 && len < cap - 1) {
		n = read(fd, out + len, cap - 1 - len);
		len += n > 0 ? (size_t)n : 0;
	}
	if (fd >= 0)
		close(fd);
	out[len] = 0;
	return len;
}

void machine_read(struct machine_state *ret, bool reads_files)
{
	char text[FILE_MAX_BYTES];
	struct timespec ts = {0};

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	*ret = (struct machine_state){.mono_ns = clock_now_ns(),
				      .cpu_ns = (uint64_t)ts.tv_sec * NS_PER_S +
						(uint64_t)ts.tv_nsec};
	if (!reads_files)
		return;
	if (read_file("/proc/stat", text, 512) &&
	    !machine_parse_stat(text, &ret->n_jiffies, &ret->n_stolen))
		ret->n_jiffies = 0;
	if (read_file("/proc/net/stat/nf_conntrack", text, sizeof(text)) &&
	    !machine_parse_tracking(text, &ret->n_tracking_drops))
		ret->n_tracking_drops = 0;
}
