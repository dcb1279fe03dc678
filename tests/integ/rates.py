#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# alone: seconds on the wire are judged
"""--max-rate by the capture's time stamps: a token bucket of 10 ms worth, and 2 % over any second.

The stamps are made in the sender's context, so the reading does not depend on when this program runs.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import packet
import suite


def sent_times(bed, *options):
    """Time stamps (ns) of everything prtip made the kernel send: SYN, pings and ARP requests."""
    with bed.target.capture("vb") as capture:
        done = bed.scanner.run([suite.PRTIP, "-n", *options], 120)
        packets = packet.parse(capture.stop())
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(options)}: exit {done.returncode}: {done.stderr}")
    ours = [p for p in packets if p.is_incoming and (
        p.kind == "tcp" and p.flags in (packet.SYN, packet.ACK) or p.kind == "icmp" or p.kind == "arp" and p.op == 1)]
    return sorted(p.time_ns for p in ours), ours


def bucket_level(times, rate):
    """The fullest that a bucket leaking @rate per second gets: the size of the largest burst."""
    level = highest = 0.0
    last = times[0]
    for t in times:
        level = max(0.0, level - (t - last) * rate / 1e9) + 1
        highest, last = max(highest, level), t
    return highest


def most_in(times, window_ns):
    most = first = 0
    for i, t in enumerate(times):
        while t - times[first] >= window_ns:
            first += 1
        most = max(most, i - first + 1)
    return most


def conforms(cases, name, times, rate):
    burst = max(rate // 100, 1)
    cases.check(f"{name}: no burst over 10 ms worth", bucket_level(times, rate) <= burst + 2,
                f"bucket level {bucket_level(times, rate):.1f}, want <= {burst + 2}")
    cases.check(f"{name}: no second above the rate + 2 %", most_in(times, 10**9) <= rate * 1.02 + 1,
                f"{most_in(times, 10**9)} packets in a second, rate {rate}")


def test_max_rate(cases, bed):
    for rate, options in ((200, ["--max-rate", "200", "-p1-5", "198.18.0.0-99"]),
                          (2000, ["--rate-limit", "2000", "-p1-50", "198.18.0.0-99"]),
                          (20000, ["--max-rate=20000", "-p1-200", "198.18.0.0/24"]),
                          (20000, ["--max-rate", "20000", "--threads", "4", "-p1-200", "198.18.0.0/24"])):
        times, _ = sent_times(bed, "-sS", "-Pn", *options)
        name = " ".join(options)
        cases.check(f"{name}: more than a second of traffic", len(times) > rate * 1.2, len(times))
        conforms(cases, name, times, rate)


def test_connect(cases, bed):
    for backend in ("io_uring", "epoll"):
        times, packets = sent_times(bed, "-sT", "-Pn", "--connect-backend", backend, "--max-rate", "1000", "-p1-13",
                              "198.18.0.0-99")
        cases.equal(f"-sT by {backend}: every port asked", len({(p.dst, p.dport) for p in packet.syns(packets)}), 1300)
        conforms(cases, f"-sT by {backend}", times, 1000)


def test_retransmissions(cases, bed):
    bed.target.filter_input("tcp dport 1-100 drop")
    times, packets = sent_times(bed, "-sS", "-Pn", "--max-rate", "400", "-p1-100", "10.99.0.2", "198.18.0.1")
    bed.target.filter_input()
    cases.check("silent ports: there are retransmissions", len(packet.syns(packets)) >= 400, len(packets))
    conforms(cases, "silent ports, retransmissions included", times, 400)


def test_discovery(cases, bed):
    bed.target.filter_input("ip daddr 198.18.9.0/24 drop")
    times, packets = sent_times(bed, "-sn", "--max-rate", "300", "198.18.9.0/26", "10.99.0.0/26", "--exclude", "10.99.0.1")
    bed.target.filter_input()
    kinds = {p.kind for p in packets}
    cases.check("-sn: pings and ARP requests were sent", kinds == {"tcp", "icmp", "arp"}, kinds)
    cases.check("-sn: more than a second of traffic", len(times) > 330, len(times))
    conforms(cases, "-sn: pings, ARP requests and retransmissions together", times, 300)
    times, packets = sent_times(bed, "-sS", "--max-rate", "300", "-p1-30", "10.99.0.0/28", "198.18.0.0/28", "--exclude",
                                "10.99.0.1")
    cases.check("-sS with discovery: more than a second of traffic", len(times) > 330, len(times))
    conforms(cases, "-sS with discovery: all packets together", times, 300)


def test_unlimited(cases, bed):
    for options in ([], ["--max-rate", "0"], ["--rate-limit", "0"]):
        times, _ = sent_times(bed, "-sS", "-Pn", "-p1-2000", *options, "10.99.0.2")
        cases.equal(f"{' '.join(options) or 'default'}: every probe", len(times), 2000)
        cases.check(f"{' '.join(options) or 'default'}: bursts that --max-rate 5000 would forbid",
                    bucket_level(times, 5000) > 60, bucket_level(times, 5000))


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "nft")
    with netns.Bed() as bed:
        code = suite.run([test_max_rate, test_connect, test_retransmissions, test_discovery, test_unlimited], bed)
    sys.exit(code)
