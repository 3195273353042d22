#!/usr/bin/env python3
"""The whole way with real parts: Postfix with dmarcd as its milter, nsd as the
DNS, three messages over SMTP, the history imported, the report received."""
import collections
import email
import email.policy
import gzip
import os
import re
import smtplib
import subprocess
import xml.etree.ElementTree as tree

import parts
import postfix
from tap import Skip, Tap, contains, equal, skip_all

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


def run(top, tap):
    zone = (parts.MESSAGES / "zone").read_text()
    (top / "nobody").write_text("# nobody is ignored\n")
    server = postfix.Postfix(top / "postfix",
                             f"unix:{top}/dmarcd/milter.sock", None)
    state = {}
    with parts.nsd(top / "nsd", zone) as dns, \
            server.sink(top / "inbox") as inbox, \
            server.sink(top / "reports") as reports, \
            parts.dmarcd(top / "dmarcd", AuthservID="demo.example",
                         Enforce="considered", HoldQuarantinedMessages="yes",
                         IgnoreHosts=top / "nobody",
                         Nameservers=f"127.0.0.1:{dns}",
                         HistoryFile=top / "history") as daemon:
        server.relay_port = inbox
        with server.running():
            def genuine():
                code, words = send(server.port, "1-genuine.eml", "192.0.2.10",
                                   "mail.bank.example", "news@bank.example")
                equal(code, 250, f"reply to the genuine message: {words}")
                parts.wait_for("delivery", lambda: list(
                    (top / "inbox").iterdir()))

            def results():
                parts.wait_for("the whole message", lambda: b"The bank" in
                               only_message(top / "inbox"))
                text = only_message(top / "inbox").decode()
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

            def spoofed():
                code, words = send(server.port, "4-spoof.eml", "203.0.113.66",
                                   "attacker.example", "x@attacker.example")
                equal(code, 550, "code")
                for part in (b"5.7.1", b"DMARC", b"bank.example"):
                    contains(words, part, "reply")

            def held():
                code, words = send(server.port, "3-list.eml", "203.0.113.30",
                                   "list.example",
                                   "talk-bounces@list.example")
                equal(code, 250, f"reply to the list message: {words}")
                parts.wait_for("the hold queue", lambda: list(
                    (server.path / "queue/hold").iterdir()))

            tap.case("a genuine message is delivered", genuine)
            tap.case("our results stand on top, forged ones are gone", results)
            tap.case("a spoofed message is refused with 550 5.7.1", spoofed)
            tap.case("a list message is put on hold", held)

        def sigterm():
            daemon.terminate()
            equal(daemon.wait(parts.PATIENCE), 0, "status after SIGTERM")
            assert not (top / "dmarcd/milter.sock").exists()

        tap.case("SIGTERM ends dmarcd cleanly", sigterm)

        conf = top / "tool.conf"
        parts.write_config(
            conf, HistoryFile=top / "history",
            Database=f"sqlite:{top}/dmarc.db",
            Nameservers=f"127.0.0.1:{dns}",
            ReportEmail="dmarc-reports@receiver.example",
            ReportTransport=f"smtp://127.0.0.1:{reports}")

        def days():
            """Of the messages: two, if midnight came between them."""
            return sorted({time - time % DAY for time in
                           parts.received(top / "history")})

        def imported():
            contains(parts.dmarc("import", "-c", conf), "3 entries imported")
            contains(parts.dmarc("import", "-c", conf), "0 entries imported")

        def too_early():
            parts.dmarc("report", "-c", conf, "--now",
                        parts.received(top / "history")[0])
            equal(list((top / "reports").iterdir()), [], "reports")

        def reported():
            count = len(days())
            tomorrow = days()[-1] + DAY + 2 * 3600
            contains(parts.dmarc("report", "-c", conf, "--now", tomorrow),
                     f"{count} sent")
            parts.wait_for("the report", lambda: all(
                mail.rstrip().endswith(b"--")
                for mail in messages(top / "reports", count)))
            contains(parts.dmarc("report", "-c", conf, "--now",
                                 tomorrow + 3600), " 0 sent")
            state["mails"] = messages(top / "reports", count)

        def mail():
            state["xml"] = []
            periods = [check_mail(text) for text in state["mails"]]
            equal(sorted(periods), [(day, day + DAY - 1) for day in days()],
                  "periods")

        def check_mail(text):
            message = email.message_from_bytes(text,
                                               policy=email.policy.default)
            attachment = next(message.iter_attachments())
            state["xml"].append(gzip.decompress(attachment.get_content()))
            match = re.fullmatch(
                r"receiver\.example!bank\.example!(\d+)!(\d+)!"
                r"([0-9A-Za-z]+)\.xml\.gz", attachment.get_filename())
            assert match, attachment.get_filename()
            equal(message["Subject"],
                  "Report Domain: bank.example Submitter: receiver.example "
                  f"Report-ID: <{match[3]}>", "Subject")
            equal(attachment.get_content_type(), "application/gzip", "type")
            equal(message["To"], "dmarc@bank.example", "To")
            return int(match[1]), int(match[2])

        def valid():
            schema = parts.SHARED / "rfc/dmarc-2.0.xsd"
            if not schema.exists():
                raise Skip("no dmarc-2.0.xsd (RFC 9990 Appendix A) beside the "
                           "project")
            equal(len(state["xml"]), len(days()), "reports")
            for xml in state["xml"]:
                run = subprocess.run(
                    ["xmllint", "--noout", "--schema", schema, "-"], input=xml,
                    stderr=subprocess.PIPE)
                equal(run.returncode, 0, run.stderr.decode())

        def counts():
            found = collections.Counter()
            for row in (row for xml in state["xml"] for row in
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

        tap.case("the history is imported, once", imported)
        tap.case("no report before the period is over", too_early)
        tap.case("the report is sent, once", reported)
        tap.case("its mail is RFC 9990's", mail)
        tap.case("its XML is valid", valid)
        tap.case("its counts are right", counts)


def main():
    tap = Tap()
    with parts.folder("postfix") as top:
        run(top, tap)
    tap.end()


main()
