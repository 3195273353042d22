#!/usr/bin/env python3
"""The clerk inside dmarcd: told to stop it ends what it has begun, and begins
nothing else."""
import contextlib
import pathlib
import re
import signal
import socket
import sqlite3
import struct
import subprocess
import threading
import time

import parts
import sink
from history import ours as entry
from tap import case, equal, run_cases

DAY = 86400
ZONE = """\
_dmarc.a.example TXT "v=DMARC1; p=none; rua=mailto:r@a.example"
_dmarc.b.example TXT "v=DMARC1; p=none; rua=mailto:r@b.example"
"""


def slow_sink():
    """Thinks about each mail until it is released."""
    slow = sink.Sink()
    slow.replies["end"] = sink.STALL
    return slow


def daemon(top, relay, **options):
    """One report at a time, unless OPTIONS say otherwise."""
    (top / "zone").write_text(ZONE)
    return parts.dmarcd(top / "d", **{
        "ZoneFile": top / "zone", "HistoryFile": top / "history",
        "Database": f"sqlite:{top}/db", "ReportEmail": "r@receiver.example",
        "ReportTransport": relay.url, "ReportConnections": 1, **options})


def states(top):
    with contextlib.closing(sqlite3.connect(top / "db")) as database:
        return database.execute("SELECT destination, state FROM dmarc_delivery"
                                " ORDER BY destination").fetchall()


def write_sample(folder):
    """A history of two domains, two days ago: for ReportDelay after midnight
    yesterday is not over."""
    noon = int(time.time()) // DAY * DAY - DAY - DAY // 2
    (folder / "history").write_text(entry("a.example", noon) +
                                    entry("b.example", noon))


def write_many(folder, *domains):
    noon = int(time.time()) // DAY * DAY - DAY - DAY // 2
    (folder / "history").write_text(
        "".join(entry(domain, noon) for domain in domains))


NAMES = [f"d{number}.example" for number in range(8)]
MANY = "".join(f'_dmarc.{name} TXT "v=DMARC1; p=none; rua=mailto:r@{name}"\n'
               for name in NAMES)


def stalls_for(*names):
    """A sink that says nothing about mail to these until it is released."""
    relay = sink.Sink()

    def answer(session):
        host = session.recipients[-1].split("@")[1]
        return sink.STALL if host in names else None

    relay.replies["rcpt"] = answer
    return relay


def many(top, relay, name, **options):
    """The daemon with a report for each of NAMES."""
    place = top / name
    place.mkdir()
    write_many(place, *NAMES)
    started = daemon(place, relay, **{"ReportConnections": 3,
                                      "ZoneFile": place / "many", **options})
    (place / "many").write_text(MANY)
    return place, started


def taken(relay):
    return sorted(mail.recipients[0].split("@")[1] for mail in relay.taken)


def tasks(pid):
    """{thread: what /proc says of it}, the oldest first."""
    return {int(task.name): parts.read_or_empty(task / "status") for task in
            sorted(pathlib.Path(f"/proc/{pid}/task").iterdir(),
                   key=lambda task: int(task.name))}


def number(status, name, base=10):
    return int(re.search(rf"(?m)^{name}:\s*(\w+)", status)[1], base)


def stop(started):
    """SIGTERM, until the thread that sends must know of it: the clerk has put
    its handler away and waits (for that thread), which has often gone round
    since, asking each time."""
    clerk = int(parts.read_or_empty(pathlib.Path(
        f"/proc/{started.pid}/task/{started.pid}/children")).split()[-1])
    started.terminate()

    def waits():
        status = tasks(clerk)[clerk]
        return not number(status, "SigCgt", 16) & 1 << signal.SIGTERM - 1 and \
            "\nState:\tS" in status

    def rounds():
        return number(list(tasks(clerk).values())[1],
                      "voluntary_ctxt_switches")

    parts.wait_for("the clerk to stop", waits, started)
    before = rounds()
    parts.wait_for("whether to stop to be asked",
                   lambda: rounds() > before + 4, started)


def is_done(place, states_wanted):
    def done():
        with contextlib.suppress(sqlite3.OperationalError):
            return [state for _, state in states(place)] == states_wanted
        return False
    return done


class Silent:
    """A DNS server that says where reports go, and of NAMES says nothing."""

    def __init__(self, *names):
        self.silent, self.asked = names, set()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):  # closed
            while True:
                query, client = self.socket.recvfrom(4096)
                answer = self.answer(query)
                if answer:
                    self.socket.sendto(answer, client)

    def answer(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
            at += 1 + query[at]
        question = query[12:at + 5]
        domain = ".".join(labels[1:])
        if domain in self.silent:
            self.asked.add(domain)
            return None
        if labels[0] != "_dmarc" or domain not in NAMES:
            return query[:2] + struct.pack(">5H", 0x8183, 1, 0, 0, 0) + question
        text = f"v=DMARC1; p=none; rua=mailto:r@{domain}".encode()
        data = bytes([len(text)]) + text
        return (query[:2] + struct.pack(">5H", 0x8180, 1, 1, 0, 0) + question +
                struct.pack(">HHHIH", 0xC00C, 16, 1, 60, len(data)) + data)


class Stage:
    """RELAY: of the cases that stop the daemon and start it again."""

    def __init__(self, top):
        self.top = top
        self.relay = slow_sink()


@contextlib.contextmanager
def stage():
    with parts.folder("clerk") as top:
        yield Stage(top)


@case("the clerk follows the suffix list")
def other_suffixes(it):
    """Whose report goes to b.firm.example unasked: that of a neighbour of
    the same organization."""
    place, quick = it.top / "suffixes", sink.Sink()
    place.mkdir()
    history, suffixes = place / "history", place / "list"
    noon = int(time.time()) // DAY * DAY - 2 * DAY - DAY // 2

    def write_list(*rules):
        suffixes.write_text("\n".join(
            ["// ===BEGIN ICANN DOMAINS===", "example", *rules,
             "// ===END PRIVATE DOMAINS===", ""]))

    def log():
        return (place / "d/log").read_text()

    def is_refused():
        with contextlib.suppress(sqlite3.OperationalError):
            return states(place) == [("r@b.firm.example", "unauthorized")]
        return False  # no table yet

    (place / "zone").write_text("".join(
        f'_dmarc.{name}.firm.example TXT "v=DMARC1; p=none; '
        'rua=mailto:r@b.firm.example"\n' for name in ("a", "c")))
    write_list("firm.example")
    history.write_text(entry("a.firm.example", noon))
    with parts.dmarcd(
            place / "d", ZoneFile=place / "zone", HistoryFile=history,
            Database=f"sqlite:{place}/db", DiscoveryMethod="psl",
            PublicSuffixList=suffixes, ReportEmail="r@receiver.example",
            ReportTransport=quick.url) as started:
        parts.wait_for("a report without a destination",
                       is_refused, started)
        equal(len(quick.mails), 0, "mails to another organization")
        with open(history, "a") as late:
            late.write(entry("c.firm.example", noon - DAY))
        write_list()
        parts.wait_for("the mail", lambda: "1 sent" in log(), started)
    equal(len(quick.mails), 1, "mails to the same organization")


@case("who wants no reports gets none")
def no_reports(it):
    place, quick = it.top / "unwanted", sink.Sink()
    place.mkdir()
    (place / "list").write_text("# they asked\nR@a.example\n")
    write_sample(place)
    with daemon(place, quick, NoReportsList=place / "list") as started:
        parts.wait_for("the mail", lambda: len(quick.mails) == 1, started)
        parts.wait_for("the delivery", lambda: "1 sent" in
                       (place / "d/log").read_text(), started)
    equal(states(place), [("r@a.example", "suppressed"),
                          ("r@b.example", "accepted")], "deliveries")


@case("a lost lease ends no job")
def lose_lease(it):
    slow = slow_sink()
    place = it.top / "lease"
    place.mkdir()
    write_sample(place)
    with daemon(place, slow) as started:
        parts.wait_for("a mail", lambda: len(slow.mails) == 1, started)
        with contextlib.closing(sqlite3.connect(
                place / "db", parts.PATIENCE)) as other:
            other.execute("UPDATE dmarc_delivery SET fence = fence + 1")
            other.commit()
        slow.release.set()
        parts.wait_for("the other mail",
                       lambda: len(slow.mails) == 2, started)
        parts.wait_for("the delivery", lambda: "1 sent" in
                       (place / "d/log").read_text(), started)
    equal(states(place), [("r@a.example", "waiting"),
                          ("r@b.example", "accepted")], "deliveries")


@case("SIGTERM: the report under way is finished, no other begun")
def stop_sending(it):
    top, relay = it.top, it.relay
    write_sample(top)
    with daemon(top, relay) as started:
        parts.wait_for("a mail", lambda: len(relay.mails) == 1, started)
        stop(started)
        equal(started.poll(), None, "status before the relay's answer")
        relay.release.set()
        equal(started.wait(parts.PATIENCE), 0, "status")
    equal(len(relay.mails), 1, "mails after SIGTERM")
    equal(states(top), [("r@a.example", "accepted")], "deliveries")


@case("the next start sends what waits, and only that")
def go_on(it):
    top, relay = it.top, it.relay
    with daemon(top, relay) as started:
        parts.wait_for("the other mail",
                       lambda: len(relay.mails) == 2, started)
        parts.wait_for("the delivery", lambda: "1 sent" in
                       (top / "d/log").read_text(), started)
    equal(states(top), [("r@a.example", "accepted"),
                        ("r@b.example", "accepted")], "deliveries")


@case("one slow server holds up nobody else's report")
def slow_server(it):
    relay = stalls_for(NAMES[0], NAMES[5])
    place, start = many(it.top, relay, "slow")
    with start as started:
        parts.wait_for("all others' mails",
                       lambda: len(relay.taken) == len(NAMES) - 2, started)
        parts.wait_for("two that think about it",
                       lambda: relay.stalled == 2, started)
        relay.release.set()
        parts.wait_for("all deliveries",
                       is_done(place, ["accepted"] * len(NAMES)), started)
    equal(taken(relay), NAMES, "who got a mail")
    equal(set(relay.reports.values()), {1}, "how often each report came")
    assert relay.most_open <= 3, relay.most_open


def takes_two(relay):
    """What it says to who comes: two connections, and 421 to any other, who
    comes before a mail is taken."""
    greeted, refused = set(), threading.Event()

    def banner(session):
        if len(greeted) >= 2:
            refused.set()
            return "421 4.7.0 too many connections"
        greeted.add(session.number)
        return None

    def quit(session):
        greeted.discard(session.number)

    def end(session):
        refused.wait(parts.PATIENCE)

    relay.replies |= {"banner": banner, "quit": quit, "end": end}


@case("a server that takes fewer connections gets fewer; no try is counted")
def few_connections(it):
    relay = sink.Sink()
    takes_two(relay)
    place, start = many(it.top, relay, "few", ReportConnections=6)
    with start as started:
        parts.wait_for("all deliveries",
                       is_done(place, ["accepted"] * len(NAMES)), started)
    assert relay.connections > 2, relay.connections
    equal(taken(relay), NAMES, "who got a mail")
    with contextlib.closing(sqlite3.connect(place / "db")) as database:
        equal(database.execute("SELECT DISTINCT tries FROM dmarc_delivery")
              .fetchall(), [(1,)], "tries")


@case("DNS that never answers holds up nobody else's report")
def silent_dns(it):
    relay, dns = sink.Sink(), Silent(NAMES[0])
    place = it.top / "silent"
    place.mkdir()
    write_many(place, *NAMES)
    # The daemon asks for longer than we wait.
    with parts.dmarcd(
            place / "d", HistoryFile=place / "history",
            Database=f"sqlite:{place}/db", ReportEmail="r@receiver.example",
            Nameservers=f"127.0.0.1:{dns.port}", DNSTimeout="240",
            MessageTimeout="240", ReportTransport=relay.url,
            ReportConnections=2) as started:
        parts.wait_for("all others' mails",
                       lambda: len(relay.taken) == len(NAMES) - 1, started)
        parts.wait_for("the question", lambda: dns.asked, started)
        started.kill()
    dns.socket.close()
    equal(taken(relay), NAMES[1:], "who got a mail")


def entries_of(place, domain):
    with contextlib.closing(sqlite3.connect(place / "db")) as database:
        return database.execute(
            "SELECT COUNT(*) FROM dmarc_row WHERE policy_domain = ?",
            (domain,)).fetchone()[0]


def wait_in_dns(it, connections, silent):
    """Reports wait for DNS of the SILENT for longer than we do; meanwhile all
    others are sent, a late entry is imported, and SIGTERM is obeyed."""
    relay, dns = sink.Sink(), Silent(*silent)
    place = it.top / f"wait-{connections}"
    place.mkdir()
    write_many(place, *NAMES)
    sent = [name for name in NAMES if name < silent[0] or connections > 1
            and name not in silent]
    options = {"HistoryFile": place / "history", "ImportInterval": 1,
               "Database": f"sqlite:{place}/db",
               "ReportEmail": "r@receiver.example", "DNSTimeout": 240,
               "MessageTimeout": 240, "ReportTransport": relay.url,
               "ReportConnections": connections}
    with parts.dmarcd(place / "d", Nameservers=f"127.0.0.1:{dns.port}",
                      **options) as started:
        parts.wait_for("all others' mails",
                       lambda: len(relay.taken) == len(sent), started)
        parts.wait_for("the questions",
                       lambda: dns.asked == set(silent), started)
        with open(place / "history", "a") as history:
            history.write(entry("late.example", int(time.time())))
        parts.wait_for("the import",
                       lambda: entries_of(place, "late.example"), started)
        assert "reports:" not in (place / "d/log").read_text(), \
            "the report job was over"
        started.terminate()
        equal(started.wait(parts.PATIENCE), 0, "status")
    dns.socket.close()
    equal(taken(relay), sent, "who got a mail")
    equal(states(place), [(f"r@{name}", "accepted") for name in sent],
          "deliveries, none of which is tried in vain")
    (place / "many").write_text(MANY)
    with parts.dmarcd(place / "d", ZoneFile=place / "many",
                      **options) as started:
        parts.wait_for("the others",
                       is_done(place, ["accepted"] * len(NAMES)), started)
    equal(taken(relay), NAMES, "who got a mail in the end")
    equal(set(relay.reports.values()), {1}, "how often each report came")


@case("reports that wait for DNS hold up neither import nor SIGTERM")
def wait_alone(it):
    wait_in_dns(it, 1, [NAMES[2]])


@case("several reports that wait for DNS hold up nobody else's, nor import")
def wait_among_others(it):
    wait_in_dns(it, 4, [NAMES[0], NAMES[1], NAMES[5]])


@case("SIGTERM with several under way: they are finished, no other begun")
def stop_several(it):
    relay = stalls_for(*NAMES)
    place, start = many(it.top, relay, "several")
    with start as started:
        parts.wait_for("three that are under way",
                       lambda: relay.stalled == 3, started)
        stop(started)
        equal(started.poll(), None, "status before the relay's answers")
        relay.release.set()
        equal(started.wait(parts.PATIENCE), 0, "status")
    equal(len(relay.mails), 3, "mails")
    equal([state for _, state in states(place)], ["accepted"] * 3,
          "deliveries")
    with daemon(place, relay, ReportConnections=3,
                ZoneFile=place / "many") as started:
        parts.wait_for("the others",
                       is_done(place, ["accepted"] * len(NAMES)), started)
    equal(taken(relay), NAMES, "who got a mail")


@case("each report once, whoever sends beside")
def several_reporters(it):
    relay = sink.Sink()
    place, start = many(it.top, relay, "beside", ReportConnections=8)
    with start as started:
        beside = [subprocess.Popen(
            [parts.DMARC, "-c", place / "d/dmarcd.conf", "report"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            for _ in range(2)]
        parts.wait_for("all deliveries",
                       is_done(place, ["accepted"] * len(NAMES)), started)
        for one in beside:
            said = one.communicate()[0].decode()
            assert one.returncode in (0, 75), said
    equal(taken(relay), NAMES, "who got a mail")
    equal(set(relay.reports.values()), {1}, "how often each report came")


run_cases(stage())
