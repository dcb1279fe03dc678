#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""--with-db and prtip db: what is stored is what was found, comes back as it was written, survives every end, and is
compared without taking silence for an answer."""
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import suite

FORMATS = {"-oX": "xml", "-oN": "nmap", "-oG": "gnmap", "-oJ": "json"}


def db(bed, *words, code=0):
    done = bed.scanner.run([suite.PRTIP, "db", *map(str, words)])
    if code is not None and done.returncode != code:
        raise RuntimeError(f"db {words}: exit {done.returncode}, want {code}: {done.stdout}{done.stderr}")
    return done


def scan(bed, path, *options, code=0):
    done = bed.scanner.run([suite.PRTIP, "--with-db", str(path), *map(str, options)], 120)
    if done.returncode != code:
        raise RuntimeError(f"{options}: exit {done.returncode}, want {code}: {done.stderr}")
    return done


def rows(path, sql, *values):
    with sqlite3.connect(path) as connection:
        return connection.execute(sql, values).fetchall()


def differences(bed, path, *words, code=4):
    return [(r["kind"], r["of"], r["address"], r.get("port"), r["text"])
            for r in suite.json_records(db(bed, "compare", path, *words, "-oJ", "-", code=code).stdout)]


def test_export(cases, bed, directory):
    """Every format, of every kind of scan, byte for byte."""
    path = directory / "export.db"
    kinds = [
        ["-sS", "-n", "-p20-100,443,1001", "198.18.0.1-3", "fd98::1"],
        ["-sS", "-n", "-v", "--reason", "-p20-30,1001", "10.99.0.2", "10.99.0.77"],
        ["-sS", "-n", "--open", "-p20-100", "10.99.0.2", "198.18.0.1"],
        ["-sU", "-n", "-p53,1003", "10.99.0.2"],
        ["-sn", "10.99.0.0/29"],
        ["-sL", "198.18.0.1", "both.test"],
        ["-sS", "-n", "-sV", "--tls-cert-analysis", "--banner-grab", "-p22,4433,5555", "10.99.0.2"],
        ["-sS", "-n", "-O", "-p22,23", "10.99.0.2"],
        ["-sT", "-n", "-p22,80", "10.99.0.2", "-d"],
    ]
    for number, options in enumerate(kinds, 1):
        base, out = directory / f"scan{number}", directory / f"export{number}"
        scan(bed, path, *options, "-oA", base)
        db(bed, "export", path, number, "-oA", out)
        for suffix in FORMATS.values():
            got, want = (pathlib.Path(f"{b}.{suffix}").read_text() for b in (out, base))
            cases.check(f"{' '.join(options)}: {suffix}", got == want and got.count("\n") > 2, first_difference(got, want))
    cases.equal("each is a scan of its own", rows(path, "SELECT count(*) FROM scans"), [(len(kinds),)])
    cases.equal("services are rows", rows(path, "SELECT name FROM services WHERE port=5555"), [("ssh",)])
    cases.equal("certificates are rows", rows(path, "SELECT c.subject FROM tls t JOIN tls_certificates c USING(scan, seq)"),
                [("CN=a.example",)])
    cases.equal("the last one is the default", db(bed, "export", path, "-oJ", "-").stdout,
                pathlib.Path(f"{directory}/scan{len(kinds)}.json").read_text())
    listed = suite.json_records(db(bed, "list", path, "-oJ", "-").stdout)
    cases.equal("list: number, exit, command line", [(r["scan"], r["exit"], " ".join(kinds[r["scan"] - 1]) in r["args"])
                                                     for r in listed], [(i + 1, 0, True) for i in range(len(kinds))])
    damage(cases, bed, path, directory)


def damage(cases, bed, path, directory):
    """A database that others have changed: no crash, whatever is missing or nonsense in it."""
    bad = directory / "bad.db"
    for value in (None, "\x1b[2J<&\n", -7, b"\0\xff"):
        shutil.copy(path, bad)
        with sqlite3.connect(bad) as connection:
            for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchall():
                for column in [r[1] for r in connection.execute(f"PRAGMA table_info({table})")]:
                    if column not in ("scan", "seq", "idx", "up"):
                        connection.execute(f'UPDATE {table} SET "{column}"=? WHERE seq%2=0', (value,))
        codes = [db(bed, "export", bad, number, "-oA", directory / "bad", code=None).returncode for number in range(1, 10)]
        codes += [db(bed, *words, code=None).returncode for words in
                  (["list", bad], ["query", bad, "state=all"], ["compare", bad, 1, 2], ["compare", bad, 7, 8])]
        cases.check(f"damaged with {value!r}: no crash", all(0 <= c <= 4 for c in codes), codes)


def first_difference(got, want):
    for a, b in zip(got.splitlines() + [""], want.splitlines() + [""]):
        if a != b:
            return f"got {a[:300]!r}, want {b[:300]!r}"
    return "length"


def test_query(cases, bed, directory):
    path = directory / "query.db"
    scan(bed, path, "-sS", "-n", "-Pn", "-p20-25,80", "198.18.0.1-4", "fd98::1")

    def found(*words):
        return {(r["address"], r["port"], r["state"])
                for r in suite.json_records(db(bed, "query", path, *words, "-oJ", "-").stdout)}
    everyone = ["198.18.0.1", "198.18.0.2", "198.18.0.3", "198.18.0.4", "fd98::1"]
    cases.equal("open ones", found(), {(a, p, "open") for a in everyone for p in (22, 80)})
    cases.equal("network and port", found("host=198.18.0.2/31", "port=20-22"),
                {(f"198.18.0.{i}", 22, "open") for i in (2, 3)})
    cases.equal("state", len(found("state=closed", "host=fd98::/64")), 5)
    cases.equal("all states, protocol", (len(found("state=all", "protocol=tcp")), len(found("protocol=udp"))), (35, 0))
    cases.equal("scan", (found("scan=1") == found(), db(bed, "query", path, "scan=9", code=2).stdout), (True, ""))
    cases.equal("no SQL", found("service=' OR 1=1 --"), set())
    db(bed, "query", path, "-oJ", directory / "query.json")
    cases.equal("into a file", (directory / "query.json").read_text(), db(bed, "query", path, "-oJ", "-").stdout)
    cases.equal("into none: exit 1", db(bed, "query", path, "-oJ", "/nowhere/x", code=None).returncode, 1)
    with open("/dev/full", "w") as full:
        cases.equal("full standard output: exit 1", bed.scanner.start([suite.PRTIP, "db", "query", str(path)], stdout=full,
                                                                      stderr=-3).wait(30), 1)
    text = db(bed, "query", path, "host=fd98::1").stdout
    cases.check("as text", re.search(r"^ +1 +fd98::1 +22/tcp +open syn-ack$", text, re.M), text)
    for word in ("host=1.2.3.4/33", "port=x", "state=ajar", "color=red", "open"):
        cases.equal(f"{word}: usage", db(bed, "query", path, word, code=None).returncode, 2)


def test_compare(cases, bed, directory):
    path, target = directory / "compare.db", ["-sS", "-n", "-Pn", "198.18.0.1"]
    more = bed.target.listen(81)
    scan(bed, path, *target, "-p22,80,81,1002")
    scan(bed, path, *target, "-p22,80,81,1002")
    cases.equal("equal scans: exit 0, nothing told", differences(bed, path, code=0), [])
    more.close()
    scan(bed, path, *target, "-p22,80,81,1002")
    cases.equal("a port that says it is closed is gone", differences(bed, path),
                [("gone", "port", "198.18.0.1", 81, "now closed (reset); was open (syn-ack)")])
    cases.equal("and new the other way", differences(bed, path, 3, 1),
                [("new", "port", "198.18.0.1", 81, "now open (syn-ack); was closed (reset)")])
    scan(bed, path, *target, "-p22,1002")
    got = differences(bed, path, 3, 4)
    cases.equal("a port that was not asked is neither", got, [("unasked", "port", "198.18.0.1", 80,
                                                              "was open; not asked in scan 4")])
    bed.target.filter_input("tcp dport 80 drop", "tcp dport 1001 drop")
    scan(bed, path, *target, "-p22,80,81,1002")
    got = differences(bed, path, 3, 5)
    cases.equal("a silent port is missing", [g[:4] for g in got], [("missing", "port", "198.18.0.1", 80)])
    cases.check("with the coverage of the scan that missed it",
                re.fullmatch(r"was open; not seen; may have been missed \(coverage [\d.]+ %, 95 % interval .* %\)", got[0][4]),
                got)
    scan(bed, path, "-sS", "-n", "-PS443", "-p22", "198.18.0.1", "10.99.0.2")
    got = differences(bed, path, 5, 6)
    cases.equal("a host that was not asked before", [g[:3] for g in got if g[1] == "host"], [("unasked", "host", "10.99.0.2")])
    bed.target.filter_input("ip daddr 198.18.0.1 drop", "tcp dport 1001 drop")
    scan(bed, path, "-sS", "-n", "-p22,80", "198.18.0.1", "10.99.0.2")
    got = [g for g in differences(bed, path, 6, 7) if g[2] == "198.18.0.1"]
    cases.equal("a silent host is missing, and so is its port", [g[:4] for g in got],
                [("missing", "host", "198.18.0.1", None), ("missing", "port", "198.18.0.1", 22)])
    cases.check("told as not seen", all("host not seen; may have been missed" in g[4] for g in got), got)
    bed.target.filter_input("tcp dport 1001 drop")
    text = db(bed, "compare", path, 1, 3, code=4).stdout
    cases.check("as text", re.search(r"^gone +198\.18\.0\.1 81/tcp: now closed \(reset\).*^# scan 1: coverage.*^# 1 gone$", text,
                                     re.S | re.M), text)


def test_ends(cases, bed, directory):
    path = directory / "ends.db"
    for number, (sign, code) in enumerate(((signal.SIGINT, 130), (signal.SIGKILL, -9)), 1):
        running = bed.scanner.start([suite.PRTIP, "-sS", "-n", "-Pn", "-p-", "--max-rate", "2000", "10.99.0.2",
                                     "--with-db", str(path), "-oJ", str(directory / "ends.json")], stdout=-3, stderr=-3)
        count = f"SELECT count(*) FROM ports WHERE scan={number}"
        netns.wait_until(lambda: path.exists() and rows(path, "PRAGMA user_version") == [(2,)] and
                         rows(path, count)[0][0] > 1000)
        running.send_signal(sign)
        cases.equal(f"{sign.name}: exit code", running.wait(30), code)
        cases.equal(f"{sign.name}: sound", rows(path, "PRAGMA integrity_check"), [("ok",)])
        cases.check(f"{sign.name}: what was found is there", rows(path, count)[0][0] > 1000)
        done = db(bed, "export", path, "-oX", "-", code=None)
        cases.equal(f"{sign.name}: export: exit code, complete XML",
                    (done.returncode, done.stdout.rstrip().endswith("</nmaprun>")), (0 if code > 0 else 3, True))
    cases.equal("list: one exit, one cut off", [r["exit"] for r in suite.json_records(db(bed, "list", path, "-oJ", "-").stdout)],
                [130, None])


def test_together(cases, bed, directory):
    """Two scans into one new file at the same time."""
    path = directory / "together.db"
    running = [bed.scanner.start([suite.PRTIP, "-sS", "-n", "-Pn", "-p1-2000", "--with-db", str(path), address], stdout=-3,
                                 stderr=-3) for address in ("198.18.0.1", "198.18.0.2")]
    cases.equal("exit codes", [r.wait(60) for r in running], [0, 0])
    counts = rows(path, "SELECT address, count(*) FROM ports GROUP BY scan, address ORDER BY address")
    cases.equal("all ports of both", counts, [("198.18.0.1", 1999), ("198.18.0.2", 1999)])


def test_errors(cases, bed, directory):
    path, target = directory / "e.db", ["-sS", "-n", "-Pn", "-p22", "10.99.0.2"]
    (directory / "text").write_text("no database at all, but long enough to be looked at as one\n" * 40)
    with sqlite3.connect(directory / "other.db") as other:
        other.execute("CREATE TABLE x(y)")
    scan(bed, path, *target)
    shutil.copy(path, directory / "newer.db")
    with sqlite3.connect(directory / "newer.db") as newer:
        newer.execute("PRAGMA user_version=99")
    (directory / "empty.db").write_bytes(b"")
    files = {"text": "not a result database", "other.db": "another program", "newer.db": "newer prtip", "none/x": "No such file"}
    for name, why in files.items():
        for done, what in ((bed.scanner.run([suite.PRTIP, "--with-db", str(directory / name), *target]), "--with-db"),
                           (db(bed, "list", directory / name, code=None), "db list")):
            cases.check(f"{what} {name}: exit 1, said", done.returncode == 1 and why in done.stderr,
                        (done.returncode, done.stderr))
    cases.check("db list of an empty file", "no result database" in db(bed, "list", directory / "empty.db", code=1).stderr)
    full = bed.scanner.run(["sh", "-c", f"ulimit -f 64; exec {suite.PRTIP} --with-db {path} -sS -n -Pn -p1-60000 10.99.0.2"], 60)
    cases.check("no room for the file: exit 3, said", full.returncode == 3 and str(path) in full.stderr,
                (full.returncode, full.stderr[-300:]))
    cases.equal("what was there before still is", rows(path, "PRAGMA integrity_check"), [("ok",)])
    for words in ([], ["list"], ["color", path], ["query", path, "-oX", "-"], ["list", path, "-p22"]):
        cases.equal(f"db {' '.join(map(str, words))}: usage", db(bed, *words, code=None).returncode, 2)
    cases.check("db --help", "compare FILE" in db(bed, "--help").stdout)


@netns.contextlib.contextmanager
def servers(bed, directory):
    subprocess.run("openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=a.example "
                   "-keyout tls.key -out tls.pem".split(), cwd=directory, check=True, capture_output=True)
    script = ("import socketserver\nclass H(socketserver.BaseRequestHandler):\n"
              " def handle(self): self.request.sendall(b'SSH-2.0-OpenSSH_9.2p1 Debian-2\\r\\n'); self.request.recv(99)\n"
              "socketserver.ThreadingTCPServer(('', 5555), H).serve_forever()")
    running = [bed.target.start(["openssl", "s_server", "-accept", "4433", "-cert", directory / "tls.pem", "-key",
                                 directory / "tls.key", "-quiet"], stdout=-3, stderr=-3),
               bed.target.start([sys.executable, "-c", script], stdout=-3, stderr=-3)]
    try:
        netns.wait_until(lambda: all(p in bed.target.sh("ss -ltnH") for p in (":4433", ":5555")))
        yield
    finally:
        for server in running:
            server.kill()


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "nft", "openssl")
    with netns.Bed() as bed, suite.scratch() as directory, servers(bed, directory):
        bed.scanner.hosts("127.0.0.1 localhost\n198.18.0.1 both.test\n")
        bed.target.filter_input("tcp dport 1001 drop")
        listeners = [bed.target.listen(port) for port in (22, 80)]
        code = suite.run([test_export, test_query, test_compare, test_ends, test_together, test_errors], bed, directory)
    sys.exit(code)
