#!/usr/bin/env python3
"""The tool: what it prints, and its exit status."""
import subprocess

import parts
from tap import case, contains, equal, run_cases

ZONE = parts.MESSAGES / "zone"
COMMANDS = ("lookup", "verify", "import", "report", "expire")


def run(*words, stdin=b"", status=0):
    done = subprocess.run([parts.DMARC, *map(str, words)], input=stdin,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    equal(done.returncode, status, f"{words}: {done.stderr.decode()}")
    return done.stdout.decode(), done.stderr.decode()


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


@case("usage errors")
def usage(top):
    run(status=64)
    run("nonsense", status=64)
    run("verify", status=64)
    run("verify", "--enforce", "maybe", "x", status=64)
    run("lookup", status=64)
    run("report", "--date", "2026-02-30", status=64)
    run("report", "--date", "2026-02-01", status=64)
    run("expire", "--days", "0", status=64)
    out, _ = run("--help")
    for command in COMMANDS:
        contains(out, command)
        contains(run(command, "--help")[0], f"Usage: dmarc {command}")


@case("an unknown option: which command does not know it")
def unknown_option(top):
    for command in COMMANDS:
        for option in ("--nonsense", "-Z"):
            _, err = run(command, option, status=64)
            equal(err.split(" ", 2)[:2], ["dmarc", f"{command}:"], err)


@case("configuration errors say what to do")
def config(top):
    conf = top / "c.conf"
    conf.write_text("AuthservID x\n")
    _, err = run("import", "-c", conf, status=78)
    contains(err, "Database is not set")
    conf.write_text(f"Database sqlite:{top}/x.db\n")
    _, err = run("import", "-c", conf, status=78)
    contains(err, "HistoryFile")
    _, err = run("report", "-c", conf, "--now", "2026-11-23", status=78)
    contains(err, "ReportEmail")
    _, err = run("import", "-c", conf, "/nonexistent/file", status=66)
    contains(err, "/nonexistent/file")


@case("import sets bad entries aside")
def import_bad(top):
    conf = top / "i.conf"
    parts.write_config(conf, Database=f"sqlite:{top}/i.db",
                       HistoryFile=top / "h")
    (top / "h").write_text("nonsense\nend 9 00000000\n")
    out, _ = run("import", "-c", conf, status=65)
    contains(out, ".rejected")
    run("import", "-c", conf)
    run("expire", "-c", conf)


run_cases(parts.folder("dmarc"))
