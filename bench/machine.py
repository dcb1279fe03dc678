# SPDX-License-Identifier: GPL-3.0-or-later
"""What a measurement must say of the machine it was made on."""
import os
import platform
import shutil
import subprocess
import time


def version_of(program):
    path = shutil.which(program)
    if not path:
        return None
    text = subprocess.run([path, "--version"], capture_output=True, text=True).stdout.strip()
    return text.splitlines()[0] if text else "?"


def machine_facts():
    with open("/proc/cpuinfo") as f:
        models = [line.split(":", 1)[1].strip() for line in f if line.startswith("model name")]
    with open("/proc/meminfo") as f:
        memory_kb = int(f.readline().split()[1])
    return dict(kernel=platform.release(), machine=platform.machine(), cpu=models[0] if models else "?",
                cores=os.cpu_count(), memory_kb=memory_kb, load=os.getloadavg()[0],
                date=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                nmap=version_of("nmap"), masscan=version_of("masscan"), zmap=version_of("zmap"))
