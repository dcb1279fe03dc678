/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Measures a responder: sends SYNs from the kernel (live-frames test runs of an XDP program, one
 * thread a CPU) for some seconds, counts what comes back in the driver, prints one JSON object.
 *   blast IFACE ROUTER-MAC SOURCE FIRST-ADDRESS HOSTS PORTS THREADS MILLISECONDS [BATCH]
 * HOSTS and PORTS are powers of two. Sources: Documentation/bpf/bpf_prog_run.rst.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define FRAME_CAP 62
#define REPEAT    65536

struct blast_conf {
	uint32_t ifindex, src, dst, n_hosts_mask, n_ports_mask;
	uint8_t dst_mac[6], src_mac[6];
};

struct sender {
	pthread_t thread;
	int prog_fd, cpu, err;
	uint32_t batch;
	uint64_t until_ns;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void *send_frames(void *arg)
{
	struct sender *s = arg;
	uint8_t frame[FRAME_CAP] = {0};
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(s->cpu, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	while (now_ns() < s->until_ns) {
		LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame, .data_size_in = sizeof(frame),
			    .repeat = REPEAT, .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
			    .batch_size = s->batch);

		if (bpf_prog_test_run_opts(s->prog_fd, &o)) {
			s->err = errno;
			return NULL;
		}
	}
	return NULL;
}

static int parse(char **argv, struct blast_conf *c)
{
	unsigned int m[6];
	struct ifreq ifr = {0};
	struct in_addr a;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	c->ifindex = if_nametoindex(argv[1]);
	if (!c->ifindex || fd < 0 || strlen(argv[1]) >= IFNAMSIZ ||
	    sscanf(argv[2], "%x:%x:%x:%x:%x:%x", m, m + 1, m + 2, m + 3, m + 4, m + 5) != 6)
		return -1;
	memcpy(ifr.ifr_name, argv[1], strlen(argv[1]) + 1);
	if (ioctl(fd, SIOCGIFHWADDR, &ifr))
		return -1;
	close(fd);
	memcpy(c->src_mac, ifr.ifr_hwaddr.sa_data, 6);
	for (int i = 0; i < 6; i++)
		c->dst_mac[i] = (uint8_t)m[i];
	if (inet_pton(AF_INET, argv[3], &a) != 1)
		return -1;
	c->src = ntohl(a.s_addr);
	if (inet_pton(AF_INET, argv[4], &a) != 1)
		return -1;
	c->dst = ntohl(a.s_addr);
	c->n_hosts_mask = (uint32_t)strtoul(argv[5], NULL, 10) - 1;
	c->n_ports_mask = (uint32_t)strtoul(argv[6], NULL, 10) - 1;
	return 0;
}

static struct bpf_object *load(const struct blast_conf *c)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 32);
	struct bpf_object *obj;

	if (n <= 0)
		return NULL;
	memcpy((char *)memrchr(path, '/', (size_t)n) + 1, "blast.bpf.o", sizeof("blast.bpf.o"));
	obj = bpf_object__open_file(path, NULL);
	if (!obj ||
	    bpf_map__set_initial_value(bpf_object__find_map_by_name(obj, ".rodata"), c,
				       sizeof(*c)) ||
	    bpf_object__load(obj))
		return NULL;
	return obj;
}

static uint64_t total(const struct bpf_object *obj, uint32_t key)
{
	uint64_t each[1024] = {0}, sum = 0;

	if (libbpf_num_possible_cpus() > 1024 ||
	    bpf_map_lookup_elem(bpf_object__find_map_fd_by_name(obj, "n"), &key, each))
		return 0;
	for (int i = 0; i < 1024; i++)
		sum += each[i];
	return sum;
}

/** Of all threads, and of the receiving done in their time. */
static long long cpu_us(const struct rusage *r)
{
	return (long long)(r->ru_utime.tv_sec + r->ru_stime.tv_sec) * 1000000 +
	       r->ru_utime.tv_usec + r->ru_stime.tv_usec;
}

static int run(const struct bpf_object *obj, char **argv, int argc)
{
	struct sender s[64];
	int n = (int)strtol(argv[7], NULL, 10);
	uint64_t start_ns = now_ns(), until_ns = start_ns + strtoull(argv[8], NULL, 10) * 1000000;
	int fd = bpf_program__fd(bpf_object__find_program_by_name(obj, "blast_send"));
	struct rusage used;
	int err = 0;

	for (int i = 0; i < n && i < 64; i++) {
		s[i] = (struct sender){.prog_fd = fd,
				       .cpu = i,
				       .until_ns = until_ns,
				       .batch = argc > 9 ? (uint32_t)strtoul(argv[9], NULL, 10)
							 : 64};
		if (pthread_create(&s[i].thread, NULL, send_frames, &s[i]))
			return -1;
	}
	for (int i = 0; i < n && i < 64; i++) {
		pthread_join(s[i].thread, NULL);
		err = s[i].err ? s[i].err : err;
	}
	getrusage(RUSAGE_SELF, &used);
	printf("{\"sent\":%llu,\"received\":%llu,\"elapsed_ns\":%llu,\"cpu_us\":%lld,\"error\":%d}"
	       "\n",
	       (unsigned long long)total(obj, 0), (unsigned long long)total(obj, 1),
	       (unsigned long long)(now_ns() - start_ns), cpu_us(&used), err);
	return err;
}

int main(int argc, char **argv)
{
	struct blast_conf c = {0};
	struct bpf_object *obj;
	struct bpf_link *link;
	int err;

	if (argc < 9 || parse(argv, &c)) {
		fprintf(stderr,
			"usage: blast IFACE ROUTER-MAC SOURCE FIRST-ADDRESS HOSTS PORTS THREADS "
			"MILLISECONDS [BATCH]\n");
		return 2;
	}
	obj = load(&c);
	link = obj ? bpf_program__attach_xdp(bpf_object__find_program_by_name(obj, "blast_receive"),
					     (int)c.ifindex)
		   : NULL;
	if (!link) {
		fprintf(stderr, "blast: %s\n", strerror(errno));
		return 1;
	}
	err = run(obj, argv, argc);
	bpf_link__destroy(link);
	bpf_object__close(obj);
	return err != 0;
}
