#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""-sV against answers that say nothing of the program: stock phrases of error, echoes, noise of tests, and texts that name a
program only to deny it. No product, version, system or CPE may be stated of any; beside them those that do name themselves."""
import contextlib
import pathlib
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import suite

FIRST = 9400
SELF = "127.0.0.1"
LINES = 40  # that one conversation is answered


def reply(*texts, greeting=b""):
    """Answer each thing said by the next of @texts, the last for ever."""
    def talk(c):
        if greeting:
            c.sendall(greeting)
        for i in range(LINES if texts else 0):
            if not c.recv(65536):
                return
            c.sendall(texts[min(i, len(texts) - 1)])
    return talk


def by_line(text, greeting=b""):
    """Answer each line by @text."""
    def talk(c):
        if greeting:
            c.sendall(greeting)
        for _ in range(LINES):
            said = c.recv(65536)
            if not said:
                return
            c.sendall(text * max(said.count(b"\n"), 1))
    return talk


def transformed(f):
    def talk(c):
        for _ in range(LINES):
            said = c.recv(65536)
            if not said:
                return
            c.sendall(f(said))
    return talk


def http(status, headers=b"", body=b""):
    def talk(c):
        if c.recv(65536):
            c.sendall(b"HTTP/1.1 " + status + b"\r\n" + headers + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body) +
                      body)
    return talk


def chargen(c):
    line = bytes(range(33, 127))
    for i in range(200):
        c.sendall((line * 2)[i % 94:][:72] + b"\r\n")


def closes(text):
    def talk(c):
        c.sendall(text)
    return talk


def discard(c):
    while c.recv(65536):
        pass


STOCK = {
    "error": by_line(b"ERROR\r\n"),
    "error-once": reply(b"ERROR\r\n"),
    "err": by_line(b"ERR\r\n"),
    "err-newline": by_line(b"ERR\n"),
    "minus-err": by_line(b"-ERR\r\n"),
    "unknown-command": by_line(b"-ERR unknown command\r\n"),
    "invalid-command": by_line(b"-ERR Invalid command.\r\n"),
    "error-colon": by_line(b"ERROR: unknown command\r\n"),
    "bad-request": by_line(b"Bad request\r\n"),
    "syntax-error": by_line(b"500 Syntax error\r\n"),
    "go-away": by_line(b"550 Bad syntax. Go away.\n"),
    "ok": by_line(b"OK\r\n"),
    "question": by_line(b"?\r\n"),
    "prompt": by_line(b"> ", b"> "),
    "login": by_line(b"Password: ", b"login: "),
    "nul": reply(b"\0"),
    "ff": reply(b"\xff"),
    "no-method": reply(b"\5\xff"),
    "zeros": reply(b"\0\0\0\0"),
    "one": reply(b"1"),
    "number": by_line(b"507\r\n"),
    "ack": reply(b"\x06"),
    "echo": transformed(lambda said: said),
    "echo-reversed": transformed(lambda said: said[::-1]),
    "echo-upper": transformed(bytes.upper),
    "echo-quoted": transformed(lambda said: b"you said: " + said + b"\r\n"),
    "discard": discard,
    "chargen": chargen,
    "clock": closes(b"12:34:56 01.02.2026\n"),
    "ftp-ready": by_line(b"500 Unknown command.\r\n", b"220 host.example.org FTP server ready\r\n"),
    "ftp-plain": by_line(b"500 Command not understood.\r\n", b"220 FTP Server ready.\r\n"),
    "ftp-denies": by_line(b"500 What?\r\n", b"220 FTP: we do not run ProFTPD here\r\n"),
    "ftp-denies-ready": by_line(b"500 What?\r\n", b"220 we do not run ProFTPD, Server ready\r\n"),
    "ready": by_line(b"502 Not implemented\r\n", b"220 Ready\r\n"),
    "smtp-plain": by_line(b"500 unrecognized command\r\n", b"220 mail.example.org ESMTP\r\n"),
    "smtp-denies": by_line(b"500 unrecognized command\r\n", b"220 mail.example.org ESMTP, this is not Postfix\r\n"),
    "pop3-plain": by_line(b"-ERR unknown command\r\n", b"+OK POP3 Mail server\r\n"),
    "pop3-ready": by_line(b"-ERR invalid command\r\n", b"+OK Server Ready\r\n"),
    "pop3-denies": by_line(b"-ERR unknown command\r\n", b"+OK POP3 ready, no Dovecot here\r\n"),
    "imap-plain": by_line(b"* BAD unknown command\r\n", b"* OK IMAP4rev1 server ready\r\n"),
    "imap-denies": by_line(b"* BAD unknown command\r\n", b"* OK IMAP4 service, never heard of Cyrus IMAP4\r\n"),
    "smtp-host": by_line(b"500 unrecognized command\r\n", b"220 exim-4-94.example.org ESMTP ready\r\n"),
    "smtp-other": by_line(b"500 unrecognized command\r\n", b"220 mx ESMTP gateway in front of Postfix\r\n"),
    "ftp-host": by_line(b"500 What?\r\n", b"220 proftpd.example.org FTP server ready\r\n"),
    "ftp-retired": by_line(b"500 What?\r\n", b"220 Welcome. ProFTPD 1.3.5 Server was retired in 2019.\r\n"),
    "pop3-stamp": by_line(b"-ERR What?\r\n", b"+OK POP3 ready <1896.697170952@dovecot.example.org>\r\n"),
    "irc-plain": by_line(b":irc.example.org 451 * :You have not registered\r\n"),
    "http-empty": http(b"404 Not Found"),
    "http-none": http(b"200 OK", b"Server: none\r\n", b"hello"),
    "http-hidden": http(b"200 OK", b"Server: hidden\r\n", b"hello"),
    "http-dash": http(b"200 OK", b"Server: -\r\n", b"hello"),
    "http-webserver": http(b"200 OK", b"Server: Web Server\r\n", b"hello"),
    "http-denies": http(b"200 OK", b"Server: not nginx/1.2.3\r\n", b"hello"),
    "http-sentence": http(b"200 OK", b"Server: this server is run by seven small hamsters\r\n", b"hello"),
    "http-frontend": http(b"200 OK", b"Server: frontend for Apache/2.4.57 backends\r\n", b"hello"),
    "http-title": http(b"200 OK", b"", b"<title>Apache Tomcat/9.0.1 - migration guide</title>"),
    "http-php": http(b"200 OK", b"X-Powered-By: PHP/8.2.1\r\nContent-Type: text/html; charset=UTF-8\r\n", b"<p>hi"),
    "http-400": http(b"400 Bad Request", b"Content-Type: text/plain\r\n", b"Bad Request"),
    "http-500": http(b"500 Internal Server Error", b"Content-Type: text/html\r\n", b"<h1>Internal Server Error</h1>"),
    "http-501": http(b"501 Not Implemented", b"", b""),
    "http-page": http(b"200 OK", b"Content-Type: text/html\r\n", b"<p>Ask for Apache Tomcat/9.9.9, nginx/1.2.3 or Redis."),
    "http-bare": closes(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "ssh-bare": closes(b"SSH-2.0-SSH\r\n"),
    "json-error": by_line(b'{"error":"invalid request"}\n'),
    "xml-error": by_line(b"<error>unknown</error>\n"),
}
#: name: (conversation, service, product, version): nothing is lost by being careful
NAMED = {
    "proftpd": (by_line(b"500 What?\r\n", b"220 ProFTPD Server (Debian) [::ffff:10.0.0.1]\r\n"), "ftp", "ProFTPD", None),
    "postfix": (by_line(b"502 5.5.2 Error: command not recognized\r\n", b"220 mail.example.org ESMTP Postfix (Debian)\r\n"),
                "smtp", "Postfix smtpd", None),
    "dovecot": (by_line(b"-ERR Unknown command.\r\n", b"+OK Dovecot (Debian) ready.\r\n"), "pop3", "Dovecot pop3d", None),
    "exim-on-postfix": (by_line(b"500 unrecognized command\r\n", b"220 postfix.example.org ESMTP Exim 4.94.2 Mon, 01 Jan 2024\r\n"),
                        "smtp", "Exim smtpd", "4.94.2"),
    "upnp": (http(b"404 Not Found", b"SERVER: Linux/3.10 UPnP/1.0 MiniUPnPd/1.9\r\n"), "upnp", "MiniUPnPd", "1.9"),
    "nginx": (http(b"200 OK", b"Server: nginx/1.22.1\r\n", b"hello"), "http", "nginx", "1.22.1"),
    "memcached": (transformed(lambda said: b"VERSION 1.6.18\r\n" if said == b"version\r\n" else
                              b"ERROR\r\n" * max(said.count(b"\n"), 1)), "memcached", "Memcached", "1.6.18"),
}


def serve(port, talk):
    def guarded(c):
        with c, contextlib.suppress(OSError):
            c.settimeout(30)
            talk(c)
            with contextlib.suppress(OSError):
                c.shutdown(socket.SHUT_WR)
            c.settimeout(2)
            c.recv(65536)

    def accept(s):
        while True:
            try:
                c = s.accept()[0]
            except OSError:
                return
            threading.Thread(target=guarded, args=(c,), daemon=True).start()
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((SELF, port))
    s.listen(64)
    threading.Thread(target=accept, args=(s,), daemon=True).start()


def test_claims(cases, space, directory):
    ports = {name: FIRST + i for i, name in enumerate([*STOCK, *NAMED])}
    with space.entered():
        for name, port in ports.items():
            serve(port, STOCK.get(name) or NAMED[name][0])
    begin = time.monotonic()
    out = directory / "out.json"
    done = space.run([suite.PRTIP, "-n", "-Pn", "-sT", "-sV", "-p", f"{FIRST}-{max(ports.values())}", SELF, "-oJ", str(out)],
                     seconds_max=170)
    cases.equal("exit code", done.returncode, 0)
    print(f"# {time.monotonic() - begin:.1f} s")
    found = {r["port"]: r for r in suite.json_records(out.read_text(), "service")}
    for name in STOCK:
        r = found.get(ports[name], {})
        got = {k: str(r[k]) for k in ("product", "version", "ostype", "devicetype", "cpe") if r.get(k)}
        if name == "http-php":  # that PHP runs there is what the header says
            got.pop("cpe", None)
        cases.equal(f"nothing claimed of {name} ({r.get('name')}, {r.get('conf')})", got, {})
        if r.get("hostname"):
            cases.check(f"a host's name: {name}", "." in r["hostname"], r["hostname"])
    for name, (_, *want) in NAMED.items():
        r = found.get(ports[name], {})
        cases.equal(f"named: {name}", [r.get(k) or None for k in ("name", "product", "version")], want)


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip")
    with netns.Namespaces() as spaces, suite.scratch() as directory:
        sys.exit(suite.run([test_claims], spaces.namespace("a"), directory))
