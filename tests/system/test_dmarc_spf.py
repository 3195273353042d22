#!/usr/bin/env python3
"""dmarc spf: SPF alone."""
import json

import parts
from parts import dmarc_says as run
from tap import case, contains, equal, run_cases

ZONE = """a.test TXT "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all exp=e.test"
e.test TXT "%{i} may not send for %{o}"
h.test TXT "v=spf1 ip4:192.0.2.9 ~all"
down.test SERVFAIL
two.test TXT "v=spf1 -all"
two.test TXT "v=spf1 +all"
"""


def spf(top, *words):
    (top / "zone").write_text(ZONE)
    out, err = run("spf", "--json", "--zone", top / "zone", *words)
    equal((out.count("\n"), err), (1, ""))
    got = json.loads(out)
    equal(list(got), ["result", "domain", "explanation"])
    return tuple(got.values())


@case("--json")
def spf_json(top):
    for ip, sender, wanted in (
            ("192.0.2.1", "x@a.test", ("pass", "a.test", None)),
            ("2001:DB8::1", "<x@A.test>", ("pass", "a.test", None)),
            ("::ffff:192.0.2.1", "x@a.test", ("pass", "a.test", None)),
            ("192.0.2.2", "x@a.test",
             ("fail", "a.test", "192.0.2.2 may not send for a.test")),
            ("192.0.2.2", "x@down.test", ("temperror", "down.test", None)),
            ("192.0.2.2", "x@two.test", ("permerror", "two.test", None)),
            ("192.0.2.2", "x@no.test", ("none", "no.test", None)),
            ("192.0.2.2", "nonsense", ("none", None, None)),
            ("192.0.2.2", "@a.test",
             ("fail", "a.test", "192.0.2.2 may not send for a.test")),
            ("192.0.2.1", "not quoted@a.test", ("pass", "a.test", None))):
        equal(spf(top, "--ip", ip, "--mail-from", sender), wanted, sender)


@case("the null sender is postmaster@HELO")
def null_sender(top):
    for sender in ((), ("--mail-from", ""), ("--mail-from", "<>")):
        equal(spf(top, "--ip", "192.0.2.9", "--helo", "H.test", *sender),
              ("pass", "h.test", None))
        equal(spf(top, "--ip", "192.0.2.8", "--helo", "h.test", *sender),
              ("softfail", "h.test", None))
        equal(spf(top, "--ip", "192.0.2.8", *sender), ("none", None, None))
    equal(spf(top, "--ip", "192.0.2.9", "--helo", "h.test",
              "--mail-from", "x@a.test")[:2], ("fail", "a.test"))


@case("without a client there is no SPF")
def no_client(top):
    equal(spf(top, "--mail-from", "x@a.test"), ("none", "a.test", None))
    out, _ = run("spf", "--zone", top / "zone", "--mail-from", "x@a.test")
    contains(out, "no check: the client's IP address is not known")


@case("for people: the result, the reason, the story")
def spf_text(top):
    (top / "zone").write_text(ZONE)
    words = ("spf", "--zone", top / "zone", "--ip", "192.0.2.2",
             "--mail-from", "x@a.test")
    out, _ = run(*words)
    for part in ("spf          fail  a.test\n", "-all",
                 "192.0.2.2 may not send for a.test"):
        contains(out, part)
    assert "RFC" not in out, out
    contains(run(*words, "--explain")[0], "RFC 7208")


@case("usage")
def usage(top):
    (top / "zone").write_text(ZONE)
    zone = ("--zone", top / "zone")
    for words, wanted in (
            (("--ip", "192.0.2"), "not an address: 192.0.2"),
            (("--ip", ""), "not an address"),
            (("--ip", "192.0.2.1", "x"), "no such argument: x"),
            (("--ip", "192.0.2.1", "--resolver", "::1"), "give one of")):
        _, err = run("spf", *zone, *words, status=64)
        contains(err, wanted)
        contains(err, "see dmarc spf --help")
    run("spf", "--ip", "192.0.2.1", "--zone", top / "none", status=66)


run_cases(parts.folder("spf"))
