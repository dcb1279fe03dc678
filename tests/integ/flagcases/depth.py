# SPDX-License-Identifier: GPL-3.0-or-later
"""What is found out of open ports: services, TLS, operating systems. See tests/integ/flags.py."""
import contextlib
import socket
import subprocess
import threading

import netns
import suite
from flagcase import flag, ports, probes, run

# OS detection

ONE_ENTRY = "MatchPoints\nT1(R=100)\nFingerprint Only one\nClass a | b || c\nT1(R=Y)\n"


def systems(bed, *options):
    """The os records of a scan of an open and a closed port, or of the open one where options say so."""
    ports = () if any(o.startswith("-p") for o in options) else ("-p80,81",)
    return suite.json_records(run(bed, "-sS", "-Pn", "-n", *ports, *options, "10.99.0.2", "-oJ", "-").stdout, "os")


@flag("-O")
def os_detection(bed, directory, spelling):
    found = systems(bed, spelling, "--max-os-tries", "1")
    return not systems(bed) and len(found) == 1 and found[0]["ports"]["open_tcp"] == 80 and \
        found[0]["ports"]["closed_tcp"] == 81 and "T7(R=Y" in found[0]["fingerprint"].replace("\nOS:", "")


@flag("--osscan-limit")
def osscan_limit(bed, directory, spelling):
    few = ["-O", "--max-os-tries", "1", "-p80"]
    return len(systems(bed, *few)) == 1 and not systems(bed, *few, spelling) and \
        run(bed, "-sS", spelling, "10.99.0.2", code=None).returncode == 2


@flag("--osscan-guess", "--fuzzy")
def osscan_guess(bed, directory, spelling):
    path = directory / "near-db"
    path.write_text("MatchPoints\nT1(R=90%F=10)\nFingerprint Near it\nClass a | b || c\nT1(R=Y%F=X)\n")
    command = ["-sS", "-Pn", "-n", "-p80,81", "-O", "--max-os-tries", "1", "--os-db", str(path), "10.99.0.2"]
    return "Near it" not in run(bed, *command).stdout and \
        "Aggressive OS guesses: Near it (90%)" in run(bed, *command, spelling).stdout


@flag("--max-os-tries")
def max_os_tries(bed, directory, spelling):
    path = directory / "never-db"
    path.write_text("MatchPoints\nT1(R=100)\nFingerprint Never\nClass a | b || c\nT1(R=N)\n")

    def tries(n):  # the window of the fifth SYN is no other packet's
        found = probes(bed, "-sS", "-Pn", "-p80,81", "-O", "--os-db", str(path), spelling, str(n), "10.99.0.2")
        return sum(p.window == 16 for p in found)
    return [tries(1), tries(2)] == [1, 2]


@flag("--os-db")
def os_db(bed, directory, spelling):
    path = directory / "os-db"
    path.write_text(ONE_ENTRY)
    found = systems(bed, "-O", spelling, str(path))
    path.write_text(ONE_ENTRY + "T2(R=Y\n")
    refused = run(bed, "-sS", "-O", spelling, str(path), "10.99.0.2", code=None)
    return [m["name"] for m in found[0]["matches"]] == ["Only one"] and refused.returncode == 1 and "line 6" in refused.stderr


# Service detection

@contextlib.contextmanager
def speaker(bed, port, greeting=b"zzz\r\n"):
    """A server that greets, keeps what it is told, and closes; yields (connections at once, what was said)."""
    said, now, most = [], [0], [0]

    def serve(client):
        now[0] += 1
        most[0] = max(most[0], now[0])
        try:
            client.settimeout(2)
            client.sendall(greeting)
            said.append(client.recv(4096))
        except OSError:
            pass
        now[0] -= 1
        client.close()

    def accept():
        while True:
            try:
                client = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    listener = bed.target.listen(port)
    threading.Thread(target=accept, daemon=True).start()
    try:
        yield most, said
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


PROBES = "Probe TCP NULL q||\ntotalwaitms 400\nmatch odd m|^odd (\\d+)| p/Odd/ v/$1/\n" + "".join(
    f"Probe TCP R{rarity} q|rarity{rarity}|\nrarity {rarity}\n" for rarity in (1, 2, 7, 9))


def services(bed, directory, *options, port=2222, greeting=b"zzz\r\n", kind="service"):
    """What a scan finds of one talking port, and which of the probes it was sent."""
    path = directory / "probes"
    path.write_text(PROBES)
    with speaker(bed, port, greeting) as (most, said):
        out = run(bed, "-n", "-Pn", "-sS", f"-p{port}", "--probe-db", str(path), *options, "10.99.0.2", "-oJ", "-").stdout
    rarities = {int(text[6:7]) for text in said if text.startswith(b"rarity")}
    return suite.json_records(out, kind), rarities, most[0]


@flag("-sV", "--probe-db")
def service_version(bed, directory, spelling):
    found, _, _ = services(bed, directory, "-sV", greeting=b"odd 42\r\n")
    lone = run(bed, "-n", "-Pn", "-sS", "-p22", "--probe-db", "/dev/null", "10.99.0.2", code=2)
    return [(r["name"], r["product"], r["version"]) for r in found] == [("odd", "Odd", "42")] and "-sV" in lone.stderr


@flag("--version-intensity", "--version-light", "--version-all")
def intensity(bed, directory, spelling):
    options, want = {"--version-intensity": (["1"], {1}), "--version-light": ([], {1, 2}),
                     "--version-all": ([], {1, 2, 7, 9})}[spelling]
    return services(bed, directory, "-sV", spelling, *options)[1] == want and services(bed, directory, "-sV")[1] == {1, 2, 7}


@flag("--version-parallel")
def parallel(bed, directory, spelling):
    return [services(bed, directory, "-sV", spelling, n, greeting=b"")[2] for n in ("1", "2")] == [1, 2]


@flag("--all-ports")
def all_ports(bed, directory, spelling):
    path = directory / "excluding"
    path.write_text("Exclude T:2222\n" + PROBES)
    with speaker(bed, 2222, b"odd 1\r\n"):
        texts = [run(bed, "-n", "-Pn", "-sS", "-sV", "-p2222", "--probe-db", str(path), *more, "10.99.0.2", "-oJ",
                     "-").stdout for more in ([], [spelling])]
    sent = [suite.json_summary(text)["sent"] for text in texts]
    return [len(suite.json_records(text, "service")) for text in texts] == [0, 1] and sent[1] > sent[0]


@flag("--banner-grab")
def banner_grab(bed, directory, spelling):
    found, rarities, _ = services(bed, directory, spelling, kind="banner")
    return [r["banner"] for r in found] == ["zzz\r\n"] and not rarities


# TLS

@contextlib.contextmanager
def tls_server(bed, directory):
    """A server of the name a.example; gives its certificate's path."""
    subprocess.run("openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=a.example "
                   "-keyout tls.key -out tls.pem".split(), cwd=directory, check=True, capture_output=True)
    server = bed.target.start(["openssl", "s_server", "-accept", "4433", "-cert", directory / "tls.pem", "-key",
                               directory / "tls.key", "-quiet"], stdout=-3, stderr=-3)
    try:
        netns.wait_until(lambda: ":4433" in bed.target.sh("ss -ltnH"))
        yield str(directory / "tls.pem")
    finally:
        server.kill()


@flag("--tls-cert-analysis", "--tls-sni", "--ca-file")
def tls(bed, directory, spelling):
    with tls_server(bed, directory) as pem:
        value = {"--tls-cert-analysis": [], "--tls-sni": ["a.example"], "--ca-file": [pem]}[spelling]
        options = ["-sT", "-n", "-Pn", "-p4433", "10.99.0.2", "-oJ", "-"]
        basis = [] if spelling == "--tls-cert-analysis" else ["--tls-cert-analysis"]
        without, with_it = (suite.json_records(run(bed, *basis, *more, *options).stdout, "tls")
                            for more in ([], [spelling, *value]))
    if not basis:
        return not without and len(with_it) == 1
    field = {"--tls-sni": "name_matches", "--ca-file": "trusted"}[spelling]
    return not without[0][field] and with_it[0][field]


@flag("-A")
def all_details(bed, directory, spelling):
    with tls_server(bed, directory):
        options = ["-sS", "-n", "-Pn", "-p4433,4434", "10.99.0.2", "-oJ", "-"]
        without, with_it = (run(bed, *more, *options).stdout for more in ([], [spelling]))
    kinds = ("service", "tls", "os")
    return ([len(suite.json_records(without, kind)) for kind in kinds] == [0, 0, 0] and
            [len(suite.json_records(with_it, kind)) for kind in kinds] == [1, 1, 1])
