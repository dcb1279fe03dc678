# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark bed: a scanner and a target on a veth pair, 131,072 addresses that the target's kernel answers
for, listeners on every one of them, limits that would measure the kernel's caution lifted. No route out."""
import os
import signal
import socket
import sys
import threading

import netns
import simnet

IFACE = "bv0"
SCANNER_MAC, TARGET_MAC = "02:00:00:00:01:01", "02:00:00:00:01:02"
SCANNER4, TARGET4 = "198.51.100.1", "198.51.100.2"
SCANNER6, TARGET6 = "2001:db8:51::1", "2001:db8:51::2"
BLOCK = "198.18.0.0/15"
ZMAP = ("zmap -q -i {iface} -G {mac} -S {scanner} -b /dev/null -p 80 -r 0 -c 1 -v 0 -o {out} "
        "-O csv -f saddr " + BLOCK)
PORTS = [21, 22, 23, 25, 53, 80, 110, 111, 135, 139, 143, 179, 389, 443, 445, 465, 587, 636, 993, 995,
         1433, 1723, 3306, 3389, 5432, 5900, 6379, 8000, 8080, 8443, 9200, 11211, 27017, 49152, 65535]
SYSCTLS = """net.ipv4.tcp_syncookies=2 net.ipv4.tcp_max_syn_backlog=262144 net.core.somaxconn=65535
net.ipv4.tcp_synack_retries=1 net.ipv4.tcp_invalid_ratelimit=0 net.ipv4.tcp_max_tw_buckets=0
net.ipv4.tcp_challenge_ack_limit=2147483647 net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0""".split()
PROFILES = {
    "plain": "",
    "blackhole": "table netdev b { chain c { type filter hook ingress device bw0 priority 0;"
                 " ip daddr 198.18.0.0/15 drop;\n }\n}\n",
    "sparse": "table netdev b { chain c { type filter hook ingress device bw0 priority 0;"
              " ip daddr 198.18.0.0/15 ip daddr & 0.0.0.127 != 0.0.0.1 drop;\n }\n}\n",
    "loss": "table netdev b {\n chain i { type filter hook ingress device bw0 priority 0; numgen random mod 100 < 10 drop;\n }\n"
            " chain o { type filter hook egress device bw0 priority 0; numgen random mod 100 < 10 drop;\n }\n}\n",
    "resets": "table inet b {\n chain o { type filter hook output priority 0;"
              " tcp flags & rst == rst limit rate over 1000/second burst 100 packets drop;\n }\n}\n",
}


WORDS = dict(iface=IFACE, mac=TARGET_MAC, scanner=SCANNER4)


def fill(command, out, log="", words=None):
    """A command of a table as words; {out} {log} {iface} {mac} {scanner} are put in, those of Bed or of another place."""
    return command.format(out=out, log=log, **(words or WORDS)).split()


def _listen(namespace, port):
    """Never accepted from: the kernel alone shakes hands, and its queue outlasts every run."""
    with namespace.entered():
        s = socket.socket(socket.AF_INET6)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.bind(("::", port))
    s.listen(65535)
    return s


class Noise(threading.Thread):
    """A broadcast datagram ten times a second: masscan notices the end of a scan only when some packet arrives."""

    def __init__(self, namespace, to="198.51.100.255"):
        super().__init__(daemon=True)
        self.to = to
        self.is_stopping = threading.Event()
        with namespace.entered():
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)

    def run(self):
        while not self.is_stopping.wait(0.1):
            self.socket.sendto(b"noise", (self.to, 9))

    def stop(self):
        self.is_stopping.set()
        self.join()


class Driver(simnet.Network):
    """A block whose every address answers in the target's driver: no TCP stack of a target shares the processor."""
    words = dict(iface="va", mac=simnet.ROUTER_MAC, scanner="10.99.0.1")

    def __init__(self, **knobs):
        super().__init__(BLOCK, seed=7, queues=2, mode="xdp", **(knobs or dict(open=1)))
        self.noise = Noise(self.scanner, "10.99.0.255")
        self.noise.start()

    def close(self):
        self.noise.stop()
        super().close()


class Bed:
    words = WORDS

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        self.scanner = netns.Namespace(f"prtip-bench-{os.getpid()}-s")
        self.target = netns.Namespace(f"prtip-bench-{os.getpid()}-t")
        self.listeners, self.noise = [], None
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _build(self):
        s, t = self.scanner, self.target
        for n in (s, t):
            for setting in SYSCTLS:
                n.sh(f"sysctl -qw {setting}", check=False)
        netns.sh(f"ip link add {IFACE} netns {s.name} numtxqueues 2 numrxqueues 2 address {SCANNER_MAC} type veth "
                 f"peer name bw0 netns {t.name} numtxqueues 2 numrxqueues 2 address {TARGET_MAC}")
        for n, dev, a4, a6 in ((s, IFACE, SCANNER4, SCANNER6), (t, "bw0", TARGET4, TARGET6)):
            n.sh(f"ethtool -K {dev} tx off tso off gso off gro off", check=False)
            n.sh(f"ip addr add {a4}/24 dev {dev}")
            n.sh(f"ip -6 addr add {a6}/64 dev {dev} nodad")
            n.sh(f"ip link set {dev} up")
        s.sh(f"ip neigh replace {TARGET4} lladdr {TARGET_MAC} nud permanent dev {IFACE}")
        s.sh(f"ip neigh replace {TARGET6} lladdr {TARGET_MAC} nud permanent dev {IFACE}")
        t.sh(f"ip neigh replace {SCANNER4} lladdr {SCANNER_MAC} nud permanent dev bw0")
        t.sh(f"ip neigh replace {SCANNER6} lladdr {SCANNER_MAC} nud permanent dev bw0")
        t.sh("ip route add local 198.18.0.0/15 dev lo")
        s.sh(f"ip route add 198.18.0.0/15 via {TARGET4} dev {IFACE}")
        self.listeners = [_listen(n, port) for n in (s, t) for port in PORTS]
        self.noise = Noise(t)
        self.noise.start()

    def profile(self, name):
        self.target.nft(PROFILES[name])

    def __exit__(self, *_):
        if self.noise:
            self.noise.stop()
        for listener in self.listeners:
            listener.close()
        for n in (self.scanner, self.target):
            netns.sh(f"ip netns del {n.name}", check=False)
