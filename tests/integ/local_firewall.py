#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stateful firewall on the scanner itself hides no answer, whichever back end sends."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import netns
import suite

RULES = """table inet local {
 chain in { type filter hook input priority 0; policy drop;
  ct state established,related accept
  icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
 }
}
"""


def test_stateful(cases, bed):
    bed.scanner.nft(RULES)
    try:
        for backend in ("rawip", "afpacket", "xdp"):
            for target in ("10.99.0.2", "fd99::2"):
                done = bed.scanner.run([suite.PRTIP, "-sS", "-n", "-Pn", "-p", "80,81", "--tx-backend", backend, "-oJ", "-",
                                        target], 60)
                ports = {r["port"]: r["state"] for r in suite.json_records(done.stdout, "port")}
                cases.equal(f"{backend} {target}: answers come through a stateful firewall", ports,
                            {80: "open", 81: "closed"})
    finally:
        bed.scanner.nft("")


if __name__ == "__main__":
    suite.need_root()
    suite.need_tools("ip", "nft")
    with netns.Bed() as bed:
        listener = bed.target.listen(80)
        code = suite.run([test_stateful], bed)
        listener.close()
    sys.exit(code)
