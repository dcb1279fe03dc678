#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""--packet-capture: as many packets each way as the summary says, by every back end, sound, readable after any end."""
import collections
import pathlib
import re
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import suite

CHECK = [word for kind in ("ip", "tcp", "udp") for word in ("-o", f"{kind}.check_checksum:TRUE")]
FIELDS = ["frame.packet_flags_direction", "frame.interface_name", "_ws.malformed", "ip.checksum.status",
          "tcp.checksum.status", "udp.checksum.status", "tcp.flags.str"]
SENT, RECEIVED = "0x00000002", "0x00000001"


def frames(path):
    """tshark's view: a list of dictionaries; it must have nothing to complain of."""
    command = ["tshark", "-r", path, *CHECK, "-T", "fields", *(word for f in FIELDS for word in ("-e", f))]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60)
    complaints = [line for line in shown.stderr.splitlines() if "Running as user" not in line and line]
    if shown.returncode or complaints:
        raise RuntimeError(f"tshark: {shown.returncode} {complaints}")
    return [dict(zip(FIELDS, line.split("\t"))) for line in shown.stdout.splitlines()]


def directions(found):
    return collections.Counter(f["frame.packet_flags_direction"] for f in found)


def scan(bed, path, *options):
    done = bed.scanner.run([suite.PRTIP, "-n", "--packet-capture", str(path), "-oJ", "-", *options], 60)
    if done.returncode != 0:
        raise RuntimeError(f"{options}: exit {done.returncode}: {done.stderr}")
    return suite.json_summary(done.stdout)


def test_counts(cases, bed, directory):
    rows = {
        "rawip": ["-sS", "--tx-backend", "rawip", "-p1-100", "198.18.0.1-9", "fd98::1"],
        "afpacket": ["-sS", "--tx-backend", "afpacket", "-p1-100", "10.99.0.2", "fd99::2"],
        "txring": ["-sS", "--tx-backend", "txring", "-Pn", "-p1-100", "10.99.0.2"],
        "afxdp": ["-sS", "--tx-backend", "afxdp", "-Pn", "-p1-100", "10.99.0.2"],
        "xdp": ["-sS", "--tx-backend", "xdp", "-Pn", "-p1-100", "10.99.0.2"],
        "udp": ["-sU", "-p53,123,161", "10.99.0.2"],
        "loopback": ["-sS", "-p1-50", "127.0.0.1", "::1"],
    }
    for name, options in rows.items():
        path = directory / f"{name}.pcapng"
        try:
            summary = scan(bed, path, *options)
        except RuntimeError as error:
            if name in ("xdp", "afxdp") and "exit 1" in str(error):
                cases.skip(name, str(error)[-200:])
                continue
            raise
        found = frames(path)
        if name in ("afxdp", "xdp"):
            cases.equal(f"{name}: sends by itself", summary["backend"], name)
        cases.equal(f"{name}: packets by direction", directions(found),
                    {SENT: summary["sent"], RECEIVED: summary["received"]})
        if name == "loopback":  # the kernel makes no checksums for itself
            found = [f for f in found if f["frame.packet_flags_direction"] == SENT]
        bad = [f for f in found if f["_ws.malformed"] or "0" in (f["ip.checksum.status"] + f["tcp.checksum.status"] +
                                                               f["udp.checksum.status"])]
        cases.equal(f"{name}: nothing malformed, checksums good", bad[:3], [])


def test_links(cases, bed, directory):
    path = directory / "links.pcapng"
    scan(bed, path, "-sS", "--tx-backend", "afpacket", "-Pn", "-p1-20", "10.99.0.2")
    text = subprocess.run(["capinfos", path], capture_output=True, text=True).stdout
    cases.check("Ethernet: the interface, nanoseconds, statistics",
                re.search(r"Name = va\s+Encapsulation = Ethernet .*Time resolution = 0x09.*stat entries = 1", text, re.S),
                text)
    scan(bed, path, "-sS", "-Pn", "-p1-20", "127.0.0.1")
    text = subprocess.run(["capinfos", path], capture_output=True, text=True).stdout
    cases.check("no link header: raw IP", "Encapsulation = Raw IP" in text, text)


def test_ends(cases, bed, directory):
    for sign, code in ((signal.SIGINT, 130), (signal.SIGKILL, -9)):
        path = directory / f"{sign}.pcapng"
        running = bed.scanner.start([suite.PRTIP, "-sS", "-n", "-Pn", "-p-", "--max-rate", "2000", "10.99.0.2",
                                     "--packet-capture", str(path)], stdout=-3, stderr=-3)
        netns.wait_until(lambda: path.exists() and path.stat().st_size > 100000)
        running.send_signal(sign)
        cases.equal(f"{sign.name}: exit code", running.wait(30), code)
        found = directions(frames(path))
        cases.check(f"{sign.name}: packets both ways", found[SENT] > 300 and found[RECEIVED] > 300, found)


def test_errors(cases, bed, directory):
    rows = {
        "-sT": (2, ["-sT", "-p1", "127.0.0.1", "--packet-capture", directory / "t"]),
        "-sL": (2, ["-sL", "127.0.0.1", "--packet-capture", directory / "l"]),
        "the file of another output": (2, ["-p1", "127.0.0.1", "-oX", directory / "x", "--packet-capture", directory / "x"]),
        "no such directory": (1, ["-sS", "-p1", "127.0.0.1", "--packet-capture", "/nowhere/x"]),
        "full disk": (3, ["-sS", "-p1", "127.0.0.1", "--packet-capture", "/dev/full"]),
    }
    for name, (code, options) in rows.items():
        done = bed.scanner.run([suite.PRTIP, "-n", *map(str, options)])
        said = "two outputs" if "another" in name else "--packet-capture"
        cases.check(f"{name}: exit {code}, said", done.returncode == code and said in done.stderr,
                    (done.returncode, done.stderr))


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "tshark", "capinfos", "ethtool")
    with netns.Bed() as bed, suite.scratch() as directory:
        for namespace, device in ((bed.scanner, "va"), (bed.target, "vb")):
            namespace.sh(f"ethtool -K {device} tx off")  # else the kernel leaves checksums to the device
        bed.target.sh("ethtool -K vb gro on")  # a veth takes frames of the XDP program when the other end polls
        listeners = [bed.target.listen(port) for port in (22, 80)]
        code = suite.run([test_counts, test_links, test_ends, test_errors], bed, directory)
    sys.exit(code)
