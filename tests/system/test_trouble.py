#!/usr/bin/env python3
"""What dmarcd does while it cannot keep what it judged: mail goes on, the log
says what is wrong and where, and when that is over every message is counted,
once. With both engines."""
import contextlib
import json
import os
import shutil
import subprocess
import sys

import mariadb
import parts
from tap import Skip, case, contains, equal, run_cases

BANK = ("192.0.2.10", "mail.bank.example", "<news@bank.example>")
GENUINE = parts.MESSAGES / "1-genuine.eml"
NOBODY = 65534


class Stage:
    def __init__(self, top, server):
        self.top, self.server = top, server
        self.count = 0

    def folder(self):
        """A new one, of nobody's."""
        self.count += 1
        folder = self.top / str(self.count)
        folder.mkdir()
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        return folder

    def database(self):
        """A new one in MariaDB."""
        if self.server is None:
            raise Skip("no MariaDB")
        self.server.sql(f"CREATE DATABASE t{self.count}")
        return self.server.location(f"t{self.count}")


@contextlib.contextmanager
def stage():
    with parts.folder("trouble") as top:
        if not mariadb.is_here():
            yield Stage(top, None)
            return
        with mariadb.server(top / "m") as server:
            yield Stage(top, server)


class Judge:
    """dmarcd with this history and database, and what was sent to it."""

    def __init__(self, folder, history, database):
        self.folder, self.history, self.database = folder, history, database
        self.sent = 0

    @contextlib.contextmanager
    def running(self):
        (self.folder / "none").write_text("")
        as_user = {"UserID": "nobody"} if os.geteuid() == 0 else {}
        with parts.dmarcd(
                self.folder / "d", AuthservID="mx.test", Workers=1,
                IgnoreHosts=self.folder / "none", ImportInterval="1s",
                ZoneFile=parts.MESSAGES / "zone", HistoryFile=self.history,
                Database=self.database, **as_user):
            yield self
            self.wait_for_all()
            equal(self.history.stat().st_size, 0, "history")

    def log(self):
        return (self.folder / "d/log").read_text()

    def send(self, count=3):
        for _ in range(count):
            contains(parts.demo_mta(f"unix:{self.folder}/d/milter.sock", *BANK,
                                    GENUINE), "mta accept")
        self.sent += count

    def wait_for_words(self, *words):
        for each in words:
            parts.wait_for(each, lambda each=each: each in self.log())

    def stored(self):
        told = subprocess.run(
            [parts.DMARC, "database", "status", "--json", "-c",
             self.folder / "d/dmarcd.conf"], capture_output=True)
        return json.loads(told.stdout)["messages"] if not told.returncode else 0

    def wait_for_all(self):
        parts.wait_for("all to be stored", lambda: self.stored() >= self.sent)
        equal(self.stored(), self.sent, "messages")


@contextlib.contextmanager
def small_disk(folder):
    if os.geteuid() != 0:
        raise Skip("needs root, to mount a small disk")
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=777", "none",
                       folder]).returncode != 0:
        raise Skip("cannot mount a tmpfs here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(disk):
    """Until no byte more goes there."""
    with open(disk / "filler", "wb", buffering=0) as filler:
        with contextlib.suppress(OSError):
            while True:
                filler.write(bytes(4096))


@case("a dead database, SQLite")
def dead_sqlite(it):
    folder = it.folder()
    database = folder / "db"
    database.write_text("no database at all\n" * 100)
    with Judge(folder, folder / "history",
               f"sqlite:{database}").running() as judge:
        judge.send()
        judge.wait_for_words(f"database {database}: ",
                             "; it will be tried again")
        judge.send()
        database.unlink()


@case("a dead database, MariaDB")
def dead_mariadb(it):
    folder = it.folder()
    with Judge(folder, folder / "history", it.database()).running() as judge:
        judge.send()
        judge.wait_for_all()
        it.server.kill()
        judge.send()
        judge.wait_for_words("does the server run?", "it will be tried again")
        judge.send()
        it.server.start()


def full_disk(folder, database):
    """DATABASE may be on the disk itself."""
    with small_disk(folder / "disk") as disk:
        with Judge(folder, disk / "history",
                   database or f"sqlite:{disk}/db").running() as judge:
            judge.send()
            judge.wait_for_all()
            fill(disk)
            judge.send()
            judge.wait_for_words(f"{disk}/history", "No space left on device")
            judge.send()
            (disk / "filler").unlink()


@case("a full disk, SQLite on it too")
def full_sqlite(it):
    full_disk(it.folder(), None)


@case("a full disk, MariaDB elsewhere")
def full_mariadb(it):
    full_disk(it.folder(), it.database())


def read_only(folder, database):
    if os.geteuid() != 0:
        raise Skip("needs root, to run dmarcd as somebody else")
    place = folder / "read-only"
    place.mkdir()
    os.chown(place, NOBODY, NOBODY)
    with Judge(folder, place / "history",
               database or f"sqlite:{place}/db").running() as judge:
        judge.send()
        judge.wait_for_all()
        os.chown(place, 0, 0)
        try:
            judge.send()
            judge.wait_for_words("ermission", str(place))
            judge.send()
        finally:
            os.chown(place, NOBODY, NOBODY)


@case("a directory that is not ours any more, SQLite in it")
def read_only_sqlite(it):
    read_only(it.folder(), None)


@case("a directory that is not ours any more, MariaDB elsewhere")
def read_only_mariadb(it):
    read_only(it.folder(), it.database())


def enter_namespace():
    """What is mounted is seen here only, and gone with us."""
    if os.geteuid() != 0 or "TROUBLE" in os.environ or \
            shutil.which("unshare") is None or \
            subprocess.run(["unshare", "-m", "true"]).returncode != 0:
        return
    os.environ["TROUBLE"] = "entered"
    os.execvp("unshare", ["unshare", "-m", sys.executable, *sys.argv])


enter_namespace()
run_cases(stage())
