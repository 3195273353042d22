#!/usr/bin/env python3
"""The Debian packages on a machine that boots: built, installed and set up as
docs/postfix.md says, with Debian's Postfix; upgraded, removed, purged."""
import contextlib
import json
import re

import machine
import parts
from page import Page
from tap import Skip, case, contains, equal, run_cases, skip_all

PAGE = Page("postfix.md")
SECURITY = Page("security.md")
SPOOF = b"From: Bank <news@bank.example>\r\nSubject: hello\r\n\r\nhello\r\n"
OURS = parts.MESSAGES / "1-genuine.eml"

if reason := machine.why_not():
    skip_all(reason)


def build(it):
    machine.make_packages(it)
    it.install("postfix", "opendmarc")  # the one that is replaced


class Stage:
    def __init__(self, it):
        self.machine, self.run = it, it.run
        self.others = self.named()

    def send(self, source, message):
        """The server's last word on it."""
        answer, = machine.send(self.machine.world, source, message)
        return answer

    def journal(self):
        return self.run("journalctl -u dmarcd --no-pager -o cat")

    def hear(self, words):
        """WORDS of dmarcd; the journal comes behind what it tells of."""
        try:
            parts.wait_for(words, lambda: words in self.journal())
        except AssertionError as vain:
            raise AssertionError(f"{vain}:\n{self.journal()}") from None

    def status(self):
        return json.loads(self.run("dmarc database status --json"))

    def is_active(self):
        return self.run("systemctl is-active dmarcd",
                        status=None).strip() == "active"

    def named(self):
        """All that bears our name, and has nothing to do with packing it, nor
        with the tests beside us, whose folders are seen in /var/tmp."""
        apart = " -o ".join(f"-path {folder}" for folder in (
            "/var/log", "/var/tmp", "/var/cache", "/var/lib/systemd",
            "/var/lib/dpkg"))
        return set(self.run("find /etc /usr /lib /var /run"
                            " -ignore_readdir_race -xdev"
                            f" \\( {apart} \\) -prune"
                            " -o -name '*dmarc*' -print").split())


@contextlib.contextmanager
def stage():
    zone = (parts.MESSAGES / "zone").read_text() + """
client.example A 203.0.113.66
"""
    with machine.machine(zone=zone, prepare=build, is_booted=True) as it:
        yield Stage(it)


@case("lintian finds no error")
def lintian(it):
    it.run("lintian --allow-root --fail-on error /root/*.deb")


@case("a Postfix that works, before")
def before(it):
    it.run("useradd --create-home customer")
    it.run("id -u Debian-exim || useradd --system Debian-exim")  # Exim's
    it.run("postconf -e myhostname=mx.receiver.example"
           " mydestination=receiver.example inet_interfaces=all"
           " mynetworks=127.0.0.0/8 && systemctl restart postfix")
    code, said = it.send(machine.STRANGER, SPOOF)
    equal(code, 250, said)


@case("docs/postfix.md, every block of it")
def follow(it):
    with machine.reloaded_postfix(it.machine):
        PAGE.follow(it.machine, package=it.run, systemd=it.run, restart=it.run)
    assert it.is_active(), it.journal()
    it.hear("listening on inet:8893@127.0.0.1")


@case("the lines for Postfix and Sendmail are there")
def snippets(it):
    equal(it.run("postconf -h smtpd_milters milter_default_action"),
          "inet:127.0.0.1:8893\naccept\n")
    contains(it.run("cat /usr/share/dmarcd/sendmail/dmarcd.m4"),
             "\nINPUT_MAIL_FILTER(`dmarcd', `S=inet:8893@127.0.0.1,")


@case("user, folders and files are as they should be")
def files(it):
    for path, wanted in {
            "/etc/dmarcd.conf": "644 root root",
            "/var/lib/dmarcd": "700 dmarcd dmarcd",
            "/var/lib/dmarcd/filter": "700 dmarcd dmarcd",
            "/var/lib/dmarcd/filter/history": "600 dmarcd dmarcd",
            "/var/lib/dmarcd/dmarc.db": "600 dmarcd dmarcd",
            "/run/dmarcd": "755 dmarcd dmarcd",
            "/run/dmarcd/query": "660 dmarcd dmarcd"}.items():
        parts.wait_for(path, lambda: it.machine.file(path).exists())
        equal(it.run(f"stat -c '%a %U %G' {path}").strip(), wanted, path)
    contains(it.run("stat -c %U /proc/$(systemctl show -P MainPID dmarcd)"),
             "dmarcd")


@case("Exim's user may ask, but not read what is stored")
def group(it):
    contains(it.run("id -nG Debian-exim").split(), "dmarcd")
    it.run("runuser -u Debian-exim -- test -w /run/dmarcd/query")
    it.run("runuser -u nobody -- test -w /run/dmarcd/query", status=1)
    it.run("runuser -u Debian-exim -- ls /var/lib/dmarcd", status=2)
    it.run("runuser -u Debian-exim -- dmarc status")


@case("the documents are there, and their links lead somewhere")
def documents(it):
    top = it.machine.file("/usr/share/doc/dmarcd")
    pages = {str(page.relative_to(top)): page for page in top.glob("**/*.md")}
    for name in ("README.md", "SECURITY.md", "docs/departures.md",
                 "docs/postfix.md"):
        contains(pages, name)
    contains(it.run("zcat /usr/share/doc/dmarcd/changelog.gz"), "# Changes")
    for name, page in pages.items():
        for link in re.findall(r"\]\(([^)#:]+)[)#]", page.read_text()):
            assert link == "CHANGES.md" or (page.parent / link).exists(), \
                f"{name}: {link}"


@case("the unit is sound, and little is left open")
def unit(it):
    equal(it.run("systemd-analyze verify dmarcd.service 2>&1 |"
                 " grep -i dmarcd || true"), "")
    figure = float(re.search(r"exposure level for dmarcd.service: ([0-9.]+)",
                             it.run("systemd-analyze security dmarcd"))[1])
    assert figure < 2.0, figure


@case("systemctl reload")
def reload(it):
    it.run("systemctl reload dmarcd")
    it.hear("configuration reloaded")


@case("systemctl reload: a wrong line is told, and dmarcd goes on")
def reload_wrong(it):
    before = it.run("systemctl show -P MainPID dmarcd")
    it.run("echo 'Enforc strict' >> /etc/dmarcd.conf")
    it.run("systemctl reload dmarcd", status=1)
    it.hear("unknown option")
    equal(it.run("systemctl show -P MainPID dmarcd"), before)
    assert it.is_active(), it.journal()
    it.run("sed -i '/^Enforc /d' /etc/dmarcd.conf && systemctl reload dmarcd")
    parts.wait_for("the reload", lambda: it.journal().count(
        "configuration reloaded") == 2)


@case("a spoofed mail is refused, a genuine one delivered with our field")
def mail(it):
    code, said = it.send(machine.STRANGER, SPOOF)
    equal((code, said[:5]), (550, "5.7.1"), said)
    code, said = it.send(machine.SENDER, OURS.read_bytes())
    equal(code, 250, said)
    box = it.machine.file("/var/mail/customer")
    parts.wait_for("the mail",
                   lambda: "Your statement" in parts.read_or_empty(box))
    contains(box.read_text().split("Your statement")[0],
             "Authentication-Results: mx.receiver.example;")
    contains(box.read_text(), "dmarc=pass")
    it.hear("bank.example pass client=192.0.2.10")


@case("the filter cannot write where the database lies")
def apart(it):
    if parts.landlock() < 1:
        raise Skip("this kernel has no landlock")
    # Its history now is to be there.
    it.run("cd /var/lib/dmarcd && mv filter away && ln -s . filter")
    it.send(machine.STRANGER, SPOOF)
    it.hear("no permission to write to its folder")
    assert not it.machine.file("/var/lib/dmarcd/history").exists()
    it.run("cd /var/lib/dmarcd && rm filter && mv away filter")
    it.hear("history: written again")


@case("what the page says to look at")
def look(it):
    said = PAGE.run(it.machine, "later")
    for words in ("bank.example fail", "reject", "engine      sqlite"):
        contains(said, words)


@case("a unix socket: Postfix has it, and nothing that is stored")
def unix(it):
    with machine.reloaded_postfix(it.machine):
        PAGE.run(it.machine, "unix")
    equal(it.run("stat -c '%a %U %G' /var/spool/postfix/dmarcd/milter"),
          "770 dmarcd dmarcd\n")
    code, said = it.send(machine.STRANGER, SPOOF)
    equal((code, said[:5]), (550, "5.7.1"), said)
    it.run("runuser -u postfix -- test -w /var/spool/postfix/dmarcd/milter")
    it.run("runuser -u postfix -- test -r /var/lib/dmarcd", status=1)
    it.run("runuser -u nobody -- test -w /var/spool/postfix/dmarcd/milter",
           status=1)


@case("a history and a database in another folder, as security.md has it")
def elsewhere(it):
    it.run("systemctl reset-failed dmarcd;"  # it was started often
           "cp -p /etc/dmarcd.conf /root/before.conf && cat >> /etc/dmarcd.conf"
           " <<END\nDatabase sqlite:/srv/dmarcd/dmarc.db\nEND\n"
           "install -d -o dmarcd /srv/dmarcd; systemctl restart dmarcd")
    it.hear("/srv/dmarcd/dmarc.db: its file system is mounted read-only")
    it.run("cat >> /etc/dmarcd.conf <<END\n"
           "HistoryFile /srv/dmarcd/filter/history\nEND\n"
           "install -d -o dmarcd /srv/dmarcd/filter")
    it.run("systemctl restart dmarcd", status=1)
    it.hear("history: cannot make it: Read-only file system")
    SECURITY.run(it.machine, "elsewhere")
    parts.wait_for("the database", lambda: it.machine.file(
        "/srv/dmarcd/dmarc.db").exists())
    assert it.machine.file("/srv/dmarcd/filter/history").exists()
    # It may be making its tables by now: rm would find the folder not empty.
    it.run("systemctl reset-failed dmarcd && systemctl stop dmarcd &&"
           " cp -p /root/before.conf /etc/dmarcd.conf && rm -r /srv/dmarcd"
           " /etc/systemd/system/dmarcd.service.d/folder.conf &&"
           " systemctl daemon-reload && systemctl start dmarcd")


@case("SIGKILL: it is back, and serves")
def killed(it):
    it.run("systemctl kill -s KILL dmarcd")
    parts.wait_for("dmarcd to come back", lambda: it.is_active() and it.send(
        machine.STRANGER, SPOOF)[0] == 550)


@case("a signal of somebody's: it is back, and serves")
def ended(it):
    before = it.run("systemctl show -P MainPID dmarcd")
    it.run(f"kill {before}")
    parts.wait_for("dmarcd to come back", lambda: it.is_active() and before !=
                   it.run("systemctl show -P MainPID dmarcd") and it.send(
                       machine.STRANGER, SPOOF)[0] == 550)


@case("a mistake in its configuration waits for who mends it")
def mistaken(it):
    it.run("echo Mistake >> /etc/dmarcd.conf")
    it.run("systemctl restart dmarcd", status=1)
    for name, wanted in ("ActiveState", "failed"), ("ExecMainStatus", "78"):
        equal(it.run(f"systemctl show -P {name} dmarcd").strip(), wanted)
    it.run("sed -i '$d' /etc/dmarcd.conf && systemctl restart dmarcd")


def next_version(it):
    """With one more option."""
    it.run("cd /root && dpkg-deb -R dmarcd_0*.deb tree && sed -i"
           " 's/^\\(Version: .*\\)$/\\1+next/' tree/DEBIAN/control &&"
           " echo '#NextOption' | tee -a"
           " $(find tree -name 'dmarcd.conf.sample') &&"
           " dpkg-deb -b tree next.deb && rm -rf tree")


@case("an upgrade keeps what was edited and what was stored")
def upgrade(it):
    # dmarcd, just started, may be at it (75).
    parts.wait_for("an import", lambda: it.run(
        "dmarc import && echo done", status=None).endswith("done\n"))
    messages = it.status()["messages"]
    assert messages >= 2, messages
    before = it.run("systemctl show -P MainPID dmarcd; cat /etc/dmarcd.conf")
    next_version(it)
    it.run("apt-get install -y /root/next.deb")
    after = it.run("systemctl show -P MainPID dmarcd; cat /etc/dmarcd.conf")
    assert before.split("\n")[0] != after.split("\n")[0], "not restarted"
    equal(after.split("\n")[1:], before.split("\n")[1:], "dmarcd.conf")
    contains(it.run("cat /usr/share/doc/dmarcd/dmarcd.conf.sample"),
             "#NextOption")
    equal(it.status()["messages"], messages)
    assert it.is_active(), it.journal()


@case("the names of OpenDMARC, whose package stood beside and goes")
def names(it):
    contains(it.run("readlink -f $(command -v opendmarc)"), "/opendmarc\n")
    it.run("apt-get install -y /root/dmarcd-opendmarc_*.deb")
    contains(it.run("dpkg -s opendmarc"), "deinstall ok config-files")
    for name in ("check", "expire", "import", "importstats", "params",
                 "reports"):
        it.run(f"opendmarc-{name} --help", status=None)
        contains(it.run(f"readlink -f $(command -v opendmarc-{name})"),
                 "/usr/bin/dmarc")
    contains(it.run("opendmarc -V"), "opendmarc")
    it.run("dpkg -r dmarcd-opendmarc")


DATA = {"/var/lib/dmarcd", "/var/lib/dmarcd/dmarc.db"}
# Debian's way: what starts it is forgotten with the configuration.
CONFIGURATION = {"/etc/dmarcd.conf", "/etc/systemd/system/multi-user.target"
                 ".wants/dmarcd.service"}


@case("removed: data and configuration stay; purged: data alone")
def removed(it):
    it.run("rm -r /etc/systemd/system/dmarcd.service.d"  # the pages'
           " /var/spool/postfix/dmarcd")
    it.run("dpkg -r dmarcd")
    assert not it.is_active()
    equal(it.named() - it.others, DATA | CONFIGURATION, "removed")
    contains(it.run("dpkg -P dmarcd"), "stay in /var/lib/dmarcd")
    equal(it.named() - it.others, DATA, "purged")


run_cases(stage(), steps=True)
