#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Event logs of real scans: valid by their schema, and every output can be made of them again; metrics files."""
import collections
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import suite

try:
    import jsonschema
    from prometheus_client.openmetrics import parser as openmetrics
except ImportError as missing:
    print(f"skipped: not installed: {missing.name}")
    sys.exit(suite.SKIPPED)

SCHEMA = json.loads((suite.ROOT / "docs" / "event-log.schema.json").read_text())
FORMATS = {"-oN": "nmap", "-oX": "xml", "-oG": "gnmap", "-oJ": "json"}
VALIDATED_OF_A_TYPE = 50
NEVER_HERE = {"scan_paused", "scan_resumed", "scan_cancelled", "scan_error", "rate_limit_triggered", "warning_issued"}


def validators():
    """One for each type of record: an error in oneOf would name none of them."""
    base = {key: value for key, value in SCHEMA.items() if key != "oneOf"}
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for kind in SCHEMA["oneOf"]:
        whole = dict(base, properties=dict(base["properties"], **{key: value for key, value in kind["properties"].items()
                                                                 if value is not True}),
                     required=base["required"] + kind["required"], additionalProperties=False)
        yield kind["properties"]["type"]["const"], jsonschema.Draft202012Validator(whole)


VALIDATORS = dict(validators())
SEEN = set()


def check_log(cases, name, path):
    """Valid line by line, numbers and times in order, as many as the footer says."""
    records = suite.json_records(path.read_text())
    count = collections.Counter()
    few = [r for r in records if not count.update([r["type"]]) and count[r["type"]] <= VALIDATED_OF_A_TYPE]
    errors = [f"{r['type']}: {e.message}" for r in few for e in VALIDATORS[r["type"]].iter_errors(r)]
    cases.equal(f"{name}: valid by the schema", errors[:3], [])
    events = [r for r in records if r["type"] not in ("header", "footer")]
    SEEN.update(r["type"] for r in events)
    numbers = [r["seq"] for r in events]
    written = records[-1].get("written", {})
    cases.check(f"{name}: numbers rise", numbers == sorted(set(numbers)), numbers[:20])
    cases.equal(f"{name}: one scan, header first, footer last, all counted",
                (len({r["scan"] for r in records}), records[0]["type"], records[-1]["type"], sum(written.values()),
                 records[-1].get("dropped")), (1, "header", "footer", len(events), {}))
    return events


def check_replay(cases, name, directory, console, want=0, *more):
    again = subprocess.run([suite.PRTIP, "replay", str(directory / "log"), *more,
                            *[w for flag, end in FORMATS.items() for w in (flag, str(directory / f"b.{end}"))]],
                           capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    cases.equal(f"{name}: replay exits", (again.returncode, again.stderr if want == 0 else ""), (want, ""))
    for end in FORMATS.values():
        a, b = ((directory / f"{which}.{end}").read_text() for which in "ab")
        cases.check(f"{name}: .{end} of the replay is the scan's", a == b and len(a) > 100,
                    suite.difference(*map(set, map(str.splitlines, (b, a)))))
    if console is not None:
        cases.check(f"{name}: the console too", again.stdout == console, suite.difference(again.stdout, console))


def outputs(directory):
    return [*[w for flag, end in FORMATS.items() for w in (flag, str(directory / f"a.{end}"))],
            "--event-log", str(directory / "log")]


def serve_banners(bed):
    """Port 2525 greets; the rest listens and is silent."""
    server = bed.target.listen(2525)

    def greet():
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            try:
                peer.sendall(b"220 mail.example ESMTP Postfix \x00\xe9\"<\r\n")
                peer.close()
            except OSError:
                pass
    threading.Thread(target=greet, daemon=True).start()
    return server


def silence(greeter):
    greeter.shutdown(socket.SHUT_RDWR)  # closed alone, it would listen on while the thread waits
    greeter.close()


def serve_tls(bed, directory):
    subprocess.run("openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=a.example "
                   "-keyout k.pem -out c.pem".split(), cwd=directory, check=True, capture_output=True)
    server = bed.target.start(["openssl", "s_server", "-accept", "4433", "-cert", "c.pem", "-key", "k.pem", "-quiet"],
                              cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    netns.wait_until(lambda: "4433" in bed.target.sh("ss -Hltn"))
    return server


HOSTS = ["10.99.0.2", "198.18.0.1", "fd98::1"]
LINK = ["10.99.0.2", "10.99.0.77"]  # answers; is not there
SCANS = [
    ["-sS", "-n", "-Pn", "-p20-120,1000-1010", *HOSTS],
    ["-sS", "-v", "--reason", "-p20-30,1001", "both.test", "10.99.0.77"],
    ["-sS", "-n", "-Pn", "--open", "-p1-1000", "10.99.0.2"],
    ["-sT", "-n", "-Pn", "-p20-90", *HOSTS],
    ["-sU", "-n", "-Pn", "-p50-60", "10.99.0.2", "fd98::1"],
    ["-sS", "-sU", "-n", "-Pn", "-pT:20-30,U:53-60", "10.99.0.2"],
    ["-sA", "-n", "-Pn", "-p20-90,1001", *HOSTS],
    *[[f"-s{letter}", "-n", "-Pn", "-p20-30", *HOSTS] for letter in "FNXMW"],
    ["-sY", "-n", "-Pn", "-p20-24", *HOSTS],
    ["-sS", "-sU", "-sY", "-n", "-v", "--reason", "-pT:22,1001,U:53,S:20", *HOSTS],
    ["-sn", "-v", "10.99.0.0/29", "fd98::1"],
    *[["-sn", "-n", "-v", "--reason", *method.split(), "198.18.0.1", *LINK]
      for method in ("-PE", "-PP -PM", "-PS22,81 -PA80", "-PU53 -PY22", "-PR")],
    ["-sn", "-n", "-v", "--reason", "-PE", "-PS22", "-PA80", "-PU53", "-PY22", "fd98::1", "fd99::77"],
    ["-sL", "-R", "198.18.0.0/30", "both.test"],
    ["-sS", "-n", "-Pn", "-sV", "--banner-grab", "-p2525,4433", "10.99.0.2"],
    ["-sT", "-n", "-Pn", "-sV", "-p2525,81", "10.99.0.2", "fd98::1"],
    ["-sS", "-n", "-Pn", "--banner-grab", "-p2525,22,1001", *HOSTS],
    ["-sS", "-n", "-Pn", "-p4433,23", "--tls-cert-analysis", "-O", "10.99.0.2"],
    ["-A", "-n", "-Pn", "-p2525,23", "10.99.0.2"],
    *[["-sS", "-n", "-Pn", "-p1-30", "198.18.2.0/28", "--shard", f"{part}/3", *way]
      for part, way in ((2, []), (3, ["--max-rate", "2000"]))],
]


def test_replay(cases, bed, directory):
    greeter, tls = serve_banners(bed), serve_tls(bed, directory)
    for options in SCANS:
        name = " ".join(options)[:60]
        done = bed.scanner.run([suite.PRTIP, *options, *outputs(directory)], 120)
        cases.equal(f"{name}: exit code", (done.returncode, done.stderr), (0, ""))
        check_log(cases, name, directory / "log")
        check_replay(cases, name, directory, done.stdout)
    tls.kill()
    silence(greeter)
    logged = {kind["properties"]["type"]["const"] for kind in SCHEMA["oneOf"]} - {"header", "footer"}
    cases.equal("every kind of event that needs no accident came", logged - SEEN - NEVER_HERE, set())


def test_stages(cases, bed, directory):
    done = bed.scanner.run([suite.PRTIP, "-sS", "-n", "-p1-1000", "--max-rate", "2000", "10.99.0.2", *outputs(directory)])
    events = check_log(cases, "stages", directory / "log")
    cases.equal("stages in their order", [(e["from"], e["to"]) for e in events if e["type"] == "stage_changed"],
                [("initializing", "resolving_targets"), ("resolving_targets", "discovering_hosts"),
                 ("discovering_hosts", "scanning_ports"), ("scanning_ports", "finalizing"), ("finalizing", "completed")])
    summary = suite.json_summary((directory / "a.json").read_text())
    end = [e for e in events if e["type"] == "progress_update"][-1]
    cases.equal("progress ends complete", (done.returncode, end["percent"], end["done"], end["total"], end["sent"]),
                (0, 100, 1000, 1000, summary["sent"]))
    metrics = {e["metric"]: e["value"] for e in events if e["type"] == "metric_recorded"}
    cases.equal("metrics are the summary's", (metrics["sent_packets"], metrics["received_packets"], metrics["open_ports"]),
                (summary["sent"], summary["received"], summary["ports"]["open"]))
    cases.equal("bytes: of a SYN 44, of other probes their own",
                metrics["sent_bytes"] > 44 * 1000 and metrics["sent_bytes"] < 60 * summary["sent"], True)


def test_retries(cases, bed, directory):
    bed.scanner.run([suite.PRTIP, "-sS", "-n", "-Pn", "-p1001,22", "10.99.0.2", *outputs(directory)])
    retries = [e for e in check_log(cases, "retries", directory / "log") if e["type"] == "retry_scheduled"]
    cases.equal("a dropped port is asked again, and that is told",
                (retries[0]["address"], retries[0]["probes"], retries[0]["attempt"]), ("10.99.0.2", 1, 1))


def slow_scan(bed, directory, *more):
    (directory / "log").unlink(missing_ok=True)
    scan = bed.scanner.start([suite.PRTIP, "-sS", "-Pn", "-n", "-p1-400", "--max-rate", "400", "198.18.1.0/28",
                              *outputs(directory), *more], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    netns.wait_until(lambda: (directory / "log").exists() and "port_found" in (directory / "log").read_text())
    return scan


def test_cancel(cases, bed, directory):
    for number, name in ((signal.SIGINT, "SIGINT"), (signal.SIGTERM, "SIGTERM")):
        scan = slow_scan(bed, directory)
        scan.send_signal(number)
        scan.communicate(timeout=30)
        events = check_log(cases, name, directory / "log")
        cases.equal(f"{name}: exit code", scan.returncode, 130)
        cases.equal(f"{name}: told once, with its reason", [e["reason"] for e in events if e["type"] == "scan_cancelled"],
                    [name])
        check_replay(cases, name, directory, None)


def broken_off(bed, directory, options):
    """A scan with a journal, interrupted when its log has ports. Returns how many ports the log had."""
    for name in ("journal", "log"):
        (directory / name).unlink(missing_ok=True)
    scan = bed.scanner.start([suite.PRTIP, *options, "--journal", str(directory / "journal"), *outputs(directory)],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    netns.wait_until(lambda: (directory / "log").exists() and "port_found" in (directory / "log").read_text())
    scan.send_signal(signal.SIGINT)
    scan.wait(30)
    return (directory / "log").read_text().count('"type":"port_found"')


def test_resume(cases, bed, directory):
    """The log of a resumed scan has the whole result: what its journal knew, and what was asked after."""
    greeter = serve_banners(bed)
    for options, n_ports in ((["-sS", "-n", "-Pn", "-p1-200", "198.18.1.0/29", "--max-rate", "800"], 1600),
                             (["-sT", "-n", "-Pn", "-p1-200", "198.18.1.0/30", "--max-rate", "400"], 800),
                             (["-sS", "-sV", "-n", "-p2525,1-399", "10.99.0.2", "--max-rate", "200"], 400)):
        n_before = broken_off(bed, directory, options)
        done = bed.scanner.run([suite.PRTIP, "--resume", str(directory / "journal")], 120)
        name = f"resumed {' '.join(options[:2])}"
        cases.equal(f"{name}: exit code", (done.returncode, done.stderr), (0, ""))
        found = {(e["address"], e["port"]) for e in check_log(cases, name, directory / "log") if e["type"] == "port_found"}
        cases.check(f"{name}: not all ports before, all after", n_before < n_ports == len(found), (n_before, len(found)))
        check_replay(cases, name, directory, done.stdout)
    silence(greeter)


def state_of(process):
    return pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def test_pause(cases, bed, directory):
    scan = slow_scan(bed, directory)
    scan.send_signal(signal.SIGTSTP)
    netns.wait_until(lambda: state_of(scan) == "T")
    last = suite.json_records((directory / "log").read_text())[-1]
    cases.equal("the log says why before the process stops", (last["type"], last.get("reason")), ("scan_paused", "SIGTSTP"))
    size = (directory / "log").stat().st_size
    time.sleep(0.3)
    cases.equal("nothing happens meanwhile", (directory / "log").stat().st_size, size)
    scan.send_signal(signal.SIGCONT)
    netns.wait_until(lambda: "scan_resumed" in (directory / "log").read_text())
    scan.send_signal(signal.SIGINT)
    scan.communicate(timeout=30)
    kinds = [e["type"] for e in check_log(cases, "pause", directory / "log")]
    cases.check("and goes on", kinds.index("scan_resumed") == kinds.index("scan_paused") + 1 and
                "port_found" in kinds[kinds.index("scan_resumed"):], kinds[-20:])
    check_replay(cases, "pause", directory, None)


def test_killed(cases, bed, directory):
    scan = slow_scan(bed, directory)
    netns.wait_until(lambda: (directory / "log").read_text().count("port_found") > 300)
    scan.kill()
    scan.communicate(timeout=30)
    text = (directory / "log").read_text()
    (directory / "log").write_text(text[:-10])  # the last line is cut
    again = subprocess.run([suite.PRTIP, "replay", str(directory / "log"), "-oJ", "-"], capture_output=True, text=True)
    told = {(r["address"], r["port"]): (r["state"], r["reason"]) for r in suite.json_records(
        text.rsplit("\n", 2)[0]) if r["type"] == "port_found"}
    cases.equal("kill -9: replay says that the log is cut, exit 3", (again.returncode, "cut off" in again.stderr), (3, True))
    cases.equal("kill -9: what the log has is in the result", suite.json_ports(again.stdout), told)


def test_parts(cases, bed, directory):
    done = bed.scanner.run([suite.PRTIP, "-sS", "-n", "-Pn", "-p1-1500", *HOSTS, *outputs(directory), "--event-log-size",
                            "100000"])
    parts = sorted(directory.glob("log*"), key=lambda p: int(p.suffix[1:] or 0))
    records = [suite.json_records(p.read_text()) for p in parts]
    cases.check("rotation: files of the size", len(parts) > 5 and all(100000 <= p.stat().st_size < 110000 for p in parts[:-1]),
                [p.stat().st_size for p in parts])
    cases.equal("rotation: each names the next", [r[-1]["next"] for r in records], [p.name for p in parts[1:]] + [None])
    cases.equal("rotation: each begins with a header", [(r[0]["type"], r[0]["part"]) for r in records],
                [("header", n) for n in range(len(parts))])
    check_replay(cases, "rotation", directory, done.stdout)
    parts[2].write_text(parts[2].read_text().replace(records[0][0]["scan"], "0" * 8 + records[0][0]["scan"][8:], 1))
    other = subprocess.run([suite.PRTIP, "replay", str(directory / "log")], capture_output=True, text=True)
    cases.equal("rotation: a part of another scan is refused", (other.returncode, "another scan" in other.stderr), (1, True))
    for part in parts:
        part.unlink()


def test_damage(cases, bed, directory):
    bed.scanner.run([suite.PRTIP, "-sS", "-n", "-Pn", "-p20-30", "10.99.0.2", *outputs(directory)])
    lines = (directory / "log").read_text().splitlines(True)
    found = next(n for n, line in enumerate(lines) if '"port":2' in line and '"reset"' in line)
    for name, change, want in (("a port of 16 bits and more", ('"port":2', '"port":99992'), "within its range"),
                               ("an unknown word", ('"reset"', '"rest"'), "a word"),
                               ("a missing key", ('"attempt":0,', ""), "this key"),
                               ("no JSON", ('"host"', '"host'), f"line {found + 1}")):
        bad = lines[:found] + [lines[found].replace(*change)] + lines[found + 1:]
        (directory / "log").write_text("".join(bad))
        done = subprocess.run([suite.PRTIP, "replay", str(directory / "log")], capture_output=True, text=True)
        cases.check(f"{name}: refused with its place", done.returncode == 1 and f"line {found + 1}" in done.stderr and
                    want in done.stderr, f"{done.returncode} {done.stderr}")
    later = [lines[0], lines[1], lines[2].replace('"type"', '"new":1,"type"'),
             lines[2].replace("stage_changed", "not_yet_known"), *lines[3:]]
    (directory / "log").write_text("".join(later))
    check_replay(cases, "unknown keys and types", directory, None)


def test_write_errors(cases, bed, directory):
    for options, words in ((["--event-log", "/dev/full"], "space"), (["--metrics-file", "/proc/none"], "/proc/none"),
                           (["--event-log", "/nowhere/log"], "/nowhere/log")):
        done = bed.scanner.run([suite.PRTIP, "-sS", "-n", "-Pn", "-p22", "10.99.0.2", *options])
        cases.check(f"{' '.join(options)}: told", words in done.stderr, done.stderr)
        cases.equal(f"{' '.join(options)}: exit code", done.returncode, 3 if "full" in options[1] else 1)


def families(path):
    return {f.name: f for f in openmetrics.text_string_to_metric_families(path.read_text())}


def test_metrics(cases, bed, directory):
    """OpenMetrics at any time, replaced as a whole, counters that never fall."""
    path = directory / "metrics"
    scan = slow_scan(bed, directory, "--metrics-file", str(path))
    seen, inodes = [], set()
    netns.wait_until(path.exists)
    while scan.poll() is None and len(seen) < 2000 and len(inodes) < 4:
        inodes.add(os.stat(path).st_ino)
        seen.append(families(path))
        time.sleep(0.02)
    scan.send_signal(signal.SIGINT)
    scan.communicate(timeout=30)
    sent = [f["prtip_sent_packets"].samples[0].value for f in seen]
    cases.check("replaced while the scan runs", len(inodes) >= 3 and len(set(sent)) >= 3, (len(inodes), sent))
    cases.equal("counters never fall", sent, sorted(sent))
    last = families(path)
    summary = suite.json_summary((directory / "a.json").read_text())
    cases.equal("at the end the summary's", (last["prtip_sent_packets"].samples[0].value,
                [s.labels["prtip_stage"] for s in last["prtip_stage"].samples if s.value]), (summary["sent"], ["completed"]))
    kinds = {name: (f.type, f.unit) for name, f in last.items()}
    cases.equal("types and units", (kinds["prtip_sent_bytes"], kinds["prtip_elapsed_seconds"], kinds["prtip_scan"]),
                (("counter", "bytes"), ("gauge", "seconds"), ("info", "")))
    cases.check("nothing is left beside it", not pathlib.Path(f"{path}.new").exists(), path)


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "nft", "openssl", "ss")
    with netns.Bed() as bed, suite.scratch() as directory:
        for namespace in (bed.scanner, bed.target):
            namespace.hosts("127.0.0.1 localhost\n198.18.0.1 both.test\nfd98::1 both.test\n")
        listeners = [bed.target.listen(port) for port in (22, 80)]
        bed.target.filter_input("tcp dport 1001 drop")
        code = suite.run([test_replay, test_stages, test_retries, test_cancel, test_pause, test_resume, test_killed, test_parts,
                          test_damage, test_write_errors, test_metrics], bed, directory)
    sys.exit(code)
