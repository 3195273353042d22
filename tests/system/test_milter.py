#!/usr/bin/env python3
"""What dmarcd tells an MTA, down to the frames; hostile and odd messages."""
import time

import parts
from milter import ALL_ACTIONS, CHANGE_HEADERS, QUARANTINE, Milter, \
    inserted, removed
from tap import case, contains, equal, run_cases

RESULTS = b"Authentication-Results"
FORGED = b"mx.test; dmarc=pass header.from=bank.example"
MANY = 200


def daemon(top, **options):
    (top / "nobody").write_text("")
    return parts.dmarcd(top / "d", **{
        "AuthservID": "mx.test", "Enforce": "monitor", "Workers": 1,
        "IgnoreHosts": top / "nobody", "ZoneFile": parts.MESSAGES / "zone",
        **options})


def connect(top, **options):
    return Milter(top / "d/milter.sock", **options)


@case("every forged field is removed, however many")
def many_forged(top):
    with daemon(top), connect(top) as mta:
        mta.begin()
        mta.mail()
        mta.field(b"From", b"x@bank.example")
        for _ in range(MANY):
            mta.field(RESULTS, FORGED)
            mta.field(b"authentication-results", b"else.test; spf=pass")
        mta.end()
        letter, _, changes = mta.verdict()
        equal(letter, "a", "answer")
        equal(removed(changes, RESULTS),
              list(range(2 * MANY - 1, 0, -2)), "removed")


@case("also behind a header that is too long")
def forged_after_long_header(top):
    with daemon(top), connect(top) as mta:
        mta.begin()
        mta.mail()
        mta.field(b"From", b"x@bank.example")
        for _ in range(20):
            mta.field(b"X-Pad", b"p" * 60000)
        mta.field(RESULTS, FORGED)
        mta.end()
        letter, _, changes = mta.verdict()
        equal(letter, "a", "answer")
        equal(removed(changes, RESULTS), [1], "removed")
        contains(inserted(changes)[RESULTS.decode()], "dmarc=permerror")


@case("also from clients that logged in")
def forged_by_login(top):
    with daemon(top, IgnoreAuthenticatedClients="yes"), \
            connect(top) as mta:
        mta.begin()
        mta.macro("M", b"{auth_authen}", b"ann")
        mta.mail()
        for _ in range(30000):
            mta.field(b"a", b"")
        mta.field(RESULTS, FORGED)
        mta.end()
        letter, _, changes = mta.verdict()
        equal(letter, "a", "answer")
        equal(removed(changes, RESULTS), [1], "removed")
        equal(inserted(changes), {}, "exempt: nothing is added")


@case("an MTA that cannot remove them is told to wait")
def cannot_remove(top):
    with daemon(top), connect(
            top, actions=ALL_ACTIONS & ~CHANGE_HEADERS) as mta:
        mta.begin()
        mta.message()
        equal(mta.verdict()[0], "a", "without a forged field")
        mta.mail()
        mta.field(b"From", b"x@bank.example")
        mta.field(RESULTS, FORGED)
        mta.end()
        letter, words, _ = mta.verdict()
        equal((letter, words[:3]), ("y", b"451"), "with one")
        contains((top / "d/log").read_text(),
                 "fields cannot be removed; deferred, number 1\n")


@case("a slow body does not use up the checks' time")
def slow_body(top):
    """The time-out of the checks is not the sender's to use up."""
    zone = top / "slow.zone"
    zone.write_text('_dmarc.slow.test TXT "v=DMARC1; p=reject"\n'
                    'mail.slow.test TXT "v=spf1 +ip4:203.0.113.66 -all"\n'
                    "news.slow.test EXISTS\n")
    with daemon(top, ZoneFile=zone, MessageTimeout=1, Enforce="strict"), \
            connect(top) as mta:
        mta.begin()
        mta.mail(b"<x@mail.slow.test>")
        mta.field(b"From", b"x@news.slow.test")
        mta.send("N")
        time.sleep(2.5)
        mta.send("B", b"hello\r\n")
        mta.send("E")
        letter, words, changes = mta.verdict()
        equal(letter, "a", words)
        contains(inserted(changes)[RESULTS.decode()], "dmarc=pass")


@case("several messages on a connection")
def one_after_the_other(top):
    with daemon(top, Enforce="strict"), connect(top) as mta:
        mta.begin()
        for _ in range(3):
            mta.message()
            letter, words, _ = mta.verdict()
            equal(letter, "y", "spoof")
            contains(words, b"550 5.7.1")
            mta.message(author=b"x@attacker.example")
            letter, _, changes = mta.verdict()
            equal(letter, "a", "own domain")
            contains(inserted(changes)[RESULTS.decode()], "dmarc=none")
            mta.mail()
            mta.field(b"From", b"x@bank.example")
            mta.send("A")


@case("an end without a message")
def no_mail(top):
    """An end of message without a MAIL, after a whole one."""
    with daemon(top), connect(top) as mta:
        mta.begin()
        mta.macro("M", b"i", b"FIRST")
        mta.message()
        equal(mta.verdict()[0], "a", "the first")
        try:
            mta.end()
            letter, words, _ = mta.verdict()
            equal((letter, words[:3]), ("y", b"451"), "no message")
        except (EOFError, ConnectionError):
            pass  # closing is an answer too, early or late
    with daemon(top), connect(top) as mta:
        mta.begin()
        mta.message()
        equal(mta.verdict()[0], "a", "dmarcd still serves")


@case("IPv6, no HELO, null sender, no address")
def odd_clients(top):
    with daemon(top, Enforce="strict"), connect(top) as mta:
        for address in ("2001:db8::1", "::ffff:203.0.113.66"):
            mta.begin(address, helo=None)
            mta.message(sender=b"<>")
            equal(mta.verdict()[0], "y", address)
        mta.send("C", b"localhost\0L\0\0/sock\0")
        mta.message()
        equal(mta.verdict()[0], "a", "a local submission is not judged")


@case("quarantine: tagged or held")
def quarantine(top):
    shop = b"pay@billing.shop.example"
    with daemon(top, Enforce="considered"), connect(top) as mta:
        mta.begin()
        mta.mail()
        mta.field(b"From", shop)
        mta.field(b"X-DMARC-Disposition", b"none")
        mta.end()
        letter, _, changes = mta.verdict()
        equal(letter, "a", "answer")
        equal(inserted(changes)["X-DMARC-Disposition"].strip(),
              "quarantine", "field")
        equal(removed(changes, b"X-DMARC-Disposition"), [1], "removed")
    with daemon(top, Enforce="considered", HoldQuarantinedMessages="yes"):
        with connect(top) as mta:
            mta.begin()
            mta.message(author=shop)
            changes = mta.verdict()[2]
            equal([c for c, _ in changes], ["i", "q"], "held")
        with connect(top, actions=ALL_ACTIONS & ~QUARANTINE) as mta:
            mta.begin()
            mta.message(author=shop)
            changes = mta.verdict()[2]
            equal(inserted(changes)["X-DMARC-Disposition"].strip(),
                  "quarantine", "where the MTA cannot hold")


@case("more changes than the MTA can take")
def too_many_changes(top):
    """What the MTA is really told is what the history says."""
    with daemon(top, HistoryFile=top / "history"), connect(top) as mta:
        mta.begin()
        mta.mail()
        mta.field(b"From", b"x@bank.example")
        for _ in range(40000):
            mta.field(RESULTS, b"mx.test; x")
        mta.end()
        letter, words, _ = mta.verdict()
        assert letter == "t" or words[:3] == b"451", (letter, words)
        mta.message()
        equal(mta.verdict()[0], "a", "the next message")
        equal((top / "history").read_text().count("\nend "), 1, "entries")


@case("RejectString")
def reject_string(top):
    with daemon(top, Enforce="strict",
                RejectString="100% no: %s is not you"), \
            connect(top) as mta:
        mta.begin()
        mta.message()
        contains(mta.verdict()[1], b"100%% no: bank.example is not you")


run_cases(parts.folder("milter"))
