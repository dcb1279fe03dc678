#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Budgets by counting: transmit calls, sockets, allocations, heap peak, resident set. No clock anywhere."""
import os
import pathlib
import re
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import suite

TRANSMITS_MAX = 5
HEAP_1000_MAX, HEAP_ALL_MAX, HEAP_CONNECT_100_MAX = 512 << 10, 1 << 20, 1 << 20  # besides rings
FILE_WRITES_MAX = 10  # of one file, for 1,000 results
EVENT_LOG_IDLE_MAX = 200 << 10
CALLS_MORE_MAX = 24  # doublings of tables and output buffers between 1,000 and 65,535 ports
RSS_MORE_MAX_KIB = 2048


def trace(namespace, directory, *command):
    """System calls of all threads, one a line; -yy shows what each socket is."""
    log = directory / "strace"
    done = namespace.run(["strace", "-f", "-yy", "-o", str(log), suite.PRTIP, *command], 120)
    if done.returncode != 0:
        raise RuntimeError(f"strace: exit {done.returncode}: {done.stderr}")
    return [re.sub(r"^\d+ +", "", line) for line in log.read_text().splitlines()]


def transmits(lines):
    return [line for line in lines if re.match(r"(sendmmsg|sendto|sendmsg)\(", line) and "<NETLINK" not in line
            and "<UNIX" not in line]


def test_system_calls(cases, bed, directory):
    for address in ("127.0.0.1", "::1"):
        lines = trace(bed.target, directory, "-sS", "-n", "-Pn", "-p", "1-1000", address)
        sends = transmits(lines)
        cases.check(f"-sS 1,000 ports of {address}: 1 to {TRANSMITS_MAX} transmit calls",
                    1 <= len(sends) <= TRANSMITS_MAX, f"{len(sends)}: {[s[:60] for s in sends[:8]]}")
        cases.equal(f"-sS {address}: no packet socket", [s for s in lines if s.startswith("socket(AF_PACKET")], [])
        print(f"# -sS 1,000 ports of {address}: {len(lines)} system calls, {len(sends)} transmit calls")
    lines = trace(bed.target, directory, "-sL", "-n", "10.0.0.0/28")
    cases.equal("-sL opens no raw or packet socket",
                [s for s in lines if re.match(r"socket\(AF_(PACKET|INET6?), SOCK_RAW", s)], [])


def test_batches(cases, bed, directory):
    """The most packets handed to the kernel by one call, by the way that they take."""
    for namespace, address, options, batch in ((bed.target, "127.0.0.1", [], 250), (bed.scanner, "10.99.0.2", [], 150),
                                               (bed.scanner, "198.18.0.1", [], 100), (bed.scanner, "fd98::1", [], 100),
                                               (bed.scanner, "198.18.0.1", ["--batch-size", "37"], 37)):
        lines = trace(namespace, directory, "-sS", "-n", "-Pn", "-p", "1-1000", *options, address)
        sent = [int(n) for line in lines for n in re.findall(r"^(?:sendmmsg\(|<\.\.\. sendmmsg resumed>).* = (\d+)$", line)]
        cases.equal(f"-sS 1,000 ports of {address} {' '.join(options)}: packets of the fullest call", max(sent), batch)


def file_writes(bed, directory, *options):
    """{name: [thread ids, one a write call]} of every file that a scan writes, and the id of its first thread."""
    log, names = directory / "strace", ("all.nmap", "all.xml", "all.gnmap", "all.json", "events")
    done = bed.scanner.run(["strace", "-f", "-y", "-e", "trace=write", "-o", str(log), suite.PRTIP, "-sS", "-n", "-Pn",
                            "-p1-1000", "10.99.0.2", "-oA", str(directory / "all"), "--event-log",
                            str(directory / "events"), *options], 120)
    if done.returncode != 0:
        raise RuntimeError(f"strace: exit {done.returncode}: {done.stderr}")
    calls = re.findall(r"^(\d+) +write\(\d+<([^>]*)>", log.read_text(), re.M)
    main = min(int(thread) for thread, _ in calls)
    return {name: [int(t) for t, path in calls if path == str(directory / name)] for name in names}, main


def test_file_writes(cases, bed, directory):
    quick, _ = file_writes(bed, directory)
    for name, calls in quick.items():
        cases.check(f"1,000 results in {name}: 1 to {FILE_WRITES_MAX} write calls", 1 <= len(calls) <= FILE_WRITES_MAX,
                    len(calls))
    slow, main = file_writes(bed, directory, "--max-rate", "300")
    for name in ("all.json", "events"):
        during = [thread for thread in slow[name] if thread != main]
        cases.check(f"a scan of 3 s writes {name} on another thread meanwhile, in few calls",
                    2 <= len(during) and len(slow[name]) <= FILE_WRITES_MAX, (main, slow[name]))


def test_event_log_idle(cases, bed, directory):
    library = count_library(directory)
    options = ["-sS", "-n", "-Pn", "127.0.0.1", "-p9", "--threads", "1"]
    plain = allocations(bed, directory, library, *options)
    logged = allocations(bed, directory, library, *options, "--event-log", str(directory / "events"))
    print(f"# heap peak {plain[1]} bytes, with an event log {logged[1]}")
    cases.check(f"an idle event log takes less than {EVENT_LOG_IDLE_MAX} bytes",
                0 < logged[1] - plain[1] < EVENT_LOG_IDLE_MAX, (plain, logged))


def allocations(bed, directory, library, *command):
    """(calls, peak bytes, bytes of the largest block: the ring of events where a worker has a thread)."""
    counted = directory / "counted"
    counted.unlink(missing_ok=True)
    environment = dict(os.environ, LD_PRELOAD=str(library), ALLOC_COUNT_FILE=str(counted))
    done = subprocess.run(["nsenter", f"--net=/var/run/netns/{bed.target.name}", "env", f"LD_PRELOAD={library}",
                           f"ALLOC_COUNT_FILE={counted}", suite.PRTIP, *command], env=environment, text=True,
                          capture_output=True, stdin=subprocess.DEVNULL, timeout=120)
    if done.returncode != 0 or not counted.exists():
        raise RuntimeError(f"exit {done.returncode}: {done.stderr}")
    return tuple(map(int, counted.read_text().split()))


def count_library(directory):
    library = directory / "alloc_count.so"
    built = subprocess.run(["cc", "-std=gnu17", "-O2", "-fPIC", "-shared", "-fno-builtin", "-o", str(library),
                            str(suite.ROOT / "tests" / "support" / "alloc_count.c")], capture_output=True, text=True)
    if built.returncode != 0:
        raise RuntimeError(built.stderr)
    return library


def test_allocations(cases, bed, directory):
    library = count_library(directory)
    for scan in ("-sS", "-sT"):
        options = [scan, "-n", "-Pn", "127.0.0.1", "--threads", "1"]
        few = allocations(bed, directory, library, *options, "-F")
        small = allocations(bed, directory, library, *options, "-p1-1000")
        large = allocations(bed, directory, library, *options, "-p-")
        for name, (calls, peak, ring) in (("100 ports", few), ("1,000 ports", small), ("65,535 ports", large)):
            print(f"# {scan} {name}: {calls} allocations, heap peak {peak} bytes, largest block {ring}")
        cases.check(f"{scan}: 65,535 ports take at most {CALLS_MORE_MAX} allocations more than 1,000",
                    0 < small[0] and large[0] - small[0] <= CALLS_MORE_MAX, (small, large))
        cases.check(f"{scan}: heap peak of 100 ports", few[1] < HEAP_CONNECT_100_MAX, few)
        if scan == "-sS":
            cases.check("-sS: heap peak of 1,000 ports, without the ring", small[1] - small[2] < HEAP_1000_MAX, small)
            cases.check("-sS: heap peak of all ports, without the ring", large[1] - large[2] < HEAP_ALL_MAX, large)


def resident_kib(bed, *command):
    """Peak resident set by the kernel's own account (wait4)."""
    process = bed.scanner.start([suite.PRTIP, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    error = process.stderr.read()
    _, code, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(code)
    if process.returncode != 0:
        raise RuntimeError(error)
    return usage.ru_maxrss


def test_resident(cases, bed, directory):
    options = ["-sS", "-n", "-Pn", "-p80", "--yes"]
    half = resident_kib(bed, *options, "198.18.0.0/16")
    whole = resident_kib(bed, *options, "198.18.0.0/15")
    print(f"# 65,536 hosts {half} KiB resident, 131,072 hosts {whole} KiB")
    cases.check("131,072 hosts take hardly more memory than 65,536", whole - half < RSS_MORE_MAX_KIB, (half, whole))


def resident_of_started(bed, *command):
    """Peak resident set of a scan that would take hours, once it has sent 20,000 probes."""
    process = bed.scanner.start([suite.PRTIP, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    counter = f"ip netns exec {bed.scanner.name} cat /sys/class/net/va/statistics/tx_packets"
    begin = int(netns.sh(counter))
    netns.wait_until(lambda: int(netns.sh(counter)) - begin > 20000, 30)
    peak = process_peak_kib(process)
    process.send_signal(signal.SIGINT)
    process.wait(30)
    return peak


def process_peak_kib(process):
    with open(f"/proc/{process.pid}/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def test_targets(cases, bed, directory):
    """Memory is by the hosts under way, not by the targets, with a journal too."""
    bed.scanner.sh("ip route add 172.16.0.0/12 via 10.99.0.2")
    bed.target.sh("ip route add blackhole 172.16.0.0/12")
    for n, extra in enumerate(([], ["--journal"])):
        options = ["-sS", "-n", "-Pn", "-p1-100", "--yes", "--max-rate", "20000", "--threads", "1"]
        small, large = (resident_of_started(bed, *options, net, *extra, *([str(directory / f"j{n}{net[-2:]}")] if extra
                                            else [])) for net in ("172.16.0.0/20", "172.16.0.0/12"))
        print(f"# {' '.join(extra) or 'plain'}: /20 {small} KiB resident, /12 {large} KiB")
        cases.check(f"a /12 takes as much memory as a /20 within 10 % {' '.join(extra)}",
                    abs(large - small) < small / 10, (small, large))


def test_list_everything(cases, bed, directory):
    """All of IPv4 is listed at once and at constant size, until the reader leaves."""
    process = bed.scanner.start([suite.PRTIP, "-sL", "-n", "0.0.0.0/0"], stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL)
    sizes, n = [], 0
    for line in process.stdout:
        n += 1
        if n in (1000, 1000000):
            with open(f"/proc/{process.pid}/status") as lines:
                sizes += [int(field.split()[1]) for field in lines if field.startswith("VmHWM:")]
        if n == 1000000:
            break
    process.stdout.close()
    code = process.wait(60)
    print(f"# -sL 0.0.0.0/0: {sizes} KiB resident after 1,000 and 1,000,000 lines")
    cases.equal("-sL 0.0.0.0/0: a million lines", n, 1000000)
    cases.check("-sL 0.0.0.0/0: constant size", len(sizes) == 2 and sizes[1] - sizes[0] < 1024, sizes)
    cases.check("-sL 0.0.0.0/0: ends when the reader leaves", code in (0, 3), code)


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "strace", "nsenter", "cc")
    with netns.Bed() as bed, suite.scratch() as directory:
        bed.target.sh("ip route add local 198.19.0.0/16 dev lo")
        bed.scanner.sh("ip route add 198.19.0.0/16 via 10.99.0.2")
        code = suite.run([test_system_calls, test_batches, test_file_writes, test_event_log_idle, test_allocations, test_resident, test_targets, test_list_everything], bed, directory)
    sys.exit(code)
