#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS analysis of real endpoints (openssl s_server, a row each): every field beside what `openssl x509` says of the
certificate, versions and suites beside what the server was told to offer, findings as each row's flaw demands."""
import pathlib
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import certs
import netns
import suite

NAME = "a.example"
EC = "-newkey ec -pkeyopt ec_paramgen_curve:"
WEAK = ["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"]
#: name, openssl req's key options, -days or dates, extensions, server's options, findings beside the chain's own
ROWS = [
    ("rsa1024", "-newkey rsa:1024", "", WEAK, {"weak-key"}),
    ("rsa2048", "-newkey rsa:2048", "", [], set()),
    ("rsa4096", "-newkey rsa:4096 -sha512", "", [], set()),
    ("p256", EC + "P-256", "", [], set()),
    ("p384", EC + "P-384 -sha384", "", [], set()),
    ("p521", EC + "P-521 -sha512", "", [], set()),
    ("ed25519", "-newkey ed25519", "", [], set()),
    ("pss", "-newkey rsa:2048 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -sha256", "", [], set()),
    ("sha1", "-newkey rsa:2048 -sha1", "", WEAK, {"weak-hash"}),
    ("md5", "-newkey rsa:2048 -md5", "", WEAK, {"weak-hash"}),
    ("expired", EC + "P-256", "", [], {"expired"}),
    ("soon", EC + "P-256 -days 5", "", [], {"expires-soon"}),
    ("far", EC + "P-256 -days 30000", "", [], set()),
    ("other", EC + "P-256", "DNS:other.example", [], {"name-mismatch"}),
    ("wildcard", EC + "P-256", "DNS:*.example", [], {"name-mismatch"}),  # a whole top-level domain
    ("label", EC + "P-256", "DNS:b.example,DNS:A.EXAMPLE", [], set()),
    ("many", EC + "P-256", ",".join([f"DNS:h{i}.example" for i in range(100)] +
                                    ["DNS:a.example", "IP:192.0.2.1", "IP:2001:db8::1", "email:a@b.example",
                                     "DNS:xn--bcher-kva.example", "URI:https://x.example/"]), [], set()),
    ("tls12", "-newkey rsa:2048", "", ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256:AES256-SHA", "-serverpref"],
     set()),
    ("tls13", EC + "P-256", "", ["-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"], set()),
    ("tls10", "-newkey rsa:2048", "", ["-tls1", "-cipher", "AES128-SHA:@SECLEVEL=0"], {"weak-protocol"}),
    ("tls11", "-newkey rsa:2048", "", ["-tls1_1", "-cipher", "AES128-SHA:@SECLEVEL=0"], {"weak-protocol"}),
    ("null", "-newkey rsa:2048", "", ["-tls1_2", "-cipher", "NULL-SHA256:AES128-SHA:@SECLEVEL=0"], {"weak-cipher"}),
    ("alpn", EC + "P-256", "", ["-alpn", "h2,http/1.1", "-groups", "P-384:X25519"], set()),
    ("smtp", "-newkey rsa:2048", "", None, set()),
]
PORTS = {row[0]: 4400 + i for i, row in enumerate(ROWS)}
PORTS["smtp"] = 25
OFFERED = {"tls12": {"TLSv1.2": ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_256_CBC_SHA"]},
           "tls13": {"TLSv1.3": ["TLS_AES_128_GCM_SHA256"]},
           "tls10": {"TLSv1.0": ["TLS_RSA_WITH_AES_128_CBC_SHA"]},
           "tls11": {"TLSv1.1": ["TLS_RSA_WITH_AES_128_CBC_SHA"]}}
#: an SMTP server that has STARTTLS, and relays what comes then to the s_server of row rsa2048
SMTP = """
import socket, threading
def talk(c):
    f = c.makefile("rb"); c.sendall(b"220 mail\\r\\n"); f.readline()
    c.sendall(b"250-mail\\r\\n250 STARTTLS\\r\\n"); f.readline(); c.sendall(b"220 go\\r\\n")
    s = socket.create_connection(("127.0.0.1", %d))
    def pump(a, b):
        try:
            while (d := a.recv(4096)): b.sendall(d)
        except OSError: pass
        for x in (a, b):
            try: x.shutdown(2)
            except OSError: pass
    threading.Thread(target=pump, args=(c, s), daemon=True).start(); pump(s, c)
l = socket.create_server(("127.0.0.1", 25))
while True: threading.Thread(target=talk, args=(l.accept()[0],), daemon=True).start()
"""


#: TLS 1.3 alone, and behind the good certificate one with an object identifier that goes on behind its end
UNREADABLE = """
import ctypes, socket, sys
C, S = ctypes.CDLL("libcrypto.so.3"), ctypes.CDLL("libssl.so.3")
for lib, names in ((C, "BIO_new_file PEM_read_bio_X509 X509_get_ext X509_EXTENSION_get_object OBJ_get0_data"),
                   (S, "TLS_server_method SSL_CTX_new SSL_new")):
    for name in names.split():
        getattr(lib, name).restype = ctypes.c_void_p
P, L = ctypes.c_void_p, ctypes.c_long
pem, key = sys.argv[1].encode(), sys.argv[2].encode()
x = P(C.PEM_read_bio_X509(P(C.BIO_new_file(pem, b"r")), None, None, None))
objects = [P(C.X509_EXTENSION_get_object(P(C.X509_get_ext(x, i)))) for i in range(C.X509_get_ext_count(x))]
unknown = next(o for o in objects if C.OBJ_obj2nid(o) == 0)
ctypes.memset(C.OBJ_get0_data(unknown) + 2, 0x84, 1)
C.i2d_re_X509_tbs(x, None)
ctx = P(S.SSL_CTX_new(P(S.TLS_server_method())))
S.SSL_CTX_ctrl(ctx, 123, L(0x304), None)
assert S.SSL_CTX_use_certificate_file(ctx, pem, 1) == 1 == S.SSL_CTX_use_PrivateKey_file(ctx, key, 1)
assert S.SSL_CTX_ctrl(ctx, 14, L(0), x) == 1
l = socket.create_server(("127.0.0.1", 4499))
while True:
    c = l.accept()[0]
    ssl = P(S.SSL_new(ctx))
    S.SSL_set_fd(ssl, c.fileno()), S.SSL_accept(ssl), S.SSL_free(ssl), c.close()
"""


def make(directory, name, key, sans):
    command = (f"openssl req -x509 -nodes {key} -keyout {name}.key -out {name}.pem -subj /C=DE/O=Test/CN={NAME} "
               f"-addext subjectAltName={sans or 'DNS:' + NAME} -addext extendedKeyUsage=serverAuth "
               "-addext keyUsage=digitalSignature")
    subprocess.run(command.split(), cwd=directory, check=True, capture_output=True)
    if name == "expired":
        subprocess.run(["openssl", "x509", "-in", "expired.pem", "-signkey", "expired.key", "-days", "0", "-out",
                        "expired.pem"], cwd=directory, check=True, capture_output=True)


def start(space, directory, processes):
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    for name, key, sans, options, _ in ROWS:
        if options is None:
            processes.append(space.start([sys.executable, "-c", SMTP % PORTS["rsa2048"]], **quiet))
            continue
        make(directory, name, key, sans)
        processes.append(space.start(["openssl", "s_server", "-accept", f"127.0.0.1:{PORTS[name]}", "-cert", directory / f"{name}.pem",
                     "-key", directory / f"{name}.key", "-quiet", *options],
                                     **quiet))
    netns.wait_until(lambda: {int(line.split()[3].rsplit(":", 1)[1]) for line in space.sh("ss -ltnH").splitlines()}
                     >= set(PORTS.values()))


def scan(space, *options):
    ports = ",".join(str(port) for port in PORTS.values())
    done = space.run([suite.PRTIP, "-sT", "-n", "-Pn", "-p", ports, "127.0.0.1", "--tls-cert-analysis", *options], 100)
    if done.returncode:
        raise RuntimeError(f"exit {done.returncode}: {done.stderr}")
    return done.stdout


def test_fields(cases, space, directory):
    records = suite.json_records(scan(space, "--tls-sni", NAME, "-oJ", "-"))
    shown = {r["port"]: r for r in records if r["type"] == "certificate"}
    found = {r["port"]: r for r in records if r["type"] == "tls"}
    cases.equal("every endpoint was recognised", set(found), set(PORTS.values()))
    for name, _, _, _, wanted in ROWS:
        port, path = PORTS[name], directory / f"{'rsa2048' if name == 'smtp' else name}.pem"
        cases.equal(f"{name}: the certificate", sorted(certs.ours(shown[port]).items()), sorted(certs.theirs(path).items()))
        codes = {f["code"] for f in found[port]["findings"]} - {"compression", "renegotiation", "weak-dh"}
        cases.equal(f"{name}: findings", codes - {"self-signed", "untrusted"}, wanted - {"self-signed"})
        cases.check(f"{name}: self-signed, so untrusted", {"self-signed", "untrusted"} <= codes and
                    shown[port]["self_signed"] and not found[port]["trusted"], codes)
        if name in OFFERED:
            cases.equal(f"{name}: versions and suites",
                        [(v["version"], [s["name"] for s in v["suites"]]) for v in found[port]["versions"]],
                        list(OFFERED[name].items()))
    cases.equal("the server's own order is seen", found[PORTS["tls12"]]["versions"][0]["order"], "server")
    cases.equal("ALPN", found[PORTS["alpn"]]["alpn"], ["h2", "http/1.1"])
    cases.equal("groups", set(found[PORTS["alpn"]]["groups"]), {"x25519", "secp384r1"})
    cases.check("JARM differs where versions do", len({found[PORTS[n]]["jarm"] for n in ("tls10", "tls12", "tls13")}) == 3,
                [found[PORTS[n]]["jarm"] for n in ("tls10", "tls12", "tls13")])


def test_trust(cases, space, directory):
    """Each self-signed certificate is trusted when it is given as the authority, the others are not."""
    records = suite.json_records(scan(space, "--ca-file", str(directory / "p256.pem"), "-oJ", "-"), "tls")
    cases.equal("--ca-file", {r["port"] for r in records if r["trusted"]}, {PORTS["p256"]})
    cases.check("without --tls-sni the address is looked for", all(r["name_checked"] == "127.0.0.1" for r in records))
    done = space.run([suite.PRTIP, "-sT", "-p1", "127.0.0.1", "--tls-cert-analysis", "--ca-file", "/dev/null"])
    cases.check("--ca-file without certificates", done.returncode == 1 and "/dev/null" in done.stderr, done)
    done = space.run([suite.PRTIP, "-sT", "-p1", "127.0.0.1", "--tls-sni", NAME])
    cases.check("--tls-sni alone is refused", done.returncode == 2 and "--tls-cert-analysis" in done.stderr, done)


def test_reports(cases, space, directory):
    text = scan(space, "-oX", str(directory / "x.xml"))
    cases.check("the text block", "| ssl-cert: Subject: countryName=DE/organizationName=Test/commonName=a.example" in text
                and "|_JARM: " in text, text)
    valid = subprocess.run(["xmllint", "--noout", "--dtdvalid", "/usr/share/nmap/nmap.dtd", directory / "x.xml"],
                           capture_output=True, text=True)
    cases.equal("XML is valid", valid.returncode, 0)
    tree = ElementTree.parse(directory / "x.xml")
    scripts = {(int(p.get("portid")), s.get("id")): s for p in tree.iter("port") for s in p.iter("script")}
    pem = scripts[PORTS["p256"], "ssl-cert"].find("elem[@key='pem']").text
    cases.equal("the certificate itself", pem.strip(), (directory / "p256.pem").read_text().strip())
    suites = scripts[PORTS["tls12"], "ssl-enum-ciphers"].findall(".//table[@key='ciphers']/table/elem[@key='name']")
    cases.equal("suites in XML", [s.text for s in suites], OFFERED["tls12"]["TLSv1.2"])


def test_no_tls(cases, space, directory):
    """Silence, noise and early ends: no TLS is claimed and the scan ends."""
    noise = ("import socket,threading\n"
             "def f(c, n):\n"
             "  try:\n"
             "    if n == 1: c.sendall(b'HTTP/1.1 400 no\\r\\n\\r\\n'); c.close()\n"
             "    elif n == 2: c.sendall(b'\\x16\\x03\\x03\\x40\\x00\\x02' + bytes(9)); c.close()\n"
             "    elif n == 3:\n"
             "      while 1: c.sendall(b'\\x16\\x03\\x03\\x00\\x01\\x00' * 500)\n"
             "    elif n == 4: c.close()\n"
             "    else: threading.Event().wait(60)\n"
             "  except OSError: pass\n"
             "def g(n):\n"
             "  l = socket.create_server(('127.0.0.1', 5000 + n))\n"
             "  while 1: threading.Thread(target=f, args=(l.accept()[0], n), daemon=True).start()\n"
             "for n in range(5): threading.Thread(target=g, args=(n,)).start()\n")
    process = space.start([sys.executable, "-c", noise])
    netns.wait_until(lambda: space.sh("ss -ltnH sport ge :5000").count("LISTEN") >= 5)
    done = space.run([suite.PRTIP, "-sT", "-n", "-Pn", "-p5000-5004,%d" % PORTS["p256"], "127.0.0.1",
                      "--tls-cert-analysis", "-oJ", "-"], 60)
    cases.equal("only the real one", [r["port"] for r in suite.json_records(done.stdout, "tls")], [PORTS["p256"]])
    process.kill()
    cases.equal("ends well", (done.returncode, len(suite.json_records(done.stdout, "host"))), (0, 1))


def test_unreadable(cases, space, directory):
    """A chain that OpenSSL ends the handshake at: what can be read of it is told, and what cannot be is a finding."""
    make(directory, "unreadable", EC + "P-256 -addext 1.2.3.4=ASN1:UTF8String:x", "")
    process = space.start([sys.executable, "-c", UNREADABLE, directory / "unreadable.pem", directory / "unreadable.key"])
    try:
        netns.wait_until(lambda: "LISTEN" in space.sh("ss -ltnH sport = :4499"))
        base = directory / "unreadable"
        done = space.run([suite.PRTIP, "-sT", "-n", "-Pn", "-p4499", "127.0.0.1", "--tls-cert-analysis", "-oA", base], 60)
        found = space.run([suite.PRTIP, "-sT", "-n", "-Pn", "-p4499", "127.0.0.1", "-sV"], 60)
    finally:
        process.kill()
    record = suite.json_records(base.with_suffix(".json").read_text(), "tls")[0]
    bad = [f for f in record["findings"] if f["code"] == "bad-certificate"]
    cases.equal("it is a finding", [f["severity"] for f in bad], ["medium"])
    text = bad[0]["text"] if bad else "no finding"
    cases.check("which, and why", text.startswith("certificate 2 cannot be parsed: OpenSSL refuses it; ") and "SHA-256" in text, text)
    cases.equal("the first is read", suite.json_records(base.with_suffix(".json").read_text(), "certificate")[0]["subject"]
                .startswith("CN=" + NAME), True)
    for extension in (".nmap", ".xml"):
        cases.check(f"told in {extension}", "bad-certificate" in base.with_suffix(extension).read_text(), done)
    cases.check("-sV knows TLS", "4499/tcp open  ssl" in found.stdout, found.stdout)


def test_broken_loop(cases, space, directory):
    """A thread that cannot go on has found neither something nor nothing: a resumed scan asks again."""
    journal = directory / "broken.journal"
    done = space.run(["strace", "-f", "-o", "/dev/null", "-e", "trace=epoll_wait", "-e",
                      "inject=epoll_wait:error=EBADF:when=3+", suite.PRTIP, "-sS", "-n", "-Pn", "-p", str(PORTS["p256"]),
                      "127.0.0.1", "--tls-cert-analysis", "-oJ", "-", "--journal", str(journal)])
    cases.equal("no TLS is told of", suite.json_records(done.stdout, "tls"), [])
    cases.check("the run is degraded and says so", done.returncode == 3 and "could be examined" in done.stdout + done.stderr, done)
    done = space.run([suite.PRTIP, "--resume", str(journal)])
    cases.equal("a resumed scan finds it", [r["port"] for r in suite.json_records(done.stdout, "tls")], [PORTS["p256"]])


def test_without_library(cases, space, directory):
    """OpenSSL is loaded by scans that meet TLS, and by no other; where it is missing these say so."""
    port = str(PORTS["p256"])
    library = next(word for line in subprocess.run(["ldconfig", "-p"], capture_output=True, text=True).stdout.splitlines()
                   if "libssl.so.3 " in line for word in line.split() if word.startswith("/"))

    def loads(*options):
        trace = directory / "opened"
        space.run(["strace", "-f", "-e", "trace=openat", "-o", str(trace), suite.PRTIP, "-n", "-Pn", "-p", port, *options,
                   "127.0.0.1"])
        return "libssl" in trace.read_text()

    def hidden(*options):
        return space.run(["unshare", "-m", "sh", "-c", f'mount --bind /dev/null {library} && exec "$@"', "sh",
                          suite.PRTIP, "-n", "-Pn", "-p", port, *options, "127.0.0.1"])

    cases.equal("who loads it", [loads(o) for o in ("-sS", "-sT", "-sV")], [False, False, True])
    done = hidden("-sS")
    cases.check("a port scan needs no OpenSSL", done.returncode == 0 and not done.stderr and f"{port}/tcp open" in done.stdout,
                done)
    done = hidden("-sV")
    cases.check("-sV goes on and says what it cannot see", done.returncode == 3 and f"{port}/tcp open" in done.stdout
                and "libssl.so" in done.stderr and "libssl3)" in done.stderr, done)
    for option in ("--tls-cert-analysis", "-A"):
        done = hidden(option)
        cases.check(f"{option} goes on and says what it cannot see", done.returncode == 3 and f"{port}/tcp open" in done.stdout
                    and "libssl3)" in done.stderr and "scanned in" in done.stdout, done)


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "ss", "openssl", "strace", "unshare", "xmllint")
    with netns.Namespaces() as spaces, suite.scratch() as directory:
        space = spaces.namespace("t")
        space.sh("ip link set lo up")
        processes = []
        try:
            start(space, directory, processes)
            code = suite.run([test_fields, test_trust, test_reports, test_no_tls, test_unreadable, test_broken_loop, test_without_library],
                             space, directory)
        finally:
            for process in processes:
                process.kill()
    sys.exit(code)
