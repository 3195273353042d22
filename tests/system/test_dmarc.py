#!/usr/bin/env python3
"""The tool: what it prints, and its exit status."""
import subprocess

import parts
from tap import Tap, contains, equal

ZONE = parts.MESSAGES / "zone"
COMMANDS = ("lookup", "verify", "import", "report", "expire")


def run(*words, stdin=b"", status=0):
    done = subprocess.run([parts.DMARC, *map(str, words)], input=stdin,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    equal(done.returncode, status, f"{words}: {done.stderr.decode()}")
    return done.stdout.decode(), done.stderr.decode()


def cases(tap, top):
    def lookup():
        out, _ = run("lookup", "--zone", ZONE, "news.bank.example")
        for part in ("_dmarc.news.bank.example", "_dmarc.bank.example",
                     "v=DMARC1; p=reject", "Organizational Domain  "
                     "bank.example", "mailto:dmarc@bank.example"):
            contains(out, part)

    def lookup_none():
        run("lookup", "--zone", ZONE, "nothing.test", status=1)
        zone = top / "down.zone"
        zone.write_text("_dmarc.down.test SERVFAIL\ndown.test EXISTS\n")
        run("lookup", "--zone", zone, "down.test", status=75)

    def lookup_external():
        zone = top / "ext.zone"
        zone.write_text(
            '_dmarc.a.test TXT "v=DMARC1; p=none; rua=mailto:r@ok.example,'
            'mailto:r@no.example"\na.test EXISTS\n'
            'a.test._report._dmarc.ok.example TXT "v=DMARC1"\n')
        out, _ = run("lookup", "--zone", zone, "a.test")
        contains(out, "  mailto:r@ok.example  ok\n")
        contains(out, "  mailto:r@no.example  unauthorized")

    def hostile_zone():
        zone = top / "esc.zone"
        zone.write_text('_dmarc.e.test TXT "v=DMARC1; p=none; '
                        'rua=mailto:\\027[31m@e.test"\ne.test EXISTS\n')
        out, _ = run("lookup", "--zone", zone, "e.test")
        assert "\x1b" not in out, "an escape sequence reached the terminal"
        contains(out, "\\x1B")

    def verify():
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

    def verify_line_ends():
        data = (parts.MESSAGES / "1-genuine.eml").read_bytes()
        for text in (data, data.replace(b"\r\n", b"\n")):
            out, _ = run("verify", "--zone", ZONE, "-", stdin=text)
            contains(out, "dkim         pass")

    def verify_no_message():
        run("verify", "--zone", ZONE, "-", stdin=b"", status=65)
        run("verify", "--zone", ZONE, "-", stdin=b"no field\n\nx", status=65)
        run("verify", "--zone", ZONE, "/nonexistent", status=66)

    def usage():
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

    def unknown_option():
        for command in COMMANDS:
            for option in ("--nonsense", "-Z"):
                _, err = run(command, option, status=64)
                equal(err.split(" ", 2)[:2], ["dmarc", f"{command}:"], err)

    def config():
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

    def import_bad():
        conf = top / "i.conf"
        parts.write_config(conf, Database=f"sqlite:{top}/i.db",
                           HistoryFile=top / "h")
        (top / "h").write_text("nonsense\nend 9 00000000\n")
        out, _ = run("import", "-c", conf, status=65)
        contains(out, ".rejected")
        run("import", "-c", conf)
        run("expire", "-c", conf)

    tap.case("lookup tells the walk", lookup)
    tap.case("lookup's status", lookup_none)
    tap.case("lookup asks external destinations", lookup_external)
    tap.case("lookup prints nothing that a terminal would obey", hostile_zone)
    tap.case("verify", verify)
    tap.case("verify takes LF and CR LF alike", verify_line_ends)
    tap.case("verify: what is no message", verify_no_message)
    tap.case("usage errors", usage)
    tap.case("an unknown option: which command does not know it",
             unknown_option)
    tap.case("configuration errors say what to do", config)
    tap.case("import sets bad entries aside", import_bad)


def main():
    tap = Tap()
    with parts.folder("dmarc") as top:
        cases(tap, top)
    tap.end()


main()
