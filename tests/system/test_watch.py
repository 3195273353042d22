#!/usr/bin/env python3
"""Files that the configuration names, when they change at a bad time."""
import os
import signal
import subprocess

import parts
from milter import Milter
from tap import Skip, case, contains, equal, run_cases


def daemon(top, **options):
    return parts.dmarcd(top / "d", **{
        "AuthservID": "mx.test", "Enforce": "strict", "Workers": 1,
        "ZoneFile": parts.MESSAGES / "zone", **options})


def log(top):
    return (top / "d/log").read_text()


def wait_for(top, words):
    parts.wait_for(words, lambda: words in log(top))


def letter(top):
    with Milter(top / "d/milter.sock") as mta:
        mta.begin()
        mta.message()
        return mta.verdict()[0]


@case("a change is not lost when no new filter can start")
def no_filter(top):
    hosts, folder = top / "hosts", top / "history"
    hosts.write_text("192.0.2.1\n")
    folder.mkdir()
    with daemon(top, IgnoreHosts=hosts, HistoryFile=folder / "h"):
        folder.rename(top / "away")
        (top / "new").write_text("203.0.113.66\n")
        (top / "new").rename(hosts)
        wait_for(top, "before it was ready; the old configuration stays, and")
        equal(letter(top), "y")
        (top / "away").rename(folder)
        wait_for(top, "the files that changed are in use")
        # The filter that retires may take one connection more.
        parts.wait_for("the new list", lambda: letter(top) == "a")


@case("a FIFO in place of a file stops nobody")
def fifo(top):
    hosts = top / "fifo"
    hosts.write_text("192.0.2.1\n")
    with daemon(top, IgnoreHosts=hosts) as started:
        hosts.unlink()
        os.mkfifo(hosts)
        started.send_signal(signal.SIGHUP)
        wait_for(top, f"{hosts}: not a file; the old configuration stays")
        (top / "d/dmarcd.conf").unlink()
        os.mkfifo(top / "d/dmarcd.conf")
        started.send_signal(signal.SIGUSR1)
        # Not another word of hosts, that may have been looked at again.
        wait_for(top, f"{top}/d/dmarcd.conf: ")
        equal(letter(top), "y")
    (top / "d/dmarcd.conf").unlink()
    for option in ("IgnoreHosts", "NoReportsList", "TrustedSenders",
                   "LocalPolicy", "ZoneFile", "PublicSuffixList"):
        parts.write_config(top / "conf", Socket=f"unix:{top}/s",
                           DiscoveryMethod="psl", **{option: hosts})
        run = subprocess.run([parts.DMARCD, "-n", "-c", top / "conf"],
                             stderr=subprocess.PIPE, timeout=parts.PATIENCE)
        equal(run.returncode, 78, option)
        contains(run.stderr.decode(), "not a file", option)


@case("what only root can read is an error at the start")
def only_root(top):
    if os.geteuid() != 0:
        raise Skip("only root can give up being root")
    good = {"Socket": f"unix:{top}/s", "UserID": "nobody", "UMask": "0"}
    secret = top / "secret"
    secret.write_text("# nothing\n")
    secret.chmod(0o600)
    rows = [(name, {**good, name: secret}, 0o644) for name in (
        "IgnoreHosts", "NoReportsList", "TrustedSenders", "LocalPolicy",
        "ZoneFile")]
    for name, options, mode in [*rows, ("itself", good, 0o600)]:
        parts.write_config(top / "root.conf", **options)
        (top / "root.conf").chmod(mode)
        run = subprocess.run([parts.DMARCD, "-c", top / "root.conf"],
                             stderr=subprocess.PIPE, timeout=parts.PATIENCE)
        equal(run.returncode, 77, name)
        contains(run.stderr.decode(), "Permission denied", name)
        contains(run.stderr.decode(),
                 str(top / "root.conf" if name == "itself" else secret), name)
        equal("listening" in run.stderr.decode(), False, name)


run_cases(parts.folder("watch"))
