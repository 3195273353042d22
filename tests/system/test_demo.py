#!/usr/bin/env python3
"""The demo, run as `make demo` runs it, and every line of its table."""
import pathlib
import re

import parts
import xmlcheck
from tap import Tap, contains, equal

# What must be said of each message: the MTA's line, the results.
TABLE = [
    ("genuine", r"accept", "DMARC: pass (bank.example), policy reject",
     "dmarc=pass", "spf=pass", "dkim=pass"),
    ("forwarded", r"accept", "DMARC: pass", "dmarc=pass", "spf=fail",
     "dkim=pass"),
    ("mailing list", r"hold \(quarantine\).*list", "DMARC: fail",
     "reason mailing_list", "dmarc=fail", "dkim=fail"),
    ("p=reject domain", r"550 5\.7\.1 .*DMARC.*bank\.example",
     "DMARC: fail (bank.example), policy reject"),
    ("subdomain", r"hold \(quarantine\)", "DMARC: fail", "dmarc=fail",
     "policy quarantine", "header.from=billing.shop.example"),
    ("two From", r"550 5\.7\.1 .*", "DMARC: permerror"),
]


def main():
    tap = Tap()
    with parts.folder("demo") as top:
        with parts.process([parts.ROOT / "apps/demo/demo", parts.BUILD,
                            top / "out"], top / "shown") as run:
            run.wait(2 * parts.PATIENCE)
        text = (top / "shown").read_text()
        blocks = re.split(r"\n\n(?=\d  |The history|The report|To look)",
                          text)

        def ends():
            equal(run.returncode, 0, text)

        def fits():
            # Paths are as long as this test's folder makes them.
            wide = [line for line in text.splitlines() if len(line) > 80
                    and str(top) not in line]
            equal(wide, [], "lines over 80 columns")

        tap.case("it ends well", ends)
        tap.case("it fits 80 columns", fits)
        for number, (name, mta, *results) in enumerate(TABLE, 1):
            def row(number=number, mta=mta, results=results):
                block = next(b for b in blocks if b.startswith(f"{number}  "))
                flat = re.sub(r"\s+", " ", block)
                assert re.search(r"MTA: " + mta, flat), block
                for result in results:
                    contains(flat, result, block)
            tap.case(f"message {number}: {name}", row)

        def forged():
            contains(blocks[1], "removed: a forged Authentication-Results")

        def report():
            contains(text, "5 entries imported, 0 set aside")
            contains(text, "<domain>bank.example</domain>")
            contains(text, "<type>mailing_list</type>")
            reports = list((top / "out/reports").glob("*.xml"))
            equal(len(reports), 2, "reports")
            xmlcheck.check_files(reports)

        def nothing_left():
            left = [file for file in pathlib.Path("/proc").glob("*/cmdline")
                    if f"{top}/out/dmarcd.conf" in parts.read_or_empty(file)]
            equal(left, [], "processes left")
            assert not pathlib.Path(top, "out/milter.sock").exists()

        tap.case("the forged results are removed", forged)
        tap.case("the report is shown", report)
        tap.case("nothing is left running", nothing_left)
    tap.end()


main()
