#!/usr/bin/env python3
"""docs/opendmarc.md: what can be tried of it without OpenDMARC. What the
packages do is in test_package.py."""
import os
import subprocess

import parts
from page import Page
from tap import case, equal, run_cases

PAGE = Page("opendmarc.md")
JOURNAL = {
    "opendmarc": """
4c9X1Y: SPF(mailfrom): x.example fail
4c9X1Y: bank.example fail
4c9X2Z: shop.example none
4c9X3A: other.example pass
ignoring connection from localhost
4c9X9Z: theirs.example pass
""", "dmarcd": """
dmarcd[1]: started; listening on inet:8895@127.0.0.1
dmarcd filter[3]: 4c9X1Y: bank.example fail client=192.0.2.66 spf=fail \
policy=reject disposition=none reason=local_policy ms=0 comment=""
dmarcd filter[3]: 4c9X2Z: shop.example temperror client=192.0.2.66 spf=none \
policy=absent disposition=none reason=none ms=0 comment=""
dmarcd filter[3]: 4c9X3A: other.example pass client=192.0.2.66 spf=pass \
policy=reject disposition=none reason=none ms=0 comment=""
dmarcd filter[3]: 4c9X8A: other.example pass client=192.0.2.66 spf=pass \
policy=reject disposition=none reason=none ms=0 comment=""
"""}


def block(word):
    text, = [block["text"] for block in PAGE.blocks if block["word"] == word]
    return text


@case("what both said is compared by id")
def compare(top):
    for name, text in JOURNAL.items():
        (top / name).write_text(text.lstrip())
    (top / "journalctl").write_text(f'#!/bin/sh\ncat "{top}/$2"\n')
    (top / "journalctl").chmod(0o755)
    run = subprocess.run(["sh", "-e", "-c", block("compare")], cwd=top,
                         env=dict(os.environ,
                                  PATH=f"{top}:{os.environ['PATH']}"),
                         text=True, check=True, stdout=subprocess.PIPE)
    equal(run.stdout.splitlines(), [
        "4c9X2Z OpenDMARC: shop.example none dmarcd: shop.example temperror",
        "3 messages seen by both"])


@case("the package's configuration, with the page's lines, is good")
def configuration(top):
    added, = [block["text"] for block in PAGE.blocks if block["how"]]
    packaged = (parts.ROOT / "packaging/dmarcd.conf").read_text()
    (top / "conf").write_text(packaged + added)
    printed = parts.dmarc("config", "-c", top / "conf")
    said = dict(line.split(None, 1) for line in printed.splitlines())
    equal([said[name] for name in
           ("Enforce", "Socket", "AuthservID", "Database")],
          ["monitor", "inet:8895@127.0.0.1", "beside.mx.receiver.example",
           "sqlite:/var/lib/dmarcd/beside.db"])
    assert "ReportEmail" not in said, printed


run_cases(parts.folder("opendmarc-page"))
