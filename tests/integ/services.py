#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""-sV on the wire: detection begins while the port scan goes on, in one pass and with the kernel's own connections; what the
handshake for a TLS service shows; fingerprints of the unknown; answers from another port."""
import contextlib
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import packet
import suite

HOST = "10.99.0.2"
SSH = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"
RST = 0x04


@contextlib.contextmanager
def server(space, port, answer, kind=socket.SOCK_STREAM):
    """A service: @answer(connection or socket) for each client."""
    with space.entered():
        s = socket.socket(socket.AF_INET, kind)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((HOST, port))
        if kind == socket.SOCK_STREAM:
            s.listen(64)
        other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        other.bind((HOST, 0))

    def serve_one(connection):
        with connection, contextlib.suppress(OSError):
            connection.settimeout(20)
            answer(connection)

    def serve():
        while True:
            try:
                if kind == socket.SOCK_DGRAM:
                    answer(other, *s.recvfrom(2048))
                else:
                    threading.Thread(target=serve_one, args=(s.accept()[0],), daemon=True).start()
            except OSError:
                return
    threading.Thread(target=serve, daemon=True).start()
    try:
        yield s
    finally:
        with contextlib.suppress(OSError):
            s.shutdown(socket.SHUT_RDWR)
        s.close()


def says(text):
    def answer(connection):
        connection.sendall(text)
        while connection.recv(4096):
            pass
    return answer


def scan(bed, *options):
    done = bed.scanner.run([suite.PRTIP, "-n", "-Pn", *options, HOST, "-oJ", "-"])
    return suite.json_records(done.stdout, "service"), done


def test_one_pass(cases, bed, directory):
    """SYN found the port, the service is asked for while other ports are still silent."""
    rules = bed.scanner.sh("nft list ruleset")
    bed.target.filter_input("tcp dport 100-400 drop")
    with server(bed.target, 22, says(SSH)), bed.target.capture("vb") as capture:
        services, done = scan(bed, "-sS", "-sV", "-p22,100-400")
        packets = [p for p in packet.parse(capture.stop()) if p.kind == "tcp"]
    bed.target.nft("")
    cases.equal("the service", [(s["port"], s["product"]) for s in services], [(22, "OpenSSH")])
    banners = [p for p in packets if not p.is_incoming and p.sport == 22 and p.payload.startswith(b"SSH-2.0")]
    probes = [p for p in packet.syns(packets) if p.dport != 22]
    cases.check("before the last probe", banners and banners[0].time_ns < max(p.time_ns for p in probes))
    asked = {p.sport for p in packet.syns(packets) if p.dport == 22}
    cases.check("on a connection of its own", len(asked) >= 2 and {p.dport for p in banners} < asked, asked)
    early = [p for p in packets if p.is_incoming and p.flags & RST and p.time_ns < banners[0].time_ns and
             p.sport == banners[0].dport]
    cases.equal("no reset on it before it has heard", early, [])
    cases.equal("no firewall rule is left", bed.scanner.sh("nft list ruleset"), rules)


def test_tls_summary(cases, bed, directory):
    subprocess.run("openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=a.example -days 30 "
                   "-keyout tls.key -out tls.pem".split(), cwd=directory, check=True, capture_output=True)
    tls = bed.target.start(["openssl", "s_server", "-accept", "4433", "-www", "-cert", directory / "tls.pem", "-key",
                            directory / "tls.key", "-quiet", "-tls1_3"], stdout=-3, stderr=-3)
    try:
        netns.wait_until(lambda: ":4433" in bed.target.sh("ss -ltnH"))
        services, _ = scan(bed, "-sT", "-sV", "-p4433", "-oN", str(directory / "n"), "-oX", str(directory / "x"))
    finally:
        tls.kill()
        tls.wait()
    want = r"TLSv1\.3; a\.example; \d{4}-\d\d-\d\d to \d{4}-\d\d-\d\d"
    cases.equal("tunnel", [s["tunnel"] for s in services], ["tls"])
    cases.check("JSON", services and re.fullmatch(want, services[0].get("tls_summary", "")), services)
    cases.check("normal", re.search(r"\n4433/tcp open .*\n\|_tls: " + want + "\n", (directory / "n").read_text()))
    cases.check("XML", re.search(f'<script id="tls-summary" output="{want}"/>', (directory / "x").read_text()))


class Greeter:
    """A service whose @lines answer what it is told, in order; behind the last one comes TLS, or more of them."""

    def __init__(self, greeting, *lines, context=None):
        self.greeting, self.lines, self.context = greeting, lines, context

    def __call__(self, connection):
        connection.sendall(self.greeting)
        for asked, line in self.lines:
            if asked not in connection.recv(1024):
                return
            connection.sendall(line)
        if self.context:
            with contextlib.suppress(OSError, ssl.SSLError):
                self.context.wrap_socket(connection, server_side=True).recv(1)
        connection.recv(1)


def test_starttls(cases, bed, directory):
    """What a service that offers STARTTLS shows behind it, and that its line stays that of the banner."""
    subprocess.run("openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=mail.example -days 30 "
                   "-keyout start.key -out start.pem".split(), cwd=directory, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "start.pem", directory / "start.key")
    smtp, ftp = b"220 mail.example ESMTP Postfix (Debian)\r\n", b"220 (vsFTPd 3.0.3)\r\n"
    offers = [(b"EHLO", b"250-mail.example\r\n250-STARTTLS\r\n250 HELP\r\n"), (b"STARTTLS", b"220 go\r\n")]
    servers = {2526: Greeter(smtp, *offers, context=context),
               2121: Greeter(ftp, (b"AUTH TLS", b"234 go\r\n"), context=context),
               1110: Greeter(b"+OK Dovecot ready.\r\n", (b"STLS", b"+OK go\r\n"), context=context),
               2527: Greeter(smtp, (b"EHLO", b"250 mail.example\r\n"), (b"STARTTLS", b"502 no\r\n")),
               2528: Greeter(smtp, *offers),  # agrees, and then says nothing
               2122: Greeter(ftp, (b"AUTH TLS", b"530 no\r\n"))}
    with contextlib.ExitStack() as stack:
        for port, answer in servers.items():
            stack.enter_context(server(bed.target, port, answer))
        services, _ = scan(bed, "-sS", "-sV", "-p" + ",".join(map(str, servers)), "-oN", str(directory / "n"))
    found = {s["port"]: s for s in services}
    cases.equal("services", {p: s["name"] for p, s in found.items()},
                {2526: "smtp", 2121: "ftp", 1110: "pop3", 2527: "smtp", 2528: "smtp", 2122: "ftp"})
    cases.equal("products are those of the banners", {p: s["product"] for p, s in found.items()},
                {2526: "Postfix smtpd", 2527: "Postfix smtpd", 2528: "Postfix smtpd", 2121: "vsftpd", 2122: "vsftpd",
                 1110: "Dovecot pop3d"})
    cases.equal("no tunnel", {s["tunnel"] for s in services}, {None})
    want = r"TLSv1\.3; mail\.example; \d{4}-\d\d-\d\d to \d{4}-\d\d-\d\d"
    shown = {p for p, s in found.items() if re.fullmatch(want, s.get("tls_summary") or "")}
    cases.equal("who shows a certificate", shown, {2526, 2121, 1110})
    cases.equal("who shows none", {p for p, s in found.items() if not s.get("tls_summary")}, {2527, 2528, 2122})
    text = (directory / "n").read_text()
    cases.check("normal", re.search(r"\n2526/tcp open +smtp +.*Postfix smtpd.*\n\|_tls: " + want + "\n", text), text)


def test_unknown(cases, bed, directory):
    with server(bed.target, 4444, says(b"Quatsch 7!\r\n")):
        services, _ = scan(bed, "-sT", "-sV", "-p4444", "-oN", str(directory / "n"))
    cases.equal("not named", [(s["name"], s["product"]) for s in services], [(None, None)])
    text = (directory / "n").read_text()
    cases.check("the fingerprint is printed", "1 service unrecognized despite returning data" in text, text)
    whole = text.replace("\nSF:", "")
    form = r"\nSF-Port4444-TCP:V=[\d.]+%I=7%D=\d+/\d+%Time=[0-9A-F]+%P=prtip%r\(NULL,C,\"Quatsch\\x207!\\r\\n\"\).*;\n"
    cases.check("in nmap's form", re.search(form, whole), text)


def test_another_port(cases, bed, directory):
    def refuse(other, data, client):
        if data[:2] == b"\0\1":
            other.sendto(b"\0\5\0\1No such file\0", client)
    with server(bed.target, 69, refuse, socket.SOCK_DGRAM):
        services, done = scan(bed, "-sU", "-sV", "-p69")
    cases.equal("TFTP", [(s["port"], s["name"], s["extrainfo"]) for s in services], [(69, "tftp", "No such file")])
    states = {r["port"]: r["state"] for r in suite.json_records(done.stdout, "port")}
    cases.equal("proved open", states.get(69), "open")


def test_reply_reused(cases, bed, directory):
    """What a datagram told the port scan is not asked for again; what it did not tell is."""
    heard, sockets = {5000: [], 5001: []}, {}
    long = b"gram 1.2 " + b"x" * 700 + b" end"  # of several pieces between the threads
    (directory / "probes").write_text("Probe TCP NULL q||\nProbe UDP Gram q|gram|\nrarity 1\nports 5000,5001\n"
                                      "match gram m|^gram ([\\d.]+) x+ end$| p/Gram/ v/$1/\n")

    def answer(port, text):
        def send(_, data, client):
            if not client:  # shut down
                return
            heard[port].append(data)
            sockets[port].sendto(text if data != b"gram" else long, client)
        return send
    with server(bed.target, 5000, answer(5000, long), socket.SOCK_DGRAM) as sockets[5000], \
            server(bed.target, 5001, answer(5001, b"what?"), socket.SOCK_DGRAM) as sockets[5001]:
        services, done = scan(bed, "-sU", "-sV", "--probe-db", str(directory / "probes"), "-p5000,5001")
    cases.equal("both are named", sorted((s["port"], s["product"], s["version"]) for s in services),
                [(5000, "Gram", "1.2"), (5001, "Gram", "1.2")])
    cases.equal("asked by the scan, and where that told nothing by -sV", sorted(heard.items()),
                [(5000, [b""]), (5001, [b"", b"gram"])])
    states = {r["port"]: (r["state"], r["reason"]) for r in suite.json_records(done.stdout, "port")}
    cases.equal("states", states, dict.fromkeys((5000, 5001), ("open", "udp-response")))


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "nft", "openssl")
    with netns.Bed() as bed, suite.scratch() as directory:
        code = suite.run([test_one_pass, test_tls_summary, test_unknown, test_another_port,
                          test_reply_reused, test_starttls], bed, directory)
    sys.exit(code)
