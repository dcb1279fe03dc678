#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Host discovery: ARP and ND on the link, four probes behind a router, the same hosts as nmap finds."""
import pathlib
import socket
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import packet
import suite

LINK_UP = ["10.99.0.2", "10.99.0.3", "10.99.0.9", "10.99.0.14"]
LINK6_UP = ["fd99::2", "fd99::3", "fd99::9", "fd99::e"]


def scan(bed, namespace, device, *options):
    """Returns (JSON text, packets seen at the device)."""
    with namespace.capture(device) as capture:
        done = bed.scanner.run([suite.PRTIP, *options, "-oJ", "-"], 120)
        packets = packet.parse(capture.stop())
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(options)}: exit {done.returncode}: {done.stderr}")
    return done.stdout, packets


def hosts(text):
    return {r["address"]: r for r in suite.json_records(text, "host")}


def up(text):
    return {address: r["reason"] for address, r in hosts(text).items() if r["state"] == "up"}


def test_arp(cases, bed):
    mac = bed.target.sh("cat /sys/class/net/vb/address").strip()
    text, packets = scan(bed, bed.target, "vb", "-sn", "-n", "10.99.0.0/28", "--exclude", "10.99.0.1",
                         "--coverage-sample", "0")
    cases.equal("-sn on link: up by ARP", up(text), {a: "arp-response" for a in LINK_UP})
    cases.equal("-sn on link: with the MAC address", {hosts(text)[a]["mac"].lower() for a in LINK_UP}, {mac})
    summary = suite.json_summary(text)
    cases.equal("-sn on link: counts", summary["hosts"], {"up": 4, "down": 11})
    requests = [p for p in packets if p.is_incoming and p.kind == "arp" and p.op == 1]
    others = [p for p in packets if p.is_incoming and p.kind in ("tcp", "udp", "icmp")]
    cases.equal("-sn on link: only ARP is sent", others, [])
    counts = {a: sum(p.dst == a for p in requests) for a in {p.dst for p in requests}}
    cases.equal("-sn on link: every address asked", set(counts),
                {f"10.99.0.{i}" for i in range(16)} - {"10.99.0.1"})
    cases.check("-sn on link: absent hosts asked at most 3 times, present ones once",
                all(n <= (1 if a in LINK_UP else 3) for a, n in counts.items()), counts)
    text, packets = scan(bed, bed.target, "vb", "-sn", "-n", "10.99.0.0/28", "--exclude", "10.99.0.1")
    asked = [p.dst for p in packets if p.is_incoming and p.kind == "arp" and p.op == 1]
    again, summary = sum(a in LINK_UP for a in asked) - len(LINK_UP), suite.json_summary(text)
    sample = next(s["again"] for s in summary["coverage"]["strata"] if s["of"] == "hosts")
    cases.check("-sn on link: present hosts asked again, for the estimate", sample and sample[0] == sample[1] <= again <= 32,
                (again, sample))
    cases.check("-sn on link: so a few hosts are enough for an interval", summary["coverage"]["low"] > 0.5, summary["coverage"])
    text, packets = scan(bed, bed.target, "vb", "-sS", "-n", "-p80", "10.99.0.0/28", "--exclude", "10.99.0.1")
    cases.equal("-sS on link: ports of the present hosts only", {p.dst for p in packet.syns(packets)}, set(LINK_UP))
    text, packets = scan(bed, bed.target, "vb", "-sS", "-n", "-Pn", "-p80", "10.99.0.4,2")
    cases.equal("-Pn on link: an absent host gets no SYN, for the link does not answer",
                {p.dst for p in packet.syns(packets)}, {"10.99.0.2"})


def test_nd(cases, bed):
    mac = bed.target.sh("cat /sys/class/net/vb/address").strip()
    text, packets = scan(bed, bed.target, "vb", "-sn", "-n", "fd99::/124", "--exclude", "fd99::1,fd99::")
    cases.equal("-sn on link: up by ND", up(text), {a: "nd-response" for a in LINK6_UP})
    cases.equal("-sn on link: with the MAC address", {hosts(text)[a]["mac"].lower() for a in LINK6_UP}, {mac})
    asked = {p.nd_target for p in packets if p.is_incoming and p.kind == "icmp6" and p.type == 135}
    cases.check("-sn on link: every address asked", {f"fd99::{i:x}" for i in range(2, 16)} <= asked, asked)
    bad = [p for p in packets if p.is_incoming and p.kind == "icmp6" and p.type == 135 and
           (not p.sum_ok or p.ttl != 255)]
    cases.equal("-sn on link: solicitations are well formed", bad, [])


def against_nmap(cases, bed, *options):
    ours, theirs = (bed.scanner.run([program, "-sn", "-n", *options, "-oX", "-"], 120).stdout
                    for program in (suite.PRTIP, "nmap"))
    ours, theirs = ({a: value for a, value in suite.xml_hosts(text).items() if value[0] == "up"}
                    for text in (ours, theirs))
    cases.equal(f"-sn {' '.join(options)}: the same hosts up as nmap", set(ours), set(theirs))
    cases.check(f"-sn {' '.join(options)}: nmap finds some", bool(theirs), theirs)
    return ours, theirs


def test_nmap_link(cases, bed):
    ours, theirs = against_nmap(cases, bed, "10.99.0.0/28")
    cases.equal("on link: reasons as nmap's", ours, theirs)
    ours, theirs = against_nmap(cases, bed, "-6", "fd99::2", "fd99::3", "fd99::4")
    cases.equal("on link, IPv6: reasons as nmap's", ours, theirs)


def probe_kinds(packets, host):
    kinds = set()
    for p in packets:
        if not p.is_incoming or p.dst != host:
            continue
        if p.kind == "tcp":
            kinds.add(("tcp", p.dport, p.flags))
        elif p.kind in ("udp", "sctp"):
            kinds.add((p.kind, p.dport))
        elif p.kind in ("icmp", "icmp6") and p.type not in (135, 136):
            kinds.add((p.kind, p.type))
    return kinds


FOUR = {("tcp", 443, packet.SYN), ("tcp", 80, packet.ACK), ("icmp", 8), ("icmp", 13)}
THREE6 = {("tcp", 443, packet.SYN), ("tcp", 80, packet.ACK), ("icmp6", 128)}


def test_routed(cases, bed):
    """Silent hosts are asked in all ways; a host that answers only one of them is up."""
    bed.target.filter_input("ip daddr 198.18.2.0/24 drop", "ip6 daddr fd98::200/120 drop")
    text, packets = scan(bed, bed.target, "vc", "-sn", "-n", "198.18.2.1", "fd98::201")
    cases.equal("silent host: four kinds of probe", probe_kinds(packets, "198.18.2.1"), FOUR)
    cases.equal("silent IPv6 host: three kinds of probe", probe_kinds(packets, "fd98::201"), THREE6)
    cases.equal("silent hosts are down", {a: r["state"] for a, r in hosts(text).items()},
                {a: "down" for a in hosts(text)})
    cases.equal("silent hosts: counts", suite.json_summary(text)["hosts"], {"up": 0, "down": 2})
    bad = [p for p in packets if p.is_incoming and p.kind != "arp" and p.src in ("10.99.0.1", "fd99::1")
           and not (p.sum_ok and p.ip_sum_ok)]
    cases.equal("discovery probes have correct checksums", bad, [])
    to_host = [p for p in packets if p.is_incoming and p.dst == "198.18.2.1"]
    cases.check("silent host: each probe at most 3 times", len(to_host) <= 12, to_host)
    only = {"echo": ("icmp type echo-request", "echo-reply"), "timestamp": ("icmp type timestamp-request",
            "timestamp-reply"), "SYN 443": ("tcp dport 443 tcp flags & (syn|ack) == syn", "reset"),
            "ACK 80": ("tcp dport 80 tcp flags & (syn|ack) == ack", "reset")}
    for name, (match, reason) in only.items():
        bed.target.filter_input(f"{match} accept", "ip daddr 198.18.0.0/16 drop")
        text, _ = scan(bed, bed.target, "vc", "-sn", "-n", "198.18.3.1")
        cases.equal(f"only {name} answered: up", up(text), {"198.18.3.1": reason})
    bed.target.filter_input("icmpv6 type echo-request accept", "ip6 daddr fd98::/64 drop")
    text, _ = scan(bed, bed.target, "vc", "-sn", "-n", "fd98::301")
    cases.equal("only IPv6 echo answered: up", up(text), {"fd98::301": "echo-reply"})
    bed.target.filter_input()


METHODS = {  # option: (what is sent, what is let through, the reason)
    "-PE": ({("icmp", 8)}, "icmp type echo-request", "echo-reply"),
    "-PP": ({("icmp", 13)}, "icmp type timestamp-request", "timestamp-reply"),
    "-PS": ({("tcp", 80, packet.SYN)}, "tcp dport 80 tcp flags & (syn|ack) == syn", "reset"),
    "-PS22,443": ({("tcp", 22, packet.SYN), ("tcp", 443, packet.SYN)}, "tcp dport 443", "reset"),
    "-PA": ({("tcp", 80, packet.ACK)}, "tcp dport 80 tcp flags & (syn|ack) == ack", "reset"),
    "-PU": ({("udp", 40125)}, "udp dport 40125", "port-unreach"),
    "-PU53,161": ({("udp", 53), ("udp", 161)}, "udp dport 161", "port-unreach"),
}


def test_methods(cases, bed):
    """Each -P option sends what it says and nothing else, and finds the host that answers just that."""
    for option, (sent, match, reason) in METHODS.items():
        bed.target.filter_input(f"{match} accept", "ip daddr 198.18.0.0/16 drop")
        text, packets = scan(bed, bed.target, "vc", "-sn", "-n", option, "198.18.5.1")
        cases.equal(f"{option}: up", up(text), {"198.18.5.1": reason})
        nmap = bed.scanner.run(["nmap", "-sn", "-n", option, "198.18.5.1", "-oX", "-"], 60).stdout
        cases.equal(f"{option}: as nmap", up(text), {a: v[1] for a, v in suite.xml_hosts(nmap).items() if v[0] == "up"})
        bed.target.filter_input("ip daddr 198.18.0.0/16 drop")
        text, packets = scan(bed, bed.target, "vc", "-sn", "-n", option, "198.18.5.1")
        cases.equal(f"{option}: what is sent", probe_kinds(packets, "198.18.5.1"), sent)
        cases.equal(f"{option}: silent, so down", up(text), {})
    text, packets = scan(bed, bed.target, "vc", "-sn", "-n", "-PE", "-PS22", "-PU", "-PY", "-PM", "198.18.5.1")
    cases.equal("several together", probe_kinds(packets, "198.18.5.1"),
                {("icmp", 8), ("icmp", 17), ("tcp", 22, packet.SYN), ("udp", 40125), ("sctp", 80)})
    bed.target.filter_input("ip6 daddr fd98::/64 drop")
    text, packets = scan(bed, bed.target, "vc", "-sn", "-n", "-PE", "-PA443", "-PU", "-PY", "-PP", "fd98::501")
    cases.equal("several together, IPv6", probe_kinds(packets, "fd98::501"),
                {("icmp6", 128), ("tcp", 443, packet.ACK), ("udp", 40125), ("sctp", 80)})
    bed.target.filter_input("udp dport 53 drop", "ip daddr 198.18.5.2 drop")
    text, packets = scan(bed, bed.target, "vc", "-sU", "-n", "-PE", "-p53,81", "198.18.5.1,2")
    cases.equal("a port scan after them: of the hosts that are up", suite.json_ports(text),
                {("198.18.5.1", 53): ("open|filtered", "no-response"), ("198.18.5.1", 81): ("closed", "port-unreach")})
    bed.target.filter_input()


def test_refusing(cases, bed):
    """A target that knows no such protocol is there; one that a filter refuses may not be, and a router's error shows nothing."""
    refused = "ip daddr 198.18.5.1 reject with icmp type"
    for option, code, reason in (("-PY", "prot-unreachable", "proto-unreach"), ("-PA", "prot-unreachable", "proto-unreach"),
                                 ("-PE", "admin-prohibited", None), ("-PS", "host-prohibited", None)):
        bed.target.filter_input(f"{refused} {code}")
        text, _ = scan(bed, bed.target, "vc", "-sn", "-n", option, "198.18.5.1")
        nmap = bed.scanner.run(["nmap", "-sn", "-n", option, "198.18.5.1", "-oX", "-"], 60).stdout
        cases.equal(f"{option}, the target says {code}", up(text), {"198.18.5.1": reason} if reason else {})
        cases.equal(f"{option}, the target says {code}: as nmap", up(text),
                    {a: v[1] for a, v in suite.xml_hosts(nmap).items() if v[0] == "up"})
    bed.target.filter_input()
    bed.router.nft(f"table inet t {{ chain c {{ type filter hook forward priority 0;\n{refused} prot-unreachable\n}}\n}}\n")
    text, _ = scan(bed, bed.target, "vc", "-sn", "-n", "-PE", "-PY", "198.18.5.1")
    cases.equal("the router says prot-unreachable: down", up(text), {})
    bed.router.nft("")


def mask_reply(p):
    body = struct.pack("!BBH", 18, 0, 0) + p.body[4:8] + b"\xff\xff\xff\0"
    total = packet.checksum(body)
    return packet.ip(p.dst, p.src, packet.ICMP4, body[:2] + struct.pack("!H", total) + body[4:])


def sctp_reply(chunk):
    return lambda p: packet.sctp(p.dst, p.src, p.dport, p.sport, struct.unpack_from("!I", p.payload, 4)[0], chunk)


def test_scripted(cases, bed):
    """What no kernel here answers: address mask, SCTP."""
    bed.target.filter_input("ip daddr 198.18.0.0/16 drop")
    for option, kind, makes, reason in (("-PM", "icmp", mask_reply, "addressmask-reply"),
                                        ("-PY", "sctp", sctp_reply(b"\6\0\0\4"), "abort"),
                                        ("-PY90", "sctp", sctp_reply(b"\2\0\0\x14" + bytes(16)), "init-ack")):
        with bed.target.entered():
            raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(netns.ETH_P_ALL))
            raw.bind(("vc", netns.ETH_P_ALL))
        process = bed.scanner.start([suite.PRTIP, "-sn", "-n", option, "198.18.6.1", "-oJ", "-"], stdout=subprocess.PIPE,
                                    text=True)
        raw.settimeout(5)
        while True:
            frame, sender = raw.recvfrom(2048)
            p = packet.Packet(frame) if len(frame) >= 34 and sender[2] != socket.PACKET_OUTGOING else None
            if p and p.kind == kind and p.dst == "198.18.6.1":
                break
        raw.send(packet.ethernet(p.src_mac, p.dst_mac, makes(p)))
        text, _ = process.communicate(timeout=30)
        raw.close()
        cases.equal(f"{option}: up", up(text), {"198.18.6.1": reason})
    bed.target.filter_input()


def test_refused(cases, bed):
    """What cannot be done is said, before anything is sent."""
    bare = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
    for code, options, words, command in (
            (2, ["-PP", "-PM", "fd98::1"], "add -PE", []), (1, ["-sT", "-PE", "198.18.0.1"], "-sT", []),
            (1, ["-sT", "-PR", "10.98.0.2"], "-sT", []), (2, ["-PS1-31", "198.18.0.1"], "more than 30", []),
            (2, ["-PSx", "198.18.0.1"], "-PS", []), (1, ["-PE", "198.18.0.1"], "setcap", bare),
            (1, ["-PU", "198.18.0.1"], "setcap", bare), (1, ["-PR", "198.18.0.1"], "setcap", bare),
            (1, ["-sU", "198.18.0.1"], "setcap", bare), (1, ["-sY", "198.18.0.1"], "setcap", bare),
            (1, ["-sF", "198.18.0.1"], "setcap", bare)):
        done = bed.scanner.run([*command, suite.PRTIP, "-n", *options])
        cases.check(f"{'unprivileged ' if command else ''}{' '.join(options)}: refused", done.returncode == code and
                    words in done.stderr and not done.stdout, (done.returncode, done.stderr))
    with bed.target.capture("vc") as capture:
        done = bed.scanner.run([*bare, suite.PRTIP, "-sn", "-n", "-PS81,82", "198.18.0.1", "-oJ", "-"])
        asked = {p.dport for p in packet.syns(packet.parse(capture.stop()))}
    cases.equal("unprivileged -PS81,82: by connecting", (up(done.stdout), asked <= {81, 82} and asked != set()),
                ({"198.18.0.1": "conn-refused"}, True))


def test_no_ping(cases, bed):
    bed.target.filter_input("ip daddr 198.18.2.0/24 drop")
    text, packets = scan(bed, bed.target, "vc", "-sS", "-Pn", "-n", "-p7,9", "198.18.2.1", "198.18.4.1")
    ours = {(p.kind, p.dst, getattr(p, "dport", 0)) for p in packets if p.is_incoming and p.kind in ("tcp", "icmp")
            and not (p.kind == "tcp" and p.flags == packet.RST)}
    cases.equal("-Pn behind a router: port probes and nothing else", ours,
                {("tcp", a, p) for a in ("198.18.2.1", "198.18.4.1") for p in (7, 9)})
    cases.equal("-Pn: silent hosts are scanned", suite.json_summary(text)["ports"],
                {"open": 0, "closed": 2, "filtered": 2})
    text, packets = scan(bed, bed.target, "vc", "-sS", "-n", "-p7,9", "198.18.2.1", "198.18.4.1")
    cases.equal("without -Pn the silent host gets no port probe",
                {p.dst for p in packet.syns(packets) if p.dport in (7, 9)}, {"198.18.4.1"})
    bed.target.filter_input()


def test_nmap_routed(cases, bed):
    bed.target.filter_input("ip daddr 198.18.2.0/24 drop", "ip6 daddr fd98::200/120 drop",
                            "ip daddr 198.18.3.7 icmp type echo-request drop")
    ours, theirs = against_nmap(cases, bed, "198.18.3.0/28", "198.18.2.0/30", "10.98.0.2", "10.99.0.9")
    cases.equal("behind a router: how many", len(ours), 18)
    against_nmap(cases, bed, "-6", "fd98::1", "fd98::201", "fd97::2", "fd97::77")
    bed.target.filter_input()


def test_unroutable(cases, bed):
    """No route: nothing to send to; the run itself is fine, as nmap's."""
    done = bed.scanner.run([suite.PRTIP, "-sS", "-n", "-Pn", "-p80", "203.0.113.9", "198.18.4.1", "-oJ", "-"])
    cases.equal("no route to one target: exit 0", done.returncode, 0)
    cases.equal("no route to one target: the other is scanned", suite.json_ports(done.stdout),
                {("198.18.4.1", 80): ("closed", "reset")})
    cases.equal("no route to one target: counted as down", suite.json_summary(done.stdout)["hosts"],
                {"up": 1, "down": 1})


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "nft", "nmap")
    with netns.Bed() as bed:
        for address in LINK_UP[1:]:
            bed.target.sh(f"ip addr add {address}/24 dev vb")
        for address in LINK6_UP[1:]:
            bed.target.sh(f"ip addr add {address}/64 dev vb nodad")
        code = suite.run([test_arp, test_nd, test_nmap_link], bed)
    with netns.Bed(router=True) as bed:
        code = suite.worst(code, suite.run([test_routed, test_methods, test_refusing, test_scripted, test_refused, test_no_ping, test_nmap_routed, test_unroutable], bed))
    sys.exit(code)
