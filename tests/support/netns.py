# SPDX-License-Identifier: GPL-3.0-or-later
"""Network namespaces for the integration tests: a scanner, a target and, when asked, a router.

Nothing in them reaches outside: they hold lo and veth pairs, and no default route. A watcher in its
own session removes them when this process ends, however it ends.

    scanner  va 10.99.0.1/24 fd99::1/64  --  vb 10.99.0.2/24 fd99::2/64  target
    198.18.0.0/16 and fd98::/64 are the target's own addresses (AnyIP), routed to it
    with a router: scanner va -- ra (10.99.0.9, fd99::9) router rb -- vc 10.98.0.2, fd97::2 target
"""
import contextlib
import ctypes
import itertools
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

serial = itertools.count()
libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
SOL_PACKET, PACKET_STATISTICS = 263, 6
SO_RCVBUFFORCE, SO_TIMESTAMPNS = 33, 35
ETH_P_ALL = 3

SYSCTLS = """net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
net.ipv6.conf.default.router_solicitations=0 net.ipv6.conf.all.forwarding=1 net.ipv4.ip_forward=1
net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
net.ipv4.icmp_ratelimit=0 net.ipv4.icmp_ratemask=0 net.ipv6.icmp.ratelimit=0
net.ipv4.tcp_syncookies=0 net.ipv4.tcp_max_syn_backlog=65536 net.core.somaxconn=65535
net.ipv4.icmp_msgs_per_sec=10000000 net.ipv4.icmp_msgs_burst=1000000""".split()
SYSCTLS_OPTIONAL = {"net.ipv4.icmp_msgs_per_sec", "net.ipv4.icmp_msgs_burst"}


def sh(command, check=True, **more):
    """Run a command given as one string; its output is in the exception when it fails."""
    done = subprocess.run(command.split(), capture_output=True, text=True, timeout=60, **more)
    if check and done.returncode != 0:
        raise RuntimeError(f"{command}: exit {done.returncode}: {done.stderr or done.stdout}")
    return done.stdout


class Namespace:
    def __init__(self, name):
        self.name = name
        sh(f"ip netns add {name}")
        self.sh("ip link set lo up")
        for setting in SYSCTLS:
            self.sh(f"sysctl -qw {setting}", check=setting.split("=")[0] not in SYSCTLS_OPTIONAL)

    def sh(self, command, check=True):
        return sh(f"ip netns exec {self.name} {command}", check)

    def argv(self, command):
        return ["ip", "netns", "exec", self.name, *command]

    def run(self, command, seconds_max=60, **more):
        """Run to the end; stdin is empty unless given. Returns subprocess.CompletedProcess with text."""
        more.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run(self.argv(command), capture_output=True, text=True, timeout=seconds_max, **more)

    def start(self, command, **more):
        more.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(self.argv(command), **more)

    @contextlib.contextmanager
    def entered(self):
        """This thread is inside; sockets opened here stay here."""
        with open("/proc/self/ns/net") as outside, open(f"/var/run/netns/{self.name}") as inside:
            if libc.setns(inside.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            try:
                yield self
            finally:
                libc.setns(outside.fileno(), CLONE_NEWNET)

    def nft(self, rules):
        """Replace the whole rule set."""
        done = subprocess.run(self.argv(["nft", "-f", "-"]), input="flush ruleset\n" + rules, text=True,
                              capture_output=True, timeout=30)
        if done.returncode != 0:
            raise RuntimeError(f"nft: {done.stderr}")

    def filter_input(self, *rules):
        body = "".join(f"  {rule}\n" for rule in rules)
        self.nft(f"table inet t {{ chain c {{ type filter hook input priority 0;\n{body}}}\n}}\n")

    def listen(self, port, address="::", **more):
        """A listening socket whose backlog is never emptied: the kernel alone shakes hands."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with self.entered():
            s = socket.socket(family, socket.SOCK_STREAM)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((address, port))
            s.listen(4096)
        return s

    def hosts(self, text):
        """Its /etc/hosts, for commands started from now on; no name server is reachable there."""
        directory = pathlib.Path("/etc/netns") / self.name
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "hosts").write_text(text)
        (directory / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")

    def capture(self, interface):
        return Capture(self, interface)


class Capture:
    """All frames of an interface from now to stop(), with kernel time stamps: (ns, is_incoming, bytes)."""

    def __init__(self, namespace, interface):
        with namespace.entered():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.socket.bind((interface, ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 256 << 20)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.settimeout(0.05)
        self.frames = []
        self.stop_ns = 0
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while True:
            try:
                frame, control, _, sender = self.socket.recvmsg(2048, 64)
            except TimeoutError:
                if self.stop_ns:
                    return
                continue
            stamp = control[0][2]
            seconds, ns = int.from_bytes(stamp[:8], sys.byteorder), int.from_bytes(stamp[8:], sys.byteorder)
            if 0 < self.stop_ns < seconds * 10**9 + ns:
                return
            self.frames.append((seconds * 10**9 + ns, sender[2] != socket.PACKET_OUTGOING, frame))

    def stop(self):
        """All frames stamped before now; refuses to return an incomplete list."""
        if self.stop_ns:
            return self.frames
        self.stop_ns = time.time_ns()
        self.thread.join(60)
        lost = int.from_bytes(self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)[4:], sys.byteorder)
        self.socket.close()
        if lost:
            raise RuntimeError(f"capture lost {lost} frames")
        return self.frames

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Namespaces:
    """Namespaces of this process, removed when it ends; a context manager."""

    def __init__(self):
        self.names = []
        self.watcher = subprocess.Popen(
            ["/bin/sh", "-c", 'while read n; do l="$l $n"; done; for n in $l; do ip netns del $n; rm -rf /etc/netns/$n; done'],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
            start_new_session=True)

    def namespace(self, letter):
        name = f"prtip-{os.getpid()}-{next(serial)}{letter}"
        self.watcher.stdin.write(name + "\n")
        self.watcher.stdin.flush()
        self.names.append(name)
        return Namespace(name)

    def close(self):
        self.watcher.stdin.close()
        self.watcher.wait(30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Bed(Namespaces):
    """The namespaces of one test file; a context manager."""

    def __init__(self, router=False):
        super().__init__()
        self.scanner = self.namespace("s")
        self.target = self.namespace("t")
        self.router = self.namespace("r") if router else None
        if router:
            self._link(self.scanner, "va", self.router, "ra", "10.99.0.9", "fd99::9")
            self._addresses(self.scanner, "va", "10.99.0.1/24", "fd99::1/64")
            self._link(self.router, "rb", self.target, "vc", "10.98.0.2", "fd97::2")
            self._addresses(self.router, "rb", "10.98.0.1/24", "fd97::1/64")
            self.routes(self.scanner, "10.99.0.9", "fd99::9", ["10.98.0.0/24", "198.18.0.0/16"],
                        ["fd97::/64", "fd98::/64"])
            self.routes(self.router, "10.98.0.2", "fd97::2", ["198.18.0.0/16"], ["fd98::/64"])
            self.routes(self.target, "10.98.0.1", "fd97::1", ["10.99.0.0/24"], ["fd99::/64"])
        else:
            self._link(self.scanner, "va", self.target, "vb", "10.99.0.2", "fd99::2")
            self._addresses(self.scanner, "va", "10.99.0.1/24", "fd99::1/64")
            self.routes(self.scanner, "10.99.0.2", "fd99::2", ["198.18.0.0/16"], ["fd98::/64"])
        self.target.sh("ip route add local 198.18.0.0/16 dev lo")
        self.target.sh("ip -6 route add local fd98::/64 dev lo")

    def _link(self, a, dev_a, b, dev_b, addr4_b, addr6_b):
        a.sh(f"ip link add {dev_a} type veth peer name {dev_b} netns {b.name}")
        a.sh(f"ip link set {dev_a} up")
        b.sh(f"ip link set {dev_b} up")
        self._addresses(b, dev_b, addr4_b + "/24", addr6_b + "/64")

    def _addresses(self, ns, dev, addr4, addr6):
        ns.sh(f"ip addr add {addr4} dev {dev}")
        ns.sh(f"ip addr add {addr6} dev {dev} nodad")

    def routes(self, ns, via4, via6, nets4, nets6):
        for net in nets4:
            ns.sh(f"ip route add {net} via {via4}")
        for net in nets6:
            ns.sh(f"ip -6 route add {net} via {via6}")


def wait_until(condition, seconds_max=20):
    """Poll a condition; the limit only stops hangs."""
    end = time.monotonic() + seconds_max
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True
