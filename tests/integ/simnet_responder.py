#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated network itself, asked by hand in both its modes: what it answers, how often, when and in which bytes."""
import collections
import ipaddress
import pathlib
import socket
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import packet
import simnet
import suite

NETS = "198.18.0.0/16,2001:db8:1::/112"
US = {4: "10.99.0.1", 6: "fd99::1"}
FIRST = {4: "198.18.0.0", 6: "2001:db8:1::"}
MAC, ROUTER = (bytes.fromhex(mac.replace(":", "")) for mac in (simnet.SCANNER_MAC, simnet.ROUTER_MAC))
SPORT, SEQ = 41000, 0x01020304
FAMILIES = (4, 6)


def host(family, n):
    return str(ipaddress.ip_address(FIRST[family]) + n)


def syn(target, port, flags=packet.SYN, ack=0, sport=SPORT):
    family = 6 if ":" in target else 4
    return packet.tcp(US[family], target, sport, port, SEQ, ack, flags, b"\x02\x04\x05\xb4")


def udp(target, port, payload=b"abcd"):
    us = US[6 if ":" in target else 4]
    head = struct.pack("!HHHH", SPORT, port, 8 + len(payload), 0) + payload
    total = packet.checksum(packet.pseudo_header(us, target, 17, len(head)), head)
    return packet.ip(us, target, 17, head[:6] + struct.pack("!H", total or 0xFFFF) + head[8:])


def icmp(target, kind, rest):
    us, is_v6 = US[6 if ":" in target else 4], ":" in target
    body = struct.pack("!BBHHH", kind, 0, 0, 7, 9) + rest
    total = packet.checksum(*([packet.pseudo_header(us, target, 58, len(body))] if is_v6 else []), body)
    return packet.ip(us, target, 58 if is_v6 else 1, body[:2] + struct.pack("!H", total) + body[4:])


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def sctp_init(target, port):
    us = US[6 if ":" in target else 4]
    body = struct.pack("!HHII", SPORT, port, 0, 0) + struct.pack("!BBHIIHHI", 1, 0, 20, 0x55667788, 65536, 1, 1, 1)
    return packet.ip(us, target, 132, body[:8] + struct.pack("<I", crc32c(body)) + body[12:])


def exchange(network, packets, n_expected=None, wait_s=0.3):
    """What comes back: until @n_expected frames came (at most 5 s) and a little longer for more, or for @wait_s."""
    with network.scanner.entered():
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        s.bind(("va", 0))
    with network.scanner.capture("va") as capture:
        for p in packets:
            s.send(packet.ethernet(ROUTER, MAC, p))
        if n_expected is not None:
            netns.wait_until(lambda: sum(is_incoming for _, is_incoming, _ in capture.frames) >= n_expected, 5)
            wait_s = 0.03
        time.sleep(wait_s)
    s.close()
    return [p for p in packet.parse(capture.stop()) if p.is_incoming]


def number_of(states, *silent):
    return sum(state not in silent for state in states.values())


def each(test):
    """A case for both modes and families."""
    def run(cases, modes):
        for mode in modes:
            for family in FAMILIES:
                test(cases, mode, family, f"{mode} v{family}")
    run.__name__ = test.__name__
    return run


@each
def test_states(cases, mode, family, name):
    """300 ports of a host: open, closed, refused with the right code from the right address, silent."""
    with simnet.Network(NETS, 3, mode=mode, open=0.2, closed=0.3, rejected=0.3) as net:
        target = host(family, 77)
        want = {port: net.behaviour(target, port) for port in range(1, 301)}
        answers = exchange(net, [syn(target, port) for port in range(1, 301)], number_of(want, ("filtered", None)))
        got = {}
        for p in answers:
            if p.kind == "tcp":
                cases.counts["bad"] += not (p.sum_ok and p.ip_sum_ok and p.ack == SEQ + 1 and p.dport == SPORT)
                got[p.sport] = ("open" if p.flags == 0x12 else "closed" if p.flags == 0x14 else "?", None)
            else:
                ip_len = 20 if family == 4 else 40
                quoted = p.body[8:]
                source = target if p.code in ((2, 3) if family == 4 else (4,)) else \
                    (simnet.ROUTER4 if family == 4 else simnet.ROUTER6)
                cases.counts["bad"] += not (p.sum_ok and p.ip_sum_ok and p.src == source)
                got[struct.unpack_from("!H", quoted, ip_len + 2)[0]] = ("rejected", p.code)
        cases.equal(f"{name}: states and codes", got, {k: v for k, v in want.items() if v[0] != "filtered"})
        cases.equal(f"{name}: checksums, acknowledgements and senders right", cases.counts.pop("bad", 0), 0)
        counters = net.stats()["counters"]
        kinds = collections.Counter(state for state, _ in want.values())
        cases.equal(f"{name}: statistics", [counters[key] for key in (
            "syn", "answer_synack", "answer_rst", "answer_icmp_error", "silent")],
            [300, kinds["open"], kinds["closed"], kinds["rejected"], kinds["filtered"]])


@each
def test_protocols(cases, mode, family, name):
    """UDP, SCTP, echo, timestamp."""
    with simnet.Network(NETS, 4, mode=mode, open=0.4, closed=0.3, udp_open=0.3, udp_closed=0.4) as net:
        target = host(family, 5)
        want = {port: net.truth(target, port, "udp") for port in range(1, 101)}
        answers = exchange(net, [udp(target, port, b"abcd"[:port % 5]) for port in want], number_of(want, "open|filtered"))
        got = {p.sport: "open" for p in answers if p.kind == "udp" and p.sum_ok}
        got |= {struct.unpack_from("!H", p.body, 8 + (22 if family == 4 else 42))[0]: "closed" for p in answers
                if p.kind.startswith("icmp") and p.sum_ok and p.code == (3 if family == 4 else 4) and p.src == target}
        cases.equal(f"{name}: UDP", got, {k: v for k, v in want.items() if v != "open|filtered"})
        want = {port: net.truth(target, port, "sctp") for port in range(1, 31)}
        answers = exchange(net, [sctp_init(target, port) for port in want], number_of(want, "filtered"))
        got = {}
        for p in answers:
            body = p.network[20 if family == 4 else 40:]
            sport, _, tag, crc, chunk = struct.unpack_from("!HHIIB", body)
            is_right = tag == 0x55667788 and struct.unpack("<I", body[8:12])[0] == crc32c(body[:8] + bytes(4) + body[12:])
            got[sport] = {2: "open", 6: "closed"}.get(chunk) if is_right else "damaged"
        cases.equal(f"{name}: SCTP", got, {k: v for k, v in want.items() if v != "filtered"})
        answers = exchange(net, [icmp(target, 8 if family == 4 else 128, b"x" * n) for n in (8, 56, 300)], 3)
        cases.equal(f"{name}: echo", [(p.type, p.sum_ok, p.body[4:8], len(p.body)) for p in answers],
                    [(0 if family == 4 else 129, True, b"\0\7\0\x09", 8 + n) for n in (8, 56, 300)])
        if family == 4:
            answers = exchange(net, [icmp(target, 13, bytes(12))], 1)
            cases.equal(f"{name}: timestamp", [(p.type, p.sum_ok) for p in answers], [(14, True)])


@each
def test_shakes_hands(cases, mode, family, name):
    """A kernel connects, sends, closes; a SYN proxy says RST or nothing after the handshake."""
    with simnet.Network(NETS, 5, mode=mode, open=1) as net:
        with net.scanner.entered():
            s = socket.create_connection((host(family, 9), 80), timeout=5)
        s.send(b"hello")
        s.shutdown(socket.SHUT_WR)
        s.settimeout(5)
        cases.equal(f"{name}: a connection ends as TCP says", s.recv(10), b"")
        s.close()
    with simnet.Network(NETS, 5, mode=mode, syn_proxy=1) as net:
        resets = 0
        for n in range(8):
            first = exchange(net, [syn(host(family, n), 80)], 1)
            cases.counts["bad"] += [(p.flags, p.ttl, p.window) for p in first] != [(0x12, 250, 4096)]
            after = exchange(net, [syn(host(family, n), 80, packet.ACK, first[0].seq + 1)], wait_s=0.1)
            resets += [p.flags for p in after] == [packet.RST]
            cases.counts["bad"] += len(after) > 1
        cases.equal(f"{name}: SYN proxies answer alike", cases.counts.pop("bad", 0), 0)
        cases.check(f"{name}: then RST or nothing", 0 < resets < 8, resets)


@each
def test_timing(cases, mode, family, name):
    """Copies, delays and late answers: counts and the earliest they may come."""
    target = host(family, 3)
    for what, knobs, n_each, at_least_ms in (
            ("copies", {"duplicated": 1, "copies": 3}, 3, 0), ("delay", {"delayed": 1, "delay": 120}, 1, 120),
            ("late", {"late": 1, "late_by": 250}, 1, 250)):
        with simnet.Network(NETS, 5, mode=mode, open=1, **knobs) as net:
            sent_ns = time.time_ns()
            answers = exchange(net, [syn(target, port) for port in range(1, 21)], 20 * n_each)
            cases.equal(f"{name} {what}: as many answers", collections.Counter(p.sport for p in answers),
                        collections.Counter({port: n_each for port in range(1, 21)}))
            cases.check(f"{name} {what}: not before its time",
                        all(p.time_ns - sent_ns >= at_least_ms * 1000000 for p in answers))
            cases.equal(f"{name} {what}: only to ports that are", net.answers_in_time(target, 1), what != "late")


@each
def test_forged(cases, mode, family, name):
    """Each kind once for a probe, none with the right acknowledgement from the right place."""
    with simnet.Network(NETS, 5, mode=mode, forged=1) as net:
        target = host(family, 3)
        answers = exchange(net, [syn(target, 80)], 6)
        believable = [p for p in answers if p.kind == "tcp" and p.src == target and p.sport == 80 and p.ack == SEQ + 1]
        cases.equal(f"{name}: six forged replies with right checksums", [len(answers), [p for p in answers if not p.sum_ok]],
                    [6, []])
        cases.equal(f"{name}: none believable", believable, [])
        quote = [p.body[8 + (20 if family == 4 else 40):][:8] for p in answers if p.kind.startswith("icmp")]
        cases.check(f"{name}: the quoted probe was never sent", len(quote) == 1 and quote[0][4:] != struct.pack("!I", SEQ))
        cases.equal(f"{name}: counted", net.stats()["counters"]["forged"], 6)


@each
def test_limits(cases, mode, family, name):
    """500 probes at once: as many RSTs and ICMP errors as the buckets hold, no host at another's cost."""
    with simnet.Network(NETS, 6, mode=mode, closed=1, rst_limited=1, rst_rate=1, rst_burst=20) as net:
        answers = exchange(net, [syn(host(family, n), port) for port in range(1, 251) for n in (1, 2)], 40)
        got = collections.Counter(p.src for p in answers)
        cases.check(f"{name}: RSTs of a host", all(20 <= n <= 22 for n in got.values()) and len(got) == 2, got)
        cases.equal(f"{name}: the others were limited", net.stats()["counters"]["rst_limited"], 500 - sum(got.values()))
    with simnet.Network(NETS, 6, mode=mode, udp_closed=1, icmp_limited=1, icmp_rate=1, icmp_burst=6) as net:
        answers = exchange(net, [udp(host(family, 1), port) for port in range(1, 101)], 6)
        cases.check(f"{name}: ICMP errors of a host", 6 <= len(answers) <= 8, len(answers))


@each
def test_loss(cases, mode, family, name):
    """10 % each way of 4,000 probes, within five standard deviations; the cells count what was sent."""
    knobs = {"count": f"{FIRST[family]}/{28 if family == 4 else 124}", "count_ports": "1-250"}
    with simnet.Network(NETS, 6, mode=mode, open=1, loss=0.1, **knobs) as net:
        # The kernel's own RSTs would be lost too.
        net.scanner.nft("table inet t { chain c { type filter hook output priority 0;\n tcp flags rst drop;\n}\n}\n")
        probes = [syn(host(family, n), port) for n in range(16) for port in range(1, 251)]
        answers = exchange(net, probes + probes[:250])
        counters = net.stats()["counters"]
        n = len(probes) + 250
        cases.check(f"{name}: lost on the way in", abs(counters["lost_in"] - n * 0.1) < 5 * (n * 0.09) ** 0.5, counters["lost_in"])
        cases.equal(f"{name}: every answer is accounted for",
                    [n - counters["lost_in"] - counters["lost_out"], len(answers)], [counters["answer_synack"]] * 2)
        cases.equal(f"{name}: cells", net.cells(), b"\2" * 250 + b"\1" * 3750)


@each
def test_damaged(cases, mode, family, name):
    """What is damaged is counted and not answered."""
    with simnet.Network(NETS, 6, mode=mode, open=1) as net:
        good = bytearray(syn(host(family, 1), 80))
        good[-1] ^= 1
        answers = exchange(net, [bytes(good)])
        cases.equal(f"{name}: damaged segment", [len(answers), net.stats()["counters"]["bad_l4_sum"]], [0, 1])


@each
def test_link(cases, mode, family, name):
    """On link: hosts that are up, and only they, say who has their address; the kernel can talk to them."""
    with simnet.Network(NETS, 6, mode=mode, open=1, up=0.5, on_link=True) as net:
        with net.scanner.entered():
            asking = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
        for n in range(20):
            asking.sendto(b"", (host(family, n), 9))
        netns.wait_until(lambda: net.stats()["counters"]["answer_link"] >= sum(
            net.host(host(family, n)).is_up for n in range(20)), 5)
        asking.close()
        lines = net.scanner.sh("ip neigh show dev va").splitlines()
        known = {line.split()[0] for line in lines if "lladdr 02:5e" in line}
        cases.equal(f"{name}: neighbours", known, {host(family, n) for n in range(20) if net.host(host(family, n)).is_up})


def test_shapers(cases, modes):
    """A rate on the way there and on the way back holds up what is over it: counted by time stamps, both ends' own."""
    for name, knobs in (("there", {"rate": "1mbit"}), ("back", {"rate_back": "1mbit"})):
        with simnet.Network(NETS, 6, open=1, **knobs) as net:
            started_ns = time.time_ns()
            answers = exchange(net, [syn(host(4, 1), port) for port in range(1, 3001)], 3000)
            # 3,000 frames of 58 bytes are 1.392 Mbit; the bucket holds 64 kB of them.
            last_ns = max(p.time_ns for p in answers) - started_ns
            cases.equal(f"{name}: all answered", len(answers), 3000)
            cases.check(f"{name}: not before the rate allows it", last_ns > 0.85e9 * (3000 * 58 - 65536) * 8 / 1e6, last_ns)


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "ethtool", "nft", "tc")
    if not simnet.daemon():
        print("skipped: the simulated network was not built (libbpf-dev)")
        sys.exit(suite.SKIPPED)
    available = simnet.modes()
    if "xdp" not in available:
        print("# no XDP here: the slow mode only")
    sys.exit(suite.run([test_states, test_protocols, test_shakes_hands, test_timing, test_forged, test_limits, test_loss,
                        test_damaged, test_link, test_shapers], available))
