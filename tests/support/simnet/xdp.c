/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Loading the fast half: configuration into its read-only data, sizes of its maps, attachment to
 * the interface, and its memory mapped into ours, so that both halves count in one place. The
 * attachment is a link, which ends with this process however that ends.
 */
#include "daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

__attribute__((format(printf, 2, 0))) static int quiet(enum libbpf_print_level level,
						       const char *format, va_list args)
{
	if (getenv("SIMNET_BPF_LOG"))
		vfprintf(stderr, format, args);
	return 0;
}

static void *map_memory(const struct simnet *s, const char *name, size_t len)
{
	long page = sysconf(_SC_PAGESIZE);
	int fd = bpf_object__find_map_fd_by_name(s->obj, name);
	size_t whole = (len + (size_t)page - 1) / (size_t)page * (size_t)page;
	void *p = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

static uint32_t n_cell_words(const struct simnet *s)
{
	return (uint32_t)(s->conf.counted.n_hosts * s->conf.counted.n_ports / 8 + 1);
}

static int open_object(struct simnet *s, const char **why)
{
	struct bpf_map *rodata, *cells, *limits;

	s->obj = bpf_object__open_file(s->opt.bpf, NULL);
	if (!s->obj) {
		*why = "no XDP program";
		return -1;
	}
	rodata = bpf_object__find_map_by_name(s->obj, ".rodata");
	cells = bpf_object__find_map_by_name(s->obj, "cells");
	limits = bpf_object__find_map_by_name(s->obj, "limits");
	*why = "the XDP program is not of this build";
	if (!rodata || !cells || !limits ||
	    bpf_map__set_initial_value(rodata, &s->conf, sizeof(s->conf)) ||
	    bpf_map__set_max_entries(cells, n_cell_words(s)) ||
	    bpf_map__set_max_entries(limits, s->conf.n_limits))
		return -1;
	*why = "the kernel does not load the XDP program";
	return bpf_object__load(s->obj) ? -1 : 0;
}

static int share_memory(struct simnet *s)
{
	uint64_t *port_index = map_memory(s, "port_index", 65536 * sizeof(*port_index));

	s->cells = map_memory(s, "cells", n_cell_words(s) * sizeof(*s->cells));
	s->limits = map_memory(s, "limits", s->conf.n_limits * sizeof(*s->limits));
	if (!port_index || !s->cells || !s->limits)
		return -1;
	if (s->port_index)
		memcpy(port_index, s->port_index, 65536 * sizeof(*port_index));
	munmap(port_index, 65536 * sizeof(*port_index));
	return 0;
}

int sim_xdp_start(struct simnet *s, const char **why)
{
	libbpf_set_print(quiet);
	if (open_object(s, why))
		goto fail;
	*why = "no memory for the XDP program";
	if (share_memory(s))
		goto fail;
	s->counters_fd = bpf_object__find_map_fd_by_name(s->obj, "counters");
	*why = "the interface takes no XDP program";
	s->link = bpf_program__attach_xdp(bpf_object__find_program_by_name(s->obj, "simnet"),
					  s->ifindex);
	if (s->link)
		return 0;
fail:
	sim_xdp_stop(s);
	return -1;
}

void sim_xdp_stop(struct simnet *s)
{
	if (!s->obj)
		return;
	bpf_link__destroy(s->link);
	bpf_object__close(s->obj);
	s->link = NULL;
	s->obj = NULL;
	s->cells = NULL;
	s->limits = NULL;
}

void sim_xdp_counters(const struct simnet *s, struct sim_counters *sum)
{
	int n_cpus = libbpf_num_possible_cpus();
	struct sim_counters *each;
	uint32_t zero = 0;

	if (!s->link || n_cpus <= 0)
		return;
	each = calloc((size_t)n_cpus, sizeof(*each));
	if (each && !bpf_map_lookup_elem(s->counters_fd, &zero, each))
		for (int cpu = 0; cpu < n_cpus; cpu++)
			for (int i = 0; i < SIM_COUNTER_N; i++)
				sum->n[i] += each[cpu].n[i];
	free(each);
}
