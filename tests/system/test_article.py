#!/usr/bin/env python3
"""docs/article.md, step by step: every block of it in its order, on a machine
with Debian's Exim and MariaDB, and then mail, refusals, points and reports."""
import contextlib
import email
import json
import re

import machine
import parts
from page import Page
from sink import Sink
from tap import case, contains, equal, run_cases, skip_all

ARTICLE = Page("article.md")
OURS = parts.MESSAGES / "1-genuine.eml"
SPOOF = b"From: Bank <news@bank.example>\r\nSubject: hello\r\n\r\nhello\r\n"
UNSURE = b"From: x@billing.shop.example\r\n\r\nhello\r\n"
SHOP = "192.0.2.50"
TWO_DAYS = 2 * 86400

if reason := machine.why_not():
    skip_all(reason)


class Stage:
    def __init__(self, it, stack, path):
        self.machine, self.stack, self.path = it, stack, path
        self.sinks = {
            name: stack.enter_context(Sink(listener=machine.listen(
                it.world, address, 25)))
            for name, address in (("bank.example", machine.SENDER),
                                  ("shop.example", SHOP))}

    def start(self, script):
        log = self.path / "log"
        self.stack.enter_context(self.machine.daemon(
            f"bash -c '{script.strip()}'", log))
        parts.wait_for("dmarcd", lambda: "listening" in log.read_text())

    def send(self, source, *messages):
        return machine.send(self.machine.world, source, *messages)

    def box(self):
        """Its whole mails: the last one may be being delivered."""
        file = self.machine.file("/var/mail/customer")
        text = file.read_text() if file.exists() else ""
        mails = [email.message_from_string(mail) for mail in
                 re.split(r"(?m)^From \S+ .*\n", text)[1:]]
        return [mail for mail in mails if mail.get_payload()]

    def sql(self, statement):
        return self.machine.run(f'mysql -N opendmarc -e "{statement}"').strip()

    def days(self, domain):
        """Of its messages: two, if midnight came between them."""
        return int(self.sql("SELECT COUNT(DISTINCT hour DIV 86400) FROM"
                            f" dmarc_row WHERE policy_domain = '{domain}'"))

    def status(self):
        return json.loads(self.machine.run("dmarc database status --json"))


@contextlib.contextmanager
def stage():
    zone = (parts.MESSAGES / "zone").read_text() + f"""
shop.example MX 10 mail.shop.example
mail.shop.example A {SHOP}
client.example A {machine.STRANGER}
receiver.example MX 10 mx.receiver.example
mx.receiver.example A {machine.ADDRESS}
receiver.example TXT "v=spf1 mx -all"
_dmarc.receiver.example TXT "v=DMARC1; p=none"
"""
    with machine.machine("exim4-daemon-heavy", "mariadb-server", zone=zone,
                         addresses=[SHOP]) as it, \
            contextlib.ExitStack() as stack, \
            parts.folder("article") as path:
        yield Stage(it, stack, path)


@case("a mail server that works, before")
def before(it):
    it.machine.run(f"cd {parts.ROOT} && make install BUILD={parts.BUILD}")
    it.machine.write("/etc/mailname", "receiver.example\n")
    it.machine.write("/etc/exim4/update-exim4.conf.conf", """
dc_eximconfig_configtype='internet'
dc_other_hostnames='receiver.example'
dc_local_interfaces=''
dc_use_split_config='false'
dc_localdelivery='mail_spool'
CFILEMODE='644'
""")
    it.machine.run("useradd --create-home customer; service mariadb start;"
                   "update-exim4.conf; service exim4 start")
    (code, said), = it.send(machine.STRANGER, SPOOF)
    equal(code, 250, said)
    parts.wait_for("the mail", lambda: len(it.box()) == 1)


@case("every block of the page, in order")
def follow(it):
    ARTICLE.follow(it.machine, daemon=it.start)
    equal(it.machine.run("stat -c '%a %U' /var/lib/dmarcd/filter/history"),
          "600 dmarcd\n", "the history")


@case("a genuine mail is delivered with our field")
def genuine(it):
    (code, said), = it.send(machine.SENDER, OURS.read_bytes())
    equal(code, 250, said)
    parts.wait_for("the mail", lambda: len(it.box()) == 2)
    field = it.box()[-1]["Authentication-Results"]
    contains(field, "mx.receiver.example;")
    contains(field, "dmarc=pass")
    contains(field, "dkim=pass")


@case("a spoofed one is refused with the domain's wish")
def spoofed(it):
    (code, said), = it.send(machine.STRANGER, SPOOF)
    equal((code, said[:5]), (550, "5.7.1"), said)
    contains(it.machine.run("cat /var/log/exim4/mainlog"), "DMARC: ")


@case("quarantine adds 40 points and why; with 100 the server's rule refuses")
def points(it):
    answers = it.send(machine.STRANGER, UNSURE, UNSURE, UNSURE)
    equal([code for code, _ in answers], [250, 250, 550], answers)
    contains(answers[2][1], "too many points: DMARC:")
    parts.wait_for("the mails", lambda: len(it.box()) == 4)
    scores = sorted(mail["X-Score"] for mail in it.box()[2:])
    equal([score.split()[0] for score in scores], ["40", "80"])
    contains(scores[0], "(DMARC:")
    equal(it.box()[2]["X-DMARC-Disposition"], "quarantine")


@case("two days later: each report is sent once, though the script runs often")
def reports(it):
    script = next(file for file in ARTICLE.files() if "sbin" in file)
    it.machine.run(script)
    # A message is in a report when its day is over: the days pass here.
    for table in ("dmarc_row", "dmarc_unsealed"):
        it.sql(f"UPDATE {table} SET hour = hour - {TWO_DAYS}")
    for _ in range(4):
        it.machine.run(script)
    it.machine.run("exim4 -q")
    parts.wait_for("Exim's queue to be empty", lambda: it.machine.run(
        "exim4 -bpc") == "0\n")
    for name, sink in it.sinks.items():
        parts.wait_for(f"the report to {name}", lambda: sink.taken)
        equal(len(sink.taken), it.days(name), f"reports to {name}")
        equal(sink.taken[0].recipients, [f"dmarc@{name}"])
        equal(sink.taken[0].message["From"].addresses[0].addr_spec,
              "dmarc-reports@receiver.example")


def counts(sink):
    """Disposition: messages, in its reports."""
    xml = "".join(mail.xml.decode() for mail in sink.taken)
    found = {}
    for record in re.findall(r"(?s)<record>.*?</record>", xml):
        kind = re.search(r"<disposition>(\w+)", record)[1]
        found[kind] = found.get(kind, 0) + \
            int(re.search(r"<count>(\d+)", record)[1])
    return found


@case("no message is missing in them, nor in the database")
def balance(it):
    equal(counts(it.sinks["bank.example"]), {"pass": 1, "reject": 1})
    equal(counts(it.sinks["shop.example"]), {"quarantine": 3})
    status = it.status()
    equal((status["messages"], status["rejected"]), (5, 0))


@case("what the page says to look at")
def look(it):
    said = ARTICLE.run(it.machine, "later")
    for words in ("messages    5\n", "accepted", "reports pass DMARC"):
        contains(said, words)


run_cases(stage(), steps=True)
