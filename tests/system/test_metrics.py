#!/usr/bin/env python3
"""What dmarc status --metrics prints, looked at by Prometheus' own promtool
(of Debian's package, 20 MB, unpacked and not installed)."""
import contextlib
import subprocess

import parts
from tap import Skip, case, equal, run_cases


@contextlib.contextmanager
def stage():
    with parts.folder("metrics") as top:
        yield top


@case("promtool check metrics finds nothing")
def promtool(top):
    try:
        tool = parts.unpacked("prometheus") / "usr/bin/promtool"
    except AssertionError as why:
        raise Skip(f"apt-get download prometheus: {why}") from None
    with parts.dmarcd(top / "d", ControlSocket=f"unix:{top}/d/control"):
        text = parts.dmarc("status", "-c", top / "d/dmarcd.conf", "--metrics")
    for metrics, wanted in ((text, 0), (text.replace("counter", "count"), 1)):
        run = subprocess.run([tool, "check", "metrics"], text=True,
                             input=metrics, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT)
        equal((run.returncode, run.stdout if wanted == 0 else ""),
              (wanted, ""))


run_cases(stage())
