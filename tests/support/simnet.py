# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated network: millions of hosts played from a seed on one end of a veth pair, and the truth about them.

    with simnet.Network("198.18.0.0/16,2001:db8:1::/112", seed=7, open=0.02, closed=0.5, loss=0.1) as net:
        net.scanner.run([PRTIP, "-sS", "-n", "-Pn", "-p1-100", "198.18.0.0/24"])
        net.truth("198.18.0.9", 80)      # "open", "closed" or "filtered"
        set(net.responsive("1-100"))     # {(address, port): "open" or "closed"}'s items
        net.stats()["counters"]["syn"]

Knobs are the options of the daemon (`simnet --help`) with _ for -. Network builds the namespaces:

    scanner va 10.99.0.1, fd99::1  --  vb target: the daemon; its router is 10.99.0.254, fd99::fe

Run as a program it holds such a network open: simnet.py NETS [KNOB=VALUE ...] -- COMMAND... runs COMMAND in the
scanner's namespace and prints the statistics.
"""
import collections
import ipaddress
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

import netns

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}
ROUTER4, ROUTER6 = "10.99.0.254", "fd99::fe"
ROUTER_MAC, SCANNER_MAC = "02:00:00:00:99:fe", "02:00:00:00:99:01"
# The order of SIM_SHARES in behaviour.h: a share's number is the question that is drawn for it.
SHARES = """up open closed rejected udp_open udp_closed echo dark all_open syn_proxy zero_window rst_window rst_limited
icmp_limited delayed late duplicated forged loss_in loss_out""".split()
ASK_TTL, ASK_STATE, ASK_REJECT = 64, 65, 66
REJECT4, REJECT6 = (1, 2, 9, 10, 13, 3), (0, 1, 3, 4)
Host = collections.namedtuple("Host", "hash is_up is_dark is_all_open is_syn_proxy")


def daemon():
    """Path of the daemon, or None where it was not built."""
    root = pathlib.Path(__file__).resolve().parent.parent.parent
    for build in (os.environ.get("BUILD"), root / "build-gcc", root / "build"):
        path = pathlib.Path(build or "/nonexistent") / "tests" / "support" / "simnet" / "simnet"
        if path.exists():
            return str(path)
    return None


def mix(x):
    x ^= x >> 32
    x = x * 0xD6E8FEB86659FD93 & MASK
    x ^= x >> 32
    x = x * 0xD6E8FEB86659FD93 & MASK
    return x ^ x >> 32


def draw(hash64, question):
    return mix(hash64 + (question + 1) * GOLDEN & MASK) >> 32


def number(address):
    """An address as the two words that are hashed; IPv4 as ::ffff:a.b.c.d."""
    address = ipaddress.ip_address(address)
    value = int(address) | (0xFFFF << 32 if address.version == 4 else 0)
    return value >> 64, value & MASK


class Behaviour:
    """The pure function of behaviour.h, written again."""

    def __init__(self, seed=1, **shares):
        self.seed = seed
        self.share = dict.fromkeys(SHARES, 0)
        self.share["up"] = self.share["echo"] = 1 << 32
        for name, value in shares.items():
            value = float(value[:-1]) / 100 if str(value).endswith("%") else float(value)
            self.share[name] = int(value * 4294967296.0 + 0.5)

    def has(self, hash64, name):
        share = self.share[name]
        return share != 0 and (share >> 32 != 0 or draw(hash64, SHARES.index(name)) < share)

    def host(self, address):
        high, low = number(address)
        h = mix(mix(mix(self.seed ^ GOLDEN) ^ high) ^ low)
        is_up = self.has(h, "up")
        return Host(h, is_up, not is_up and self.has(h, "dark"), self.has(h, "all_open"), self.has(h, "syn_proxy"))

    def port(self, host, port, proto="tcp"):
        """The hash that a port's questions are drawn from."""
        return mix(host.hash ^ ((PROTOCOLS[proto] << 16 | port) * GOLDEN & MASK))

    def behaviour(self, address, port, proto="tcp", host=None):
        """(what the port does: open closed rejected filtered, ICMP code or None)."""
        host = host or self.host(address)
        hash64 = self.port(host, port, proto)
        prefix = "udp_" if proto == "udp" else ""
        state, drawn = "filtered", draw(hash64, ASK_STATE)
        if not host.is_up:
            state = "rejected" if host.is_dark else "filtered"
        elif proto == "tcp" and (host.is_all_open or host.is_syn_proxy):
            state = "open"
        else:
            limit = 0
            for name, share in (("open", prefix + "open"), ("closed", prefix + "closed"), ("rejected", "rejected")):
                limit += self.share[share]
                if drawn < limit:
                    state = name
                    break
        return (state, self.code(address, host, hash64, proto)) if state == "rejected" else (state, None)

    def code(self, address, host, hash64, proto):
        codes = REJECT6 if ":" in str(address) else REJECT4
        if host.is_dark:
            return 3 if codes is REJECT6 else 1
        return codes[draw(hash64, ASK_REJECT) * (len(codes) - (proto == "udp")) >> 32]

    def truth(self, address, port, proto="tcp"):
        """The state that a scan which loses nothing reports, in nmap's words."""
        state, _ = self.behaviour(address, port, proto)
        if state == "rejected":
            return "filtered"
        return "open|filtered" if proto == "udp" and state == "filtered" else state

    def answers_in_time(self, address, port, proto="tcp"):
        """False where the answer comes --late-by after the probe."""
        return not self.has(self.port(self.host(address), port, proto), "late")


def _options(knobs):
    for name, value in knobs.items():
        name = "--" + name.replace("_", "-")
        if value is True:
            yield name
        elif value is not False and value is not None:
            yield from (name, str(value))


def listing(nets, ports, seed=1, proto="tcp", states="open,closed", **shares):
    """(address, port, behaviour, ICMP code or None) of the endpoints that behave so, by the C program."""
    command = [daemon(), *_options(dict(shares, net=nets, seed=seed)), "--list", ports, "--list-proto", proto,
               "--list-states", states]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            address, port, state, *code = line.split()
            yield address, int(port), state, int(code[0]) if code else None
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit {process.returncode}")


class Simnet(Behaviour):
    """The daemon on an interface of a namespace that exists; a context manager."""

    def __init__(self, namespace, iface, nets, seed=1, **knobs):
        self.nets = nets
        self.knobs = dict(knobs, net=nets, seed=seed)
        shares = {name: value for name, value in knobs.items() if name in SHARES}
        if "loss" in knobs:
            shares |= {"loss_in": knobs["loss"], "loss_out": knobs["loss"]}
        super().__init__(seed, **shares)
        self.directory = tempfile.TemporaryDirectory(prefix="prtip-simnet-")
        self.stats_path = pathlib.Path(self.directory.name) / "stats.json"
        self.cells_path = pathlib.Path(self.directory.name) / "cells"
        if not daemon():
            raise RuntimeError("simnet: not built (needs libbpf-dev); BUILD names the build directory")
        command = [daemon(), "--iface", iface, "--stats", str(self.stats_path), *_options(self.knobs)]
        if "count" in knobs:
            command += ["--count-file", str(self.cells_path)]
        if namespace:
            command = namespace.argv(command)
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        # Hosts elsewhere do not wait for this machine's processors: on a busy one it answered after scans had given up.
        os.setpriority(os.PRIO_PROCESS, self.process.pid, -20)
        ready = self.process.stdout.readline().split()
        if not ready:
            raise RuntimeError(f"simnet: exit {self.process.wait(10)}")
        self.mode = ready[1].rstrip(":")

    def stats(self):
        """Counters up to now."""
        if self.process.poll() is None:
            self.stats_path.unlink(missing_ok=True)
            self.process.send_signal(signal.SIGUSR1)
            if not netns.wait_until(self.stats_path.exists):
                raise RuntimeError("simnet: no statistics")
        return json.loads(self.stats_path.read_text())

    def cells(self):
        """Probes of each endpoint of count= and count_ports=, addresses first: bytes."""
        self.stats()
        return self.cells_path.read_bytes()

    def responsive(self, ports, proto="tcp", nets=None, states="open,closed"):
        """((address, port), state) of all ports that behave so; "rejected" ones are answered by an ICMP error."""
        shares = {name: value for name, value in self.knobs.items() if name in SHARES}
        for address, port, state, _ in listing(nets or self.nets, ports, self.seed, proto, states, **shares):
            yield (address, port), state

    def stop(self):
        """End it; stats() and cells() then give the last word."""
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(30)
        self.process.stdout.close()
        if code:
            raise RuntimeError(f"simnet: exit {code}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Network(Simnet):
    """Namespaces, link, routes and responder.

    queues: of both ends; mtu (XDP takes up to 3,500 or so); rate: a token bucket filter on the scanner's way out, as tc writes it ("100mbit");
    rate_back: the same on the way back (the daemon then answers by packet socket, since XDP passes no queue);
    is_arp_real: no static neighbour entry for the router. With on_link=True the nets are on the link, by ARP and ND.
    """

    def __init__(self, nets, seed=1, queues=1, mtu=1500, rate=None, rate_back=None, is_arp_real=False, **knobs):
        self.namespaces = netns.Namespaces()
        try:
            self.scanner, self.target = self.namespaces.namespace("s"), self.namespaces.namespace("t")
            self._link(queues, mtu)
            self._routes(nets.split(","), knobs.get("on_link"), is_arp_real)
            for namespace, device, limit in ((self.scanner, "va", rate), (self.target, "vb", rate_back)):
                if limit:
                    namespace.sh(f"tc qdisc replace dev {device} root tbf rate {limit} burst 64k limit 1m")
            if rate_back:
                knobs |= {"mode": "packet", "through_qdisc": True}
            super().__init__(self.target, "vb", nets, seed, router4=ROUTER4, router6=ROUTER6, **knobs)
        except BaseException:
            self.namespaces.close()
            raise

    def _link(self, queues, mtu):
        s, t = self.scanner, self.target
        t.sh("sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0 net.ipv6.conf.all.disable_ipv6=1"
             " net.ipv6.conf.default.disable_ipv6=1")
        s.sh(f"ip link add va numtxqueues {queues} numrxqueues {queues} mtu {mtu} address {SCANNER_MAC} type veth peer"
             f" name vb numtxqueues {queues} numrxqueues {queues} mtu {mtu} address {ROUTER_MAC} netns {t.name}")
        # Checksums complete on the wire; GRO gives the scanner's end the receive ring that XDP_TX fills.
        s.sh("ethtool -K va tx off tso off gso off gro on")
        t.sh("ethtool -K vb tx off tso off gso off gro on")
        t.sh("ip link set vb up arp off")
        s.sh("ip link set va up")
        s.sh("ip addr add 10.99.0.1/24 dev va")
        s.sh("ip addr add fd99::1/64 dev va nodad")

    def _routes(self, nets, is_on_link, is_arp_real):
        for net in nets:
            family, via = ("-6", ROUTER6) if ":" in net else ("-4", ROUTER4)
            self.scanner.sh(f"ip {family} route add {net} dev va" + ("" if is_on_link else f" via {via}"))
        if not is_arp_real:
            for router in (ROUTER4, ROUTER6):
                self.scanner.sh(f"ip neigh replace {router} lladdr {ROUTER_MAC} nud permanent dev va")

    def close(self):
        try:
            self.stop()
        finally:
            self.namespaces.close()

    def __exit__(self, *_):
        self.close()


def modes():
    """The modes that this kernel and this build have, the fast one first."""
    with Network("198.18.0.0/30") as network:
        return ("xdp", "packet") if network.mode == "xdp" else ("packet",)


def main():
    if "--" not in sys.argv[2:]:
        sys.exit(__doc__)
    split = sys.argv.index("--")
    knobs = dict(word.split("=", 1) for word in sys.argv[2:split])
    numbers = {name: int(knobs.pop(name)) for name in ("seed", "queues", "mtu") if name in knobs}
    with Network(sys.argv[1], **numbers, **knobs) as network:
        done = subprocess.run(network.scanner.argv(sys.argv[split + 1:]))
    print(json.dumps(network.stats(), indent=1), file=sys.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
