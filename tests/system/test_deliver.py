#!/usr/bin/env python3
"""How reports travel: dmarc report and a server that answers as scripted. A
domain a mail; what became of it is in the database."""
import contextlib
import sqlite3
import stat
import time
import urllib.parse

import parts
import sink
from history import ours as entry
from sink import DROP, Sink
from tap import case, contains, equal, run_cases

DAY = 86400
# Yesterday may not be over for ReportDelay.
NOON = int(time.time()) // DAY * DAY - DAY - DAY // 2
DOMAINS = 60
EMAIL = "reports@receiver.example"
PASSWORD = "open sesame"


class Stage:
    def __init__(self, top, domains):
        top.mkdir(exist_ok=True)
        self.top, self.used = top, 0
        names = [f"d{i}.example" for i in range(domains)]
        (top / "zone").write_text("".join(
            f'_dmarc.{name} TXT "v=DMARC1; p=none; rua=mailto:r@{name}"\n'
            for name in names))
        (top / "history").write_text("".join(
            entry(name, NOON) for name in names))
        self.password = top / "password"
        self.password.write_text(f"{PASSWORD}\n")
        self.password.chmod(0o600)
        self.certificate, self.context = sink.certificate(top / "ours")
        _, self.foreign = sink.certificate(top / "other", "DNS:other.example")
        self.other_name = top / "other/cert.pem"
        self.configure()
        parts.dmarc("import", "-c", top / "conf", top / "history")

    def configure(self, **options):
        parts.write_config(
            self.top / "conf", Database=f"sqlite:{self.top}/db",
            ZoneFile=self.top / "zone", ReportEmail=EMAIL, **options)

    def next_domain(self):
        self.used += 1
        return f"d{self.used - 1}.example"

    def send_again(self, domain, server):
        with contextlib.closing(sqlite3.connect(self.top / "db")) as database:
            database.execute("UPDATE dmarc_delivery SET next_try = 0"
                             " WHERE destination = ?", (f"r@{domain}",))
            database.commit()
        return self.send(domain, server)

    def send(self, domain, server, **options):
        """State and last words of the delivery of DOMAIN's report."""
        self.configure(**{"ReportTransport": server.url} | options)
        out, err = parts.dmarc_says(
            "report", "-c", self.top / "conf", "--domain", domain,
            status=None)
        assert PASSWORD not in out + err, out + err
        with contextlib.closing(sqlite3.connect(self.top / "db")) as database:
            rows = database.execute(
                "SELECT state, words FROM dmarc_delivery"
                " WHERE destination = ?", (f"r@{domain}",)).fetchall()
        assert len(rows) == 1, f"{rows}: {out}{err}"
        state, words = rows[0]
        return state, urllib.parse.unquote(words, "latin-1")


@contextlib.contextmanager
def stage():
    with parts.folder("deliver") as top:
        yield Stage(top, DOMAINS)


# Stage, answer there, state, words; None: libcurl's own.
ANSWERS = [
    ("banner", "421 4.3.2 not now", "waiting", "421 4.3.2 not now"),
    ("banner", "554 5.3.2 no mail here", "waiting", "554 5.3.2 no mail"),
    ("banner", DROP, "waiting", None),
    ("ehlo", "421 4.3.2 not now", "waiting", None),  # it tries HELO then
    ("ehlo", DROP, "waiting", None),
    ("mail", "451 4.3.0 later", "waiting", "451 4.3.0 later"),
    ("mail", "550 5.7.1 not you", "refused", "550 5.7.1 not you"),
    ("mail", "530 5.7.0 log in first", "waiting", "530 5.7.0 log in first"),
    ("mail", DROP, "waiting", None),
    ("rcpt", "450 4.2.0 greylisted", "waiting", "450 4.2.0 greylisted"),
    ("rcpt", "421 4.7.0 go away", "waiting", "421 4.7.0 go away"),
    ("rcpt", "550 5.1.1 nobody", "refused", "550 5.1.1 nobody"),
    ("rcpt", "550-5.1.1 nobody\n550 5.1.1 of that name", "refused",
     "550 5.1.1 nobody of that name"),
    ("rcpt", DROP, "waiting", None),
    ("data", "452 4.3.1 disk full", "waiting", "452 4.3.1 disk full"),
    ("data", "554 5.5.1 no", "refused", "554 5.5.1 no"),
    ("data", DROP, "waiting", None),
    ("end", "451 4.3.0 later", "waiting", "451 4.3.0 later"),
    ("end", "421 4.3.2 down", "waiting", "421 4.3.2 down"),
    ("end", "550 5.7.1 \x1b[31mspam\xff", "refused",
     "550 5.7.1 \x1b[31mspam\xff"),
    ("end", "552 5.3.4 " + "long " * 200, "refused", "552 5.3.4 long long"),
    ("end", DROP, "waiting", "no answer to the whole mail"),
    ("end", "354 more", "waiting", "no answer to the whole mail"),
    ("end", "252 2.0.0 it is here", "accepted", "252 2.0.0 it is here"),
    ("end", lambda session: session.say("250-half of it") or DROP, "waiting",
     "no answer to the whole mail"),
    ("end", None, "accepted", "250 2.0.0 taken"),
    ("quit", DROP, "accepted", "250 2.0.0 taken"),
]


@case("each answer of a server at each stage")
def answers(it):
    for where, reply, state, words in ANSWERS:
        with Sink() as server:
            server.script(where, reply)
            got, said = it.send(it.next_domain(), server)
            what = f"{where} {reply}: {said}"
            equal(got, state, what)
            assert said and len(said) <= 512, what
            assert words is None or said.startswith(words), what
            equal(len(server.mails), int(where in ("end", "quit")), what)


@case("the same mail again after a lost answer")
def lost_answer(it):
    with Sink() as server:
        domain = it.next_domain()
        server.script("end", DROP)
        equal(it.send(domain, server)[0], "waiting")
        equal(it.send_again(domain, server)[0], "accepted")
        first, second = server.mails
        equal(first.data, second.data, "mail")
        equal(list(server.reports.values()), [2], "of one Report-ID")


@case("a report is larger than the server takes")
def too_large(it):
    with Sink(size=100) as server:
        state, words = it.send(it.next_domain(), server)
        equal((state, words), ("refused", "552 5.3.4 larger than I take"))
        equal(server.mails, [])


@case("the envelope sender")
def envelope_sender(it):
    with Sink() as server:
        it.send(it.next_domain(), server)
        it.send(it.next_domain(), server,
                ReportEnvelopeFrom="bounces@receiver.example")
        equal([mail.sender for mail in server.mails],
              ["", "bounces@receiver.example"])
        equal([mail.message["From"].count(EMAIL) for mail in server.mails],
              [1, 1])
        assert any(line.startswith("MAIL FROM:<> SIZE=")
                   for line in server.commands), server.commands


def encryption_rows(it):
    """Of the server: its context and more; the option; trusted certificates;
    whether a mail arrives, and by TLS; part of the words."""
    ours, foreign = {"tls": it.context}, {"tls": it.foreign}
    none, maybe, must = "none", "opportunistic", "required"
    implicit = {"implicit_tls": True}
    yield ours, none, None, "clear", "250"
    yield ours, maybe, None, "tls", "250"
    yield foreign, maybe, None, "tls", "250"
    yield {}, maybe, None, "clear", "250"
    yield ours, must, it.certificate, "tls", "250"
    yield ours, must, None, "nothing", "certificate"
    yield foreign, must, it.other_name, "nothing", "subject"
    yield {}, must, it.certificate, "nothing", "TLS"
    yield ours | implicit, must, it.certificate, "tls", "250"
    yield ours | implicit, none, it.certificate, "tls", "250"
    yield ours | implicit, none, None, "nothing", "certificate"
    yield foreign | implicit, maybe, it.other_name, "nothing", "subject"


@case("TLS when it is wanted, from who can prove his name")
def encryption(it):
    for server_options, tls, trusted, arrives, part in encryption_rows(it):
        with Sink(**server_options) as server:
            options = {"ReportTLS": tls}
            if trusted:
                options["ReportTLSCertificates"] = trusted
            state, words = it.send(it.next_domain(), server, **options)
            what = f"{server_options} {options}: {words}"
            equal(state, "waiting" if arrives == "nothing" else "accepted",
                  what)
            equal([mail.tls for mail in server.mails],
                  {"nothing": [], "clear": [False], "tls": [True]}[arrives],
                  what)
            contains(words, part)


@case("STARTTLS that is offered and then refused")
def refused_starttls(it):
    for tls, state in (("opportunistic", "accepted"), ("required", "waiting")):
        with Sink(tls=it.context) as server:
            server.script("starttls", "454 4.7.0 no TLS today")
            got, words = it.send(
                it.next_domain(), server, ReportTLS=tls,
                ReportTLSCertificates=it.certificate)
            equal(got, state, words)
            equal([mail.tls for mail in server.taken],
                  [False] if state == "accepted" else [])


def login(it, **options):
    return {"ReportUser": "clerk", "ReportPasswordFile": it.password} | options


@case("logging in")
def logging_in(it):
    users = {"clerk": PASSWORD}
    proven = {"ReportTLS": "required", "ReportTLSCertificates": it.certificate}
    with Sink(users=users) as clear, \
            Sink(users=users, tls=it.context) as starttls, \
            Sink(users=users, tls=it.context, implicit_tls=True) as implicit:
        for server, options in ((clear, {}), (starttls, proven),
                                (implicit, proven)):
            equal(it.send(it.next_domain(), server,
                          **login(it, **options))[0], "accepted")
            equal([mail.user for mail in server.mails], ["clerk"])
    with Sink(users={"clerk": "another"}) as server:
        state, words = it.send(it.next_domain(), server, **login(it))
        equal((state, server.mails), ("waiting", []), words)
        contains(words, "535 5.7.8 wrong password")


@case("a password is not sent without TLS")
def no_tls_no_password(it):
    with Sink(users={"clerk": PASSWORD}) as server:
        state, words = it.send(
            it.next_domain(), server, **login(it, ReportTLS="required"))
        equal((state, server.mails), ("waiting", []), words)
        assert not [line for line in server.commands
                    if line.startswith("AUTH")], server.commands


@case("what is refused before a server is asked")
def configuration(it):
    it.password.chmod(0o644)
    rows = [
        ("smtp://relay.example", {}, "in the clear"),
        ("smtp://127.0.0.1", {}, "chmod o-rw"),
        ("sendmail:/bin/true", {}, "with sendmail:"),
        ("smtp://127.0.0.1", {"ReportPasswordFile": it.top / "no"}, "No such"),
        ("smtp://a.example/x", {}, "write smtp://HOST:PORT"),
    ]
    for transport, options, part in rows:
        it.configure(ReportTransport=transport, **login(it, **options))
        _, err = parts.dmarc_says("report", "-c", it.top / "conf",
                                  status=None)
        contains(err, part, transport)
    it.password.chmod(0o600)


@case("a sendmail program")
def sendmail_program(it):
    program, got = it.top / "sendmail", it.top / "got"
    program.write_text(f"""#!/bin/sh
printf '%s ' "$@" >{got}.words
cat >{got}
test ! -e {got}.full || {{ echo disk full >&2; exit 75; }}
""")
    program.chmod(0o755)
    assert program.stat().st_mode & stat.S_IXOTH

    class Program:
        url = f"sendmail:{program}"

    domain = it.next_domain()
    full = it.top / "got.full"
    full.touch()
    state, words = it.send(domain, Program)
    equal((state, words),
          ("waiting", f"{program} ended by status 75: disk full"))
    full.unlink()
    equal(it.send_again(domain, Program)[0], "accepted")
    equal((it.top / "got.words").read_text(), f"-i -f <> -- r@{domain} ")
    mail = got.read_bytes()
    assert b"\r" not in mail and b"\nSubject: Report Domain: " in mail, mail


def one_mail_a_connection(session):
    session.say("250 2.0.0 taken")
    return DROP


@case("servers that hang up after each mail, with TLS or not")
def hang_up(it):
    for options in ({}, {"tls": it.context}):
        few = Stage(it.top / f"few-{len(options)}", 3)
        with Sink(**options) as server:
            server.replies["end"] = one_mail_a_connection
            few.configure(ReportTransport=server.url)
            parts.dmarc("report", "-c", few.top / "conf")
            equal(sorted(mail.recipients[0] for mail in server.mails),
                  [f"r@d{i}.example" for i in range(3)])
            equal([mail.tls for mail in server.mails], [bool(options)] * 3)


run_cases(stage())
