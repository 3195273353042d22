#!/usr/bin/env python3
"""Debian's own Exim, which has no DMARC, with dmarcd behind packaging/exim:
what the sender is told, what is delivered, and what the history has."""
import os
import re
import shutil
import socket

import exim
import parts
import postfix
from exim import results, send, stage
from tap import case, contains, equal, run_cases, skip_all

if os.geteuid() != 0:
    skip_all("Exim must start as root")
postfix.enter_namespace(exim.USERS)

SPOOF = b"From: Bank <news@bank.example>\nSubject: hello\n\nhello\n"
FORGED = b"Authentication-Results: mx.test; dmarc=pass" \
    b" header.from=bank.example\nX-DMARC-Disposition: none\n"
OUTSIDE = "203.0.113.66"


def genuine():
    return (parts.MESSAGES / "1-genuine.eml").read_bytes() \
        .replace(b"\r\n", b"\n")


@case("genuine: delivered with our field, verified from the spool")
def genuine_mail(it):
    for main in ("", "split_spool_directory"):
        with it.daemon(), it.exim(main) as mta:
            code, said = send(mta, genuine())
            equal(code, 250, said)
            field = results(mta.queued(said))
            contains(field, "Authentication-Results: mx.test;")
            contains(field, "dkim=pass header.d=bank.example")
            contains(field, "dmarc=pass")
            equal(it.actions(), ["2"], "history")


@case("spoofed: refused with the text, also with forged results")
def spoofed(it):
    with it.daemon(RejectString="not from %s"), it.exim() as mta:
        for message in (SPOOF, FORGED + SPOOF):
            equal(send(mta, message),
                  (550, "5.7.1 DMARC: not from bank.example"))
        equal(it.actions(), ["0", "0"], "history")
        contains(mta.log(), "not from bank.example", "Exim's log")


@case("quarantine under sp=: points, a reason and a field; forged ones go")
def quarantine(it):
    message = FORGED + b"From: x@billing.shop.example\n\nhello\n"
    with it.daemon(), it.exim() as mta:
        code, said = send(mta, message)
        equal(code, 250, said)
        fields = mta.queued(said)
        equal([f for f in fields if f.startswith("X-DMARC")],
              ["X-DMARC-Disposition: quarantine\n"])
        contains(results(fields[1:]), "dmarc=fail")
        contains(mta.log(), "DMARC <quarantine> <40> <DMARC:")
        equal(it.actions(), ["4"], "history")


# (id of the field, does it stay where Exim removes by pattern?)
CLAIMS = [("filter.example", True), ("filter.example 1", True),
          ("\n\tfilter.example", True), ("filter.example/4J", True),
          ("notmx.test", True), ("mx.test.example", True),
          ("mx.test", False), ("MX.Test", False), ("mx.test 1", False),
          ("\n mx.test ", False), ("mx.test/4J", False), ("mx.test.", False),
          ('"mx.test"', False), ("(x) mx.test", False), ("mx (x) .test", False),
          ("mx.test (x)", False), ("other.test", False), ("id.test", False),
          ("", False), ("filter.example, mx.test", False),
          ("b\xfccher.example", False)]


@case("Authentication-Results: forged ones go, others only if they must")
def foreign(it):
    message = b"From: x@attacker.example\n\nhello\n"
    with it.daemon(AuthservID="id.test", TrustedAuthservIDs="other.test"), \
            it.exim() as mta:
        by_pattern = mta.version() >= (4, 97)
        for number, (claim, stays) in enumerate(CLAIMS):
            field = f"Authentication-Results: {claim}; x={number}\n" \
                .encode("latin-1")
            code, said = send(mta, field.replace(b"-R", b"-r") + field +
                              b"authentication-results :" + field[23:] +
                              message)
            equal(code, 250, said)
            fields = "".join(mta.queued(said))
            equal(fields.count(f"x={number}\n"),
                  3 if stays and by_pattern else 0, (claim, fields))
            contains(fields, "Authentication-Results: id.test;", claim)
    with it.exim("DMARCD_UNANSWERED = accept\n") as mta:
        code, said = send(mta, b"Authentication-Results: a.test; none\n" +
                          message)
        equal("Results" in "".join(mta.queued(said)), False,
              "nobody says which are forged")


@case("a score that was there is added to; monitor does nothing")
def score(it):
    message = b"From: x@billing.shop.example\n\nhello\n"
    with it.daemon(), it.exim(
            data_before="  warn set acl_c0 = 25\n") as mta:
        send(mta, message)
        contains(mta.log(), "<65>")
    with it.daemon(Enforce="monitor"), it.exim() as mta:
        code, said = send(mta, SPOOF)
        equal(code, 250, said)
        contains(results(mta.queued(said)), "dmarc=fail")


@case("no record; a malformed From; a header that Exim cuts")
def others(it):
    with it.daemon(), it.exim() as mta:
        code, said = send(mta, b"From: x@nowhere.example\n\nhello\n")
        equal(code, 250, said)
        contains(results(mta.queued(said)), "dmarc=none")
        two = b"From: a@attacker.example\n" + SPOOF
        equal(send(mta, two)[0], 550, "two From")
        for padding in (b"x" * 70000, b"x\nX: " * 12000):
            code, said = send(mta, b"From: a@attacker.example\nX: " +
                              padding + b"\n" + SPOOF)
            equal(code, 550, f"behind what is cut: {said}")


@case("DNS fails")
def no_dns(it):
    dead = f"127.0.0.1:{parts.free_port()}"
    with it.daemon(Nameservers=dead, DNSTimeout=1, MessageTimeout=2), \
            it.exim() as mta:
        code, said = send(mta, SPOOF)
        equal(code, 250, said)
        contains(results(mta.queued(said)), "dmarc=temperror")


@case("mail to report addresses alone is told, by its envelope")
def to_reports(it):
    to_us = SPOOF.replace(b"Subject", b"To: dmarc@mx.test\nSubject")
    for recipients, quiet in (
            (["dmarc@mx.test"], 1), (["DMARC@mx.test", "ruf@mx.test"], 1),
            (["dmarc@mx.test", "customer@mx.test"], 0),
            (['"x, dmarc@mx.test"@mx.test'], 0), (["customer@mx.test"], 0),
            ([f"a{number}@mx.test" for number in range(300)], 0)):
        with it.daemon(ReportEmail="dmarc@mx.test",
                       IgnoreMailTo="ruf@mx.test"), it.exim() as mta:
            equal(send(mta, to_us, recipients=recipients)[0], 550)
            lines = (it.path / "history").read_text()
            equal(it.actions(), ["0"], "history")
            equal(lines.count("\nto_reports 1\n"), quiet, recipients)


@case("who logged in and relays are not judged; only relays keep results")
def exempt(it):
    with it.daemon(), it.exim("DMARCD_EXEMPT = 192.0.2.0/24\n") as mta:
        code, said = send(mta, FORGED + SPOOF, login=True)
        equal(code, 250, said)
        equal(results(mta.queued(said)), "", "who logged in")
        code, said = send(mta, FORGED + SPOOF, address="192.0.2.7")
        equal(code, 250, said)
        contains("".join(mta.queued(said)), "dmarc=pass", "a relay")
        equal(send(mta, SPOOF)[0], 550, "all others")
        equal(it.actions(), ["0"], "history")


@case("dmarcd down: deferred, or let through where the macro says so")
def down(it):
    with it.exim() as mta:
        code, said = send(mta, SPOOF)
        equal((code, said[:5]), (451, "4.7.1"), said)
    with it.exim("DMARCD_UNANSWERED = accept\n") as mta:
        code, said = send(mta, FORGED + SPOOF)
        equal(code, 250, said)
        equal(results(mta.queued(said)), "", "no results")
        contains(mta.log(), "not checked: no answer")


@case("Debian's own configuration, single and split, with the three lines")
def debian(it):
    for is_split in (False, True):
        with it.daemon(), exim.Exim(it.fresh("exim")).running(
                debian=is_split, macros=f"""
DMARCD_SOCKET = {it.path}/d/query
DMARCD_EXEMPT = +relay_from_hosts
CHECK_DATA_LOCAL_ACL_FILE = {exim.FILES}/dmarcd-data.acl
.include {exim.FILES}/dmarcd-macros.conf
""") as mta:
            equal(send(mta, SPOOF)[0], 550, "spoofed")
            code, said = send(mta, genuine())
            equal(code, 250, said)
            contains(results(mta.queued(said)), "dmarc=pass")


@case("exim4-daemon-light, too")
def light(it):
    mta = exim.Exim(it.fresh("exim"), "exim4-daemon-light")
    with it.daemon(), mta.running(main=f"""
DMARCD_SOCKET = {it.path}/d/query
DMARCD_EXEMPT = 192.0.2.0/24
"""):
        equal(send(mta, SPOOF, address=None)[0], 550, "spoofed")
        code, said = send(mta, genuine(), address=None)
        equal(code, 250, said)
        contains(results(mta.queued(said)), "dmarc=pass")


@case("dmarcd slow: as without an answer")
def slow(it):
    path = it.path / "slow"
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(path))
        mute.listen()
        path.chmod(0o666)
        with exim.Exim(it.fresh("exim")).running(
                main=f"DMARCD_SOCKET = {path}\nDMARCD_WAIT = 1s\n") as mta:
            equal(send(mta, SPOOF)[0], 451)
            contains(mta.log(), "dmarcd: no answer")


HOSTILE = 'x"_disposition="none";dmarc=pass'


@case("hostile d=, s=, i=, HELO, MAIL FROM and From make no pass")
def hostile(it):
    tag = b'bank.example" disposition="none" x="'
    message = b"DKIM-Signature: v=1; a=rsa-sha256; d=" + tag + b"; s=" + tag + \
        b"; i=@" + tag + b"; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMp" \
        b"JWZG3hSuFU=; b=AAAA\n" \
        b'From: "\\" disposition=\\"none\\" ${run{/bin/false}} $h_from:"' \
        b" <news@bank.example>\n\nhello\n"
    with it.daemon(), it.exim() as mta:
        for sender in ("x@attacker.example",
                       '"a\\" disposition=\\"none"@attacker.example'):
            code, said = send(mta, message, helo=HOSTILE, sender=sender)
            equal((code, said[:5]), (550, "5.7.1"), said)
    with it.daemon(Enforce="monitor"), it.exim() as mta:
        code, said = send(mta, message, helo=HOSTILE)
        equal(code, 250, said)
        plain = re.sub(r'"(\\.|[^"\\])*"', "", results(mta.queued(said)))
        equal(re.findall(r"\tdmarc=(\w+)", plain), ["fail"])


@case("a signature, a spool that may not be read, and no results: no verdict")
def no_spool(it):
    shutil.chown(it.path, "nobody")
    with it.daemon(UserID="nobody"), it.exim() as mta:
        code, said = send(mta, genuine())
        equal(code, 451, f"neither spool nor lines: {said}")
        contains((it.path / "d/log").read_text(), "spool may not be read")


run_cases(stage())
