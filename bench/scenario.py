# SPDX-License-Identifier: GPL-3.0-or-later
"""The 25 scenarios as a table, and how one side of one is run: bench/scenarios and bench/compare go through it.

A row names its place ("bed": scanner and target of bed.py; "services": one namespace with servers on loopback), the filter
profile there, what must be found, and its sides: label and command. The first side is the one that others are put beside;
a label that begins with "prtip" is our command, any other the peer's name. {out} is the file results are counted from,
without one standard output is; {log} is a file that does not exist yet.
"""
import os
import pathlib
import shutil
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SUPPORT = HERE.parent / "tests" / "support"
sys.path[:0] = [str(SUPPORT), str(HERE)]
import bed  # noqa: E402
import certs  # noqa: E402
import frame  # noqa: E402
import netns  # noqa: E402
import packet  # noqa: E402

HOST4, HOST6, BLOCK = bed.TARGET4, bed.TARGET6, bed.BLOCK
LO = "127.0.0.1"
MASSCAN = ("masscan -e {iface} --adapter-ip {scanner} --adapter-port 61000 --router-mac {mac} --rate 100000 --wait 1 -oL {out} ")
HOSTS_1000 = "198.18.0-3.1-250"
RANGES_1000 = ",".join(f"198.18.{i}.1-198.18.{i}.250" for i in range(4))
FILES = "-sS -n -Pn -p 1-100 198.18.0.0/24"


def ours(name, options):
    return name, "prtip " + options


def as_nmap(options):
    """The same words to prtip and to nmap."""
    return [ours("prtip", options), ("nmap", f"nmap {options}")]


def odd(flag, state, found):
    return dict(found=found, state=state, sides=as_nmap(f"-s{flag} -n -Pn -p 1-1000 {HOST4} -oX {{out}}"))


ROWS = [
    dict(n=1, name="syn-1k-loopback", found=20, calls=True, sides=as_nmap(f"-sS -n -Pn -p 1-1000 {LO}")),
    dict(n=2, name="connect-3-ports", where="services", found=3, calls=True, sides=as_nmap(f"-sT -n -Pn -p 22,80,443 {LO}")),
    dict(n=3, name="udp-3-ports", where="services", found=2, calls=True, sides=as_nmap(f"-sU -n -Pn -p 53,161,123 {LO}")),
    dict(n=4, name="services-3-ports", where="services", found=3, runs=5,
         sides=[ours("prtip", f"-sS -n -Pn -p 22,25,80 {LO}"), ours("prtip -sV", f"-sS -sV -n -Pn -p 22,25,80 {LO}"),
                ("nmap -sV", f"nmap -sS -sV -n -Pn -p 22,25,80 {LO}")]),
    dict(n=5, name="syn-1k-v4-v6", found=20,
         sides=[ours("prtip", f"-sS -n -Pn -p 1-1000 {HOST4}"), ours("prtip -6", f"-6 -sS -n -Pn -p 1-1000 {HOST6}"),
                ("nmap", f"nmap -sS -n -Pn -p 1-1000 {HOST4}"), ("nmap -6", f"nmap -6 -sS -n -Pn -p 1-1000 {HOST6}")]),
    dict(n=6, name="connect-100", found=6, calls=True, sides=as_nmap(f"-sT -n -Pn -p 1-100 {LO}")),
    dict(n=7, name="rate-limiter", found=768,
         sides=[ours("prtip", "-sS -n -Pn -p 1-100 198.18.0.0/25 -oG {out}")] +
               [ours(f"prtip {rate}", f"-sS -n -Pn -p 1-100 198.18.0.0/25 --max-rate {rate} -oG {{out}}")
                for rate in (200000, 50000, 10000)]),
    dict(n=8, name="tls-analysis", where="services", found=1,
         sides=[ours("prtip", f"-sT -n -Pn -p 443 {LO}"), ours("prtip tls", f"-sT -n -Pn -p 443 {LO} --tls-cert-analysis"),
                ("nmap ssl-*", f"nmap -sT -n -Pn -p 443 {LO} --script ssl-cert,ssl-enum-ciphers")]),
    dict(n=9, name="fin-1k", **odd("F", "open|filtered", 20)),
    dict(n=10, name="null-1k", **odd("N", "open|filtered", 20)),
    dict(n=11, name="xmas-1k", **odd("X", "open|filtered", 20)),
    dict(n=12, name="ack-1k", **odd("A", "unfiltered", 1000)),
    dict(n=13, name="window-1k", **odd("W", "closed", 1000)),
    dict(n=14, name="event-log", found=1536,
         sides=[ours("prtip", FILES + " -oG {out}"), ours("prtip log", FILES + " -oG {out} --event-log {log}")]),
    dict(n=15, name="syn-100", found=6, calls=True, sides=as_nmap(f"-sS -n -Pn -p 1-100 {HOST4}") +
         [("masscan", f"{MASSCAN} -p 1-100 {HOST4}")]),
    dict(n=16, name="1000-ports-128-hosts", found=2560, sides=as_nmap("-sS -n -Pn -p 1-1000 198.18.0.0/25 -oG {out}") +
         [("masscan", f"{MASSCAN} -p 1-1000 198.18.0.0/25")]),
    dict(n=17, name="100-ports-1000-hosts", found=6000, sides=as_nmap(f"-sS -n -Pn -p 1-100 {HOSTS_1000} -oG {{out}}") +
         [("masscan", f"{MASSCAN} -p 1-100 {RANGES_1000}")]),
    dict(n=18, name="all-ports", found=35, sides=as_nmap(f"-sS -n -Pn -p- {HOST4}") +
         [("masscan", f"{MASSCAN} -p 1-65535 {HOST4}")]),
    dict(n=19, name="timing-templates", found=6, spacing=True,
         sides=[ours(f"prtip -T{t}", f"-sS -n -Pn -T{t} -p 1-100 {HOST4}") for t in (3, 4, 5)] +
               [(f"nmap -T{t}", f"nmap -sS -n -Pn -T{t} -p 1-100 {HOST4}") for t in (3, 4, 5)]),
    dict(n=19, name="timing-slow", found=2, runs=3, spacing=True,
         sides=[ours(f"prtip -T{t}", f"-sS -n -Pn -T{t} -p 21,22 {HOST4}") for t in (2, 1)] +
               [("nmap -T2", f"nmap -sS -n -Pn -T2 -p 21,22 {HOST4}")]),
    dict(n=20, name="one-port-131072-hosts", found=131072,
         sides=[ours("prtip", f"-sS -n -Pn -p 80 {BLOCK} -oG {{out}}"), ("zmap", bed.ZMAP),
                ("masscan", f"{MASSCAN} -p 80 {BLOCK}")]),
    dict(n=21, name="os-detection", found=20, runs=3,
         sides=[ours("prtip", f"-sS -n -Pn -p 1-1000 {HOST4}"), ours("prtip -O", f"-sS -O -n -Pn -p 1-1000 {HOST4}"),
                ("nmap -O", f"nmap -sS -O -n -Pn -p 1-1000 {HOST4}")]),
    dict(n=22, name="banner-grab", where="services", found=3, runs=3,
         sides=[ours("prtip", f"-sT -n -Pn -p 22,25,80 {LO}"), ours("prtip banners", f"-sT -n -Pn -p 22,25,80 {LO} --banner-grab"),
                ("nmap banner", f"nmap -sT -n -Pn -p 22,25,80 {LO} --script banner")]),
    dict(n=23, name="outputs", found=1536,
         sides=[ours("prtip", FILES + " -oG {out}"), ours("prtip xml", FILES + " -oG {out} -oX {log}"),
                ours("prtip json", FILES + " -oG {out} -oJ {log}"), ours("prtip db", FILES + " -oG {out} --with-db {log}")]),
    dict(n=24, name="loss-10-percent", profile="loss", found=1536, found_min=1535, runs=5, varies=True,
         sides=[ours("prtip", FILES + " -oG {out}"),  # nmap, and masscan with retries, need minutes: bench/limits
                ("masscan", f"{MASSCAN} -p 1-100 198.18.0.0/24")]),
    dict(n=25, name="resets-limited", profile="resets", found=1978, state="closed", runs=5, varies=True,
         sides=as_nmap(f"-sS -n -Pn -p 1-2000 {HOST4} -oX {{out}}")),
]


def chosen(names):
    """Rows by name or number, "9,outputs"; none named: all."""
    wanted = {word for word in names.split(",") if word}
    unknown = wanted - {row["name"] for row in ROWS} - {str(row["n"]) for row in ROWS}
    if unknown:
        sys.exit(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(row['name'] for row in ROWS)}")
    return [row for row in ROWS if not wanted or wanted & {row["name"], str(row["n"])}]


class Services:
    """A namespace of its own with the servers of servers.py and, on 443, a TLS server with a chain of two."""

    def __init__(self, directory):
        self.spaces = netns.Namespaces()
        self.scanner = self.spaces.namespace("v")
        maker = certs.Maker(directory)
        maker.authority("root", key="p256")
        maker.issue("leaf", key="p256", by="root", extensions=("subjectAltName=DNS:www.site.example",))
        (directory / "leaf.chain").write_text((directory / "leaf.pem").read_text() + (directory / "root.pem").read_text())
        (directory / "rows").write_text('[{"port": 443, "chain": "%s/leaf.chain", "key": "%s/p256.key"}]' % (directory, directory))
        self.servers = [self.scanner.start([sys.executable, str(HERE / "servers.py")]),
                        self.scanner.start([sys.executable, str(SUPPORT / "tlsserver.py"), str(directory / "rows")])]
        if not netns.wait_until(lambda: self.scanner.sh("ss -Hlntu").count("\n") >= 6):
            raise RuntimeError("servers did not start")

    def profile(self, _):
        pass

    def close(self):
        for server in self.servers:
            server.kill()
            server.wait()
        self.spaces.close()


class Stage:
    """The places of the rows, made when a row needs them; a context manager."""

    def __init__(self):
        self.places = {}

    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="prtip-bench-")
        return self

    def __exit__(self, *_):
        if "bed" in self.places:
            self.places["bed"].__exit__()
        if "services" in self.places:
            self.places["services"].close()
        self.directory.cleanup()

    def place(self, row):
        where = row.get("where", "bed")
        if where not in self.places:
            self.places[where] = bed.Bed().__enter__() if where == "bed" else Services(pathlib.Path(self.directory.name))
        self.places[where].profile(row.get("profile", "plain"))
        return self.places[where]

    def once(self, row, command, binary, under=()):
        """Run a command of the row once; @binary stands for prtip. What it took and what it found."""
        place = self.place(row)
        with tempfile.TemporaryDirectory(prefix="prtip-bench-") as directory:
            out, log = directory + "/out", directory + "/log"
            pathlib.Path(out).touch()
            argv = bed.fill(command, out, log)
            program = argv[0]
            capture = place.target.capture("bw0") if row.get("spacing") else None
            before = packets(place)
            result = frame.run_once(place.scanner, [*under, binary if program == "prtip" else program, *argv[1:]])
            n_packets = packets(place) - before
            found = frame.count_found(program, result["text"], out, row.get("state", "open")) if not result["code"] else 0
            log_bytes = os.path.getsize(log) if os.path.exists(log) else None
        if result["code"]:
            print(f"{row['name']}: {' '.join(argv)}: exit {result['code']}\n{result['text'][-400:]}", file=sys.stderr)
        gaps = shortest_gaps(capture.stop()) if capture else None
        return dict(seconds=result["seconds"], cpu_s=result["user"] + result["sys"], exit=result["code"],
                    packets=n_packets, found=found, log_bytes=log_bytes, gap_s=gaps)


def is_complete(row, result):
    return result["exit"] == 0 and row.get("found_min", row["found"]) <= result["found"] <= row["found"]


def packets(place):
    """What the scanner sent so far: on loopback the answers too, which nothing tells apart."""
    with place.scanner.entered(), open("/proc/thread-self/net/dev") as f:
        sent = {line.split(":")[0].strip(): int(line.split(":")[1].split()[9]) for line in f if ":" in line}
    n = sent["lo"]
    if hasattr(place, "target"):
        with place.target.entered(), open("/proc/thread-self/net/dev") as f:
            n += next(int(line.split(":")[1].split()[1]) for line in f if line.strip().startswith("bw0:"))
    return n


def shortest_gaps(frames):
    """The shortest time between two SYNs, by the kernel's stamps."""
    times = sorted(p.time_ns for p in packet.syns(packet.parse(frames)))
    return min(b - a for a, b in zip(times, times[1:])) / 1e9


def has(command):
    return command.split()[0] == "prtip" or shutil.which(command.split()[0])
