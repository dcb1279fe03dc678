#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# alone: seconds on the wire are judged
"""--max-rate by the capture's time stamps: a token bucket of 10 ms worth, and 2 % over any second.

The stamps are made in the sender's context, so the reading does not depend on when this program runs. When the machine
takes the processor from a sender between reading the clock and sending, packets come late and so too near to the next:
what breaks a bound is measured again, at most twice.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import packet
import suite


TRIES = 3


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


def excess(times, rate):
    """What breaks the bounds, in words; empty: nothing."""
    burst, second = max(rate // 100, 1) + 2, rate * 1.02 + 1
    level, most = bucket_level(times, rate), most_in(times, 10**9)
    return "; ".join([f"a burst of {level:.1f}, want <= {burst}"] * (level > burst) +
                     [f"{most} packets in a second, want <= {second}"] * (most > second))


def conforming(cases, bed, name, rate, *options):
    """As sent_times, of a scan that keeps the bounds: no burst over 10 ms worth, no second above the rate + 2 %."""
    for _ in range(TRIES):
        times, packets = sent_times(bed, *options)
        wrong = excess(times, rate)
        if not wrong:
            break
        print(f"{name}: {wrong}", file=sys.stderr)
    cases.check(f"{name}: no burst over 10 ms worth, no second above the rate + 2 %", not wrong, wrong)
    return times, packets


def test_max_rate(cases, bed):
    for rate, options in ((200, ["--max-rate", "200", "-p1-5", "198.18.0.0-99"]),
                          (2000, ["--rate-limit", "2000", "-p1-50", "198.18.0.0-99"]),
                          (20000, ["--max-rate=20000", "-p1-200", "198.18.0.0/24"]),
                          (20000, ["--max-rate", "20000", "--threads", "4", "-p1-200", "198.18.0.0/24"])):
        name = " ".join(options)
        times, _ = conforming(cases, bed, name, rate, "-sS", "-Pn", *options)
        cases.check(f"{name}: more than a second of traffic", len(times) > rate * 1.2, len(times))


def test_connect(cases, bed):
    for backend in ("io_uring", "epoll"):
        _, packets = conforming(cases, bed, f"-sT by {backend}", 1000, "-sT", "-Pn", "--connect-backend", backend, "--max-rate",
                                "1000", "-p1-13", "198.18.0.0-99")
        cases.equal(f"-sT by {backend}: every port asked", len({(p.dst, p.dport) for p in packet.syns(packets)}), 1300)


def test_retransmissions(cases, bed):
    bed.target.filter_input("tcp dport 1-100 drop")
    _, packets = conforming(cases, bed, "silent ports, retransmissions included", 400, "-sS", "-Pn", "--max-rate", "400",
                            "-p1-100", "10.99.0.2", "198.18.0.1")
    bed.target.filter_input()
    cases.check("silent ports: there are retransmissions", len(packet.syns(packets)) >= 400, len(packets))


def test_discovery(cases, bed):
    bed.target.filter_input("ip daddr 198.18.9.0/24 drop")
    times, packets = conforming(cases, bed, "-sn: pings, ARP requests and retransmissions together", 300, "-sn", "--max-rate",
                                "300", "198.18.9.0/26", "10.99.0.0/26", "--exclude", "10.99.0.1")
    bed.target.filter_input()
    kinds = {p.kind for p in packets}
    cases.check("-sn: pings and ARP requests were sent", kinds == {"tcp", "icmp", "arp"}, kinds)
    cases.check("-sn: more than a second of traffic", len(times) > 330, len(times))
    times, packets = conforming(cases, bed, "-sS with discovery: all packets together", 300, "-sS", "--max-rate", "300", "-p1-30",
                                "10.99.0.0/28", "198.18.0.0/28", "--exclude", "10.99.0.1")
    cases.check("-sS with discovery: more than a second of traffic", len(times) > 330, len(times))


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
