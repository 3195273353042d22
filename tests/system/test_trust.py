#!/usr/bin/env python3
"""TrustedSenders and LocalPolicy: what dmarcd and dmarc verify make of them."""
import re
import time

import parts
from milter import Milter, inserted, removed
from parts import dmarc_says as run
from tap import case, contains, equal, run_cases

ZONE = parts.MESSAGES / "zone"
SPOOF = parts.MESSAGES / "4-spoof.eml"
LIST = parts.MESSAGES / "3-list.eml"
FIELD = "X-DMARC-Disposition"
IN_USE = "the files that changed are in use"


def daemon(top, **options):
    (top / "nobody").write_text("")
    return parts.dmarcd(top / "d", **{
        "AuthservID": "mx.test", "Enforce": "considered", "Workers": 1,
        "IgnoreHosts": top / "nobody", "ZoneFile": ZONE, **options})


def judge(top, author=b"x@bank.example", forged=()):
    """(final letter, its words, changes before it)"""
    with Milter(top / "d/milter.sock") as mta:
        mta.begin()
        mta.mail()
        mta.field(b"From", author)
        for name, value in forged:
            mta.field(name, value)
        mta.end()
        return mta.verdict()


def is_quarantined(answer):
    letter, _, changes = answer
    return letter == "a" and \
        inserted(changes).get(FIELD, "").strip() == "quarantine"


def replace(file, text):
    (file.parent / "new").write_text(text)
    (file.parent / "new").rename(file)


def wait_for_word(top, word, times=1):
    log = top / "d/log"
    parts.wait_for(word, lambda: log.read_text().count(word) >= times)


def wait_for_use(top, started, times=1):
    """And until the filter that retires, which may take one connection more,
    is gone."""
    wait_for_word(top, IN_USE, times)
    children = parts.pathlib.Path(
        f"/proc/{started.pid}/task/{started.pid}/children")
    parts.wait_for("one filter", lambda: len(
        children.read_text().split()) == 1, started)


@case("TrustedSenders is read again when it changes, a broken one is not taken")
def changing(top):
    trusted = top / "trusted"
    trusted.write_text("# nobody yet\n")
    seen = []

    def is_trusted():
        seen.append(is_quarantined(judge(top)))
        return seen[-1]

    with daemon(top, TrustedSenders=trusted,
                HistoryFile=top / "history") as started:
        equal(judge(top)[0], "y", "nobody is trusted")
        replace(trusted, "ip 203.0.113.64/28\n")
        wait_for_use(top, started)
        assert is_trusted(), "trust"
        replace(trusted, "ip 192.0.2.0/24\nip 203.0.113.64/333\n")
        wait_for_word(top, f'{trusted}:2: "ip 203.0.113.64/333": '
                      "not an address or network; the old")
        assert is_trusted(), "the old list"
        replace(trusted, "ip 192.0.2.0/24\n")
        wait_for_use(top, started, 2)
        assert not is_trusted(), "no more trust"
        equal(judge(top)[0], "y", "no longer trusted")
        history = (top / "history").read_text()
        equal(history.count("trusted_forwarder"), sum(seen), "reasons")
        contains(history, "trusted%20here:%20ip%20203.0.113.64/28")


@case("LocalPolicy is read again when it changes")
def changing_rules(top):
    rules = top / "rules"
    rules.write_text("bank.example none\n")
    with daemon(top, LocalPolicy=rules) as started:
        letter, _, changes = judge(top)
        equal((letter, FIELD in inserted(changes)), ("a", False), "none")
        replace(rules, "bank.example quarantine\n.shop.example reject\n")
        wait_for_use(top, started)
        assert is_quarantined(judge(top)), "quarantine"
        letter, words, _ = judge(top, b"x@billing.shop.example")
        equal(letter, "y", "stricter than sp=quarantine")
        contains(words, b"DMARC")


@case("a list that cannot be read is an error, not an empty list")
def broken(top):
    (top / "bad").write_text("dkim a..b\n")
    _, said = run("verify", "-c", config(top, TrustedSenders=top / "bad"),
                  SPOOF, status=78)
    contains(said, f'{top}/bad:1: "dkim a..b": not a domain')
    run("verify", "-c", config(top, LocalPolicy=top / "none"), SPOOF,
        status=66)


@case("forged copies of the disposition are removed, in any case and number")
def forged(top):
    copies = [(name, value) for value in (b"none", b"quarantine", b"")
              for name in (b"X-DMARC-Disposition", b"x-dmarc-disposition",
                           b"X-Dmarc-DISPOSITION")]
    others = [(b"X-DMARC-Dispositions", b"x"), (b"X-DMARC", b"x")]
    (top / "rules").write_text("bank.example quarantine\n")
    for enforce, tagged in (("considered", True), ("monitor", False)):
        with daemon(top, Enforce=enforce, LocalPolicy=top / "rules"):
            answer = judge(top, forged=copies + others)
            equal(answer[0], "a", enforce)
            equal(removed(answer[2], FIELD.encode()),
                  list(range(len(copies), 0, -1)), enforce)
            equal(is_quarantined(answer), tagged, enforce)
            answer = judge(top, b"x@attacker.example", copies)
            equal(len(removed(answer[2], FIELD.encode())), len(copies),
                  "without a policy")


@case("the report has the reason and the line, not where the file is")
def report(top):
    (top / "trusted").write_text("ip 203.0.113.64/28\n")
    (top / "rules").write_text(".shop.example reject\n")
    with daemon(top, TrustedSenders=top / "trusted", TrustedIndirect="accept",
                LocalPolicy=top / "rules", HistoryFile=top / "history",
                Database=f"sqlite:{top}/db", ImportInterval="1h",
                ReportEmail="reports@mx.test", ReportTransport="smtp://[::1]:1"
                ):
        equal(judge(top)[0], "a", "accepted")
        equal(judge(top, b"x@billing.shop.example")[0], "a", "accepted too")
    (top / "trusted").write_text("")
    day = time.strftime("%F", time.gmtime(parts.received(top / "history")[0]))
    conf = top / "d/dmarcd.conf"
    run("import", "-c", conf)
    run("report", "-c", conf, "--dry-run", "--date", day, "--output", top,
        "--domain", "bank.example")
    (file,) = top.glob("*bank.example*.xml")
    xml = re.sub(r">\s+<", "><", file.read_text())
    contains(xml, "<disposition>none</disposition>")
    contains(xml, "<reason><type>trusted_forwarder</type><comment>"
             "trusted here: ip 203.0.113.64/28</comment></reason>")
    assert str(top) not in xml, "a path of ours"


def config(top, **options):
    file = top / "verify.conf"
    parts.write_config(file, Enforce="considered", **options)
    return file


def verify(top, lines, *words, message=SPOOF, **options):
    (top / "trusted").write_text(lines)
    file = config(top, TrustedSenders=top / "trusted", **options)
    return run("verify", "-c", file, "--zone", ZONE, "--explain", *words,
               message)[0]


@case("dmarc verify says which line decided")
def which_line(top):
    out = verify(top, "# who\n\nip 203.0.113.0/24\n", "--ip", "203.0.113.66")
    contains(out, "disposition  quarantine  trusted here: ip 203.0.113.0/24")
    contains(out, f"TrustedSenders: line 3 of {top}/trusted")
    contains(out, "quarantine (trusted_forwarder)")
    out = verify(top, "ip 203.0.113.0/24\n", "--ip", "203.0.113.66",
                 TrustedIndirect="accept")
    contains(out, "disposition  none  trusted here")
    (top / "rules").write_text("\n.other.example none\nbank.example none\n")
    out = verify(top, "", "--ip", "203.0.113.66", LocalPolicy=top / "rules")
    contains(out, "disposition  none  rule here: bank.example none")
    contains(out, f"LocalPolicy: line 3 of {top}/rules")


@case("a passing signature, a list's signature")
def signatures(top):
    for line, words in (
            ("dkim list.example", "trusted_forwarder"),
            ("list-id talk.list.example", "mailing_list"),
            ("list-id .list.example dkim list.example", "mailing_list")):
        out = verify(top, f"{line}\n", message=LIST, TrustedIndirect="accept")
        contains(out, f"none ({words}): trusted here: {line}")
    for line in ("dkim other.example", "list-id talk.other.example",
                 "list-id talk.list.example dkim other.example"):
        out = verify(top, f"{line}\n", message=LIST, TrustedIndirect="accept")
        assert "trusted here" not in out, line


@case("SPF of MAIL FROM counts, SPF of HELO never does")
def spf(top):
    client = ("--ip", "198.51.100.20", "--helo", "forward.example")
    line = "spf forward.example\n"
    out = verify(top, line, *client, "--mail-from", "x@forward.example")
    contains(out, "trusted here: spf forward.example")
    for sender in ("", "x@other.example", "x@sub.forward.example"):
        out = verify(top, line, *client, "--mail-from", sender)
        contains(out, "disposition  reject")
    out = verify(top, line, "--ip", "203.0.113.66", "--helo",
                 "forward.example", "--mail-from", "x@forward.example")
    contains(out, "disposition  reject")


@case("Enforce strict is as published")
def strict(top):
    (top / "rules").write_text("bank.example none\n")
    out = verify(top, "ip 203.0.113.66\n", "--ip", "203.0.113.66",
                 "--enforce", "strict", LocalPolicy=top / "rules")
    contains(out, "disposition  reject")
    with daemon(top, Enforce="strict", TrustedSenders=top / "trusted"):
        wait_for_word(
            top, "Enforce strict: TrustedSenders and LocalPolicy do not count")


run_cases(parts.folder("trust"))
