# SPDX-License-Identifier: GPL-3.0-or-later
"""How it is asked: packets, timing, order. See tests/integ/flags.py."""
import os
import re
import signal
import subprocess

import netns
import packet
import rates
import suite
from flagcase import filter_usual, flag, hosts, listed, numbers, ports, probes, run, summary

# Packets

@flag("-e")
def interface(bed, directory, spelling):
    command = ["-Pn", "-sS", "-p80", "--max-retries", "0", "10.99.0.2"]
    return len(probes(bed, *command, spelling, "va")) == 1 and not probes(bed, *command, spelling, "vx") and \
        run(bed, "-sS", spelling, "none", "10.99.0.2", code=None).returncode in (1, 2)


@flag("-S")
def source(bed, directory, spelling):
    found = {(p.src, p.dst) for p in probes(bed, "-Pn", "-sS", "-p80", spelling, "10.99.0.88", spelling, "fd99::88",
                                            "10.99.0.2", "fd99::2")}
    return found == {("10.99.0.88", "10.99.0.2"), ("fd99::88", "fd99::2")}


@flag("-g", "--source-port")
def source_port(bed, directory, spelling):
    return all({p.sport for p in probes(bed, "-Pn", scan, "-p80,81", spelling, "7777", "10.99.0.2", "fd99::2")} == {7777}
               for scan in ("-sS", "-sT"))


@flag("--ttl")
def ttl(bed, directory, spelling):
    return all({p.ttl for p in probes(bed, "-Pn", scan, "-p80", spelling, "7", "10.99.0.2", "fd99::2")} == {7}
               for scan in ("-sS", "-sT"))


PACKET_BACKENDS = ["rawip", "afpacket", "txring", "afxdp", "xdp"]


@flag("--tx-backend")
def tx_backend(bed, directory, spelling):
    bed.target.sh("ethtool -K vb gro on")  # its end must poll, or only the receiving half works
    mixed = [summary(bed, "-sS", "-Pn", "-p80", spelling, name, "10.99.0.2", "127.0.0.1") for name in ("afpacket", "afxdp")]
    return ([summary(bed, "-sS", "-Pn", "-p80", spelling, name, "10.99.0.2")["backend"]
             for name in PACKET_BACKENDS] == PACKET_BACKENDS and
            [(s["backend"], s["received"]) for s in mixed] == [("afpacket+rawip", 2), ("afxdp+rawip", 2)])


@flag("--connect-backend")
def connect_backend(bed, directory, spelling):
    return [summary(bed, "-sT", "-Pn", "-p80", spelling, name, "10.99.0.2")["backend"]
            for name in ("io_uring", "epoll")] == ["io_uring", "epoll"]


@flag("--batch-size")
def batch_size(bed, directory, spelling):
    log = directory / "trace"

    def largest(n):
        bed.target.run(["strace", "-f", "-e", "sendmmsg,sendto,sendmsg", "-o", str(log), suite.PRTIP, "-sS", "-n", "-Pn",
                        "-p1-400", spelling, str(n), "127.0.0.1"])
        return max(map(int, re.findall(r"sendmmsg(?:\(| resumed).* = (\d+)$", log.read_text(), re.M)), default=1)
    bed.target.run(["strace", "-f", "-e", "sendmmsg", "-o", str(log), suite.PRTIP, "-sS", "-n", "-Pn", "-p1-1000", "127.0.0.1"])
    unasked = max(map(int, re.findall(r"sendmmsg(?:\(| resumed).* = (\d+)$", log.read_text(), re.M)))
    return unasked == 250 and largest(1) == 1 and 1 < largest(32) <= 32 and largest(400) > 32


# Timing

@flag("--max-rate", "--rate-limit")
def max_rate(bed, directory, spelling):
    times = sorted(p.time_ns for p in probes(bed, "-sS", "-Pn", "-p1-150", spelling, "500", "10.99.0.2"))
    return len(times) == 150 and rates.bucket_level(times, 500) <= 6


@flag("--max-retries")
def max_retries(bed, directory, spelling):
    return [len(probes(bed, "-sS", "-Pn", "-p9000", spelling, str(n), "10.99.0.2")) for n in (0, 1)] == [1, 2]


@flag("--coverage-sample")
def coverage_sample(bed, directory, spelling):
    def n_again(*options):
        text = run(bed, "-sS", "-n", "-Pn", "-p70-100,9000-9009", *options, "198.18.0.1", "-oJ", "-").stdout
        return sum(s["again"][0] for s in suite.json_summary(text)["coverage"]["strata"] if s["again"])
    sent = [len(probes(bed, "-sS", "-Pn", "-p70-100,9000-9009", *options, "198.18.0.1"))
            for options in ([spelling, "0"], [spelling, "3"])]
    return n_again(spelling, "0") == 0 < n_again(spelling, "3") <= 3 < n_again() and sent[0] == 51 < sent[1] <= 54


@flag("--min-coverage")
def min_coverage(bed, directory, spelling):
    lossy = ["-sS", "-n", "-Pn", "--max-retries", "0", "-p1-1000", "198.18.0.77"]
    codes = [run(bed, *options, *lossy, code=None).returncode for options in ([], [spelling, "0.3"], [spelling, "0.999"])]
    return codes == [3, 0, 3]


def gaps_ns(bed, *options):
    """Between the first and the second SYN to each dropped port: at least as long as the time-out."""
    times = {}
    for p in probes(bed, "-sS", "-Pn", "--max-retries", "1", *options):
        times.setdefault((p.dst, p.dport), []).append(p.time_ns)
    return [t[1] - t[0] for t in times.values() if len(t) > 1]


@flag("--no-abandon")
def no_abandon(bed, directory, spelling):
    """A host that redirects every port to an open one is given up, unless that is unwanted."""
    for command in ("table ip liar", "chain ip liar c { type nat hook prerouting priority -100 ; }",
                    "rule ip liar c ip daddr 198.18.77.1 tcp dport 1-65535 redirect to :80"):
        bed.target.sh(f"nft add {command}")
    try:
        command = ["-sS", "-n", "-p1-3000", "198.18.77.1"]
        given_up, whole = hosts(bed, *command)["198.18.77.1"], hosts(bed, *command, spelling)["198.18.77.1"]
    finally:
        bed.target.sh("nft delete table ip liar")
    return (given_up["dishonest"] == whole["dishonest"] == "all-open" and given_up["ports"]["unknown"] > 500 and
            whole["ports"]["open"] == 3000 and "partial" not in whole)


@flag("--initial-rtt-timeout")
def initial_rtt(bed, directory, spelling):
    return (min(gaps_ns(bed, "-p9000-9009", spelling, "1200ms", "198.18.99.1")) > 1_100_000_000 and
            min(gaps_ns(bed, "-p9000-9009", spelling, "100ms", "198.18.99.1")) < 900_000_000)


@flag("--min-rtt-timeout")
def min_rtt(bed, directory, spelling):
    command = ["-p80-90,9000-9009", "198.18.0.1"]
    return min(gaps_ns(bed, *command, spelling, "600ms")) > 540_000_000 > min(gaps_ns(bed, *command))


@flag("--max-rtt-timeout")
def max_rtt(bed, directory, spelling):
    return min(gaps_ns(bed, "-p9000-9009", spelling, "100ms", "198.18.99.1")) < 900_000_000 <= \
        min(gaps_ns(bed, "-p9000-9009", "198.18.99.1"))


@flag("--max-parallelism")
def max_parallelism(bed, directory, spelling):
    def at_once(scan, *options):
        found = probes(bed, scan, "-Pn", "--max-retries", "0", "--initial-rtt-timeout", "200ms", "-p9000-9009",
                       *options, "198.18.99.1")
        return len({p.dport for p in found if p.time_ns - found[0].time_ns < 100_000_000})
    return all(at_once(scan, spelling, "3") <= 3 < at_once(scan) for scan in ("-sT", "-sS"))


def spacing_ns(bed, *options):
    """Shortest time between two probes to the same host."""
    last, shortest = {}, 1 << 62
    for p in sorted(probes(bed, "-Pn", "-sS", *options), key=lambda p: p.time_ns):
        shortest = min(shortest, p.time_ns - last.get(p.dst, -1 << 62))
        last[p.dst] = p.time_ns
    return shortest


@flag("-T")
def timing(bed, directory, spelling):
    """The spacing of polite on the wire; retransmissions of insane; -T0 and -T1 are told by unit tests with a fake clock."""
    polite = [spacing_ns(bed, level, "-p81-83", "10.99.0.2") for level in (spelling + "2", spelling + "polite")]
    both = spacing_ns(bed, spelling + "2", "--scan-delay", "100ms", "-p81-84", "10.99.0.2")
    few = len(probes(bed, "-sS", "-Pn", "-p9000", spelling + "5", "--max-retries", "0", "10.99.0.2"))
    insane = gaps_ns(bed, spelling + "5", "-p9000-9009", "198.18.99.1")
    return min(polite) >= 399_000_000 > both >= 99_000_000 and few == 1 and max(insane) < 900_000_000


@flag("--scan-delay")
def scan_delay(bed, directory, spelling):
    alone = spacing_ns(bed, spelling, "60ms", "-p81-88,9000", "10.99.0.2")
    with bed.target.capture("vb") as capture:  # discovery of a host, then its ports: one delay for all
        run(bed, "-n", "-sS", spelling, "60ms", "-p81-83", "198.18.0.5")
        times = sorted(p.time_ns for p in packet.parse(capture.stop()) if p.is_incoming and p.kind in ("tcp", "icmp"))
    pairs = [b - a for a, b in zip(times, times[1:])]
    return 59_000_000 <= alone < 500_000_000 and len(pairs) >= 3 and min(pairs[:-1]) >= 59_000_000


RESETS = """table inet limits {
 chain out { type filter hook output priority 0; policy accept;
  tcp flags & rst == rst limit rate over 20/second burst 5 packets drop;
 }
}
"""


def beside_resets(bed, *options):
    """Packets a second towards a host that resets 20 a second, and whether a limit was stated."""
    bed.target.nft(RESETS)
    try:
        with bed.target.capture("vb") as capture:
            text = run(bed, "-sS", "-n", "-Pn", "-p1-150", *options, "10.99.0.2", "-oJ", "-", code=None).stdout
            times = sorted(p.time_ns for p in packet.syns(packet.parse(capture.stop())))
    finally:
        filter_usual(bed)
    return len(times) / ((times[-1] - times[0]) / 1e9), bool(suite.json_records(text, "rate_limit"))


@flag("--rate")
def rate(bed, directory, spelling):
    found, fixed = beside_resets(bed, spelling, "auto"), beside_resets(bed, spelling, "max")
    return found[1] and not fixed[1] and found[0] < 100 < fixed[0]


@flag("--min-rate")
def min_rate(bed, directory, spelling):
    return beside_resets(bed, spelling, "400")[0] > 150 > beside_resets(bed)[0]


@flag("--max-scan-delay")
def max_scan_delay(bed, directory, spelling):
    return beside_resets(bed, spelling, "3ms")[0] > 150


@flag("--min-parallelism")
def min_parallelism(bed, directory, spelling):
    return beside_resets(bed, spelling, "100")[0] > 150


def under_way(bed, *options):
    """Most hosts with a probe sent and another to come."""
    first, last = {}, {}
    for p in probes(bed, "-sS", "-Pn", "--max-rate", "5000", *options):
        first.setdefault(p.dst, p.time_ns)
        last[p.dst] = p.time_ns
    return max(sum(first[h] <= t <= last[h] for h in first) for t in first.values())


@flag("--max-hostgroup")
def max_hostgroup(bed, directory, spelling):
    command = ["-p1-50", "198.18.0.0/27"]
    return under_way(bed, *command, spelling, "1") <= 1 < under_way(bed, *command, spelling, "4") <= 4 < \
        under_way(bed, *command)


@flag("--min-hostgroup")
def min_hostgroup(bed, directory, spelling):
    def early(*options):
        found = probes(bed, "-sS", "-Pn", "--max-rate", "20000", "-p1-10000", *options, "198.18.0.0/26",
                       "--host-timeout", "300ms")
        return len({p.dst for p in sorted(found, key=lambda p: p.time_ns)[:2000]})
    return early(spelling, "60") >= 60 > 40 >= early()


@flag("--host-timeout")
def host_timeout(bed, directory, spelling):
    text = run(bed, "-sS", "-n", "-Pn", "-p70-89,9000-9009", "--max-retries", "0", "--initial-rtt-timeout", "3s",
               "--min-rtt-timeout", "3s", spelling, "500ms", "198.18.0.1", "-oJ", "-", "-oN", str(directory / "timed")).stdout
    host = suite.json_records(text, "host")[0]
    return (host.get("timed_out") and host["ports"]["unknown"] == 10 and len(suite.json_ports(text)) == 20 and
            "Host timed out: 10 ports have no result" in (directory / "timed").read_text())


@flag("--threads")
def threads(bed, directory, spelling):
    def most(n):
        process = bed.scanner.start([suite.PRTIP, "-sS", "-n", "-Pn", "-p1-1000", "--max-rate", "100", spelling, str(n),
                                     "198.18.0.0/26"], stdout=subprocess.DEVNULL)
        try:
            with bed.target.capture("vb") as capture:
                netns.wait_until(lambda: len(capture.frames) > 10)
            return len(os.listdir(f"/proc/{process.pid}/task"))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
    return most(4) - most(1) == 3 or most(4) - most(1) == 4


@flag("--seed")
def seed(bed, directory, spelling):
    def order(n):
        return [p.dport for p in probes(bed, "-sS", "-Pn", "-p1-99", spelling, str(n), "10.99.0.2")]
    return order(5) == order(5) != order(6)


@flag("--shard")
def shard(bed, directory, spelling):
    few = [numbers(bed, "-p1-30", spelling, f"{i}/3", "--threads", str(i)) for i in (1, 2, 3)]
    many = [listed(bed, "198.18.0.0/24", spelling, f"{i}/4") for i in (1, 2, 3, 4)]
    refused = run(bed, "-sL", spelling, "5/4", "198.18.0.1", code=2).stderr
    return (sorted(sum(map(list, few), [])) == list(range(1, 31)) and len(set.union(*many)) == 256 and
            [len(m) for m in many] == [64] * 4 and "I from 1 to N" in refused)


def killed(bed, capture, *options):
    """Of 300 packets, when some dozens have left."""
    process = bed.scanner.start([suite.PRTIP, "-sS", "-n", "-Pn", "-p1-300", "--max-rate", "300", *options, "10.99.0.2"],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    netns.wait_until(lambda: len(capture.frames) > 60)
    process.kill()
    process.wait(30)


@flag("--journal", "--resume")
def journal(bed, directory, spelling):
    path = directory / ("journal" + spelling)
    with bed.target.capture("vb") as capture:
        killed(bed, capture, "--journal", str(path), "-oJ", str(directory / "resumed"))
        n_before = len(packet.syns(packet.parse(list(capture.frames))))
        run(bed, "--resume", str(path))
        sent = packet.syns(packet.parse(capture.stop()))
    return (10 < n_before < 290 and len({p.dport for p in sent}) == 300 and len(sent) < 320 and
            len(suite.json_ports((directory / "resumed").read_text())) == 300)
