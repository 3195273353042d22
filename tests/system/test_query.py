#!/usr/bin/env python3
"""The query socket: what dmarcd answers, whom, and what it then remembers."""
import contextlib
import grp
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys
import threading

import parts
import query
from query import ID, ask, ask_raw, dkim, fields, request
from tap import Skip, case, contains, equal, run_cases

ZONE = parts.MESSAGES / "zone"
SPOOF = b"From: Bank <news@bank.example>\nSubject: hello\n"
SIGNED = b"DKIM-Signature: v=1; a=rsa-sha256; d=bank.example; s=s1; h=from;" \
    b" bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\n" + SPOOF
NOBODY = 65534


@contextlib.contextmanager
def daemon(top, **options):
    (top / "nobody").write_text("")
    (top / "spool").mkdir(exist_ok=True)
    (top / "history").unlink(missing_ok=True)
    with parts.dmarcd(top / "d", **{
            "AuthservID": "mx.test", "Enforce": "strict", "Workers": 1,
            "IgnoreHosts": top / "nobody", "ZoneFile": ZONE,
            "QuerySocket": f"unix:{top}/d/query",
            "QuerySpool": top / "spool",
            "HistoryFile": top / "history", **options}) as process:
        yield process


def children(pid):
    return [int(child) for child in pathlib.Path(
        f"/proc/{pid}/task/{pid}/children").read_text().split()]


def sock(top):
    return top / "d/query"


def history(top):
    """{key: value} of the only entry."""
    lines = (top / "history").read_text().splitlines()
    equal(sum(line.startswith("job ") for line in lines), 1, "entries")
    return dict(line.split(" ", 1) for line in lines)


def spool(top, body, name_line=f"{ID}-D\n", split=""):
    folder = top / "spool/input" / split
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{ID}-D"
    file.unlink(missing_ok=True)
    file.write_bytes(name_line.encode() + body)
    return file


def genuine():
    """(header, body) of the demo's signed message, with LF."""
    text = (parts.MESSAGES / "1-genuine.eml").read_bytes()
    head, _, body = text.replace(b"\r\n", b"\n").partition(b"\n\n")
    return head + b"\n", body


@case("genuine: verified from the spool, in both of its layouts")
def genuine_mail(top):
    head, body = genuine()
    for split in ("", ID[5]):
        with daemon(top):
            answer = ask(sock(top), head, spool=spool(top, body, split=split))
            equal(answer["disposition"], "none")
            equal(answer["dmarc"], "pass")
            equal(answer["domain"], "bank.example")
            contains(answer["results"], "dkim=pass header.d=bank.example")
            entry = history(top)
            equal((entry["action"], entry["job"], entry["from"]),
                  ("2", ID, "bank.example"), "entry")


@case("a changed body is no pass")
def changed(top):
    head, body = genuine()
    with daemon(top):
        answer = ask(sock(top), head, spool=spool(top, body + b"more\n"))
        equal((answer["dmarc"], answer["disposition"]), ("fail", "reject"))


@case("a large body")
def large(top):
    head, body = genuine()
    with daemon(top):
        file = spool(top, body + b"\n" * 5000000)  # relaxed drops them
        equal(ask(sock(top), head, spool=file)["dmarc"], "pass")


@case("spoofed: reject, with the text, and the history says so")
def spoofed(top):
    with daemon(top, RejectString="not from %s"):
        answer = ask(sock(top), SPOOF)
        equal(answer["version"], "1")
        equal(answer["disposition"], "reject")
        equal(answer["smtp"], "550 5.7.1 DMARC: not from bank.example")
        equal((answer["dmarc"], answer["policy"], answer["spf"]),
              ("fail", "reject", "pass"))
        equal(history(top)["action"], "0", "action")


@case("ids: whose results are forged; believed ones are not")
def ids(top):
    trusted = "a.test, ,b.test"
    with daemon(top, TrustedAuthservIDs=trusted):
        for answer in (ask(sock(top), SPOOF), ask(sock(top), SPOOF, client=""),
                       fields(ask_raw(sock(top), b"\n"))):
            equal(answer["ids"], "mx.test a.test b.test", answer)
    with daemon(top, TrustedAuthservIDs=trusted,
                AuthenticationSource="headers"):
        equal(ask(sock(top), SPOOF)["ids"], "mx.test")


@case("quarantine under sp=")
def subdomain(top):
    with daemon(top):
        answer = ask(sock(top), b"From: x@billing.shop.example\n")
        equal((answer["disposition"], answer["policy"]),
              ("quarantine", "quarantine"))
        contains(answer["reason"], "billing.shop.example")
        equal(history(top)["action"], "4", "action")


@case("to_reports: all recipients take reports")
def to_reports(top):
    with daemon(top, ReportEmail="dmarc@mx.test", IgnoreMailTo="ruf@mx.test"):
        for recipients, wanted in (
                (b"dmarc@mx.test", "1"), (b"DMARC@mx.test, ruf@mx.test", "1"),
                (b"", None), (b"dmarc@mx.test, a@mx.test", None),
                (b'"x, dmarc@mx.test"@mx.test', None), (b", ,", None)):
            (top / "history").unlink(missing_ok=True)
            ask(sock(top), SPOOF, recipients64=query.b64(recipients))
            equal(history(top).get("to_reports"), wanted, recipients)


@case("monitor only tags; no record, nothing to do")
def no_harm(top):
    with daemon(top, Enforce="monitor"):
        equal(ask(sock(top), SPOOF)["disposition"], "none")
        equal(history(top)["action"], "2", "action")
    with daemon(top):
        answer = ask(sock(top), b"From: x@nowhere.example\n")
        equal((answer["disposition"], answer["dmarc"]), ("none", "none"))
        assert not (top / "history").exists() or \
            (top / "history").read_text() == "", "an entry"


@case("SPF by itself")
def spf(top):
    with daemon(top):
        answer = ask(sock(top), SPOOF, client="192.0.2.10",
                     sender=b"a@bank.example")
        equal((answer["spf"], answer["dmarc"], answer["disposition"]),
              ("pass", "pass", "none"))


@case("DNS fails: defer, and no entry")
def broken_dns(top):
    zone = top / "broken.zone"
    zone.write_text('_dmarc.slow.test TXT "v=DMARC1; p=reject"\n'
                    "slow.test SERVFAIL TXT\n")
    with daemon(top, ZoneFile=zone):
        answer = ask(sock(top), b"From: x@slow.test\n",
                     sender=b"x@slow.test")
        equal((answer["disposition"], answer["dmarc"]),
              ("defer", "temperror"))
        equal(answer["smtp"][:10], "451 4.7.1 ", "smtp")
        assert not (top / "history").exists() or \
            (top / "history").read_text() == "", "an entry"


MALFORMED = {
    "two From": SPOOF + b"From: x@attacker.example\n",
    "two domains": b"From: a@bank.example, b@attacker.example\n",
    "cut by Exim": b"From: a@attacker.example\nX: " + b"x" * 65536 + b"\n",
}


@case("malformed From, and a header that Exim cut")
def malformed(top):
    with daemon(top):
        for name, headers in MALFORMED.items():
            answer = ask(sock(top), headers)
            equal((answer["disposition"], answer["dmarc"]),
                  ("reject", "permerror"), name)


@case("DKIM by lines: only a pass with its signature, for the whole body")
def told(top):
    good = dkim("pass", b"bank.example", b"s1")
    rows = [
        ("pass", SIGNED, [good], "dkim=pass", "pass"),
        ("no signature", SPOOF, [good], "dkim=none", "fail"),
        ("part of the body", SIGNED,
         [dkim("pass", b"bank.example", b"s1", length=10)],
         "dkim=policy", "fail"),
        ("another selector", SIGNED, [dkim("pass", b"bank.example", b"s2")],
         "dkim=neutral", "fail"),
        ("another domain", SIGNED, [dkim("pass", b"attacker.example", b"s1")],
         "dkim=neutral", "fail"),
        ("fail", SIGNED, [dkim("fail", b"bank.example", b"s1")],
         "dkim=fail", "fail"),
        ("both", SIGNED, [good, dkim("fail", b"bank.example", b"s1")],
         "dkim=fail", "fail"),
        ("words", SIGNED, [dkim(
            "pass", b"x; dkim=pass header.d=bank.example", b"s1")],
         "dkim=neutral", "fail"),
    ]
    with daemon(top):
        for name, headers, lines, part, verdict in rows:
            answer = ask(sock(top), headers, dkim=lines)
            contains(answer["results"] + " dkim=none", part, name)
            equal(answer["dmarc"], verdict, name)


@case("a spool that may not be read, or is none, is no body")
def no_spool(top):
    head, body = genuine()
    with daemon(top):
        file = spool(top, body, name_line="1abcdt-000000-AC-D\n")
        equal(ask(sock(top), head, spool=file)["disposition"], "error",
              "another name line")
        other = file.rename(top / "spool/other")
        file.symlink_to(other)
        equal(ask(sock(top), head, spool=file)["disposition"], "error",
              "symbolic link")
        file.unlink()
        os.mkfifo(file)
        equal(ask(sock(top), head, spool=file)["disposition"], "error",
              "FIFO")
        file.unlink()
        equal(ask(sock(top), head, spool=file)["disposition"], "error",
              "none")
        equal(ask(sock(top), head)["disposition"], "error", "not given")
        equal(ask(sock(top), SPOOF, spool=file)["disposition"], "reject",
              "none, and none is needed")
        equal(ask(sock(top), SIGNED, spool=file, dkim=[
            dkim("pass", b"bank.example", b"s1")])["dmarc"], "pass",
              "lines in its place")
        for words in (": spool is no data file of Exim; not judged, number 1\n",
                      ": neither spool nor dkim is given; not judged, "
                      "number 5\n"):
            contains((top / "d/log").read_text(), words)


@case("exempt: who logged in, ignored hosts, local mail")
def exempt(top):
    with daemon(top):
        equal(ask(sock(top), SPOOF, authenticated=1)["disposition"],
              "reject", "judged unless the option says otherwise")
    (top / "relays").write_text("203.0.113.0/24\n")
    with daemon(top, IgnoreAuthenticatedClients="yes"):
        equal(ask(sock(top), SPOOF, authenticated=1)["disposition"],
              "exempt")
        equal(ask(sock(top), SPOOF)["disposition"], "reject")
        equal(ask(sock(top), SPOOF, client="")["disposition"], "exempt")
        contains((top / "d/log").read_text(),
                 "local submission: accepted unchecked, number 1\n")
    with daemon(top, IgnoreMailFrom="bank.example"):
        equal(ask(sock(top), SPOOF)["disposition"], "exempt")
    (top / "names").write_text("mx.relay.example\n.friends.example\n")
    with daemon(top, IgnoreHosts=top / "names"):
        for name, said in ((b"mx.relay.example", "exempt"),
                           (b"a.Friends.example", "exempt"),
                           (b"x.mx.relay.example", "reject"),
                           (b"friends.example", "reject"),
                           (b"mx.relay.example\0", "reject"),
                           (b"", "reject")):
            equal(ask(sock(top), SPOOF, host64=query.b64(name))
                  ["disposition"], said, name)
        equal(ask(sock(top), SPOOF)["disposition"], "reject", "no name")
    with daemon(top, IgnoreHosts=top / "relays"):
        equal(ask(sock(top), SPOOF)["disposition"], "exempt")
        contains((top / "d/log").read_text(), "IgnoreHosts names the client")
        equal((top / "history").exists() and
              (top / "history").read_text() != "", False, "an entry")


HOSTILE = b'x" disposition="none\\" \r\n\tdmarc=pass header.from=bank.example;'


@case("hostile HELO, MAIL FROM, From, d= and s= break out of nothing")
def hostile(top):
    headers = SPOOF.replace(b"Bank", b'"' + HOSTILE.replace(b'"', b'\\"')
                            .replace(b"\r\n", b"\n") + b'"')
    signed = SIGNED.replace(b"d=bank.example; s=s1",
                            b'd=bank.example" disposition="none; s="x')
    with daemon(top):
        for one in (headers, signed + b"", SPOOF):
            answer = ask(sock(top), one, helo=HOSTILE, dkim=[
                dkim("fail", HOSTILE, HOSTILE)],
                sender=b'"' + HOSTILE.replace(b'"', b"'") +
                b'"@attacker.example')
            equal(answer["disposition"], "reject")
            assert "pass" not in re.findall(r"dmarc=(\w+)",
                                            re.sub(r'"[^"]*"', "",
                                                   answer["results"]))
            equal(len(answer), 11, "names in the answer")


@case("a bad request is refused, with the reason, and logged")
def bad(top):
    rows = {b"\n": "a line is missing",
            b"version=2\n\n": "version is not 1",
            request(SPOOF)[:-1]: "the request has no end",
            request(SPOOF, hello="x"): "a name that is not known",
            request(SPOOF, spool="/etc/passwd"):
            "spool is not the data file of id",
            b"x" * 300000: "the request is too long"}
    with daemon(top):
        for data, why in rows.items():
            answer = fields(ask_raw(sock(top), data))
            equal((answer["disposition"], answer["reason"]), ("error", why))
            contains((top / "d/log").read_text(), why, "log")
        contains((top / "d/log").read_text(),
                 f"query {query.ID}: spool is not the data file of id")


@case("byte by byte, without a half-close, many at once")
def slowly(top):
    with daemon(top, Workers=2):
        with query.connect(sock(top)) as client:
            for byte in request(SPOOF):
                client.sendall(bytes([byte]))
            equal(fields(query.read_all(client))["disposition"], "reject")
        idle = [query.connect(sock(top)) for _ in range(50)]
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(
            ask(sock(top), SPOOF)["disposition"])) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        equal(answers, ["reject"] * 50)
        for client in idle:
            client.close()
        equal((top / "history").read_text().count("\naction 0\n"), 51)


@case("who asks nothing is cut off after half a minute")
def given_up(top):
    with daemon(top), query.connect(sock(top)) as idle:
        idle.sendall(b"version=1\n")
        equal(idle.recv(10), b"", "no request")
        contains((top / "d/log").read_text(), "no request came")


@case("more connections than descriptors: others wait, none is lost")
def crowd(top):
    with daemon(top) as started:
        pid, = children(started.pid)
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        used = len(os.listdir(f"/proc/{pid}/fd"))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 20, hard))
        idle = [query.connect(sock(top)) for _ in range(60)]
        for client in idle[:50]:
            client.close()
        equal(ask(sock(top), SPOOF)["disposition"], "reject")
        for client in idle[50:]:
            client.sendall(request(SPOOF))
            equal(fields(query.read_all(client))["disposition"], "reject")
            client.close()


def as_user(user, path):
    """Asks as USER, in a process of its own; its words."""
    run = subprocess.run(
        [sys.executable, "-c", f"import os, query; os.setgroups([]);"
         f"os.setgid({user}); os.setuid({user});"
         f"print(query.ask_raw({str(path)!r}, {request(SPOOF)!r}))"],
        cwd=os.path.dirname(os.path.abspath(__file__)),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return run.stdout.decode()


@case("the socket's mode and group, and QueryUsers")
def who(top):
    if os.geteuid() != 0:
        raise Skip("only root can ask as somebody else")
    group = grp.getgrgid(NOBODY).gr_name
    with daemon(top, QuerySocketGroup=group):
        status = sock(top).stat()
        equal((oct(status.st_mode & 0o777), status.st_gid),
              ("0o660", NOBODY), "socket")
        contains(as_user(NOBODY, sock(top)), 'disposition="reject"')
        contains(as_user(12345, sock(top)), "PermissionError")
    with daemon(top, QuerySocketGroup=group, QueryUsers="daemon"):
        equal(as_user(NOBODY, sock(top)).strip(), "b''", "not let in")
        contains((top / "d/log").read_text(), "QueryUsers", "log")
        equal(ask(sock(top), SPOOF)["disposition"], "reject", "root")
    with daemon(top, QuerySocketGroup=group, QueryUsers="daemon, 65534"):
        contains(as_user(NOBODY, sock(top)), 'disposition="reject"')


def refuses(top, words, **options):
    parts.write_config(top / "bad.conf", **options)
    run = subprocess.run([parts.DMARCD, "-n", "-c", top / "bad.conf"],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert run.returncode != 0
    contains(run.stdout.decode(), words)


@case("wrong options are told at the start")
def options(top):
    sockets = {"Socket": f"unix:{top}/s"}
    refuses(top, "QueryHosts", QuerySocket="inet:8899@127.0.0.1", **sockets)
    refuses(top, "not a socket", QuerySocket="query", **sockets)
    refuses(top, "no group", QuerySocketGroup="no-such-group", **sockets)
    refuses(top, "no user", QueryUsers="no-such-user", **sockets)
    refuses(top, "QueryUsers: more than 64", QueryUsers="0," * 65, **sockets)
    refuses(top, "QueryHosts: more than 64", QueryHosts="::1," * 65,
            **sockets)
    refuses(top, "no address or network", QueryHosts="192.0.2.300", **sockets)
    refuses(top, "Socket is missing", AuthservID="mx.test")


@case("by inet, from QueryHosts only")
def inet(top):
    import socket
    for hosts, wanted in (("127.0.0.0/8", "reject"), ("192.0.2.1", None)):
        port = parts.free_port()
        with daemon(top, QuerySocket=f"inet:{port}@127.0.0.1",
                    QueryHosts=hosts):
            with socket.create_connection(("127.0.0.1", port)) as client:
                with contextlib.suppress(OSError):
                    client.sendall(request(SPOOF))
                    client.shutdown(socket.SHUT_WR)
                line = b""
                with contextlib.suppress(ConnectionResetError):
                    line = query.read_all(client)
            equal(fields(line)["disposition"] if line else None, wanted)


@case("alone, without a milter socket; and stopping ends what is under way")
def alone(top):
    zone = top / "slow.zone"
    zone.write_text("_dmarc.slow.test TIMEOUT\n")
    (top / "d").mkdir(exist_ok=True)
    parts.write_config(top / "d/conf", QuerySocket=f"unix:{sock(top)}",
                       ZoneFile=zone, MessageTimeout=2, Workers=1,
                       Enforce="strict")
    log = top / "d/log"
    log.unlink(missing_ok=True)
    with parts.process([parts.DMARCD, "-c", top / "d/conf"], log) as process:
        parts.wait_for("start", lambda: "listening" in log.read_text())
        with query.connect(sock(top)) as idle, \
                query.connect(sock(top)) as client:
            client.sendall(request(b"From: x@slow.test\n"))
            # The loop that has answered this one has that one, too.
            equal(ask(sock(top), SPOOF, client="")["disposition"], "exempt")
            process.send_signal(signal.SIGTERM)
            answer = fields(query.read_all(client))
            equal(answer["dmarc"], "temperror")
            equal(idle.recv(10), b"", "who asked nothing")
        process.wait(parts.PATIENCE)
        equal(process.returncode, 0, "status")
        assert not sock(top).exists(), "the socket is left"


run_cases(parts.folder("query"))
