#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that mean harm, and good ones beside them: TCP and UDP rows, one port each, on 127.0.0.1.

    hostile_servers.py good|bad FIRST_PORT CUTS_FIRST_PORT N_CUTS

Prints "ready" when all are listening. Every conversation has an end (LIFE_S), so nothing stays behind.
"""
import os
import random
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

LIFE_S = 90
NOISE = random.Random(7).randbytes(1 << 16)

#: what the good ones say at once, or to "GET"
SSH = b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"
FTP = b"220 (vsFTPd 3.0.3)\r\n"
HTTP = (b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nContent-Type: text/html\r\nContent-Length: 5\r\n"
        b"Connection: close\r\n\r\nhello")


# --- certificates nobody should have to read --------------------------------------

def der(tag, *parts):
    body = b"".join(parts)
    n = len(body)
    if n < 128:
        return bytes([tag, n]) + body
    length = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def oid(text):
    first, second, *rest = map(int, text.split("."))
    out = bytes([first * 40 + second])
    for n in rest:
        groups = [n & 127]
        while n := n >> 7:
            groups.append(n & 127 | 128)
        out += bytes(reversed(groups))
    return der(6, out)


def name(text):
    return der(0x30, der(0x31, der(0x30, oid("2.5.4.3"), der(12, text))))


def certificate(subject=None, key=None, extensions=b"", issuer=b"ca\x1b[31m"):
    """A certificate that nobody signed. @key: DER of a SubjectPublicKeyInfo."""
    rsa = der(0x30, oid("1.2.840.113549.1.1.1"), der(5))
    algorithm = der(0x30, oid("1.2.840.113549.1.1.11"), der(5))
    key = key or der(0x30, rsa, der(3, b"\0", der(0x30, der(2, b"\0" + b"\xc5" * 256), der(2, b"\1\0\1"))))
    body = der(0x30, der(0xa0, der(2, b"\2")), der(2, b"\x11"), algorithm, name(issuer),
               der(0x30, der(23, b"250101000000Z"), der(23, b"350101000000Z")), subject or name(b"bomb\x1b]0;x\x07"),
               key, der(0xa3, der(0x30, extensions)) if extensions else b"")
    return der(0x30, body, algorithm, der(3, b"\0" + b"\x5a" * 256))


def rsa_key(n_bytes):
    rsa = der(0x30, oid("1.2.840.113549.1.1.1"), der(5))
    return der(0x30, rsa, der(3, b"\0", der(0x30, der(2, b"\0" + b"\xd5" * n_bytes), der(2, b"\1\0\1"))))


def many_names(n):
    sans = der(0x30, *[der(0x82, b"host%d.\x1b[2J.example" % i) for i in range(n)])
    return certificate(extensions=der(0x30, oid("2.5.29.17"), der(4, sans)))


def nested(depth, tag=0x30):
    inner = b""
    for _ in range(depth):
        inner = der(tag, inner)
    return inner


def deep(depth):
    return certificate(subject=der(0x30, der(0x31, der(0x30, oid("2.5.4.3"), nested(depth)))),
                       extensions=der(0x30, oid("2.5.29.17"), der(4, nested(depth, 0xa4))))


def u24(n):
    return n.to_bytes(3, "big")


def handshake(kind, body):
    return bytes([kind]) + u24(len(body)) + body


def records(payload, kind=22):
    return b"".join(struct.pack(">BHH", kind, 0x0303, len(payload[i:i + 16384])) + payload[i:i + 16384]
                    for i in range(0, len(payload), 16384))


def flight(chain, suite=0x009c):
    """ServerHello (TLS 1.2, RSA key exchange), Certificate, ServerHelloDone."""
    hello = handshake(2, b"\3\3" + b"R" * 32 + b"\0" + struct.pack(">H", suite) + b"\0")
    certs = b"".join(u24(len(c)) + c for c in chain)
    return records(hello + handshake(11, u24(len(certs)) + certs) + handshake(14, b""))


# --- conversations -------------------------------------------------------------------

def heard(c, seconds=10):
    """What the other says first; b"" when it goes or stays silent."""
    c.settimeout(seconds)
    try:
        return c.recv(65536)
    except TimeoutError:
        return b""


def hold(c):
    """Stay, and swallow what comes."""
    end = time.monotonic() + LIFE_S
    c.settimeout(LIFE_S)
    while time.monotonic() < end and c.recv(65536):
        pass


def says(text, stays=True):
    def talk(c, n):
        c.sendall(text)
        if stays:
            hold(c)
    return talk


def answers(text, stays=False):
    def talk(c, n):
        if heard(c):
            c.sendall(text)
            if stays:
                hold(c)
    return talk


def for_ever(piece, begin=b""):
    def talk(c, n):
        c.sendall(begin)
        end = time.monotonic() + LIFE_S
        while time.monotonic() < end:
            c.sendall(piece)
    return talk


def answers_for_ever(begin, piece):
    forever = for_ever(piece, begin)

    def talk(c, n):
        if heard(c):
            forever(c, n)
    return talk


def drip(text, every_s):
    def talk(c, n):
        for i in range(int(LIFE_S / every_s)):
            c.sendall(text[i % len(text):][:1])
            time.sleep(every_s)
    return talk


def reset(c, n):
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def half_close(c, n):
    c.shutdown(socket.SHUT_WR)
    hold(c)


def says_and_half_closes(c, n):
    c.sendall(b"\x00\x01\x02 half")
    half_close(c, n)


def never_reads(c, n):
    c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    time.sleep(LIFE_S)


def changing(c, n):
    texts = [SSH, FTP, b"220 mail ESMTP Postfix\r\n", NOISE[n:n + 300], b"\0" * 50, HTTP, b"", b"+OK ready\r\n"]
    c.sendall(texts[n % len(texts)])
    if n % 3:
        hold(c)


def starttls_that_never_starts(c, n):
    c.sendall(b"220 mail.example ESMTP Postfix\r\n")
    while line := heard(c):
        if line[:4].upper() == b"EHLO":
            c.sendall(b"250-mail.example\r\n250-STARTTLS\r\n250 HELP\r\n")
        elif line[:8].upper() == b"STARTTLS":
            c.sendall(b"220 2.0.0 Ready to start TLS\r\n")
            hold(c)
        else:
            c.sendall(b"500 5.5.2 Error: command not recognized\r\n")


def good_ssh(c, n):
    c.sendall(SSH)
    heard(c)


def good_ftp(c, n):
    c.sendall(FTP)
    while heard(c):
        c.sendall(b"530 Please login with USER and PASS.\r\n")


def good_http(c, n):
    if b"\n" in heard(c):
        c.sendall(HTTP)


def good_redis(c, n):
    text = heard(c)
    if b"info" in text.lower():
        c.sendall(b"$37\r\n# Server\r\nredis_version:7.0.15\r\nos:x\r\n\r\n")
    elif text:
        c.sendall(b"-ERR unknown command 'x'\r\n")


class Tls:
    """A real TLS server's flight, made anew for every hello, cut behind a share of its bytes."""

    def __init__(self):
        with tempfile.TemporaryDirectory() as directory:
            base = os.path.join(directory, "x")
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", base + ".key", "-out",
                            base + ".pem", "-subj", "/CN=good.example", "-days", "900"], check=True, capture_output=True)
            self.contexts = [self.context(base, version)
                             for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)]
            subprocess.run(["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe8192", "-out",
                            base + ".dh"], check=True, capture_output=True)
            self.costly = self.context(base, ssl.TLSVersion.TLSv1_2)
            self.costly.load_dh_params(base + ".dh")
            self.costly.set_ciphers("DHE-RSA-AES128-GCM-SHA256")

    @staticmethod
    def context(base, version):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(base + ".pem", base + ".key")
        context.minimum_version = context.maximum_version = version
        return context

    def cut(self, share, stays):
        def talk(c, n):
            into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
            server = self.contexts[n % 2].wrap_bio(into, out, server_side=True)
            into.write(heard(c))
            try:
                server.do_handshake()
            except ssl.SSLError:
                pass
            whole = out.read()
            c.sendall(whole[:int(len(whole) * share)])
            if stays:
                time.sleep(1.5)
        return talk

    def big_prime(self, c, n):
        with self.costly.wrap_socket(c, server_side=True) as t:
            good_http(t, n)

    def http(self, c, n):
        with self.contexts[0].wrap_socket(c, server_side=True) as t:
            good_http(t, n)


HEADERS = b"HTTP/1.1 200 OK\r\nServer: nginx/9.9.9\r\n"
SLOW = b"* OK Domino IMAP4 Server Release 1" + b" " * 65000
GOOD = {  # name: (conversation, service, product, version)
    "good-ssh": (good_ssh, "ssh", "OpenSSH", "9.2p1 Debian 2+deb12u3"),
    "good-ftp": (good_ftp, "ftp", "vsftpd", "3.0.3"),
    "good-http": (good_http, "http", "nginx", "1.22.1"),
    "good-redis": (good_redis, "redis", "Redis key-value store", "7.0.15"),
    "good-tls": (None, "http", "nginx", "1.22.1"),
}
BAD = {
    "endless-a": for_ever(b"A" * 65536),
    "endless-noise": for_ever(NOISE),
    "endless-lines": for_ever(b"220 hello\r\n" * 1000),
    "endless-ssh": for_ever(b"SSH-2.0-" + b"x" * 1000),
    "drip-second": drip(b"220 welcome to this server ", 1),
    "drip-fast": drip(b"220 welcome to this server ", 0.02),
    "accept-close": lambda c, n: None,
    "accept-reset": reset,
    "half-close": half_close,
    "says-half-closes": says_and_half_closes,
    "never-reads": never_reads,
    "silent": lambda c, n: hold(c),
    "noise": says(NOISE[:3000], stays=False),
    "noise-stays": says(NOISE[5000:9000]),
    "noise-answer": answers(NOISE[100:3000]),
    "nuls": says(b"\0" * 65536),
    "nuls-endless": for_ever(b"\0" * 65536),
    "regex-spaces": says(SLOW),
    "regex-digits": says(b"220 SP " + b"615" * 21000),
    "regex-drip": lambda c, n: [c.sendall(SLOW[:60000]), drip(b" ", 0.012)(c, n)],
    "regex-nested": says(b"NEST" + b"x" * 60000),
    "regex-lines": says(b"SIP/2.0 200 OK\r\n" + b"a: b\r\n" * 10000),
    "regex-answer": answers(b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html; charset=\"utf-8\"\r\nServer: Linux/" +
                            b"9" * 64000, stays=True),
    "http-endless-headers": answers_for_ever(HEADERS, b"X-A: " + b"b" * 990 + b"\r\n"),
    "http-endless-header": answers_for_ever(HEADERS + b"X-B: ", b"c" * 4096),
    "http-chunked": answers(HEADERS + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc\r\n", stays=True),
    "http-gzip": answers(HEADERS + b"Content-Encoding: gzip\r\nContent-Length: 999999999999999999999\r\n\r\n" +
                         b"\x1f\x8b\x08" + NOISE[:2000], stays=True),
    "http-negative": answers(HEADERS + b"Content-Length: -1\r\n\r\n" + b"\r\n" * 20000),
    "http-controls": answers(b"HTTP/1.1 200 OK\r\nServer: \x1b[2J\x1b]0;owned\x07evil\x9b31m/1.0\x08\x08\r\n\r\n"
                             b"<title>\x1b[31m\xe2\x80\xae\xc2\x9b\x00</title>"),
    "ssh-controls": says(b"SSH-2.0-Open\x1b[2JSSH_\x1b]0;owned\x079.9\x7f\x9b1m\xc2\x9b\r\n"),
    "ftp-controls": says(b"220 ProFTPD 1.3.\x1b[31m5 Server (\x1b]0;owned\x07\xe2\x80\xae\r\x08) [::ffff:1.2.3.4]\r\n"),
    "xml-breaker": says(b"220 ]]>--><!-- &lt; \"' <script>alert(1)</script> \xff\xfe\xef\xbf\xbf\xed\xa0\x80 FTP\r\n"),
    "starttls-never": starttls_that_never_starts,
    "changing": changing,
    "tls-16mb-record": answers(b"\x16\x03\x03\xff\xff" + b"\x02" * 200, stays=True),
    "tls-16mb-hello": answers_for_ever(b"", b"\x16\x03\x03\x40\x00\x02\xff\xff\xff" + b"\3" * 16381),
    "tls-16mb-certificate": answers_for_ever(
        records(handshake(2, b"\3\3" + b"R" * 32 + b"\0\0\x9c\0")) + records(b"\x0b\xff\xff\xff\xff\xff\xfc\xff\xff\xf9"),
        records(b"\x30" * 16384)),
    "tls-hello-requests": answers_for_ever(b"", b"\x16\x03\x03\x40\x00" + b"\0" * 16384),
    "tls-empty-records": answers_for_ever(b"", b"\x16\x03\x03\x00\x00" * 1000),
    "tls-alerts": answers_for_ever(b"", b"\x15\x03\x03\x00\x02\x01\x00" * 1000),
    "tls-alert-first": says(b"\x15\x03\x01\x00\x02\x02\x28", stays=False),
    "tls-byte-records": lambda c, n: heard(c) and [c.sendall(b"\x16\x03\x03\x00\x01" + bytes([b]))
                                                   for b in flight([many_names(2)])[5:]],
    "tls-names-3000": answers(flight([many_names(3000)]), stays=True),
    "tls-names-20000": answers(flight([many_names(20000)]), stays=True),
    "tls-chain-100": answers(flight([certificate(subject=name(b"c%d" % i)) for i in range(100)]), stays=True),
    "tls-key-16384": answers(flight([certificate(key=rsa_key(2048))]), stays=True),
    "tls-key-400000": answers(flight([certificate(key=rsa_key(50000))]), stays=True),
    "tls-deep": answers(flight([deep(3000)]), stays=True),
    "tls-empty-chain": answers(flight([]), stays=True),
    "tls-bad-certificate": answers(flight([NOISE[:900], b"", b"\x30\x84\xff\xff\xff\xff"]), stays=True),
    "tls-big-prime": None,  # 8,192 bits: seconds of CPU for who agrees
    "stops": None,  # one conversation, then nobody listens
    "stuffed": None,  # a queue that is full: connects hang
}
#: on ports that questions are for
UDP_BAD = {"udp-64k": 161, "udp-flood": 123, "udp-noise": 137, "udp-empty": 5060, "udp-changing": 111}
UDP_GOOD = {"udp-good": ("domain", "Unbound", "1.17.1")}
UDP = {**UDP_BAD, "udp-good": 53}
VERSION_BIND = (b"\0\6\x85\0\0\1\0\1\0\0\0\0\7version\4bind\0\0\x10\0\3\xc0\x0c\0\x10\0\3\0\0\0\0\0\x0f\x0eunbound 1.17.1")


def numbered(first):
    """Port of each name."""
    return {n: first + i for i, n in enumerate([*BAD, *GOOD])}


# --- serving -------------------------------------------------------------------------------

def guarded(talk, c, n):
    with c:
        try:
            talk(c, n)
        except OSError:
            pass


def serve(listener, talk):
    n = 0
    while True:
        c, _ = listener.accept()
        threading.Thread(target=guarded, args=(talk, c, n), daemon=True).start()
        n += 1


def serve_once(listener):
    c, _ = listener.accept()
    listener.close()
    with c:
        time.sleep(0.2)


def stuffed(port):
    """A queue of one that nobody empties: later connects hang."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    s.listen(0)
    return s


def serve_udp(s, kind):
    n = 0
    while True:
        text, to = s.recvfrom(65536)
        n += 1
        if kind == "udp-64k":
            s.sendto(NOISE[:65507], to)
        elif kind == "udp-flood":
            threading.Thread(target=flood, args=(s, to), daemon=True).start()
        elif kind == "udp-noise":
            s.sendto(NOISE[n % 1000:][:1 + n % 500], to)
        elif kind == "udp-empty":
            s.sendto(b"", to)
        elif kind == "udp-changing":
            s.sendto([b"\x1b[2J" * 20, b"\0" * 48, NOISE[:100], b"SIP/2.0 200 OK\r\n"][n % 4], to)
        elif b"version\4bind" in text:
            s.sendto(text[:2] + VERSION_BIND[2:] if text[2:4] else VERSION_BIND, to)
        elif len(text) >= 12:
            s.sendto(text[:2] + b"\x80\x01" + text[4:6] + b"\0" * 6 + text[12:], to)


def flood(s, to):
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            for _ in range(200):
                s.sendto(NOISE[:1200], to)
        except OSError:
            return
        time.sleep(0.001)


def listen(port):
    return socket.create_server(("127.0.0.1", port), backlog=512)


def bind_udp(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", port))
    return s


def main(side, first, cuts_first, n_cuts):
    tls, tcp = Tls(), numbered(first)
    if side == "bad":
        rows = {**{n: talk for n, talk in BAD.items() if talk}, "tls-big-prime": tls.big_prime}
        jobs = [(serve, (listen(cuts_first + i), tls.cut((i + 0.37) / n_cuts, i % 2))) for i in range(n_cuts)]
        jobs.append((serve_once, (listen(tcp["stops"]),)))
        kept = stuffed(tcp["stuffed"])
        names = UDP_BAD
    else:
        rows = {**{n: row[0] for n, row in GOOD.items()}, "good-tls": tls.http}
        jobs, kept, names = [], None, UDP_GOOD
    jobs += [(serve, (listen(tcp[n]), talk)) for n, talk in rows.items()]
    jobs += [(serve_udp, (bind_udp(UDP[n]), n)) for n in names]
    for target, arguments in jobs:
        threading.Thread(target=target, args=arguments, daemon=True).start()
    print("ready", flush=True)
    sys.stdin.readline()  # the end of it ends us
    del kept


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
