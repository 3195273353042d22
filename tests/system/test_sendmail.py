#!/usr/bin/env python3
"""ReportTransport sendmail: with the programs of that name of Debian's Postfix
and Exim: who sent, who gets it, and that the mail is as we wrote it."""
import contextlib
import os
import time

import exim
import parts
import postfix
from history import ours as entry
from tap import case, contains, equal, run_cases, skip_all

if os.geteuid() != 0:
    skip_all("Postfix and Exim must start as root")
postfix.enter_namespace({name: postfix.USERS[name] + exim.USERS[name]
                         for name in ("passwd", "group")})

DAY = 86400
NOON = int(time.time()) // DAY * DAY - DAY - DAY // 2
ZONE = '_dmarc.a.example TXT "v=DMARC1; p=none; rua=mailto:r@a.example"\n'
SENDERS = ("", "bounces@receiver.example")


def wrapper(path, environment, *words):
    """A program that runs WORDS with what it is given itself."""
    lines = [f"export {name}='{value}'" for name, value in environment.items()]
    path.write_text("\n".join(
        ["#!/bin/sh", *lines,
         "exec " + " ".join(map(str, words)) + ' "$@"', ""]))
    path.chmod(0o755)
    return path


def report(top, sender, program):
    """Sends the report of a.example by PROGRAM; what the tool says."""
    top.mkdir()
    (top / "zone").write_text(ZONE)
    (top / "history").write_text(entry("a.example", NOON))
    options = {"ReportEnvelopeFrom": sender} if sender else {}
    parts.write_config(
        top / "conf", Database=f"sqlite:{top}/db", ZoneFile=top / "zone",
        ReportEmail="reports@receiver.example",
        ReportTransport=f"sendmail:{program}", **options)
    parts.dmarc("import", "-c", top / "conf", top / "history")
    return parts.dmarc("report", "-c", top / "conf", status=None)


def send(top, sender, program):
    contains(report(top, sender, program),
             f"sent to r@a.example: {program} accepted it")


@contextlib.contextmanager
def stage():
    with parts.folder("sendmail") as top:
        yield top


@case("Postfix's")
def by_postfix(top):
    server = postfix.Postfix(top / "postfix", "")
    with server.running(parts.free_port()):
        program = wrapper(top / "postfix-sendmail", server.environment,
                          server.tree / "usr/sbin/sendmail")
        log = top / "postfix/maillog"
        for sender in SENDERS:
            send(top / f"by-postfix-{sender}", sender, program)
            parts.wait_for("the mail in the queue", lambda sender=sender:
                           f"from=<{sender}>, size=" in log.read_text())
        parts.wait_for("both mails", lambda: log.read_text().count(
            "to=<r@a.example>") == len(SENDERS))
        equal(log.read_text().count("uid=0 from=<"), len(SENDERS),
              log.read_text())


@case("Exim's")
def by_exim(top):
    mta = exim.Exim(top / "exim")
    mta.path.mkdir()
    mta.configure()
    program = wrapper(top / "exim-sendmail", mta.environment, mta.program,
                      "-C", mta.path / "conf")
    for sender in SENDERS:
        send(top / f"by-exim-{sender}", sender, program)
    heads = [file.read_text(errors="replace")
             for file in (mta.path / "spool/input").rglob("*-H")]
    equal(sorted(head.splitlines()[2] for head in heads),
          sorted(f"<{sender}>" for sender in SENDERS), "senders")
    for head in heads:
        contains(head, "\nr@a.example\n", "recipients")
        contains(head, "Subject: Report Domain: a.example", "header")
    for file in (mta.path / "spool/input").rglob("*-D"):
        assert "\r" not in file.read_text(), file


@case("a program that its MTA has no configuration for: tried again")
def broken(top):
    mta = exim.Exim(top / "broken")
    program = wrapper(top / "broken-sendmail", mta.environment, mta.program,
                      "-C", top / "nonexistent")
    out = report(top / "by-broken", "", program)
    contains(out, "later to r@a.example: ")
    contains(out, "ended by status 1: ")
    contains(out, "nonexistent")


run_cases(stage())
