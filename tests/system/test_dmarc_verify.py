#!/usr/bin/env python3
"""dmarc verify: the verdict, for people and for programs."""
import json
import re

import parts
from parts import dmarc_says as run
from tap import Skip, case, contains, equal, run_cases

ZONE = parts.MESSAGES / "zone"


@case("verify")
def verify(top):
    out, _ = run("verify", "--zone", ZONE, "--ip", "192.0.2.10",
                 "--mail-from", "news@bank.example", "--explain",
                 parts.MESSAGES / "1-genuine.eml")
    for part in ("dmarc        pass", "disposition  none", "dmarc=pass",
                 "RFC 9989"):
        contains(out, part)
    out, _ = run("verify", "--zone", ZONE, "--ip", "203.0.113.66",
                 parts.MESSAGES / "4-spoof.eml")
    for part in ("dmarc        fail", "disposition  reject",
                 "550 5.7.1"):
        contains(out, part)


@case("verify takes LF and CR LF alike")
def verify_line_ends(top):
    data = (parts.MESSAGES / "1-genuine.eml").read_bytes()
    for text in (data, data.replace(b"\r\n", b"\n")):
        out, _ = run("verify", "--zone", ZONE, "-", stdin=text)
        contains(out, "dkim         pass")


@case("verify: what is no message")
def verify_no_message(top):
    run("verify", "--zone", ZONE, "-", stdin=b"", status=65)
    run("verify", "--zone", ZONE, "-", stdin=b"no field\n\nx", status=65)
    run("verify", "--zone", ZONE, "/nonexistent", status=66)


def verdict(*words, stdin=b""):
    out, err = run("verify", "--json", *words, stdin=stdin)
    equal(err, "", "standard error")
    equal(out.count("\n"), 1, "lines")
    return json.loads(out)


def message(sender, *fields):
    return "\r\n".join([f"From: {sender}", *fields, "", "body", ""]).encode()


def zone_file(top, text):
    (top / "zone").write_text(text)
    return "--zone", top / "zone", "--authserv-id", "mx.test"


KEYS = {
    "": ["from", "spf", "helo", "dkim", "arc", "dmarc", "disposition",
         "authentication_results"],
    "from": ["domain", "status"],
    "spf": ["result", "identity", "domain", "explanation"],
    "helo": ["result", "domain"],
    "dmarc": ["result", "policy", "policy_domain", "organizational_domain",
              "discovery_method", "testing", "alignment", "record"],
    "disposition": ["action", "reason"],
}


@case("--json: the object, whole")
def json_whole(top):
    got = verdict("--zone", ZONE, "--ip", "192.0.2.10", "--mail-from",
                  "news@bank.example", "--helo", "mx.bank.example",
                  "--authserv-id", "mx.test",
                  parts.MESSAGES / "1-genuine.eml")
    field = got.pop("authentication_results")
    equal(got, {
        "from": {"domain": "bank.example", "status": "ok"},
        "spf": {"result": "pass", "identity": "mailfrom",
                "domain": "bank.example", "explanation": None},
        "helo": {"result": "none", "domain": "mx.bank.example"},
        "dkim": [{"result": "pass", "domain": "bank.example",
                  "selector": "s1", "algorithm": "rsa-sha256",
                  "identity": "@bank.example", "reason": None}],
        "arc": None,
        "dmarc": {"result": "pass", "policy": "reject",
                  "policy_domain": "bank.example",
                  "organizational_domain": "bank.example",
                  "discovery_method": "treewalk", "testing": False,
                  "alignment": {"spf": "pass", "dkim": "pass"},
                  "record": "v=DMARC1; p=reject; "
                            "rua=mailto:dmarc@bank.example"},
        "disposition": {"action": "none", "reason": None},
    })
    assert field.startswith("mx.test; spf=pass smtp.mailfrom=bank.example; "
                            "dkim=pass "), field
    assert not set(field) & set("\r\n\t"), field


@case("--json: keys in their order, whatever the message")
def json_keys(top):
    zone = zone_file(top, "")
    for sender in ("a@b.test", "a@b.test, c@d.test", "", "<"):
        got = verdict(*zone, "-", stdin=message(sender))
        for part, keys in KEYS.items():
            equal(list(got[part] if part else got), keys, part)
        equal(list(got["dmarc"]["alignment"]), ["spf", "dkim"])


@case("--json: without a client there is no SPF")
def json_no_ip(top):
    zone = zone_file(top, 'b.test TXT "v=spf1 +all"\n')
    words = (*zone, "--helo", "B.test.", "--mail-from", "<x@b.test>", "-")
    got = verdict(*words, stdin=message("a@b.test"))
    equal([got["spf"]["result"], got["helo"]["result"]], ["none", "none"])
    got = verdict("--ip", "192.0.2.1", *words, stdin=message("a@b.test"))
    equal([got["spf"]["result"], got["helo"]["result"]], ["pass", "pass"])
    equal(got["helo"]["domain"], "b.test")


@case("--json: the null sender is HELO's name, as mailfrom")
def json_null_sender(top):
    zone = zone_file(top, 'h.test TXT "v=spf1 ip4:192.0.2.1 -all exp=e.test"'
                     '\ne.test TXT "not %{s}"\n')
    for sender in ((), ("--mail-from", ""), ("--mail-from", "<>")):
        got = verdict(*zone, *sender, "--ip", "192.0.2.2", "--helo", "h.test",
                      "-", stdin=message("a@b.test"))
        equal(got["spf"], {"result": "fail", "identity": "mailfrom",
                           "domain": "h.test",
                           "explanation": "not postmaster@h.test"})
        contains(got["authentication_results"],
                 "spf=fail smtp.mailfrom=h.test")


@case("--json: No From, several, malformed")
def json_author(top):
    rows = [("Subject: x\r\n\r\nbody\r\n", "none", "none"),
            ("From: a@b.test, c@d.test\r\n\r\n", "multiple", "permerror"),
            ("From: a@b.test\r\nFrom: a@b.test\r\n\r\n", "multiple",
             "permerror"),
            ("From: a@b@c.test\r\n\r\n", "malformed", "permerror")]
    zone = zone_file(top, '_dmarc.b.test TXT "v=DMARC1; p=reject"\n')
    for text, status, result in rows:
        for mode, action in (("monitor", "none"), ("quarantine", "quarantine"),
                             ("considered", "reject"), ("strict", "reject")):
            got = verdict(*zone, "--enforce", mode, "-", stdin=text.encode())
            equal(got["from"], {"domain": None, "status": status}, text)
            equal(got["dmarc"]["result"], result, text)
            equal(got["dmarc"]["policy"], None, text)
            equal(got["dmarc"]["record"], None, text)
            equal(got["disposition"]["action"], action, text)
            equal(got["disposition"]["reason"]["type"], "local_policy", text)


@case("--json: the policy is p, sp or np, after t")
def json_policy(top):
    zone = zone_file(
        top, '_dmarc.b.test TXT "v=DMARC1; p=reject; sp=quarantine; np=none"\n'
        "there.b.test A 192.0.2.1\n"
        '_dmarc.t.test TXT "v=DMARC1; p=reject; t=y"\n'
        '_dmarc.odd.test TXT "v=DMARC1; p=x; rua=mailto:a@odd.test"\n'
        '_dmarc.bad.test TXT "v=DMARC1; p=x"\n'
        "_dmarc.down.test SERVFAIL\n")
    for domain, result, policy, of, testing in (
            ("b.test", "fail", "reject", "b.test", False),
            ("there.b.test", "fail", "quarantine", "b.test", False),
            ("gone.b.test", "fail", "none", "b.test", False),
            ("t.test", "fail", "quarantine", "t.test", True),
            ("odd.test", "fail", "none", "odd.test", False),
            ("bad.test", "permerror", None, "bad.test", False),
            ("down.test", "temperror", None, None, False),
            ("nothing.test", "none", None, None, False)):
        got = verdict(*zone, "-", stdin=message(f"a@{domain}"))["dmarc"]
        equal((got["result"], got["policy"], got["policy_domain"],
               got["testing"]), (result, policy, of, testing), domain)


@case("--json: every signature, in field order; beyond the cap: limit")
def json_signatures(top):
    signature = ("DKIM-Signature: v=1; a=rsa-sha256; d=s%d.test; s=x; h=from;"
                 " bh=frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=; b=AAAA")
    fields = [signature % n for n in range(12)]
    got = verdict(*zone_file(top, ""), "-",
                  stdin=message("a@s11.test", *fields))["dkim"]
    equal([one["domain"] for one in got], [f"s{n}.test" for n in range(12)])
    equal([one["result"] for one in got],
          ["permerror"] * 9 + ["neutral"] * 2 + ["permerror"])
    equal([one["reason"] for one in got[9:11]], ["limit"] * 2)
    equal(list(got[0]), ["result", "domain", "selector", "algorithm",
                         "identity", "reason"])


@case("--json is JSON, whatever strangers send")
def json_hostile(top):
    zone = zone_file(top, '_dmarc.b.test TXT "v=DMARC1; p=none; '
                     'x=\\000\\010\\027[31m\\200\\255\\"\\\\"\n')
    text = (b'From: a@b.test\r\nDKIM-Signature: v=1; a=\xff"; d=\x1b;'
            b' s=\\"; i=\xc3\xa9@x\r\n\r\n')
    words = (*zone, "--helo", '\x01"\\}', "--mail-from", "\x1b]0;@\x07",
             "--ip", "2001:db8::1", "-")
    out, _ = run("verify", "--json", *words, stdin=text)
    assert all(0x20 <= ord(byte) < 0x7F for byte in out[:-1]), out
    got = json.loads(out)
    contains(got["dmarc"]["record"],
             'x=\\x00\\x0A\\x1B[31m\\xC8\\xFF"\\x5C')
    contains(run("verify", *words, stdin=text)[0], "dmarc        fail")


@case("--json: the method, the mode and the words of a reason")
def json_modes(top):
    zone = zone_file(top, '_dmarc.b.test TXT "v=DMARC1; p=reject; pct=0"\n')
    got = verdict(*zone, "--discovery", "psl", "-", stdin=message("a@b.test"))
    equal(got["dmarc"]["discovery_method"], "psl")
    equal((got["dmarc"]["policy"], got["dmarc"]["testing"]),
          ("quarantine", True))
    equal(got["disposition"]["action"], "quarantine")
    equal(got["disposition"]["reason"]["type"], "policy_test_mode")
    equal(list(got["disposition"]["reason"]), ["type", "comment"])
    got = verdict(*zone, "-", stdin=message("a@b.test"))
    equal((got["dmarc"]["policy"], got["dmarc"]["testing"]),
          ("reject", False))


def replay(top, *words, stdin=b"", name="message"):
    """The verdict, saved, is the verdict from what was saved, to the byte."""
    facts = top / "facts"
    facts.unlink(missing_ok=True)
    first, _ = run("verify", "--json", "--save-facts", facts, *words,
                   stdin=stdin)
    again, err = run("verify", "--json", "--facts", facts, words[-1],
                     stdin=stdin)
    equal(again, first, name)
    equal(err, "", name)
    return facts.read_text()


@case("--save-facts, then --facts: other people's messages")
def replay_blackbox(top):
    count = 0
    for folder in sorted((parts.SHARED / "vectors/dmarc").glob("*/blackbox")):
        method = "psl" if "7489" in folder.parent.name else "treewalk"
        for one in json.loads((folder / "cases.json").read_text())["cases"]:
            replay(top, "--zone", folder / one["zone"], "--ip", one["ip"],
                   "--helo", one["helo"], "--mail-from", one["mail_from"],
                   "--time", 1795442400, "--discovery", method,
                   folder / one["file"], name=f"{folder.parent.name} {one}")
            count += 1
    print(f"# {count} messages")
    if count == 0:
        raise Skip("no vectors/dmarc: see test_verdict_blackbox")


@case("--save-facts, then --facts: attacks")
def replay_attacks(top):
    folder = parts.SHARED / "vectors/attacks/espoofer"
    if not folder.is_dir():
        raise Skip("no vectors/attacks/espoofer: made from chenjj/espoofer")
    cases = json.loads((folder / "cases.json").read_text())
    count = 0
    for one in cases["cases"]:
        file = folder / one["file"]
        if not re.match(rb"[\w-]+[ \t]*:", file.read_bytes()):
            continue  # no message
        for method in ("treewalk", "psl"):
            replay(top, "--zone", folder / "attack.zone", "--ip",
                   cases["client_ip"], "--helo", one["helo"], "--mail-from",
                   one["mailfrom"], "--discovery", method, file,
                   name=one["id"])
        count += 1
    print(f"# {count} attacks")


@case("--facts: envelope, time and options come from the file")
def replay_options(top):
    zone = zone_file(top, '_dmarc.b.test TXT "v=DMARC1; p=reject"\n'
                     'b.test TXT "v=spf1 ip4:192.0.2.1 -all"\n')
    text = message("a@b.test")
    saved = replay(top, *zone, "--ip", "192.0.2.2", "--helo", "h\nenforce x",
                   "--mail-from", '<"a b"@b.test>', "--enforce", "quarantine",
                   "--discovery", "psl", "--time", "2026-11-23", "-",
                   stdin=text)
    for line in ("client 192.0.2.2", "helo h%0Aenforce%20x",
                 'mail-from <"a%20b"@b.test>', "enforce quarantine",
                 "discovery psl", "now 1795392000", "authserv-id mx.test"):
        contains(saved.splitlines(), line)
    facts = ("--facts", top / "facts")
    equal(verdict(*facts, "-", stdin=text)["disposition"]["action"],
          "quarantine")
    # What is given on the command line wins.
    equal(verdict(*facts, "--enforce", "strict", "-",
                  stdin=text)["disposition"]["action"], "reject")
    equal(verdict(*facts, "--ip", "192.0.2.1", "-",
                  stdin=text)["spf"]["result"], "pass")
    got = verdict(*facts, "--mail-from", "", "--helo", "b.test",
                  "--authserv-id", "other.test", "--discovery", "psl", "-",
                  stdin=text)
    equal(got["spf"]["domain"], "b.test")
    assert got["authentication_results"].startswith("other.test;"), got


@case("--facts: what was not asked has failed, and is said")
def replay_unknown(top):
    facts = top / "part.facts"
    facts.write_text("dmarcd facts 1\nauthserv-id mx.test\n\n"
                     "_dmarc.test NODATA TXT\n")
    words = ("verify", "--json", "--facts", facts, "-")
    out, err = run(*words, stdin=message("a@b.test"))
    equal(err, "dmarc verify: not in the facts, so failed: "
               "_dmarc.b.test TXT\n")
    equal(json.loads(out)["dmarc"]["result"], "temperror")
    facts.write_text("dmarcd facts 1\n\n*.test TXT x\n_dmarc.test EXISTS\n")
    _, err = run(*words, stdin=message("a@b.test"))
    equal(err.count("not in the facts"), 2)


@case("--facts: a file that is none")
def replay_refused(top):
    facts = top / "bad.facts"
    for text in ("", "v=1\n", "dmarcd facts 1\nfoo bar\n\n",
                 "dmarcd facts 1\n\n$ORIGIN x\n"):
        facts.write_text(text)
        _, err = run("verify", "--facts", facts, "-", status=65,
                     stdin=message("a@b.test"))
        contains(err, f"dmarc verify: {facts}:")
    run("verify", "--facts", top / "nothing", "-", status=66)
    _, err = run("verify", "--facts", "/dev/zero", "-", status=71,
                 stdin=message("a@b.test"))
    contains(err, "File too large")
    _, err = run("verify", *zone_file(top, ""), "--save-facts",
                 top / "no/such/folder", "-", status=73,
                 stdin=message("a@b.test"))
    contains(err, "No such file or directory")


@case("one of --zone, --facts and --resolver")
def one_source(top):
    sources = [("--zone", ZONE), ("--facts", "x"), ("--resolver", "::1")]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        _, err = run("verify", *sources[one], *sources[other], "-", status=64)
        contains(err, "give one of --zone, --resolver and --facts")


STORIES = {
    "SPF failed, no signature": (
        "bank.test", ("--ip", "192.0.2.9", "--mail-from", "a@bank.test"),
        ("RFC 9989 5.3.1: Author Domain bank.test",
         "RFC 9989 4.10: _dmarc.bank.test: v=DMARC1; p=reject",
         "RFC 9989 4.10.2: Organizational Domain bank.test",
         "-all matches, result fail (RFC 7208 5.1)",
         "dkim: no signature (RFC 6376",
         "RFC 9989 4.4: SPF did not pass, so it does not count",
         "RFC 9989 4.4: no DKIM signature passed, so none counts",
         "RFC 9989 5.3: dmarc=fail: neither SPF nor DKIM passed",
         "it would have passed with a DKIM signature that verifies and whose "
         "d= has the Organizational Domain bank.test",
         "it would have passed with a MAIL FROM for which SPF passes and "
         "whose domain is bank.test",
         "RFC 9989 5.4: bank.test asks for reject",
         "RFC 9989 7.4: nothing shows that a list or a forwarder passed it on",
         "disposition: reject")),
    "as published": (
        "bank.test", ("--enforce", "strict"),
        ("Enforce strict: as published", "disposition: reject")),
    "strict": (
        "bank.test", ("--ip", "192.0.2.1", "--mail-from", "a@m.bank.test"),
        ("SPF m.bank.test (pass): not aligned with bank.test; strict asks for "
         "the same name",
         "dmarc=fail: nothing that passed is aligned with the author")),
    "another organization": (
        "bank.test", ("--ip", "192.0.2.1", "--mail-from", "a@other.test"),
        ("SPF other.test (pass): not aligned with bank.test",)),
    "no client": (
        "bank.test", (),
        ("no check: the client's IP address is not known (RFC 7208 4.1)",)),
    "no sender": (
        "bank.test", ("--ip", "192.0.2.1"),
        ("no check: no usable domain (RFC 7208 4.3)",)),
    "np": ("gone.np.test", (),
           ("RFC 9989 3.2.13: gone.np.test: no such name, so np applies",
            "the record of np.test applies: np=reject")),
    "a test": ("t.test", (),
               ("t.test asks for reject",
                "quarantine (policy_test_mode): the owner is testing")),
    "several records": ("two.test", (),
                        ("_dmarc.two.test: 2 DMARC records, so none counts",
                         "RFC 9989 4.10.1: no DMARC record applies",
                         "dmarc=none, no policy applies")),
    "unusable": ("bad.test", (),
                 ("RFC 9989 4.10.1: the record of bad.test has no p, or a "
                  "wrong p, sp or np; without a rua it is unusable",
                  "dmarc=permerror")),
    "DNS failed for the policy": ("down.test", (),
                                  ("_dmarc.down.test: failed",
                                   "DNS failed, the policy is not known")),
    "DNS failed for SPF": (
        "slow.test", ("--ip", "192.0.2.1", "--mail-from", "a@slow.test"),
        ("SPF slow.test (temperror): aligned with slow.test",
         "defer (local_policy): temperror while a policy is known")),
    "several authors": ("bank.test, b@x.test", (),
                        ("RFC 9989 5.3.1: no Author Domain (multiple)",
                         "reject (local_policy)")),
}


@case("--explain tells every kind of failure")
def explain(top):
    zone = zone_file(top, """bank.test TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.bank.test TXT "v=DMARC1; p=reject; aspf=s"
m.bank.test TXT "v=spf1 ip4:192.0.2.1 -all"
other.test TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.np.test TXT "v=DMARC1; p=none; np=reject"
_dmarc.t.test TXT "v=DMARC1; p=reject; t=y"
_dmarc.two.test TXT "v=DMARC1; p=reject"
_dmarc.two.test TXT "v=DMARC1; p=none"
_dmarc.bad.test TXT "v=DMARC1; sp=none"
_dmarc.down.test SERVFAIL
_dmarc.slow.test TXT "v=DMARC1; p=reject"
slow.test SERVFAIL TXT
""")
    for name, (domain, words, lines) in STORIES.items():
        out, _ = run("verify", *zone, *words, "--explain", "-",
                     stdin=message(f"a@{domain}"))
        for line in lines:
            contains(out, line, name)


@case("files: what cannot be read, and how many")
def files(top):
    zone = zone_file(top, "")
    for words, status, wanted in (
            ((top,), 66, "Is a directory"),
            ((top / "none",), 66, "No such file"),
            ((), 64, "give one message file, or -"),
            (("-", "-"), 64, "give one message file, or -"),
            (("--time", "yesterday", "-"), 64, "not a time: yesterday"),
            (("--ip", "1.2.3", "-"), 64, "not an address: 1.2.3"),
            (("--discovery", "x", "-"), 64, "neither treewalk nor psl: x"),
            (("--enforce", "x", "-"), 64, "--enforce: not monitor")):
        out, err = run("verify", *zone, *words, status=status)
        equal(out, "")
        contains(err, wanted)
        assert err.startswith("dmarc verify: "), err
    for text in (b"", b"\r\n", b"x\r\n", b": x\r\n\r\n",
                 b"\r\nFrom: a@b\r\n", b"no field\nFrom: a@b.test\n\n",
                 b" From: a@b.test\r\n\r\n"):
        _, err = run("verify", *zone, "--json", "-", stdin=text, status=65)
        contains(err, "not a message")
    equal(verdict(*zone, "-", stdin=b"From: a@b.test")["from"]["status"], "ok")


run_cases(parts.folder("verify"))
