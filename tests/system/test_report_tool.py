#!/usr/bin/env python3
"""dmarc report by hand, and opendmarc-reports and opendmarc-check by name, as
scripts of OpenDMARC's users call them."""
import contextlib
import email.utils
import json
import os
import sqlite3
import time

import parts
import sink
import xmlcheck
import xmlcheck
from history import ours as entry
from namesakes import Namesakes, environment
from tap import Skip, case, contains, equal, run_cases

DAY = 86400
# Of the day before yesterday: in the hour after midnight yesterday is not over.
NOON = int(time.time()) // DAY * DAY - DAY - DAY // 2
DAY_AFTER = NOON + DAY  # when that is sealed
DATE = time.strftime("%Y-%m-%d", time.gmtime(NOON))
NAMES = ("a.example", "b.example", "c.example")
ZONE = "".join(f'_dmarc.{name} TXT "v=DMARC1; p=none; rua=mailto:r@{name}"\n'
               for name in NAMES) + """\
_dmarc.none.test TXT "v=DMARC1; p=none; rua=mailto:agg@none.test!10m,mailto:agg@third.test; ruf=mailto:ruf@none.test"
_dmarc.quar.test TXT "v=DMARC1; p=quarantine; sp=reject; adkim=s; aspf=s; rua=mailto:agg@quar.test"
_dmarc.bad.test TXT "v=DMARC1; p=banana"
_dmarc.nop.test TXT "v=DMARC1; sp=reject"
_dmarc.bis.test TXT "v=DMARC1; p=reject; sp=quarantine; rua=mailto:agg@bis.test"
_dmarc.pct0.test TXT "v=DMARC1; p=reject; pct=0; rua=mailto:agg@pct0.test"
_dmarc.two.test TXT "v=DMARC1; p=none"
_dmarc.two.test TXT "v=DMARC1; p=reject"
_dmarc.as-none.test TXT "v=DMARC1; p=banana; rua=mailto:agg@as-none.test"
_dmarc.down.test SERVFAIL TXT
"""


class Reports(Namesakes):
    TOOLS = ("reports", "check", "params")

    def place(self, names=NAMES, **options):
        """A folder with a configuration and what came from NAMES."""
        folder = self.folder()
        (folder / "zone").write_text(ZONE)
        self.configure(folder, **options)
        self.add(folder, *names)
        return folder

    @staticmethod
    def configure(folder, **options):
        parts.write_config(folder / "c", **{
            "Database": f"sqlite:{folder}/db",
            "ZoneFile": folder / "zone"} | options)

    @staticmethod
    def add(folder, *names, received=NOON, more=""):
        if names:
            history = folder / f"history-{len(list(folder.glob('history-*')))}"
            history.write_text("".join(entry(name, received, more=more)
                                       for name in names))
            parts.dmarc("import", "-c", folder / "c", history)

    def reports(self, folder, relay, *words, **options):
        """opendmarc-reports with the options of the article of 2016."""
        said = self.run(folder, "reports", "--interval=86400",
                        "--smtp-server=127.0.0.1", f"--smtp-port={relay.port}",
                        "--report-email=r@receiver.example",
                        "--report-org=receiver.example", *words, **options)
        with contextlib.suppress(Skip):
            xmlcheck.check_folder(folder)  # --keepfiles
        return said


def recipients(relay):
    return sorted(to for mail in relay.taken for to in mail.recipients)


def files(folder):
    """Whom the XML there is about; it is valid."""
    if list(folder.glob("*.xml")):
        with contextlib.suppress(Skip):
            xmlcheck.check_folder(folder)
    return sorted(file.name.split("!")[1] for file in folder.glob("*.xml"))


# --- dmarc report ---

@case("--date sends the reports of that day, and leaves others")
def of_a_day(it):
    with sink.Sink() as relay:
        folder = it.place(ReportEmail="r@receiver.example",
                          ReportTransport=relay.url)
        it.add(folder, "a.example", received=NOON - DAY)
        parts.dmarc("report", "-c", folder / "c", "--date", DATE)
        equal(recipients(relay), [f"r@{name}" for name in NAMES])
        parts.dmarc("report", "-c", folder / "c")
        equal(recipients(relay), [f"r@{name}" for name in NAMES[:1] + NAMES])


@case("--output writes what is sent; what cannot be written is not sent")
def output(it):
    with sink.Sink() as relay:
        folder = it.place(ReportEmail="r@receiver.example",
                          ReportTransport=relay.url)
        parts.dmarc("report", "-c", folder / "c", "--output", folder / "no",
                    status=73)
        equal(relay.mails, [])
        parts.dmarc("report", "-c", folder / "c", "--output", folder)
        equal(files(folder), list(NAMES))
        sent = {mail.xml for mail in relay.taken}
        equal({file.read_bytes() for file in folder.glob("*.xml")}, sent)


@case("--dry-run --output: also those that were sent, and asks for nothing")
def dry_run(it):
    with sink.Sink() as relay:
        folder = it.place(ReportEmail="r@receiver.example",
                          ReportTransport=relay.url)
        parts.dmarc("report", "-c", folder / "c", "--domain", "a.example")
        equal(recipients(relay), ["r@a.example"])
        it.add(folder, "a.example")  # late
        (folder / "zone").write_text("_dmarc.a.example SERVFAIL TXT\n")
        for _ in range(2):
            parts.dmarc("report", "-c", folder / "c", "--dry-run", "--output",
                        folder)
            equal(files(folder), ["a.example", *NAMES])
        equal(len(relay.mails), 1)


def listed(folder, *words):
    """By domain, the columns from STATE on, of --list; the last one whole."""
    lines = parts.dmarc("report", "-c", folder / "c", "--list",
                        *words).splitlines()
    equal(lines[0].split(), ["PERIOD", "DOMAIN", "ID", "STATE", "MESSAGES",
                             "BYTES", "TO", "WHY"])
    return {line.split()[1]: line.split(None, 7)[3:] for line in lines[1:]}


def objects(folder, *words):
    return [json.loads(line) for line in parts.dmarc(
        "report", "-c", folder / "c", "--json", *words).splitlines()]


@case("--list: each report, its state, and why it was not sent")
def listing(it):
    with sink.Sink() as relay:
        folder = it.place(names=())
        parts.dmarc("database", "create", "-c", folder / "c")
        equal(listed(folder), {})
        it.add(folder, *NAMES, "gone.example")
        it.add(folder, "today.example", received=NOON + 2 * DAY)
        now = listed(folder)
        equal(now["a.example"][0], "open")
        contains(now["a.example"][-1], "ReportEmail is not set")
        tomorrow = time.strftime("%Y-%m-%dT01:00:00Z",
                                 time.gmtime(NOON + 3 * DAY))
        contains(now["today.example"][-1], f"not sealed until {tomorrow}")
        it.configure(folder, ReportEmail="r@receiver.example",
                     ReportTransport=relay.url)
        contains(listed(folder)["a.example"][-1], "the next run seals it")
        relay.replies["rcpt"] = lambda session: {
            "r@a.example": "451 4.7.1 later \x1b[31m \\o/", "r@b.example":
            "550 5.1.1 nobody"}.get(session.recipients[0])
        said, _ = parts.dmarc_says("report", "-c", folder / "c", status=75)
        red = r"451 4.7.1 later \x1B[31m \x5Co/"  # cleaned once
        contains(said, f"a.example  later to r@a.example: {red}\n")
        now = listed(folder)
        for name, state, to, why in (
                ("a.example", "waiting", "r@a.example", "451 4.7.1 later"),
                ("b.example", "refused", "r@b.example", "550 5.1.1 nobody"),
                ("c.example", "accepted", "r@c.example", "250"),
                ("gone.example", "unwanted", "-", "no DMARC record any more")):
            equal([now[name][i] for i in (0, 1, 3)], [state, "1", to])
            contains(now[name][-1], why)
        contains(now["a.example"][-1], "tried 1 time, next ")
        assert now["a.example"][-1].endswith(": " + red), now["a.example"]
        one = next(one for one in objects(folder, "--list")
                   if one["domain"] == "a.example")
        equal(one["deliveries"][0]["words"], red)
        said, _ = parts.dmarc_says("report", "-c", folder / "c", "--show",
                                   one["id"])
        assert any(line.startswith("Destination   r@a.example: waiting: ")
                   and line.endswith(": " + red)
                   for line in said.splitlines()), said
        said, _ = parts.dmarc_says("report", "-c", folder / "c", "--dry-run",
                                   "--date", DATE)
        contains(said, f"a.example  to r@a.example: waiting {red}\n")
        for typed in ("b.example", "B.Example."):
            equal(set(listed(folder, "--domain", typed)), {"b.example"})
        equal(listed(folder, "--domain", "no domain"), {})
        equal(set(listed(folder, "--date", DATE)), {*NAMES, "gone.example"})
        by_domain = {one["domain"]: one for one in objects(folder, "--list")}
        equal(set(by_domain), {*NAMES, "gone.example", "today.example"})
        one = by_domain["b.example"]
        equal((one["state"], one["messages"], one["rua"], one["why"]),
              ("refused", 1, ["mailto:r@b.example"], None))
        equal(one["end"] - one["begin"], DAY - 1)
        delivery, = one["deliveries"]
        equal((delivery["destination"], delivery["state"], delivery["tries"]),
              ("r@b.example", "refused", 1))
        contains(delivery["words"], "550 5.1.1 nobody")
        equal(by_domain["today.example"]["id"], None)


@case("DNS that answers later leaves nothing to tell but where it was sent")
def recovered(it):
    with sink.Sink() as relay:
        folder = it.place(ReportEmail="r@receiver.example",
                          ReportTransport=relay.url)
        it.add(folder, "down.test")
        words = ("report", "-c", folder / "c", "--domain", "down.test")
        parts.dmarc(*words, status=75)
        state, *_, to, why = listed(folder)["down.test"]
        equal((state, to), ("waiting", "-"))
        contains(why, "DNS does not say where to")
        with contextlib.closing(sqlite3.connect(folder / "db")) as database:
            with database:
                database.execute("UPDATE dmarc_delivery SET next_try = 0")
        (folder / "zone").write_text(
            '_dmarc.down.test TXT "v=DMARC1; p=none; rua=mailto:r@down.test"\n')
        contains(parts.dmarc(*words),
                 "down.test  sent to r@down.test: 250 2.0.0 taken\n"
                 "1 reports, 1 sent, 0 waiting, 0 refused\n")
        one, = objects(folder, "--list", "--domain", "down.test")
        equal([(to["destination"], to["state"]) for to in one["deliveries"]],
              [("r@down.test", "accepted")])
        equal((one["state"], one["why"]), ("accepted", None))


@case("--show: one report whole; its XML with --output")
def show(it):
    with sink.Sink() as relay:
        folder = it.place(ReportEmail="r@receiver.example",
                          ReportTransport=relay.url)
        parts.dmarc("report", "-c", folder / "c", "--domain", "a.example")
        whole = objects(folder, "--list", "--domain", "a.example")[0]["id"]
        out = parts.dmarc("report", "-c", folder / "c", "--show", whole[:8],
                          "--output", folder)
        for line in (f"Report        {whole}", "Domain        a.example",
                     "State         accepted", "Messages      1",
                     "  by SPF      1", "  by DKIM     0",
                     "Destination   r@a.example: accepted: 250"):
            contains(out, f"{line}", out)
        one, = objects(folder, "--show", whole)
        equal(one["sums"], {"pass": 1, "dkim": 0, "spf": 1, "quarantine": 0,
                            "reject": 0, "overridden": 0})
        file, = folder.glob("*.xml")
        equal(file.read_bytes(), relay.taken[0].xml)
        parts.dmarc("report", "-c", folder / "c", "--show", whole, "--output",
                    folder, "--format", "7489")
        assert file.read_bytes() != relay.taken[0].xml
        equal(len(relay.mails), 1)
        for other in ("%", "_", "x" * 40, whole + "0"):
            parts.dmarc("report", "-c", folder / "c", "--show", other,
                        status=66)


def sealed_twice(it, forget=""):
    """Two destinations of one report, the second after the configuration has
    changed: who reports, and in which form. The folder, and both mails."""
    with sink.Sink() as relay:
        folder = it.place((), ReportEmail="r@receiver.example",
                          ReportFormat="7489", ReportOrg="We",
                          ReportContact="call us", ReportTransport=relay.url)
        (folder / "zone").write_text(
            '_dmarc.a.example TXT "v=DMARC1; p=none; '
            'rua=mailto:r@a.example,mailto:q@a.example"\n')
        it.add(folder, "a.example")
        relay.replies["rcpt"] = (
            lambda session: "451 later"
            if session.recipients[0] == "q@a.example" else None)
        parts.dmarc("report", "-c", folder / "c", "--now", DAY_AFTER,
                    status=75)
        relay.replies.clear()
        it.configure(folder, ReportEmail="s@new.example",
                     ReportContact="write to us", ReportTransport=relay.url)
        with contextlib.closing(sqlite3.connect(folder / "db")) as database:
            database.executescript(forget)
        parts.dmarc("report", "-c", folder / "c")
        equal(recipients(relay), ["q@a.example", "r@a.example"])
        return folder, *relay.taken


def named(mail):
    """What a receiver knows a report by."""
    return (mail.message["From"], mail.message["Subject"], mail.message["Message-ID"],
            mail.message["Date"],
            [part.get_filename() for part in mail.message.walk()], mail.xml)


@case("a sealed report is sent as it was sealed, whatever is configured since")
def as_sealed(it):
    folder, first, second = sealed_twice(it)
    contains(first.xml.decode(), "<org_name>We</org_name>")
    assert b"urn:ietf:params:xml:ns:dmarc-2.0" not in first.xml
    equal(named(second), named(first))
    # Not of last week, when its period was.
    equal(email.utils.parsedate_to_datetime(first.message["Date"]).timestamp(),
          DAY_AFTER)
    parts.dmarc("report", "-c", folder / "c", "--dry-run", "--output", folder)
    file, = folder.glob("receiver.example!a.example!*.xml")
    equal(file.read_bytes(), first.xml)
    parts.dmarc("report", "-c", folder / "c", "--dry-run", "--output", folder,
                "--format", "9990")
    contains(file.read_text(), "urn:ietf:params:xml:ns:dmarc-2.0")


@case("one that was sealed before that was kept is sent as is configured now")
def before_senders(it):
    _, first, second = sealed_twice(it, "DELETE FROM dmarc_seal;")
    equal(second.report_id, first.report_id)
    contains(second.message["Subject"], "Submitter: new.example")


@case("suppress and allow: the operator's word on who gets no reports")
def suppress(it):
    with sink.Sink() as relay:
        folder = it.place(ReportEmail="r@receiver.example",
                          ReportTransport=relay.url)

        def report(*words, **options):
            return parts.dmarc_says("report", *words, "-c", folder / "c",
                                    **options)
        report("suppress", "R@A.example", "they", "asked \x1b[31m")
        report("suppress", "b.example")
        out, _ = report("suppress")
        equal([line.split(None, 1)[1] for line in out.splitlines()],
              ["@b.example", "r@a.example  they asked \\x1B[31m"])
        equal([one["address"] for one in objects(folder, "suppress")],
              ["@b.example", "r@a.example"])
        report()
        equal(recipients(relay), ["r@c.example"])
        equal(listed(folder)["a.example"][0], "suppressed")
        report("allow", "r@a.example")
        report("allow", "@b.example")
        equal(report("suppress")[0], "")
        contains(report("allow", "r@a.example", status=66)[1],
                 "was not suppressed")
        it.add(folder, "a.example")
        report()
        equal(recipients(relay), ["r@a.example", "r@c.example"])
        for words in (["suppress", "no one"], ["allow"], ["allow", "a", "b"],
                      ["nonsense"], ["--json"], ["--list", "--dry-run"],
                      ["--list", "--show", "x"], ["--show", ""],
                      ["--format", "1"], ["--domain", ""],
                      ["--list", "--output", folder],
                      ["--list", "--format", "7489"],
                      ["--show", "0", "--domain", "a.example"],
                      ["--show", "0", "--date", "2024-10-04"],
                      ["--show", "0", "--format", "7489"],
                      ["--json", "suppress", "s@a.example"],
                      ["--json", "allow", "s@a.example"]):
            report(*words, status=64)
        for option in (["--dry-run"], ["--list"], ["--show", "0"],
                       ["--date", "2024-10-04"], ["--domain", "a.example"],
                       ["--format", "7489"], ["--output", folder]):
            contains(report(*option, "suppress", "s@a.example", status=64)[1],
                     "for the list, are all that goes with: suppress")
        equal(report("suppress")[0], "", "options that it has not change none")
        (folder / "never").write_text("r@a.example\n")
        it.configure(folder, NoReportsList=folder / "never")
        contains(report("allow", "r@a.example", status=66)[1],
                 "NoReportsList names it still")
        report("suppress", "s@a.example")
        report("suppress", "s+tag@a.example")
        contains(report("allow", "S+tag@a.example")[1],
                 "S+tag@a.example: its mailbox or domain is suppressed still")
        equal(report("allow", "s@a.example")[1], "")


@case("reports that came to us cause none; beside other mail they are counted")
def reports_to_us(it):
    with sink.Sink() as relay:
        folder = it.place(names=(), ReportEmail="r@receiver.example",
                          ReportTransport=relay.url)
        it.add(folder, "a.example", "b.example", more="to_reports 1\n")
        it.add(folder, "a.example")
        said = parts.dmarc("report", "-c", folder / "c", "--dry-run")
        contains(said, "a.example  would be sent to ")
        contains(said, "b.example  not sent: nothing but mail to report ")
        parts.dmarc("report", "-c", folder / "c")
        equal(recipients(relay), ["r@a.example"])
        contains(relay.taken[0].xml.decode(), "<count>2</count>")


# No URIs, which the record's reader leaves out (dmarc lookup tells of them).
NO_URIS = ["mailto:a@x.example>%0d%0aRCPT%20TO:<victim@b.example",
           "mailto:\\195\\164@a.example", "a@a.example", "mailto:"]
HOSTILE = [
    "mailto:a@x.example%3E%0d%0aRCPT%20TO:%3Cvictim@b.example",
    "mailto:a%0aDATA@a.example", "mailto:a@b.example@a.example",
    "mailto:-oQ/tmp@a.example", "mailto:" + 300 * "a" + "@a.example",
    "mailto:%c3%a4@a.example", "mailto:@a.example", "mailto:a@",
    "mailto:a@localhost", "mailto:a@[127.0.0.1]", "mailto:a%20b@a.example",
    "https://a.example/", "ftp:a@a.example", "mailto:r@loop.example",
    "mailto:r@elsewhere.example"]


@case("hostile rua: none of them is sent to, each is told why; others get theirs")
def hostile(it):
    uris = HOSTILE + NO_URIS
    names = [f"h{number}.example" for number in range(len(uris))]
    records = [f'_dmarc.{name} TXT "v=DMARC1; p=none; rua=" "{uri}" '
               f'",mailto:good@{name}"\n'
               for name, uri in zip(names, uris)]
    records.append('_dmarc.many.example TXT "v=DMARC1; p=none; rua=mailto:m"' +
                   "".join(f' "@many.example,mailto:m{number}"'
                           for number in range(2000)) + ' "@many.example"\n')
    records.append('_dmarc.zero.example TXT "v=DMARC1; p=none; '
                   'rua=mailto:r@zero.example!0"\n')
    records += [f"{name}._report._dmarc.loop.example CNAME "
                f"{name}._report._dmarc.loop.example\n" for name in names]
    with sink.Sink() as relay:
        folder = it.place(names=(), ReportEmail="r@receiver.example",
                          ReportTransport=relay.url)
        (folder / "zone").write_text("".join(records))
        it.add(folder, *names, "many.example", "zero.example")
        said = parts.dmarc("report", "-c", folder / "c", status=None)
        got = recipients(relay)
        equal([to for to in got if "many" not in to],
              sorted([f"good@{name}" for name in names] + ["r@zero.example"]))
        equal(len(got) - len(names) - 1, 10, "destinations of one report")
        for name in names:
            lines = [line for line in said.splitlines()
                     if name in line and (
                         "not sent to " in line or "later to " in line)]
            equal(len(lines), name in names[:len(HOSTILE)], f"{name}: {said}")
        kept = {one["domain"]: [to["state"] for to in one["deliveries"]
                                if to["state"] == "accepted" or to["why"]]
                for one in objects(folder, "--list")}
        for name in names[:len(HOSTILE)]:
            equal((len(kept[name]), kept[name].count("accepted")), (2, 1), name)
        equal(len(kept["many.example"]), 20, "destinations, and what is not")
        for line in relay.commands:
            assert "victim" not in line and not line.startswith("DATA "), line
        equal({mail.sender for mail in relay.mails}, {""})


@case("a database that does not say who wants none: nothing is sent for now")
def unreadable(it):
    for table in ("dmarc_suppression", "dmarc_redirection"):
        with sink.Sink() as relay:
            folder = it.place(ReportEmail="r@receiver.example",
                              ReportTransport=relay.url)
            with contextlib.closing(sqlite3.connect(folder / "db")) as other:
                other.execute(f"ALTER TABLE {table} RENAME TO away")
                other.commit()
            out = parts.dmarc("report", "-c", folder / "c", status=75)
            contains(out, "the database does not say ")
            equal(relay.mails, [])


# --- opendmarc-reports ---

@case("the article's options: each report once, however often cron runs it")
def cron(it):
    with sink.Sink() as relay:
        folder = it.place()
        _, err = it.reports(folder, relay, "--verbose")
        contains(err, "opendmarc-reports: started at ")
        for name in NAMES:
            contains(err, f"opendmarc-reports: sent report for {name} to "
                     f"r@{name}")
        contains(err, "opendmarc-reports: terminating at ")
        equal(recipients(relay), [f"r@{name}" for name in NAMES])
        equal({mail.message["From"] for mail in relay.taken},
              {"r@receiver.example"})
        contains(relay.taken[0].xml.decode(),
                 "<org_name>receiver.example</org_name>")
        for _ in range(3):
            equal(it.reports(folder, relay), ("", ""))
        equal(len(relay.mails), 3)
        equal(files(folder), [])


@case("--test needs no mail server, keeps the XML, notes nothing: status 0")
def test_mode(it):
    relay = sink.Sink()
    relay.close()
    folder = it.place()
    for words in (["--test"], ["-n"], ["--test", "--noupdate", "-v", "-v"]):
        _, err = it.reports(folder, relay, *words)
        for name in NAMES:
            contains(err, "opendmarc-reports: would email "
                     f"{name} report to r@{name}\n")
        equal(files(folder), list(NAMES))
    (folder / "kept").mkdir()
    it.reports(folder, relay, "--test", "--workdir=kept")
    equal(files(folder / "kept"), list(NAMES))
    it.reports(folder, relay, "--test", "--workdir=none", status=1)
    with sink.Sink() as relay:
        it.reports(folder, relay)
        equal(len(relay.taken), 3)


@case("a mail server that is away is said, is status 1, and loses nothing")
def away(it):
    with sink.Sink() as relay:
        folder = it.place(ReportDelay="1h")
        relay.replies["rcpt"] = "451 4.7.1 later"
        _, err = it.reports(folder, relay, status=1)
        contains(err, "451 4.7.1 later")
        for name in NAMES:
            contains(err, f"opendmarc-reports: report for {name} waits")
        equal(relay.taken, [])
    with sink.Sink() as relay:
        folder = it.place(names=["a.example"])
        relay.replies["rcpt"] = "550 5.1.1 no"
        _, err = it.reports(folder, relay)
        contains(err, "report for a.example was refused by r@a.example: ")


@case("--domain, --nodomain, --skipdomains, --no-reports-list: who gets one")
def selected(it):
    with sink.Sink() as relay:
        folder = it.place()
        (folder / "skip").write_text("# not these\nB.example\n\n")
        it.reports(folder, relay, "--domain=unknown.test")
        equal(recipients(relay), [])
        it.reports(folder, relay, "--nodomain=a.example", "--nodomain",
                   "C.example", "--skipdomains=skip", "--keepfiles")
        equal(recipients(relay), [])
        equal(files(folder), [])
        it.reports(folder, relay, "--domain=c.example")
        equal(recipients(relay), ["r@c.example"])
        it.reports(folder, relay, "--nodomain=B.example.", "--keepfiles")
        equal(recipients(relay), ["r@a.example", "r@c.example"])
        equal(files(folder), ["a.example"])
        it.reports(folder, relay, "--skipdomains=none", status=1)
        it.reports(folder, relay)
        idn = "xn--bcher-kva.example"
        (folder / "zone").write_text(
            f'_dmarc.{idn} TXT "v=DMARC1; p=none; rua=mailto:r@{idn}"\n')
        it.add(folder, idn)
        (folder / "skip").write_text("Bücher.example\n")
        for word in ("--nodomain=bücher.example", "--skipdomains=skip"):
            it.reports(folder, relay, word, "--keepfiles")
            assert idn not in files(folder), word
        it.reports(folder, relay, "--domain=bücher.example", "--keepfiles")
        assert idn in files(folder)
        folder = it.place()
        (folder / "never").write_text("r@c.example\n")
        relay.mails.clear()
        it.reports(folder, relay, "--no-reports-list=never")
        equal(recipients(relay), ["r@a.example", "r@b.example"])


@case("what does nothing any more is taken, and said once, with the reason")
def nothings(it):
    with sink.Sink() as relay:
        folder = it.place()
        _, err = it.reports(
            folder, relay, "--utc", "--utc", "--noupdate", "--report-bcc=x@y.z",
            "--verp", "--stale-check", "--stale-server=x", "--interval=5000",
            "--dbscheme=mysql", "--db-dsn", "DBI:mysql:x", "--forensic")
        for word in ("utc", "noupdate", "report-bcc", "verp", "stale-*",
                     "interval", "dbscheme", "db-dsn", "forensic"):
            equal(err.count(f"opendmarc-reports: --{word} does nothing: "), 1,
                  err)
        equal(len(err.splitlines()), 9)
        equal(len(relay.taken), 3)
        _, err = it.reports(folder, relay, "--day")
        equal(err, "opendmarc-reports: WARN: --day overrides --interval\n")


@case("wrong options are status 1; --help and --version 0")
def wrong(it):
    folder = it.place(names=())
    for word in ("--nonsense", "--domain", "--interval=x", "--smtp-port=0x1",
                 "--smtp-port=65536", "--no"):
        assert it.run(folder, "reports", word, status=1)[1], word
    contains(it.run(folder, "reports", "--domain=", status=1)[1],
             "--domain: no domain")
    contains(it.run(folder, "reports", "--help")[0],
             "opendmarc-reports: usage: opendmarc-reports [options]\n")
    contains(it.run(folder, "reports", "--vers")[0], "opendmarc-reports v")


@case("what could be shortened in 1.4.2 still can")
def shortened(it):
    with sink.Sink() as relay:
        folder = it.place()
        it.run(folder, "reports", "--smtp-s=127.0.0.1",
               f"--smtp-p={relay.port}", "--report-e=r@receiver.example",
               "--report-o=us", "--i=86400", "--u", "--noup", "--verb", "--k")
        equal(len(relay.taken), 3)


@case("no database: status 1, and why")
def no_database(it):
    folder = it.place(names=(), Database="mysql://nobody@127.0.0.1:1/none")
    contains(it.run(folder, "reports", "--report-email=r@a.example",
                    status=1)[1], "opendmarc-reports: ")
    it.run(folder, "reports", "--test", "--report-email=r@a.example", status=1)


@case("without --report-email: ReportEmail, else postmaster of this domain")
def sender(it):
    with sink.Sink() as relay:
        folder = it.place(ReportEmail="own@receiver.example",
                          ReportTransport=relay.url)
        it.run(folder, "reports")
        equal({mail.message["From"] for mail in relay.taken},
              {"own@receiver.example"})
        folder = it.place(ReportTransport=relay.url)
        _, err = it.run(folder, "reports", "--test")
        equal(err.count("opendmarc-reports: would email "), 3, err)
        equal(files(folder), list(NAMES))
        host = os.uname().nodename
        if "." not in host:
            contains(it.run(folder, "reports", status=1)[1],
                     "give --report-email, or set ReportEmail")
            equal(len(relay.taken), 3)
        else:
            it.run(folder, "reports")
            assert all(mail.sender.startswith("postmaster@")
                       for mail in relay.taken[3:])
            equal(len(relay.taken), 6)


@case("--smtp-username, -password, -ssl, -ssl-ca-file")
def log_in(it):
    file, tls = sink.certificate(it.path / "tls")
    with sink.Sink(users={"we": "se cret"}) as relay:
        folder = it.place()
        relay.replies["mail"] = lambda session: (
            None if session.user == "we" else "530 5.7.0 log in")
        _, err = it.reports(folder, relay, "--smtp-username=we",
                            "--smtp-password", "se cret")
        contains(err, "--smtp-password: others could read it")
        assert "cret" not in err
        equal(len(err.splitlines()), 1)
        equal([mail.user for mail in relay.taken], ["we"] * 3)
    with sink.Sink(tls=tls, implicit_tls=True) as relay:
        folder = it.place()
        it.reports(folder, relay, "--smtp-ssl", status=1)
        equal(relay.taken, [])
        folder = it.place()
        it.reports(folder, relay, "--smtp-ssl", f"--smtp-ssl-ca-file={file}")
        equal(len(relay.taken), 3)


@case("options and environment name a MySQL and a mail server")
def on_server(it):
    server = it.mariadb()
    server.sql("CREATE DATABASE tool; CREATE USER tool@localhost IDENTIFIED "
               "BY 'word'; GRANT ALL ON tool.* TO tool@localhost")
    it.place(Database=server.location("tool"))
    folder = it.place(names=())
    env = environment(MYSQL_UNIX_PORT=str(server.socket))
    with sink.Sink() as relay:
        words = ["--dbhost=localhost", "--dbname=tool", "--dbuser=tool"]
        it.reports(folder, relay, *words, "--dbpasswd=wrong", status=1,
                   env=env)
        it.run(folder, "reports", *words, "--test", "--dbpasswd=word",
               "--report-email=r@receiver.example", env=env)
        equal(files(folder), list(NAMES))
        env |= {"OPENDMARC_PASSWORD": "word",
                "OPENDMARC_SMTPSERVER": "127.0.0.1",
                "OPENDMARC_SMTPPORT": str(relay.port)}
        it.run(folder, "params", *words, "--rua=mailto:x@other.test",
               "a.example", env=env)
        for _ in range(4):
            it.run(folder, "reports", *words,
                   "--report-email=r@receiver.example", env=env)
        equal(recipients(relay),
              ["r@b.example", "r@c.example", "x@other.test"])
        it.configure(folder, Database=server.location("tool"))
        now = listed(folder)
        equal(set(now), set(NAMES))
        equal(now["a.example"][0], "accepted")
        for one in objects(folder, "--list"):
            parts.dmarc("report", "-c", folder / "c", "--show", one["id"][:6])
        parts.dmarc("report", "-c", folder / "c", "suppress", "a@b.example")
        equal([one["address"] for one in objects(folder, "suppress")],
              ["a@b.example"])
        parts.dmarc("report", "-c", folder / "c", "allow", "a@b.example")


# --- opendmarc-params ---

@case("opendmarc-params: a domain's reports go where the operator says")
def params(it):
    with sink.Sink() as relay:
        folder = it.place()
        equal(it.run(folder, "params", "--rua="
                     "mailto:x@elsewhere.test!10m, mailto:y@elsewhere.test",
                     "A.example"), ("", ""))
        it.run(folder, "params", "--rua=", "b.example")
        it.run(folder, "params", "--rua=mailto:x@elsewhere.test", "c.example")
        contains(it.run(folder, "params", "--unlock", "--verbose",
                        "c.example")[1], "opendmarc-params: started at ")
        it.run(folder, "params", "--unlock", "other.example")
        _, err = it.reports(folder, relay, "--test", "--verbose")
        for name, to in (("a.example", "x@elsewhere.test!10m"),
                         ("a.example", "y@elsewhere.test"),
                         ("c.example", "r@c.example")):
            contains(err, f"would email {name} report to {to}\n")
        equal(err.count("would email"), 3)
        parts.dmarc("report", "suppress", "y@elsewhere.test", "-c",
                    folder / "c")
        (folder / "zone").write_text(
            ZONE.replace("_dmarc.a.example TXT", "_dmarc.z.example TXT"))
        it.reports(folder, relay)
        equal(recipients(relay), ["r@c.example", "x@elsewhere.test"])
        contains(listed(folder)["b.example"][-1], "redirected to nobody")
        it.run(folder, "params", "--unlock", "a.example")
        it.add(folder, "a.example")
        (folder / "zone").write_text(ZONE)
        it.reports(folder, relay)
        equal(recipients(relay)[0], "r@a.example")


@case("opendmarc-params: status 1 for a wrong command line")
def params_words(it):
    folder = it.place(names=())
    longest = ",".join(["mailto:a@b.test"] * 128) + " "  # 2048 bytes
    it.run(folder, "params", f"--rua={longest}", "a.example")
    for words in ([], ["a", "b"], ["--nonsense", "a.example"],
                  ["--rua=x", "a.example"], ["--rua=mailto:a@b.test,,",
                                             "a.example"],
                  [f"--rua={longest} ", "a.example"],
                  ["--rua=mailto:a@b.test", "no domain"]):
        assert it.run(folder, "params", *words, status=1)[1], words
    contains(it.run(folder, "params", "--help")[0],
             "opendmarc-params: usage: opendmarc-params [options] domain\n")
    contains(it.run(folder, "params", "--version")[0], "opendmarc-params v")


# --- opendmarc-check ---

def sampled(name):
    """What OpenDMARC's own said of NAME."""
    file = parts.SHARED / "samples/incumbent/opendmarc-check.out"
    if not file.exists():
        raise Skip("needs shared/samples/incumbent/opendmarc-check.out")
    text = file.read_text().split(f"--- {name}\n")[1].split("\n--- ")[0]
    said, _, status = text.rpartition("rc=")
    return said, int(status)


@case("a policy in the words of opendmarc-check")
def check_same(it):
    folder = it.place(names=())
    for name in ("none.test", "quar.test", "bis.test", "pct0.test",
                 "bad.test", "nop.test"):
        said, status = sampled(name)
        out, err = it.run(folder, "check", name, status=status)
        equal(out + err, said, name)


@case("where that tool was wrong: inherited records, two records, DNS failing")
def check_better(it):
    folder = it.place(names=())
    out, _ = it.run(folder, "check", "x.bis.test")
    contains(out, "DMARC record for x.bis.test:\n\tPublished by: bis.test\n\t"
             "Sample percentage: 100\n")
    contains(it.run(folder, "check", "as-none.test")[0],
             "\tDomain policy: none\n")
    for name, words in (
            ("two.test", "Looked up domain lacked a DMARC record"),
            ("down.test", "DNS lookup of domain tempfailed"),
            ("rej.test>", "not a domain name, like example.com")):
        equal(it.run(folder, "check", name, status=70)[1],
              f"opendmarc-check: opendmarc_policy_query_dmarc({name}): "
              f"{words}\n")


@case("opendmarc-check: 64 for a wrong command line; the first failure ends it")
def check_words(it):
    folder = it.place(names=())
    contains(it.run(folder, "check", status=64)[1], "usage")
    it.run(folder, "check", "--nonsense", status=64)
    contains(it.run(folder, "check", "--help")[0], "usage")
    contains(it.run(folder, "check", "--version")[0], "opendmarc-check v")
    out, _ = it.run(folder, "check", "quar.test", "none.test")
    equal(out.count("DMARC record for"), 2)
    out, _ = it.run(folder, "check", "quar.test", "bad.test", "none.test",
                    status=70)
    equal(out.count("DMARC record for"), 1)


run_cases(Reports.stage())
