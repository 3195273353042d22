#!/usr/bin/env python3
"""dmarc lookup: discovery, step by step."""
import json

import parts
from parts import dmarc_says as run
from tap import case, contains, equal, run_cases

ZONE = parts.MESSAGES / "zone"


@case("lookup tells the walk")
def lookup(top):
    out, _ = run("lookup", "--zone", ZONE, "news.bank.example")
    for part in ("_dmarc.news.bank.example", "_dmarc.bank.example",
                 "v=DMARC1; p=reject", "Organizational Domain  "
                 "bank.example", "mailto:dmarc@bank.example"):
        contains(out, part)


@case("lookup's status")
def lookup_none(top):
    run("lookup", "--zone", ZONE, "nothing.test", status=1)
    zone = top / "down.zone"
    zone.write_text("_dmarc.down.test SERVFAIL\ndown.test EXISTS\n")
    run("lookup", "--zone", zone, "down.test", status=75)


@case("lookup asks external destinations")
def lookup_external(top):
    zone = top / "ext.zone"
    zone.write_text(
        '_dmarc.a.test TXT "v=DMARC1; p=none; rua=mailto:r@ok.example,'
        'mailto:r@no.example"\na.test EXISTS\n'
        'a.test._report._dmarc.ok.example TXT "v=DMARC1"\n')
    out, _ = run("lookup", "--zone", zone, "a.test")
    contains(out, "  mailto:r@ok.example  ok\n")
    contains(out, "  mailto:r@no.example  unauthorized")


@case("lookup: no rua, and none that can be used")
def no_rua(top):
    for rua, said in (("", "the record has no rua"),
                      ("; rua=,", "the record has no rua"),
                      ("; rua=r@a.test", "no rua that can be used")):
        (top / "no.zone").write_text(
            f'_dmarc.a.test TXT "v=DMARC1; p=none{rua}"\na.test EXISTS\n')
        contains(run("lookup", "--zone", top / "no.zone", "a.test")[0],
                 f"  nobody: {said}\n")


@case("lookup asks many destinations, each in its own room")
def lookup_many(top):
    zone = top / "many.zone"
    hosts = [f"d{n}.o{n}.example" for n in range(12)]
    uris = [f"mailto:r@{host}" for host in hosts]
    zone.write_text(
        '_dmarc.a.test TXT "v=DMARC1; p=none; rua=' +
        '" "'.join(",".join(uris[i:i + 6]) + ("," if i == 0 else "")
                   for i in (0, 6)) + '"\na.test EXISTS\n' +
        "".join(f'a.test._report._dmarc.{host} TXT "v=DMARC1"\n'
                for host in hosts))
    out, _ = run("lookup", "--zone", zone, "a.test")
    for uri in uris:
        contains(out, f"  {uri}  ok\n")


@case("lookup prints nothing that a terminal would obey")
def hostile_zone(top):
    zone = top / "esc.zone"
    zone.write_text('_dmarc.e.test TXT "v=DMARC1; p=none; '
                    'rua=mailto:\\027[31m@e.test"\ne.test EXISTS\n')
    out, _ = run("lookup", "--zone", zone, "e.test")
    assert "\x1b" not in out, "an escape sequence reached the terminal"
    contains(out, "\\x1B")


def found(top, zone, domain, *words, status=0):
    """The object of --json; the warnings are in the text too."""
    (top / "zone").write_text(zone)
    words = ("lookup", "--zone", top / "zone", *words, domain)
    out, err = run(*words, "--json", status=status)
    equal((out.count("\n"), err), (1, ""))
    got = json.loads(out)
    text, _ = run(*words, status=status)
    for warning in got["warnings"]:
        contains(text, f"  warning: {warning}\n")
    return got


@case("--json: the object, whole")
def json_whole(top):
    record = "v=DMARC1; p=reject; sp=none; t=y; rua=mailto:r@a.test!10m"
    got = found(top, f'_dmarc.a.test TXT "{record}"\nb.a.test EXISTS\n',
                "B.a.test.")
    equal(got, {
        "domain": "b.a.test", "discovery_method": "treewalk",
        "status": "found",
        "queries": [
            {"name": "_dmarc.b.a.test", "type": "TXT",
             "answer": "no such name", "records": []},
            {"name": "_dmarc.a.test", "type": "TXT", "answer": "found",
             "records": [record]},
            {"name": "_dmarc.test", "type": "TXT", "answer": "no such name",
             "records": []}],
        "policy": "none", "policy_tag": "sp", "testing": True,
        "policy_domain": "a.test", "organizational_domain": "a.test",
        "record": record,
        "tags": {
            "p": {"value": "reject", "default": False},
            "sp": {"value": "none", "default": False},
            "np": {"value": "none", "default": True},
            "adkim": {"value": "r", "default": True},
            "aspf": {"value": "r", "default": True},
            "psd": {"value": "u", "default": True},
            "t": {"value": "y", "default": False},
            "fo": {"value": "0", "default": True}},
        "rua": [{"uri": "mailto:r@a.test", "status": "ok",
                 "address": "r@a.test", "reason": None}],
        "ruf": [], "warnings": []})
    equal(list(got), ["domain", "discovery_method", "status", "queries",
                      "policy", "policy_tag", "testing", "policy_domain",
                      "organizational_domain", "record", "tags", "rua", "ruf",
                      "warnings"])


@case("--json: the status, and the exit status")
def json_status(top):
    zone = """_dmarc.ok.test TXT "v=DMARC1; p=none"
_dmarc.odd.test TXT "v=DMARC1; p=x; rua=mailto:r@odd.test"
_dmarc.bad.test TXT "v=DMARC1; p=x"
_dmarc.down.test SERVFAIL
"""
    for name, word, policy, status in (
            ("ok", "found", "none", 0), ("odd", "as_none", "none", 0),
            ("bad", "unusable", None, 1), ("no", "none", None, 1),
            ("down", "temperror", None, 75)):
        got = found(top, zone, f"{name}.test", status=status)
        equal((got["status"], got["policy"]), (word, policy), name)
    for name, status in (("no", 1), ("down", 75)):
        got = found(top, zone, f"{name}.test", status=status)
        equal((got["record"], got["tags"], got["policy_tag"],
               got["policy_domain"]), (None,) * 4)


@case("whether the domain exists is told when np needs it")
def existence(top):
    zone = ('_dmarc.a.test TXT "v=DMARC1; p=none; np=reject"\n'
            "b.a.test AAAA ::1\n")
    for name, answer, policy in (("b.a.test", "no data", "none"),
                                 ("c.a.test", "no such name", "reject")):
        got = found(top, zone, name)
        equal(got["queries"][-1], {"name": name, "type": "A",
                                   "answer": answer, "records": []})
        equal(got["policy"], policy)


@case("psl: its own steps")
def by_suffix_list(top):
    got = found(top, '_dmarc.a.co.uk TXT "v=DMARC1; p=reject; pct=0"\n',
                "x.y.a.co.uk", "--discovery", "psl")
    equal([one["name"] for one in got["queries"]],
          ["_dmarc.x.y.a.co.uk", "_dmarc.a.co.uk"])
    equal((got["discovery_method"], got["organizational_domain"],
           got["policy"], got["testing"]),
          ("psl", "a.co.uk", "quarantine", True))


@case("warnings: removed tags, bad values, several records, none that counts")
def warnings(top):
    zone = """_dmarc.a.test TXT "v=DMARC1; p=none; pct=5; rf=; ri=1; fo=x; adkim=x; y="
_dmarc.two.test TXT "v=DMARC1; p=none"
_dmarc.two.test TXT "v=DMARC1; p=reject"
_dmarc.case.test TXT "v=dmarc1; p=reject"
_dmarc.order.test TXT "p=reject; v=DMARC1"
_dmarc.good.test TXT "v=DMARC1; p=none"
_dmarc.good.test TXT "something else"
"""
    for name, status, parts_of in (
            ("a", 0, ("pct: removed", "rf: removed", "ri: removed", "fo: ",
                      "adkim: ", "y: not a DMARC tag")),
            ("two", 1, ("_dmarc.two.test: 2 DMARC records",)),
            ("case", 1, ("_dmarc.case.test: not taken for a DMARC record",)),
            ("order", 1, ("_dmarc.order.test: not taken for",)),
            ("good", 0, ())):
        got = found(top, zone, f"{name}.test", status=status)["warnings"]
        equal(len(got), len(parts_of), got)
        for part in parts_of:
            assert any(one.startswith(part) for one in got), (part, got)


@case("warnings: a record where nobody looks for it")
def misplaced(top):
    for owner in ("a.test", "dmarc.a.test", "_dmarc._dmarc.a.test",
                  "_dmarc.a.test.a.test"):
        got = found(top, f'{owner} TXT "v=DMARC1; p=none"\n', "a.test",
                    status=1)["warnings"]
        equal(got, [f"{owner}: a DMARC record where nobody looks for it; its "
                    "place is _dmarc.a.test"])
    got = found(top, '_dmarc.a.test TXT "v=DMARC1; p=none"\n',
                "_dmarc.a.test")["warnings"]
    contains(got[0], "you may mean dmarc lookup a.test")
    # A wildcard's record is at its place as well.
    equal(found(top, '*.test TXT "v=DMARC1; p=none"\n',
                "a.test")["warnings"], [])
    # That these cannot be asked is no trouble of the policy's.
    equal(found(top, '_dmarc.a.test TXT "v=DMARC1; p=none"\n'
                "a.test SERVFAIL\n", "a.test")["warnings"], [])


@case("aggregate and failure reports: each destination, and its consent")
def destinations(top):
    got = found(top, '_dmarc.a.test TXT "v=DMARC1; p=none; '
                "rua=mailto:r@a.test,"
                "mailto:r@ok.example; ruf=mailto:f@b.a.test,"
                'mailto:f@no.example,mailto:f@down.example,https://x/"\n'
                'a.test._report._dmarc.ok.example TXT "v=DMARC1"\n'
                "a.test._report._dmarc.down.example SERVFAIL\n", "a.test")
    equal([one["status"] for one in got["rua"]], ["ok", "ok"])
    equal([one["status"] for one in got["ruf"]],
          ["ok", "unauthorized", "temperror", "unsupported"])
    equal(list(got["ruf"][0]), ["uri", "status", "address", "reason"])
    text, _ = run("lookup", "--zone", top / "zone", "a.test")
    contains(text, "Failure reports go to\n  mailto:f@b.a.test  ok\n")


@case("failure reports: the host's ruf, and none for a public suffix")
def failure(top):
    got = found(top, '_dmarc.a.test TXT "v=DMARC1; p=none; psd=y; '
                'ruf=mailto:r@ok.example"\n'
                "a.test._report._dmarc.ok.example TXT \"v=DMARC1; "
                'rua=mailto:a@ok.example; ruf=mailto:f@ok.example"\n',
                "a.test")
    equal(got["ruf"][0]["address"], "f@ok.example")
    contains(got["warnings"][0], "ruf: not used in a record with psd=y")


@case("usage")
def usage(top):
    _, err = run("lookup", "--zone", ZONE, "--resolver", "::1", "a.test",
                 status=64)
    contains(err, "give one of --zone")
    _, err = run("lookup", "--resolver", "::1#x", "a.test", status=64)
    contains(err, '--resolver: "::1#x" is not a name server')
    for domain, wanted in (
            ("", "not a domain name"), ("a..b", "not a domain name"),
            ("a b", "not a domain name"), ("x" * 64, "not a domain name"),
            ("https://a.test/", "not a domain name"),
            ("192.0.2.1", "an IP address"), ("2001:db8::1", "an IP address"),
            ("x@y@a.test", "an address, not a domain: try dmarc lookup "
             "a.test")):
        _, err = run("lookup", "--zone", ZONE, domain, status=64)
        contains(err, wanted)


@case("a name as a person types it")
def typed(top):
    zone = '_dmarc.xn--bcher-kva.test TXT "v=DMARC1; p=none"\n'
    for name in ("bücher.test", "BÜCHER.test", "Bu\u0308cher.Test.",
                 "ｂücher.test", "bücher\u3002test", "XN--BCHER-KVA.TEST"):
        equal(found(top, zone, name)["domain"], "xn--bcher-kva.test", name)


@case("where reports go when the host wants them elsewhere")
def override(top):
    (top / "zone").write_text(
        '_dmarc.a.test TXT "v=DMARC1; p=none; rua=mailto:r@ok.example"\n'
        "a.test._report._dmarc.ok.example TXT "
        '"v=DMARC1; rua=mailto:new@ok.example"\n')
    out, _ = run("lookup", "--zone", top / "zone", "a.test")
    contains(out, "  mailto:r@ok.example  ok: its host wants them at "
             "new@ok.example\n")


@case("the policy for this domain: after t=y, and not known")
def policy_words(top):
    for zone, name, wanted, policy, tag, status in (
            ('_dmarc.a.test TXT "v=DMARC1; p=reject; t=y"\n', "a.test",
             "quarantine (by p and t=y: one level lower)", "quarantine", "p",
             0),
            ('_dmarc.a.test TXT "v=DMARC1; p=x; t=y"\n', "a.test",
             "none that could be used", None, None, 1),
            ('_dmarc.a.test TXT "v=DMARC1; p=reject; np=none"\n'
             "b.a.test SERVFAIL A\n", "b.a.test", "not known: DNS failed",
             None, None, 75)):
        got = found(top, zone, name, status=status)
        equal((got["policy"], got["policy_tag"]), (policy, tag))
        out, _ = run("lookup", "--zone", top / "zone", name, status=status)
        contains(out, f"Policy for this domain {wanted}\n")


run_cases(parts.folder("lookup"))
