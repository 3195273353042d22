#!/usr/bin/env python3
"""Writers of three kinds, two importers at once, all of them killed at random
moments: every entry is counted exactly once.

test_history_faults.py KILLS

The balance, to the last one, once nobody works any more:

    begun = counts + rejected + unread

begun: entries of which at least the first four bytes are in the history or a
claim. A writer that is killed amid its write leaves a torn one; it is rejected,
or counted if only lines are missing that nobody needs. counts: the sum of the
database's. unread: begun ones that no import came to yet. Besides, of each
writer: every entry whose write returned is there whole, and every whole one is
counted."""
import fcntl
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import time

import parts
from history import exim, opendmarc, ours, stored
from tap import Tap, equal

NOW = 1795439443
NOBODY = 65534
JOURNAL_WRITER = parts.BUILD / "tests/journal-writer"
PAUSE = 0.001


def append_locked(path, entry):
    """As OpenDMARC's milter does, and ours."""
    with open(path, "ab", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        equal(file.write(entry), len(entry))


def append_unlocked(path, entry):
    """As Exim does, which may make no file there."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        equal(os.write(fd, entry), len(entry))
    finally:
        os.close(fd)


class Writer:
    """A process that appends ENTRY to PATH again and again, and a dot to TOLD
    behind each."""

    def __init__(self, append, path, entry, told, user=None):
        self.append, self.path, self.user = append, path, user
        self.entry, self.told = entry.encode(), told
        self.kills = 0
        self.start()

    def start(self):
        self.pid = os.fork()
        if self.pid != 0:
            return
        try:
            told = os.open(self.told, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            if self.user is not None:
                os.setgroups([])
                os.setgid(self.user)
                os.setuid(self.user)
            self.repeat(told)
        except BaseException as problem:
            os.write(2, f"# {self.told.name}: {problem!r}\n".encode())
        os._exit(1)

    def repeat(self, told):
        while True:
            self.append(self.path, self.entry)
            os.write(told, b".")
            time.sleep(PAUSE)

    def stop(self):
        """Its status: SIGKILL, unless it had ended before."""
        os.kill(self.pid, signal.SIGKILL)
        self.kills += 1
        return os.waitpid(self.pid, 0)[1]

    def kill(self):
        equal(self.stop(), signal.SIGKILL, f"status of {self.told.name}")

    def tear(self):
        """What it leaves if it is killed amid its write, which is seldom."""
        torn = self.entry[:random.randrange(4, len(self.entry))]
        self.append(self.path, torn)

    def done(self):
        return self.told.stat().st_size if self.told.exists() else 0


class JournalWriter(Writer):
    """Ours."""

    def __init__(self, path, entry, told):
        super().__init__(append_locked, path, entry, told)

    def repeat(self, told):
        stdin = self.told.with_suffix(".entry")
        stdin.write_bytes(self.entry)
        os.dup2(os.open(stdin, os.O_RDONLY), 0)
        os.dup2(told, 1)
        os.execv(JOURNAL_WRITER, [JOURNAL_WRITER, self.path])


def importer(conf, log):
    return subprocess.Popen([parts.DMARC, "import", "-c", conf],
                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def end_all(writers):
    """None is left, also if one had ended by itself, which is an error."""
    ended = [writer.stop() for writer in writers]
    equal(ended, [signal.SIGKILL] * len(ended), "statuses of the writers")


def kill_writer(writers):
    """One of them, and another takes its place. Half leave a torn entry; then
    each writes one behind it, so that no two torn ones touch."""
    writer = random.choice(writers)
    writer.kill()
    torn = random.random() < 0.5
    if torn:
        writer.tear()
    writer.start()
    if torn:
        before = [each.done() for each in writers]
        parts.wait_for("each writer's next", lambda: all(
            each.done() > count + 1 for each, count in zip(writers, before)))
    return torn


def kill_all(conf, kills, writers, log):
    """Two importers all the time, of which one is killed at a random point of
    its life, and a writer with it; how many torn entries that left."""
    done, turns, torn = 0, 0, 0
    running = [importer(conf, log), importer(conf, log)]
    while done < kills:
        turns += 1
        which = turns % 2
        time.sleep(random.uniform(0, 0.15))
        running[which].kill()
        torn += kill_writer(writers)
        status = running[which].wait()
        if status == -signal.SIGKILL:
            done += 1
        else:  # had ended; 75: the other one was at work; 65: torn ones
            assert status in (0, 65, 75), f"an importer ended with {status}"
        running[which] = importer(conf, log)
    for last in running:
        last.kill()
        last.wait()
    print(f"# {kills} importers killed of {turns}; {turns} writers, {torn} "
          "amid an entry")
    return torn


def begun(data):
    return data.count(b"job ")


def claims(top):
    return [file for file in top.glob("history.claim-*")
            if not file.name.endswith(".rejected")]


def unread(top):
    """What no import came to yet."""
    with sqlite3.connect(top / "db") as database:
        read = dict(database.execute(
            "SELECT claim, MAX(last_byte) + 1 FROM dmarc_batch GROUP BY claim"))
    return sum(begun(file.read_bytes()[read.get(file.name.split("claim-")[1],
                                                0):])
               for file in claims(top)) + begun((top / "history").read_bytes())


def balance(top, writers, torn):
    """As above. TORN: how many are known to be."""
    data = b"".join(file.read_bytes()
                    for file in [*claims(top), top / "history"])
    left, counts = unread(top), stored(top / "db")
    rejected = counts.pop(None, 0)
    print(f"# {begun(data)} begun = {sum(counts.values())} counted + "
          f"{rejected} rejected + {left} unread")
    equal(begun(data), sum(counts.values()) + rejected + left)
    whole = {name: data.count(writer.entry)
             for name, writer in writers.items()}
    equal(begun(data) - sum(whole.values()) >= torn, True, "torn ones are seen")
    for name, writer in writers.items():
        assert 0 <= whole[name] - writer.done() <= writer.kills, \
            f"{name}: {writer.done()} written, {whole[name]} there"
        assert left or whole[name] <= counts[name], \
            f"{name}: {whole[name]} whole, {counts[name]} counted"
    return left


def run(top, kills):
    history, conf = top / "history", top / "conf"
    history.touch()
    history.chmod(0o666)
    parts.write_config(conf, Database=f"sqlite:{top}/db", HistoryFile=history)
    parts.dmarc("database", "create", "-c", conf)
    user = NOBODY if os.geteuid() == 0 else None
    writers = {
        "journal.test": JournalWriter(history, ours("journal.test", NOW),
                                      top / "journal"),
        "locked.test": Writer(append_locked, history,
                              opendmarc("locked.test", NOW), top / "locked"),
        "unlocked.test": Writer(append_unlocked, history,
                                exim("unlocked.test", NOW), top / "unlocked",
                                user),
    }
    with open(top / "log", "wb") as log:
        try:
            torn = kill_all(conf, kills, list(writers.values()), log)
        finally:
            end_all(writers.values())
    balance(top, writers, torn)
    last = subprocess.run([parts.DMARC, "import", "-c", conf],
                          stdout=subprocess.DEVNULL)
    assert last.returncode in (0, 65), f"the last ended with {last}"
    equal(balance(top, writers, torn), 0, "left unread")
    equal(history.stat().st_size, 0)
    before = stored(top / "db")
    parts.dmarc("import", "-c", conf, "--again")
    equal(stored(top / "db"), before, "after another look")


def main(kills):
    tap = Tap()
    seed = random.randrange(2 ** 32)
    random.seed(seed)
    print(f"# seed {seed}")
    with parts.folder("faults") as top:
        tap.case(f"{kills} importers and more writers killed, every entry "
                 "counted once", lambda: run(pathlib.Path(top), kills))
    tap.end()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(int(sys.argv[1]))
