# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates for tests, made by openssl when they are needed; and what openssl says of one, beside our record of it."""
import re
import subprocess
import time

CONFIG = """[ca]
default_ca = d
[d]
database = index.txt
new_certs_dir = .
rand_serial = yes
policy = p
unique_subject = no
default_md = default
email_in_dn = no
preserve = yes
[p]
countryName = optional
organizationName = optional
commonName = optional
"""
KEYS = {"p256": "EC -pkeyopt ec_paramgen_curve:P-256", "p384": "EC -pkeyopt ec_paramgen_curve:P-384",
        "ed25519": "ED25519", "ed448": "ED448", "rsa": "RSA -pkeyopt rsa_keygen_bits:2048",
        "rsa1024": "RSA -pkeyopt rsa_keygen_bits:1024", "rsa512": "RSA -pkeyopt rsa_keygen_bits:512",
        "rsa-pss": "RSA-PSS -pkeyopt rsa_keygen_bits:2048"}


class Maker:
    """Issues certificates into a directory; keys of one kind are made once."""

    def __init__(self, directory):
        self.directory = directory
        (directory / "ca.cnf").write_text(CONFIG)
        (directory / "index.txt").write_text("")

    def openssl(self, *command):
        done = subprocess.run(["openssl", *command], cwd=self.directory, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"openssl {' '.join(command)}: {done.stderr}")

    def key(self, kind):
        path = self.directory / f"{kind}.key"
        if not path.exists():
            self.openssl("genpkey", "-algorithm", *KEYS[kind].split(), "-out", path.name)
        return path

    def issue(self, name, key="p256", by=None, subject=None, start=None, end=None, extensions=(), options=""):
        """NAME.pem, signed by another's name or by itself; start, end: days from now. @return its path."""
        def moment(days):
            return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * 86400))
        (self.directory / "ext").write_text("\n".join(extensions) + "\n")
        self.openssl("req", "-new", "-config", "/dev/null", "-key", self.key(key).name, "-out", "csr",
                     "-subj", subject or f"/C=DE/O=Test/CN={name}")
        signer = ["-cert", f"{by}.pem", "-keyfile", (self.directory / f"{by}.signer").read_text()] if by else \
            ["-selfsign", "-keyfile", f"{key}.key"]
        self.openssl("ca", "-batch", "-notext", "-config", "ca.cnf", "-in", "csr", "-out", f"{name}.pem", "-startdate",
                     moment(-10 if start is None else start), "-enddate", moment(400 if end is None else end),
                     "-extfile", "ext", *signer, *options.split())
        (self.directory / f"{name}.signer").write_text(f"{key}.key")
        return self.directory / f"{name}.pem"

    def authority(self, name, by=None, **more):
        return self.issue(name, by=by, extensions=("basicConstraints=critical,CA:TRUE", "keyUsage=keyCertSign,cRLSign",
                                                   "subjectKeyIdentifier=hash"), **more)


def said(path, *options):
    return subprocess.run(["openssl", "x509", "-in", path, "-noout", *options], capture_output=True, text=True,
                          check=True).stdout.strip()


def ours(c):
    """The fields of a certificate record in openssl's words."""
    return {"serial": c["serial"].upper().zfill(len(c["serial"]) + len(c["serial"]) % 2),
            "sha256": c["sha256"].upper(), "sha1": c["sha1"].upper(), "subject": c["subject"], "issuer": c["issuer"],
            "end": c["not_after"], "start": c["not_before"], "bits": c["key_bits"], "signature": c["signature"],
            "sans": sorted((s["kind"], s["value"]) for s in c["sans"]), "version": c["version"],
            "ca": c["ca"], "usage": c["key_usage"], "purposes": c["extended_key_usage"], "ski": c["ski"] or "",
            "curve": c["curve"]}


USAGES = {"Digital Signature": "digitalSignature", "Key Encipherment": "keyEncipherment", "Certificate Sign": "keyCertSign",
          "CRL Sign": "cRLSign"}
PURPOSES = {"TLS Web Server Authentication": "serverAuth", "TLS Web Client Authentication": "clientAuth"}
CURVES = {"prime256v1": "secp256r1"}


def theirs(path):
    def value(*options):
        return said(path, *options).split("=", 1)[1]

    def moment(option):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.strptime(value(option), "%b %d %H:%M:%S %Y GMT"))
    text = said(path, "-text")

    def extension(name):
        found = re.search(rf"X509v3 {name}:[^\n]*\n +([^\n]*)", text)
        return found and found.group(1).strip()
    kinds = {"DNS": "dns", "email": "email", "URI": "uri", "IP Address": "ip"}
    sans = [s.split(":", 1) for s in (extension("Subject Alternative Name") or "").split(", ") if s]
    bits = re.search(r"Public-Key: \((\d+) bit\)", text)
    curve = re.search(r"ASN1 OID: (\S+)", text)
    usage, purposes = extension("Key Usage"), extension("Extended Key Usage")
    return {"serial": value("-serial"), "sha256": value("-fingerprint", "-sha256").replace(":", ""),
            "sha1": value("-fingerprint", "-sha1").replace(":", ""),
            "subject": value("-subject", "-nameopt", "RFC2253"), "issuer": value("-issuer", "-nameopt", "RFC2253"),
            "end": moment("-enddate"), "start": moment("-startdate"),
            "bits": int(bits.group(1)) if bits else 456 if "ED448" in text.split("Public Key Algorithm")[1][:20] else 256,
            "signature": re.search(r"Signature Algorithm: (\S+)", text).group(1),
            "sans": sorted((kinds[k], v.lower().replace("2001:db8:0:0:0:0:0:1", "2001:db8::1")
                            if k == "IP Address" else v) for k, v in sans),
            "version": int(re.search(r"Version: (\d)", text).group(1)), "ca": "CA:TRUE" in (extension("Basic Constraints") or ""),
            "usage": usage and [USAGES[u] for u in usage.split(", ")],
            "purposes": purposes and [PURPOSES[p] for p in purposes.split(", ")],
            "ski": (extension("Subject Key Identifier") or "").replace(":", "").lower(),
            "curve": curve and CURVES.get(curve.group(1), curve.group(1))}
