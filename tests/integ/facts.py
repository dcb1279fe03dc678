#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What detection finds (services, banners, systems, TLS endpoints, certificates) survives merge and --resume: the same
records, and the same reports in every format, as a scan that was left alone."""
import collections
import json
import pathlib
import re
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import packet
import suite

OURS = {"service", "banner", "tls", "certificate", "os"}
HOSTS = "198.18.0.0/30"
SCAN = ["-sS", "-sV", "-O", "--tls-cert-analysis", "--banner-grab", "-n", "-Pn", "-p", "22,80,81,443,1234", HOSTS, "-v"]
SERVERS = r"""
import socket, ssl, sys, threading
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("chain.pem", "leaf.key")
context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256:AES128-SHA")
def serve(port, talk):
    l = socket.create_server(("0.0.0.0", port), backlog=512)
    while True: threading.Thread(target=guarded, args=(talk, l.accept()[0]), daemon=True).start()
def guarded(talk, c):
    try: talk(c)
    except OSError: pass
def ssh(c): c.sendall(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"); c.recv(999)
def odd(c): c.sendall(b"<odd>\x01\xff\xe2\x82\xac 'one' &amp; \"two\" \\xff\r\n"); c.recv(999)
def web(c):
    c.recv(999)
    c.sendall(b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
    c.shutdown(1); c.recv(999)
def secure(c): web(context.wrap_socket(c, server_side=True))
for port, talk in ((22, ssh), (80, web), (443, secure)): threading.Thread(target=serve, args=(port, talk), daemon=True).start()
serve(1234, odd)
"""


def run(bed, *options, code=0):
    done = bed.scanner.run([suite.PRTIP, *options], 200)
    if done.returncode != code:
        raise RuntimeError(f"{' '.join(map(str, options))}: exit {done.returncode}: {done.stderr}")
    return done


def records(path, is_exact=False):
    """Multiset of detection's records, without what differs between two scans of one host unless is_exact."""
    found = []
    for r in suite.json_records(pathlib.Path(path).read_text()):
        if r["type"] == "os" and not is_exact:
            r = {"type": "os", "address": r["address"], "family": r["classes"][0]["family"]}
        if r["type"] == "service" and not is_exact:
            r.pop("fingerprint", None)  # holds the time
        if r["type"] == "certificate" and not is_exact:
            r.pop("days_left")  # may end between two scans
        if r["type"] in OURS:
            found.append(json.dumps(r, sort_keys=True))
    return collections.Counter(found)


def report(path):
    """Lines of a report that do not tell of the run itself."""
    text = path.read_text()
    for pattern in (r"<times [^>]*>\n", r"[Ii]nitiated [^\n]*", r' args="[^"]*"', r'<finished .*/>', r' (start|end)?time(str)?="[^"]*"',
                    r' start(str)?="[^"]*"', r"\(?[0-9.e+-]+s latency\)?", r" in [0-9.]+ seconds", r" as: [^\n]*",
                    r"<!-- [^\n]*", r"^Raw packets[^\n]*", r"^#? ?prtip [^\n]*", r"^(# )?Coverage[^\n]*",
                    r"^(# )?Limited by[^\n]*", r"^Stats[^\n]*"):
        text = re.sub(pattern, "", text, flags=re.M)
    return [line for line in text.splitlines() if line]


def equal(cases, name, got, want):
    cases.check(name, got == want, (list((got - want).elements())[:2], list((want - got).elements())[:2], len(got), len(want)))


def kinds(counter):
    return collections.Counter(json.loads(r)["type"] for r in counter.elements())


def test_reread(cases, bed, directory):
    """One file, merged: every record of detection byte for byte, every report line for line."""
    run(bed, *SCAN, "-oA", directory / "whole")
    run(bed, "merge", directory / "whole.json", "-v", "-oA", directory / "again")
    want = records(directory / "whole.json", True)
    cases.equal("what was found", dict(kinds(want)), {"service": 16, "banner": 16, "tls": 4, "certificate": 8, "os": 4})
    equal(cases, "JSON records of a file that was merged alone", records(directory / "again.json", True), want)
    for end in ("nmap", "xml", "gnmap"):
        a, b = report(directory / f"again.{end}"), report(directory / f"whole.{end}")
        first = next((pair for pair in zip(a, b) if pair[0] != pair[1]), (len(a), len(b)))
        cases.check(f".{end} of a file that was merged alone", a == b, first)
    run(bed, "merge", directory / "whole.json", directory / "whole.json", "-oJ", directory / "twice.json")
    equal(cases, "the same file twice changes nothing", records(directory / "twice.json", True), want)
    run(bed, "merge", directory / "again.json", "-oJ", directory / "third.json")
    equal(cases, "what was merged merges", records(directory / "third.json", True), want)


def keys_of(value):
    if isinstance(value, dict):
        return set(value).union(*map(keys_of, value.values()))
    return set().union(*map(keys_of, value)) if isinstance(value, list) else set()


def test_documented(cases, bed, directory):
    """Every key that a record of this scan has stands in docs/formats.md."""
    text = (suite.ROOT / "docs" / "formats.md").read_text()
    words = set(re.findall(r"`([^`\n]+)`", text)) | set(re.findall(r'"(\w+)"', text))
    for kind in sorted(OURS | {"scan", "port", "host", "summary"}):
        used = set().union(*(keys_of(r) for r in suite.json_records((directory / "whole.json").read_text(), kind)))
        cases.equal(f"{kind}: keys that are not described", used - words - {"tcp", "schema", "type"}, set())


def test_shards(cases, bed, directory):
    want = records(directory / "whole.json")
    paths = [directory / f"shard{i}.json" for i in (1, 2)]
    for i, path in enumerate(paths, 1):
        run(bed, *SCAN, "--shard", f"{i}/2", "-oJ", path)
    run(bed, "merge", *paths, "-oJ", directory / "merged.json")
    equal(cases, "merged shards have the records of the whole", records(directory / "merged.json"), want)


def test_cut(cases, bed, directory):
    """A chain that the file's end cut in two: what is there is used."""
    text = (directory / "whole.json").read_text().splitlines(True)
    last = max(i for i, line in enumerate(text) if '"chain_index":1' in line)
    (directory / "cut.json").write_text("".join(text[:last]))
    run(bed, "merge", directory / "cut.json", "-oJ", directory / "out.json", "-oX", directory / "out.xml", code=3)
    found = suite.json_records((directory / "out.json").read_text())
    cut = json.loads(text[last])["address"]
    n = {a: sum(r["type"] == "certificate" and r["address"] == a for r in found) for a in {r["address"] for r in found if r["type"] == "tls"}}
    cases.check("the cut chain is shorter, the others whole", n[cut] == 1 and all(v == 2 for k, v in n.items() if k != cut), n)


def test_conflict(cases, bed, directory):
    """Of two words about a service the surer stands, whichever file comes first."""
    lines = [json.loads(line) for line in (directory / "whole.json").read_text().splitlines()]
    for r in lines:
        if r["type"] == "service" and r["port"] == 22:
            r.update(conf=3, product="Guess", version=None)
    (directory / "weak.json").write_text("".join(json.dumps(r) + "\n" for r in lines))
    want = records(directory / "whole.json", True)
    for order in (("whole", "weak"), ("weak", "whole")):
        run(bed, "merge", *(directory / f"{name}.json" for name in order), "-oJ", directory / "out.json")
        equal(cases, f"{order[0]} before {order[1]}", records(directory / "out.json", True), want)


def test_resume(cases, bed, directory):
    """Killed while ports are scanned, while services are asked, after hosts have finished; then resumed."""
    want = records(directory / "whole.json")
    for seconds in (0.15, 0.6, 1.5, 4):
        journal, out = directory / f"journal{seconds}", directory / f"resumed{seconds}"
        process = bed.scanner.start([suite.PRTIP, *SCAN, "-oA", out, "--journal", journal], stdout=-3, stderr=-3)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        done = bed.scanner.run([suite.PRTIP, "--resume", journal], 200)
        cases.equal(f"killed after {seconds} s: exit code", done.returncode, 0)
        equal(cases, f"killed after {seconds} s: records of a scan that was not", records(f"{out}.json"), want)


def connections(bed, *command, until=None):
    """Who was connected to, as (address, port); with @until the scan is killed when its journal, the last word, tells that."""
    with bed.target.capture("vb") as capture:
        process = bed.scanner.start([suite.PRTIP, *command], stdout=-3, stderr=-3)
        if until:
            netns.wait_until(lambda: command[-1].exists() and until in command[-1].read_bytes())
            process.send_signal(signal.SIGKILL)
        code = process.wait(200)
        return code, {(p.dst, p.dport) for p in packet.syns(packet.parse(capture.stop()))}


def test_kept(cases, bed, directory):
    """What the journal of a killed scan knows is not asked again, and all of it is in the reports of the resumed one."""
    for kind, record, n, *options in (("service_detected", "service", 6, "-sV", "-p22,443,1234"),
                                      ("tls_found", "tls", 2, "--tls-cert-analysis", "-p443")):
        journal, out = directory / f"journal-{record}", directory / f"kept-{record}"
        connections(bed, "-sS", *options, "-n", "-Pn", "198.18.0.0/31", "-oJ", out, "--journal", journal, until=b'"%s"' % kind.encode())
        told = re.findall(rb'"type":"%s"[^{}]*?"address":"([0-9.]+)","port":(\d+)' % kind.encode(), journal.read_bytes())
        known = {(address.decode(), int(port)) for address, port in told}
        code, asked = connections(bed, "--resume", journal)
        cases.equal(f"{kind}: exit code", code, 0)
        cases.check(f"{kind}: some was known", known, journal.read_bytes()[:2000])
        cases.equal(f"{kind}: asked again", asked & known, set())

        found = [r for r in suite.json_records(out.read_text()) if r["type"] == record]
        cases.equal(f"{kind}: each once", (len(found), len({(r["address"], r["port"]) for r in found})), (n, n))
    certificates_found = [r for r in suite.json_records(out.read_text()) if r["type"] == "certificate"]
    cases.equal("with their certificates", len(certificates_found), 4)


def test_nothing_kept(cases, bed, directory):
    """A port that spoke no TLS is not asked again either: it takes three hellos, its neighbour forty."""
    journal, out = directory / "journal-nothing", directory / "nothing"
    scan = ("-sS", "--tls-cert-analysis", "-n", "-Pn", "-p22,443", "198.18.0.0", "-oJ")
    run(bed, *scan, directory / "want.json")
    connections(bed, *scan, out, "--journal", journal, until=b'"tls_found"')
    code, asked = connections(bed, "--resume", journal)
    cases.equal("exit code", code, 0)
    cases.equal("asked again", asked, set())
    equal(cases, "records of a scan that was not killed", records(out), records(directory / "want.json"))


def certificates(directory):
    def openssl(command):
        subprocess.run(["openssl", *command.split()], cwd=directory, check=True, capture_output=True)
    openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj /O=R&D<b>/CN=Root -days 99")
    openssl("req -newkey rsa:2048 -nodes -keyout leaf.key -out leaf.csr -subj /C=DE/CN=a.example")
    (directory / "ext").write_text("subjectAltName=DNS:a.example,DNS:b.example,IP:198.18.0.1\nextendedKeyUsage=serverAuth\n")
    openssl("x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out leaf.pem -days 90 -extfile ext")
    (directory / "chain.pem").write_text((directory / "leaf.pem").read_text() + (directory / "ca.pem").read_text())


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "nft", "openssl", "ss")
    with netns.Bed() as bed, suite.scratch() as directory:
        bed.target.filter_input("tcp dport 81 drop")
        certificates(directory)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = bed.target.start([sys.executable, "-c", SERVERS], cwd=directory, **quiet)
        netns.wait_until(lambda: bed.target.sh("ss -ltnH").count("LISTEN") >= 4)
        try:
            code = suite.run([test_reread, test_documented, test_shards, test_cut, test_conflict, test_resume,
                              test_kept, test_nothing_kept], bed, directory)
        finally:
            process.kill()
    sys.exit(code)
