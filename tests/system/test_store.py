#!/usr/bin/env python3
"""The store on a real MariaDB: what every engine must do (the unit test, run
again), and what only a server can do: be killed, be gone, refuse."""
import json
import os
import re
import subprocess
import threading
import time

import mariadb
import parts
from history import opendmarc
from tap import case, contains, equal, run_cases, skip_all

UNITS = [parts.BUILD / f"tests/unit/test_store_{noun}"
         for noun in ("store", "schema", "delivery", "expire", "directive",
                      "list", "seal")]
ENTRIES = 20000


class Stage:
    def __init__(self, path):
        self.path = path
        self.count = 0
        self.server = mariadb.Server(path / "m")
        self.server.start()

    def sql(self, text):
        self.server.sql(text)

    def config(self, database):
        """A folder with a configuration for DATABASE, a location."""
        self.count += 1
        folder = self.path / str(self.count)
        folder.mkdir()
        (folder / "c").write_text(f"HistoryFile {folder}/history\n"
                                  f"Database {database}\n")
        return folder

    def new(self, name):
        self.sql(f"CREATE DATABASE {name}")
        return self.config(self.server.location(name))


def write_history(folder, count, more=""):
    """COUNT entries, alike by tens, that have rested; MORE: lines of each."""
    file = folder / "history"
    file.write_text("".join(
        10 * (opendmarc(f"d{number}.example", 1795392000 + number) + more)
        for number in range(count // 10)))
    os.utime(file, (time.time() - 10,) * 2)


def dmarc(folder, *words, **more):
    return subprocess.run(
        [parts.DMARC, "-c", folder / "c", *words], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)


def figures(folder):
    run = dmarc(folder, "database", "status", "--json")
    equal(run.returncode, 0, run.stderr)
    return json.loads(run.stdout)


def conformance(it, more):
    for unit in UNITS:
        run = subprocess.run(
            [unit], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, "CMOCKA_MESSAGE_OUTPUT": "TAP",
                 "STORE_SERVER": it.server.location("{}", more=more)})
        lines = run.stdout.splitlines()
        failed = [line for line in lines
                  if line.startswith("not ok") and "# SKIP" not in line]
        why = [line for line in lines if "ERROR" in line or "error" in line]
        equal(failed, [], "\n".join(why))
        assert re.search("^ok ", run.stdout, re.M), run.stdout


@case("all that an engine must do, with arrays of rows")
def arrays(it):
    conformance(it, "")


@case("all that an engine must do, with rows in the text, as for MySQL")
def rows(it):
    conformance(it, "&bulk=no")


@case("the server is killed amid an import and comes back: nothing twice")
def killed(it):
    folder = it.new("killed")
    write_history(folder, ENTRIES)
    importing = subprocess.Popen(
        [parts.DMARC, "-c", folder / "c", "import"], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    for _ in range(4):
        time.sleep(0.15)
        it.server.kill()
        it.server.start()
    said = importing.communicate()[0]
    # It may have given up, which is no loss either.
    assert importing.returncode in (0, 75), said
    run = dmarc(folder, "import")
    equal(run.returncode, 0, run.stderr)
    equal(figures(folder)["messages"], ENTRIES, "messages")


@case("kill -9 of import, at many points")
def import_killed(it):
    folder = it.new("import_killed")
    write_history(folder, ENTRIES)
    for number in range(12):
        importing = subprocess.Popen(
            [parts.DMARC, "-c", folder / "c", "import"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.04 * number)
        importing.kill()
        importing.wait()
    run = dmarc(folder, "import")
    equal(run.returncode, 0, run.stderr)
    equal(figures(folder)["messages"], ENTRIES, "messages")


@case("without the server: 75, who is missing, and nothing lost")
def gone(it):
    folder = it.new("gone")
    write_history(folder, 100)
    equal(dmarc(folder, "database", "create").returncode, 0)
    it.server.stop()
    run = dmarc(folder, "import")
    equal(run.returncode, 75, run.stderr)
    contains(run.stderr, "does the server run?")
    contains(run.stderr, "mysql://root@localhost/gone")
    it.server.start()
    equal(dmarc(folder, "import").returncode, 0)
    equal(figures(folder)["messages"], 100, "messages")


@case("a server that starts while we try is waited for")
def waited(it):
    folder = it.new("waited")
    write_history(folder, 100)
    for _ in range(5):  # a slow machine may need several
        it.server.stop()
        importing = subprocess.Popen(
            [parts.DMARC, "-c", folder / "c", "import"], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        it.server.start()
        said = importing.communicate()[0]
        if importing.returncode != 75:
            break
    equal(importing.returncode, 0, said)
    equal(figures(folder)["messages"], 100, "messages")


@case("a server that has ended an idle connection with words is asked again")
def idle(it):
    folder = it.new("idle")
    write_history(folder, 10)
    equal(dmarc(folder, "database", "create").returncode, 0)
    # As MySQL from 8.0.24 on says it; "told" stays when all else is undone.
    it.server.sql("""
        CREATE TABLE told (n INT) ENGINE=MyISAM;
        CREATE TRIGGER once BEFORE INSERT ON dmarc_batch FOR EACH ROW
        IF NOT EXISTS (SELECT * FROM told) THEN
            INSERT INTO told VALUES (1);
            SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 4031;
        END IF""", "idle")
    run = dmarc(folder, "import")
    equal((run.returncode, run.stderr), (0, ""))
    equal(it.server.sql("SELECT n FROM told", "idle"), [(b"1",)], "told")
    equal(figures(folder)["messages"], 10, "messages")


@case("what fails amid the rows of an answer is named, and may pass")
def amid(it):
    folder = it.new("amid")
    equal(dmarc(folder, "report", "suppress", "r@a.test").returncode, 0)
    it.server.sql("""
        CREATE FUNCTION deadlock() RETURNS VARCHAR(99) BEGIN
            SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213,
                MESSAGE_TEXT = 'Deadlock amid the rows';
            RETURN '';
        END;
        RENAME TABLE dmarc_suppression TO kept;
        CREATE VIEW dmarc_suppression AS
            SELECT deadlock() AS address, added, words FROM kept""", "amid")
    run = dmarc(folder, "report", "suppress")
    equal(run.returncode, 75, run.stderr)
    contains(run.stderr, "Deadlock amid the rows")


@case("importers at once into one database")
def at_once(it):
    it.sql("CREATE DATABASE at_once")
    folders = [it.config(it.server.location("at_once")) for _ in range(3)]
    for folder in folders:
        write_history(folder, ENTRIES // 2)
    status = []
    threads = [threading.Thread(
        target=lambda f=folder: status.append(dmarc(f, "import")))
        for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal([run.returncode for run in status], [0, 0, 0],
          [run.stderr for run in status])
    equal(figures(folders[0])["messages"], 3 * (ENTRIES // 2), "messages")


@case("in the incumbent's database, with its GRANT alone")
def beside(it):
    it.sql("CREATE DATABASE opendmarc;"
           "CREATE USER opendmarc@localhost IDENTIFIED BY 'quiet';"
           "GRANT ALL ON opendmarc.* TO opendmarc@localhost;"
           "CREATE TABLE opendmarc.messages (id INT PRIMARY KEY)")
    secret = it.path / "secret"
    secret.write_text("quiet\n")
    location = it.server.location("opendmarc", "opendmarc")
    folder = it.config(f"{location}&password-file={secret}")
    write_history(folder, 50)
    run = dmarc(folder, "import")
    equal(run.returncode, 0, run.stderr)
    equal(figures(folder)["messages"], 50, "messages")
    run = dmarc(folder, "database", "check")
    equal(run.returncode, 0, run.stdout + run.stderr)
    # From the environment, and wrong.
    folder = it.config(location)
    run = dmarc(folder, "database", "status",
                env={**os.environ, "DMARC_DATABASE_PASSWORD": "quiet"})
    equal(run.returncode, 0, run.stderr)
    run = dmarc(folder, "database", "status",
                env={**os.environ, "DMARC_DATABASE_PASSWORD": "loud"})
    equal(run.returncode, 77, run.stderr)
    contains(run.stderr, "password-file")


@case("rights that are missing are named, with the SQL that helps")
def rights(it):
    it.sql("CREATE DATABASE rights; CREATE USER few@localhost;"
           "GRANT SELECT, INSERT, UPDATE, DELETE ON rights.* TO few@localhost")
    folder = it.config(it.server.location("rights", "few"))
    write_history(folder, 50)
    run = dmarc(folder, "import")
    equal(run.returncode, 77, run.stderr)
    contains(run.stderr, "CREATE command denied")
    contains(run.stderr, "dmarc database schema")
    schema = dmarc(folder, "database", "schema")
    equal(schema.returncode, 0, schema.stderr)
    it.sql("USE rights;" + schema.stdout)
    equal(dmarc(folder, "import").returncode, 0)
    run = dmarc(folder, "database", "check")
    equal(run.returncode, 69, run.stdout)
    contains(run.stdout, "right to CREATE")
    # Of nobody's database, and of one that is not there.
    run = dmarc(it.config(it.server.location("nowhere", "few")),
                "database", "create")
    equal(run.returncode, 77, run.stderr)
    run = dmarc(it.config(it.server.location("nowhere")), "database", "status")
    equal(run.returncode, 78, run.stderr)
    equal(dmarc(it.config(it.server.location("nowhere")), "database",
                "create").returncode, 0)


@case("check says what could lose a commit")
def durability(it):
    folder = it.new("durability")
    equal(dmarc(folder, "database", "check").returncode, 0)
    it.sql("SET GLOBAL innodb_flush_log_at_trx_commit = 2")
    run = dmarc(folder, "database", "check")
    it.sql("SET GLOBAL innodb_flush_log_at_trx_commit = 1")
    equal(run.returncode, 69, run.stdout)
    contains(run.stdout, "innodb_flush_log_at_trx_commit")


@case("long and many values are stored whole, and reports stay in order")
def long_values(it):
    folder = it.new("long_values")
    write_history(folder, 300, "".join(
        f"dkim {'%FF' * 2000}{n}.example s{n} 7\n" for n in range(9)))
    run = dmarc(folder, "import")
    equal(run.returncode, 0, run.stderr)
    equal(figures(folder)["messages"], 300, "messages")


def make_certificate(folder, name):
    """One of its own authority, for NAME as an address or a host."""
    kind = "IP" if name[0].isdigit() else "DNS"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days",
         "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName={kind}:{name}",
         "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (folder / f"{name}.key").chmod(0o644)  # for nobody


@case("TLS: only a server that the certificates given vouch for, by its name")
def tls(it):
    folder = it.path / "tls"
    folder.mkdir()
    for name in ("localhost", "127.0.0.1"):
        make_certificate(folder, name)
    port = parts.free_port()
    rows = [("localhost", "127.0.0.1", 0, "tls=no"),
            ("127.0.0.1", "127.0.0.1", 0, "tls=verify&ca={}/127.0.0.1.pem"),
            ("127.0.0.1", "127.0.0.1", 69, "tls=verify&ca={}/localhost.pem"),
            ("127.0.0.1", "127.0.0.1", 69, "tls=verify"),
            ("localhost", "127.0.0.1", 69, "tls=verify&ca={}/localhost.pem")]
    for served in ("localhost", "127.0.0.1"):
        with mariadb.server(
                it.path / f"tls-{served}", "--skip-networking=0",
                "--bind-address=127.0.0.1", f"--port={port}",
                f"--ssl-cert={folder}/{served}.pem",
                f"--ssl-key={folder}/{served}.key") as server:
            server.sql("CREATE DATABASE t; CREATE USER u@'127.0.0.1';"
                       "GRANT ALL ON t.* TO u@'127.0.0.1'")
            for name, host, status, options in rows:
                if name != served:
                    continue
                options = options.format(folder)
                run = dmarc(it.config(f"mysql://u@{host}:{port}/t?{options}"),
                            "database", "status")
                equal(run.returncode, status,
                      f"{served} {options}: {run.stderr}")
                if status != 0:
                    contains(run.stderr, f"mysql://u@{host}:{port}/t")


if not mariadb.is_here():
    skip_all("MariaDB cannot be had; see ci/unpack")
run_cases(mariadb.stage("store", Stage))
