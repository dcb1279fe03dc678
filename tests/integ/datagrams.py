#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""-sU and -sY: states against the truth and nmap, bytes on the wire, lies that are not believed, combined scans."""
import pathlib
import select
import socket
import struct
import sys
import threading
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import packet
import suite

HOST4, HOST6 = "198.18.0.1", "fd98::1"  # the kernel drops what comes for them: the script answers
LOCAL = "127.0.0.9"  # the same on the loopback interface, for SCTP
ECHOING, MUTE, CLOSED, DROPPED = [7, 5000], [5001], [81, 60000], 1001
UNREACH4 = {1003: ("net-unreachable", "net-unreach"), 1004: ("host-unreachable", "host-unreach"),
            1005: ("port-unreachable", "port-unreach"), 1006: ("admin-prohibited", "admin-prohibited"),
            1007: ("host-prohibited", "host-prohibited"), 1008: ("net-prohibited", "net-prohibited"),
            1009: ("prot-unreachable", "proto-unreach")}
UNREACH6 = {1003: ("no-route", "no-route"), 1004: ("addr-unreachable", "host-unreach"),
            1005: ("port-unreachable", "port-unreach"), 1006: ("admin-prohibited", "admin-prohibited")}
PORTS = ",".join(map(str, [53, *ECHOING, *MUTE, *CLOSED, DROPPED, *range(1003, 1010)]))


def filters(protocols=("udp",)):
    for protocol in protocols:
        yield f"{protocol} dport {DROPPED} drop"
        for port, (kind, _) in UNREACH4.items():
            yield f"meta nfproto ipv4 {protocol} dport {port} reject with icmp type {kind}"
        for port, (kind, _) in UNREACH6.items():
            yield f"meta nfproto ipv6 {protocol} dport {port} reject with icmpv6 type {kind}"
    yield f"ip daddr {HOST4} meta l4proto {{ udp, sctp }} drop"
    yield f"ip6 daddr {HOST6} meta l4proto {{ udp, sctp }} drop"
    yield f"ip daddr {LOCAL} meta l4proto sctp drop"


def run(bed, *options, program=None, code=0):
    done = bed.scanner.run([program or suite.PRTIP, "-n", "-Pn", *options], 120)
    if done.returncode != code:
        raise RuntimeError(f"{' '.join(options)}: exit {done.returncode}: {done.stderr}")
    return done.stdout


def ports(bed, *options, program=None):
    """{(protocol, port): (state, reason)} of one host, ports that were summed up included."""
    found = {}
    for host in ElementTree.fromstring(run(bed, *options, "-oX", "-", program=program)).iter("host"):
        for port in host.iter("port"):
            state = port.find("state")
            found[port.get("protocol"), int(port.get("portid"))] = (state.get("state"), state.get("reason"))
        for extra in host.iter("extraports"):
            for reason in extra.iter("extrareasons"):
                for number in suite.port_list(reason.get("ports")):
                    found[reason.get("proto"), number] = (extra.get("state"), reason.get("reason"))
    return found


def captured(bed, *options):
    """Probes to HOST4 or HOST6 or the target itself, in order, and the program's JSON."""
    with bed.target.capture("vb") as capture:
        text = run(bed, *options, "-oJ", "-")
        seen = [p for p in packet.parse(capture.stop()) if p.is_incoming and p.kind in ("udp", "sctp")]
    return seen, text


class Server(threading.Thread):
    """Datagram sockets of the target's kernel: DNS answers on 53, echoes, and one that only listens."""

    def __init__(self, namespace):
        super().__init__(daemon=True)
        self.sockets = []
        with namespace.entered():
            for port in (53, *ECHOING, *MUTE):
                for family, address in ((socket.AF_INET, "10.99.0.2"), (socket.AF_INET6, "fd99::2")):
                    s = socket.socket(family, socket.SOCK_DGRAM)
                    s.bind((address, port))
                    s.settimeout(0.02)
                    self.sockets.append((s, port))
        self.is_stopping = False
        self.start()

    def run(self):
        while not self.is_stopping:
            for s in select.select([s for s, _ in self.sockets], [], [], 0.05)[0]:
                query, sender = s.recvfrom(2048)
                port = s.getsockname()[1]
                if port == 53 and len(query) >= 12:
                    s.sendto(query[:2] + b"\x81\x05" + query[4:], sender)
                elif port in ECHOING:
                    s.sendto(query or b"empty", sender)

    def close(self):
        self.is_stopping = True
        self.join(5)
        for s, _ in self.sockets:
            s.close()


class Script(threading.Thread):
    """Answers each probe seen there for HOST4, HOST6 and LOCAL with the packets that its port's row makes."""

    def __init__(self, namespace, rows, interface="vb"):
        super().__init__(daemon=True)
        self.rows, self.is_stopping, self.n_seen = rows, False, {}
        with namespace.entered():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(netns.ETH_P_ALL))
            self.socket.bind((interface, netns.ETH_P_ALL))
        self.socket.settimeout(0.02)
        self.start()

    def run(self):
        while not self.is_stopping:
            try:
                frame, sender = self.socket.recvfrom(4096)
            except TimeoutError:
                continue
            if sender[2] == socket.PACKET_OUTGOING or len(frame) < 34:
                continue
            p = packet.Packet(frame)
            if p.kind not in ("udp", "sctp") or p.dst not in (HOST4, HOST6, LOCAL) or (p.kind, p.dport) not in self.rows:
                continue
            p.nth = self.n_seen[p.dst, p.kind, p.dport] = self.n_seen.get((p.dst, p.kind, p.dport), 0) + 1
            for answer in self.rows[p.kind, p.dport](p):
                self.socket.send(packet.ethernet(p.src_mac, p.dst_mac, answer))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_stopping = True
        self.join(5)
        self.socket.close()


# UDP

def truth(unreachable):
    table = {("udp", port): ("open", "udp-response") for port in (53, *ECHOING)}
    table |= {("udp", port): ("open|filtered", "no-response") for port in (*MUTE, DROPPED)}
    table |= {("udp", port): ("filtered", reason) for port, (_, reason) in unreachable.items()}
    table["udp", 1005] = ("closed", "port-unreach")
    return {("udp", p): table.get(("udp", p), ("closed", "port-unreach")) for p in suite.port_list(PORTS)}


def test_udp_states(cases, bed, directory):
    for address, unreachable, family in (("10.99.0.2", UNREACH4, []), ("fd99::2", UNREACH6, ["-6"])):
        found = ports(bed, "-sU", "-p", PORTS, *family, address)
        cases.equal(f"-sU {address}: states and reasons", found, truth(unreachable))
        theirs = ports(bed, "-sU", "-T4", "-p", PORTS, *family, address, program="nmap")
        cases.equal(f"-sU {address}: as nmap", found, theirs)
    found = ports(bed, "-sU", "-g", "5353", "-p", PORTS, "10.99.0.2")
    cases.equal("-sU with a source port of the user's: the same", found, truth(UNREACH4))
    text = run(bed, "-sU", "-p", "9100-9199", "10.99.0.2")
    cases.check("-sU: not shown", "Not shown: 100 closed udp ports (port-unreach)" in text, text)
    text = run(bed, "-sU", "-p", "53,81,5001", "--open", "10.99.0.2")
    cases.check("-sU --open: open and open|filtered", "53/udp   open " in text and "5001/udp open|filtered" in text and
                "81/udp" not in text, text)


def test_own_ports(cases, bed, directory):
    """Scanning itself, no port that the scan holds may look like somebody's."""
    done = bed.target.run([suite.PRTIP, "-sU", "-n", "-Pn", "-p-", "127.0.0.1", "-oJ", "-"], 120)
    counts = suite.json_summary(done.stdout)["ports"]
    cases.equal("-sU -p- 127.0.0.1: silent are the filtered port and nobody else",
                {k: v for k, v in counts.items() if v}, {"closed": 65535 - 7, "open|filtered": 1, "filtered": 6})


def test_udp_wire(cases, bed, directory):
    for address in ("10.99.0.2", "fd99::2"):
        seen, text = captured(bed, "-sU", "-p", "53,123,161,3478,9000-9199", address)
        bad = [p for p in seen if not (p.sum_ok and p.ip_sum_ok)]
        cases.equal(f"{address}: checksums", bad, [])
        first = {p.dport: p for p in reversed(seen)}
        cases.equal(f"{address}: every port asked", len(first), 204)
        cases.check(f"{address}: nothing is said to unknown ports", all(not first[p].payload for p in range(9000, 9200)))
        cases.equal(f"{address}: DNS asks for the root's servers", first[53].payload[2:],
                    b"\0\0\0\1\0\0\0\0\0\0" + b"\0" + b"\0\2\0\1")
        cases.equal(f"{address}: NTP as a client", (len(first[123].payload), first[123].payload[0]), (48, 0x23))
        cases.check(f"{address}: SNMP asks community public", b"\4\6public" in first[161].payload, first[161].payload)
        cases.equal(f"{address}: STUN binding", first[3478].payload[:8], b"\0\1\0\0\x21\x12\xa4\x42")
        sports = {p.sport for p in seen}
        cases.check(f"{address}: source ports spread over a range of 64",
                    len(sports) > 32 and max(sports) - min(sports) < 64, sorted(sports))
        again, _ = captured(bed, "-sU", "-p", "53", address)
        cases.check(f"{address}: another scan has another key", again[0].payload[:2] != first[53].payload[:2] or
                    again[0].sport != first[53].sport, again)


def dns(p, flip=0):
    return struct.pack("!H", struct.unpack("!H", p.payload[:2])[0] ^ flip) + b"\x81\x05" + p.payload[4:]


def answer(p, payload, sport=None, dport=None, src=None):
    return packet.udp(src or p.dst, p.src, sport or p.dport, dport or p.sport, payload)


def unreachable(p, quoted, code4=3):
    return packet.icmp_error(p.dst, p.src, *((3, code4) if p.family == 4 else (1, 4)), quoted)


def requoted(p, offset, value):
    """The probe as quoted, with two bytes of the network packet replaced."""
    return p.network[:offset] + struct.pack("!H", value) + p.network[offset + 2:]


def l4(p):
    return 20 if p.family == 4 else 40


UDP_LIES = {
    53: ("DNS answer with a wrong id", lambda p: [answer(p, dns(p, 0x4000)), answer(p, dns(p, 1))]),
    3001: ("answer to a port of ours that the probe did not leave from",
           lambda p: [answer(p, b"x", dport=p.sport ^ bit) for bit in (0x4000, 0x2000, 0x1000)]),
    3002: ("answer from another host", lambda p: [answer(p, b"x", src="198.18.0.2" if p.family == 4 else "fd98::2")]),
    3003: ("ICMP about another length", lambda p: [unreachable(p, requoted(p, l4(p) + 4, 77))]),
    3004: ("ICMP about another source port", lambda p: [unreachable(p, requoted(p, l4(p), p.sport ^ 0x4000))]),
    3005: ("ICMP about a port never asked", lambda p: [unreachable(p, requoted(p, l4(p) + 2, 9999))]),
    3006: ("ICMP with another id", lambda p: [unreachable(p, requoted(p, 4, p.ip_id ^ 0x100))] if p.family == 4 else []),
    3007: ("cut datagram", lambda p: [answer(p, b"x" * 20)[:l4(p) + 5]]),
}
UDP_TRUTHS = {
    123: ("NTP answer", lambda p: [answer(p, b"\x24" + bytes(23) + p.payload[40:48] + bytes(16))],
          ("open", "udp-response")),
    3101: ("datagram", lambda p: [answer(p, b"hello")], ("open", "udp-response")),
    3102: ("port unreachable", lambda p: [unreachable(p, p.network)], ("closed", "port-unreach")),
    3103: ("port unreachable, eight bytes quoted", lambda p: [unreachable(p, p.network[:l4(p) + 8])],
           ("closed", "port-unreach")),
    3104: ("datagram, then port unreachable", lambda p: [answer(p, b"x"), unreachable(p, p.network)],
           ("open", "udp-response")),
    3105: ("lie, then the truth", lambda p: [unreachable(p, requoted(p, l4(p), p.sport ^ 0x4000)), answer(p, b"x")],
           ("open", "udp-response")),
    3106: ("empty datagram", lambda p: [answer(p, b"")], ("open", "udp-response")),
}


def test_udp_lies(cases, bed, directory):
    rows = {("udp", port): row[1] for port, row in (UDP_LIES | UDP_TRUTHS).items()}
    listed = ",".join(str(port) for _, port in rows)
    (directory / "none").write_text("")
    for host, more in ((HOST4, []), (HOST6, ["-6"])):
        with Script(bed.target, rows):  # requests of an installed file carry no number to check
            done = bed.scanner.run([suite.PRTIP, "-sU", "-n", "-Pn", "-p", listed, "--payload-db",
                                    str(directory / "none"), *more, host, "-oJ", "-"])
        text = done.stdout
        found = {port: value for (_, port), value in suite.json_ports(text).items()}
        for port, (name, _) in UDP_LIES.items():
            if port == 3006 and host == HOST6:
                continue
            cases.equal(f"{host}: {name}: not believed", found.get(port), ("open|filtered", "no-response"))
        for port, (name, _, want) in UDP_TRUTHS.items():
            cases.equal(f"{host}: {name}", found.get(port), want)
        cases.check(f"{host}: forged answers are counted", suite.json_summary(text)["forged"] >= 4,
                    suite.json_summary(text))


def test_answer_before_its_error(cases, bed, directory):
    """Datagrams and the error that followed them come by different sockets, the datagrams' fuller: they came first."""
    for n, host, more in ((1, HOST4, []), (1, HOST6, ["-6"]), (8, HOST4, []), (8, HOST6, ["-6"])):
        rows = {("udp", port): lambda p: [answer(p, b"x")] * n + [unreachable(p, p.network)] for port in range(3300, 3800)}
        with Script(bed.target, rows):
            found = suite.json_ports(run(bed, "-sU", "-p", "3300-3799", *more, host, "-oJ", "-"))
        cases.equal(f"{host}: 500 ports that answer {n} times and then say unreachable are open",
                    {k: v for k, v in found.items() if v != ("open", "udp-response")}, {})


def test_requests_in_turn(cases, bed, directory):
    path = directory / "payloads"
    path.write_text('udp 3200-3202 "one"\nudp 3200-3202 "two"\nudp 3200-3202 "three"\n')
    rows = {("udp", 3201): lambda p: [answer(p, b"yes")] if p.payload == b"two" else [], ("udp", 3200): lambda p: []}
    with Script(bed.target, rows):
        seen, text = captured(bed, "-sU", "-p", "3200,3201", "--payload-db", str(path), HOST4)
    said = {port: [p.payload for p in seen if p.dport == port] for port in (3200, 3201)}
    cases.equal("silent port: every request once, in turn", said[3200], [b"one", b"two", b"three"])
    cases.equal("port that understands the second", said[3201], [b"one", b"two"])
    record = next(r for r in suite.json_records(text, "port") if r["port"] == 3201)
    cases.equal("port that understands the second: open by that attempt", (record["state"], record["attempt"]),
                ("open", 1))
    seen, _ = captured(bed, "-sU", "-p", "3200", "--max-retries", "1", "--payload-db", str(path), HOST4)
    cases.equal("--max-retries bounds the requests", [p.payload for p in seen], [b"one", b"two"])
    broken = directory / "broken"
    broken.write_text('udp 53 "ok"\nudp 53,x "no"\n')
    done = bed.scanner.run([suite.PRTIP, "-sU", "-n", "-Pn", "-p53", "--payload-db", str(broken), HOST4])
    cases.check("broken file: exit 1 and the place", done.returncode == 1 and "line 2, column 8" in done.stderr and
                not done.stdout, done.stderr)
    (directory / "nmap-payloads").write_text("udp 53 oops\n")
    done = bed.scanner.run(["env", f"NMAPDIR={directory}", suite.PRTIP, "-sU", "-n", "-Pn", "-p81", "10.99.0.2"])
    cases.check("broken installed file: a note, and the scan runs", done.returncode == 0 and
                "built-in UDP requests only" in done.stderr and "81/udp closed" in done.stdout, done.stderr)


# SCTP

INIT_ACK = b"\2\0\0\x14" + b"\x11\x22\x33\x44" + b"\0\1\0\0" + b"\0\1\0\1" + b"\0\0\0\1"
ABORT = b"\6\0\0\4"


def itag(p):
    return struct.unpack_from("!I", p.payload, 4)[0]


def sctp_answer(p, chunk, flip=0):
    return packet.sctp(p.dst, p.src, p.dport, p.sport, itag(p) ^ flip, chunk)


SCTP_ROWS = {
    80: ("INIT ACK", lambda p: [sctp_answer(p, INIT_ACK)], ("open", "init-ack")),
    81: ("ABORT", lambda p: [sctp_answer(p, ABORT)], ("closed", "abort")),
    82: ("silence", lambda p: [], ("filtered", "no-response")),
    83: ("protocol unreachable", lambda p: [unreachable(p, p.network, 2)], None),
    84: ("ABORT with a wrong tag", lambda p: [sctp_answer(p, ABORT, 0x100)], ("filtered", "no-response")),
    85: ("INIT ACK with a wrong tag", lambda p: [sctp_answer(p, INIT_ACK, 1 << 31)], ("filtered", "no-response")),
    86: ("another chunk", lambda p: [sctp_answer(p, b"\3\0\0\4")], ("filtered", "no-response")),
    87: ("ICMP about another tag", lambda p: [unreachable(p, p.network[:l4(p) + 16] + bytes(4) + p.network[l4(p) + 20:], 2)],
         ("filtered", "no-response")),
}


def test_sctp(cases, bed, directory):
    rows = {("sctp", port): row[1] for port, row in SCTP_ROWS.items()}
    for host, more, reason in ((HOST4, [], "proto-unreach"), (HOST6, ["-6"], "port-unreach")):
        with Script(bed.target, rows):
            seen, text = captured(bed, "-sY", "-p", "80-87", *more, host)
            theirs = ports(bed, "-sY", "-T4", "-p", "80-83", *more, host, program="nmap")
        found = {port: value for (_, port), value in suite.json_ports(text).items()}
        for port, (name, _, want) in SCTP_ROWS.items():
            cases.equal(f"-sY {host}: {name}", found[port], want or ("filtered", reason))
        cases.equal(f"-sY {host}: as nmap", {("sctp", p): found[p] for p in range(80, 84)}, theirs)
        cases.equal(f"-sY {host}: CRC32c", [p for p in seen if not p.sum_ok], [])
        cases.check(f"-sY {host}: INIT chunks of 20 bytes, verification tag 0, their own tags",
                    all(p.chunk == 1 and p.vtag == 0 and len(p.payload) == 20 and itag(p) for p in seen) and
                    len({itag(p) for p in seen if p.dport != 82}) >= 7, [(p.dport, hex(itag(p))) for p in seen])
    found = ports(bed, "-sY", "-p", "1003-1009,1001", "10.99.0.2")
    cases.equal("-sY: ICMP of every kind", found, {("sctp", 1001): ("filtered", "no-response")} |
                {("sctp", port): ("filtered", reason) for port, (_, reason) in UNREACH4.items()})


# Together

def test_sctp_here(cases, bed, directory):
    """Scanning this machine: what we hear with does not keep our kernel from saying that it knows no SCTP."""
    for address, family in (("127.0.0.1", []), ("::1", ["-6"])):
        theirs, ours = (ElementTree.fromstring(bed.target.run([program, "-sY", *family, "-n", "-Pn", "-p22,80", address, "-oX", "-"]).stdout)
                        for program in ("nmap", suite.PRTIP))
        told = [[(s.get("state"), s.get("reason")) for s in found.iter("state") if s.get("state")] for found in (theirs, ours)]
        cases.equal(f"-sY {address}: as nmap", *[[pair for pair in pairs if pair[0] != "up"] for pairs in told[::-1]])
    with Script(bed.target, {("sctp", port): SCTP_ROWS[port][1] for port in (80, 81, 82)}, "lo"):
        done = bed.target.run([suite.PRTIP, "-sY", "-n", "-Pn", "-p80-82", LOCAL, "-oJ", "-"])
    cases.equal(f"-sY {LOCAL}: answers are heard",
                {r["port"]: r["state"] for r in suite.json_records(done.stdout, "port") if r["port"] != 82}, {80: "open", 81: "closed"})


def test_combined(cases, bed, directory):
    options = ["-p", "T:22,23,U:53,5001,81,S:80-82"]
    rows = {("sctp", port): SCTP_ROWS[port][1] for port in (80, 81, 82)}
    want = {("tcp", 22): ("open", "syn-ack"), ("tcp", 23): ("closed", "reset"), ("udp", 53): ("open", "udp-response"),
            ("udp", 5001): ("open|filtered", "no-response"), ("udp", 81): ("closed", "port-unreach")}
    found = ports(bed, "-sS", "-sU", *options, "10.99.0.2")
    cases.equal("-sS -sU: each port by its protocol", found, want)
    cases.equal("-sS -sU: as nmap", found, ports(bed, "-sS", "-sU", "-T4", *options, "10.99.0.2", program="nmap"))
    for scan, tcp in (("-sF", {("tcp", 22): ("open|filtered", "no-response"), ("tcp", 23): ("closed", "reset")}),
                      ("-sA", {("tcp", 22): ("unfiltered", "reset"), ("tcp", 23): ("unfiltered", "reset")})):
        cases.equal(f"-sU {scan}: each port by its protocol", ports(bed, "-sU", scan, *options, "10.99.0.2"), want | tcp)
    with Script(bed.target, rows):
        text = run(bed, "-sSUY", *options, HOST4, "-oX", "-")
    root = ElementTree.fromstring(text)
    cases.equal("-sSUY: three scaninfo", {(s.get("type"), s.get("protocol"), s.get("services")) for s in root.iter("scaninfo")},
                {("syn", "tcp", "22-23"), ("udp", "udp", "53,81,5001"), ("sctpinit", "sctp", "80-82")})
    found = {(p.get("protocol"), int(p.get("portid"))): p.find("state").get("state") for p in root.iter("port")}
    cases.equal("-sSUY: states", {k: v for k, v in found.items() if k[0] == "sctp"},
                {("sctp", 80): "open", ("sctp", 81): "closed", ("sctp", 82): "filtered"})
    text = run(bed, "-sSU", *options, "10.99.0.2", "-oG", "-")
    cases.check("-sSU: grepable", "22/open/tcp//ssh///" in text and "5001/open|filtered/udp//" in text and
                "53/open/udp//domain///" in text, text)
    for flag, count in (("-F", 100), ("--top-ports=30", 30)):
        protocols = [p for p, _ in ports(bed, "-sSU", "--max-retries", "0", flag, "10.99.0.2")]
        cases.equal(f"-sSU {flag}: of each protocol", (protocols.count("tcp"), protocols.count("udp")), (count, count))
    done = bed.scanner.run([suite.PRTIP, "-sU", "-sT", "10.99.0.2"])
    cases.check("-sU -sT: refused with the way out", done.returncode == 2 and "-sS -sU" in done.stderr, done.stderr)


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "nft", "nmap")
    with netns.Bed() as bed, suite.scratch() as directory:
        server = Server(bed.target)
        listener = bed.target.listen(22)
        bed.target.filter_input(*filters(("udp", "sctp")))
        code = suite.run([test_udp_states, test_own_ports, test_udp_wire, test_udp_lies, test_answer_before_its_error,
                          test_requests_in_turn, test_sctp, test_sctp_here, test_combined], bed, directory)
        server.close()
    sys.exit(code)
