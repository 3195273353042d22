#!/usr/bin/env python3
"""The configuration: what OpenDMARC's files say, and what becomes of it."""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess

import parts
from milter import Milter, inserted
from tap import Skip, case, contains, equal, run_cases

RESULTS = "Authentication-Results"
PACKAGED = parts.ROOT / "packaging/dmarcd.conf"
SAMPLE = parts.ROOT / "packaging/dmarcd.conf.sample"


def daemon(top, **options):
    """With our usual options and OPTIONS; None: not set at all."""
    (top / "nobody").write_text("")
    options = {
        "AuthservID": "mx.test", "Enforce": "monitor", "Workers": 1,
        "IgnoreHosts": top / "nobody", "ZoneFile": parts.MESSAGES / "zone",
        **options}
    return parts.dmarcd(top / "d", **{
        name: value for name, value in options.items() if value is not None})


def log(top):
    return (top / "d/log").read_text()


@case("the sample is what the option table says")
def sample(top):
    made = parts.dmarc("config", "--all", "-c", SAMPLE)
    equal(made, SAMPLE.read_text(),
          "make it anew: dmarc config --all -c packaging/dmarcd.conf.sample")
    assert is_apart(made, SAMPLE)
    lines = "".join(line for line in made.splitlines(keepends=True)
                    if not line.startswith("UserID"))
    (top / "sample.conf").write_text(lines)
    run = subprocess.run([parts.DMARCD, "-n", "-c", top / "sample.conf"],
                         stderr=subprocess.PIPE)
    equal(run.returncode, 0, run.stderr)


@case("the package's configuration sets what the sample does, and is short")
def packaged(top):
    equal(parts.dmarc("config", "-c", PACKAGED),
          parts.dmarc("config", "-c", SAMPLE))
    text = PACKAGED.read_text()
    contains(text, "dmarcd.conf.sample")
    assert len(text.splitlines()) < 40, "every change of it makes upgrades ask"


def shown():
    """The configurations in the README and in docs/, by page."""
    readme = (parts.ROOT / "README.md").read_text()
    yield "README", re.search(r"(?m)^    UserID [^#]*?\n\n", readme)[0]
    for page in sorted((parts.ROOT / "docs").glob("*.md")):
        for text in re.findall(r"(?ms)^```conf \w+=/etc/dmarcd.conf$\n(.*?)^```"
                               r"|^```conf title=\S+/dmarcd.conf$\n(.*?)^```",
                               page.read_text()):
            yield page.name, "".join(text)


def is_apart(text, name):
    """The filter may write in the history's folder."""
    files = dict(re.findall(r"(?m)^ *(HistoryFile|Database) +(?:sqlite:)?(/.*)",
                            text))
    if len(files) < 2:
        return False
    assert pathlib.Path(files["HistoryFile"]).parent not in \
        pathlib.Path(files["Database"]).parents, (name, files)
    return True


@case("the configurations that pages show are good")
def pages(top):
    names = set()
    for name, text in shown():
        names.add(name)
        (top / "page.conf").write_text(text)
        contains(parts.dmarc("config", "-c", top / "page.conf"),
                 text.split()[1], name)
        is_apart(text, name)
    for name in ("README", "freebsd.md", "opendmarc.md", "postfix.md"):
        contains(names, name)


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


# --- what OpenDMARC's options do ---

def connect(top, **options):
    return Milter(top / "d/milter.sock", **options)


def send(top, *fields, client="203.0.113.66", sender=b"<x@attacker.example>",
         job=b"4JOB"):
    """(letter, words, changes) of one message; From of bank.example when no
    field is named."""
    with connect(top) as mta:
        mta.begin(client)
        mta.mail(sender)
        mta.macro("L", b"i", job)
        for name, value in fields or [(b"From", b"x@bank.example")]:
            mta.field(name, value)
        mta.end()
        return mta.verdict()


FROM = (b"From", b"x@bank.example")
DATE = (b"Date", b"Mon, 23 Nov 2026 10:00:00 +0000")


@case("IgnoreHosts: addresses, networks, names, IPv6, exceptions")
def ignore_hosts(top):
    (top / "hosts").write_text("192.0.2.0/24\n!192.0.2.9 # not this one\n"
                               "2001:db8::/32\n\n")
    with daemon(top, Enforce="strict", IgnoreHosts=top / "hosts"):
        for client, letter in (("192.0.2.8", "a"), ("192.0.2.9", "y"),
                               ("2001:db8::5", "a"), ("2001:db9::5", "y"),
                               ("127.0.0.1", "y")):
            got, _, changes = send(top, client=client)
            equal((got, changes), (letter, []), client)
    (top / "d/dmarcd.conf").unlink()
    with parts.dmarcd(top / "d", Enforce="strict",
                      ZoneFile=parts.MESSAGES / "zone"):
        for client, letter in (("127.0.0.1", "a"), ("::1", "a"),
                               ("192.0.2.8", "y")):
            equal(send(top, client=client)[0], letter, f"default: {client}")


@case("IgnoreMailFrom")
def ignore_mail_from(top):
    forged = (b"Authentication-Results", b"mx.test; dmarc=pass")
    with daemon(top, Enforce="strict", HistoryFile=top / "h1",
                IgnoreMailFrom="other.example, BANK.example"):
        letter, _, changes = send(top, forged, FROM)
        equal(letter, "a", "ignored")
        equal([c for c, _ in changes], ["m"], "only the forged field goes")
        equal((top / "h1").read_text(), "", "history")
        equal(send(top, (b"From", b"x@www.bank.example"))[0], "y",
              "not what is below")
        contains(log(top), "4JOB: ignoring mail from bank.example")


@case("IgnoreMailTo: judged, but not recorded")
def ignore_mail_to(top):
    history = top / "h2"
    with daemon(top, Enforce="strict", HistoryFile=history,
                IgnoreMailTo="dmarc@mx.test, ruf@MX.test,"):
        for to, count in (
                (b"dmarc@mx.test", 0), (b"Reports <DMARC@mx.test>, a@b.c", 0),
                (b"a@b.c,\n\truf@mx.test", 0), (b"(x)ruf@mx.test", 0),
                (b"", 1), (b"a@b.c", 1), (b"xdmarc@mx.test", 1),
                (b"dmarc@mx.test.c", 1), (b"x.ruf@mx.test", 1),
                (b"ruf@mx.testing", 1), (b"dmarc", 1)):
            history.write_text("")
            equal(send(top, FROM, (b"To", to))[0], "y", "judged all the same")
            equal(history.read_text().count("\naction 0\n"), count, to)
        history.write_text("")
        send(top, FROM)
        equal(history.read_text().count("\naction 0\n"), 1, "no To")


@case("to_reports: mail of which all recipients take reports, by the envelope")
def to_reports(top):
    history = top / "h3"
    ours, ruf, other = b"<dmarc@mx.test>", b"<ruf@MX.test>", b"<a@mx.test>"
    with daemon(top, Enforce="strict", HistoryFile=history,
                ReportEmail="dmarc@mx.test",
                ReportEnvelopeFrom="bounces@mx.test",
                IgnoreMailTo="ruf@mx.test") as _, connect(top) as mta:
        for recipients, quiet in (
                ([ours], 1), ([b"<DMARC@MX.test>", ruf], 1), ([], 0),
                ([b"dmarc@mx.test"], 1), ([ours, other], 0),
                ([b"<bounces@mx.test>"], 1),
                ([other, ours], 0), ([b"<xdmarc@mx.test>"], 0), ([b"<>"], 0),
                ([b""], 0), ([b"<dmarc@mx.test"], 0), ([ours] * 100, 1)):
            history.write_text("")
            mta.begin()
            mta.mail()
            for recipient in recipients:
                mta.send("R", recipient + b"\0NOTIFY=NEVER\0")
            mta.field(b"From", b"x@bank.example")
            mta.end()
            mta.verdict()
            lines = history.read_text()
            equal(lines.count("\naction "), 1, lines)
            equal(lines.count("\nto_reports 1\n"), quiet, recipients)
    with daemon(top, Enforce="strict", HistoryFile=history) as _, \
            connect(top) as mta:
        equal(mta.protocol & 8, 8, "RCPT is not asked for")


@case("IgnoreAuthenticatedClients")
def ignore_authenticated(top):
    for option, letter in (("yes", "a"), ("no", "y")):
        with daemon(top, Enforce="strict",
                    IgnoreAuthenticatedClients=option), connect(top) as mta:
            mta.begin()
            mta.macro("M", b"{auth_authen}", b"ann")
            mta.message()
            equal(mta.verdict()[0], letter, option)


@case("RecordAllMessages")
def record_all(top):
    for option, count in (("no", 0), ("yes", 1)):
        with daemon(top, RecordAllMessages=option,
                    HistoryFile=top / f"all-{option}"):
            equal(send(top, (b"From", b"x@attacker.example"))[0], "a")
            equal((top / f"all-{option}").read_text().count("\nend "), count,
                  option)


@case("RequiredHeaders")
def required_headers(top):
    rows = (([FROM, DATE], "a", b""), ([FROM], "y", b"no Date field"),
            ([DATE], "y", b"no From field"),
            ([FROM, DATE, FROM], "y", b"several From fields"),
            ([FROM, DATE, DATE], "y", b"several Date fields"),
            ([FROM, DATE, (b"To", b"a"), (b"to", b"b")], "y",
             b"several To fields"),
            ([FROM, DATE, (b"Sender", b"a"), (b"X", b"1"), (b"X", b"2")],
             "a", b""),
            ([(b"From", b"bank.example"), DATE], "y", b""))
    with daemon(top, RequiredHeaders="yes"):
        for fields, letter, said in rows:
            got, words, _ = send(top, *fields)
            equal(got, letter, fields)
            contains(words, said)
            equal(words[:10], b"550 5.7.1 " if letter == "y" else b"")
    with daemon(top):
        for fields, _, _ in rows:
            equal(send(top, *fields)[0], "a", f"without it: {fields}")


@case("RejectMultiValueFrom, RequiredFrom")
def from_options(top):
    two = [(b"From", b"a@bank.example, b@attacker.example"), DATE]
    none, broken = [DATE], [(b"From", b"bank.example"), DATE]
    for option, letters in (("RejectMultiValueFrom", "yaa"),
                            ("RequiredFrom", "ayy"), ("Workers", "aaa")):
        with daemon(top, **{option: "1"}):
            equal("".join(send(top, *fields)[0]
                          for fields in (two, none, broken)), letters, option)


@case("CopyFailuresTo")
def copy_failures(top):
    def copies(changes):
        return [data for command, data in changes if command == "+"]

    with daemon(top, CopyFailuresTo="audit@mx.test"):
        letter, _, changes = send(top)
        equal((letter, copies(changes)), ("a", [b"<audit@mx.test>\0"]))
        changes = send(top, (b"From", b"x@attacker.example"))[2]
        equal(copies(changes), [], "nothing asked for")
        with connect(top, actions=0x1FF & ~4) as mta:
            mta.begin()
            mta.message()
            letter, _, changes = mta.verdict()
            equal((letter, copies(changes)), ("a", []), "not allowed")
        contains(log(top), "the MTA lets filters add no recipients")
    with daemon(top, CopyFailuresTo="audit@mx.test", Enforce="strict"):
        equal(send(top)[::2], ("y", []), "refused: nothing to copy")
    with daemon(top):
        equal(copies(send(top)[2]), [], "without it")
    (top / "bad.conf").write_text("CopyFailuresTo a b\n")
    contains(parts.dmarc_says("config", "-c", top / "bad.conf", status=78)[1],
             "CopyFailuresTo must be one address")


@case("HoldQuarantinedMessages")
def hold(top):
    for option, letters in (("yes", ["i", "q"]), ("no", ["i", "i"])):
        with daemon(top, Enforce="quarantine",
                    HoldQuarantinedMessages=option):
            letter, _, changes = send(top)
            equal((letter, [c for c, _ in changes]), ("a", letters), option)
    # As it was with an old file that never refused anything.
    with daemon(top, HoldQuarantinedMessages="yes", RejectFailures="no"):
        equal([c for c, _ in send(top)[2]], ["i"], "monitor")


@case("RejectFailures alone refuses no mail that it did not refuse")
def reject_failures(top):
    two = [FROM, (b"From", b"x@attacker.example")]
    for options, letter in (({}, "a"), ({"Enforce": "strict"}, "y"),
                            ({"RejectMultiValueFrom": "yes"}, "y")):
        with daemon(top, **{"Enforce": None, "RejectFailures": "yes",
                            **options}):
            equal(send(top, *two)[0], letter, options)
            equal(send(top)[0], "y", "one that fails p=reject")


@case("SoftwareHeader, AuthservIDWithJobID")
def added(top):
    with daemon(top, SoftwareHeader="yes", AuthservIDWithJobID="yes"):
        fields = inserted(send(top)[2])
    contains(fields[RESULTS], "mx.test/4JOB;")
    contains(fields["DMARC-Filter"], "dmarcd 0.")
    contains(fields["DMARC-Filter"], " 4JOB")
    with daemon(top):
        fields = inserted(send(top)[2])
    equal(list(fields), [RESULTS], "without")
    contains(fields[RESULTS], "mx.test;")


@case("TrustedAuthservIDs: such a field is forged, unless it is believed")
def trusted_ids(top):
    field = (b"Authentication-Results", b"Filter.test; spf=pass "
             b"smtp.mailfrom=bank.example")
    for source, gone, result in (("self", 1, "fail"), ("headers", 0, "pass")):
        with daemon(top, TrustedAuthservIDs="a.test, filter.test",
                    AuthenticationSource=source):
            changes = send(top, field, FROM, sender=b"<x@bank.example>")[2]
        equal([c for c, _ in changes].count("m"), gone, source)
        contains(inserted(changes)[RESULTS], f"dmarc={result}")


@case("SPFIgnoreResults, SPFSelfValidate")
def spf_options(top):
    field = (b"Authentication-Results", b"filter.test; spf=fail "
             b"smtp.mailfrom=attacker.example")
    author = (b"From", b"x@attacker.example")
    for options, said, unsaid in (({}, "fail", "none"),
                                  ({"SPFSelfValidate": 1}, "fail", "pass"),
                                  ({"SPFIgnoreResults": 1}, "pass", "pass")):
        with daemon(top, AuthenticationSource="headers",
                    TrustedAuthservIDs="filter.test", **options):
            for fields, result in (([field, author], said),
                                   ([author], unsaid)):
                contains(inserted(send(top, *fields)[2])[RESULTS],
                         f"spf={result} smtp.mailfrom=attacker.example",
                         (options, fields))


@case("a client without an address is a local submission")
def local(top):
    with daemon(top, Enforce="strict"), connect(top) as mta:
        for data in (b"localhost\0L\0\0/sock\0", b"localhost\0U"):
            mta.send("C", data)
            mta.message()
            letter, _, changes = mta.verdict()
            equal((letter, changes), ("a", []), data)
        for number in (1, 2):
            contains(log(top), "local submission from localhost: accepted "
                     f"unchecked, number {number}")


@case("an old file refuses nothing and mails nothing")
def upgrade(top):
    """As Debian's opendmarc.conf, with what people turn on."""
    with daemon(top, **IDLE, Enforce="monitor"):
        pass  # the folder
    text = "".join(f"{name} {value}\n" for name, value in {
        **IDLE, "AuthservID": "mx.test", "Syslog": "no", "UMask": "0",
        "PublicSuffixList": "/usr/share/publicsuffix/public_suffix_list.dat",
        "SPFSelfValidate": "true", "IgnoreHosts": top / "nobody",
        "HistoryFile": top / "old.dat", "HoldQuarantinedMessages": "true",
        "Socket": f"local:{top}/d/milter.sock", "RejectFailures": "false",
        "TrustedAuthservIDs": "HOSTNAME", "SyslogFacility": "LOCAL7",
        "ZoneFile": parts.MESSAGES / "zone",
    }.items())
    (top / "opendmarc.conf").write_text(text)
    values = json.loads(parts.dmarc("config", "--json", "-c",
                                    top / "opendmarc.conf"))
    equal((values["Enforce"], values["ReportEmail"], values["Database"]),
          ("monitor", None, None))
    out = top / "old.log"
    with parts.process([parts.DMARCD, "-c", top / "opendmarc.conf"],
                       out) as started:
        parts.wait_for("dmarcd", lambda: "listening" in out.read_text(),
                       started)
        for fields in ([FROM], [DATE],
                       [(b"From", b"a@bank.example, b@attacker.example")]):
            letter, _, changes = send(top, *fields)
            equal((letter, [c for c, _ in changes]), ("a", ["i"]), fields)
        equal((top / "old.dat").read_text().count("\nend "), 1, "history")


@case("LogFormat json: one object a line, values escaped")
def log_json(top):
    with daemon(top, LogFormat="json", Enforce="strict"):
        send(top, job=b'4"J\\\n\xff')
        send(top, (b"From", b'"\x1b[31m"@bank.example, <b@c.example>'))
        parts.wait_for("both", lambda: log(top).count('"disposition"') == 2)
        lines = [json.loads(line) for line in log(top).splitlines()]
    first = next(line for line in lines if "id" in line)
    equal({name: first[name] for name in (
        "id", "from", "dmarc", "client", "spf", "policy", "disposition",
        "reason", "comment", "program")},
          {"id": '4"J\\\n\xff', "from": "bank.example", "dmarc": "fail",
           "client": "203.0.113.66", "spf": "pass", "policy": "reject",
           "disposition": "reject", "reason": "none", "comment": "",
           "program": "dmarcd filter"})
    assert first["ms"].isdigit() and first["time"].endswith("Z"), first
    assert any("listening" in line.get("message", "") for line in lines)


@case("dmarcd -n by root looks with UserID's eyes")
def check_as_user(top):
    if os.geteuid() != 0:
        raise Skip("needs root, to become somebody else")
    hosts, conf = top / "hosts", top / "eyes.conf"
    hosts.touch()
    parts.write_config(conf, Socket=f"unix:{top}/m", UserID="nobody",
                       IgnoreHosts=hosts)
    for mode, status in ((0o600, 77), (0o644, 0)):
        hosts.chmod(mode)
        run = subprocess.run([parts.DMARCD, "-n", "-c", conf],
                             stderr=subprocess.PIPE)
        equal(run.returncode, status, run.stderr)
        equal(str(hosts) in run.stderr.decode(), status != 0, run.stderr)


def log_through(place, stream_end, **options):
    """What dmarcd writes of a start, a message and a reload of a bad file, when
    JOURNAL_STREAM is what its standard error is, and STREAM_END."""
    place.mkdir()
    file, conf = place / "log", place / "conf"
    file.touch()
    stream = f"{file.stat().st_dev}:{file.stat().st_ino}{stream_end}"
    parts.write_config(conf, Socket=f"unix:{place}/m", AuthservID="mx.test",
                       ZoneFile=parts.MESSAGES / "zone", **options)
    with parts.process([parts.DMARCD, "-c", conf], file, env={
            **os.environ, "JOURNAL_STREAM": stream}) as started:
        def say(words):
            parts.wait_for(words, lambda: words in file.read_text(), started)

        say("listening")
        with Milter(place / "m") as mta:
            mta.begin()
            mta.macro("M", b"i", b"4c9X1Y")
            mta.message()
            equal(mta.verdict()[0], "a")
        say("bank.example")
        conf.write_text("Nonsense yes\n")
        started.send_signal(signal.SIGHUP)
        say("the old configuration stays")
    return file.read_text().splitlines()


@case("standard error is the journal: priorities, and no name of ours")
def log_journal(top):
    for line in log_through(top / "named", "1"):
        assert re.match(r"dmarcd( filter)?\[\d+\]: ", line), line
    for form, begin in (("text", "[a-z0-9/]"), ("json", '{"time":')):
        lines = log_through(top / form, "", LogFormat=form)
        for line in lines:
            level = 4 if "configuration stays" in line else 6
            assert re.match(f"<{level}>{begin}", line), line
            equal(re.search(r"dmarcd[^:]*\[", line), None, line)
    run = subprocess.run([parts.DMARCD, "-c", top / "named/conf"],
                         stderr=subprocess.PIPE, env={
                             **os.environ, "JOURNAL_STREAM": "1:2"})
    assert run.stderr.startswith(b"dmarcd["), run.stderr


HOSTILE = b'a\n\r\0\x1b[2J\x07\x9b %s%n \\x0A "q" \xe2\x80\xae </x> ' \
    b"]: dmarcd[1]: bank.example pass client=1.2.3.4 dmarc=pass"


def send_hostile(path):
    """All that a stranger chooses, and what an MTA may hand on of it."""
    with Milter(path) as mta:
        mta.send("C", HOSTILE.replace(b"\0", b"") + b"\0U")
    for author in (HOSTILE, b'"' + HOSTILE + b'"@bank.example',
                   b"x@" + HOSTILE, b"<x@bank.example> (" + HOSTILE):
        with Milter(path) as mta:
            text = HOSTILE.replace(b"\0", b"")
            mta.begin(helo=text)
            mta.mail(b"<" + text + b"@attacker.example>")
            mta.macro("L", b"i", text)
            mta.field(b"From", author.replace(b"\0", b""))
            mta.field(text.replace(b":", b""), text)
            mta.end()
            mta.verdict()


@case("hostile values, in each format: one line a message, nothing but text")
def log_hostile(top):
    for form in ("text", "json"):
        with daemon(top, LogFormat=form, Enforce="strict",
                    RejectMultiValueFrom="yes"):
            send_hostile(top / "d/milter.sock")
            parts.wait_for("all", lambda: log(top).count("disposition") == 4)
        said = (top / "d/log").read_bytes()
        equal([b for b in said if b < 32 and b != 10 or b > 126], [], form)
        for line in said.decode().splitlines():
            if form == "json":
                equal(json.loads(line)["program"][:6], "dmarcd", line)
            else:
                equal(line[:6], "dmarcd", line)


@case("LogFormat text: one line a message")
def log_text(top):
    with daemon(top):
        send(top, job=b'4"J\\\n\xff')
        parts.wait_for("it", lambda: "disposition" in log(top))
    line = next(line for line in log(top).splitlines()
                if "disposition" in line)
    contains(line, ']: 4"J\\x5C\\x0A\\xFF: bank.example fail '
             "client=203.0.113.66 spf=pass policy=reject disposition=none "
             "reason=local_policy ms=")
    assert line.endswith(' comment="Enforce monitor"'), line


# A /dev of its own, so that the machine's /dev/log is left alone.
OTHER_DEV = """
mkdir "$0/dev" && mount -t tmpfs none "$0/dev" || exit 75
for node in null:3 zero:5 random:8 urandom:9; do
    mknod -m 666 "$0/dev/${node%:*}" c 1 "${node#*:}" || exit 75
done
ln -s "$0/log" "$0/dev/log" && mount --bind "$0/dev" /dev || exit 75
exec "$@"
"""


@case("Syslog, SyslogFacility")
def to_syslog(top):
    place = top / "syslog"
    place.mkdir()
    (place / "nobody").write_text("")
    parts.write_config(place / "c", Socket=f"unix:{place}/s", Syslog="yes",
                       SyslogFacility="local3", IgnoreHosts=place / "nobody",
                       ZoneFile=parts.MESSAGES / "zone", UMask=0)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log_socket:
        log_socket.bind(str(place / "log"))
        log_socket.settimeout(parts.PATIENCE)
        with parts.process(["unshare", "-m", "sh", "-c", OTHER_DEV, place,
                            parts.DMARCD, "-c", place / "c"],
                           place / "err") as started:
            def hear(part):
                while True:
                    line = log_socket.recv(65536).decode()
                    if part in line:
                        return line

            parts.wait_for("a socket", lambda: (place / "s").exists() or
                           started.poll() is not None)
            if started.poll() is not None:
                raise Skip("no namespaces here: " +
                           (place / "err").read_text().strip())
            line = hear("listening")
            assert line.startswith("<158>"), line  # local3, informational
            with Milter(place / "s") as mta:
                mta.begin()
                mta.message()
                equal(mta.verdict()[0], "a")
            contains(hear("disposition="), " dmarcd filter[")
            send_hostile(place / "s")
            for _ in range(4):
                line = hear("disposition=")
                equal([c for c in line if not " " <= c <= "~"], [], line)
                contains(line, " dmarcd filter[")
            (place / "c").write_text("Nonsense\n")
            started.send_signal(signal.SIGHUP)
            line = hear("unknown option")
            assert line.startswith("<156>"), line  # local3, warning
        equal((place / "err").read_text(), "", "standard error")


# --- called as opendmarc ---

def opendmarc(top, *words, status=0, **environment):
    """Its standard output and standard error, once it has ended or left."""
    link = top / "opendmarc"
    if not link.is_symlink():
        link.symlink_to(parts.DMARCD)
    run = subprocess.run([link, *map(str, words)], stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         timeout=parts.PATIENCE,
                         env={**os.environ, **environment})
    equal(run.returncode, status, run.stderr.decode())
    return run.stdout.decode(), run.stderr.decode()


@case("opendmarc: -V, -n, wrong flags")
def command_line(top):
    contains(opendmarc(top, "-V")[0], "opendmarc: dmarcd 0.")
    (top / "o.conf").write_text("AuthservID mx.test\n")
    opendmarc(top, "-n", "-c", top / "o.conf")
    contains(opendmarc(top, "-f", "-c", top / "o.conf", status=78)[1],
             "Socket is missing")
    (top / "bad.conf").write_text("\nAuthservIDs mx.test\n")
    contains(opendmarc(top, "-n", "-c", top / "bad.conf", status=78)[1],
             "bad.conf:2: unknown option")
    contains(opendmarc(top, "-n", "-c", top / "o.conf", "-u", "",
                       status=78)[1], "command line:1: ")
    for words in (["-x"], ["-c"], ["-n", "more"]):
        contains(opendmarc(top, *words, status=64)[1],
                 f"opendmarc: {words[-1]}: not what can be said here; "
                 "see opendmarc --help\n")


@case("opendmarc -t: our verdict of each file")
def test_mode(top):
    (top / "o.conf").write_text(f"ZoneFile {parts.MESSAGES}/zone\n"
                                "AuthservID mx.test\n")
    genuine, spoof = (parts.MESSAGES / name for name in
                      ("1-genuine.eml", "4-spoof.eml"))
    said = opendmarc(top, "-c", top / "o.conf", "-t", f"{genuine},{spoof}",
                     OPENDMARC_TEST_CLIENTIP="203.0.113.66",
                     OPENDMARC_TEST_ENVFROM="<x@attacker.example>")[0]
    one, two = said.split(f"{spoof}:\n")
    contains(one, f"{genuine}:\n")
    contains(one, "dmarc=pass")
    contains(two, "dmarc=fail")
    contains(two, "smtp.mailfrom=attacker.example")
    opendmarc(top, "-c", top / "o.conf", "-t", "/nonexistent", status=66)
    why = opendmarc(top, "-v", "-c", top / "o.conf", "-t", genuine)[0]
    assert len(why) > len(one) and "policy" in why, why


@case("opendmarc leaves the terminal once it works, and writes its pid")
def background(top):
    (top / "nobody").write_text("")
    configuration, pid_file = top / "o.conf", top / "o.pid"
    configuration.write_text(
        f"ZoneFile {parts.MESSAGES}/zone\nUMask 0\nAuthservID mx.test\n"
        f"IgnoreHosts {top}/nobody\nSocket unix:{top}/wrong.sock\n"
        "AutoRestart yes\nSyslog no\n")
    words = ["-A", "-l", "-c", configuration, "-P", pid_file, "-p",
             f"local:{top}/o.sock"]
    opendmarc(top, *words)
    pid = int(pid_file.read_text())
    try:
        with Milter(top / "o.sock") as mta:
            mta.begin()
            mta.message()
            letter, _, changes = mta.verdict()
            equal(letter, "a", "an old file's monitor")
            contains(inserted(changes)[RESULTS], "dmarc=fail")
        assert not (top / "wrong.sock").exists(), "-p goes before the file"
        # A second one says that it could not start.
        opendmarc(top, *words, status=69)
        equal(int(pid_file.read_text()), pid, "pid file")
        contains(pathlib.Path(f"/proc/{pid}/cmdline").read_text(), "opendmarc")
        equal(os.readlink(f"/proc/{pid}/fd/2"), "/dev/null", "stderr")
    finally:
        os.kill(pid, signal.SIGTERM)
    parts.wait_for("its end", lambda: not (top / "o.sock").exists())
    parts.wait_for("the pid file", lambda: not pid_file.exists())
    configuration.write_text("HistoryFile /nonexistent/h\n")
    opendmarc(top, *words, status=66)
    assert not pid_file.exists(), "pid file of one that failed"


@case("Background no, and -f")
def foreground(top):
    (top / "o.conf").write_text(f"ZoneFile {parts.MESSAGES}/zone\n"
                                f"Socket unix:{top}/f.sock\n")
    for option, words in (("no", []), ("yes", ["-f"])):
        (top / "b.conf").write_text((top / "o.conf").read_text() +
                                    f"Background {option}\n")
        out = top / f"foreground-{option}"
        with parts.process([top / "opendmarc", "-c", top / "b.conf", *words],
                           out) as started:
            parts.wait_for("it", lambda: "listening" in out.read_text(),
                           started)
    out = top / "quiet"
    with parts.process([top / "opendmarc", "-fl", "-c", top / "o.conf"],
                       out) as started:
        def listens():
            with contextlib.suppress(OSError), \
                    socket.socket(socket.AF_UNIX) as client:
                client.connect(str(top / "f.sock"))
                return True
            return False

        parts.wait_for("its socket", listens, started)
        with Milter(top / "f.sock") as mta:
            mta.begin("127.0.0.1")
            mta.message()
            equal(mta.verdict()[0], "a")
    equal(out.read_text(), "", "-l: syslog, not standard error")


@case("opendmarc -u")
def as_another(top):
    if os.geteuid() != 0:
        raise Skip("only root can become somebody else")
    (top / "o.conf").write_text(f"ZoneFile {parts.MESSAGES}/zone\nUMask 0\n"
                                f"Socket unix:{top}/u.sock\nUserID daemon\n")
    out = top / "as-nobody"
    with parts.process([top / "opendmarc", "-f", "-u", "nobody:daemon", "-c",
                        top / "o.conf"], out) as started:
        parts.wait_for("it", lambda: "listening" in out.read_text(), started)
        said = pathlib.Path(f"/proc/{started.pid}/status").read_text()
        for name, number in (("Uid", 65534), ("Gid", 1)):
            equal(re.search(rf"{name}:((\t\d+)+)", said)[1].split(),
                  [str(number)] * 4, name)


run_cases(parts.folder("config"))
