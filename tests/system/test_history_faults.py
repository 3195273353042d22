#!/usr/bin/env python3
"""Writers of three kinds, two importers at once, kill -9: every entry is
counted exactly once.

test_history_faults.py KILLS"""
import fcntl
import os
import pathlib
import random
import signal
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


class Stop(Exception):
    pass


def stop(number, frame):
    raise Stop


def append_locked(path, entry):
    """As OpenDMARC's milter does."""
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


def repeat(append, path, entry, told):
    """The child: appends until SIGTERM, then writes to TOLD how often."""
    count, status = 0, 1
    try:
        signal.signal(signal.SIGTERM, stop)
        while True:
            # Told in the middle of it, we could not say whether it was done.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
            append(path, entry)
            count += 1
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            time.sleep(PAUSE)
    except Stop:
        os.write(told, str(count).encode())
        status = 0
    except BaseException as problem:
        os.write(2, f"# {append.__name__}: {problem!r}\n".encode())
    os._exit(status)


class Writer:
    """A process that appends ENTRY; as USER."""

    def __init__(self, append, path, entry, user):
        reading, told = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            if user is not None:
                os.setgroups([])
                os.setgid(user)
                os.setuid(user)
            repeat(append, path, entry.encode(), told)
        os.close(told)
        self.told = os.fdopen(reading)

    def end(self):
        os.kill(self.pid, signal.SIGTERM)
        _, status = os.waitpid(self.pid, 0)
        with self.told:
            equal(status, 0, "status of a writer")
            return int(self.told.read())


class JournalWriter:
    def __init__(self, path, entry, place):
        (place / "entry").write_text(entry)
        with open(place / "entry", "rb") as stdin:
            self.process = subprocess.Popen(
                [JOURNAL_WRITER, path], stdin=stdin, stdout=subprocess.PIPE)

    def end(self):
        self.process.terminate()
        out, _ = self.process.communicate()
        equal(self.process.returncode, 0, "status of the journal's writer")
        return int(out)


def importer(conf, log):
    return subprocess.Popen([parts.DMARC, "import", "-c", conf],
                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def kill_importers(conf, kills, log):
    """Two importers all the time, of which one is killed at a random point of
    its life; how many were."""
    done, turns = 0, 0
    running = [importer(conf, log), importer(conf, log)]
    while done < kills:
        turns += 1
        which = turns % 2
        time.sleep(random.uniform(0, 0.15))
        running[which].kill()
        status = running[which].wait()
        if status == -signal.SIGKILL:
            done += 1
        else:  # had ended; 75: the other one was at work
            assert status in (0, 75), f"an importer ended with {status}"
        running[which] = importer(conf, log)
    for last in running:
        assert last.wait() in (0, 75), "an importer at the end"
    return turns


def lines_of(place):
    """How many entries stand in FILE and its claims."""
    return sum(file.read_bytes().count(b"\njob ") +
               file.read_bytes().startswith(b"job ")
               for file in [place / "history", *place.glob("history.claim-*")]
               if not file.name.endswith(".rejected"))


def balance(top, kills):
    history, conf = top / "history", top / "conf"
    history.touch()
    history.chmod(0o666)
    parts.write_config(conf, Database=f"sqlite:{top}/db", HistoryFile=history)
    user = NOBODY if os.geteuid() == 0 else None
    writers = {
        "journal.test": JournalWriter(history, ours("journal.test", NOW), top),
        "locked.test": Writer(append_locked, history,
                              opendmarc("locked.test", NOW), None),
        "unlocked.test": Writer(append_unlocked, history,
                                exim("unlocked.test", NOW), user),
    }
    with open(top / "log", "wb") as log:
        try:
            turns = kill_importers(conf, kills, log)
        finally:
            written = {domain: writer.end()
                       for domain, writer in writers.items()}
    equal(sum(written.values()), lines_of(top), "entries in the files")
    parts.dmarc("import", "-c", conf)
    claims = len(list(top.glob("history.claim-*")))
    print(f"# {kills} importers killed of {turns}, {claims} claims, {written}")
    # Nothing is bad, and nothing is left: all that was written is counted.
    equal(stored(top / "db"), written)
    equal(history.stat().st_size, 0)
    parts.dmarc("import", "-c", conf, "--again")
    equal(stored(top / "db"), written, "after another look")


def main(kills):
    tap = Tap()
    seed = random.randrange(2 ** 32)
    random.seed(seed)
    print(f"# seed {seed}")
    with parts.folder("faults") as top:
        tap.case(f"{kills} importers killed, every entry counted once",
                 lambda: balance(pathlib.Path(top), kills))
    tap.end()


if len(sys.argv) != 2:
    sys.exit(__doc__)
main(int(sys.argv[1]))
