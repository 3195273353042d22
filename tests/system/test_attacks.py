#!/usr/bin/env python3
"""The attacks of tests/replay: what our Authentication-Results say of them, read
by a reader of its own; and the worst of them by the way of real mail."""
import json
import re
import urllib.parse

import parts
from milter import Milter, inserted, removed
from tap import case, contains, equal, run_cases

REPLAY = parts.ROOT / "tests/replay"
ATTACKS = sorted(REPLAY.glob("attack-*.facts"))
RESULTS = "Authentication-Results"

# --- reading them: RFC 8601 2.2, as far as we write it ---

TOKEN = r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+"
QUOTED = r'"(?:[ !#-\[\]-~]|\\[ -~])*"'
VALUE = rf"(?:{QUOTED}|(?:{TOKEN})?@[\w.-]+|{TOKEN}(?:@[\w.-]+)?)"
GAP = r"(?: |\r\n\t)"
METHOD = re.compile(
    rf"{GAP}([a-z]+)=([a-z]+)(?: reason=({QUOTED}))?"
    rf"((?:{GAP}[a-z]+\.[a-z]+={VALUE})*)(?=;|$)")
PROPERTY = re.compile(rf"{GAP}([a-z]+\.[a-z]+)=({VALUE})")
PROPERTIES = {
    "spf": ["smtp.mailfrom", "smtp.helo"],
    "dkim": ["header.d", "header.i", "header.s", "header.a", "header.b"],
    "dmarc": ["header.from", "policy.dmarc"],
}


def methods(field):
    """[(method, result, {property: value})]; all of FIELD or an error."""
    begin = "mx.example.org;"
    assert field.startswith(begin), field
    found, at = [], len(begin) - 1
    while at < len(field):
        equal(field[at], ";", field)
        match = METHOD.match(field, at + 1)
        assert match, f"at {at}: {field!r}"
        values = PROPERTY.findall(match[4])
        equal(len(values), len(dict(values)), "properties once")
        for name, _ in values:
            contains(PROPERTIES[match[1]], name)
        found.append((match[1], match[2], {
            name: re.sub(r"\\(.)", r"\1", value.strip('"'))
            for name, value in values}))
        at = match.end()
    return found


def expected(facts):
    """The words of NAME.expect, [(method, result)]; of HELO's only one that
    says something and is not MAIL FROM's."""
    null_sender = re.search(r"(?m)^mail-from$", facts.read_text())
    for line in facts.with_suffix(".expect").read_text().splitlines():
        name, result = line.split(" ")[:2]
        if name in ("spf", "dkim", "dmarc"):
            yield name, result
        elif name == "helo" and result != "none" and not null_sender:
            yield "spf", result


def check_words(facts, found):
    wanted = sorted(expected(facts))
    if not [one for one in wanted if one[0] == "dkim"]:
        wanted = sorted(wanted + [("dkim", "none")])
    equal(sorted((method, result) for method, result, _ in found), wanted,
          facts.stem)


def check(facts):
    out, _ = parts.dmarc_says("verify", "--json", "--facts", facts,
                              facts.with_suffix(".eml"))
    field = json.loads(out)["authentication_results"]
    check_words(facts, methods(field))


@case("exactly our methods, and nothing that breaks out")
def all_attacks(top):
    for facts in ATTACKS:
        check(facts)
    assert len(ATTACKS) > 100, len(ATTACKS)


# --- by the milter protocol ---

# All of one zone; what an MTA can hand over: no NUL, no line that is no field.
WORST = [
    "from-plain", "from-two", "from-two-blank", "from-encoded-word",
    "from-cr", "from-line-separator", "from-quoted-pair",
    "sender-parenthesis", "sender-quote", "sender-semicolon",
    "null-helo-text", "dkim-s-quote", "dkim-d-parenthesis",
    "dkim-i-encoded", "dkim-above-subject", "dkim-l-mime",
    "forged-results", "forged-arc", "forged-received-spf",
]
FORGED = 6  # fields of forged-results


def head_of(facts):
    """{name: value} of the envelope."""
    lines = facts.read_text().split("\n\n")[0].splitlines()[1:]
    return {name: urllib.parse.unquote_to_bytes(value)
            for name, _, value in (line.partition(" ") for line in lines)}


def zone_of(names):
    lines = set()
    for name in names:
        text = (REPLAY / f"attack-{name}.facts").read_text()
        lines.update(text.split("\n\n", 1)[1].splitlines())
    return "\n".join(sorted(lines)) + "\n"


def fields_of(head):
    """[(name, value)] of a header, as an MTA cuts it."""
    for field in re.split(rb"\r\n(?![ \t])", head):
        name, value = field.split(b":", 1)
        yield name, value.replace(b"\r\n", b"\n")


def send(mta, facts):
    said = head_of(facts)
    head, body = facts.with_suffix(".eml").read_bytes().split(
        b"\r\n\r\n", 1)
    mta.begin(said["client"].decode(), said["helo"])
    mta.mail(b"<" + said["mail-from"] + b">")
    for name, value in fields_of(head):
        mta.send("L", name + b"\0" + value + b"\0")
    mta.send("N")
    mta.send("B", body)
    mta.send("E")
    return mta.verdict()


def daemon(top, mode):
    (top / "nobody").write_text("")
    (top / "zone").write_text(zone_of(WORST))
    return parts.dmarcd(top / "d", AuthservID="mx.example.org", Workers=1,
                        Enforce=mode, IgnoreHosts=top / "nobody",
                        ZoneFile=top / "zone")


def through(top, mode):
    """(name, NAME.facts, final letter, its words, changes) of the worst."""
    with daemon(top, mode):
        for name in WORST:
            facts = REPLAY / f"attack-{name}.facts"
            with Milter(top / "d/milter.sock") as mta:
                yield name, facts, *send(mta, facts)


@case("refused in one clean line")
def refused(top):
    for name, _, letter, words, changes in through(top, "strict"):
        equal((letter, changes), ("y", []), name)
        assert re.fullmatch(rb"550 5\.7\.1 [ -~]{1,400}\0", words), words
        contains(words, b"DMARC", name)


@case("or tagged with what we found, and nobody else's word stays")
def tagged(top):
    for name, facts, letter, words, changes in through(top, "monitor"):
        forged = FORGED if name == "forged-results" else 0
        equal(letter, "a", f"{name}: {words}")
        field = inserted(changes)[RESULTS].replace("\r\n", "\n")
        found = methods(field.replace("\n", "\r\n").strip(" "))
        check_words(facts, found)
        equal(removed(changes, RESULTS.encode()),
              list(range(forged, 0, -1)), name)


@case("a line end within a field's value")
def line_ends(top):
    with daemon(top, "strict"):
        for end in (b"\n", b"\r", b"\r\n", b"\n\n", b"\n.\n"):
            with Milter(top / "d/milter.sock") as mta:
                mta.begin()
                mta.mail()
                mta.field(b"From", b"x@attacker.example" + end +
                          b"From: news@bank.example")
                mta.end()
                letter, words, _ = mta.verdict()
                equal((letter, words[:9]), ("y", b"550 5.7.1"), end)


run_cases(parts.folder("attacks"))
