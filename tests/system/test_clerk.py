#!/usr/bin/env python3
"""The clerk inside dmarcd: told to stop it ends what it has begun, and begins
nothing else."""
import contextlib
import sqlite3
import time

import parts
import sink
from history import ours as entry
from tap import Tap, equal

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


def cases(tap, top):
    relay = slow_sink()

    def stop_sending():
        # Two days ago: for ReportDelay after midnight yesterday is not over.
        noon = int(time.time()) // DAY * DAY - DAY - DAY // 2
        (top / "history").write_text(entry("a.example", noon) +
                                     entry("b.example", noon))
        with daemon(top, relay) as started:
            parts.wait_for("a mail", lambda: len(relay.mails) == 1, started)
            started.terminate()
            time.sleep(1)
            equal(started.poll(), None, "status before the relay's answer")
            relay.release.set()
            equal(started.wait(parts.PATIENCE), 0, "status")
        equal(len(relay.mails), 1, "mails after SIGTERM")
        equal(states(top), [("r@a.example", "accepted")], "deliveries")

    def go_on():
        with daemon(top, relay) as started:
            parts.wait_for("the other mail",
                           lambda: len(relay.mails) == 2, started)
            parts.wait_for("the delivery", lambda: "1 sent" in
                           (top / "d/log").read_text(), started)
        equal(states(top), [("r@a.example", "accepted"),
                            ("r@b.example", "accepted")], "deliveries")

    def lose_lease():
        slow = slow_sink()
        place = top / "lease"
        place.mkdir()
        noon = int(time.time()) // DAY * DAY - DAY - DAY // 2
        (place / "history").write_text(entry("a.example", noon) +
                                       entry("b.example", noon))
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

    def no_reports():
        place, quick = top / "unwanted", sink.Sink()
        place.mkdir()
        (place / "list").write_text("# they asked\nR@a.example\n")
        noon = int(time.time()) // DAY * DAY - DAY - DAY // 2
        (place / "history").write_text(entry("a.example", noon) +
                                       entry("b.example", noon))
        with daemon(place, quick, NoReportsList=place / "list") as started:
            parts.wait_for("the mail", lambda: len(quick.mails) == 1, started)
            parts.wait_for("the delivery", lambda: "1 sent" in
                           (place / "d/log").read_text(), started)
        equal(states(place), [("r@a.example", "suppressed"),
                              ("r@b.example", "accepted")], "deliveries")

    def other_suffixes():
        """Whose report goes to b.firm.example unasked: that of a neighbour of
        the same organization."""
        place, quick = top / "suffixes", sink.Sink()
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

    tap.case("the clerk follows the suffix list", other_suffixes)
    tap.case("who wants no reports gets none", no_reports)
    tap.case("a lost lease ends no job", lose_lease)
    tap.case("SIGTERM: the report under way is finished, no other begun",
             stop_sending)
    tap.case("the next start sends what waits, and only that", go_on)


def main():
    tap = Tap()
    with parts.folder("clerk") as top:
        cases(tap, top)
    tap.end()


main()
