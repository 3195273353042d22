#!/usr/bin/env python3
"""Two filters behind one Postfix: the first checks, the second believes it."""
import contextlib
import os
import re
import smtplib
import types

import parts
import postfix
from tap import case, contains, equal, run_cases, skip_all

if os.geteuid() != 0:
    skip_all("Postfix's master must start as root")
postfix.enter_namespace()

FORGED = b"Authentication-Results: filter.example; spf=pass " \
    b"smtp.mailfrom=bank.example;\r\n\tdkim=pass header.d=bank.example\r\n"


@contextlib.contextmanager
def stage():
    with contextlib.ExitStack() as stack:
        top = stack.enter_context(parts.folder("postfix-headers"))
        (top / "nobody").write_text("# nobody is ignored\n")
        server = postfix.Postfix(top / "postfix", f"unix:{top}/a/milter.sock,"
                                 f" unix:{top}/b/milter.sock")
        inbox = stack.enter_context(server.sink(top / "inbox"))
        both = {"Enforce": "monitor", "IgnoreHosts": top / "nobody",
                "ZoneFile": parts.MESSAGES / "zone"}
        stack.enter_context(parts.dmarcd(
            top / "a", AuthservID="filter.example", AuthservIDWithJobID="yes",
            **both))
        stack.enter_context(parts.dmarcd(
            top / "b", AuthservID="demo.example",
            TrustedAuthservIDs="filter.example",
            AuthenticationSource="headers", **both))
        stack.enter_context(server.running(inbox))
        yield types.SimpleNamespace(server=server, inbox=top / "inbox")


def results(it, data, address, sender):
    """The Authentication-Results of DATA as it was delivered, unfolded."""
    before = set(it.inbox.iterdir())
    with smtplib.SMTP("127.0.0.1", it.server.port,
                      timeout=parts.PATIENCE) as smtp:
        smtp.ehlo("client.example")
        smtp.docmd("XCLIENT", f"ADDR={address} NAME=client.example")
        smtp.ehlo("client.example")
        smtp.mail(sender)
        smtp.rcpt("customer@receiver.example")
        equal(smtp.data(data)[0], 250, "Postfix's word")

    def text():
        return "".join(file.read_text() for file in
                       set(it.inbox.iterdir()) - before)
    parts.wait_for("the whole header", lambda: "\n\n" in text())
    head = re.sub(r"\n[ \t]+", " ", text().split("\n\n")[0])
    return re.findall(r"(?m)^Authentication-Results: (.*)", head)


@case("what the first found is believed")
def genuine(it):
    fields = results(it, (parts.MESSAGES / "1-genuine.eml").read_bytes(),
                     "192.0.2.10", "news@bank.example")
    equal(len(fields), 2, fields)
    for field, name in zip(fields, ("demo.example;", "filter.example/")):
        for part in (name, "spf=pass", "dkim=pass", "dmarc=pass"):
            contains(field, part)


@case("what the sender wrote is not")
def forged(it):
    spoof = (parts.MESSAGES / "4-spoof.eml").read_bytes()
    fields = results(it, FORGED + spoof, "203.0.113.66", "x@attacker.example")
    equal(len(fields), 2, fields)
    for field, name in zip(fields, ("demo.example;", "filter.example/")):
        for part in (name, "dkim=none", "dmarc=fail"):
            contains(field, part)


run_cases(stage())
