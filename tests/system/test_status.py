#!/usr/bin/env python3
"""dmarc status, and the control socket that it asks: each figure moves when it
should and no other does; reloads, crashes and floods."""
import contextlib
import grp
import json
import os
import pathlib
import re
import signal
import socket
import stat
import threading
import time

import history
import parts
import query
import sink
from milter import ALL_ACTIONS, ALL_STEPS, CHANGE_HEADERS, NO_REPLY_TO_MAIL, \
    Milter
from tap import Skip, case, contains, equal, run_cases

ZONE = parts.MESSAGES / "zone"
BANK = ("192.0.2.10", "mail.bank.example", "<news@bank.example>")
THIEF = ("203.0.113.66", "attacker.example", "<news@bank.example>")
SPOOF = b"From: Bank <news@bank.example>\nSubject: hello\n"
NOBODY = 65534
DAEMON = 1
PER_SECOND = 50
QUESTIONS = 5  # that 1-genuine.eml asks
# What may differ in two answers although nobody did anything.
RESTLESS = ("dns.", "import.last", "expire.last", "reports.last",
            "connections.open")
# What is null until it was looked at.
UNKNOWN = {"import.bytes_unread", "reports.waiting"}


@contextlib.contextmanager
def daemon(top, **options):
    (top / "nobody").write_text("")
    options = {"AuthservID": "mx.test", "Enforce": "strict", "Workers": 1,
               "IgnoreHosts": top / "nobody", "ZoneFile": ZONE,
               "ControlSocket": f"unix:{top}/d/control", **options}
    with parts.dmarcd(top / "d", **{name: value for name, value
                                    in options.items() if value}) as process:
        yield process


def connect(top):
    return query.connect(top / "d/control")


def ask(top):
    with connect(top) as client:
        data = query.read_all(client)
    assert re.fullmatch(b"[ -~]*}\n", data), data
    return json.loads(data, object_pairs_hook=no_name_twice)


def no_name_twice(pairs):
    names = [name for name, _ in pairs]
    equal(len(set(names)), len(names), names)
    return dict(pairs)


def figures(top):
    """{"group.word": number}"""
    return {f"{group}.{word}": value for group, members in ask(top).items()
            if isinstance(members, dict) for word, value in members.items()
            if word != "last_failure"}


def wait_for_figure(top, name, is_good):
    parts.wait_for(name, lambda: is_good(figures(top)[name]))


@contextlib.contextmanager
def moves(top, **wanted):
    """What is done here adds so much to figures (a__b: a.b), and nothing to
    any other."""
    before = figures(top)
    wanted = {name.replace("__", "."): value
              for name, value in wanted.items()}

    def moved():
        now = figures(top)
        return {name: now[name] - before[name] for name in now
                if now[name] != before[name]
                and not name.startswith(RESTLESS)}

    yield
    # An answer may be out a moment before it is counted.
    with contextlib.suppress(AssertionError):
        parts.wait_for("figures", lambda: moved() == wanted)
    equal(moved(), wanted, "moved")


def send(top, sender, name):
    return parts.demo_mta(f"unix:{top}/d/milter.sock", *sender,
                          parts.MESSAGES / name)


def milter(top, **options):
    return Milter(f"{top}/d/milter.sock", **options)


def children(pid):
    return [int(child) for child in pathlib.Path(
        f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextlib.contextmanager
def acting_as(number):
    """A user, and a group, that are asked for by a socket's other end."""
    os.setegid(number)
    os.seteuid(number)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@contextlib.contextmanager
def stage():
    with parts.folder("status") as top:
        yield top


@case("a new daemon's figures are 0, and docs/formats.md names all")
def shape(top):
    with daemon(top, Workers=3) as started:
        answer = ask(top)
        equal((answer["format"], answer["pid"], answer["state"]),
              (1, started.pid, "running"))
        equal(answer["configuration"], f"{top}/d/dmarcd.conf")
        equal(answer["log"], [])
        now = figures(top)
        assert 0 <= answer["time"] - now.pop("daemon.started") < 100, answer
        equal(now.pop("daemon.workers"), 3)
        equal({name for name, value in now.items() if value is None},
              UNKNOWN)
        equal({now[name] for name in now.keys() - UNKNOWN}, {0}, now)
        page = (parts.ROOT / "docs/formats.md").read_text()
        section = re.search(r"(?ms)^## Control socket$(.*?)(?:^## |\Z)", page)[1]
        for name in answer:
            contains(section, f"`{name}`")
        told = dict(re.findall(r"(?m)^\| `(\w+)` \| (.*\|.*) \|$", section))
        for name in figures(top):
            group, word = name.split(".")
            contains(told[group], f"`{word}`", name)


@case("messages by milter: verdicts, answers, history")
def by_milter(top):
    with daemon(top, HistoryFile=top / "history"):
        with moves(top, connections__milter=1, verdicts__pass=1,
                   answers__accept=1, history__entries=1):
            send(top, BANK, "1-genuine.eml")
        with moves(top, connections__milter=1, verdicts__fail=1,
                   answers__reject=1, history__entries=1):
            send(top, THIEF, "4-spoof.eml")
        with moves(top, connections__milter=1, verdicts__permerror=1,
                   answers__reject=1, messages__malformed_from=1):
            send(top, THIEF, "6-two-from.eml")
        with moves(top, connections__milter=1, verdicts__none=2,
                   answers__accept=2), milter(top) as mta:
            mta.begin()
            for _ in range(2):
                mta.message(author=b"x@nothing.example")
                equal(mta.verdict()[0], "a")
        wait_for_figure(top, "dns.asked", lambda value: value > 0)
        asked = figures(top)
        equal(asked["dns.asked"], asked["dns.sent"], "no cache with ZoneFile")
    with daemon(top, Enforce="quarantine"):
        with moves(top, connections__milter=1, verdicts__fail=1,
                   answers__quarantine=1):
            send(top, THIEF, "4-spoof.eml")


@case("messages that are not judged, by milter")
def unjudged(top):
    (top / "relays").write_text("192.0.2.0/24\n")
    with daemon(top, IgnoreHosts=top / "relays", IgnoreMailFrom="bank.example",
                IgnoreAuthenticatedClients="yes"):
        with moves(top, connections__milter=1, unjudged__ignored_host=1):
            send(top, BANK, "1-genuine.eml")
        with moves(top, connections__milter=1, unjudged__ignored_author=1):
            send(top, THIEF, "4-spoof.eml")
        with moves(top, connections__milter=1, unjudged__authenticated=1), \
                milter(top) as mta:
            mta.begin()
            mta.macro("M", b"{auth_authen}", b"ann")
            mta.message()
            equal(mta.verdict()[0], "a")
        with moves(top, connections__milter=1, connections__local=1,
                   unjudged__local=1), milter(top) as mta:
            mta.send("C", b"localhost\0U\0\0\0")
            mta.message()
            equal(mta.verdict()[0], "a")
        with moves(top, connections__milter=1, unjudged__given_up=1), \
                milter(top, actions=ALL_ACTIONS & ~CHANGE_HEADERS) as mta:
            mta.begin()
            mta.macro("M", b"{auth_authen}", b"ann")
            mta.mail()
            mta.field(b"From", b"x@bank.example")
            mta.field(b"Authentication-Results", b"mx.test; dmarc=pass")
            mta.end()
            equal(mta.verdict()[1][:3], b"451")


@case("queries: judged and not, refused")
def by_query(top):
    sock = top / "d/query"
    with daemon(top, QuerySocket=f"unix:{sock}", QueryUsers="nobody",
                QuerySocketGroup=grp.getgrgid(os.getegid() or DAEMON).gr_name,
                IgnoreAuthenticatedClients="yes"):
        with moves(top, connections__query=1, verdicts__fail=1,
                   answers__reject=1):
            equal(query.ask(sock, SPOOF)["disposition"], "reject")
        with moves(top, connections__query=1, unjudged__authenticated=1):
            query.ask(sock, SPOOF, authenticated=1)
        with moves(top, connections__query=1, unjudged__local=1):
            query.ask(sock, SPOOF, client="")
        with moves(top, connections__query=1, unjudged__given_up=1):
            query.ask(sock, b"DKIM-Signature: v=1\n" + SPOOF)
        contains(ask(top)["log"][-1]["text"],
                 "neither spool nor dkim is given; not judged, number 1")
        if os.geteuid() != 0:
            raise Skip("who is refused must be another user")
        with moves(top, connections__refused=1):
            with acting_as(DAEMON):
                query.connect(sock).close()
            wait_for_figure(top, "connections.refused",
                            lambda value: value == 1)


@case("the cache, and DNS that does not answer")
def dns(top):
    with parts.nsd(top / "nsd", ZONE.read_text()) as port, daemon(
            top, ZoneFile=None, Nameservers=f"127.0.0.1:{port}"):
        send(top, BANK, "1-genuine.eml")
        # These are told once a second, perhaps amid a message.
        wait_for_figure(top, "dns.cache_entries",
                        lambda value: value == QUESTIONS)
        first = figures(top)
        assert first["dns.cache_bytes"] > first["dns.cache_entries"] * 50
        assert first["dns.sent"] >= first["dns.cache_entries"], first
        equal(first["dns.from_cache"] + first["dns.sent"] <= first["dns.asked"],
              True)
        send(top, BANK, "1-genuine.eml")
        wait_for_figure(top, "dns.from_cache", lambda value:
                        value == first["dns.from_cache"] + QUESTIONS)
        equal(figures(top)["dns.sent"], first["dns.sent"], "sent")
        equal(figures(top)["dns.failed"], 0)
    with daemon(top, ZoneFile=None, DNSTimeout=1, OnTempError="defer",
                Nameservers=f"127.0.0.1:{parts.free_port()}"):
        with moves(top, connections__milter=1, verdicts__temperror=1,
                   answers__accept=1):
            send(top, BANK, "1-genuine.eml")
        wait_for_figure(top, "dns.failed", lambda value: value > 0)
        equal(figures(top)["dns.timed_out"], 0, "refused at once")
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        with daemon(top, ZoneFile=None, DNSTimeout=1, MessageTimeout=240,
                    Nameservers=f"127.0.0.1:{silent.getsockname()[1]}"):
            send(top, BANK, "1-genuine.eml")
            wait_for_figure(top, "dns.timed_out", lambda value: value > 0)
            now = figures(top)
            equal(now["dns.timed_out"], now["dns.failed"], "timed out")


@case("a history that cannot be written waits, and is shown to")
def history_waits(top):
    if os.geteuid() != 0:
        raise Skip("needs a user of its own")
    folder = top / "h"
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    with daemon(top, HistoryFile=folder / "history", UserID="nobody"):
        (folder / "history").rename(folder / "away")
        (folder / "history").mkdir()
        send(top, BANK, "1-genuine.eml")
        wait_for_figure(top, "history.bytes_waiting", lambda value: value > 0)
        contains(ask(top)["log"][0]["text"], "dmarcd filter: history: ")
        (folder / "history").rmdir()
        wait_for_figure(top, "history.bytes_waiting", lambda value: value == 0)
        equal(figures(top)["history.entries"], 1)
        equal(figures(top)["history.lost"], 0)


@case("the clerk: imports, and what it could not do")
def clerk(top):
    history, database = top / "i/history", top / "i/dmarc.db"
    (top / "i").mkdir()
    with daemon(top, HistoryFile=history, Database=f"sqlite:{database}",
                ImportInterval="1s"):
        send(top, BANK, "1-genuine.eml")
        wait_for_figure(top, "import.entries", lambda value: value == 1)
        wait_for_figure(top, "expire.last", lambda value: value > 0)
        now = ask(top)
        assert 0 <= now["time"] - now["import"]["last"] < 100, now["import"]
        equal(now["import"]["last_failure"], None)
        with open(history, "a") as file:
            file.write("job 1\nnonsense 7\nend 1 00000000\n")
        wait_for_figure(top, "import.rejected", lambda value: value == 1)
        wait_for_figure(top, "import.bytes_unread", lambda value: value == 0)
    database.write_bytes(b"no database" * 1000)
    with daemon(top, HistoryFile=history, Database=f"sqlite:{database}",
                ImportInterval="1s"):
        wait_for_figure(top, "import.failures", lambda value: value >= 2)
        send(top, BANK, "1-genuine.eml")
        parts.wait_for("the entry", lambda: history.stat().st_size > 0)
        wait_for_figure(top, "import.bytes_unread", lambda value:
                        value == history.stat().st_size)
        now = ask(top)
        equal(now["import"]["last"], 0)
        contains(now["import"]["last_failure"]["text"], str(database))
        contains(now["log"][-1]["text"], "dmarcd clerk: ")
        equal(now["reports"]["last_failure"], None)
    # Who has a sandbox ends where its folder is missing, others ask again.
    with daemon(top, HistoryFile=history, Database=f"sqlite:{top}/no/db",
                Sandbox="yes"):
        wait_for_figure(top, "import.failures", lambda value: value >= 1)
        parts.wait_for("its end", lambda: len(ask(top)["log"]) > 1)
        now = ask(top)
        why = f"there is no folder {top}/no"
        contains(now["import"]["last_failure"]["text"], why)
        equal(now["import"]["bytes_unread"], history.stat().st_size)
        contains(now["log"][0]["text"], why)
        contains(now["log"][1]["text"], "the clerk ended with status 78")


@case("reports: sent, refused, waiting")
def reports(top):
    (top / "r").mkdir()
    files = top / "r/history", top / "r/dmarc.db"
    for count, (reply, moved) in enumerate((
            (None, {"sent": 1}), ("550 no", {"refused": 1}),
            ("450 later", {"waiting": 1, "failures": 1}))):
        files[0].write_text(history.ours(
            "bank.example", int(time.time()) - (2 + count) * 86400))
        with sink.Sink() as relay:
            if reply:
                relay.replies["rcpt"] = reply
            with daemon(top, HistoryFile=files[0],
                        Database=f"sqlite:{files[1]}", ReportSpread="0",
                        ImportInterval="1s", ReportTransport=relay.url,
                        ReportEmail="r@receiver.example"):
                parts.wait_for("a look", lambda: any(
                    figures(top)[f"reports.{name}"]
                    for name in ("last", "failures")))
                now = figures(top)
                equal({name: now[f"reports.{name}"] for name in
                       ("sent", "refused", "waiting", "failures")},
                      {"sent": 0, "refused": 0, "waiting": 0, "failures": 0,
                       **moved}, reply)


@contextlib.contextmanager
def refused_port():
    """One where nobody listens, nor can begin to."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@case("reports: a relay that is not there is said, once a look")
def dead_relay(top):
    (top / "e").mkdir()
    files = top / "e/history", top / "e/dmarc.db"
    files[0].write_text("".join(history.ours(
        "bank.example", int(time.time()) - days * 86400)
        for days in (2, 3, 4)))
    with refused_port() as port, daemon(
            top, HistoryFile=files[0], Database=f"sqlite:{files[1]}",
            ReportSpread="0", ImportInterval="1s",
            ReportTransport=f"smtp://127.0.0.1:{port}",
            ReportEmail="r@receiver.example"):
        wait_for_figure(top, "reports.failures", lambda value: value > 0)
        now = ask(top)
        equal((now["reports"]["waiting"], now["reports"]["failures"],
               now["reports"]["last"]), (3, 1, 0))
        contains(status(top, "--metrics")[0], "\ndmarcd_reports_waiting 3\n")
        equal(len(now["log"]), 1, now["log"])
        for said in (now["reports"]["last_failure"], now["log"][0]):
            contains(said["text"], "none of 3 was handed over: ")
            contains(said["text"], f"127.0.0.1 port {port}")
        lines = re.findall("(?m)^.* report: .*$", (top / "d/log").read_text())
        equal(len(lines), 1, lines)


@case("a reload keeps totals; a bad one is counted")
def reload(top):
    with daemon(top) as started, milter(top) as mta:
        mta.begin()
        mta.message()
        equal(mta.verdict()[1][:3], b"550")
        equal(figures(top)["connections.open"], 1)
        started.send_signal(signal.SIGHUP)
        wait_for_figure(top, "daemon.reloads", lambda value: value == 1)
        send(top, THIEF, "4-spoof.eml")
        mta.message()
        equal(mta.verdict()[1][:3], b"550", "by the old filter")
        # That a client hung up is seen a moment later.
        wait_for_figure(top, "connections.open", lambda value: value == 1)
        now = figures(top)
        equal((now["verdicts.fail"], now["connections.milter"],
               now["daemon.workers"]), (3, 2, 2))
        mta.close()
        wait_for_figure(top, "daemon.workers", lambda value: value == 1)
        wait_for_figure(top, "connections.open", lambda value: value == 0)
        conf = top / "d/dmarcd.conf"
        good = conf.read_text()
        for count, bad in enumerate(("Nonsense yes\n", good.replace(
                "/control", "/other")), 1):
            conf.write_text(bad)
            started.send_signal(signal.SIGHUP)
            wait_for_figure(top, "daemon.reloads_failed",
                            lambda value: value == count)
        contains(ask(top)["log"][-1]["text"],
                 "ControlSocket cannot be changed by a reload")
        equal(figures(top)["daemon.reloads"], 1)


@case("a killed filter: totals stay, levels are gone")
def killed(top):
    with daemon(top, Workers=2) as started, milter(top) as mta:
        mta.begin()
        mta.message()
        equal(mta.verdict()[1][:3], b"550")
        equal(figures(top)["connections.open"], 1)
        os.kill(children(started.pid)[0], signal.SIGKILL)
        wait_for_figure(top, "restarts.filter",
                        lambda value: value == 1)
        equal(figures(top)["connections.open"], 0)
        contains(ask(top)["log"][-1]["text"],
                 "dmarcd: the filter was ended by signal 9; it is started")
        wait_for_figure(top, "daemon.workers", lambda value: value == 2)
        send(top, THIEF, "4-spoof.eml")
        equal(figures(top)["verdicts.fail"], 2)


@case("the last 16 warnings, of printable ids alone, and cut")
def warnings(top):
    sock = top / "d/query"
    with daemon(top, QuerySocket=f"unix:{sock}"):
        for number in range(20):
            query.ask_raw(sock, b'version=1\nid=\x1b"\\' +
                          b"x" * 300 * (number % 2) + b"%d\n\n" % number)
        log = ask(top)["log"]
        equal([re.search(r"number (\d+)", note["text"])[1] for note in log],
              [str(number) for number in range(5, 21)])
        for note in log:
            assert len(note["text"]) <= 232, note
            assert re.fullmatch("[ -~]*", note["text"]), note


@case("strangers' bytes are cleaned once: where they are shown")
def shown(top):
    with daemon(top) as started:
        (top / "d/dmarcd.conf").write_bytes(b'No\x1b[1m\\n\xe9\xc3\xa9"\x7f\n')
        started.send_signal(signal.SIGHUP)
        parts.wait_for("the warning", lambda: ask(top)["log"])
        contains(ask(top)["log"][0]["text"], 'dmarcd: ')
        contains(ask(top)["log"][0]["text"],
                 'option "No\x1b[1m\\n\xe9\xc3\xa9"\x7f"')
        clean = r'option "No\x1B[1m\x5Cn\xE9\xC3\xA9"\x7F"'
        contains((top / "d/log").read_text(), clean)
        address = f"unix:{top}/d/control"
        contains(parts.dmarc("status", "--socket", address), clean)


@case("a note is whole or not there, while four threads write them")
def whole_notes(top):
    sock = top / "d/query"
    done = threading.Event()

    def complain(letter):
        while not done.is_set():
            query.ask_raw(sock, b"version=1\nid=" + letter * 60 + b"\n\n")

    with daemon(top, QuerySocket=f"unix:{sock}", Workers=4):
        writers = [threading.Thread(target=complain, args=(letter,))
                   for letter in (b"a", b"b", b"c", b"d")]
        for writer in writers:
            writer.start()
        try:
            wait_for_figure(top, "unjudged.given_up", lambda count:
                            count > 20)
            for _ in range(40):
                for note in ask(top)["log"]:
                    assert re.fullmatch(r"dmarcd filter: query ([abcd]?)\1*: "
                                        r"[ -~]+; not judged, number \d+",
                                        note["text"]), note
        finally:
            done.set()
            for writer in writers:
                writer.join()


@case("it answers while dmarcd stops")
def stopping(top):
    # A message has begun when its MAIL is answered; what has not, need not
    # be finished.
    steps = ALL_STEPS & ~NO_REPLY_TO_MAIL
    with daemon(top) as started, milter(top, steps=steps) as mta:
        mta.begin()
        mta.mail()
        equal(mta.receive()[0], "c")
        mta.field(b"From", b"x@bank.example")
        wait_for_figure(top, "connections.open", lambda value: value == 1)
        started.send_signal(signal.SIGTERM)
        parts.wait_for("it to stop", lambda: ask(top)["state"] == "stopping")
        mta.end()
        equal(mta.verdict()[1][:3], b"550")
        started.wait(parts.PATIENCE)


RUN_OF_ITS_OWN = """mount -t tmpfs none /run && cd /run && %s
exec "$0" -c "$1"
"""


@case("the default: if its folder is there, and mail goes on without it")
def default(top):
    if os.geteuid() != 0:
        raise Skip("needs a /run of its own")
    for before, words in (
            ("true", ""), ("mkdir dmarcd", ""),
            ("mkdir dmarcd && touch dmarcd/control",
             "/run/dmarcd/control exists and is not a socket: remove it or "
             "choose another path; dmarc status will not work\n")):
        (top / "conf").write_text(f"Socket unix:{top}/m\n")
        log = top / "log"
        log.unlink(missing_ok=True)
        with parts.process(["unshare", "--mount", "sh", "-c",
                            RUN_OF_ITS_OWN % before, parts.DMARCD,
                            top / "conf"], log) as started:
            with contextlib.suppress(AssertionError):
                parts.wait_for("dmarcd", lambda: "listening" in
                               log.read_text(), started)
            if started.poll() is not None:
                raise Skip(f"no /run of its own: {log.read_text()}")
            equal("will not work" in log.read_text(), words != "")
            contains(log.read_text(), words)
            path = f"/proc/{started.pid}/root/run/dmarcd/control"
            if before == "mkdir dmarcd":
                contains(parts.dmarc("status", "--socket", path),
                         " is running")
            else:
                parts.dmarc("status", "--socket", path, status=69)


@case("mode, group, and its end; what is sent to it is nothing")
def manners(top):
    as_user = {"UserID": "nobody"} if os.geteuid() == 0 else {}
    control = top / "d/control"
    if as_user:
        os.chown(control.parent, NOBODY, -1)
    with daemon(top, **as_user):
        status = control.stat()
        equal(oct(stat.S_IMODE(status.st_mode)), "0o660")
        if as_user:
            equal((status.st_uid, grp.getgrgid(status.st_gid).gr_name),
                  (NOBODY, "nogroup"))
        with connect(top) as client:
            with contextlib.suppress(OSError):
                client.sendall(b"SHUTDOWN\n" * 1000)
            equal(json.loads(read_all_or_reset(client))["state"], "running")
    equal(control.exists(), False, "left behind")
    for value, words in (("inet:9999@127.0.0.1", "is not unix:/path, or none"),
                         ("/tmp/" + "x" * 200, "is no path"),
                         (f"unix:{top}/no/where", "No such file")):
        (top / "conf").write_text(f"Socket unix:{top}/m\n"
                                  f"ControlSocket {value}\n")
        run = parts.subprocess.run(
            [parts.DMARCD, "-c", top / "conf"], timeout=parts.PATIENCE,
            stdout=parts.subprocess.PIPE, stderr=parts.subprocess.STDOUT)
        assert run.returncode != 0, value
        contains(run.stdout.decode(), words)


def read_all_or_reset(client):
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := client.recv(65536):
            data += piece
    return data


@case("a flood: each is answered once, mail goes on, nobody is waited for")
def flood(top):
    count = 4 * PER_SECOND
    with daemon(top) as started:
        began = time.monotonic()
        clients = [connect(top) for _ in range(count)]
        senders = [threading.Thread(
            target=lambda: [send(top, THIEF, "4-spoof.eml")
                            for _ in range(5)]) for _ in range(2)]
        for thread in senders:
            thread.start()
        # The first half never reads; and then some go.
        for client in clients[:count // 4]:
            client.close()
        for client in clients[count // 2:]:
            equal(json.loads(query.read_all(client))["pid"], started.pid)
        # All but one second's worth had to wait for another second.
        assert time.monotonic() - began > count / PER_SECOND - 2
        for thread in senders:
            thread.join()
        equal(figures(top)["verdicts.fail"], 10)
        for client in clients:
            client.close()
        fds = len(os.listdir(f"/proc/{started.pid}/fd"))
        ask(top)
        equal(len(os.listdir(f"/proc/{started.pid}/fd")), fds, "descriptors")


# --- the tool ---

def status(top, *words, status=0):
    return parts.dmarc_says("status", "-c", top / "d/dmarcd.conf", *words,
                            status=status)


@case("dmarc status: a screen")
def screen(top):
    with daemon(top, DiscoveryMethod="psl"):
        send(top, BANK, "1-genuine.eml")
        send(top, THIEF, "4-spoof.eml")
        wait_for_figure(top, "connections.open", lambda value: value == 0)
        text = status(top)[0]
        lines = text.splitlines()
        contains(lines[0], "dmarcd 0.")
        contains(lines[0], " is running: process ")
        contains(text, "\nverdicts     2: none 0, pass 1, fail 1, temperror 0")
        contains(text, "\nconnections  open 0, milter 2, query 0")
        assert re.search(r"started \d+ s ago, workers 1,", text), text
        assert re.search(r"suffix list \d+ (min|h|d|s)\b", text), text
        contains(text, ", waiting -, failures 0\n")
        contains(text, "\nlast warnings: none\n")
        assert all(len(line) <= 80 and line == line.rstrip()
                   for line in lines[1:]), text


@case("dmarc status --json is what the socket says")
def as_json(top):
    with daemon(top):
        told, asked = json.loads(status(top, "--json")[0]), ask(top)
        for answer in (told, asked):
            answer["time"] = 0
        equal(told, asked)
        told = parts.dmarc("status", "--json", "--socket",
                           f"unix:{top}/d/control")
        equal(json.loads(told)["format"], 1)


METRIC = re.compile(r'dmarcd_(\w+)(?:\{(\w+)="([^"\\]*)"\})? (\d+)')


def read_metrics(text):
    """{(name, label's value): number}; each name has HELP and TYPE once,
    before its first value."""
    found, known = {}, {}
    for line in text.splitlines():
        if line.startswith("# HELP dmarcd_"):
            name, sentence = line.split(" ", 3)[2:]
            assert name not in known and sentence.endswith("."), line
            known[name] = None
        elif line.startswith("# TYPE dmarcd_"):
            name, kind = line.split(" ")[2:]
            equal(known[name], None, line)
            equal(kind, "counter" if name.endswith("_total") else "gauge")
            known[name] = kind
        else:
            name, _, label, value = METRIC.fullmatch(line).groups()
            assert known[f"dmarcd_{name}"], line
            assert (name, label) not in found, line
            found[name, label] = int(value) if value.isdigit() else value
    return found


@case("dmarc status --metrics has every figure")
def metrics(top):
    with daemon(top):
        send(top, THIEF, "4-spoof.eml")
        found = read_metrics(status(top, "--metrics")[0])
        equal(len(found), len(figures(top)) - len(UNKNOWN) + 1,
              "the version and all figures")
        assert not found.keys() & {("import_unread_bytes", None),
                                   ("reports_waiting", None)}, found
        equal(found["verdicts_total", "fail"], 1)
        equal(found["connections_total", "milter"], 1)
        equal(found["workers", None], 1)
        equal([found["restarts_total", process]
               for process in ("filter", "clerk")], [0, 0])
        equal(found["build_info", "0.1.0"], 1)


@case("nobody answers; somebody else does; it is not allowed")
def in_vain(top):
    with daemon(top):
        for words in (("--json", "--metrics"), ("x",), ("--nonsense",)):
            status(top, *words, status=64)
        if os.geteuid() == 0:
            os.chown(top / "d/control", 0, 4)
            run = parts.subprocess.run(
                [parts.DMARC, "status", "--socket", f"unix:{top}/d/control"],
                user=NOBODY, group=NOBODY, extra_groups=[],
                stderr=parts.subprocess.PIPE)
            equal(run.returncode, 77)
            contains(run.stderr.decode(), "only root and the group adm may ask")
    contains(status(top, status=69)[1], f"{top}/d/control: No such file")
    conf = top / "d/dmarcd.conf"
    conf.write_text(conf.read_text() + "ControlSocket none\n")
    contains(status(top, status=78)[1], "ControlSocket is none")
    endless = b'{"format":1,' + b" " * 2 ** 20 + b'"pid":1}'
    for answer in (b"", b"220 mx ESMTP\r\n", b"[1]", b'{"format":1', endless):
        with impostor(top, answer) as path:
            parts.dmarc_says("status", "--socket", path, status=69)
    contains(parts.dmarc_says("status", "--socket", path, status=69)[1],
             "is dmarcd running")


@case("a configuration that is broken by now: said, and dmarcd is asked")
def broken(top):
    conf = top / "d/dmarcd.conf"
    with daemon(top):
        good = conf.read_text()
        for bad, why in (
                (good + "Enforc strict\n", ': unknown option "Enforc"'),
                ("Enforc strict\n" + good, ':1: unknown option "Enforc"'),
                (f"{good}IgnoreHosts {top}/none\n", f"{top}/none: ")):
            conf.write_text(bad)
            for words in ((), ("--json",), ("--metrics",)):
                told, warned = status(top, *words)
                contains(warned, "dmarc status: warning: ")
                contains(warned, why)
                contains(warned, f"unix:{top}/d/control")
                contains(told, {(): " is running", ("--json",): '"running"'}
                         .get(words, "dmarcd_workers 1"))
                equal(warned.count("\n"), 1, warned)
        conf.write_text(good + "ControlSocket none\nEnforc strict\n")
        contains(status(top, status=78)[1], "ControlSocket is none")
        conf.unlink()
        contains(status(top, status=66)[1], f"{conf}: ")
        conf.write_text(good + "Enforc strict\n")
    contains(status(top, status=69)[1], "is dmarcd running")


@case("figures that no daemon has: none below 0, no sum that overflows")
def odd_figures(top):
    with daemon(top):
        groups = {name: list(value) for name, value in ask(top).items()
                  if isinstance(value, dict)}
    for number in (2 ** 63 - 1, -2 ** 63, 1.5, "1", None, [], {}):
        odd = {group: {word: number for word in words}
               | {"last_failure": {"time": number, "text": number}}
               for group, words in groups.items()}
        note = {"time": number, "text": number}
        for answer in (odd, {"log": [note, number]}, groups, {},
                       {**odd, "time": number, "log": [note] * 20}):
            data = json.dumps(answer).encode()
            with impostor(top, data) as path:
                text = parts.dmarc_says("status", "--socket", path)[0]
            assert not re.search(r"(?<!\d)-\d", text), text
            with impostor(top, data) as path:
                read_metrics(parts.dmarc_says("status", "--metrics",
                                              "--socket", path)[0])


@contextlib.contextmanager
def impostor(top, answer):
    path = top / "fake"
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        thread = threading.Thread(target=lambda: give(server, answer))
        thread.start()
        yield path
        thread.join()


def give(server, answer):
    client, _ = server.accept()
    with client:
        client.sendall(answer)


run_cases(stage())
