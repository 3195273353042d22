#!/usr/bin/env python3
"""dmarc lookup: discovery, step by step."""
import parts
from parts import dmarc_says as run
from tap import case, contains, run_cases

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


run_cases(parts.folder("lookup"))
