#!/usr/bin/env python3
"""docs/opendmarc.md on a machine that boots: dmarcd beside Debian's OpenDMARC,
both asked by its Postfix, compared, and the change."""
import contextlib
import re

import machine
import parts
from page import Page
from tap import case, contains, equal, run_cases, skip_all

PAGE = Page("opendmarc.md")
SPOOF = b"From: Bank <news@bank.example>\r\nSubject: hello\r\n\r\nhello\r\n"
OURS = parts.MESSAGES / "1-genuine.eml"

if reason := machine.why_not():
    skip_all(reason)


def build(it):
    machine.make_packages(it)
    it.install("postfix", "opendmarc")
    it.run("cd /root && apt-get install -y --download-only ./dmarcd_*.deb")


@contextlib.contextmanager
def stage():
    zone = (parts.MESSAGES / "zone").read_text() + """
client.example A 203.0.113.66
"""
    with machine.machine(zone=zone, prepare=build, is_booted=True) as it:
        it.run("useradd -m customer && "
               "postconf -e myhostname=mx.receiver.example"
               " mydestination=receiver.example inet_interfaces=all"
               " mynetworks=127.0.0.0/8 && systemctl restart postfix")
        it.run("sed -i 's/^Socket.*/Socket inet:8893@localhost/'"
               " /etc/opendmarc.conf &&"
               " echo 'HistoryFile /run/opendmarc/opendmarc.dat'"
               " >> /etc/opendmarc.conf && systemctl restart opendmarc")
        yield it


def journal(it, words):
    return it.run(f"journalctl {words} -o cat --no-pager")


@case("it runs beside OpenDMARC, by the page's lines")
def beside(it):
    PAGE.follow(it, package=it.run, systemd=it.run)
    parts.wait_for("its word", lambda: "listening on inet:8895@127.0.0.1" in
                   journal(it, "-u dmarcd"))


@case("both see a mail, nothing is refused, and the page's lines compare them")
def compare(it):
    it.run("postconf -e 'smtpd_milters = inet:localhost:8893,"
           " inet:127.0.0.1:8895' && systemctl restart postfix")
    for source, message in ((machine.STRANGER, SPOOF),
                            (machine.SENDER, OURS.read_bytes())):
        (code, said), = machine.send(it.world, source, message)
        equal(code, 250, said)
    parts.wait_for("both to tell", lambda: all(
        len(re.findall(r": bank\.example (?:pass|fail)", journal(it, words)))
        == 2 for words in ("-t opendmarc", "-u dmarcd")))
    # OpenDMARC verifies no signature, and nobody does for it here.
    differing, both = PAGE.run(it, "compare").splitlines()
    contains(differing,
             "OpenDMARC: bank.example fail dmarcd: bank.example pass")
    equal(both, "2 messages seen by both")


@case("OpenDMARC's file is a configuration of ours")
def its_file(it):
    it.run("dmarcd -n -c /etc/opendmarc.conf")
    contains(it.run("dmarc config -c /etc/opendmarc.conf"), "Enforce")


def reloads(it):
    return journal(it, "-u dmarcd").count("configuration reloaded")


def children(it):
    return set(it.run(
        "cat /proc/$(systemctl show -P MainPID dmarcd)/task/*/children").split())


@contextlib.contextmanager
def reloaded(it):
    """dmarcd is told to reload amid this. Its filter of before may take one more
    connection until it has ended."""
    times, before = reloads(it), children(it)
    yield
    parts.wait_for("the reload", lambda: reloads(it) == times + 1 and
                   not before & children(it))


@case("the change: dmarcd by its own name, alone, and nothing refused yet")
def change(it):
    with machine.reloaded_postfix(it), reloaded(it):
        PAGE.run(it, "change")
    equal(it.run("systemctl is-active opendmarc", status=None), "inactive\n")
    said = it.run("dmarc config")
    for words in ("mx.receiver.example", "monitor", "/dmarc.db"):
        contains(said, words)
    assert "beside" not in said, said
    (code, said), = machine.send(it.world, machine.STRANGER, SPOOF)
    equal(code, 250, said)
    box = it.file("/var/mail/customer")
    field = "Authentication-Results: mx.receiver.example; dmarc=fail"
    parts.wait_for("its own field", lambda: field in " ".join(
        parts.read_or_empty(box).split()))


@case("what OpenDMARC wrote is carried over, what dmarcd saw beside it goes")
def history(it):
    parts.wait_for("the import", lambda: machine.messages(it) == 1)
    contains(it.run("dmarc import /run/opendmarc/opendmarc.dat", status=77),
             "Permission denied")
    PAGE.run(it, "history")
    equal(machine.messages(it), 3)
    equal(it.run("find /var/lib/dmarcd -name '*beside*'"), "")


@case("refused, once it is told to")
def refuse(it):
    with reloaded(it):
        PAGE.run(it, "refuse")
    (code, said), = machine.send(it.world, machine.STRANGER, SPOOF)
    equal((code, said[:5]), (550, "5.7.1"), said)


@case("and back")
def back(it):
    it.run("apt-get remove -y dmarcd && test -s /var/lib/dmarcd/dmarc.db")


run_cases(stage(), steps=True)
