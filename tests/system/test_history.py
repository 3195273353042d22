#!/usr/bin/env python3
"""dmarc import, from outside: what it takes, what it says, its status."""
import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import time

import parts
from history import exim, old_exim, opendmarc, ours, stored
from parts import dmarc_says as run
from tap import Skip, case, contains, equal, run_cases

NOW = 1795439443
NOBODY = 65534
SAMPLES = {"history-milter-1.4.2.dat": 29, "history-exim-4.96.dat": 13,
           "history-exim-4.97-derived.dat": 13, "history-exim-4.99.dat": 13}


def place(top, name, history, mode=0o640):
    """A folder with a configuration and a file that nobody writes to."""
    path = top / name
    path.mkdir()
    path.chmod(0o755)
    conf = path / "conf"
    parts.write_config(conf, Database=f"sqlite:{path}/db",
                       HistoryFile=path / "history")
    write(path / "history", history)
    (path / "history").chmod(mode)
    return path, conf


def write(file, text):
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    rest(file)


def rest(file):
    """As if it had not been written to for a while."""
    os.utime(file, (NOW, NOW))


def on_small_disk(disk, size, script):
    """What SCRIPT prints, with a disk of SIZE at DISK that only it sees."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        raise Skip("needs root and unshare, to mount a small disk")
    disk.mkdir()
    told = subprocess.run(
        ["unshare", "-m", "sh", "-c",
         f"mount -t tmpfs -o size={size} none {disk} || exit 99\n{script}"],
        capture_output=True, text=True)
    if told.returncode == 99:
        raise Skip("cannot mount a tmpfs here")
    return told


@case("all dialects in one file, in any order")
def mixed(top):
    text = (ours("a.test", NOW) + opendmarc("b.test", NOW) +
            exim("c.test", NOW) + old_exim("d.test", NOW) +
            ours("a.test", NOW) +
            opendmarc("b.test", NOW).replace("\n", "\r\n") +
            exim("c.test", NOW))
    path, conf = place(top, "mixed", text)
    equal(run("import", "-c", conf),
          ("7 entries imported, 0 set aside\n", ""))
    equal(stored(path / "db"),
          {"a.test": 2, "b.test": 2, "c.test": 2, "d.test": 1})
    equal(run("import", "-c", conf)[0],
          "0 entries imported, 0 set aside\n")


@case("files of real programs")
def samples(top):
    folder = parts.SHARED / "samples/incumbent"
    files = [folder / name for name in SAMPLES]
    if not all(file.exists() for file in files):
        raise Skip("samples of OpenDMARC and Exim are not here")
    path, conf = place(top, "samples", "")
    copies = []
    for file in files:
        copies.append(path / file.name)
        write(copies[-1], file.read_bytes())
    write(path / "bad", "job torn\nrece")
    written = sum(SAMPLES.values()) + 1
    equal(run("import", "-c", conf, *copies, path / "bad", status=65)[0]
          .splitlines()[-1], f"{written - 1} entries imported, 1 set aside")
    # Also those that nobody is told about, and each of them.
    figures = json.loads(run("database", "-c", conf, "status", "--json")[0])
    equal((figures["messages"], figures["rejected"]), (written - 1, 1))


@case("bad entries: status 65, the rest is stored, they can be mended")
def bad(top):
    good, wrong = exim("a.test", NOW), exim("b.test", "yesterday")
    path, conf = place(top, "bad", f"x\n{good}{wrong}{good}job torn\nrece")
    out, _ = run("import", "-c", conf, status=65)
    rejected, = path.glob("history.claim-*.rejected")
    equal(out, f"{path}/history: 3 bad entries set aside in {rejected}; what "
          "is wrong with the first: a line is missing\n"
          "2 entries imported, 3 set aside\n")
    equal(rejected.read_text(), f"x\n{wrong}job torn\nrece")
    equal(stored(path / "db"), {"a.test": 2, None: 3})
    equal(run("import", "-c", conf)[0], "0 entries imported, 0 set aside\n")
    write(rejected, exim("b.test", NOW))
    run("import", "-c", conf, rejected)
    equal(stored(path / "db"), {"a.test": 2, "b.test": 1, None: 3})


@case("reported to no host: a bad entry, whoever wrote it")
def no_host(top):
    lines = "".join(
        [exim("a.test", NOW), exim("b..test", NOW), ours("r@c.test", NOW),
         ours("d.test", NOW)])
    path, conf = place(top, "nohost", lines)
    told = run("import", "-c", conf, status=65)[0].splitlines()
    contains(told[0], "the first: pdomain is no host name")
    equal(told[-1], "2 entries imported, 2 set aside")
    rejected, = path.glob("history.claim-*.rejected")
    equal(rejected.read_text(), exim("b..test", NOW) + ours("r@c.test", NOW))
    equal(stored(path / "db"), {"a.test": 1, "d.test": 1, None: 2})


@case("a writer without end mark has two seconds; we wait")
def waiting(top):
    path, conf = place(top, "waiting", "")
    with open(path / "history", "a") as history:
        history.write(exim("a.test", NOW))
    run("import", "-c", conf)
    equal(stored(path / "db"), {"a.test": 1})


@case("several files: each is tried, the first failure is the status")
def several(top):
    path, conf = place(top, "several", ours("a.test", NOW))
    (path / "link").symlink_to("history")
    write(path / "other", ours("b.test", NOW))
    out, err = run("import", "-c", conf, path / "no", path, path / "link",
                   path / "other", path / "history", status=66)
    equal(out, "2 entries imported, 0 set aside\n")
    equal(err, f"dmarc import: {path}/no: there is no such history file\n"
          f"dmarc import: {path}: is not a regular file\n"
          f"dmarc import: {path}/link: is a symbolic link, which is not "
          "followed; name the file itself\n")
    equal(stored(path / "db"), {"a.test": 1, "b.test": 1})
    equal([file.name for file in path.glob("no*")], [])
    equal(path.with_name(f"{path.name}.lock").exists(), False)


@case("a claim is no file to import; --again looks into it")
def again(top):
    path, conf = place(top, "again", ours("a.test", NOW))
    run("import", "-c", conf)
    claim, = path.glob("history.claim-*")
    _, err = run("import", "-c", conf, claim, status=64)
    contains(err, f"was taken from {path}/history and is imported with that")
    with open(claim, "a") as late:
        late.write(ours("a.test", NOW))
    write(path / "history", ours("b.test", NOW))
    equal(run("import", "-c", conf, "--again")[0],
          "1 entries imported, 0 set aside\n")
    equal(stored(path / "db"), {"a.test": 2})
    # The database is lost: what was taken is still there.
    for file in path.glob("db*"):
        file.unlink()
    equal(run("import", "-c", conf, "--again")[0],
          "2 entries imported, 0 set aside\n")


@case("a file that everybody may write to is read, with a warning")
def open_to_all(top):
    path, conf = place(top, "open", ours("a.test", NOW), 0o666)
    _, err = run("import", "-c", conf)
    contains(err, f"chmod o-w {path}/history\n")
    equal(stored(path / "db"), {"a.test": 1})
    equal((path / "history").stat().st_mode & 0o777, 0o666)


@case("another import at work: status 75")
def locked(top):
    path, conf = place(top, "locked", ours("a.test", NOW))
    with open(path / "history.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _, err = run("import", "-c", conf, status=75)
        contains(err, "another import is at work")
    run("import", "-c", conf)
    equal(stored(path / "db"), {"a.test": 1})


@case("what is no database: 75, since 65 would say that all is done")
def no_database(top):
    path, conf = place(top, "no_database", ours("a.test", NOW))
    write(path / "db", "something else\n" * 100)
    _, err = run("import", "-c", conf, status=75)
    contains(err, f"database {path}/db: file is not a database")
    equal((path / "history").read_text(), ours("a.test", NOW))


@case("a missing permission is named: status 77, nothing is lost")
def permission(top):
    if os.geteuid() != 0:
        raise Skip("needs root, to become somebody else")
    path, conf = place(top, "permission", ours("a.test", NOW), 0o644)
    private = path / "private"
    private.mkdir()
    os.chown(private, NOBODY, NOBODY)
    parts.write_config(conf, Database=f"sqlite:{private}/db",
                       HistoryFile=path / "history")
    for missing in ("history.lock: cannot make it: no permission to write to "
                    "its folder", "write and search permission on its directory"):
        status, err = as_nobody(conf, "import")
        equal(status, 77, err)
        contains(err, missing)
        (path / "history.lock").touch()
    equal((path / "history").read_text(), ours("a.test", NOW))


def as_nobody(conf, *words):
    """Status and words of dmarc, run by nobody."""
    told = subprocess.run(
        [parts.DMARC, *words, "-c", conf], user=NOBODY, group=NOBODY,
        extra_groups=[], capture_output=True, text=True)
    return told.returncode, told.stderr


@case("a database that may not be written to: 77, who lacks what, what to do")
def database_permission(top):
    if os.geteuid() != 0:
        raise Skip("needs root, to become somebody else")
    path, conf = place(top, "database", "")
    folder = path / "d"
    folder.mkdir()
    file = folder / "db"
    parts.write_config(conf, Database=f"sqlite:{file}",
                       HistoryFile=path / "history")

    def refused(what, advice):
        for words in (["import"], ["database", "create"]):
            status, err = as_nobody(conf, *words)
            equal(status, 77, err)
            contains(err, f"database {file}: user nobody may not write to "
                     f"{what}")
            contains(err, advice)

    theirs = (", which is root's; run this as root; or, only if UserID is "
              "nobody, as root: chown nobody ")
    status, err = as_nobody(conf, "import")
    equal(status, 77, err)
    contains(err, f"user nobody may not write to its folder {folder}{theirs}"
             f"{folder}\n")
    run("database", "create", "-c", conf)
    refused(f"its folder {folder}", theirs + str(folder))
    os.chown(folder, NOBODY, NOBODY)
    refused(f"the file {file}", theirs + str(file))
    file.chmod(0o644)
    refused(f"the file {file}", theirs + str(file))
    os.chown(file, NOBODY, NOBODY)
    folder.chmod(0o500)
    refused(f"its folder {folder}", f"chmod u+rwx {folder}")
    folder.chmod(0o700)
    file.chmod(0o400)
    refused(f"the file {file}", f"chmod u+rw {file}")
    file.chmod(0o600)
    equal(as_nobody(conf, "database", "create"), (0, ""))


@case("a database in a folder that is not there: 78, and which")
def no_folder(top):
    path, conf = place(top, "nowhere", "")
    parts.write_config(conf, Database=f"sqlite:{path}/no/db",
                       HistoryFile=path / "history")
    for words in (["import"], ["database", "create"], ["database", "status"],
                  ["database", "check"], ["expire"], ["report"]):
        _, err = run(*words, "-c", conf, status=78)
        contains(err, f"database {path}/no/db: there is no folder {path}/no")
    parts.write_config(conf, Database=f"sqlite:{path}/db")
    _, err = run("database", "status", "-c", conf, status=66)
    contains(err, '"dmarc database create" makes it')


@case("a full disk: status 75, said, nothing lost, nothing twice")
def full_disk(top):
    path, conf = place(top, "full", "")
    disk = path / "disk"
    copy = path / "history"
    write(copy, "".join(exim(f"d{i}.test", NOW + i)
                        for i in range(3000)))
    parts.write_config(conf, Database=f"sqlite:{disk}/db",
                       HistoryFile=disk / "history")
    told = on_small_disk(disk, "1600k", f"""
        cp -p {copy} {disk}/history
        {parts.DMARC} import -c {conf}; echo status $?
        mount -o remount,size=20m {disk}
        {parts.DMARC} import -c {conf}; echo status $?
        cp {disk}/db* {path}""")
    equal(told.stdout.splitlines(),
          ["0 entries imported, 0 set aside", "status 75",
           "3000 entries imported, 0 set aside", "status 0"], told.stderr)
    contains(told.stderr, "full")
    counts = stored(path / "db")
    equal(set(counts.values()), {1}, "each domain's messages")
    equal(len(counts), 3000)


@case("a disk that cannot be written to: said, nothing lost")
def read_only(top):
    path, conf = place(top, "readonly", exim("a.test", NOW))
    disk = path / "disk"
    parts.write_config(conf, Database=f"sqlite:{path}/db",
                       HistoryFile=disk / "history")
    told = on_small_disk(disk, "1m", f"""
        cp -p {path}/history {disk}/history
        mount -o remount,ro {disk}
        {parts.DMARC} import -c {conf}; echo status $?
        mount -o remount,rw {disk}
        {parts.DMARC} import -c {conf}; echo status $?""")
    equal(told.stdout.splitlines(),
          ["0 entries imported, 0 set aside", "status 75",
           "1 entries imported, 0 set aside", "status 0"], told.stderr)
    contains(told.stderr, f"{disk}/history")
    contains(told.stderr, "Read-only file system")


@case("a database on a disk that cannot be written to: said, nothing lost")
def read_only_database(top):
    path, conf = place(top, "readonlydb", exim("a.test", NOW))
    disk = path / "disk"
    parts.write_config(conf, Database=f"sqlite:{disk}/db",
                       HistoryFile=path / "history")
    told = on_small_disk(disk, "1m", f"""
        {parts.DMARC} database create -c {conf}
        mount -o remount,ro {disk}
        {parts.DMARC} import -c {conf}; echo status $?
        rm -f {disk}/db
        mount -o remount,rw {disk}
        {parts.DMARC} import -c {conf}; echo status $?""")
    contains(told.stderr, f"database {disk}/db: its file system is mounted "
             "read-only")
    equal(told.stdout.splitlines()[-3:],
          ["status 75", "1 entries imported, 0 set aside", "status 0"],
          told.stderr)


@case("dmarcd imports by itself")
def by_itself(top):
    path, _ = place(top, "itself", exim("a.test", NOW), 0o666)
    with parts.dmarcd(path / "d", HistoryFile=path / "history",
                      Database=f"sqlite:{path}/db", ImportInterval="1s",
                      ZoneFile="/dev/null"):
        def count(expected):
            with contextlib.suppress(Exception):  # not there yet
                return stored(path / "db") == expected
            return False
        parts.wait_for("an import", lambda: count({"a.test": 1}))
        with open(path / "history", "a") as history:
            history.write(exim("b.test", NOW))
        start = time.monotonic()
        parts.wait_for("the next", lambda: count({"a.test": 1, "b.test": 1}))
        print(f"# after {time.monotonic() - start:.1f} s")
    log = (path / "d/log").read_text()
    equal(log.count(f"chmod o-w {path}/history"), 1, "warnings")


run_cases(parts.folder("history"))
