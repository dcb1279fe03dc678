#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS analysis of a row of endpoints under an authority of our own: every certificate beside `openssl x509`, chain and
protocol beside `openssl s_client`, suites beside a client that tries each, JARM beside another implementation, and of
each endpoint exactly the findings that its row names: none is missing, none is made up."""
import json
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import warnings
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import certs
import jarm
import netns
import suite

NAME = "www.site.example"
SAN = f"subjectAltName=DNS:{NAME}"
SERVER = ("extendedKeyUsage=serverAuth", "keyUsage=digitalSignature", "basicConstraints=CA:FALSE", "subjectKeyIdentifier=hash")
LOW = "DEFAULT:@SECLEVEL=0"
OLD = {"low": "TLSv1_2", "high": "TLSv1_2", "ciphers": "AES128-SHA:@SECLEVEL=0"}
LEGACY = ["-cipher", "ALL:@SECLEVEL=0"]
LONG = [f"step{i}" for i in range(9)]
#: name: leaf (Maker.issue), what is sent behind it, the server, findings
ROWS = {
    "good": ({}, ["mid"], {}, set()),
    "expired": ({"start": -20, "end": -3}, ["mid"], {}, {"expired"}),
    "future": ({"start": 5}, ["mid"], {}, {"not-yet-valid"}),
    "soon": ({"end": 9}, ["mid"], {}, {"expires-soon"}),
    "self": ({"by": None}, [], {}, {"self-signed", "untrusted"}),
    "wildcard": ({"san": "DNS:*.site.example"}, ["mid"], {}, set()),
    "too wide": ({"san": "DNS:*.example"}, ["mid"], {}, {"name-mismatch"}),
    "wrong name": ({"san": "DNS:mail.site.example,DNS:wwwXsite.example"}, ["mid"], {}, {"name-mismatch"}),
    "common name": ({"san": None, "subject": f"/CN={NAME}"}, ["mid"], {}, set()),
    "address": ({"san": "IP:127.0.0.1"}, ["mid"], {}, {"name-mismatch"}),
    "rsa 1024": ({"key": "rsa1024"}, ["mid"], OLD, {"weak-key"}),
    "rsa 512": ({"key": "rsa512"}, ["mid"], OLD, {"weak-key"}),
    "sha1": ({"key": "rsa", "by": "rsa root", "options": "-md sha1"}, [], OLD, {"weak-hash"}),
    "md5": ({"key": "rsa", "by": "rsa root", "options": "-md md5"}, [], OLD, {"weak-hash"}),
    "no mid": ({}, [], {}, {"chain-incomplete", "untrusted"}),
    "with root": ({}, ["mid", "root"], {}, set()),
    "long": ({"by": LONG[-1]}, LONG[::-1], {}, set()),
    "disorder": ({}, ["step0", "mid"], {}, {"chain-order"}),
    "old mid": ({"by": "old mid ca"}, ["old mid ca"], {}, {"issuer-expired"}),
    "stranger": ({"by": "stranger ca"}, ["stranger ca"], {}, {"untrusted"}),
    "for clients": ({"purpose": "clientAuth"}, ["mid"], {}, {"wrong-purpose", "untrusted"}),
    "ed25519": ({"key": "ed25519"}, ["mid"], {}, set()),
    "ed448": ({"key": "ed448"}, ["mid"], {}, set()),
    "p384": ({"key": "p384"}, ["mid"], {}, set()),
    "pss": ({"key": "rsa", "by": "rsa root", "options": "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32"}, [], {}, set()),
    "pss key": ({"key": "rsa-pss"}, ["mid"], {}, set()),
    "tls 1.0": ({"key": "rsa"}, ["mid"], {"low": "TLSv1", "high": "TLSv1", "ciphers": LOW}, {"weak-protocol"}),
    "tls 1.1": ({"key": "rsa"}, ["mid"], {"low": "TLSv1_1", "high": "TLSv1_1", "ciphers": LOW}, {"weak-protocol"}),
    "tls 1.2": ({"key": "rsa"}, ["mid"], {"high": "TLSv1_2"}, set()),
    "tls 1.3": ({"key": "rsa"}, ["mid"], {"low": "TLSv1_3"}, set()),
    "all": ({"key": "rsa"}, ["mid"], {"low": "TLSv1", "ciphers": "ALL:COMPLEMENTOFALL:@SECLEVEL=0"}, {"weak-protocol", "weak-cipher"}),
    "ssl 3": ({"key": "rsa"}, ["mid"], {"talk": "ssl3"}, {"weak-protocol", "weak-cipher"}),
    "ssl 2": ({"key": "rsa"}, ["mid"], {"talk": "ssl2"}, {"weak-protocol", "weak-cipher"}),
    "names": ({"san": "DNS:default.example"}, ["mid"], {"names": {NAME: "good"}}, set()),
    "client": ({}, ["mid"], {"wants_client": True}, set()),
    "client 1.3": ({}, ["mid"], {"wants_client": True, "low": "TLSv1_3"}, set()),
    "alpn": ({}, ["mid"], {"alpn": ["http/1.1", "imap"]}, set()),
    "ugly": ({}, ["mid"], {"talk": "raw"}, {"bad-certificate", "name-mismatch", "untrusted", "renegotiation"}),
}
#: openssl's word, our row in TALKS, port
CLEAR = {"smtp": ("smtp", 25), "submission": ("smtp", 587), "imap": ("imap", 143), "pop3": ("pop3", 110), "ftp": ("ftp", 21),
         "ldap": ("ldap", 389), "postgres": ("postgres", 5432), "mysql": ("mysql", 3306), "xmpp": ("xmpp", 5222),
         "nntp": ("nntp", 119), "sieve": ("sieve", 4190)}
PORTS = {name: 4500 + i for i, name in enumerate(ROWS)} | {name: port for name, (_, port) in CLEAR.items()}
VERSIONS = ["TLSv1", "TLSv1_1", "TLSv1_2", "TLSv1_3"]
SHOWN = dict(zip(VERSIONS, ["TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"]))


def uglify(path):
    """Texts that no authority would write, by replacing bytes; the signature is wrong then, which nobody here checks."""
    der = ssl.PEM_cert_to_DER_cert(path.read_text())
    for old, new in ((b"ugly one" + b"1" * 27, b"<a>&\"'\x1b[2J\0\r\n\t\x07]]>--" + b"\xff\xfe\xc3\x28\xed\xa0\x80\xf4\x90\x80\x80\xef\xbf\xbf!"),
                     (b"\x0c\x10ugly two ugly tw", b"\x1e\x10\0a\xd8\0\0<\0\0\xff\xff\0\x1f\x20\xac\0z"),
                     (f"{NAME}.ugly.ugly".encode(), f"{NAME}\0ugly.evil".encode()),
                     (b"tab.ugly.example", b"t\t\x0b\x1b.\xe2\x82\xac<>&\"'--!")):
        assert len(old) == len(new) and der.count(old), (old, new, der.count(old))
        der = der.replace(old, new)
    path.write_text(ssl.DER_cert_to_PEM_cert(der))


def make(maker):
    maker.authority("root")
    maker.authority("rsa root", key="rsa")
    maker.authority("mid", by="root")
    maker.authority("old mid ca", by="root", start=-40, end=-2)
    maker.authority("stranger ca")
    for i, step in enumerate(LONG):
        maker.authority(step, by=LONG[i - 1] if i else "root")
    (maker.directory / "roots.pem").write_text("".join((maker.directory / f"{n}.pem").read_text() for n in ("root", "rsa root")))
    for name, (leaf, behind, _, _) in ROWS.items():
        leaf = dict(leaf)
        san, purpose = leaf.pop("san", f"DNS:{NAME}"), leaf.pop("purpose", "serverAuth")
        if name == "ugly":
            san = ",".join([f"DNS:{NAME}.ugly.ugly", "DNS:tab.ugly.example"] + [f"DNS:n{i}.example" for i in range(1000)])
            leaf["subject"] = "/C=DE/O=ugly one" + "1" * 27 + "/CN=ugly two ugly tw"
        extensions = [e for e in SERVER if not e.startswith("extended")] + [f"extendedKeyUsage={purpose}"]
        maker.issue(name, **{"by": "mid", **leaf}, extensions=extensions + ([f"subjectAltName={san}"] if san else []))
        if name == "ugly":
            uglify(maker.directory / "ugly.pem")
        (maker.directory / f"{name}.chain").write_text(
            "".join((maker.directory / f"{part}.pem").read_text() for part in [name, *behind]))


def serve(space, maker):
    def pair(name):
        return [str(maker.directory / f"{name}.chain"), str(maker.key(ROWS[name][0].get("key", "p256")))]
    rows = []
    for name, (_, _, server, _) in ROWS.items():
        row = dict(zip(("chain", "key"), pair(name)), port=PORTS[name], **server)
        row["names"] = {k: pair(v) for k, v in server.get("names", {}).items()}
        rows.append(row)
    rows += [dict(zip(("chain", "key"), pair("good")), port=port, talk=talk) for talk, port in CLEAR.values()]
    (maker.directory / "rows").write_text(json.dumps(rows))
    process = space.start([sys.executable, str(pathlib.Path(certs.__file__).with_name("tlsserver.py")), str(maker.directory / "rows")])
    if not netns.wait_until(lambda: space.sh("ss -ltnH").count("LISTEN") >= len(rows)):
        raise RuntimeError("servers did not start")
    return process


def scan(space, directory, *options, names=PORTS):
    ports = ",".join(str(PORTS[name]) for name in names)
    done = space.run([suite.PRTIP, "-sT", "-n", "-Pn", "-p", ports, "127.0.0.1", "--tls-cert-analysis", "--ca-file",
                      str(directory / "roots.pem"), *options], 200)
    if done.returncode:
        raise RuntimeError(f"exit {done.returncode}: {done.stderr}")
    return done.stdout


def endpoints(text):
    """{port: (tls record, [certificate records])}."""
    records = suite.json_records(text)
    return {r["port"]: (r, [c for c in records if c["type"] == "certificate" and c["port"] == r["port"]])
            for r in records if r["type"] == "tls"}


def test_findings(cases, space, maker, found):
    cases.equal("every endpoint speaks TLS", set(found), set(PORTS.values()))
    for name, port in PORTS.items():
        wanted = ROWS[name][3] if name in ROWS else set()
        cases.equal(f"{name}: exactly its findings", {f["code"] for f in found[port][0]["findings"]}, wanted)
        cases.check(f"{name}: examined to the end", found[port][0]["complete"] and
                    all(v["complete"] for v in found[port][0]["versions"]), found[port][0])


def test_certificates(cases, space, maker, found):
    for name, (_, behind, server, _) in ROWS.items():
        chain = found[PORTS[name]][1]
        want = [server.get("names", {}).get(NAME, name), *behind]
        cases.equal(f"{name}: as many certificates as were sent", [c["chain_index"] for c in chain], list(range(len(want))))
        for record, part in zip(chain, want):
            path = maker.directory / f"{part}.pem"
            cases.equal(f"{name}: PEM of {part}", record["pem"].strip(), path.read_text().strip())
            if part != "ugly":
                cases.equal(f"{name}: {part} as openssl reads it", sorted(certs.ours(record).items()),
                            sorted(certs.theirs(path).items()))
        signed = [c["signed_by_next"] for c in chain[:-1]]
        cases.equal(f"{name}: each signed by the next", signed, [name not in ("disorder", "ugly")] * len(signed) if name != "disorder"
                    else [False, False])
    pss = found[PORTS["pss"]][1][0]
    cases.equal("PSS: hash and salt", (pss["hash"], pss["salt_bytes"]), ("sha256", 32))
    cases.equal("trust", {name for name in ROWS if not found[PORTS[name]][0]["trusted"]},
                {name for name, row in ROWS.items() if "untrusted" in row[3]})


def test_protocols(cases, space, maker, found):
    """Versions as configured; the agreed one and the chain as s_client sees them."""
    for name, port in PORTS.items():
        server = ROWS[name][2] if name in ROWS else {}
        versions = [v["version"] for v in found[port][0]["versions"]]
        if server.get("talk"):
            want = {"ssl3": ["SSLv3"], "ssl2": ["SSLv3", "SSLv2"], "raw": ["TLSv1.2"]}[server["talk"]]
            cases.equal(f"{name}: versions", versions, want)
            continue
        span = VERSIONS[VERSIONS.index(server.get("low", "TLSv1_2")):VERSIONS.index(server.get("high", "TLSv1_3")) + 1]
        cases.equal(f"{name}: versions", versions, [SHOWN[v] for v in span[::-1]])
        done = space.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", NAME, "-showcerts", *LEGACY,
                          *(["-starttls", CLEAR[name][0], *(["-xmpphost", NAME] if name == "xmpp" else [])] if name in CLEAR else [])])
        agreed = re.search(r"New, (\S+), Cipher is (\S+)", done.stdout)
        shown = re.search(r"Protocol *: (\S+)", done.stdout)
        cases.check(f"{name}: s_client agrees on the best version",
                    (shown or agreed).group(1).replace("TLSv1", "TLSv1.0" if "TLSv1." not in (shown or agreed).group(1) else "TLSv1") ==
                    versions[0], (agreed and agreed.groups(), versions))
        pems = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", done.stdout, re.S)
        sent = [p for i, p in enumerate(pems) if p not in pems[:i]]
        cases.equal(f"{name}: s_client sees the same chain", sent, [c["pem"].strip() for c in found[port][1]])
    cases.equal("ALPN", found[PORTS["alpn"]][0]["alpn"], ["http/1.1", "imap"])


def standard_names(space):
    """{openssl's name: IANA's} of all suites openssl has."""
    text = space.run(["openssl", "ciphers", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"]).stdout
    return {line.split()[2]: line.split()[0] for line in text.splitlines()}


def accepted(space, port, version, names):
    """Suites that a client which offers one at a time is given."""
    taken = set()
    for name in names:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
        try:
            context.set_ciphers(f"{name}:@SECLEVEL=0")
            with socket.create_connection(("127.0.0.1", port)) as plain, context.wrap_socket(plain) as secure:
                taken.add(names[secure.cipher()[0]])
        except (ssl.SSLError, OSError):
            pass
    return taken


def test_suites(cases, space, maker, found):
    names = {k: v for k, v in standard_names(space).items() if not v.startswith("TLS_AES") and not v.startswith("TLS_CHACHA20")}
    for name in ("all", "tls 1.0", "tls 1.2"):
        for v in found[PORTS[name]][0]["versions"]:
            version = {b: a for a, b in SHOWN.items()}[v["version"]]
            got = {s["name"] for s in v["suites"]}
            if version == "TLSv1_3":
                want = {"TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"}
            else:
                with space.entered():
                    want = accepted(space, PORTS[name], version, names)
            cases.equal(f"{name}: suites of {v['version']} ({len(got)})", got, want)


def test_jarm(cases, space, maker, found):
    tried = [name for name in PORTS if name not in CLEAR]
    bare = endpoints(scan(space, maker.directory, "-oJ", "-", names=tried[::3]))
    with space.entered():
        for name in tried:
            cases.equal(f"{name}: JARM", found[PORTS[name]][0]["jarm"], jarm.fingerprint("127.0.0.1", PORTS[name], NAME))
            if PORTS[name] in bare:
                cases.equal(f"{name}: JARM without a name", bare[PORTS[name]][0]["jarm"], jarm.fingerprint("127.0.0.1", PORTS[name]))
    values = {found[PORTS[name]][0]["jarm"] for name in tried}
    cases.check(f"{len(values)} different values", len(values) >= 8, values)


def test_no_name(cases, space, maker, found):
    bare = endpoints(scan(space, maker.directory, "-oJ", "-", names=("address", "names", "good")))
    cases.equal("an address in the certificate", {f["code"] for f in bare[PORTS["address"]][0]["findings"]}, set())
    cases.equal("the default certificate", bare[PORTS["names"]][1][0]["sans"], [{"kind": "dns", "value": "default.example"}])
    cases.equal("no name is asked for", {t["sni"] for t, _ in bare.values()}, {None})
    cases.equal("the address is compared", {t["name_matches"] for t, _ in bare.values()}, {True, False})


def test_ugly(cases, space, maker, found):
    """Control characters, broken UTF-8, BMPString, NUL in names, 1,002 names: every format stays well-formed and plain."""
    cert = found[PORTS["ugly"]][1][0]
    cases.equal("names are counted, the first kept", (cert["n_sans"], len(cert["sans"])), (1002, 256))
    cases.equal("a NUL ends no name", cert["sans"][0]["value"], f"{NAME}\\00ugly.evil")
    parts = {p["name"]: p["value"] for p in cert["subject_parts"]}
    cases.equal("bytes are shown", parts["organizationName"],
                "<a>&\"'\\1B[2J\\00\\0D\\0A\\09\\07]]>--\\FF\\FE\\C3(\\ED\\A0\\80\\F4\\90\\80\\80\uffff!".replace("\uffff", "\\xef\\xbf\\xbf"))
    cases.equal("BMPString", parts["commonName"], "a\\D8\\00<\\00\\xef\\xbf\\xbf\\1F\u20acz")
    base = maker.directory / "ugly-out"
    scan(space, maker.directory, "--tls-sni", NAME, "-oA", str(base), names=("ugly", "good"))
    for end in ("nmap", "gnmap", "json", "xml"):
        raw = pathlib.Path(f"{base}.{end}").read_bytes()
        raw.decode()
        cases.equal(f".{end}: no control characters", {c for c in raw if c < 32 and c != 10 and (c, end) != (9, "gnmap")}, set())
    valid = subprocess.run(["xmllint", "--noout", "--dtdvalid", "/usr/share/nmap/nmap.dtd", f"{base}.xml"], capture_output=True, text=True)
    cases.equal("XML is valid", (valid.returncode, valid.stderr), (0, ""))
    scripts = {(p.get("portid"), s.get("id")): s for p in ElementTree.parse(f"{base}.xml").iter("port") for s in p.iter("script")}
    ugly = scripts[str(PORTS["ugly"]), "ssl-cert"]
    cases.equal("the name in XML", ugly.find("table[@key='subject']/elem[@key='organizationName']").text, parts["organizationName"])
    # ndiff 7.93 reads no port with two scripts, nmap's own neither: it sorts what cannot be compared
    for reader in (["xsltproc", "--nonet", "/usr/share/nmap/nmap.xsl", f"{base}.xml"],
                   ["/usr/bin/python3", "-c", LIBNMAP, f"{base}.xml"]):
        done = subprocess.run(reader, capture_output=True, text=True, cwd=maker.directory)
        cases.equal(f"{reader[0]} reads it", (done.returncode, done.stderr), (0, ""))
    cases.equal("libnmap finds the scripts", done.stdout.split(), ["ssl-cert", "ssl-enum-ciphers", "tls"] * 2)


LIBNMAP = """
import sys
from libnmap.parser import NmapParser
for host in NmapParser.parse_fromfile(sys.argv[1]).hosts:
    for port, protocol in host.get_ports():
        for script in host.get_service(port, protocol).scripts_results:
            print(script["id"])
"""


if __name__ == "__main__":
    warnings.simplefilter("ignore", DeprecationWarning)  # old versions are the point
    suite.need_root()
    suite.need_tools("ip", "ss", "openssl", "xmllint", "xsltproc")
    with netns.Namespaces() as spaces, suite.scratch() as directory:
        space = spaces.namespace("t")
        maker = certs.Maker(directory)
        make(maker)
        process = serve(space, maker)
        try:
            found = endpoints(scan(space, directory, "--tls-sni", NAME, "-oJ", "-"))
            code = suite.run([test_findings, test_certificates, test_protocols, test_suites, test_jarm, test_no_name, test_ugly],
                             space, maker, found)
        finally:
            process.kill()
    sys.exit(code)
