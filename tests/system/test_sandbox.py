#!/usr/bin/env python3
"""What the filter and the clerk took from themselves. tests/unit/sandbox tries
each thing that must fail; here the daemon does what it should, and no more."""
import contextlib
import ctypes
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import time

import history
import parts
import query
import sink
from query import ID, ask
from tap import Skip, case, contains, equal, run_cases

ZONE = parts.MESSAGES / "zone"
BANK = ("192.0.2.10", "mail.bank.example", "<news@bank.example>",
        parts.MESSAGES / "1-genuine.eml")
SIGNED = b"DKIM-Signature: v=1; a=rsa-sha256; d=bank.example; s=s1; h=from;" \
    b" bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\n" \
    b"From: Bank <news@bank.example>\n"
SCMP_ACT_ALLOW, SCMP_ACT_ENOSYS, SCMP_CMP_EQ = 0x7fff0000, 0x00050026, 4
PR_SET_SECCOMP = 22


def daemon(top, **options):
    (top / "data").mkdir(exist_ok=True)
    return parts.dmarcd(top / "d", **{
        "AuthservID": "mx.test", "ZoneFile": ZONE, "Workers": 2,
        "QuerySocket": f"unix:{top}/d/query", "QuerySpool": top / "spool",
        "HistoryFile": top / "data/history", "ImportInterval": 1,
        "Database": f"sqlite:{top}/data/db", **options})


def log(top):
    return (top / "d/log").read_text()


def judge(top):
    parts.demo_mta(f"unix:{top}/d/milter.sock", *BANK)


def imported(top):
    with contextlib.suppress(sqlite3.Error), contextlib.closing(
            sqlite3.connect(top / "data/db")) as database:
        return database.execute(
            "SELECT sum(messages) FROM dmarc_row").fetchone()[0] or 0
    return 0


def children(process):
    """The filter's pid and the clerk's, who is begun after it; () while they
    are not these two."""
    pids = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children") \
        .read_text().split()
    return pids if len(pids) == 2 else ()


def protection(process):
    """{"filter": what /proc has of it, "clerk": ...}"""
    return {name: tuple(re.findall(
        r"(?m)^(?:NoNewPrivs|Seccomp):\t(\d)", parts.read_or_empty(
            pathlib.Path(f"/proc/{pid}/status"))))
        for name, pid in zip(("filter", "clerk"), children(process))}


AT_WORK = "another import is at work"


def import_by_hand(top):
    """The clerk, who does it each second, may be at it."""
    parts.wait_for("an import by hand", lambda: AT_WORK not in parts.dmarc_says(
        "import", "-c", top / "d/dmarcd.conf", status=None)[1])


@case("filter and clerk are in it, and mail is judged and imported")
def inside(top):
    with daemon(top) as process:
        judge(top)
        parts.wait_for("the import", lambda: imported(top) == 1, process)
        equal(protection(process), {"filter": ("1", "2"), "clerk": ("1", "2")})
        # The import has put another file in the history's place.
        judge(top)
        parts.wait_for("the second", lambda: imported(top) == 2, process)
        import_by_hand(top)
        judge(top)
        parts.wait_for("the third", lambda: imported(top) == 3, process)
        equal([line for line in log(top).splitlines() if AT_WORK not in line
               and ("Sandbox" in line or "history:" in line)], [])


def listening():
    """What stands in /proc/PID/fd for each listening socket."""
    rows = [line.split() for line in
            pathlib.Path("/proc/net/unix").read_text().splitlines()[1:]]
    return {f"socket:[{row[6]}]": row[7] for row in rows
            if row[3] == "00010000" and len(row) > 7}


def held(pid):
    """Listening sockets that a process has, and PidFiles."""
    names, found = listening(), []
    for file in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # closed by now
            link = os.readlink(file)
            found += [names.get(link, link)]
    return sorted(name for name in found
                  if name in names.values() or name.endswith("/pid"))


@case("the clerk holds no socket that the MTA asks, and neither the pid file")
def inherited(top):
    with daemon(top, PidFile=top / "d/pid") as started:
        parts.wait_for("both", lambda: children(started), started)
        of_filter, of_clerk = children(started)
        equal(held(of_filter), [f"{top}/d/milter.sock", f"{top}/d/query"])
        # It has them when it is born.
        parts.wait_for("none", lambda: held(of_clerk) == [], started)


@case("Sandbox no: neither is")
def outside(top):
    with daemon(top, Sandbox="no") as process:
        judge(top)
        parts.wait_for("the import", lambda: imported(top) == 4, process)
        equal(protection(process), {"filter": ("0", "0"), "clerk": ("0", "0")})


@case("a reload turns it on")
def reload(top):
    with daemon(top, Sandbox="no") as process:
        conf = top / "d/dmarcd.conf"
        conf.write_text(conf.read_text().replace("Sandbox no", "Sandbox yes"))
        process.send_signal(signal.SIGHUP)
        parts.wait_for("both in it", lambda: protection(process) == {
            "filter": ("1", "2"), "clerk": ("1", "2")}, process)


def ask_spool(top, folder):
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{ID}-D"
    file.write_bytes(f"{ID}-D\nbody\n".encode())
    return ask(top / "d/query", SIGNED, spool=file)["disposition"]


@case("a client's file is read below QuerySpool alone")
def spool(top):
    if parts.landlock() < 1:
        raise Skip("this kernel has no landlock")
    (top / "spool").mkdir(exist_ok=True)
    with daemon(top):
        equal(ask_spool(top, top / "spool/input") != "error", True)
        equal(ask_spool(top, top / "elsewhere/input"), "error")
        contains(log(top), "spool may not be read", "log")
    with daemon(top, Sandbox="no"):
        equal(ask_spool(top, top / "elsewhere/input") != "error", True)


@case("the database's folder is awaited, and no other takes its place")
def folder(top):
    if parts.landlock() < 1:
        raise Skip("this kernel has no landlock")
    with daemon(top, Database=f"sqlite:{top}/late/db") as process:
        parts.wait_for("the clerk's word", lambda: "there is no folder" in
                       log(top), process)
        (top / "late").mkdir()
        parts.wait_for("the database", (top / "late/db").exists, process)
    shutil.rmtree(top / "late")


@case("a sendmail program needs what nobody knows: no sandbox for the clerk")
def program(top):
    with daemon(top, ReportEmail="r@receiver.example",
                ReportTransport="sendmail:/bin/true") as process:
        judge(top)
        parts.wait_for("the log", lambda: "ReportTransport starts a program"
                       in log(top), process)
        equal(protection(process), {"filter": ("1", "2"), "clerk": ("0", "0")})


def take_away(lacks):
    """What runs in the new process, so that its kernel seems to lack them."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p

    class Argument(ctypes.Structure):
        _fields_ = [("number", ctypes.c_uint), ("compare", ctypes.c_int),
                    ("value", ctypes.c_uint64), ("other", ctypes.c_uint64)]

    def run():
        rules = ctypes.c_void_p(library.seccomp_init(SCMP_ACT_ALLOW))
        for call, value in lacks:
            number = library.seccomp_syscall_resolve_name(call)
            argument = Argument(0, SCMP_CMP_EQ, value or 0, 0)
            library.seccomp_rule_add_array(
                rules, ctypes.c_uint(SCMP_ACT_ENOSYS), number,
                0 if value is None else 1, ctypes.byref(argument))
        if library.seccomp_load(rules) != 0:
            os._exit(1)

    return run


LANDLOCK = [(b"landlock_create_ruleset", None)]
SECCOMP = [(b"seccomp", None), (b"prctl", PR_SET_SECCOMP)]


@case("a kernel that lacks it: one line says what, and dmarcd goes on")
def without(top):
    rows = [(LANDLOCK, "no landlock (Function not implemented)"),
            (SECCOMP, "no seccomp"),
            (LANDLOCK + SECCOMP,
             "no landlock (Function not implemented), no seccomp")]
    with daemon(top):  # which writes the configuration
        pass
    for lacks, words in rows:
        before = imported(top)
        with contextlib.ExitStack() as stack:
            (top / "d/log").unlink()
            process = stack.enter_context(parts.process(
                [parts.DMARCD, "-c", top / "d/dmarcd.conf"], top / "d/log",
                preexec_fn=take_away(lacks)))
            parts.wait_for("dmarcd", lambda: "listening" in log(top), process)
            judge(top)
            parts.wait_for("the import",
                           lambda: imported(top) > before, process)
            for who in "filter", "clerk":
                equal([line.split(": ", 1)[1]
                       for line in log(top).splitlines()
                       if line.startswith(f"dmarcd {who}[")
                       and "Sandbox" in line],
                      [f"Sandbox: this system has {words}; "
                       "going on without"], who)


@case("a report goes out from within, to a relay by name")
def report(top):
    noon = int(time.time()) // 86400 * 86400 - 86400 - 43200
    (top / "data/reported").write_text(history.ours("a.example", noon))
    (top / "zone").write_text(
        '_dmarc.a.example TXT "v=DMARC1; p=none; rua=mailto:r@a.example"\n')
    with sink.Sink() as relay:
        port = relay.url.rsplit(":", 1)[1]
        with daemon(top, ReportEmail="r@receiver.example",
                    Database=f"sqlite:{top}/data/reports",
                    HistoryFile=top / "data/reported", ZoneFile=top / "zone",
                    ReportTransport=f"smtp://localhost:{port}") as process:
            parts.wait_for("the report", lambda: relay.taken, process)
            equal(protection(process)["clerk"], ("1", "2"))


run_cases(parts.folder("sandbox"))
