#!/usr/bin/env python3
"""dmarc database import-opendmarc: tables that OpenDMARC's own schema made and
its own opendmarc-import filled, on a real MariaDB, carried into SQLite and into
the same database."""
import contextlib
import json
import os
import random
import re
import sqlite3
import subprocess
import time

import incumbent
import mariadb
import parts
import sink
from history import opendmarc, stored
from tap import case, contains, equal, run_cases, skip_all

NOW = 1795439443  # 23 November 2026, 13:10:43
YESTERDAY = NOW - 86400
# All that makes rows alike, and how many.
ROWS = ("SELECT r.policy_domain, p.p, p.sp, p.adkim, p.aspf, r.source_ip,"
        " r.hour, r.header_from, r.envelope_from, r.disposition,"
        " r.dkim_aligned, r.spf_aligned, r.reason, r.reason_comment, r.dkim,"
        " r.spf_domain, r.spf_result, SUM(r.messages)"
        " FROM dmarc_row r LEFT JOIN dmarc_policy p ON p.id = r.policy"
        " GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17"
        " ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17")


class Stage:
    def __init__(self, path):
        self.path = path
        self.count = 0
        self.tree, self.modules = incumbent.unpack()
        self.server = mariadb.Server(path / "m")
        self.server.start()

    def tables(self, *entries):
        """The name of a database of OpenDMARC's, with ENTRIES in it."""
        self.count += 1
        name = f"old{self.count}"
        incumbent.make_database(self.server, self.tree, name)
        self.fill(name, *entries)
        return name

    def fill(self, name, *entries):
        run = subprocess.run(
            ["perl", self.tree / "usr/sbin/opendmarc-import",
             f"--dbname={name}"], input="".join(entries), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, "PERL5LIB": self.modules,
                 "MYSQL_UNIX_PORT": str(self.server.socket)})
        equal((run.returncode, run.stdout), (0, ""))

    def double(self, name, limit=1000000):
        """As many messages again, or LIMIT, like those that are there."""
        columns = ("reporter, policy, disp, ip, env_domain, from_domain,"
                   " policy_domain, spf, align_dkim, align_spf, sigcount, arc,"
                   " arc_policy")
        self.server.sql(f"INSERT INTO messages (date, jobid, {columns})"
                        f" SELECT date, UUID(), {columns} FROM messages"
                        f" LIMIT {limit}", name)

    def place(self, database=None):
        self.count += 1
        folder = self.path / str(self.count)
        folder.mkdir()
        parts.write_config(folder / "c", **{
            "Database": database or f"sqlite:{folder}/db",
            "HistoryFile": folder / "history",
            "ReportEmail": "dmarc@mx.test"})
        return folder

    def command(self, folder, name, *words, now=NOW):
        return [parts.DMARC, "database", "-c", folder / "c", f"--now={now}",
                "import-opendmarc", self.server.location(name), *words]

    def carry(self, folder, name, *words, status=0, **more):
        run = subprocess.run(
            self.command(folder, name, *words, **more), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        equal(run.returncode, status, run.stdout + run.stderr)
        return run.stderr if status not in (0, 65) else run.stdout

    def carry_json(self, *words, **more):
        done = json.loads(self.carry(*words, "--json", **more))
        done["messages"] = {word: count for word, count in
                            done["messages"].items() if count}
        return done


def figures(folder):
    return json.loads(parts.dmarc("database", "-c", folder / "c", "status",
                                  "--json"))


def balance(folder, messages, rejected=0):
    got = figures(folder)
    equal((got["messages"], got["rejected"]), (messages, rejected))


def rows(folder):
    with contextlib.closing(sqlite3.connect(folder / "db")) as database:
        return list(database.execute(ROWS))


def entry(domain, received, job, **values):
    """OpenDMARC's, with other values of its keys."""
    lines = opendmarc(domain, received, job).splitlines(keepends=True)
    return "".join(
        f"{line.split()[0]} {values[line.split()[0]]}\n"
        if line.split()[0] in values else line for line in lines)


def signed(text, *signatures):
    lines = "".join(f"dkim {signature}\n" for signature in signatures)
    return text.replace("pdomain", lines + "pdomain", 1)


def many(count, domains=20, first=0):
    return "".join(opendmarc(f"d{n % domains}.test", YESTERDAY + n % 3600,
                             f"job{n}") for n in range(first, first + count))


@case("the rows are those that dmarc import makes of the same history")
def same(it):
    history = "".join([
        opendmarc("a.test", YESTERDAY, "1"),
        opendmarc("a.test", YESTERDAY + 1, "2"),
        signed(entry("b.test", YESTERDAY, "3", policy=16, p=114, action=0,
                     align_spf=5, spf=7, adkim=115),
               "b.test s1 7", "other.test - 0", "c.test s 5"),
        signed(entry("c.test", YESTERDAY, "4", policy=17, p=113, action=2,
                     sp=110, align_spf=5, spf=-1, mfrom=""), "c.test s2 11"),
        entry("d.test", YESTERDAY, "5", policy=14, rua="-", p=0, pdomain="d.test",
              action=2),
        entry("e.test", YESTERDAY, "6", ipaddr="2001:db8::1", policy=18, p=110,
              pct=50, spf=4, align_spf=5),
        entry("f.test", YESTERDAY, "7", action=3),
        signed(entry("g.test", YESTERDAY, "8"),  # more than are read
               *[f"d{number}.test s 5" for number in range(205)]),
    ])
    name = it.tables(history)
    there = it.place()
    equal(it.carry_json(there, name), {
        "messages": {"reportable": 6, "no-policy": 1, "deferred": 1},
        "rejected": {}, "redirections": 0, "suppressions": 0, "refused": 0})
    here = it.place()
    (here / "history").write_text(history)
    parts.dmarc("import", "-c", here / "c")
    equal(rows(there), rows(here))
    equal(len(rows(there)), 6)


@case("run again, nothing is counted again; what is new is")
def again(it):
    name = it.tables(many(1200))
    folder = it.place()
    contains(it.carry(folder, name), "1200 messages carried over\n"
             "  1200 will be reported\n0 messages rejected\n")
    contains(it.carry(folder, name), "0 messages carried over\n")
    it.fill(name, many(7, first=1200))
    contains(it.carry(folder, name), "7 messages carried over\n")
    balance(folder, 1207)
    # Another way there is the same place.
    it.server.sql("CREATE USER reader@localhost;"
                  f"GRANT SELECT ON {name}.* TO reader@localhost")
    run = subprocess.run(
        [parts.DMARC, "database", "-c", folder / "c", "import-opendmarc",
         it.server.location(name, "reader", "&bulk=no")])
    equal(run.returncode, 0)
    balance(folder, 1207)


@case("what OpenDMARC reported is told to nobody; the rest is, once")
def reported(it):
    name = it.tables(*(opendmarc(domain, YESTERDAY + n, f"{domain}{n}")
                       for domain in ("a.test", "b.test", "c.test")
                       for n in range(5)))
    for domain, sent in ("a.test", 2), ("c.test", 4):
        it.server.sql(
            f"UPDATE requests SET lastsent = FROM_UNIXTIME({YESTERDAY + sent})"
            " WHERE domain = (SELECT id FROM domains"
            f" WHERE name = '{domain}')", name)
    folder = it.place()
    equal(it.carry_json(folder, name)["messages"],
          {"reportable": 7, "reported": 8})
    equal(stored(folder / "db"), {"": 8, "a.test": 2, "b.test": 5})
    (folder / "zone").write_text("".join(
        f'_dmarc.{letter}.test TXT "v=DMARC1; p=none; rua=mailto:r@{letter}'
        '.test"\n' for letter in "abc"))
    with sink.Sink() as relay:
        with open(folder / "c", "a") as config:
            config.write(f"ZoneFile {folder}/zone\n"
                         f"ReportTransport {relay.url}\n")
        for _ in range(2):
            parts.dmarc("report", "-c", folder / "c", f"--now={NOW + 86400}")
            it.carry(folder, name)
        counts = {mail.recipients[0]: int(re.search(
            r"<count>(\d+)</count>", mail.xml.decode())[1])
            for mail in relay.taken}
    equal(counts, {"r@a.test": 2, "r@b.test": 5})
    equal(len(relay.taken), 2)


@case("what is older than --since is told to nobody")
def old(it):
    name = it.tables(*(opendmarc("a.test", NOW - days * 86400, str(days))
                       for days in (1, 6, 8, 70)))
    folder = it.place()
    equal(it.carry_json(folder, name)["messages"],
          {"reportable": 2, "old": 2})
    equal(it.carry_json(it.place(), name, "--since=2026-11-20")["messages"],
          {"reportable": 1, "old": 3})
    equal(it.carry_json(it.place(), name, "--since=0")["messages"],
          {"reportable": 4})
    it.carry(folder, name, "--since=monday", status=64)


@case("what came when dmarcd took notes itself is not reported twice")
def ours(it):
    hour = YESTERDAY - YESTERDAY % 3600
    times = (hour - 3600, hour - 1, hour, hour + 7200)
    name = it.tables(*(opendmarc("a.test", time, str(time))
                       for time in times))
    folder = it.place()
    (folder / "history").write_text(opendmarc("b.test", YESTERDAY))
    parts.dmarc("import", "-c", folder / "c")
    other = it.place()
    equal(it.carry_json(folder, name)["messages"],
          {"reportable": 2, "ours": 2})
    folder = it.place()
    contains(it.carry(folder, name, "--until=2026-11-22T12:00:00Z"),
             "that is from 2026-11-22T12:00:00Z on\n")
    equal(it.carry_json(other, name, f"--until={hour - 1}")["messages"],
          {"reportable": 1, "ours": 3})
    # What was carried from there is not our own.
    equal(it.carry_json(other, it.tables(opendmarc("c.test", NOW - 60)))
          ["messages"], {"reportable": 1})


@case("odd values are counted, with the reason; the rest is carried")
def odd(it):
    name = it.tables(many(600))
    for number, change in enumerate([
            "policy = 99", "disp = 9", "from_domain = 99999", "ip = 99999",
            "date = '1970-01-01 00:00:00'", "policy = 13"]):
        it.server.sql(f"SET sql_mode = ''; UPDATE messages SET {change}"
                      f" WHERE id = {number * 90 + 3}", name)
    it.server.sql("SET sql_mode = ''; UPDATE ipaddr SET addr = 'x' WHERE 0;"
                  "UPDATE messages SET env_domain = 99999, spf = 77,"
                  " reporter = 99999 WHERE id = 500", name)
    folder = it.place()
    equal(it.carry_json(folder, name, status=65)["rejected"], {
        "an unknown DMARC result": 2, "an unknown disposition": 1,
        "no From domain": 1, "no client address": 1, "no date": 1})
    balance(folder, 594, 6)
    contains(it.carry(it.place(), name, status=65),
             "  1 with no client address, such as the one with id 273\n")
    # Nothing but odd ones.
    it.server.sql("UPDATE messages SET disp = 9", name)
    folder = it.place()
    it.carry(folder, name, status=65)
    balance(folder, 0, 600)
    contains(it.carry(folder, name), "0 messages carried over\n")


@case("more signatures than a report has room for")
def signatures(it):
    name = it.tables(signed(
        opendmarc("a.test", YESTERDAY, "1"),
        *(f"s{n}.test s 7" for n in range(127))))
    it.server.sql("INSERT INTO signatures (message, domain, selector, pass,"
                  " error) SELECT message, domain, selector, pass, 0"
                  " FROM signatures", name)
    folder = it.place()
    it.carry(folder, name)
    equal(rows(folder)[0][14].count(" s fail"), 100)


@case("words of the operator: locked domains, suppressed addresses")
def words(it):
    name = it.tables(*(opendmarc(f"{letter}.test", YESTERDAY, letter)
                       for letter in "abcde"))
    for letter, uris in [("a", "mailto:x@a.test,mailto:y@a.test"), ("b", ""),
                         ("c", "ftp://c.test/"),
                         # The column has 255: there may have been more.
                         ("d", 15 * "mailto:x@d.test," + "mailto:x@d.test"),
                         ("e", 14 * "mailto:x@e.test," + "mailto:"
                          + 16 * "x" + "@e.test")]:
        it.server.sql(f"UPDATE requests SET locked = 1, repuri = '{uris}'"
                      " WHERE domain = (SELECT id FROM domains"
                      f" WHERE name = '{letter}.test')", name)
    it.server.sql("CREATE TABLE suppressions (id INT PRIMARY KEY AUTO_INCREMENT,"
                  " address VARCHAR(255) UNIQUE, added TIMESTAMP,"
                  " reason VARCHAR(255));"
                  "INSERT INTO suppressions (address, reason) VALUES"
                  " ('no@e.test', 'bounces'), ('not an address', '')", name)
    folder = it.place()

    def said():
        with contextlib.closing(sqlite3.connect(folder / "db")) as database:
            return (dict(database.execute("SELECT policy_domain, rua"
                                          " FROM dmarc_redirection")),
                    dict(database.execute("SELECT address, words"
                                          " FROM dmarc_suppression")))

    done = it.carry_json(folder, name, status=65)
    equal((done["redirections"], done["suppressions"], done["refused"]),
          (3, 1, 3))
    to, suppressed = said()
    equal(len(to.pop("e.test")), 254)
    equal(to, {"a.test": "mailto:x@a.test,mailto:y@a.test", "b.test": "-"})
    equal(suppressed, {"no@e.test": "bounces"})
    # A later word of theirs stays.
    with contextlib.closing(sqlite3.connect(folder / "db")) as database:
        database.execute("UPDATE dmarc_redirection SET rua = 'mailto:z@a.test'"
                         " WHERE policy_domain = 'a.test'")
        database.commit()
    done = it.carry_json(folder, name, status=65)
    equal((done["redirections"], done["suppressions"]), (0, 0))
    equal(said()[0]["a.test"], "mailto:z@a.test")


@case("older and newer tables; what is missing is said; others are refused")
def versions(it):
    name = it.tables(signed(opendmarc("a.test", YESTERDAY, "1"), "a.test s 0"))
    it.server.sql("ALTER TABLE requests ADD fo INT NOT NULL DEFAULT 9,"
                  "MODIFY lastsent TIMESTAMP NULL DEFAULT NULL;"
                  "UPDATE requests SET lastsent = NULL", name)
    equal(it.carry_json(it.place(), name)["messages"], {"reportable": 1})
    it.server.sql("DROP TABLE selectors, arcseals, arcauthresults;"
                  "ALTER TABLE messages DROP arc, DROP arc_policy;"
                  "ALTER TABLE requests DROP fo, DROP locked;"
                  "ALTER TABLE signatures DROP selector", name)
    folder = it.place()
    contains(it.carry(folder, name), "not in this version of its tables:"
             " requests.fo signatures.selector\n")
    equal(rows(folder)[0][14], "a.test - pass")
    it.server.sql("DROP TABLE requests", name)
    contains(it.carry(folder, name, status=78),
             "no tables of OpenDMARC: there is no requests.domain")
    contains(it.carry(folder, "mysql", status=78), "no tables of OpenDMARC")
    it.carry(folder, "nowhere", status=78)
    run = subprocess.run([parts.DMARC, "database", "-c", folder / "c",
                          "import-opendmarc", "sqlite:/x"],
                         stderr=subprocess.PIPE, text=True)
    equal(run.returncode, 64)
    contains(run.stderr, "mysql://user@host/name")


@case("messages that are numbered anew are not passed over in silence")
def anew(it):
    name = it.tables(many(5))
    folder = it.place()
    it.carry(folder, name)
    it.server.sql("DELETE FROM messages", name)
    contains(it.carry(folder, name), "0 messages carried over\n")
    it.server.sql("ALTER TABLE messages AUTO_INCREMENT = 1", name)
    it.fill(name, many(2, first=5))
    contains(it.carry(folder, name, status=78), "numbered anew")


@case("two at once, while messages still come: no number is in two batches")
def growing(it):
    name = it.tables(many(20))
    folder = it.place()
    count = 20
    for _ in range(12):
        both = [subprocess.Popen(it.command(folder, name),
                                 stdout=subprocess.DEVNULL) for _ in range(2)]
        while None in [one.poll() for one in both]:
            it.double(name, 1)
            count += 1
        equal([one.wait() for one in both], [0, 0])
    it.carry(folder, name)
    balance(folder, count)


@case("into the same database, beside those tables; kill -9 at any moment")
def killed(it):
    name = it.tables()
    # Ten times quicker than their importer: all like the first.
    it.fill(name, many(20))
    for _ in range(9):
        it.double(name)
    for folder in (it.place(), it.place(it.server.location(name))):
        kills = 0
        while kills < 15:
            carrying = [subprocess.Popen(it.command(folder, name),
                                         stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL)
                        for _ in range(1 + kills % 2)]
            time.sleep(random.uniform(0, 0.3))
            for one in carrying:
                one.kill()
                one.wait()
            kills += 1
        both = [subprocess.Popen(it.command(folder, name),
                                 stdout=subprocess.DEVNULL) for _ in range(2)]
        equal([one.wait() for one in both], [0, 0])
        balance(folder, 20 * 2 ** 9)
    it.server.sql("SELECT 1 FROM dmarc_row, messages LIMIT 1", name)


@case("a server that is away: 75, and nothing is lost")
def away(it):
    name = it.tables(many(3))
    folder = it.place()
    it.server.stop()
    contains(it.carry(folder, name, status=75), "does the server run?")
    it.server.start()
    it.carry(folder, name)
    balance(folder, 3)


if not mariadb.is_here():
    skip_all("MariaDB cannot be had; see ci/unpack")
try:
    incumbent.unpack()
except SystemExit as reason:
    skip_all(reason)
run_cases(mariadb.stage("carry", Stage))
