#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""LeakSanitizer over whole scans, broken off ones and refused ones among them: the unit tests see modules, not how
they are put together. Needs build-asan/prtip (make asan-build), which PRTIP_ASAN replaces."""
import os
import pathlib
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import suite

BINARY = os.environ.get("PRTIP_ASAN", str(suite.ROOT / "build-asan" / "prtip"))
EXIT_FOUND = 99
ENVIRONMENT = dict(os.environ, ASAN_OPTIONS=f"detect_leaks=1:exitcode={EXIT_FOUND}", UBSAN_OPTIONS="print_stacktrace=1")
HERE, THERE, THERE6 = "10.99.0.2", "198.18.0.0/29", "fd98::1"
#: arguments and exit code
SCANS = [
    ("-sS -n -p1-300 --reason -v {HERE} {THERE6} -oA {out}/scan --event-log {out}/log --metrics-file {out}/metrics", 0),
    ("-sS -n -Pn -p1-100 {THERE} --threads 2 --packet-capture {out}/pcap --profile {out}/profile", 0),
    ("-sS -n -Pn -p1-50 {THERE} --tx-backend rawip --journal {out}/journal --shard 1/2", 0),
    ("-sS -n -Pn -p1-50 {THERE} --tx-backend afpacket", 0),
    ("-sT -n -Pn -p1-100 {HERE} {THERE6} --connect-backend epoll", 0),
    ("-sT -n -Pn -p1-100 {HERE}", 0),
    ("-sU -sY -sF -n -Pn -pT:20-30,U:50-54,S:20-22 {HERE} {THERE6}", 0),
    ("-A -n -p22,23 {HERE}", 0),
    ("-sn -n -PE -PS22 -PU53 10.99.0.0/29", 0),
    ("-sL -R {THERE}", 0),
    ("-sS -n -Pn -p22 10.99.0.77", 0),
    ("-sS -sT {HERE}", 2),
    ("-sS -p1-99999 {HERE}", 2),
    ("-sS -n -Pn -p22 {HERE} --event-log /dev/full", 3),
    ("-sS -n -Pn -p22 {HERE} -oX /nowhere/file", 1),
    ("replay {out}/log -oA {out}/again", 0),
    ("replay /dev/null", 1),
]


def scan(namespace, arguments, directory):
    words = [word.format(HERE=HERE, THERE=THERE, THERE6=THERE6, out=directory) for word in arguments.split()]
    return namespace.start([BINARY, *words], env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def check(cases, name, process, want):
    said = process.communicate(timeout=90)[1]
    cases.equal(f"{name}: nothing found", [line for line in said.splitlines() if "Sanitizer" in line or "runtime error" in line], [])
    cases.equal(f"{name}: exit code", process.returncode, want)


def test_control(cases, bed, directory):
    """A scan is found out that is made to leak, or what follows says nothing."""
    (directory / "leak.c").write_text("#include <stdlib.h>\nvolatile void *p;\n__attribute__((constructor)) static void leak(void)\n"
                                      "{\n\tp = malloc(7);\n\tp = 0;\n}\n")
    subprocess.run(["cc", "-shared", "-fPIC", "leak.c", "-o", "leak.so"], cwd=directory, check=True)
    done = bed.scanner.run([BINARY, "-sS", "-n", "-Pn", "-p1-50", HERE], env=dict(
        ENVIRONMENT, LD_PRELOAD=str(directory / "leak.so"), ASAN_OPTIONS=ENVIRONMENT["ASAN_OPTIONS"] + ":verify_asan_link_order=0"))
    cases.equal("a leak is found", (done.returncode, "7 byte(s) leaked in 1" in done.stderr), (EXIT_FOUND, True))


def test_scans(cases, bed, directory):
    for arguments, want in SCANS:
        check(cases, arguments[:60], scan(bed.scanner, arguments, directory), want)


def test_broken_off(cases, bed, directory):
    slow = "-sS -n -Pn -p1-400 {THERE} --max-rate 300 --journal {out}/slow --event-log {out}/slow.log"
    process = scan(bed.scanner, slow, directory)
    netns.wait_until(lambda: (directory / "slow.log").exists() and "port_found" in (directory / "slow.log").read_text())
    process.send_signal(signal.SIGINT)
    check(cases, "SIGINT", process, 130)
    (directory / "slow.log").unlink()
    process = scan(bed.scanner, "--resume {out}/slow", directory)
    netns.wait_until(lambda: (directory / "slow.log").exists() and "port_found" in (directory / "slow.log").read_text())
    process.send_signal(signal.SIGTERM)
    check(cases, "resumed, SIGTERM", process, 130)


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "cc")
    if not os.path.exists(BINARY):
        print("skipped: no build-asan/prtip: make asan-build")
        sys.exit(suite.SKIPPED)
    with netns.Bed() as bed, suite.scratch() as directory:
        listeners = [bed.target.listen(22)]
        code = suite.run([test_control, test_scans, test_broken_off], bed, directory)
    sys.exit(code)
