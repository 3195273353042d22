#!/usr/bin/env python3
"""docs/exim.md, block by block, on a machine that boots with Debian's Exim."""
import contextlib
import subprocess

import machine
import parts
from page import Page
from tap import case, contains, equal, run_cases, skip_all

PAGE = Page("exim.md")
SPOOF = b"From: Bank <news@bank.example>\r\nSubject: hello\r\n\r\nhello\r\n"

if reason := machine.why_not():
    skip_all(reason)


def install(it):
    subprocess.run(["meson", "install", "--quiet", "--no-rebuild", "-C",
                    parts.BUILD, "--destdir", it.root], check=True)
    it.run("ln -s /usr/local/share/dmarcd /usr/share/dmarcd")
    it.write("/etc/mailname", "receiver.example\n")
    it.write("/etc/exim4/update-exim4.conf.conf", """
dc_eximconfig_configtype='internet'
dc_other_hostnames='receiver.example'
dc_local_interfaces=''
dc_use_split_config='false'
dc_localdelivery='mail_spool'
CFILEMODE='644'
""")
    it.run("useradd --create-home customer; update-exim4.conf;"
           "systemctl restart exim4")


@contextlib.contextmanager
def stage():
    zone = (parts.MESSAGES / "zone").read_text()
    with machine.machine("exim4-daemon-heavy", zone=zone, prepare=install,
                         is_booted=True) as it:
        yield it


@case("every block of the page, in order")
def follow(it):
    try:
        PAGE.follow(it, built=it.run)
    finally:
        print("#", it.run("journalctl -q -n 20 -u dmarcd", status=None)
              .replace("\n", "\n# "))
    equal(it.run("systemctl is-active dmarcd exim4"), "active\nactive\n")


@case("a spoofed mail is refused, a genuine one is delivered with our field")
def judged(it):
    (code, said), = machine.send(it.world, machine.STRANGER, SPOOF)
    equal((code, said[:5]), (550, "5.7.1"), said)
    genuine = (parts.MESSAGES / "1-genuine.eml").read_bytes()
    (code, said), = machine.send(it.world, machine.SENDER, genuine)
    equal(code, 250, said)
    box = it.file("/var/mail/customer")
    parts.wait_for("the mail", lambda: "\n\n" in parts.read_or_empty(box))
    contains(box.read_text(), "dmarc=pass")
    contains(box.read_text(), "dkim=pass")


@case("both are imported into the database that the package names")
def stored(it):
    parts.wait_for("the import", lambda: machine.messages(it) == 2)
    contains(PAGE.run(it, "later"), "engine      sqlite")


@case("Exim's socket is the only way in")
def closed(it):
    listening = it.run("ss -Hltnp")
    assert "dmarcd" not in listening, listening


run_cases(stage())
