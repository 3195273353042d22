#!/usr/bin/env python3
"""Signed reports: other programs verify them; what dmarcd says of a key that
it cannot use; dmarc report --check."""
import base64
import contextlib
import json
import os
import pathlib
import pwd
import signal
import subprocess
import time

import history
import parts
import sink
from tap import Skip, case, contains, equal, run_cases

KEYS = {"rsa": ("RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
        "ed": ("ED25519",), "other": ("ED25519",),
        "weak": ("RSA", "-pkeyopt", "rsa_keygen_bits:1024")}
DAY = 86400
WANTS = '_dmarc.a.example TXT "v=DMARC1; p=none; rua=mailto:r@a.example"\n'
POLICY = '_dmarc.receiver.example TXT "v=DMARC1; p=reject"\n'
# Verifies what comes by standard input with the record in argv[1].
VERIFY = """
import sys, dkim
record = sys.argv[1].encode()
good = dkim.verify(sys.stdin.buffer.read(), minkey=1024,
                   dnsfunc=lambda name, timeout=5: record)
sys.exit(0 if good else 9)
"""


def key(top, name):
    file = top / f"{name}.pem"
    if not file.exists():
        subprocess.run(["openssl", "genpkey", "-out", file, "-algorithm",
                        *KEYS[name]], check=True, capture_output=True)
    return file


def config(top, **options):
    file = top / "dmarcd.conf"
    if "zone" in options:
        (top / "zone").write_text(options.pop("zone"))
    parts.write_config(file, **{
        "ReportEmail": "dmarc@receiver.example", "ZoneFile": top / "zone",
        **options})
    return file


def signing(top, name, **more):
    return {"ReportSigningKey": key(top, name), "ReportSigningSelector": name,
            **more}


def check(top, *words, status, ips=("192.0.2.1",), **options):
    addresses = [word for ip in ips for word in ("--ip", ip)]
    return parts.dmarc("report", "--check", "-c", config(top, **options),
                       "--helo", "mx.receiver.example", *addresses, *words,
                       status=status)


def check_json(top, **options):
    return json.loads(check(top, "--json", **options))


def record(top, name, **options):
    """The line to publish, as --check prints it."""
    out = check(top, status=78, zone=POLICY, **signing(top, name), **options)
    return out[out.index("To publish:\n\n") + 13:]


# --- reports ---

def send(top, name):
    """The mail that is sent when KEY signs."""
    place = top / f"send-{name}"
    place.mkdir()
    noon = int(time.time()) // DAY * DAY - DAY - DAY // 2
    (place / "history").write_text(history.ours("a.example", noon))
    with sink.Sink() as relay:
        conf = config(top, zone=WANTS, HistoryFile=place / "history",
                      Database=f"sqlite:{place}/db", ReportTransport=relay.url,
                      **signing(top, name))
        parts.dmarc("import", "-c", conf)
        contains(parts.dmarc("report", "-c", conf), "1 sent")
        (mail,) = relay.mails
        return mail.data


def verified_by_dkimpy(mail, txt):
    run = subprocess.run(["/usr/bin/python3", "-c", VERIFY, txt], input=mail,
                         capture_output=True)
    assert run.returncode in (0, 9), run.stderr.decode()
    return run.returncode == 0


@case("dkimpy verifies a report, and no changed one")
def dkimpy(top):
    if subprocess.run(["/usr/bin/python3", "-c", "import dkim, nacl"],
                      capture_output=True).returncode != 0:
        raise Skip("needs python3-dkim")
    for name in ("rsa", "ed"):
        txt = check_json(top, status=78, zone=POLICY,
                         **signing(top, name))["key"]["record"]
        mail = send(top, name)
        assert mail.startswith(b"DKIM-Signature: "), mail[:100]
        equal(verified_by_dkimpy(mail, txt), True, name)
        for old, new in ((b"Subject: Report", b"Subject: report"),
                         (b"a DMARC aggregate", b"no DMARC aggregate"),
                         (b"From: ", b"From: x@evil.example\r\nFrom: "),
                         (b"Date: ", b"Date: x")):
            contains(mail, old)
            equal(verified_by_dkimpy(mail.replace(old, new, 1), txt), False,
                  f"{name} {new}")


# --- keys that cannot be used ---

def refused(top, status, *words, **options):
    conf = config(top, zone="", Socket=f"unix:{top}/socket", **options)
    run = subprocess.run([parts.DMARCD, "-c", conf], capture_output=True,
                         timeout=parts.PATIENCE)
    equal(run.returncode, status, run.stderr)
    for word in words:
        contains(run.stderr.decode(), word)


@case("dmarcd does not start with a key that it cannot use")
def no_start(top):
    good = key(top, "ed")
    (top / "empty.pem").write_text("")
    (top / "empty.pem").chmod(0o600)
    (top / "open.pem").write_bytes(good.read_bytes())
    (top / "open.pem").chmod(0o644)
    refused(top, 78, "ReportSigningSelector", ReportSigningKey=good)
    refused(top, 78, "do nothing", ReportSigningSelector="ed")
    refused(top, 66, "/none", "No such file",
            **signing(top, "ed", ReportSigningKey=top / "none"))
    refused(top, 78, "no private key",
            **signing(top, "ed", ReportSigningKey=top / "empty.pem"))
    refused(top, 78, "everybody", "chmod o-rw",
            **signing(top, "ed", ReportSigningKey=top / "open.pem"))
    refused(top, 78, "not be aligned",
            **signing(top, "ed", ReportSigningDomain="other.example"))


@case("a key that only root can read is no key for UserID")
def user(top):
    if os.geteuid() != 0:
        raise Skip("only root can become somebody else")
    file = key(top, "ed")
    file.chmod(0o600)
    refused(top, 77, "chown nobody", str(file), UserID="nobody",
            **signing(top, "ed"))
    conf = config(top, zone="", UserID="nobody", **signing(top, "ed"))
    _, err = parts.dmarc_says("report", "--check", "-c", conf, status=77)
    contains(err, "chown nobody")
    os.chown(file, pwd.getpwnam("nobody").pw_uid, -1)
    parts.dmarc("report", "--check", "-c", conf, "--ip", "192.0.2.1",
                status=78)
    os.chown(file, 0, -1)


def memory(pid):
    """All that a process could be made to tell of."""
    with open(f"/proc/{pid}/mem", "rb", 0) as file:
        for line in open(f"/proc/{pid}/maps"):
            low, high = (int(end, 16) for end in line.split()[0].split("-"))
            # What is larger is a sanitizer's.
            if " rw" not in line or high - low > 1 << 28:
                continue
            with contextlib.suppress(OSError):
                file.seek(low)
                yield file.read(high - low)


@case("no process that strangers talk to has the key in its memory")
def no_key_in_memory(top):
    if os.geteuid() != 0:
        raise Skip("only root can look into processes")
    lines = key(top, "ed").read_text().splitlines()
    seed = base64.b64decode(lines[1])[-32:]
    with parts.dmarcd(top / "d", ZoneFile=top / "zone",
                      ReportEmail="dmarc@receiver.example",
                      **signing(top, "ed")) as started:
        look(started.pid, seed, lines[1][-40:].encode())
        started.send_signal(signal.SIGHUP)
        parts.wait_for("the reload", lambda: "configuration reloaded" in
                       (top / "d/log").read_text(), started)
        look(started.pid, seed, lines[1][-40:].encode())


def look(master, *secrets):
    file = pathlib.Path(f"/proc/{master}/task/{master}/children")
    children = lambda: file.read_text().split()
    parts.wait_for("one filter", lambda: len(children()) == 1)
    for pid in (master, *map(int, children())):
        pieces = list(memory(pid))
        equal(any(b"dmarc@receiver.example" in piece for piece in pieces),
              True, "what is there is found")
        for secret in secrets:
            equal(any(secret in piece for piece in pieces), False, pid)


# --- dmarc report --check ---

@case("what --check says to publish, once published, makes reports pass")
def published(top):
    for name in ("rsa", "ed"):
        line = record(top, name)
        equal(line.count("\n"), 1, line)
        out = check(top, status=0, zone=POLICY + line, **signing(top, name))
        contains(out, "reports pass DMARC by DKIM\n")
        contains(out, ": good\n")
        contains(out, "add ip4:192.0.2.1 to the SPF record of mx.receiver")
        equal("To publish" in out, False)


@case("what may be wrong with the published key")
def key_rows(top):
    rsa, ed, other = (record(top, name) for name in ("rsa", "ed", "other"))
    as_rsa = lambda text: text.replace("other._domain", "rsa._domain")
    rows = (
        ("", 78, "missing", "publish the record below"),
        (as_rsa(other), 78, "other", "of another key"),
        (as_rsa(other) + rsa, 0, "good", "SPF"),
        (rsa.replace("k=rsa;", "k=rsa; t=y;"), 0, "good", "t=y"),
        (rsa.replace("k=rsa;", "k=rsa; t=s;"), 0, "good", "SPF"),
        (rsa.replace("k=rsa;", "h=sha1; k=rsa;"), 78, "broken", "SHA-256"),
        (rsa.replace("k=rsa;", "s=tlsrpt; k=rsa;"), 78, "broken", "for mail"),
        ('rsa._domainkey.receiver.example TXT "p="\n', 78, "broken",
         "revoked"),
        ("rsa._domainkey.receiver.example SERVFAIL\n", 75, "unknown",
         "DNS does not say"),
    )
    for zone, status, word, advice in rows:
        got = check_json(top, status=status, zone=POLICY + zone,
                         **signing(top, "rsa"))
        equal(got["key"]["published"], word, zone)
        contains(" ".join(got["advice"]), advice, zone)
        equal(got["passes"], {0: "dkim", 75: "unknown", 78: "fail"}[status])
    weak = check_json(top, status=78, zone=POLICY, **signing(top, "weak"))
    contains(" ".join(weak["advice"]), "1024 bits")
    contains(" ".join(check_json(top, status=0, zone=POLICY + ed,
                                 **signing(top, "ed"))["advice"]), "Ed25519")


@case("our own policy")
def policies(top):
    rsa = record(top, "rsa")
    below = rsa.replace("receiver.example", "mail.receiver.example")
    rows = (
        ("", rsa, 78, "no DMARC record", {}),
        (2 * POLICY, rsa, 78, "several DMARC records at"
         " _dmarc.receiver.example, so none counts: leave one", {}),
        (2 * POLICY + '_dmarc.example TXT "v=DMARC1; p=none"\n', rsa, 0,
         "so none counts: leave one", {}),
        (POLICY + 2 * '_dmarc.example TXT "v=DMARC1; p=none"\n', rsa, 0,
         "SPF", {}),
        (POLICY, rsa.replace("receiver.example", "example"), 78,
         "d=example is not aligned with receiver.example: set"
         " ReportSigningDomain receiver.example,",
         {"ReportSigningDomain": "example"}),
        ('_dmarc.receiver.example TXT "v=DMARC1; p=maybe"\n', rsa, 78,
         "is broken", {}),
        ("_dmarc.receiver.example SERVFAIL\n", rsa, 75, "DNS does not say",
         {}),
        ('_dmarc.receiver.example TXT "v=DMARC1; p=none; adkim=r"\n', below,
         0, "SPF", {"ReportSigningDomain": "mail.receiver.example"}),
        # Aligned by name, but the owner wants the same one.
        ('_dmarc.receiver.example TXT "v=DMARC1; p=none; adkim=s"\n', below,
         78, "d=mail.receiver.example is not aligned with receiver.example, as"
         " the record has adkim=s: set ReportSigningDomain receiver.example,",
         {"ReportSigningDomain": "mail.receiver.example"}),
    )
    for policy, line, status, advice, more in rows:
        got = check_json(top, status=status, zone=policy + line,
                         **signing(top, "rsa", **more))
        said = " ".join(got["advice"])
        contains(said, advice, policy)
        equal(("several" in said, "is not aligned" in said, "publish _" in said),
              ("none counts" in advice, "aligned" in advice, policy == ""), said)


@case("SPF: for every address that reports come from")
def routes(top):
    spf = 'receiver.example TXT "v=spf1 ip4:192.0.2.1 -all"\n'
    sender = {"ReportEnvelopeFrom": "bounces@receiver.example"}
    rsa = record(top, "rsa")
    both = ("192.0.2.1", "2001:db8::1")
    contains(check(top, status=0, zone=POLICY + spf, **sender),
             "reports pass DMARC by SPF\n")
    contains(check(top, status=0, zone=POLICY + spf + rsa, **sender,
                   **signing(top, "rsa")), "by DKIM and SPF\n")
    out = check(top, status=78, ips=both, zone=POLICY + spf, **sender)
    contains(out, "only if the MTA signs")
    contains(out, "192.0.2.1    dmarc=pass, spf=pass")
    contains(out, "2001:db8::1  dmarc=fail, spf=fail")
    contains(out, "add ip6:2001:db8::1 to the SPF record of receiver.example,")
    contains(check(top, status=0, ips=both, zone=POLICY + spf + rsa, **sender,
                   **signing(top, "rsa")), "reports pass DMARC by DKIM\n")
    for line, status, word in (
            (spf.replace("-all", "all:"), 78, "permerror"),
            ("receiver.example SERVFAIL TXT\n", 75, "temperror")):
        got = check_json(top, status=status, zone=POLICY + line, **sender)
        contains(" ".join(got["advice"]), f"SPF is {word} for 192.0.2.1")


@case("SPF of the null sender is about the relay's name at HELO")
def null_sender(top):
    spf = 'mx.receiver.example TXT "v=spf1 ip4:192.0.2.1 -all"\n'
    contains(check(top, status=0, zone=POLICY + spf), "by SPF\n")
    out = check(top, status=78, ips=("192.0.2.9",), zone=POLICY + spf)
    contains(out, "add ip4:192.0.2.9 to the SPF record of mx.receiver.example,"
                  " the relay's name at HELO")
    strict = POLICY.replace("p=reject", "p=reject; aspf=s")
    contains(check(top, status=78, zone=strict + spf), "SPF cannot count")
    out = check(top, "--helo", "mx.other.example", status=78,
                zone=POLICY + spf.replace("receiver", "other"))
    contains(out, "spf=pass (mx.other.example, not aligned)")
    contains(out, "SPF cannot count: mx.other.example, the relay's name")
    out = check(top, "--helo", "a..b", status=78, zone=POLICY)
    contains(out, "relay says at HELO with --helo")


@case("without a key and SPF: only if the MTA signs")
def mta(top):
    out = check(top, status=78, zone=POLICY)
    contains(out, "reports pass DMARC only if the MTA signs them\n")
    contains(out, "set ReportSigningKey")
    equal("To publish" in out, False)
    # A relay elsewhere has addresses that we do not know.
    out = check(top, status=78, ips=(), zone=POLICY,
                ReportTransport="smtp://relay.example:25")
    contains(out, "give it with --ip")


@case("--check: usage")
def usage(top):
    conf = config(top, zone="")
    contains(parts.dmarc("report", "--check", "--help"), "--helo")
    for words in (("--ip", "x"), ("--dry-run",), ("more",),
                  ["--ip", "::1"] * 33):
        parts.dmarc("report", "--check", "-c", conf, *words, status=64)
    conf.write_text("")
    _, err = parts.dmarc_says("report", "--check", "-c", conf, status=78)
    contains(err, "ReportEmail is not set")


run_cases(parts.folder("signing"))
