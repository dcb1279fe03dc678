#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# alone: a host is given few seconds, and is to be found out in them
"""--host-timeout ends detection too: services that send a byte a second for ever, or take TLS hellos and say nothing. What was
found by then is kept, the host is marked in every output, and a host that is done in time is not."""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import suite

HOST = "127.0.0.1"
#: more than are asked of one host at once
TARPITS = range(5001, 5041)
#: hundreds that accept and say nothing, and those among them that greet at once
MANY = range(20001, 20321)
GREETERS = MANY[::16]
MARK = "Host timed out: detection was not finished."
SERVERS = """
import selectors, socket, threading, time
def crowd():
    wait, kept = selectors.DefaultSelector(), []
    for port in range(20001, 20321):
        l = socket.create_server(("127.0.0.1", port), backlog=64)
        wait.register(l, selectors.EVENT_READ, (port - 20001) % 16 == 0)
    while True:
        for key, _ in wait.select():
            c = key.fileobj.accept()[0]
            kept.append(c)
            try:
                c.sendall(b"SSH-2.0-OpenSSH_9.2p1\\r\\n" if key.data else b"")
            except OSError:
                pass
def drip(c):
    try:
        c.sendall(b"a")
        while True:
            time.sleep(1), c.sendall(b"a")
    except OSError:
        c.close()
def hush(c):
    time.sleep(100)
def greet(c):
    try:
        c.sendall(b"SSH-2.0-OpenSSH_9.2p1\\r\\n"), time.sleep(1)
    except OSError:
        pass
    c.close()
def listen(port, talk):
    l = socket.create_server(("127.0.0.1", port))
    while True:
        threading.Thread(target=talk, args=(l.accept()[0],), daemon=True).start()
for port in range(5001, 5041):
    threading.Thread(target=listen, args=(port, drip), daemon=True).start()
for port in range(6001, 6004):
    threading.Thread(target=listen, args=(port, hush), daemon=True).start()
threading.Thread(target=crowd, daemon=True).start()
listen(22, greet)
"""


def scan(space, base, *options):
    done = space.run([suite.PRTIP, "-sS", "-n", "-Pn", HOST, "-oA", base, *options], 120)
    records = base.with_suffix(".json").read_text()
    return done, suite.json_records(records, "host")[0], {r["port"]: r for r in suite.json_records(records, "service")}


def ended(cases, name, base, done, host):
    """Without the limit each of these scans takes half a minute or more: what is asserted is that it was ended, and says so."""
    summary = suite.json_records(base.with_suffix(".json").read_text(), "summary")[0]
    cases.check(f"{name}: ended long before the servers would", summary["elapsed_s"] < 20, summary)
    cases.equal(f"{name}: the exit code says that there may be more", done.returncode, 3)
    cases.equal(f"{name}: all ports are known, the host is timed out", (host.get("timed_out"), host.get("partial")), (True, None))
    cases.check(f"{name}: told people", MARK in done.stdout and MARK in base.with_suffix(".nmap").read_text(), done.stdout)
    cases.check(f"{name}: told in XML", 'comment="detection timed out"' in base.with_suffix(".xml").read_text())


def test_services(cases, space, directory):
    base = directory / "services"
    done, host, found = scan(space, base, "-p22,5001-5040", "-sV", "--banner-grab", "--host-timeout", "3s")
    ended(cases, "services", base, done, host)
    cases.equal("services: all ports", host["ports"]["open"], 1 + len(TARPITS))
    cases.equal("services: what was found is kept", found.get(22, {}).get("product"), "OpenSSH")
    merged = space.run([suite.PRTIP, "merge", str(base.with_suffix(".json"))])
    cases.check("services: the mark outlives a merge", MARK in merged.stdout and "Stopped early" not in merged.stdout, merged)


def test_crowd(cases, space, directory):
    """Who greets at once is named, however many silent ports stand beside."""
    base = directory / "crowd"
    done, host, found = scan(space, base, f"-p{MANY[0]}-{MANY[-1]}", "-sV", "--host-timeout", "10s")
    ended(cases, "crowd", base, done, host)
    named = {port for port, r in found.items() if r.get("product") == "OpenSSH"}
    cases.equal("crowd: all that greet are named", named, set(GREETERS))


def test_in_time(cases, space, directory):
    base = directory / "in_time"
    done, host, found = scan(space, base, "-p22", "-sV", "--host-timeout", "30s")
    cases.equal("in time: no mark", (done.returncode, host.get("timed_out"), MARK in done.stdout), (0, None, False))
    cases.equal("in time: found", found[22]["product"], "OpenSSH")


def test_tls(cases, space, directory):
    base = directory / "tls"
    done, host, _ = scan(space, base, "-p6001-6003", "--tls-cert-analysis", "--host-timeout", "2s")
    ended(cases, "TLS", base, done, host)


def test_system(cases, space, directory):
    if not pathlib.Path("/usr/share/nmap/nmap-os-db").exists():
        raise suite.Skip("nmap-os-db is not installed")
    base = directory / "system"
    done, host, _ = scan(space, base, "-p22,23", "-O", "--host-timeout", "400ms")  # six packets 100 ms apart
    ended(cases, "-O", base, done, host)


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "ss")
    with netns.Namespaces() as spaces, suite.scratch() as directory:
        space = spaces.namespace("h")
        space.sh("ip link set lo up")
        servers = space.start([sys.executable, "-c", SERVERS], stdin=subprocess.DEVNULL)
        try:
            netns.wait_until(lambda: space.sh("ss -ltnH").count("LISTEN") == 4 + len(TARPITS) + len(MANY))
            code = suite.run([test_services, test_crowd, test_in_time, test_tls, test_system], space, directory)
        finally:
            servers.kill()
    sys.exit(code)
