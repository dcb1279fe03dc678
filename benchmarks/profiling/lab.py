# SPDX-License-Identifier: GPL-3.0-or-later
"""Where scenarios are profiled: the bed of the benchmarks (namespaces, no route out) with a few services of its own, and
the table of scenarios. A scenario is a row: what it shows, the command, the interface whose packets count."""
import os
import pathlib
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "bench")]
import bed  # noqa: E402

PRTIP = os.environ.get("PRTIP", str(ROOT / "build-profile" / "prtip"))
RESULTS = HERE / "results"
FIRST_SERVICE, FIRST_TLS = 2001, 2441
#: what each service says first, what it answers to anything
SERVICES = [
    (b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u2\r\n", b""),
    (b"220 ProFTPD 1.3.5 Server (lab) [192.0.2.1]\r\n", b"500 not understood\r\n"),
    (b"220 lab.example ESMTP Postfix (Debian/GNU)\r\n", b"502 5.5.2 Error: command not recognized\r\n"),
    (b"", b"HTTP/1.1 200 OK\r\nServer: nginx/1.18.0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    (b"", b"HTTP/1.1 404 Not Found\r\nServer: Apache/2.4.57 (Debian)\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    (b"* OK [CAPABILITY IMAP4rev1] Dovecot ready.\r\n", b"* BAD unknown\r\n"),
]
KEYS = ("ec", "rsa:2048", "rsa:4096")
SYN, CONNECT = "-sS -n -Pn", "-sT -n -Pn"
SERVICE_PORTS = f"{FIRST_SERVICE}-{FIRST_SERVICE + len(SERVICES) - 1}"
TLS_PORTS = f"{FIRST_TLS}-{FIRST_TLS + len(KEYS) - 1}"
ONCE = f"{SYN} -p1-4 --max-retries 0 --rate max --yes 198.18.0.0/18"

#: {out} is a fresh directory; "iface" is where packets are counted; "profile" is what the far end does
SCENARIOS = {
    "syn-1k": dict(what="SYN scan, 1,000 ports of this host", command=f"{SYN} -p1-1000 127.0.0.1", iface="lo"),
    "syn-1k-v6": dict(what="SYN scan, 1,000 ports of this host, IPv6", command=f"-6 {SYN} -p1-1000 ::1", iface="lo"),
    "connect-100": dict(what="connect scan, 100 ports of one host", command=f"{CONNECT} -p1-100 {bed.TARGET4}"),
    "service-detection": dict(what=f"service detection on {len(SERVICES)} ports",
                              command=f"{SYN} -sV -p{SERVICE_PORTS} {bed.TARGET4}"),
    "tls": dict(what=f"TLS analysis of {len(KEYS)} ports",
                command=f"{SYN} --tls-cert-analysis -p{TLS_PORTS} {bed.TARGET4}"),
    "rate-limiter": dict(what="SYN scan, 4 ports of 16,384 silent hosts, below a cap that is never reached",
                         command=f"{ONCE} --max-rate 100000000", profile="blackhole"),
    "unlimited": dict(what="the same without a cap", command=ONCE, profile="blackhole"),
    "all-ports": dict(what="SYN scan, all 65,535 ports of one host", command=f"{SYN} -p- {bed.TARGET4}"),
    "connect-1k-128": dict(what="connect scan, 1,000 ports of 128 hosts", command=f"{CONNECT} -p1-1000 127.0.0.0/25",
                           iface="lo"),
    "event-log": dict(what="SYN scan, 1,000 ports of 16 hosts, every event to a file",
                      command=f"{SYN} -p1-1000 198.18.0.0/28 --event-log {{out}}/events.jsonl"),
    "file-output": dict(what="SYN scan, 1,000 ports of 16 hosts, all formats to files",
                        command=f"{SYN} -p1-1000 198.18.0.0/28 -oA {{out}}/scan"),
    "batch-of-one": dict(what="SYN scan, 1,000 ports of this host, each packet by a call of its own",
                         command=f"{SYN} -p1-1000 127.0.0.1 --batch-size 1", iface="lo"),
    "no-files": dict(what="the same without files", command=f"{SYN} -p1-1000 198.18.0.0/28"),
    "tiny": dict(what="SYN scan, 100 ports of one host: for the lab's own test", command=f"{SYN} -p1-100 {bed.TARGET4}"),
}
#: differential graphs: after, before, what they show
DIFFERENCES = {"diff-limiter": ("rate-limiter", "unlimited", "rate limiter against none"),
               "diff-service": ("service-detection", "connect-100", "service detection against connect scan"),
               "diff-v6": ("syn-1k-v6", "syn-1k", "IPv6 against IPv4"),
               "diff-batch": ("syn-1k", "batch-of-one", "batches against a call for each packet"),
               "diff-files": ("file-output", "no-files", "all formats to files against none")}


def talk(c, greeting, answer):
    with c:
        try:
            c.settimeout(10)
            c.sendall(greeting)
            while answer and c.recv(4096):
                c.sendall(answer)
                if b"close" in answer:
                    return
            while not answer and c.recv(4096):
                pass
        except OSError:
            return


def shake(c, context):
    try:
        c.settimeout(10)
        with context.wrap_socket(c, server_side=True) as s:
            while s.recv(4096):
                pass
    except OSError:
        c.close()


class Lab(bed.Bed):
    """The bed, six services that name themselves and three TLS servers with certificates made here."""

    def _build(self):
        super()._build()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="prtip-lab-"))
        for i, (greeting, answer) in enumerate(SERVICES):
            self.serve(FIRST_SERVICE + i, talk, greeting, answer)
        for i, key in enumerate(KEYS):
            self.serve(FIRST_TLS + i, shake, self.context(key))

    def context(self, key):
        options = ["-newkey", key] if key != "ec" else ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        name = str(self.directory / key.replace(":", ""))
        subprocess.run(["openssl", "req", "-x509", "-nodes", "-subj", "/CN=lab.example", "-keyout", name + ".key",
                        "-out", name + ".pem", *options], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(name + ".pem", name + ".key")
        return context

    def serve(self, port, serving, *arguments):
        with self.target.entered():
            s = socket.socket(socket.AF_INET6)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        s.bind(("::", port))
        s.listen(4096)
        self.listeners.append(s)

        def accept():
            while True:
                try:
                    c, _ = s.accept()
                except OSError:
                    return
                threading.Thread(target=serving, args=(c, *arguments), daemon=True).start()
        threading.Thread(target=accept, daemon=True).start()

    def packets(self, iface):
        text = self.scanner.sh("cat /proc/net/dev")
        return int(re.search(rf"\b{iface}:\s*(?:\d+\s+){{9}}(\d+)", text).group(1))

    def __exit__(self, *_):
        super().__exit__()
        shutil.rmtree(getattr(self, "directory", ""), ignore_errors=True)


def argv(name, out, binary=PRTIP):
    return [binary, *shlex.split(SCENARIOS[name]["command"].format(out=out))]


def command_text(name):
    return "prtip " + SCENARIOS[name]["command"].format(out="DIR")


def iface(name):
    return SCENARIOS[name].get("iface", bed.IFACE)


def version(binary=PRTIP):
    done = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
    return re.search(r"\d+\.\d+\.\d+\S*", done.stdout).group(0)


def places():
    """Which files of src/ define a function: {name: [file]}; static ones may be in several."""
    found = {}
    for path in sorted(ROOT.glob("src/**/*.c")):
        for match in re.finditer(r"^(?:[a-z_][\w \t\*]*[ \*])?(\w+)\([^;{]*\)\s*\n\{", path.read_text(), re.M):
            found.setdefault(match.group(1), []).append(str(path.relative_to(ROOT)))
    return found


def place(frames, i, known):
    """The file of frame @i of a stack: of several the one that a neighbour is in, else all of them."""
    files = known.get(frames[i], [])
    if len(files) < 2:
        return files[0] if files else None
    for neighbour in (*reversed(frames[:i]), *frames[i + 1:]):
        only = known.get(neighbour, [])
        if len(only) == 1 and only[0] in files:
            return only[0]
    return " or ".join(files) if len(files) < 4 else f"one of {len(files)} files"
