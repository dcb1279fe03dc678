# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told: outputs, and the program's own words. See tests/integ/flags.py."""
import json
import os
import re
import subprocess

import suite
from flagcase import BOTH4, flag, ports, run, spellings, summary

# Output

@flag("-oN", "-oX", "-oG", "-oJ")
def output(bed, directory, spelling):
    path = directory / ("file" + spelling)
    shown = run(bed, "-sS", "-n", "-p80", "10.99.0.2", spelling, str(path)).stdout
    begin = {"-oN": "# prtip", "-oX": "<?xml", "-oG": "# prtip", "-oJ": '{"schema":1,"type":"scan"'}[spelling]
    text = path.read_text()
    return text.startswith(begin) and "80" in text and "80/tcp" in shown


@flag("-oA")
def output_all(bed, directory, spelling):
    run(bed, "-sS", "-n", "-p80", "10.99.0.2", spelling, str(directory / "every"))
    return all((directory / f"every.{end}").stat().st_size > 100 for end in ("nmap", "xml", "gnmap", "json"))


@flag("--stylesheet")
def stylesheet(bed, directory, spelling):
    """Escaped, and nmap's own file without the option."""
    line = '<?xml-stylesheet href="http://x/?a=1&amp;b" type="text/xsl"?>'
    default = '<?xml-stylesheet href="file:///usr/share/nmap/nmap.xsl" type="text/xsl"?>'
    command = ["-sL", "-n", "198.18.0.1", "-oX", "-"]
    return (line in run(bed, *command, spelling, "http://x/?a=1&b").stdout.splitlines() and
            (default in run(bed, *command).stdout) == os.path.exists("/usr/share/nmap/nmap.xsl"))


@flag("--no-stylesheet")
def no_stylesheet(bed, directory, spelling):
    return ("xml-stylesheet" not in run(bed, "-sL", "-n", "198.18.0.1", "-oX", "-", spelling).stdout and
            "--stylesheet" in run(bed, "-sL", "198.18.0.1", spelling, "--stylesheet", "x", code=2).stderr)


@flag("-v", "--verbose")
def verbose(bed, directory, spelling):
    command = ["-sn", "-n", "10.99.0.2,99"]
    quiet, more = (run(bed, *command, *extra).stdout for extra in ([], [spelling]))
    return ('<verbose level="1"/>' in run(bed, *command, spelling, "-oX", "-").stdout and "10.99.0.99" in more and
            "10.99.0.99" not in quiet)


@flag("-d", "--debug")
def debug(bed, directory, spelling):
    command = ["-sS", "-n", "-p80", "10.99.0.2"]
    quiet, more = (run(bed, *command, *extra) for extra in ([], [spelling]))
    return ('<debugging level="1"/>' in run(bed, *command, spelling, "-oX", "-").stdout and
            len(more.stdout + more.stderr) > len(quiet.stdout + quiet.stderr))


@flag("--reason")
def reason(bed, directory, spelling):
    command = ["-sS", "-n", "-p80,81", "10.99.0.2"]
    plain, told = run(bed, *command).stdout, run(bed, *command, spelling).stdout
    return "syn-ack" in told and "reset" in told and "syn-ack" not in plain


@flag("--open")
def open_only(bed, directory, spelling):
    return ports(bed, "-sS", "-p80,81", spelling, *BOTH4) == {(a, 80): ("open", "syn-ack") for a in BOTH4} and \
        "81/tcp" not in run(bed, "-sS", "-n", "-p80,81", spelling, *BOTH4).stdout


@flag("--packet-trace")
def packet_trace(bed, directory, spelling):
    done = run(bed, "-sS", "-n", "-Pn", "-p80,81", spelling, "198.18.0.1")
    text = done.stdout + done.stderr
    return (len(re.findall(r"^SENT .*TCP .*> 198\.18\.0\.1:8[01] S ", text, re.M)) == 2 and
            len(re.findall(r"^RCVD .*TCP 198\.18\.0\.1:80 > .* SA ", text, re.M)) == 1 and
            len(re.findall(r"^RCVD .*TCP 198\.18\.0\.1:81 > .* RA ", text, re.M)) == 1)


@flag("--with-db")
def with_db(bed, directory, spelling):
    run(bed, "-sS", "-n", "-Pn", "-p80,81", spelling, str(directory / "f.db"), "198.18.0.1")
    shown = run(bed, "db", "query", str(directory / "f.db"), "state=all").stdout
    return sorted(line.split()[2:4] for line in shown.splitlines()) == [["80/tcp", "open"], ["81/tcp", "closed"]]


@flag("--packet-capture")
def packet_capture(bed, directory, spelling):
    run(bed, "-sS", "-n", "-Pn", "-p80,81", spelling, str(directory / "c.pcapng"), "198.18.0.1")
    shown = subprocess.run(["tshark", "-r", directory / "c.pcapng", "-T", "fields", "-e", "tcp.port", "tcp"],
                           capture_output=True, text=True, check=True).stdout
    return sorted(sum(f"{port}" in line.split(",") for line in shown.splitlines()) for port in (80, 81)) == [2, 2]


@flag("--stats-every")
def stats_every(bed, directory, spelling):
    command = ["-sS", "-n", "-Pn", "-p1-200", "--max-rate", "200", "10.99.0.2"]
    quiet, told = (run(bed, *command, *extra) for extra in ([], [spelling, "250ms"]))
    return "Stats: " in told.stderr + told.stdout and "Stats: " not in quiet.stderr + quiet.stdout


@flag("--event-log")
def event_log(bed, directory, spelling):
    log = directory / "events"
    found = ports(bed, "-sS", "-p20-30", "10.99.0.2", spelling, str(log))
    records = suite.json_records(log.read_text())
    told = {(r["address"], r["port"]): (r["state"], r["reason"]) for r in records if r["type"] == "port_found"}
    return told == found and (records[0]["type"], records[-1]["type"]) == ("header", "footer")


@flag("--event-log-size")
def event_log_size(bed, directory, spelling):
    log = directory / "parts"
    run(bed, "-sS", "-n", "-Pn", "-p1-200", "10.99.0.2", "--event-log", str(log), spelling, "16384")
    footer = suite.json_records(log.read_text())[-1]
    return footer["next"] == "parts.1" and 16384 <= log.stat().st_size < 20000 and (directory / "parts.1").exists()


@flag("--metrics-file")
def metrics_file(bed, directory, spelling):
    path = directory / "metrics"
    sent = summary(bed, "-sS", "-Pn", "-p1-200", "10.99.0.2", spelling, str(path))["sent"]
    return f"\nprtip_sent_packets_total {sent}\n" in path.read_text() and path.read_text().endswith("# EOF\n")


@flag("--profile")
def profile(bed, directory, spelling):
    out = directory / "profiled"
    sent = summary(bed, "-sS", "-Pn", "-p1-200", "10.99.0.2", spelling, str(out))["sent"]
    told = json.loads((out / "profile.json").read_text())
    return sent == told["sent"] == sum(w["sent"]["at_once"]["mean"] * w["sent"]["at_once"]["n"] for w in told["workers"]) and \
        "<svg" in (out / "profile.html").read_text()


@flag("--iflist")
def interface_list(bed, directory, spelling):
    text = run(bed, spelling).stdout
    return all(word in text for word in ("va", "10.99.0.1", "198.18.0.0/16", "fd98::/64"))


# The rest

@flag("-V", "--version")
def version(bed, directory, spelling):
    return re.fullmatch(r"prtip version \d+\.\d+\.\d+\n", run(bed, spelling).stdout) is not None


@flag("-h", "--help")
def help_text(bed, directory, spelling):
    text = run(bed, spelling).stdout
    return all(name in text for name in spellings())
