# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that answer the sixteen probes of an OS test as an entry of nmap-os-db says.

    entry (its test lines) -> plan() -> Host: one answer per probe, without memory -> Network: a tun device

Values come from the middle of what an entry allows. Answers depend on the probe alone, never on the time it came: the n-th
SYN is answered as if it had come n * 100 ms after the first, so that a busy machine does not change what a host is.
An entry that no packets can satisfy (a fingerprint cut short, answers that contradict each other) raises Unbuildable.
"""
import fcntl
import ipaddress
import os
import re
import select
import struct
import threading

OPEN, CLOSED = 80, 81
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << i for i in range(8))
# By flags, window and the kind of the first option: the probes of the test. Anything else is of the port scan.
TCP_PROBES = {(SYN, 1, 3): "1", (SYN, 63, 2): "2", (SYN, 4, 8): "3", (SYN, 4, 4): "4", (SYN, 16, 2): "5", (SYN, 512, 2): "6",
              (SYN | ECE | CWR, 3, 3): "ECN", (0, 128, 3): "T2", (FIN | SYN | PSH | URG, 256, 3): "T3", (ACK, 1024, 3): "T4",
              (SYN, 31337, 3): "T5", (ACK, 32768, 3): "T6", (FIN | PSH | URG, 65535, 3): "T7"}
FLAGS = {"E": ECE, "U": URG, "A": ACK, "P": PSH, "R": RST, "S": SYN, "F": FIN}
U1_TEXT_BYTES, U1_SEEN_BYTES = 300, 328
MTU = 1500


class Unbuildable(ValueError):
    """No packets give what the entry says."""


class Entry:
    def __init__(self, name, line, tests):
        self.name, self.line, self.tests, self.families = name, line, tests, set()

    def get(self, test, attribute):
        return self.tests.get(test, {}).get(attribute)


def read_entries(path):
    entries = []
    with open(path, encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            if line.startswith("Fingerprint "):
                entries.append(Entry(line[len("Fingerprint "):].strip(), number, {}))
            elif line.startswith("Class "):
                entries[-1].families.add(line.split("|")[1].strip())
            elif entries and (m := re.fullmatch(r"([A-Z0-9]+)\((.*)\)\s*", line)):
                entries[-1].tests[m[1]] = dict(a.split("=", 1) for a in m[2].split("%") if "=" in a)
    return entries


def numbers(expression):
    """The middle of each alternative of an expression of hexadecimal numbers, then its ends."""
    middles, ends = [], []
    for part in expression.split("|"):
        if part[:1] == ">":
            middles.append(int(part[1:], 16) + 1)
        elif part[:1] == "<":
            middles.append(int(part[1:], 16) // 2)
        elif "-" in part:
            low, high = (int(x, 16) for x in part.split("-"))
            middles.append((low + high) // 2)
            ends += [low, high]
        elif re.fullmatch("[0-9A-F]+", part):
            middles.append(int(part, 16))
    if not middles:
        raise Unbuildable(f"no number in {expression!r}")
    return middles + ends


def number(expression, default=0):
    return default if expression is None else numbers(expression)[0]


# Sequences

def steps_around(mean, spread):
    """Five numbers >= 0 of this mean; the root of the sum of squared deviations over four is the spread."""
    if spread <= mean:
        return [mean + spread, mean - spread, mean + spread, mean - spread, mean]
    d = spread / 5 ** 0.5
    if d > mean:
        raise Unbuildable("a spread wider than such a mean allows")
    return [mean + 4 * d, *[mean - d] * 4]


def sequence_numbers(entry):
    """What is added to the first sequence number, for the six."""
    if not entry.tests.get("SEQ", {}).keys() & {"SP", "GCD", "ISR"}:
        return [i * 64013 for i in range(6)]
    error = None
    for gcd in numbers(entry.get("SEQ", "GCD") or "1"):
        if gcd == 0:
            return [0] * 6
        for isr in numbers(entry.get("SEQ", "ISR") or "80"):
            for sp in numbers(entry.get("SEQ", "SP") or "80"):
                try:
                    return sequence_of(gcd, isr, sp)
                except Unbuildable as e:
                    error = e
    raise error


def sequence_of(gcd, isr, sp):
    unit = gcd if gcd > 9 else 1
    mean = 2 ** (isr / 8) if isr else 1
    wanted = steps_around(mean, 2 ** (sp / 8) * unit if sp else 0)
    steps = [max(round(s / 10 / gcd), 0) for s in wanted]
    if sum(steps) == 0:
        raise Unbuildable("steps smaller than their divisor")
    if 2 * max(steps) * gcd >= 2 ** 32:
        raise Unbuildable("steps over half of the number space")
    steps[steps.index(max(steps))] += max_coprime(steps)
    out = [0]
    for step in steps:
        out.append(out[-1] + step * gcd)
    return out


def max_coprime(steps):
    """What the largest step lacks for the divisor of all to be one: little."""
    *rest, largest = sorted(steps)
    for n in range(64):
        if divisor([*rest, largest + n]) == 1:
            return n
    raise Unbuildable("steps of another divisor")


def divisor(values):
    a = 0
    for b in values:
        while b:
            a, b = b, a % b
    return a


ID_STEPS = {"I": 1, "BI": 256, "RI": 1100, "RD": 25000}


def id_kinds(entry):
    """Kinds of TI, CI, II; TI and II from one counter, or alike, where the entry knows SS."""
    ti, ci, ii = ((entry.get("SEQ", k) or "I").split("|") for k in ("TI", "CI", "II"))
    shared = [k for k in ti if k in ii and k in ("I", "BI", "RI")]
    if entry.get("SEQ", "SS") and not shared:
        raise Unbuildable("SS without counters of one kind")
    if ii[0] == "RD":
        raise Unbuildable("two IDs never count as random")
    return (shared or ti)[0], ci[0], (shared or ii)[0]


def ids_of(kind, first, n):
    if kind == "Z":
        return [0] * n
    if kind in ID_STEPS:
        return [(first + i * ID_STEPS[kind]) & 0xFFFF for i in range(n)]
    return [int(kind, 16)] * n


def ip_ids(entry):
    ti, ci, ii = id_kinds(entry)
    syn = ids_of(ti, 1000, 6)
    is_one = (entry.get("SEQ", "SS") or "O").split("|")[0] == "S"
    echo = ids_of(ii, syn[-1] + ID_STEPS[ii] if is_one and ii in ID_STEPS else 40000, 2)
    found = {str(i + 1): syn[i] for i in range(6)}
    found |= {"IE1": echo[0], "IE2": echo[1]}
    found |= dict(zip(("T5", "T6", "T7"), ids_of(ci, 3000, 3)))
    return found


def clock(entry):
    """Timestamps of the six; None: never one."""
    kinds = (entry.get("SEQ", "TS") or "A").split("|")
    if kinds[0] == "U":
        return None
    value = numbers(kinds[0])[0]
    hz = {0: 0, 1: 2, 7: 100, 8: 200}.get(value, 2 ** value)
    return [(0x100000 + int(i * hz / 10)) & 0xFFFFFFFF for i in range(6)]


# Answers

class Tcp:
    """An answer by TCP: what is fixed of it, and how numbers follow those of the probe."""

    def __init__(self, ttl, df, flags, window, options, s, a, rst_text, quirks, ident):
        self.ttl, self.df, self.flags, self.window, self.options = ttl, df, flags, window, options
        self.s, self.a, self.rst_text, self.quirks, self.ident = s, a, rst_text, quirks, ident

    def build(self, seq, ack):
        relation = {"Z": 0, "A": ack, "A+": ack + 1, "S": seq, "S+": seq + 1}
        their_seq = self.s if isinstance(self.s, int) else relation.get(self.s, 0x5EA50F0F)
        head = [OPEN, 0, their_seq & 0xFFFFFFFF, relation.get(self.a, 0xACACACA) & 0xFFFFFFFF,
                (20 + len(self.options)) // 4 << 4 | (8 if "R" in self.quirks else 0), self.flags, self.window, 0,
                0x1234 if "U" in self.quirks else 0]
        return head, self.options + self.rst_text


def options_bytes(text, ts):
    """M5B4ST11NW7 as bytes."""
    out = b""
    for kind, value in re.findall(r"([LNMWST])([0-9A-F]*)", text):
        if kind == "M":
            out += struct.pack("!BBH", 2, 4, int(value, 16))
        elif kind == "W":
            out += bytes((3, 3, int(value, 16)))
        elif kind == "T":
            out += struct.pack("!BBII", 8, 10, (ts or 1) if value[0] == "1" else 0, 0xFFFFFFFF if value[1] == "1" else 0)
        else:
            out += {"L": b"\0", "N": b"\1", "S": b"\4\2"}[kind]
    if re.sub(r"[LN]|M[0-9A-F]+|W[0-9A-F]+|S|T[01][01]", "", text) or len(out) % 4 or len(out) > 40:
        raise Unbuildable(f"options {text!r}")
    return out


def pick_options(expression, ts):
    error = None
    for text in (expression or "").split("|"):
        try:
            return options_bytes(text, ts)
        except (Unbuildable, IndexError, ValueError, struct.error) as e:
            error = e
    raise Unbuildable(str(error))


def start_ttl(entry, test):
    t, tg = entry.get(test, "T"), entry.get(test, "TG")
    allowed = numbers(t) if t else [number(tg, 64)]
    low, high = min(allowed), max(allowed)
    wanted = number(tg, allowed[0]) if tg else allowed[0]
    return min(wanted if low <= wanted <= high else allowed[0], 255)


def text_of_crc(crc):
    """Four bytes of this CRC-32."""
    table = []
    for i in range(256):
        c = i
        for _ in range(8):
            c = c >> 1 ^ (0xEDB88320 if c & 1 else 0)
        table.append(c)
    state = crc ^ 0xFFFFFFFF
    order = []
    for _ in range(4):
        at = next(i for i in range(256) if table[i] >> 24 == state >> 24)
        order.append(at)
        state = (state ^ table[at]) << 8 & 0xFFFFFFFF
    state, out = 0xFFFFFFFF, b""
    for at in reversed(order):
        out += bytes((state & 0xFF ^ at,))
        state = state >> 8 ^ table[at]
    return out


def first(expression, default=""):
    return default if expression is None else expression.split("|")[0]


def tcp_answer(entry, test, ident, s=None, window=None, options=None, flags=None, ts=None):
    get = lambda attribute: entry.get(test, attribute)
    if not entry.tests.get(test) or first(get("R"), "Y") == "N":
        return None
    rd = number(get("RD"))
    return Tcp(start_ttl(entry, test), first(get("DF"), "N") == "Y",
               sum(FLAGS[c] for c in first(get("F"), "AR")) if flags is None else flags,
               number(get("W")) if window is None else window,
               pick_options(get("O"), ts) if options is None else options,
               first(get("S"), "Z") if s is None else s, first(get("A"), "Z"), text_of_crc(rd) if rd else b"",
               first(get("Q")), ident)


def syn_answers(entry, ids):
    """Six SYN answers, all or none: sequence numbers by SEQ unless T1 says that they follow the probe's."""
    if not tcp_answer(entry, "T1", 0):
        return {}
    if not entry.get("OPS", "O1") and not entry.get("WIN", "W1"):
        raise Unbuildable("an answer to T1, none to the six")
    relation, stamps = first(entry.get("T1", "S"), "O"), clock(entry)
    found = {}
    for i, add in enumerate(sequence_numbers(entry)):
        options = pick_options(entry.get("OPS", f"O{i + 1}"), stamps and stamps[i])
        found[str(i + 1)] = tcp_answer(entry, "T1", ids[str(i + 1)], s=0x12345679 + add if relation == "O" else relation,
                                       window=number(entry.get("WIN", f"W{i + 1}")), options=options)
    if found["1"].flags & (SYN | ACK | RST) != SYN | ACK:
        raise Unbuildable("the six are not answered by SYN and ACK")
    return found


def all_tcp_answers(entry):
    ids = ip_ids(entry)
    found = syn_answers(entry, ids)
    for test in ("T2", "T3", "T4", "T5", "T6", "T7"):
        found[test] = tcp_answer(entry, test, ids.get(test, 7777), ts=99999)
    cc = {"N": 0, "Y": ECE, "O": CWR, "S": ECE | CWR}[first(entry.get("ECN", "CC"), "N")]
    found["ECN"] = tcp_answer(entry, "ECN", 7776, s=0x22446688, flags=SYN | ACK | cc, ts=99999)
    if found["ECN"]:
        found["ECN"].a = "S+"
    return {probe: answer for probe, answer in found.items() if answer}


class Unreach:
    """The port unreachable behind U1."""

    def __init__(self, entry):
        get = lambda attribute: entry.get("U1", attribute)
        self.ttl, self.df, self.unused = start_ttl(entry, "U1"), first(get("DF"), "N") == "Y", number(get("UN"))
        self.len = number(get("IPL"), 56)
        if not 56 <= self.len <= MTU:
            raise Unbuildable(f"an unreachable of {self.len} bytes")
        self.values = {k: first(get(k), "G") for k in ("RIPL", "RID", "RIPCK", "RUCK", "RUD")}
        self.numbers = {at: number(self.values[k]) for k, at in (("RIPL", 2), ("RID", 4), ("RUCK", 26))
                        if self.values[k] != "G"}
        if self.values["RUD"] == "I" and self.len < 57:
            raise Unbuildable("a text that differs, in a quote without text")

    def build(self, asked):
        q = bytearray(asked + b"C" * max(self.len - 28 - len(asked), 0))[:self.len - 28]
        for at, value in self.numbers.items():
            struct.pack_into("!H", q, at, value)
        if self.values["RUD"] == "I":
            q[28:] = b"\0" * (len(q) - 28)
        q[10:12] = b"\0\0"
        if self.values["RIPCK"] != "Z":
            struct.pack_into("!H", q, 10, checksum(q[:20]) ^ (0x0101 if self.values["RIPCK"] == "I" else 0))
        return icmp(3, 3, struct.pack("!I", self.unused) + q)


class Echo:
    def __init__(self, entry, ids):
        code, dfi = first(entry.get("IE", "CD"), "S"), first(entry.get("IE", "DFI"), "N")
        self.ttl, self.ids = start_ttl(entry, "IE"), (ids["IE1"], ids["IE2"])
        self.codes = {"Z": (0, 0), "S": (9, 0), "O": (5, 3)}.get(code) or (number(code),) * 2
        self.dfs = {"N": (0, 0), "S": (1, 0), "O": (0, 1), "Y": (1, 1)}[dfi]


class Host:
    """All answers of one host; `entry` is what it plays."""

    def __init__(self, entry):
        self.entry = entry
        self.tcp = all_tcp_answers(entry)
        self.unreach = Unreach(entry) if entry.tests.get("U1") and first(entry.get("U1", "R"), "Y") == "Y" else None
        ids = ip_ids(entry)
        self.echo = Echo(entry, ids) if entry.tests.get("IE") and first(entry.get("IE", "R"), "Y") == "Y" else None

    def answer(self, packet):
        """The IPv4 packets that come back; usually one."""
        protocol, l4 = packet[9], packet[(packet[0] & 15) * 4:]
        if protocol == 6:
            return self._tcp(packet, l4)
        if protocol == 17 and self.unreach:
            u = self.unreach
            return ip(packet, 1, 4321, u.df, u.ttl, u.build(packet))
        if protocol == 1 and l4[0] == 8 and self.echo:
            nth = 0 if l4[1] == 9 else 1
            e = self.echo
            return ip(packet, 1, e.ids[nth], e.dfs[nth], e.ttl, icmp(0, e.codes[nth], l4[4:]))
        return None

    def _plain(self, port):
        """The answer to a port scan: as the test's, but with numbers that a scanner believes."""
        a = self.tcp.get({OPEN: "1", CLOSED: "T5"}.get(port))
        flags = SYN | ACK if port == OPEN else RST | ACK
        return a and Tcp(a.ttl, a.df, flags, a.window, b"", 0x11223344 if port == OPEN else "Z", "S+", b"", "", 0)

    def _tcp(self, packet, l4):
        sport, dport, seq, ack, offset, flags, window = struct.unpack_from("!HHIIBBH", l4)
        kind = l4[20] if offset >> 4 > 5 else None
        a = self.tcp.get(TCP_PROBES.get((flags, window, kind)))
        if not a and flags == SYN:
            a = self._plain(dport)
        if not a:
            return None
        head, rest = a.build(seq, ack)
        return ip(packet, 6, a.ident, a.df, a.ttl, segment(packet, head, rest, dport, sport))


def checksum(b):
    total = sum(struct.unpack(f"!{(len(b) + 1) // 2}H", bytes(b) + b"\0" * (len(b) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def icmp(kind, code, rest):
    body = bytes((kind, code, 0, 0)) + bytes(rest)
    return body[:2] + struct.pack("!H", checksum(body)) + body[4:]


def segment(asked, head, rest, sport, dport):
    head[0], head[1] = sport, dport
    b = struct.pack("!HHIIBBHHH", *head) + rest
    pseudo = asked[16:20] + asked[12:16] + struct.pack("!HH", 6, len(b))
    return b[:16] + struct.pack("!H", checksum(pseudo + b)) + b[18:]


def ip(asked, protocol, ident, df, ttl, payload):
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), ident, 0x4000 if df else 0, ttl, protocol, 0)
    head += asked[16:20] + asked[12:16]
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


class Network:
    """Hosts behind a tun device of a namespace, from 198.18.0.1 on; counts what it read and wrote."""

    def __init__(self, namespace, hosts, name="tun0", base="198.18.0.1"):
        self.hosts = {(ipaddress.ip_address(base) + i).packed: host for i, host in enumerate(hosts)}
        self.addresses = [str(ipaddress.ip_address(a)) for a in self.hosts]
        self.n_read = self.n_written = 0
        with namespace.entered():
            self.fd = os.open("/dev/net/tun", os.O_RDWR)
            fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
        namespace.sh(f"ip addr add 10.66.0.1/32 dev {name}")
        namespace.sh(f"ip link set {name} up txqueuelen 10000")
        namespace.sh(f"ip route add 198.18.0.0/16 dev {name} src 10.66.0.1")
        self.is_stopping = False
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while not self.is_stopping:
            if not select.select([self.fd], [], [], 0.05)[0]:
                continue
            asked = os.read(self.fd, 4096)
            self.n_read += 1
            host = self.hosts.get(asked[16:20]) if asked[0] >> 4 == 4 else None
            answer = host and host.answer(asked)
            if answer:
                os.write(self.fd, answer)
                self.n_written += 1

    def close(self):
        self.is_stopping = True
        self.thread.join(10)
        os.close(self.fd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
