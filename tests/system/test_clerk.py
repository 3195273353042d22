#!/usr/bin/env python3
"""The clerk inside dmarcd: told to stop it ends what it has begun, and begins
nothing else."""
import contextlib
import sqlite3
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
    (top / "zone").write_text(ZONE)
    return parts.dmarcd(
        top / "d", ZoneFile=top / "zone", HistoryFile=top / "history",
        Database=f"sqlite:{top}/db", ReportEmail="r@receiver.example",
        ReportTransport=relay.url, **options)


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
        with contextlib.closing(sqlite3.connect(place / "db")) as other:
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
        started.terminate()
        time.sleep(1)
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


run_cases(stage())
