#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong command lines: exit 2, a message that names the token and shows the accepted form, and nothing sent."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import packet
import suite

TARGET = "10.99.0.2"
#: options, words that the message must hold: the wrong part, and the form wanted
USAGE = [
    (["--no-such-option", TARGET], ["--no-such-option", "unknown option", "prtip --help"]),
    (["-sP", TARGET], ["-sP", "-sn"]),
    (["--blocklist-file=x", TARGET], ["--blocklist-file", "--excludefile FILE"]),
    (["--rate", "1000", TARGET], ["--rate", "1000", "--max-rate"]),
    (["-T6", TARGET], ["\"6\"", "0 to 5"]),
    (["--max-rat", "x", TARGET], ["--max-rate", "x", "packets per second"]),
    (["-sQ", TARGET], ["-sQ", "S T"]),
    (["-Q", TARGET], ["-Q"]),
    (["--max-rate"], ["--max-rate", "missing", "packets per second"]),
    (["--max-rate", "-5", TARGET], ["--max-rate", "-5"]),
    (["--max-rate", "1e3", TARGET], ["1e3", "packets per second"]),
    (["--max-retries", "16", TARGET], ["16", "0 to 15"]),
    (["--threads", "9", TARGET], ["9", "1 to 8"]),
    (["--ttl", "256", TARGET], ["256", "1 to 255"]),
    (["--ttl", "0", TARGET], ["\"0\"", "1 to 255"]),
    (["-g", "65536", TARGET], ["65536", "1 to 65535"]),
    (["-S", "nonsense", TARGET], ["nonsense", "address"]),
    (["--initial-rtt-timeout", "5x", TARGET], ["5x", "250ms"]),
    (["--min-rtt-timeout", "2s", "--max-rtt-timeout", "1s", TARGET], ["--min-rtt-timeout", "--max-rtt-timeout"]),
    (["--port-ratio", "2", TARGET], ["\"2\"", "fraction"]),
    (["--tx-backend", "teleport", TARGET], ["teleport", "afpacket"]),
    (["-sS", "-sT", TARGET], ["-sS", "-sT"]),
    (["-4", "-6", TARGET], ["-4", "-6"]),
    (["-p", "22", "-F", TARGET], ["-p", "-F"]),
    (["-sn", "-p", "22", TARGET], ["-p", "-sn"]),
    (["-oX", "same", "-oN", "same", TARGET], ["same"]),
    (["-oX", "-", "-oJ", "-", TARGET], ["\"-\""]),
    (["-p", "22,99999", TARGET], ["99999"]),
    (["-p", "80-22", TARGET], ["80-22"]),
    (["-p", "nosuchservice", TARGET], ["nosuchservice"]),
    (["-p", "22", "--exclude-ports", "22", TARGET], ["22"]),
    (["-p", "", TARGET], ["-p"]),
    ([], ["no targets"]),
    (["10.0.0.300"], ["\"300\"", "0-255"]),
    (["10.0.0.0/33"], ["\"33\"", "0 to 32"]),
    (["10.0.0.5-1"], ["\"5-1\"", "lower"]),
    (["fd99::2::1"], ["fd99::2::1"]),
    (["fd99::/129"], ["\"129\"", "0 to 128"]),
    ([TARGET, "--exclude", "10.0.0.300"], ["\"300\""]),
    ([TARGET, "--exclude", TARGET], ["exclusions"]),
    (["-iL", "LIST"], ["LIST", "line 2, column 10", "\"999\""]),
    ([TARGET, "--excludefile", "LIST"], ["LIST", "line 2, column 10", "\"999\""]),
]


def test_usage(cases, bed, directory):
    (directory / "list").write_text("10.99.0.2\n  10.0.0.999\n")
    with bed.target.capture("vb") as capture:
        for options, words in USAGE:
            real = [str(directory / "list") if option == "LIST" else option for option in options]
            done = bed.scanner.run([suite.PRTIP, "-n", *real])
            wanted = [str(directory / "list") if word == "LIST" else word for word in words]
            missing = [word for word in wanted if word not in done.stderr]
            name = " ".join(options) or "no arguments"
            cases.equal(f"{name}: exit code and stdout", (done.returncode, done.stdout), (2, ""))
            cases.check(f"{name}: message", not missing and done.stderr.startswith("prtip: ") and
                        done.stderr.count("\n") == 1, f"without {missing}: {done.stderr!r}")
        sent = [p for p in packet.parse(capture.stop()) if p.is_incoming and p.kind in ("tcp", "icmp", "arp")]
    cases.equal("nothing was sent", sent, [])


def test_files(cases, bed, directory):
    for options in (["-iL", "/nonexistent/targets"], [TARGET, "--excludefile", "/nonexistent/targets"],
                    [TARGET, "--servicedb", "/nonexistent/targets"], ["-iL", "/"]):
        done = bed.scanner.run([suite.PRTIP, "-n", *options])
        path = options[-1]
        cases.check(f"{' '.join(options)}: refused with the name", done.returncode in (1, 2) and path in done.stderr and
                    not done.stdout, f"exit {done.returncode}: {done.stderr}")


def test_service_files(cases, bed, directory):
    (directory / "empty").touch()
    for path, why in ((directory, "directory"), (directory / "empty", "too early"), ("/dev/null", "not supported")):
        done = bed.scanner.run([suite.PRTIP, "-n", TARGET, "--servicedb", str(path)])
        missing = [word for word in (f'"{path}"', why, "80/tcp") if word not in done.stderr]
        cases.check(f"--servicedb {why}: path, reason and form", done.returncode == 1 and not missing and not done.stdout,
                    f"exit {done.returncode}, without {missing}: {done.stderr}")


def test_what_failed(cases, bed, directory):
    """With few descriptors the first thing that cannot be opened is named, whichever that is."""
    things = ("source port", "raw socket", "packet socket", "connect sockets")
    named = set()
    for kind in ("-sS", "-sT"):
        for limit in range(3, 12):
            done = bed.scanner.run(["sh", "-c", f"ulimit -n {limit}; exec \"$@\"", "sh", suite.PRTIP, kind, "-n", "-p80", TARGET])
            if "cannot start the scan" in done.stderr:
                found = [thing for thing in things if f"({thing})" in done.stderr]
                cases.check(f"{kind} with {limit} descriptors", len(found) == 1 and "Too many open files" in done.stderr, done.stderr)
                named.update(found)
    cases.check("more than one thing can fail", {"source port", "raw socket"} <= named, named)


def test_reserved(cases, bed, directory):
    done = bed.scanner.run([suite.PRTIP, "-sL", "-n", "223-224.0.0-255.0-255", "-oJ", "-"])
    cases.equal("reserved addresses of wide targets are left out", len(suite.json_records(done.stdout, "host")), 65536)
    cases.check("and told", "65536 reserved" in done.stderr, done.stderr)
    done = bed.scanner.run([suite.PRTIP, "-sL", "-n", "224.0.0.0/28", "-oJ", "-"])
    cases.equal("named ones are not", (len(suite.json_records(done.stdout, "host")), done.stderr), (16, ""))


def test_name_unknown(cases, bed, directory):
    bed.scanner.hosts("127.0.0.1 localhost\n")
    done = bed.scanner.run([suite.PRTIP, "-sL", "-n", "no-such-name.test"])
    cases.check("an unknown name is named", done.returncode in (1, 2) and "no-such-name.test" in done.stderr,
                f"exit {done.returncode}: {done.stderr}")


def test_no_route(cases, bed, directory):
    """As nmap: the host is down, the run is fine."""
    for flag in ("-sS", "-sT"):
        done = bed.scanner.run([suite.PRTIP, flag, "-n", "-p80", "203.0.113.9", "-oJ", "-"])
        theirs = bed.scanner.run(["nmap", flag, "-n", "-p80", "203.0.113.9"])
        cases.equal(f"{flag} without a route: exit code as nmap's", done.returncode, theirs.returncode)
        said = bed.scanner.run([suite.PRTIP, flag, "-n", "-p80", "203.0.113.9"]).stdout
        cases.check(f"{flag} without a route: no word of probes that were blocked", "-Pn" not in said, said)
        cases.equal(f"{flag} without a route: down", suite.json_summary(done.stdout)["hosts"], {"up": 0, "down": 1})
        for ports in ("80", "1-2000"):  # by one worker, by two that divide the ports
            done = bed.scanner.run([suite.PRTIP, flag, "-n", "-Pn", "-p", ports, "--threads", "2", "203.0.113.9", "10.99.0.2"])
            told = [line for line in done.stderr.splitlines() if "left out" in line]
            cases.equal(f"{flag} {ports}: one of two has no route", told,
                        ["prtip: note: 1 target(s) left out: no route to them from here"])


def test_no_route_to_many(cases, bed, directory):
    """Routes are of prefixes: nobody is asked one by one, nothing is sent, and it is said what was in the way."""
    for options in (["-sS", "-Pn", "-p-"], ["-sT", "-p80"], ["-sn"]):
        done = bed.scanner.run([suite.PRTIP, *options, "-n", "--yes", "100.64.0.0/10", "-oJ", "-"])
        summary = suite.json_summary(done.stdout)
        name = " ".join(options)
        cases.equal(f"{name}, no route to any of 4,194,304: exit code, packets, hosts",
                    (done.returncode, summary["sent"], summary["hosts"]), (0, 0, {"up": 0, "down": 1 << 22}))
        cases.check(f"{name}, no route to any: the bottleneck", "routes" in summary["bottleneck"], summary["bottleneck"])
    done = bed.scanner.run([suite.PRTIP, "-sS", "-Pn", "-p-", "-n", "--yes", "100.64.0.0/14", "10.99.0.2", "-oJ", "-"])
    cases.equal("262,144 without a route beside one host: that one is scanned, the others are told",
                (done.returncode, suite.json_summary(done.stdout)["hosts"]), (0, {"up": 1, "down": 1 << 18}))


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "nmap")
    with netns.Bed() as bed, suite.scratch() as directory:
        code = suite.run([test_usage, test_files, test_service_files, test_what_failed, test_reserved, test_name_unknown, test_no_route, test_no_route_to_many], bed, directory)
    sys.exit(code)
