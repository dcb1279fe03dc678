# SPDX-License-Identifier: GPL-3.0-or-later
"""Captured frames -> packets, and packets -> bytes, in Python only: an opinion independent of the C code."""
import ipaddress
import struct

ETH_IP4, ETH_IP6, ETH_ARP = 0x0800, 0x86DD, 0x0806
TCP, UDP, ICMP4, ICMP6, SCTP = 6, 17, 1, 58, 132
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32


def checksum(*parts):
    """Internet checksum (RFC 1071); 0 over bytes that carry a correct one."""
    data = b"".join(parts)
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def crc32c(data):
    """RFC 9260 appendix A, bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


class Packet:
    """Fields present depend on kind: "tcp", "udp", "sctp", "icmp", "icmp6", "arp" or "other"."""

    def __init__(self, frame, time_ns=0, is_incoming=True):
        self.time_ns, self.is_incoming, self.frame = time_ns, is_incoming, frame
        self.kind = "other"
        self.dst_mac, self.src_mac = frame[:6], frame[6:12]
        self.src = self.dst = None
        protocol = struct.unpack_from("!H", frame, 12)[0]
        network = frame[14:]
        if protocol == ETH_IP4:
            self._ip4(network)
        elif protocol == ETH_IP6:
            self._ip6(network)
        elif protocol == ETH_ARP:
            self.kind = "arp"
            self.op = struct.unpack_from("!H", network, 6)[0]
            self.src, self.dst = str(ipaddress.ip_address(network[14:18])), str(ipaddress.ip_address(network[24:28]))

    def _ip4(self, n):
        header, length = (n[0] & 15) * 4, struct.unpack_from("!H", n, 2)[0]
        self.family, self.ttl, self.ip_id = 4, n[8], struct.unpack_from("!H", n, 4)[0]
        self.src, self.dst = str(ipaddress.ip_address(n[12:16])), str(ipaddress.ip_address(n[16:20]))
        self.ip_sum_ok = checksum(n[:header]) == 0
        self.network = n[:length]
        body = n[header:length]
        self._upper(n[9], body, n[12:20] + struct.pack("!BBH", 0, n[9], len(body)))

    def _ip6(self, n):
        length, next_header, self.ttl = struct.unpack_from("!HBB", n, 4)
        self.family, self.ip_sum_ok = 6, True
        self.src, self.dst = str(ipaddress.ip_address(n[8:24])), str(ipaddress.ip_address(n[24:40]))
        self.network = n[:40 + length]
        body = n[40:40 + length]
        if next_header == 0:  # hop-by-hop, as in MLD reports
            return
        self._upper(next_header, body, n[8:40] + struct.pack("!IHBB", len(body), 0, 0, next_header))

    def _upper(self, protocol, body, pseudo):
        if protocol == TCP:
            self.kind = "tcp"
            self.sport, self.dport, self.seq, self.ack, offset, self.flags, self.window = struct.unpack_from(
                "!HHIIBBH", body)
            self.options = body[20:(offset >> 4) * 4]
            self.payload = body[(offset >> 4) * 4:]
            self.sum_ok = checksum(pseudo, body) == 0
        elif protocol == UDP:
            self.kind = "udp"
            self.sport, self.dport = struct.unpack_from("!HH", body)
            self.payload = body[8:]
            self.sum_ok = checksum(pseudo, body) == 0
        elif protocol == SCTP:
            self.kind = "sctp"
            self.sport, self.dport, self.vtag = struct.unpack_from("!HHI", body)
            self.chunk, self.payload = body[12], body[12:]
            self.sum_ok = struct.unpack_from("<I", body, 8)[0] == crc32c(body[:8] + bytes(4) + body[12:])
        elif protocol in (ICMP4, ICMP6):
            self.kind = "icmp" if protocol == ICMP4 else "icmp6"
            self.type, self.code = body[0], body[1]
            self.sum_ok = checksum(*([pseudo] if protocol == ICMP6 else []), body) == 0
            self.body = body
            if self.kind == "icmp6" and self.type in (135, 136):
                self.nd_target = str(ipaddress.ip_address(body[8:24]))

    @property
    def mss(self):
        """Of a SYN whose options hold MSS first, else None."""
        return struct.unpack_from("!H", self.options, 2)[0] if self.options[:2] == b"\x02\x04" else None

    def __repr__(self):
        text = f"{self.kind} {self.src} > {self.dst}"
        if self.kind == "tcp":
            text += f" {self.sport}>{self.dport} flags {self.flags:#x}"
        elif self.kind.startswith("icmp"):
            text += f" {self.type}/{self.code}"
        return text


def parse(frames):
    return [Packet(frame, time_ns, is_incoming) for time_ns, is_incoming, frame in frames if len(frame) >= 34]


def syns(packets):
    """Incoming bare SYNs: the probes of a SYN scan."""
    return [p for p in packets if p.is_incoming and p.kind == "tcp" and p.flags == SYN]


def ip(src, dst, protocol, body, ttl=64):
    a, b = ipaddress.ip_address(src).packed, ipaddress.ip_address(dst).packed
    if len(a) == 16:
        return struct.pack("!IHBB", 6 << 28, len(body), protocol, ttl) + a + b + body
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, ttl, protocol, 0) + a + b
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def pseudo_header(src, dst, protocol, length):
    a, b = ipaddress.ip_address(src).packed, ipaddress.ip_address(dst).packed
    if len(a) == 16:
        return a + b + struct.pack("!IHBB", length, 0, 0, protocol)
    return a + b + struct.pack("!BBH", 0, protocol, length)


def tcp(src, dst, sport, dport, seq, ack, flags, options=b"", window=64240):
    head = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF,
                       (5 + len(options) // 4) << 4, flags, window, 0, 0) + options
    total = checksum(pseudo_header(src, dst, TCP, len(head)), head)
    return ip(src, dst, TCP, head[:16] + struct.pack("!H", total) + head[18:])


def udp(src, dst, sport, dport, payload):
    head = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0)
    total = checksum(pseudo_header(src, dst, UDP, 8 + len(payload)), head, payload) or 0xFFFF
    return ip(src, dst, UDP, head[:6] + struct.pack("!H", total) + payload)


def sctp(src, dst, sport, dport, vtag, chunks):
    head = struct.pack("!HHI", sport, dport, vtag)
    return ip(src, dst, SCTP, head + struct.pack("<I", crc32c(head + bytes(4) + chunks)) + chunks)


def icmp_error(src, dst, kind, code, quoted):
    """An ICMP or ICMPv6 error from src to dst about the network packet @quoted."""
    body = struct.pack("!BBHI", kind, code, 0, 0) + quoted
    is_v6 = ":" in src
    total = checksum(*([pseudo_header(src, dst, ICMP6, len(body))] if is_v6 else []), body)
    return ip(src, dst, ICMP6 if is_v6 else ICMP4, body[:2] + struct.pack("!H", total) + body[4:])


def ethernet(dst_mac, src_mac, network):
    return dst_mac + src_mac + struct.pack("!H", ETH_IP6 if network[0] >> 4 == 6 else ETH_IP4) + network
