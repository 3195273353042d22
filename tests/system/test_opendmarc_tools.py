#!/usr/bin/env python3
"""opendmarc-import, -importstats and -expire by name, as scripts call them; with
options for a database, on a real MariaDB."""
import json
import os
import pathlib
import random
import subprocess
import time

import parts
from history import exim, opendmarc, ours
from namesakes import Namesakes, environment
from tap import Skip, case, contains, equal, run_cases

NOW = 1795439443


class Tools(Namesakes):
    TOOLS = ("import", "importstats", "expire")

    def place(self, **options):
        folder = self.folder()
        options = {"Database": f"sqlite:{folder}/db",
                   "HistoryFile": folder / "history",
                   "ImportSpool": folder / "spool"} | options
        parts.write_config(folder / "c", **{
            name: value for name, value in options.items() if value})
        return folder

    def feed(self, folder, text, *words, **options):
        """By a pipe."""
        return self.run(folder, "import", *words, stdin=None, input=text,
                        **options)

    def redirect(self, folder, file, *words, **options):
        """As `opendmarc-import < FILE`."""
        with open(file) as stdin:
            return self.run(folder, "import", *words, stdin=stdin, **options)


def figures(folder):
    return json.loads(parts.dmarc("database", "-c", folder / "c", "status",
                                  "--json"))


def written(file, text):
    """Nobody writes to FILE any more."""
    file.write_text(text)
    os.utime(file, (1, 1))
    return file


@case("the words that those tools know")
def words(it):
    folder = it.place()
    for name in ("import", "importstats", "expire"):
        contains(it.run(folder, name, "--version")[0], f"opendmarc-{name} v")
        contains(it.run(folder, name, "--help")[0],
                 f"opendmarc-{name}: usage: opendmarc-{name} [options]")
        contains(it.run(folder, name, "--nonsense", status=1)[1], "usage")
        contains(it.run(folder, name, "--dbhost", status=1)[1], "usage")
        it.run(folder, name, "--vers")
        it.run(folder, name, "-version")
    for days in ("0", "-1", "x", ""):
        equal(it.run(folder, "expire", f"--expire={days}", status=1)[1],
              "opendmarc-expire: invalid expiration time\n")


@case("standard input into Database; silent, or by --verbose not")
def plain(it):
    folder = it.place()
    equal(it.feed(folder, opendmarc("a.test", NOW)), ("", ""))
    _, err = it.feed(folder, exim("b.test", NOW) * 2, "--verbose")
    contains(err, "opendmarc-import: started at ")
    contains(err, "opendmarc-import: connected to database\n")
    contains(err, "opendmarc-import: 2 entries imported, 0 set aside\n")
    contains(err, "opendmarc-import: terminating at ")
    equal(figures(folder)["messages"], 3)
    equal(it.feed(folder, "", "--verbose", "--noverbose"), ("", ""))
    equal((folder / "spool").stat().st_mode & 0o027, 0)
    contains(it.feed(folder, "job torn\nrece", status=65)[0],
             "1 bad entry set aside in ")


@case("what is given again is counted once; what is new is counted")
def again(it):
    folder = it.place()
    text = ""
    for number in range(4):
        text += opendmarc(f"d{number}.test", NOW)
        for _ in range(2):
            it.feed(folder, text)
        equal(figures(folder)["messages"], number + 1)
    file = written(folder / "other", opendmarc("e.test", NOW))
    it.run(folder, "import", "--input", file)
    equal(file.stat().st_size > 0, True, "left as it is")
    equal(figures(folder)["messages"], 5)


@case("a file: the script's gap is told once, with a line without it")
def gap(it):
    folder = it.place()
    file = written(folder / "log", opendmarc("a.test", NOW))
    err = it.redirect(folder, file)[1]
    contains(err, f"cat /dev/null > {file}\n")
    contains(err, f"  dmarc import -c {folder}/c {file}\n")
    file.write_text("")
    written(file, opendmarc("b.test", NOW))
    equal(it.redirect(folder, file)[1], "")
    equal(figures(folder)["messages"], 2)
    # That line, run.
    parts.dmarc("import", "-c", folder / "c", written(
        file, opendmarc("c.test", NOW)))
    equal(figures(folder)["messages"], 3)


@case("a database that fails loses nothing, though the script empties the file")
def failing(it):
    folder = it.place(Database="mysql://nobody@127.0.0.1:1/none")
    file = written(folder / "log", opendmarc("a.test", NOW))
    err = it.redirect(folder, file, status=75)[1]
    contains(err, "the next run imports it")
    file.write_text("")
    parts.write_config(folder / "c", Database=f"sqlite:{folder}/db",
                       ImportSpool=folder / "spool")
    equal(it.redirect(folder, file), ("", ""))
    equal(figures(folder)["messages"], 1)


@case("without a safe place for it nothing is taken: said, and not 75")
def unsafe(it):
    folder = it.place()
    (folder / "spool").mkdir()
    (folder / "spool").chmod(0o777)
    err = it.feed(folder, opendmarc("a.test", NOW), status=77)[1]
    contains(err, f"{folder}/spool: is not a folder of ours")
    (folder / "spool").rmdir()
    (folder / "spool").symlink_to("/var/tmp")
    it.feed(folder, opendmarc("a.test", NOW), status=77)
    folder = it.place(ImportSpool="/nonexistent/spool")
    it.feed(folder, opendmarc("a.test", NOW), status=66)


@case("without ImportSpool there is a place too")
def usual(it):
    if os.geteuid() != 0:
        raise Skip("needs root, to become somebody whose places are known")
    folder = it.place(ImportSpool=None)
    folder.chmod(0o777)
    own = pathlib.Path("/var/tmp/dmarcd-import-65534")
    if own.exists() or pathlib.Path("/var/lib/dmarcd/import").exists():
        raise Skip("they are in use here")
    try:
        it.feed(folder, opendmarc("a.test", NOW), user=65534, group=65534,
                extra_groups=[])
        equal(own.stat().st_mode & 0o777, 0o700)
        equal(own.stat().st_uid, 65534)
    finally:
        subprocess.run(["rm", "-rf", own])
    equal(figures(folder)["messages"], 1)


@case("root becomes UserID before it opens anything")
def user_id(it):
    if os.geteuid() != 0:
        raise Skip("needs root")
    folder = it.place(UserID="nobody:nogroup")
    folder.chmod(0o777)
    file = written(folder / "history", opendmarc("a.test", NOW))
    os.chown(file, 65534, 65534)
    it.feed(folder, opendmarc("b.test", NOW))
    parts.dmarc("import", "-c", folder / "c")
    it.run(folder, "importstats")
    equal(figures(folder)["messages"], 2)
    made = [file for file in folder.rglob("*") if file.name != "c"]
    equal({file.stat().st_uid for file in made}, {65534}, made)
    # What only root may read stays closed.
    secret = written(folder / "secret", opendmarc("c.test", NOW))
    secret.chmod(0o600)
    os.chown(secret, 0, 0)
    it.run(folder, "import", f"--input={secret}", status=77)
    parts.dmarc("import", "-c", folder / "c", secret, status=77)
    (folder / "c").chmod(0o644)
    private = folder / "private"
    private.mkdir(mode=0o700)
    parts.write_config(folder / "c", UserID="nobody",
                       Database=f"sqlite:{private}/db")
    for words in (["import", secret], ["expire"], ["report"],
                  ["database", "create"], ["database", "status"]):
        run = subprocess.run([parts.DMARC, words[0], "-c", folder / "c",
                              *words[1:]], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
        assert run.returncode != 0, words
        equal(list(private.iterdir()), [], words)


@case("opendmarc-importstats is a plain import")
def importstats(it):
    folder = it.place()
    equal(it.run(folder, "importstats"), ("", ""))
    file = written(folder / "history", opendmarc("a.test", NOW))
    equal(it.run(folder, "importstats"), ("", ""))
    equal(file.stat().st_size, 0)
    equal(figures(folder)["messages"], 1)
    it.run(it.place(HistoryFile=None), "importstats", status=78)
    # What is missing is not the history.
    contains(it.run(folder, "importstats", "--config=/nonexistent/c",
                    status=66)[1], "/nonexistent/c")
    folder = it.place(Database="mysql://u@localhost/n"
                      "?password-file=/nonexistent/p")
    contains(it.run(folder, "importstats", status=78)[1], "/nonexistent/p")


@case("opendmarc-expire: 0 when all went well, also when all expires")
def expire(it):
    folder = it.place()
    entry = opendmarc("a.test", int(time.time()) - 200 * 86400)
    it.feed(folder, entry.replace("rua mailto:r@a.test", "rua -"))
    it.run(folder, "expire", "--expire=201", "--alltables")
    equal(figures(folder)["messages"], 1)
    contains(it.run(folder, "expire", "--verbose")[0],
             "opendmarc-expire: 1 row(s) deleted\n")
    contains(it.run(folder, "expire", "--verbose")[0],
             "opendmarc-expire: no rows deleted\n")
    equal(figures(folder)["messages"], 0)


@case("kill -9 at any moment, and given again and again: counted once")
def killed(it):
    folder = it.place()
    file = folder / "log"
    text = ""
    for _ in range(40):
        text += "".join(exim(f"d{n}.test", NOW) for n in range(200))
        with open(written(file, text)) as stdin:
            importing = subprocess.Popen(
                it.command(folder, "import"), env=environment(), stdin=stdin,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0, 0.1))
        importing.kill()
        importing.wait()
    it.redirect(folder, file)
    equal(figures(folder)["messages"], 8000)
    equal(figures(folder)["rejected"], 0)


@case("a broken pipe, then the whole file: all is counted")
def broken_pipe(it):
    for write in ours, opendmarc, exim:
        folder = it.place()
        text = "".join(write(f"d{n}.test", NOW) for n in range(3))
        # Amid a line, and between two: both before "action".
        for cut in (text.index("adkim", len(text) // 3) + 3,
                    text.index("aspf", 2 * len(text) // 3)):
            it.feed(folder, text[:cut], status=65)
        it.feed(folder, text)
        equal(figures(folder)["messages"], 3)
        equal(figures(folder)["rejected"], 2)


# --- on a server that options or environment name ---

def on_server(it, name):
    """A folder whose Database is a file, and what names the server's."""
    server = it.mariadb()
    server.sql(f"CREATE DATABASE {name};"
               f"CREATE USER {name}@localhost IDENTIFIED BY 'se cret/%';"
               f"GRANT ALL ON {name}.* TO {name}@localhost")
    env = environment(MYSQL_UNIX_PORT=str(server.socket))
    there = it.place(Database=server.location(name))
    return it.place(), there, env


@case("options name a MySQL; the password is gone from the command line")
def options(it):
    folder, there, env = on_server(it, "options")
    command = it.command(folder, "import", "--dbuser", "options", "-dbname",
                         "options", "--dbpasswd=se cret/%", "--dbpo=3306")
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=env,
                          stderr=subprocess.PIPE) as importing:
        importing.stdin.write(opendmarc("a.test", NOW).encode())
        importing.stdin.flush()
        shown = pathlib.Path(f"/proc/{importing.pid}/cmdline")
        parts.wait_for("the password to go", lambda: b"dbpasswd=xxxxxxxxx\0"
                       in shown.read_bytes(), importing)
        assert b"cret" not in shown.read_bytes()
        importing.stdin.close()
        err = importing.stderr.read().decode()
    equal(importing.returncode, 0, err)
    equal(err, "")
    equal(figures(there)["messages"], 1)
    equal((folder / "db").exists(), False)
    it.run(folder, "expire", "--dbuser=options", "--dbname=options",
           "--dbpasswd", "se cret/%", env=env)
    equal(figures(there)["messages"], 1)
    written(folder / "history", opendmarc("b.test", NOW))
    it.run(folder, "importstats", "--dbuser=options", "--dbname=options",
           "--dbpasswd=se cret/%", env=env)
    equal(figures(there)["messages"], 2)


@case("so does the environment; options come first")
def variables(it):
    folder, there, env = on_server(it, "variables")
    env |= {"OPENDMARC_DB": "variables", "OPENDMARC_USER": "variables",
            "OPENDMARC_PASSWORD": "wrong"}
    it.feed(folder, opendmarc("a.test", NOW), status=75, env=env)
    # Kept, and imported by the next one.
    it.feed(folder, opendmarc("b.test", NOW), "--dbpasswd=se cret/%", env=env)
    equal(figures(there)["messages"], 2)
    # A file as standard input: what to write, and no password in it.
    err = it.redirect(folder, written(folder / "log", ""), env=env | {
        "OPENDMARC_PASSWORD": "se cret/%"})[1]
    contains(err, "Database mysql://variables@localhost:3306/variables"
             "?password-file=")
    assert "cret" not in err.replace("secret", ""), err


@case("neither, nor Database: what OpenDMARC's tools did")
def defaults(it):
    server = it.mariadb()
    server.sql("CREATE DATABASE opendmarc;"
               "CREATE USER opendmarc@localhost IDENTIFIED BY 'opendmarc';"
               "GRANT ALL ON opendmarc.* TO opendmarc@localhost")
    folder = it.place(Database=None)
    it.feed(folder, opendmarc("a.test", NOW),
            env=environment(MYSQL_UNIX_PORT=str(server.socket)))
    equal(figures(it.place(Database=server.location("opendmarc")))["messages"],
          1)


@case("a server that is away: 75; back again, all is there once")
def away(it):
    folder, there, env = on_server(it, "away")
    words = ["--dbuser=away", "--dbname=away", "--dbpasswd=se cret/%"]
    file = written(folder / "log", opendmarc("a.test", NOW))
    it.server.stop()
    err = it.redirect(folder, file, *words, status=75, env=env)[1]
    contains(err, "does the server run?")
    it.server.start()
    file.write_text("")
    it.redirect(folder, written(file, opendmarc("b.test", NOW)), *words,
                env=env)
    it.redirect(folder, file, *words, env=env)
    equal(figures(there)["messages"], 2)


run_cases(Tools.stage())
