#!/usr/bin/env python3
"""Two that report at once, importers and writers, killed at random moments,
and a mail server that refuses, puts off, and hangs up behind the final dot:
every entry is in one report, and each report is sent once.

test_report_faults.py KILLS

The balance, once nobody works any more, with a row of the database for each
group of entries alike:

    begun   = counts + rejected                     (test_history_faults.py)
    counts  = in reports + in none yet
    in reports = delivered + refused + waiting

delivered: the counts in the XML of the reports that the server took, each
Report-ID once. In the middle of it all, and at the end, when none may wait.

A mail comes twice only if its sender did not live to note the answer, or the
server gave none; it is the same to the byte then, whatever came of it before.

Days pass between the turns: the entries are two days old, so that each run of
a reporter seals what was imported since; what waits is due at once, and the
leases of the dead are over, both by SQL and while none of them lives."""
import collections
import contextlib
import os
import pathlib
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time

import mariadb
import parts
import sink
import test_history_faults as faults
from history import ours, opendmarc
from tap import Skip, Tap, equal

# Two days ago; as the day before it begins, yesterday's is not over.
NOON = int(time.time()) // 86400 * 86400 - 2 * 86400 - 43200
DOMAINS = ("journal.test", "locked.test")
ZONE = "".join(f'_dmarc.{name} TXT "v=DMARC1; p=none; rua=mailto:r@{name}"\n'
               for name in DOMAINS)
SAME = ("r.policy_domain = b.policy_domain AND r.policy = b.policy"
        " AND r.hour = b.hour AND r.batch = b.batch")


class Sqlite:
    def __init__(self, top):
        self.file, self.location = top / "db", f"sqlite:{top}/db"

    def sql(self, text):
        with contextlib.closing(sqlite3.connect(self.file, timeout=60)) as db:
            rows = db.execute(text).fetchall()
            db.commit()
        return rows


class MariaDB:
    def __init__(self, server):
        self.server, self.location = server, server.location("faults")
        server.sql("CREATE DATABASE faults")

    def sql(self, text):
        return [tuple(value and value.decode() for value in row)
                for row in self.server.sql(text, "faults")]


class Stage:
    def __init__(self, top, database, relay):
        self.top, self.database, self.relay = top, database, relay
        self.conf, self.history = top / "conf", top / "history"
        self.history.touch()
        (top / "zone").write_text(ZONE)
        self.options = {
            "Database": database.location, "HistoryFile": self.history,
            "ZoneFile": top / "zone", "ReportEmail": "r@receiver.example",
            "ReportTransport": relay.url, "ImportInterval": 1}
        parts.write_config(self.conf, **self.options)
        parts.dmarc("database", "create", "-c", self.conf)
        self.log = open(top / "log", "ab")
        self.killed = collections.Counter()

    def start(self, *words):
        return subprocess.Popen([parts.DMARC, *words, "-c", self.conf],
                                stdin=subprocess.DEVNULL, stdout=self.log,
                                stderr=self.log)

    def days_pass(self):
        # The last mail of a dead one comes before those of the next.
        parts.wait_for("the relay", lambda: not self.relay.sessions)
        self.database.sql("UPDATE dmarc_delivery SET lease_until = 0,"
                          " next_try = 0, tries = 0 WHERE state = 'waiting'")

    def number(self, text):
        (value,), = self.database.sql(text)
        return int(value or 0)

    def by_report(self):
        return {report: int(count) for report, count in self.database.sql(
            "SELECT b.report, SUM(r.messages) FROM dmarc_report_batch b"
            f" JOIN dmarc_row r ON {SAME} GROUP BY b.report")}

    def states(self):
        return dict(self.database.sql(
            "SELECT report, state FROM dmarc_delivery"))


# --- a server with bad days ---

def at_random(share, reply):
    return lambda _: reply if random.random() < share else None


def make_trouble(relay):
    relay.replies |= {
        "banner": at_random(0.05, "421 4.3.2 too many"),
        "mail": at_random(0.05, sink.DROP),
        "rcpt": lambda _: random.choices(
            ("451 4.7.1 later", "550 5.1.1 nobody", None), (10, 2, 88))[0],
        "end": lambda _: random.choices(
            (sink.DROP, "451 4.3.0 later", None), (15, 10, 75))[0],
    }


# --- kills ---

def end(stage, name, started):
    """Kills it, or learns that it had ended."""
    started.kill()
    status = started.wait()
    if status == -signal.SIGKILL:
        stage.killed[name] += 1
    else:  # 75: something waits, or another importer is at work; 65: torn
        assert status in (0, 65, 75), f"{name} ended with {status}"


def by_hand(stage):
    """Two at once; one is killed, and the other half the time."""
    reporters = [stage.start("report") for _ in range(2)]
    time.sleep(random.uniform(0, 0.5))
    end(stage, "report", reporters.pop())
    if random.random() < 0.5:
        end(stage, "report", reporters.pop())
    for other in reporters:
        assert other.wait(parts.PATIENCE) in (0, 75), other.returncode


def by_clerk(stage):
    """That of dmarcd, which works from a second after its start, and beside
    it one by hand."""
    with parts.dmarcd(stage.top / "d", **stage.options) as daemon:
        _, clerk = pathlib.Path(
            f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()
        time.sleep(random.uniform(0.9, 1.8))
        beside = stage.start("report")
        time.sleep(random.uniform(0, 0.3))
        os.kill(int(clerk), signal.SIGKILL)
        stage.killed["clerk"] += 1
        end(stage, "report", beside)
    equal(daemon.returncode, 0, "dmarcd")


def kill_all(stage, kills, writers):
    torn = turn = 0
    while stage.killed["report"] + stage.killed["clerk"] < kills:
        turn += 1
        importer = stage.start("import")
        (by_clerk if turn % 5 == 0 else by_hand)(stage)
        end(stage, "import", importer)
        torn += faults.kill_writer(writers)
        stage.days_pass()
    return torn


# --- what came of it ---

def count_in(mail):
    return sum(map(int, re.findall(rb"<count>(\d+)</count>", mail.xml)))


def check_repeats(relay):
    """How many mails came again."""
    sent, repeats = collections.defaultdict(list), 0
    for mail in relay.mails:
        sent[mail.report_id].append(mail)
    for report, mails in sent.items():
        for one in mails[1:]:
            equal(one.recipients, mails[0].recipients, f"{report}: recipients")
            equal(one.data, mails[0].data, f"{report}: bytes")
        for one in mails[:-1]:
            assert not (one.is_over and one.answer.startswith("2")), \
                f"{report}: taken, noted, and sent again"
        repeats += sum(mail.taken for mail in mails[:-1])
    return repeats


def balance(stage):
    """How many entries wait to be delivered, or to be in a report."""
    reports, states = stage.by_report(), stage.states()
    delivered = {mail.report_id: mail for mail in stage.relay.taken}
    for report, mail in delivered.items():
        equal(count_in(mail), reports[report], f"{report}: entries")
        if mail.is_over:
            equal(states[report], "accepted", report)
    for report, state in states.items():
        assert state != "accepted" or report in delivered, report
    loose = stage.number("SELECT SUM(r.messages) FROM dmarc_unsealed b"
                         f" JOIN dmarc_row r ON {SAME}")
    total = stage.number("SELECT SUM(messages) FROM dmarc_row")
    equal(total, sum(reports.values()) + loose, "in reports, or in none")
    sums = collections.Counter()
    for report, count in reports.items():
        state = states.get(report, "waiting")
        sums["delivered" if report in delivered else state] += count
    print(f"# {total} entries = " + " + ".join(
        f"{count} {what}" for what, count in sorted(sums.items())) +
        f" + {loose} in no report; {len(delivered)} reports delivered, "
        f"{check_repeats(stage.relay)} came again", flush=True)
    assert set(sums) <= {"delivered", "refused", "waiting"}, sums
    return sums["waiting"] + loose


def balance_import(stage):
    data = b"".join(file.read_bytes() for file in
                    [*faults.claims(stage.top), stage.history])
    counts = stage.number("SELECT SUM(messages) FROM dmarc_row")
    rejected = stage.number("SELECT SUM(rejected) FROM dmarc_batch")
    equal(faults.begun(data), counts + rejected, "begun")


def run(stage, kills):
    journal, locked = DOMAINS
    writers = [
        faults.JournalWriter(stage.history, ours(journal, NOON),
                             stage.top / "journal"),
        faults.Writer(faults.append_locked, stage.history,
                      opendmarc(locked, NOON), stage.top / "locked")]
    make_trouble(stage.relay)
    try:
        torn = kill_all(stage, kills, writers)
    finally:
        faults.end_all(writers)
    print("#", ", ".join(f"{count} of {what}" for what, count in
                         stage.killed.items()), f"killed; {torn} torn")
    balance(stage)
    assert stage.start("import").wait() in (0, 65)
    balance_import(stage)
    stage.relay.replies.clear()
    stage.days_pass()
    parts.dmarc("report", "-c", stage.conf)
    equal(balance(stage), 0, "waiting")
    before = len(stage.relay.mails)
    parts.dmarc("report", "-c", stage.conf)
    equal(len(stage.relay.mails), before, "mails of another run")


def on_sqlite(kills):
    with parts.folder("faults") as top, sink.Sink() as relay:
        run(Stage(top, Sqlite(top), relay), kills)


def on_mariadb(kills):
    if not mariadb.is_here():
        raise Skip("MariaDB cannot be had; see ci/unpack")
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/var/tmp"
    with parts.folder("faults") as top, \
            parts.folder("db", beside=memory) as place, \
            mariadb.server(place / "m") as server, sink.Sink() as relay:
        run(Stage(top, MariaDB(server), relay), kills)


def main(kills):
    tap = Tap()
    seed = random.randrange(2 ** 32)
    random.seed(seed)
    print(f"# seed {seed}")
    for name, on in ("SQLite", on_sqlite), ("MariaDB", on_mariadb):
        tap.case(f"{name}: {kills} reporters and others killed, every entry "
                 "reported once", lambda on=on: on(kills))
    tap.end()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(int(sys.argv[1]))
