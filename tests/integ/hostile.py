#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lies on the wire: a responder that replaces the target's TCP forges replies. None may be believed.

The target's kernel drops what the scanner sends to 198.18.0.1 and fd98::1; each probe seen on the wire
gets the lies of its port, made from the probe itself, so they are as good as lies without the key can be.
"""
import pathlib
import socket
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import packet
import suite

A, SA, R, RA = packet.ACK, packet.SYN | packet.ACK, packet.RST, packet.RST | packet.ACK
BACKENDS = ("rawip", "afpacket", "xdp")
HOST4, HOST6 = "198.18.0.1", "fd98::1"
OTHER4, OTHER6 = "198.18.0.2", "fd98::2"


def reply(p, ack, flags, sport=None, dport=None, src=None):
    return packet.tcp(src or p.dst, p.src, sport or p.dport, dport or p.sport, 1000, ack, flags)


def other(p):
    return OTHER4 if p.family == 4 else OTHER6


def unreachable(p, quoted):
    return packet.icmp_error(p.dst, p.src, *((3, 13) if p.family == 4 else (1, 1)), quoted)


def quote(p, **changed):
    """The probe as an ICMP error quotes it, with fields changed."""
    fields = dict(src=p.src, dst=p.dst, sport=p.sport, dport=p.dport, seq=p.seq) | changed
    return packet.tcp(fields["src"], fields["dst"], fields["sport"], fields["dport"], fields["seq"], 0, packet.SYN)


def truncated(p, cut):
    whole = reply(p, p.seq + 1, SA)
    return whole[:cut]


#: answers without an acknowledgement prove nothing: nmap calls them closed and open
UNPROVEN = {
    151: ("bare RST", lambda p: [reply(p, 0, packet.RST)]),
    152: ("SYN in answer to a SYN", lambda p: [reply(p, 0, packet.SYN)]),
}
LIES = {
    101: ("SYN-ACK, wrong ack", lambda p: [reply(p, p.seq + 2, SA), reply(p, p.seq, SA), reply(p, 0, SA)]),
    102: ("SYN-ACK from another host", lambda p: [reply(p, p.seq + 1, SA, src=other(p))]),
    103: ("SYN-ACK from a port never asked", lambda p: [reply(p, p.seq + 1, SA, sport=9999)]),
    104: ("SYN-ACK to a port of ours never used", lambda p: [reply(p, p.seq + 1, SA, dport=p.sport ^ 0x101)]),
    105: ("RST, wrong ack", lambda p: [reply(p, p.seq + 7, RA), reply(p, 0, RA)]),
    106: ("truncated SYN-ACK", lambda p: [truncated(p, cut) for cut in (20, 24, 33, 39)]),
    107: ("SYN-ACK that carries the ack of another port", lambda p: [reply(p, last_seq(p) + 1, SA)]),
    108: ("ICMP about a foreign packet", lambda p: [unreachable(p, quote(p, src=other(p))),
                                                     unreachable(p, quote(p, dst=other(p)))]),
    109: ("ICMP with a wrong cookie", lambda p: [unreachable(p, quote(p, seq=p.seq + 1))]),
    110: ("ICMP about a port never asked", lambda p: [unreachable(p, quote(p, dport=9998))]),
    111: ("ICMP with a cut quote", lambda p: [unreachable(p, quote(p)[:-14]), unreachable(p, b"")]),
    112: ("pure ACK", lambda p: [reply(p, p.seq + 1, A)]),
    113: ("SYN-ACK whose header claims more than there is", lambda p: [overlong(p)]),
}
TRUTHS = {
    201: ("SYN-ACK", lambda p: [reply(p, p.seq + 1, SA)], ("open", "syn-ack")),
    202: ("RST", lambda p: [reply(p, p.seq + 1, RA)], ("closed", "reset")),
    203: ("SYN-ACK five times", lambda p: [reply(p, p.seq + 1, SA)] * 5, ("open", "syn-ack")),
    204: ("RST five times", lambda p: [reply(p, p.seq + 1, RA)] * 5, ("closed", "reset")),
    205: ("ICMP", lambda p: [unreachable(p, p.network)], ("filtered", "admin-prohibited")),
    206: ("lie first, then the truth", lambda p: [reply(p, p.seq + 9, RA), reply(p, p.seq + 1, SA)], ("open", "syn-ack")),
    207: ("SYN-ACK, then RST", lambda p: [reply(p, p.seq + 1, SA), reply(p, p.seq + 1, RA)], ("open", "syn-ack")),
}
SILENT = 299  # keeps the scan listening until the last duplicate has come
SEEN = {}


def last_seq(p):
    """The cookie of some other port of the same host."""
    return next((seq for (dst, port), seq in SEEN.items() if dst == p.dst and port != p.dport), p.seq + 3)


def overlong(p):
    whole = bytearray(reply(p, p.seq + 1, SA))
    whole[(20 if p.family == 4 else 40) + 12] = 15 << 4
    return bytes(whole)


class Responder:
    """Answers every SYN seen at vb by the tables."""

    def __init__(self, namespace):
        with namespace.entered():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(netns.ETH_P_ALL))
            self.socket.bind(("vb", netns.ETH_P_ALL))
        self.socket.settimeout(0.02)
        self.is_stopping = False
        self.n_sent = 0
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while not self.is_stopping:
            try:
                frame, sender = self.socket.recvfrom(2048)
            except TimeoutError:
                continue
            if sender[2] == socket.PACKET_OUTGOING or len(frame) < 34:
                continue
            p = packet.Packet(frame)
            if p.kind != "tcp" or p.flags != packet.SYN or p.dst not in (HOST4, HOST6):
                continue
            SEEN[p.dst, p.dport] = p.seq
            for answer in (LIES.get(p.dport) or UNPROVEN.get(p.dport) or TRUTHS.get(p.dport) or ("", lambda p: []))[1](p):
                self.socket.send(packet.ethernet(p.src_mac, p.dst_mac, answer))
                self.n_sent += 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_stopping = True
        self.thread.join(10)
        self.socket.close()


def scan(bed, host, wanted, *options):
    with Responder(bed.target):
        done = bed.scanner.run([suite.PRTIP, "-sS", "-Pn", "-n", "-p", ",".join(map(str, wanted)), host, *options,
                                "--coverage-sample", "0", "-oJ", "-"])
    if done.returncode != 0:
        raise RuntimeError(f"exit {done.returncode}: {done.stderr}")
    return done.stdout


def test_lies(cases, bed):
    for backend in BACKENDS:
        for host in (HOST4, HOST6):
            name = f"{backend} {host}"
            text = scan(bed, host, [*LIES, 201], "--tx-backend", backend)
            found = suite.json_ports(text)
            for port, (lie, _) in LIES.items():
                cases.equal(f"{name}: {lie}: not believed", found.get((host, port)), ("filtered", "no-response"))
            cases.equal(f"{name}: nothing about what was not asked", set(found), {(host, port) for port in [*LIES, 201]})
            cases.check(f"{name}: forged replies are counted", suite.json_summary(text)["forged"] >= 8,
                        suite.json_summary(text))


def test_unproven(cases, bed):
    for backend in BACKENDS:
        for host in (HOST4, HOST6):
            with Responder(bed.target):
                done = bed.scanner.run([suite.PRTIP, "-sS", "-Pn", "-n", "-p", "151,152,201", host, "--max-retries", "1",
                                        "--tx-backend", backend, "-oJ", "-"])
            summary, name = suite.json_summary(done.stdout), f"{backend} {host}"
            cases.equal(f"{name}: RST and SYN without acknowledgement are not believed", suite.json_ports(done.stdout),
                        {(host, 151): ("filtered", "no-response"), (host, 152): ("filtered", "no-response"),
                         (host, 201): ("open", "syn-ack")})
            cases.equal(f"{name}: they are counted", (summary["unproven"], summary["forged"]), (4, 0))
            cases.check(f"{name}: and explained", "4 RST or SYN without acknowledgement" in done.stderr, done.stderr)


def test_truths(cases, bed):
    for backend in BACKENDS:
        for host in (HOST4, HOST6):
            name = f"{backend} {host}"
            text = scan(bed, host, [*TRUTHS, SILENT], "--tx-backend", backend)
            found = suite.json_ports(text)
            for port, (what, _, want) in TRUTHS.items():
                cases.equal(f"{name}: {what}", found.get((host, port)), want)
            records = suite.json_records(text, "port")
            cases.equal(f"{name}: each port is reported once", len(records), len(TRUTHS) + 1)
            cases.check(f"{name}: duplicates are counted", suite.json_summary(text)["duplicates"] == 9,
                        suite.json_summary(text))


def test_replay(cases, bed):
    """Answers to one scan, played into another of the same port, carry the wrong key."""
    kept = []
    TRUTHS[210] = ("kept", lambda p: kept.append(reply(p, p.seq + 1, SA)) or [], None)
    scan(bed, HOST4, [210], "-g", "5555")
    old = kept[0]
    TRUTHS[210] = ("replayed", lambda p: [old], None)
    text = scan(bed, HOST4, [201, 210], "-g", "5555", "--max-retries", "0")
    cases.equal("an answer of an earlier scan is not believed", suite.json_ports(text),
                {(HOST4, 201): ("open", "syn-ack"), (HOST4, 210): ("filtered", "no-response")})
    cases.check("it is counted as forged", suite.json_summary(text)["forged"] >= 1, suite.json_summary(text))


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "nft")
    with netns.Bed() as bed:
        bed.target.filter_input(f"ip daddr {HOST4} drop", f"ip6 daddr {HOST6} drop")
        code = suite.run([test_lies, test_unproven, test_truths, test_replay], bed)
    sys.exit(code)
