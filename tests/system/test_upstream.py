#!/usr/bin/env python3
"""AuthenticationSource headers: what a filter in front of dmarcd found."""
import json

import parts
from milter import Milter, inserted, removed
from tap import case, contains, equal, run_cases

RESULTS = b"Authentication-Results"
RECEIVED = (b"Received", b"from client by mx; Mon, 23 Nov 2026 10:00:00 +0000")
SIGNATURE = (b"DKIM-Signature", b"v=1; a=rsa-sha256; d=bank.example; s=s1;\n"
             b"\th=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\n"
             b"\tb=Qgi/FoC0AAAA")
# As opendkim writes it, and a policy server beside it.
DKIM = b"""filter.test;
\tdkim=%s (2048-bit key; unprotected) header.d=bank.example \
header.i=@bank.example
\t header.a=rsa-sha256 header.s=s1 header.b=Qgi/FoC0;
\tdkim-atps=neutral"""
SPF = b"filter.test; spf=%s (sender SPF authorized) smtp.mailfrom=%s;"


def daemon(top, **options):
    (top / "nobody").write_text("")
    return parts.dmarcd(top / "d", **{
        "AuthservID": "mx.test", "TrustedAuthservIDs": "filter.test",
        "AuthenticationSource": "headers", "Enforce": "strict", "Workers": 1,
        "IgnoreHosts": top / "nobody", "ZoneFile": parts.MESSAGES / "zone",
        **options})


def send(top, *fields, sender=b"<news@bank.example>", job=b"4JOB"):
    """(letter, words, removed, our field) of a message of bank.example's."""
    with Milter(top / "d/milter.sock") as mta:
        mta.begin()
        mta.mail(sender)
        mta.macro("L", b"i", job)
        for name, value in fields:
            mta.field(name, value)
        mta.field(b"From", b"x@bank.example")
        mta.end()
        letter, words, changes = mta.verdict()
        return (letter, words, removed(changes, RESULTS),
                inserted(changes).get(RESULTS.decode(), ""))


@case("dkim=pass and dkim=fail of the filter in front")
def dkim(top):
    with daemon(top):
        letter, words, gone, ours = send(
            top, (RESULTS, DKIM % b"pass"), RECEIVED, SIGNATURE)
        equal((letter, gone), ("a", []), "a pass; the field stays")
        contains(ours, "dmarc=pass")
        contains(ours, "dkim=pass header.d=bank.example")
        letter, words, _, _ = send(
            top, (RESULTS, DKIM % b"fail"), RECEIVED, SIGNATURE)
        equal((letter, words[:3]), ("y", b"550"), "a fail")
        letter, words, _, _ = send(top, (RESULTS, DKIM % b"pass"), RECEIVED)
        equal((letter, words[:3]), ("y", b"550"), "no such signature")


@case("spf=pass and spf=fail, with local part or without")
def spf(top):
    with daemon(top):
        for name in (b"bank.example", b"news@bank.example"):
            letter, words, gone, ours = send(
                top, (RESULTS, SPF % (b"pass", name)), RECEIVED)
            equal((letter, gone), ("a", []), words)
            contains(ours, "spf=pass smtp.mailfrom=bank.example;")
        letter, words, _, _ = send(
            top, (RESULTS, SPF % (b"fail", b"bank.example")), RECEIVED)
        equal((letter, words[:3]), ("y", b"550"), "a fail")
        letter, words, _, _ = send(
            top, (RESULTS, SPF % (b"pass", b"bank.example")), RECEIVED,
            sender=b"<x@attacker.example>")
        equal((letter, words[:3]), ("y", b"550"), "another's MAIL FROM")


@case("nothing is checked here when nobody says anything")
def no_fallback(top):
    with daemon(top, Enforce="monitor"):
        with Milter(top / "d/milter.sock") as mta:
            mta.begin("192.0.2.10", b"mx.bank.example")
            mta.message(b"<news@bank.example>")
            _, _, changes = mta.verdict()
            ours = inserted(changes)[RESULTS.decode()]
    contains(ours, "spf=none")
    contains(ours, "dmarc=fail")


@case("what is not believed is removed, and ours always")
def forged(top):
    good = SPF % (b"pass", b"bank.example")
    ours = good.replace(b"filter.test", b"mx.test")
    with daemon(top, Enforce="monitor"):
        for fields, gone, result in (
                ([(RESULTS, good), RECEIVED], [], "pass"),
                ([RECEIVED, (RESULTS, good)], [1], "fail"),
                ([(RESULTS, ours), RECEIVED], [1], "pass"),
                ([RECEIVED, (RESULTS, ours)], [1], "fail"),
                ([(RESULTS, good + b" junk"), RECEIVED], [1], "fail"),
                ([(RESULTS, good), RECEIVED, (RESULTS, good)], [2], "pass"),
                ([(RESULTS, b"else.test; spf=pass"), RECEIVED], [], "fail"),
        ):
            letter, _, removed_fields, field = send(top, *fields)
            equal((letter, removed_fields), ("a", gone), fields)
            contains(field, f"dmarc={result}", fields)


@case("the queue id goes before")
def queue_id(top):
    plain = SPF % (b"pass", b"bank.example")
    with_job = plain.replace(b"filter.test", b"filter.test/4JOB")
    failed = with_job.replace(b"spf=pass", b"spf=fail")
    with daemon(top, Enforce="monitor"):
        for fields, job, gone, result in (
                ([(RESULTS, with_job)], b"4JOB", [], "pass"),
                ([(RESULTS, with_job)], b"4ANY", [1], "fail"),
                ([(RESULTS, plain), (RESULTS, failed)], b"4JOB", [1], "fail"),
                ([(RESULTS, failed), (RESULTS, plain)], b"4JOB", [2], "fail"),
                ([(RESULTS, plain), RECEIVED, (RESULTS, failed)], b"4JOB",
                 [2], "pass"),
                ([(RESULTS, failed.replace(b"filter", b"mx")),
                  (RESULTS, plain)], b"4JOB", [2, 1], "fail"),
                ([(RESULTS, plain)] * 16, b"4JOB", [], "pass"),
                ([(RESULTS, plain)] * 17, b"4JOB", list(range(17, 0, -1)),
                 "fail"),
                ([(RESULTS, plain), (RESULTS, failed)], b"4ANY", [2], "pass"),
        ):
            _, _, removed_fields, field = send(top, *fields, job=job)
            equal(removed_fields, gone, fields)
            contains(field, f"dmarc={result}", fields)


@case("the log says what this leans on, and only then")
def warning(top):
    for source, count in (("headers", 1), ("self", 0)):
        with daemon(top, AuthenticationSource=source) as started:
            del started
        log = (top / "d/log").read_text()
        equal(log.count("only as safe as the filter in front"), count, source)
        (top / "d/log").unlink()


@case("dmarc verify does the same with -c")
def verify(top):
    conf = top / "conf"
    conf.write_text("AuthenticationSource headers\nAuthservID mx.test\n"
                    f"ZoneFile {parts.MESSAGES / 'zone'}\n")
    message = (b"Authentication-Results: mx.test; "
               b"spf=pass smtp.mailfrom=news@bank.example\r\n"
               b"Received: x\r\nFrom: x@bank.example\r\n\r\nhello\r\n")
    for words, result in ((["-c", conf], "pass"),
                          (["--zone", parts.MESSAGES / "zone"], "none")):
        out, _ = parts.dmarc_says("verify", *words, "--json", "--mail-from",
                                  "news@bank.example", "-", stdin=message)
        equal(json.loads(out)["spf"]["result"], result, words)
    out, _ = parts.dmarc_says("verify", "-c", conf, "--explain",
                              "--mail-from", "news@bank.example", "-",
                              stdin=message)
    contains(out, "results from upstream:")
    contains(out, "mx.test says: spf=pass for bank.example")


run_cases(parts.folder("upstream"))
