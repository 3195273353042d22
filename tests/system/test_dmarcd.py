#!/usr/bin/env python3
"""dmarcd as a service: start, stop, reload, failing parts. Where a case sleeps,
that is the time for what must not happen; a slow machine only sees less."""
import contextlib
import fcntl
import os
import pathlib
import pwd
import resource
import signal
import socket
import subprocess
import time

import parts
from milter import Milter
from tap import case, contains, equal, run_cases, Skip

BANK = ("192.0.2.10", "mail.bank.example", "<news@bank.example>")
ATTACKER = ("203.0.113.66", "attacker.example", "<x@attacker.example>")
GENUINE = parts.MESSAGES / "1-genuine.eml"
SPOOF = parts.MESSAGES / "4-spoof.eml"


@contextlib.contextmanager
def silent_dns():
    """A DNS server that never answers; yields its port and asked()."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.setblocking(False)

        def asked():
            with contextlib.suppress(BlockingIOError):
                server.recv(4096)
                return True
            return False

        yield server.getsockname()[1], asked


def children(pid):
    """None, if it is gone itself."""
    return [int(child) for child in parts.read_or_empty(pathlib.Path(
        f"/proc/{pid}/task/{pid}/children")).split()]


def wait_for_one(started):
    """Until a filter that retires, which may take one connection more, is
    gone."""
    parts.wait_for("one filter", lambda: len(children(started.pid)) == 1,
                   started)


def log(top):
    return (top / "d/log").read_text()


def daemon(top, **options):
    (top / "nobody").write_text("")
    defaults = {"AuthservID": "mx.test", "Enforce": "strict", "Workers": 2,
                "IgnoreHosts": top / "nobody"}
    if "Nameservers" not in options:
        defaults["ZoneFile"] = parts.MESSAGES / "zone"
    return parts.dmarcd(top / "d", **{**defaults, **options})


def send(top, message=SPOOF, client=ATTACKER):
    return parts.demo_mta(f"unix:{top}/d/milter.sock", *client, message)


def check_fails(top, text, status, *words):
    file = top / "bad.conf"
    file.write_text(text)
    run = subprocess.run([parts.DMARCD, "-n", "-c", file],
                         stderr=subprocess.PIPE)
    said = run.stderr.decode()
    equal(run.returncode, status, said)
    for word in words:
        contains(said, word)


def alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


def configure(top, **options):
    """What daemon() writes, with other options."""
    parts.write_config(top / "d/dmarcd.conf", **{
        "Socket": f"unix:{top}/d/milter.sock", "UMask": "0",
        "AuthservID": "mx.test", "Enforce": "strict",
        "ZoneFile": parts.MESSAGES / "zone",
        "IgnoreHosts": top / "nobody", **options})


@case("configuration errors say where and what")
def configuration(top):
    check_fails(top, "Socket unix:/x\nEnfocre strict\n", 78,
                "bad.conf:2", "Enfocre", "did you mean Enforce?")
    check_fails(top, "Socket unix:/x\nEnforce sometimes\n", 78,
                "bad.conf:2", "monitor")
    check_fails(top, "AuthservID a\n", 78, "Socket is missing")
    check_fails(top, "Socket unix:/x\nZoneFile /nonexistent\n", 66,
                "/nonexistent")
    check_fails(top, "Socket unix:/x\nUserID nobody-like-this\n", 78,
                "nobody-like-this")
    # What would only fail when it is used is refused at once.
    for line, word in (("Socket nonsense", "not a socket"),
                       ("Socket inet:99999@127.0.0.1", "not a socket"),
                       ("Database mysql:foo", "Database"),
                       ("ReportEmail foo", "ReportEmail"),
                       ("ReportTransport foo", "write smtp://HOST:PORT"),
                       ("ReportTransport sendmail:/no", "no program"),
                       ("ReportEnvelopeFrom foo", "ReportEnvelopeFrom"),
                       ("ReportTLS perhaps", "opportunistic or required"),
                       ("ReportUser u", "ReportPasswordFile"),
                       ("Nameservers bogus", "name server"),
                       ("Socket " + ",".join(["unix:/x"] * 17), "more than"),
                       ("RejectString %s and %s", "RejectString")):
        check_fails(top, "Socket unix:/x\nHistoryFile /h\n"
                    f"ReportEmail a@example.org\n{line}\n", 78, word)
    check_fails(top, "Socket unix:/x # and a comment\n", 0)


@case("a live socket is not taken away")
def live_socket(top):
    with daemon(top):
        (top / "second.conf").write_text(
            f"Socket unix:{top}/d/milter.sock\n")
        run = subprocess.run([parts.DMARCD, "-c", top / "second.conf"],
                             stderr=subprocess.PIPE,
                             timeout=parts.PATIENCE)
        equal(run.returncode, 69, "status")
        contains(send(top, GENUINE, BANK), "mta accept")


@case("a stale socket is removed")
def stale_socket(top):
    (top / "d").mkdir(exist_ok=True)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(top / "d/milter.sock"))
    with daemon(top):
        contains(send(top, GENUINE, BANK), "mta accept")


@case("SIGHUP reloads and drops no session")
def reload(top):
    with daemon(top) as started:
        contains(send(top), "mta 550 5.7.1")
        old = Milter(top / "d/milter.sock")
        old.begin()
        parts.write_config(
            top / "d/dmarcd.conf", Socket=f"unix:{top}/d/milter.sock",
            Enforce="monitor", ZoneFile=parts.MESSAGES / "zone",
            IgnoreHosts=top / "nobody", UMask="0")
        before = children(started.pid)
        started.send_signal(signal.SIGHUP)
        parts.wait_for("the reload", lambda: "reloaded" in log(top))
        parts.wait_for("the new filter", lambda: set(
            children(started.pid)) - set(before))
        parts.wait_for("monitor", lambda: "accept" in send(top))
        # The session from before is served to its end, as before.
        old.message()
        equal(old.verdict()[0], "y", "the old session's answer")
        old.send("Q")
        old.close()
        parts.wait_for("the old filter's end", lambda: not set(
            children(started.pid)) & set(before))


@case("a bad new file keeps the old configuration")
def bad_reload(top):
    with daemon(top) as started:
        (top / "d/dmarcd.conf").write_text("Nonsense 1\n")
        started.send_signal(signal.SIGHUP)
        parts.wait_for("the message", lambda: "stays" in log(top))
        contains(log(top), "Nonsense")
        contains(send(top), "mta 550 5.7.1")


@case("a reload whose filter cannot start changes nothing")
def failing_reload(top):
    with daemon(top, HistoryFile=top / "h3") as started:
        before = children(started.pid)
        old = Milter(top / "d/milter.sock")
        old.begin()
        configure(top, Enforce="monitor", HistoryFile="/nonexistent/history")
        started.send_signal(signal.SIGHUP)
        parts.wait_for("the message", lambda: "stays" in log(top))
        contains(log(top), "/nonexistent/history")
        contains(log(top), "66 before it was ready")
        assert "reloaded" not in log(top)
        contains(send(top), "mta 550 5.7.1")
        equal(children(started.pid), before, "the old filter")
        # It can be mended, the daemon still reacts, nothing was lost.
        configure(top, Enforce="monitor", HistoryFile=top / "h3")
        started.send_signal(signal.SIGHUP)
        parts.wait_for("the reload", lambda: "reloaded" in log(top))
        # The old filter, which may take one connection more.
        parts.wait_for("monitor", lambda: "accept" in send(top))
        old.message()
        equal(old.verdict()[0], "y", "the old session's answer")
        old.close()


def suffix_list(*rules):
    return "\n".join(["// ===BEGIN ICANN DOMAINS===", "com", "test", *rules,
                      "// ===END PRIVATE DOMAINS===", ""])


def replace(file, text):
    """As a package manager does it: all at once."""
    (file.parent / "new").write_text(text)
    (file.parent / "new").rename(file)


@case("a suffix list that changes is read again, a broken one is not taken")
def changing_list(top):
    suffixes, zone = top / "list", top / "list.zone"
    refusing, letting = suffix_list(), suffix_list("firm.test")

    def letter():
        with Milter(top / "d/milter.sock") as mta:
            mta.begin()
            mta.message(author=b"x@shop.firm.test")
            return mta.verdict()[0]

    def wait_for_word(word, times=1):
        parts.wait_for(word, lambda: log(top).count(word) >= times)

    def wait_for_use(times):
        wait_for_word("the files that changed are in use", times)
        wait_for_one(started)

    zone.write_text('_dmarc.firm.test TXT "v=DMARC1; p=reject"\n')
    suffixes.write_text(refusing)
    with daemon(top, ZoneFile=zone, DiscoveryMethod="psl",
                PublicSuffixList=suffixes) as started:
        # Nobody asked for this to be read.
        (top / "d/dmarcd.conf").write_text("Half an edit\n")
        equal(letter(), "y", "below firm.test")
        replace(suffixes, letting)
        wait_for_use(1)
        equal(letter(), "a", "firm.test is a public suffix")
        suffixes.write_text(refusing)  # in its place
        wait_for_use(2)
        equal(letter(), "y", "firm.test is none again")
        replace(suffixes, "<html>502 Bad Gateway</html>\n")
        wait_for_word("not a public suffix list; the old")
        equal(letter(), "y", "the old list")
        time.sleep(5)
        equal(log(top).count("not a public"), 1, "lines that say so")
        replace(suffixes, letting)
        wait_for_use(3)
        equal(letter(), "a", "mended")
        suffixes.unlink()
        wait_for_word(f"{suffixes} is gone; what was read from it stays")
        before = children(started.pid)
        os.kill(before[-1], signal.SIGKILL)
        parts.wait_for("a new filter", lambda: children(
            started.pid) and children(started.pid) != before)
        equal(letter(), "a", "the last list that there was")
        replace(suffixes, refusing)
        wait_for_use(4)
        equal(letter(), "y", "it came back")
        assert "Half" not in log(top), "the options were read"
        started.send_signal(signal.SIGHUP)
        wait_for_word("Half")


@case("IgnoreHosts is read again when it changes")
def changing_hosts(top):
    hosts = top / "changing"
    hosts.write_text("192.0.2.1\n")
    with daemon(top, IgnoreHosts=hosts) as started:
        contains(send(top), "mta 550")
        replace(hosts, "203.0.113.64/28\n")
        parts.wait_for("the file", lambda: "accept" in send(top))
        wait_for_one(started)
        contains(log(top), f"{hosts} has changed; it is read again")
        replace(hosts, "203.0.113.64/28\n</html>\n")
        parts.wait_for("the refusal", lambda: "stays" in log(top))
        contains(log(top), f"{hosts}:2: not a host")
        contains(send(top), "mta accept")


@case("of many reloads the last one counts")
def reloads_in_a_row(top):
    with daemon(top) as started:
        for enforce in ("monitor", "strict", "monitor") * 3:
            configure(top, Enforce=enforce)
            started.send_signal(signal.SIGHUP)
            time.sleep(0.02)
        parts.wait_for("the last", lambda: "accept" in send(top))
        parts.wait_for("the end of all others", lambda: len(
            children(started.pid)) == 1)
        contains(send(top), "mta accept")


@case("a reload does not change what takes a restart")
def restart_only(top):
    pid = top / "d/pid"
    with daemon(top, PidFile=pid) as started:
        for option, value in (("PidFile", top / "precious"),
                              ("UserID", "0"), ("UMask", "077"),
                              ("Socket", f"unix:{top}/d/other.sock")):
            (top / "precious").write_text("precious")
            configure(top, **{"PidFile": pid, option: value})
            started.send_signal(signal.SIGHUP)
            parts.wait_for(option, lambda: f"{option} cannot" in log(top))
        contains(send(top), "mta 550")
    equal((top / "precious").read_text(), "precious", "another's file")
    assert not pid.exists(), "the pid file stays"


@case("a second daemon leaves the first one's PidFile")
def second_daemon(top):
    pid = top / "d/pid"
    with daemon(top, PidFile=pid) as started:
        run = subprocess.run([parts.DMARCD, "-c", top / "d/dmarcd.conf"],
                             stderr=subprocess.PIPE,
                             timeout=parts.PATIENCE)
        equal(run.returncode, 69, "status")
        contains(run.stderr.decode(), "in use")
        equal(pid.read_text(), f"{started.pid}\n", "the pid file")


@case("SIGHUP after SIGTERM starts nothing")
def reload_while_stopping(top):
    with silent_dns() as (port, asked), daemon(
            top, Nameservers=f"127.0.0.1:{port}", DNSTimeout=4,
            MessageTimeout=4) as started:
        busy = Milter(top / "d/milter.sock")
        busy.begin()
        busy.message()
        parts.wait_for("a question", asked)
        before = children(started.pid)
        started.terminate()
        time.sleep(0.5)
        started.send_signal(signal.SIGHUP)
        started.send_signal(signal.SIGUSR1)
        time.sleep(0.5)
        assert set(children(started.pid)) <= set(before), "a new filter"
        equal(busy.verdict()[0], "a", "the message under way")
        equal(started.wait(parts.PATIENCE), 0, "status")
        busy.close()


@case("a filter that stops does not go back")
def stop_then_retire(top):
    with silent_dns() as (port, asked), daemon(
            top, Nameservers=f"127.0.0.1:{port}", DNSTimeout=2,
            MessageTimeout=2) as started:
        busy = Milter(top / "d/milter.sock")
        busy.begin()
        busy.message()
        parts.wait_for("a question", asked)
        old = children(started.pid)[0]
        os.kill(old, signal.SIGTERM)
        time.sleep(0.2)
        os.kill(old, signal.SIGUSR2)
        equal(busy.verdict()[0], "a", "the message under way")
        parts.wait_for("the filter's end", lambda: not alive(old))
        assert "given up" not in log(top), "went back to retiring"
        busy.close()


@case("SIGTERM to a filter that just starts ends it well")
def early_stop(top):
    with daemon(top) as started:
        contains(send(top), "mta 550")
        for _ in range(6):
            old = children(started.pid)
            os.kill(old[0], signal.SIGTERM)
            deadline = time.monotonic() + parts.PATIENCE
            while children(started.pid) in ([], old):  # met at its birth
                assert time.monotonic() < deadline, "no new filter"
        contains(log(top), "ended with status 0")
        assert "signal" not in log(top), log(top)


@case("a killed filter is started again")
def killed_filter(top):
    with daemon(top) as started:
        for pause in (1, 2, 4):  # each one has only just begun
            before = children(started.pid)
            os.kill(before[0], signal.SIGKILL)
            parts.wait_for("a new filter", lambda: children(
                started.pid) and children(started.pid) != before)
            contains(log(top), f"signal 9; it is started again in {pause} s")
        contains(send(top), "mta 550")
        equal(log(top).count("signal 9"), 3, "ends that the log tells")
        # Mended: what comes after a reload has no past.
        started.send_signal(signal.SIGHUP)
        parts.wait_for("the reload", lambda: "reloaded" in log(top))
        parts.wait_for("the old filter's end",
                       lambda: len(children(started.pid)) == 1)
        os.kill(children(started.pid)[0], signal.SIGKILL)
        parts.wait_for("a pause", lambda: log(top).count("again in 1 s") == 2)


@case("a new filter that hangs is given up")
def hanging_reload(top):
    with daemon(top) as started:
        before = children(started.pid)

        def stop_unready():
            """Stops a new filter; False: it was ready before that."""
            told = log(top).count("reloaded")
            started.send_signal(signal.SIGHUP)
            while len(children(started.pid)) == len(before):
                pass
            new = (set(children(started.pid)) - set(before)).pop()
            os.kill(new, signal.SIGSTOP)
            parts.wait_for("a decision", lambda: "is killed" in log(top) or
                           log(top).count("reloaded") > told)
            if "is killed" in log(top):
                return True
            os.kill(new, signal.SIGCONT)
            parts.wait_for("the old filter's end", lambda: children(
                started.pid) == [new])
            before[:] = [new]
            return False

        answers = {"strict": "mta 550", "monitor": "mta accept"}
        current, other = answers
        for _ in range(20):
            # With so many workers it takes a while to start.
            configure(top, Enforce=other, Workers=200)
            if stop_unready():
                break
            current, other = other, current
        else:
            raise AssertionError("each filter was ready before it was met")
        contains(log(top), "the filter is not ready after 30 seconds")
        parts.wait_for("its end", lambda: "signal 9 before it was ready; the "
                       "old configuration stays" in log(top))
        equal(children(started.pid), before, "the old filter")
        contains(send(top), answers[current])


@case("when the master is killed the filter ends")
def killed_master(top):
    with daemon(top) as started:
        contains(send(top), "mta 550")
        orphans = children(started.pid)
        started.kill()
        started.wait()
        parts.wait_for("the filter's end", lambda: not any(
            alive(pid) for pid in orphans))


@case("without DNS a message is judged at the deadline")
def slow_dns(top):
    with silent_dns() as (port, asked), daemon(
            top, Nameservers=f"127.0.0.1:{port}", DNSTimeout=2,
            MessageTimeout=3):
        contains(send(top), "mta accept")
        parts.wait_for("a question", asked)
        parts.wait_for("the result", lambda: "temperror" in log(top))


@case("SIGTERM answers what is under way")
def stop_answers(top):
    with silent_dns() as (port, asked), daemon(
            top, Nameservers=f"127.0.0.1:{port}", DNSTimeout=4,
            MessageTimeout=4) as started:
        idle = Milter(top / "d/milter.sock")
        idle.begin()
        busy = Milter(top / "d/milter.sock")
        busy.begin()
        busy.message()
        parts.wait_for("a question", asked)
        started.terminate()
        equal(busy.verdict()[0], "a", "the message under way")
        equal(started.wait(parts.PATIENCE), 0, "status")
        idle.close()
        busy.close()


@case("the history has an entry for each message")
def history(top):
    with daemon(top, HistoryFile=top / "history"):
        send(top)
        send(top, GENUINE, BANK)
        text = (top / "history").read_text()
        equal(text.count("\nend "), 2, "entries")
        contains(text, "from bank.example")
        equal(os.stat(top / "history").st_mode & 0o777, 0o600, "mode")


@case("a history that cannot be written stops the start")
def no_history(top):
    (top / "d").mkdir(exist_ok=True)
    parts.write_config(top / "d/dmarcd.conf",
                       Socket=f"unix:{top}/d/milter.sock",
                       HistoryFile="/nonexistent/history")
    for _ in range(20):  # once it is enough to see that it ends
        run = subprocess.run([parts.DMARCD, "-c", top / "d/dmarcd.conf"],
                             stderr=subprocess.PIPE, timeout=parts.PATIENCE)
        equal(run.returncode, 66, "status")
        said = run.stderr.decode()
        contains(said, "/nonexistent/history")
        assert "no sign of life" not in said, said


@case("a history that cannot be written is said once")
def history_trouble(top):
    with daemon(top, HistoryFile=top / "h4", Workers=1):
        send(top)
        with open(top / "h4", "rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            contains(send(top), "mta 550")
            contains(send(top), "mta 550")
            parts.wait_for("the first line",
                           lambda: "bytes wait" in log(top))
            time.sleep(4)
            equal(log(top).count("bytes wait"), 1, "lines that say so")
        parts.wait_for("the last line", lambda:
                       "bytes that waited are safe" in log(top))
        time.sleep(1.5)
        equal(log(top).count("are safe"), 1, "lines that say so")
        equal((top / "h4").read_text().count("\nend "), 3, "entries")


@case("the filter may open as many files as it can")
def descriptors(top):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        with daemon(top) as started:
            limit = resource.prlimit(children(started.pid)[0],
                                     resource.RLIMIT_NOFILE)
            equal(limit, (hard, hard), "open files of the filter")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@case("entries that cannot be written at the end can be put back")
def lost_entries(top):
    history, saved = top / "lost", top / "saved"
    with daemon(top, HistoryFile=history) as started:
        send(top)
        history.unlink()
        history.mkdir()
        with Milter(top / "d/milter.sock") as mta:
            mta.begin(helo=rb"back\slash %41")
            mta.message()
            equal(mta.verdict()[0], "y", "mail goes on")
        started.terminate()
        equal(started.wait(parts.PATIENCE), 0, "status")
    recipe = subprocess.run(
        ["sed", "-n", "s/^dmarcd[^:]*: lost entry: //p", top / "d/log"],
        check=True, stdout=subprocess.PIPE)
    saved.write_bytes(recipe.stdout)
    parts.write_config(top / "lost.conf", Database=f"sqlite:{top}/lost.db")
    contains(parts.dmarc("import", "-c", top / "lost.conf", saved),
             "1 entries imported, 0 set aside")


@case("the clerk imports by itself")
def clerk(top):
    with daemon(top, HistoryFile=top / "h2", ImportInterval=1,
                Database=f"sqlite:{top}/clerk.db"):
        send(top)
        parts.wait_for("the import",
                       lambda: "imported 1 entries" in log(top))
        day = time.gmtime(parts.received(top / "h2")[0])
        contains(parts.dmarc("report", "-c", top / "d/dmarcd.conf",
                             "--dry-run", "--date",
                             time.strftime("%Y-%m-%d", day)),
                 "1 reports")


@case("all runs as UserID, and its files are UserID's")
def user(top):
    """Root binds and makes way; all else is UserID's."""
    if os.geteuid() != 0:
        raise Skip("only root can become somebody else")
    nobody = pwd.getpwnam("nobody").pw_uid
    lib = top / "lib"
    lib.mkdir()
    os.chown(lib, nobody, -1)
    with daemon(top, UserID="nobody", HistoryFile=lib / "history",
                Database=f"sqlite:{lib}/dmarc.db",
                ImportInterval=1) as started:
        contains(send(top), "mta 550")
        parts.wait_for("the import",
                       lambda: "imported 1 entries" in log(top))
        pids = [started.pid, *children(started.pid)]
        equal(len(pids), 3, "master, filter and clerk")
        for pid in pids:
            equal(os.stat(f"/proc/{pid}").st_uid, nobody, "user")
    for file in lib.iterdir():
        equal(file.stat().st_uid, nobody, file.name)
        equal(file.stat().st_mode & 0o007, 0, f"others: {file.name}")


@case("IgnoreHosts and its exceptions")
def ignored(top):
    (top / "ignored").write_text("203.0.113.64/28\n!203.0.113.67\n")
    with daemon(top, IgnoreHosts=top / "ignored"):
        contains(send(top), "mta accept")
        other = ("203.0.113.67", *ATTACKER[1:])
        contains(send(top, client=other), "mta 550")


@case("a client that speaks nonsense harms nobody")
def broken_client(top):
    with daemon(top):
        for junk in (b"GET / HTTP/1.0\r\n\r\n", b"\xff" * 64,
                     b"\x00\x00\x00\x00", b"\x00\x00\x00\x01Z"):
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(parts.PATIENCE)
                client.connect(str(top / "d/milter.sock"))
                client.sendall(junk)
                client.shutdown(socket.SHUT_WR)
                with contextlib.suppress(ConnectionError):
                    while client.recv(4096):
                        pass
        contains(send(top), "mta 550")


run_cases(parts.folder("dmarcd"))
