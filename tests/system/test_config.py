#!/usr/bin/env python3
"""The configuration: what OpenDMARC's files say, and what becomes of it."""
import json
import subprocess

import parts
from milter import Milter, inserted
from tap import case, contains, equal, run_cases

RESULTS = "Authentication-Results"
SAMPLE = parts.ROOT / "packaging/dmarcd.conf"


def daemon(top, **options):
    (top / "nobody").write_text("")
    return parts.dmarcd(top / "d", **{
        "AuthservID": "mx.test", "Enforce": "monitor", "Workers": 1,
        "IgnoreHosts": top / "nobody", "ZoneFile": parts.MESSAGES / "zone",
        **options})


def log(top):
    return (top / "d/log").read_text()


@case("the sample is what the option table says")
def sample(top):
    made = parts.dmarc("config", "--all", "-c", SAMPLE)
    equal(made, SAMPLE.read_text(),
          "make it anew: dmarc config --all -c packaging/dmarcd.conf")
    lines = "".join(line for line in made.splitlines(keepends=True)
                    if not line.startswith("UserID"))
    (top / "sample.conf").write_text(lines)
    run = subprocess.run([parts.DMARCD, "-n", "-c", top / "sample.conf"],
                         stderr=subprocess.PIPE)
    equal(run.returncode, 0, run.stderr)


@case("dmarc config prints what is in effect")
def effective(top):
    (top / "x.conf").write_text("rejectfailures yes\nworkers 0x10 # 16\n"
                                "DNSTimeout 60\nForensicReports no\n")
    equal([line.split() for line in
           parts.dmarc("config", "-c", top / "x.conf").splitlines()],
          [["DNSTimeout", "1m"], ["Enforce", "strict"],
           ["FailureReports", "no"], ["RejectFailures", "yes"],
           ["Workers", "16"]])
    values = json.loads(parts.dmarc("config", "--json", "-c", top / "x.conf"))
    equal([values[name] for name in
           ("Workers", "DNSTimeout", "Enforce", "RejectFailures", "Socket")],
          [16, 60, "strict", True, None])
    (top / "x.conf").write_text("AuthservID a\nIgnoreHost /x\n")
    contains(parts.dmarc_says("config", "-c", top / "x.conf", status=78)[1],
             "x.conf:2: unknown option \"IgnoreHost\"; did you mean "
             "IgnoreHosts?")


# What 1.4.2 and its forerunners have, and dmarcd does nothing with.
IDLE = {"AutoRestart": "Yes", "AutoRestartCount": "10",
        "AutoRestartRate": "10/1h", "Background": "Yes",
        "ChangeRootDirectory": "/var/empty", "DomainWhitelist": "a.test,b.test",
        "DomainWhitelistFile": "/etc/x", "DomainWhitelistSize": "3000",
        "EnableCoredumps": "no", "FailureReports": "true",
        "FailureReportsBcc": "postmaster@mx.test",
        "FailureReportsOnNone": "no",
        "FailureReportsSentBy": "Post Master <postmaster@mx.test>",
        "MilterDebug": "0", "ReportCommand": "/usr/sbin/sendmail -t",
        "TemporaryDirectory": "/var/tmp", "TestDNSData": "/x"}


@case("what does nothing is named in the log, once")
def idle(top):
    with daemon(top, **IDLE):
        said = log(top)
    for name in IDLE:
        equal(said.count(f" {name}: "), 1, name)


@case("the article's four lines")
def article(top):
    with daemon(top, AuthservID="mx.article.test", ForensicReports="true",
                ForensicReportsSentBy="postmaster@article.test",
                HistoryFile=top / "dmarc.dat"):
        with Milter(top / "d/milter.sock") as mta:
            mta.begin()
            mta.message()
            letter, _, changes = mta.verdict()
        equal(letter, "a", "answer")
        contains(inserted(changes)[RESULTS], "mx.article.test;")
        contains((top / "dmarc.dat").read_text(), "from bank.example")
        contains(log(top), "FailureReports: Does nothing yet")


run_cases(parts.folder("config"))
