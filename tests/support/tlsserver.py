# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS servers by a table, for the namespaces of tests: tlsserver.py FILE reads rows of JSON
{port, chain, key, delay_ms, low, high, ciphers, wants_client, alpn, names: {server name: [chain, key]}, talk} and serves all of
them, each connection on its own thread. `talk` is what comes before TLS (STARTTLS), a name of a function below; "ssl3",
"ssl2" and "raw" answer hellos only: with protocols and certificates that OpenSSL refuses."""
import json
import socket
import ssl
import sys
import threading
import time
import warnings


def lines(first, *pairs, aside=("\0", b"")):
    """Say first, then an answer to each line that has the word; after the last one TLS begins. An aside may come at any time."""
    def talk(c):
        c.sendall(first)
        reader = c.makefile("rb", buffering=0)
        for word, answer in pairs:
            line = reader.readline()
            if aside[0].encode() in line:
                c.sendall(aside[1])
                line = reader.readline()
            if word.encode() not in line:
                raise OSError("not asked")
            c.sendall(answer)
    return talk


def until(c, wanted):
    data = b""
    while wanted not in data:
        more = c.recv(4096)
        if not more:
            raise OSError("ended")
        data += more
    return data


def ldap(c):
    if b"1.3.6.1.4.1.1466.20037" not in c.recv(4096):
        raise OSError("not asked")
    c.sendall(bytes.fromhex("300c02010178070a010004000400"))


def postgres(c):
    if c.recv(8) != bytes.fromhex("0000000804d2162f"):
        raise OSError("not asked")
    c.sendall(b"S")


def mysql(c):
    greeting = b"\x0a8.0.36\0" + bytes(4) + b"12345678\0" + b"\xff\xff\x21\x02\0\xff\xdf\x15" + bytes(10) + b"123456789012\0"
    c.sendall(len(greeting).to_bytes(3, "little") + b"\0" + greeting)
    request = c.recv(36)
    if len(request) != 36 or request[:4] != b"\x20\0\0\1" or not request[5] & 8:  # CLIENT_SSL
        raise OSError("not asked")


def xmpp(c):
    data = until(c, b"version='1.0'>")
    if b" to='" not in data:
        raise OSError("to whom?")
    c.sendall(b"<?xml version='1.0'?><stream:stream id='1' from='x' version='1.0' xmlns='jabber:client' "
              b"xmlns:stream='http://etherx.jabber.org/streams'><stream:features>"
              b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>")
    until(c, b"<starttls")
    c.sendall(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")


TALKS = {
    "smtp": lines(b"220 mail\r\n", ("EHLO", b"250-mail\r\n250-SIZE\r\n250 STARTTLS\r\n"), ("STARTTLS", b"220 go\r\n")),
    "imap": lines(b"* OK ready\r\n", ("STARTTLS", b"a1 OK go\r\n"),
                  aside=("CAPABILITY", b"* CAPABILITY IMAP4rev1 STARTTLS\r\n. OK done\r\n")),
    "pop3": lines(b"+OK ready\r\n", ("STLS", b"+OK go\r\n")),
    "ftp": lines(b"220 ready\r\n", ("AUTH TLS", b"234 go\r\n")),
    "nntp": lines(b"200 news\r\n", ("STARTTLS", b"382 go\r\n"), aside=("CAPABILITIES", b"101 list\r\nSTARTTLS\r\n.\r\n")),
    "sieve": lines(b'"IMPLEMENTATION" "x"\r\n"STARTTLS"\r\nOK "ready"\r\n', ("STARTTLS", b'OK "go"\r\n')),
    "ldap": ldap, "postgres": postgres, "mysql": mysql, "xmpp": xmpp,
}


def old(chain, kind):
    """A server of SSL 3.0, with SSL 2.0, or of TLS 1.2 ("raw"), of two suites. It never gets beyond its hello."""
    version, suites = (b"\3\3", (b"\0\x2f", b"\0\x35")) if kind == "raw" else (b"\3\0", (b"\0\5", b"\0\12"))
    der = [ssl.PEM_cert_to_DER_cert(pem + "-----END CERTIFICATE-----\n")
           for pem in open(chain).read().split("-----END CERTIFICATE-----\n")[:-1]]

    def ssl3(c, hello):
        if hello[0] != 22 or hello[9:11] < version:
            c.sendall(b"\x15" + version + b"\0\2\2\x46")  # protocol_version
            return
        offered = hello[44 + hello[43]:][2:]
        offered = offered[:int.from_bytes(hello[44 + hello[43]:46 + hello[43]], "big")]
        for suite in suites:
            if suite in [offered[i:i + 2] for i in range(0, len(offered), 2)]:
                break
        else:
            c.sendall(bytes.fromhex("15030000020228"))  # handshake_failure
            return
        listed = b"".join(len(d).to_bytes(3, "big") + d for d in der)
        messages = b""
        for number, body in ((2, version + bytes(32) + b"\0" + suite + b"\0"),
                           (11, len(listed).to_bytes(3, "big") + listed), (14, b"")):
            messages += bytes([number]) + len(body).to_bytes(3, "big") + body
        for part in [messages[i:i + 9999] for i in range(0, len(messages), 9999)]:
            c.sendall(b"\x16" + version + len(part).to_bytes(2, "big") + part)

    def ssl2(c, hello):
        if hello[0] & 0x80 and hello[2:5] == b"\1\0\2":
            body = b"\4\0\1\0\2" + len(der[0]).to_bytes(2, "big") + b"\0\3\0\20" + der[0] + b"\1\0\x80" + bytes(16)
            c.sendall((0x8000 | len(body)).to_bytes(2, "big") + body)
        else:
            ssl3(c, hello)

    def talk(c):
        (ssl2 if kind == "ssl2" else ssl3)(c, c.recv(4096))
        c.recv(1)
    return talk


def context_of(row):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(row.get("ciphers", "DEFAULT"))  # also the level of security, so it comes first
    context.minimum_version = getattr(ssl.TLSVersion, row.get("low", "TLSv1_2"))
    context.maximum_version = getattr(ssl.TLSVersion, row.get("high", "TLSv1_3"))
    context.load_cert_chain(row["chain"], row["key"])
    if row.get("wants_client"):
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(row["chain"])
    if row.get("alpn"):
        context.set_alpn_protocols(row["alpn"])
    others = {name: context_of({**row, "chain": pair[0], "key": pair[1], "names": {}}) for name, pair in row.get("names", {}).items()}
    if others:
        def choose(connection, name, _):
            connection.context = others.get(name, context)
        context.sni_callback = choose
    return context


def serve(row):
    is_old = row.get("talk") in ("ssl3", "ssl2", "raw")
    talk = old(row["chain"], row["talk"]) if is_old else TALKS.get(row.get("talk"))
    context = None if is_old else context_of(row)

    def answer(c):
        try:
            c.settimeout(20)
            time.sleep(row.get("delay_ms", 0) / 1000)
            if talk:
                talk(c)
            if context:
                with context.wrap_socket(c, server_side=True) as secure:
                    secure.recv(1)
        except (OSError, IndexError, ValueError):
            pass
        finally:
            c.close()
    listener = socket.create_server(("", row["port"]), backlog=512)
    while True:
        threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()


if __name__ == "__main__":
    warnings.simplefilter("ignore", DeprecationWarning)  # old versions are the point
    with open(sys.argv[1]) as file:
        threads = [threading.Thread(target=serve, args=(row,), daemon=True) for row in json.load(file)]
    for thread in threads:
        thread.start()
    threads[0].join()
