#!/usr/bin/env python3
"""The tool: what it prints, and its exit status."""
import subprocess

import parts
from parts import dmarc_says as run
from tap import case, contains, equal, run_cases

COMMANDS = ("lookup", "verify", "spf", "import", "report", "expire")


@case("usage errors")
def usage(top):
    run(status=64)
    run("nonsense", status=64)
    run("verify", status=64)
    run("verify", "--enforce", "maybe", "x", status=64)
    run("lookup", status=64)
    run("report", "--date", "2026-02-30", status=64)
    run("report", "--date", "yesterday", status=64)
    run("expire", "--days", "0", status=64)
    out, _ = run("--help")
    for command in COMMANDS:
        contains(out, command)
        contains(run(command, "--help")[0], f"Usage: dmarc {command}")


@case("--help is for every name, on standard output")
def every_name(top):
    rows = (("dmarc", parts.DMARC), ("dmarcd", parts.DMARCD),
            ("opendmarc", parts.DMARCD), ("opendmarc-check", parts.DMARC))
    for name, program in rows:
        said = subprocess.run([name, "--help"], executable=program, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        equal((said.returncode, said.stderr), (0, ""), name)
        contains(said.stdout, f"sage: {name} ")
        contains(said.stdout, "version")


@case("an unknown option: which command does not know it")
def unknown_option(top):
    for command in COMMANDS:
        for option in ("--nonsense", "-Z"):
            _, err = run(command, option, status=64)
            equal(err.split(" ", 2)[:2], ["dmarc", f"{command}:"], err)
    for command in ("import", "report", "expire"):
        _, err = run(command, "--now", "soon", status=64)
        contains(err, f"dmarc {command}: --now: not a time: soon; see ")


@case("a wrong word: what it is, and where the right ones are")
def wrong_word(top):
    rows = ((["-c"], "dmarc: -c: no such option, or one without its value; "
             "see dmarc --help\n"),
            (["--nonsense"],
             "dmarc: --nonsense: no such option, or one without its value; "
             "see dmarc --help\n"),
            (["nonsense"],
             "dmarc: nonsense: no such command; see dmarc --help\n"),
            (["database", "x"], "dmarc database: no such command: x; "
             "see dmarc database --help\n"),
            (["spf", "x"], "dmarc spf: no such argument: x; "
             "see dmarc spf --help\n"),
            (["status", "x"], "dmarc status: no such argument: x; "
             "see dmarc status --help\n"))
    for words, said in rows:
        equal(run(*words, status=64)[1], said, words)


@case("what a terminal would obey is not printed as it is")
def harmless(top):
    bad = "x\x1b]0;y\a\x9b"
    rows = (("dmarc", bad), ("dmarc", "verify", "--" + bad),
            ("dmarc", "verify", "--zone", bad, "x"),
            ("dmarc", "lookup", bad), ("dmarc", "config", "-c", bad),
            ("dmarcd", bad), ("dmarcd", "--" + bad), ("dmarcd", "-\x1b"),
            ("dmarcd", "-n", "-c", bad), ("opendmarc", bad),
            ("opendmarc", "-\x1b"), ("opendmarc", "-n", "-c", bad),
            ("opendmarc", "-t", bad))
    (top / "opendmarc").symlink_to(parts.DMARCD)
    programs = {"dmarc": parts.DMARC, "dmarcd": parts.DMARCD,
                "opendmarc": top / "opendmarc"}
    for program, *words in rows:
        said = subprocess.run(
            [programs[program], *words], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        equal(said.returncode > 0, True, words)
        equal([byte for byte in said.stdout + said.stderr
               if byte < 32 and byte != 10 or byte > 126], [], words)
        contains(said.stderr, b"\\x1B", words)


@case("an authserv-id that is too long")
def long_id(top):
    (top / "m").write_text("From: a@a.test\n\n")
    (top / "zone").write_text("a.test EXISTS\n")
    (top / "facts").write_text(f"dmarcd facts 1\nauthserv-id {'x' * 256}\n\n")
    (top / "conf").write_text(f"AuthservID {'x' * 256}\n")
    words = ["verify", "--zone", top / "zone", "--authserv-id"]
    run(*words, "x" * 255, top / "m")
    for size in (256, 70000):
        contains(run(*words, "x" * size, top / "m", status=64)[1],
                 "authserv-id: more than 255 bytes")
    contains(run("verify", "--facts", top / "facts", top / "m", status=65)[1],
             "authserv-id: more than 255 bytes")
    contains(run("config", "-c", top / "conf", status=78)[1],
             "AuthservID: more than 255 bytes")
    (top / "conf").write_text(f"TrustedAuthservIDs {'a,' * 2048}b\n")
    contains(run("config", "-c", top / "conf", status=78)[1],
             "TrustedAuthservIDs: more than 4096 bytes")


@case("--help as a value is a value")
def help_value(top):
    (top / "m").write_text("From: a@a.test\n\n")
    (top / "zone").write_text("a.test EXISTS\n")
    for word in ("--help", "-h"):
        out, _ = run("verify", "--json", "--zone", top / "zone", "--helo",
                     word, "--mail-from", word, top / "m")
        contains(out, '{"from":')


@case("an answer that cannot be written is an error")
def full(top):
    (top / "zone").write_text("a.test EXISTS\n")
    with open("/dev/full", "w") as output:
        got = subprocess.run(
            [str(parts.DMARC), "lookup", "--zone", str(top / "zone"),
             "a.test"], stdout=output, stderr=subprocess.PIPE)
    equal(got.returncode, 74)
    contains(got.stderr.decode(), "dmarc: standard output: ")


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
