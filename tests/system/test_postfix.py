#!/usr/bin/env python3
"""The whole way with real parts: Postfix with dmarcd as its milter, nsd as the
DNS, three messages over SMTP, the history imported, the report received."""
import collections
import contextlib
import email
import email.policy
import os
import re
import smtplib
import types
import xml.etree.ElementTree as tree

import parts
import postfix
import xmlcheck
from tap import case, contains, equal, run_cases, skip_all

if os.geteuid() != 0:
    skip_all("Postfix's master must start as root")
postfix.enter_namespace()

DAY = 86400
XML = "{urn:ietf:params:xml:ns:dmarc-2.0}"


def send(port, file, address, name, sender):
    """One message with a client address of our choice; Postfix's last word."""
    with smtplib.SMTP("127.0.0.1", port, timeout=parts.PATIENCE) as smtp:
        smtp.ehlo(name)
        code, words = smtp.docmd("XCLIENT", f"ADDR={address} NAME={name}")
        equal(code, 220, f"XCLIENT: {words}")
        smtp.ehlo(name)
        smtp.mail(sender)
        smtp.rcpt("customer@receiver.example")
        return smtp.data((parts.MESSAGES / file).read_bytes())


def messages(path, count):
    files = list(path.iterdir())
    equal(len(files), count, f"messages in {path}")
    return [file.read_bytes() for file in files]


def only_message(path):
    return messages(path, 1)[0]


@contextlib.contextmanager
def stage():
    """All parts at work; what the cases share."""
    zone = (parts.MESSAGES / "zone").read_text()
    with contextlib.ExitStack() as stack:
        it = types.SimpleNamespace(mails=[], xml=[])
        it.top = top = stack.enter_context(parts.folder("postfix"))
        (top / "nobody").write_text("# nobody is ignored\n")
        it.server = postfix.Postfix(top / "postfix",
                                    f"unix:{top}/dmarcd/milter.sock")
        dns = stack.enter_context(parts.nsd(top / "nsd", zone))
        inbox = stack.enter_context(it.server.sink(top / "inbox"))
        reports = stack.enter_context(it.server.sink(top / "reports"))
        it.daemon = stack.enter_context(parts.dmarcd(
            top / "dmarcd", AuthservID="demo.example", Enforce="considered",
            HoldQuarantinedMessages="yes", IgnoreHosts=top / "nobody",
            Nameservers=f"127.0.0.1:{dns}", HistoryFile=top / "history"))
        stack.enter_context(it.server.running(inbox))
        it.conf = top / "tool.conf"
        parts.write_config(
            it.conf, HistoryFile=top / "history",
            Database=f"sqlite:{top}/dmarc.db",
            Nameservers=f"127.0.0.1:{dns}",
            ReportEmail="dmarc-reports@receiver.example",
            ReportTransport=f"smtp://127.0.0.1:{reports}")
        yield it


@case("a genuine message is delivered")
def genuine(it):
    code, words = send(it.server.port, "1-genuine.eml", "192.0.2.10",
                       "mail.bank.example", "news@bank.example")
    equal(code, 250, f"reply to the genuine message: {words}")
    parts.wait_for("delivery", lambda: list(
        (it.top / "inbox").iterdir()))


@case("our results stand on top, forged ones are gone")
def results(it):
    parts.wait_for("the whole message", lambda: b"The bank" in
                   only_message(it.top / "inbox"))
    text = only_message(it.top / "inbox").decode()
    head = text.split("\n\n")[0]
    names = re.findall(r"(?m)^([A-Za-z-]+):", head)
    # smtp-sink's own: X- fields and one Received.
    names = [n for n in names if not n.startswith("X-")][1:]
    contains(head.split("Received:")[1], "smtp-sink", "its field")
    equal(names[:2], ["Authentication-Results", "Received"],
          "fields on top")
    contains(head.split("Received:")[2], "mx.receiver.example")
    equal(names.count("Authentication-Results"), 1,
          "our field, and no forged one")
    for part in ("demo.example;", "spf=pass", "dkim=pass",
                 "dmarc=pass", "header.from=bank.example"):
        contains(head, part, "header")
    assert "elsewhere.example" not in head, head


@case("a spoofed message is refused with 550 5.7.1")
def spoofed(it):
    code, words = send(it.server.port, "4-spoof.eml", "203.0.113.66",
                       "attacker.example", "x@attacker.example")
    equal(code, 550, "code")
    for part in (b"5.7.1", b"DMARC", b"bank.example"):
        contains(words, part, "reply")


@case("a list message is put on hold")
def held(it):
    code, words = send(it.server.port, "3-list.eml", "203.0.113.30",
                       "list.example",
                       "talk-bounces@list.example")
    equal(code, 250, f"reply to the list message: {words}")
    parts.wait_for("the hold queue", lambda: list(
        (it.server.path / "queue/hold").iterdir()))


@case("SIGTERM ends dmarcd cleanly")
def sigterm(it):
    it.daemon.terminate()
    equal(it.daemon.wait(parts.PATIENCE), 0, "status after SIGTERM")
    assert not (it.top / "dmarcd/milter.sock").exists()


def days(it):
    """Of the messages: two, if midnight came between them."""
    return sorted({time - time % DAY for time in
                   parts.received(it.top / "history")})


@case("the history is imported, once")
def imported(it):
    contains(parts.dmarc("import", "-c", it.conf), "3 entries imported")
    contains(parts.dmarc("import", "-c", it.conf), "0 entries imported")


@case("no report before the period is over")
def too_early(it):
    parts.dmarc("report", "-c", it.conf, "--now",
                parts.received(it.top / "history")[0])
    equal(list((it.top / "reports").iterdir()), [], "reports")


@case("the report is sent, once")
def reported(it):
    count = len(days(it))
    tomorrow = days(it)[-1] + DAY + 2 * 3600
    contains(parts.dmarc("report", "-c", it.conf, "--now", tomorrow),
             f"{count} sent")
    parts.wait_for("the report", lambda: all(
        mail.rstrip().endswith(b"--")
        for mail in messages(it.top / "reports", count)))
    contains(parts.dmarc("report", "-c", it.conf, "--now",
                         tomorrow + 3600), " 0 sent")
    it.mails = messages(it.top / "reports", count)


def check_mail(it, text):
    # As the MTA passed it on, with fields of its own, and with LF.
    it.xml.append(xmlcheck.check_mail(text.replace(b"\n", b"\r\n")))
    message = email.message_from_bytes(text,
                                       policy=email.policy.default)
    attachment = next(message.iter_attachments())
    match = re.fullmatch(
        r"receiver\.example!bank\.example!(\d+)!(\d+)!"
        r"([0-9A-Za-z]+)\.xml\.gz", attachment.get_filename())
    assert match, attachment.get_filename()
    equal(message["To"], "dmarc@bank.example", "To")
    return int(match[1]), int(match[2])


@case("its mail is RFC 9990's")
def mail(it):
    it.xml = []
    periods = [check_mail(it, text) for text in it.mails]
    equal(sorted(periods), [(day, day + DAY - 1) for day in days(it)],
          "periods")


@case("its XML is valid")
def valid(it):
    equal(len(it.xml), len(days(it)), "reports")
    for xml in it.xml:
        xmlcheck.check(xml)


@case("its counts are right")
def counts(it):
    found = collections.Counter()
    for row in (row for xml in it.xml for row in
                tree.fromstring(xml).iter(f"{XML}row")):
        evaluated = row.find(f"{XML}policy_evaluated")
        key = (row.findtext(f"{XML}source_ip"),
               evaluated.findtext(f"{XML}disposition"),
               evaluated.findtext(f"{XML}dkim"),
               evaluated.findtext(f"{XML}spf"),
               evaluated.findtext(f"{XML}reason/{XML}type"))
        found[key] += int(row.findtext(f"{XML}count"))
    equal(found, {
        ("192.0.2.10", "pass", "pass", "pass", None): 1,
        ("203.0.113.66", "reject", "fail", "fail", None): 1,
        ("203.0.113.30", "quarantine", "fail", "fail",
         "mailing_list"): 1}, "rows")


run_cases(stage())
