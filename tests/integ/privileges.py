#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Privileges: what runs without them, with one file capability, and what is left of them during a scan."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import suite

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
BARE = [*NOBODY, "--inh-caps=-all", "--bounding-set=-all"]


def status(pid):
    """/proc/PID/status as a dict, {} when the process is gone."""
    try:
        with open(f"/proc/{pid}/status") as lines:
            return dict(line.rstrip("\n").split(":\t", 1) for line in lines if ":\t" in line)
    except OSError:
        return {}


def capabilities(fields):
    return {name: int(fields[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")}


def threads(pid):
    return [int(name) for name in os.listdir(f"/proc/{pid}/task")]


def test_unprivileged(cases, bed, program):
    ports = ["-n", "-Pn", "-p22,81", "10.99.0.2"]
    want = {("10.99.0.2", 22): ("open", "syn-ack"), ("10.99.0.2", 81): ("closed", "conn-refused")}
    done = bed.scanner.run([*BARE, program, *ports, "-oJ", "-"])
    cases.equal("no privilege: connect scan by default", suite.json_ports(done.stdout), want)
    cases.equal("no privilege: exit code", done.returncode, 0)
    cases.check("no privilege: says so", "connect scan" in done.stderr and "setcap" in done.stderr, done.stderr)
    done = bed.scanner.run([*BARE, program, "-sT", *ports, "-oJ", "-"])
    cases.equal("no privilege, -sT: result and no note", (suite.json_ports(done.stdout), done.stderr), (want, ""))
    done = bed.scanner.run([*BARE, program, "-sS", *ports])
    cases.equal("no privilege, -sS: refused", done.returncode, 1)
    cases.check("no privilege, -sS: names the remedy", "setcap cap_net_raw+ep" in done.stderr and "-sT" in done.stderr,
                done.stderr)
    cases.equal("no privilege, -sS: no result", done.stdout, "")
    done = bed.scanner.run([*BARE, program, "-A", *ports, "-oJ", "-"])
    cases.equal("no privilege, -A: goes on without -O", (suite.json_ports(done.stdout), done.returncode), (want, 0))
    cases.check("no privilege, -A: says so", "-A goes on without -O" in done.stderr, done.stderr)
    done = bed.scanner.run([*BARE, program, "-A", "-O", *ports])
    cases.equal("no privilege, -A and -O: refused", (done.returncode, done.stdout), (1, ""))
    done = bed.scanner.run([*BARE, program, "-sn", "-n", "10.99.0.2,77", "-oJ", "-"])
    cases.equal("no privilege, -sn: by connecting", {r["address"]: r["state"] for r in
                                                    suite.json_records(done.stdout, "host") if r["state"] == "up"},
                {"10.99.0.2": "up"})


def test_root_default(cases, bed, program):
    done = bed.scanner.run([program, "-n", "-Pn", "-p81", "10.99.0.2", "-oX", "-"])
    cases.check("with privilege: SYN scan by default", 'type="syn"' in done.stdout, done.stdout[:600])
    cases.equal("with privilege: no note", done.stderr, "")


def test_file_capability(cases, bed, program):
    granted = subprocess.run(["setcap", "cap_net_raw+ep", program], capture_output=True, text=True, timeout=10)
    if granted.returncode != 0:
        raise suite.Skip(f"setcap: {granted.stderr.strip()}")
    try:
        done = bed.scanner.run([*NOBODY, program, "-sS", "-n", "-p22,81", "10.99.0.2", "fd99::2", "-oJ", "-"])
        cases.equal("file capability: -sS as nobody", suite.json_ports(done.stdout), {
            (a, p): ("open", "syn-ack") if p == 22 else ("closed", "reset")
            for a in ("10.99.0.2", "fd99::2") for p in (22, 81)})
        cases.equal("file capability: exit code and note", (done.returncode, done.stderr), (0, ""))
        watch_drop(cases, bed, "file capability", [*NOBODY, program])
        for backend in ("rawip", "afpacket"):
            done = bed.scanner.run([*NOBODY, program, "-sS", "-n", "-Pn", "-g", "1234", "--tx-backend", backend,
                                    "-p22", "10.99.0.2", "-oJ", "-"])
            cases.equal(f"file capability: {backend}", suite.json_ports(done.stdout),
                        {("10.99.0.2", 22): ("open", "syn-ack")})
    finally:
        subprocess.run(["setcap", "-r", program], capture_output=True, timeout=10)


def watch_drop(cases, bed, name, command):
    """While packets flow, every thread holds nothing."""
    process = bed.scanner.start([*command, "-sS", "-n", "-Pn", "-p1-2000", "--max-rate", "100", "--threads", "2",
                                 "198.18.0.0/28"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with bed.target.capture("vb") as capture:
            cases.check(f"{name}: packets flow", netns.wait_until(lambda: len(capture.frames) > 20), "none seen")
        found = [status(pid) for pid in threads(process.pid)]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
    cases.equal(f"{name}: no capability while scanning", [capabilities(f) for f in found],
                [dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapAmb"), 0)] * len(found))
    cases.equal(f"{name}: no_new_privs while scanning", {f["NoNewPrivs"] for f in found}, {"1"})


def test_root_drops(cases, bed, program):
    watch_drop(cases, bed, "root", [program])


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "setpriv", "setcap")
    with netns.Bed() as bed, suite.scratch() as directory:
        listener = bed.target.listen(22)
        copy = shutil.copy(suite.PRTIP, directory / "prtip")
        os.chmod(copy, 0o755)
        code = suite.run([test_unprivileged, test_root_default, test_root_drops, test_file_capability], bed, str(copy))
    sys.exit(code)
