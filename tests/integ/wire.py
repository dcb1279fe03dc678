#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a SYN scan puts on the wire: every probe once, well formed, from where it was told, to nobody excluded."""
import ipaddress
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import packet
import suite


def scan(bed, *options, raw=True):
    """Scan under capture at the target. Returns (stdout, packets)."""
    with bed.target.capture("vb") as capture:
        done = bed.scanner.run([suite.PRTIP, *(["-sS", "-n"] if raw else []), *options], 120)
        packets = packet.parse(capture.stop())
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(options)}: exit {done.returncode}: {done.stderr}")
    return done.stdout, packets


def asked(hosts, ports):
    return {(host, port) for host in hosts for port in ports}


def sent_set(packets):
    return {(p.dst, p.dport) for p in packet.syns(packets)}


def once_each(cases, bed, name, options, hosts, ports):
    """Everything answers, so the SYNs are exactly the product, once each, and all else from us is kernel RST."""
    _, packets = scan(bed, "-Pn", *options)
    probes = packet.syns(packets)
    cases.equal(f"{name}: set of probes", sent_set(packets), asked(hosts, ports))
    cases.equal(f"{name}: no probe twice", len(probes), len(hosts) * len(ports))
    others = [p for p in packets if p.is_incoming and p.kind == "tcp" and p.flags not in (packet.SYN, packet.RST)]
    cases.equal(f"{name}: from us only SYN and RST", others, [])
    bad = [p for p in probes if not (p.sum_ok and p.ip_sum_ok)]
    cases.equal(f"{name}: checksums", bad, [])
    cases.equal(f"{name}: MSS, TTL, window", {(p.mss, p.ttl, p.window > 0, p.payload) for p in probes},
                {(1460 if p.family == 4 else 1440, 64, True, b"") for p in probes})
    return probes


def test_shapes(cases, bed):
    block = [str(a) for a in ipaddress.ip_network("198.18.4.0/25")]
    once_each(cases, bed, "1 host, -p-", ["-p-", "10.99.0.2"], ["10.99.0.2"], range(1, 65536))
    once_each(cases, bed, "300 hosts x 100 ports", ["-p1-100", "198.18.1.0/24", "198.18.2.0-43"],
              [f"198.18.1.{i}" for i in range(256)] + [f"198.18.2.{i}" for i in range(44)], range(1, 101))
    once_each(cases, bed, "1 port, /25", ["-p443", "198.18.4.0/25"], block, [443])
    once_each(cases, bed, "octet ranges, port list", ["-p22,80-82,65000-", "198.18.5-6.1,9"],
              [f"198.18.{a}.{b}" for a in (5, 6) for b in (1, 9)], [22, 80, 81, 82, *range(65000, 65536)])
    once_each(cases, bed, "IPv6", ["-6", "-p1-50", "fd98::/123", "fd98::20"],
              [f"fd98::{i:x}" if i else "fd98::" for i in range(33)], range(1, 51))
    once_each(cases, bed, "v4 and v6 in one run", ["-p5,6", "198.18.9.1", "fd98::9"], ["198.18.9.1", "fd98::9"], [5, 6])
    once_each(cases, bed, "overlapping targets", ["-p7", "198.18.9.0/30", "198.18.9.2-5", "198.18.9.1"],
              [f"198.18.9.{i}" for i in range(6)], [7])


def test_threads(cases, bed):
    hosts = [f"198.18.3.{i}" for i in range(256)]
    for n in (1, 2, 4):
        once_each(cases, bed, f"--threads {n}", ["--threads", str(n), "-p1-40", "198.18.3.0/24"], hosts, range(1, 41))
    for n in (1, 1024):
        once_each(cases, bed, f"--batch-size {n}", ["--batch-size", str(n), "-p1-500", "10.99.0.2"], ["10.99.0.2"],
                  range(1, 501))
    for name in ("rawip", "afpacket", "txring", "afxdp"):
        once_each(cases, bed, f"--tx-backend {name}", ["--tx-backend", name, "-p1-500", "10.99.0.2"], ["10.99.0.2"],
                  range(1, 501))


def test_source(cases, bed):
    bed.scanner.sh("ip addr add 10.99.0.77/24 dev va")
    bed.scanner.sh("ip addr add fd99::77/64 dev va nodad")
    kernel6 = bed.scanner.sh("ip -6 route get fd99::2").split(" src ")[1].split()[0]
    for options, address, want in (
            (["-g", "4321"], "10.99.0.2", {("10.99.0.1", 4321, 64)}),
            (["--source-port", "53"], "fd99::2", {(kernel6, 53, 64)}),
            (["-S", "10.99.0.77", "-g", "4321"], "10.99.0.2", {("10.99.0.77", 4321, 64)}),
            (["-S", "fd99::77", "-g", "4321"], "fd99::2", {("fd99::77", 4321, 64)}),
            (["-e", "va", "-g", "4321", "--ttl", "9"], "10.99.0.2", {("10.99.0.1", 4321, 9)}),
            (["-g", "4321", "--ttl", "255"], "fd99::2", {(kernel6, 4321, 255)}),
            (["-g", "4321", "--ttl", "1", "--tx-backend", "rawip"], "10.99.0.2", {("10.99.0.1", 4321, 1)})):
        output, packets = scan(bed, "-Pn", "-p80", *options, address, "-oJ", "-")
        cases.equal(f"{' '.join(options)} {address}: source, port, TTL",
                    {(p.src, p.sport, p.ttl) for p in packet.syns(packets)}, want)
        cases.equal(f"{' '.join(options)} {address}: still understood", suite.json_ports(output),
                    {(address, 80): ("open", "syn-ack")})


def test_exclude(cases, bed):
    """Nothing at all goes to excluded addresses: no probe, no ARP request, no ND, no ping."""
    with suite.scratch() as directory:
        listed = directory / "exclude"
        listed.write_text("10.99.0.2\n198.18.0.8/30 # a comment\nfd99::2\n")
        excluded = {"10.99.0.2", "fd99::2", *(f"198.18.0.{i}" for i in range(8, 12))}
        targets = ["10.99.0.0/29", "198.18.0.0/28", "fd99::/125", "-p1,2", "--max-retries", "0"]
        for name, options in (("--exclude", ["--exclude", "10.99.0.2,198.18.0.8/30", "--exclude", "fd99::2"]),
                              ("--excludefile", ["--excludefile", str(listed)])):
            for ping in ([], ["-Pn"]):
                _, packets = scan(bed, *targets, *options, *ping)
                ours = [p for p in packets if p.is_incoming]
                touched = [p for p in ours if p.dst in excluded or getattr(p, "nd_target", None) in excluded]
                # The target is itself a next hop: the kernel's own neighbour resolution of it is no probe.
                touched = [p for p in touched if not (p.kind == "arp" or p.kind == "icmp6" and p.type in (135, 136))
                           or p.dst not in ("10.99.0.2", "fd99::2") and getattr(p, "nd_target", "") != "fd99::2"]
                cases.equal(f"{name} {' '.join(ping)}: nothing to excluded addresses", touched, [])
                cases.check(f"{name} {' '.join(ping)}: the others are probed",
                            {("198.18.0.7", 1), ("198.18.0.12", 2)} <= sent_set(packets), sent_set(packets))


def test_retries(cases, bed):
    bed.target.filter_input("tcp dport 9000-9019 drop")
    try:
        for options, want in (([], 2), (["--max-retries", "0"], 1), (["--max-retries", "1"], 2)):
            _, packets = scan(bed, "-Pn", "-p9000-9019", *options, "10.99.0.2")
            counts = {}
            for p in packet.syns(packets):
                counts[p.dport] = counts.get(p.dport, 0) + 1
            cases.equal(f"silent target, {' '.join(options) or 'default'}: SYNs per port", counts,
                        {port: want for port in range(9000, 9020)})
        _, packets = scan(bed, "-Pn", "-p22,9000-9019", "--max-retries", "3", "--coverage-sample", "0", "10.99.0.2")
        counts = [sum(p.dport == port for p in packet.syns(packets)) for port in range(9000, 9020)]
        cases.check("silent ports, --max-retries 3: never more than 4", max(counts) <= 4, counts)
        cases.check("silent ports, --max-retries 3: asked again", min(counts) >= 2, counts)
        cases.equal("an answered port is not asked again", sum(p.dport == 22 for p in packet.syns(packets)), 1)
    finally:
        bed.target.filter_input()


def test_no_half_open(cases, bed):
    """Each SYN-ACK is met by a RST, so the target keeps no half-open connection."""
    for address in ("10.99.0.2", "fd99::2"):
        for backend in ("rawip", "afpacket"):
            _, packets = scan(bed, "-Pn", "-p22,80,443", "--tx-backend", backend, address)
            resets = {p.dport for p in packets if p.is_incoming and p.kind == "tcp" and p.flags & packet.RST}
            cases.equal(f"{backend} {address}: RST to each open port", resets, {22, 80, 443})
            cases.equal(f"{backend} {address}: no half-open connection left",
                        bed.target.sh("ss -H -t -n state syn-recv"), "")


def test_connect_ends(cases, bed):
    """Where the RST is lost the target is told of the end all the same."""
    bed.target.filter_input("tcp flags & rst == rst drop")
    try:
        scan(bed, "-sT", "-n", "-Pn", "-p22,80,443", "10.99.0.2", raw=False)
        cases.equal("-sT, each RST is lost: no connection is left established", bed.target.sh("ss -H -t -n state established"), "")
        cases.equal("-sT, each RST is lost: all three had been made", len(bed.target.sh("ss -H -t -n state close-wait").splitlines()), 3)
    finally:
        bed.target.filter_input()


def test_seed(cases, bed):
    def order(*options):
        _, packets = scan(bed, "-Pn", "-p1-200", "--threads", "1", *options, "10.99.0.2")
        return [p.dport for p in packet.syns(packets)]

    first, again, other = order("--seed", "7"), order("--seed", "7"), order("--seed", "8")
    cases.equal("--seed 7 twice: the same order", again, first)
    cases.check("--seed 8: another order", other != first and sorted(other) == sorted(first), other)
    cases.check("the order is shuffled", first != sorted(first), first)


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "nft", "ss")
    with netns.Bed() as bed:
        listeners = [bed.target.listen(port) for port in (22, 80, 443)]
        code = suite.run([test_shapes, test_threads, test_source, test_exclude, test_retries, test_no_half_open, test_connect_ends,
                          test_seed], bed)
    sys.exit(code)
