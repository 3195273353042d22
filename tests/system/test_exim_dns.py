#!/usr/bin/env python3
"""Debian's Exim where it asks the same DNS as dmarcd: its own results of DKIM,
for a dmarcd that may not read the spool, and the names of clients."""
import contextlib
import os
import pathlib
import re
import shutil

import exim
import parts
import postfix
from exim import results, send
from query import WHOLE, b64
from tap import case, contains, equal, run_cases, skip_all

if os.geteuid() != 0:
    skip_all("Exim must start as root")
if not shutil.which("ip"):
    skip_all("ip (iproute2) is not here")
if not os.environ.get("POSTFIX_NAMESPACE"):
    # What is not unpacked yet needs the network.
    exim.Exim(pathlib.Path("/nonexistent"))
    parts.unpacked("nsd")
postfix.enter_namespace(exim.USERS, dns=True)


def message(name):
    return (parts.MESSAGES / name).read_bytes().replace(b"\r\n", b"\n")


@contextlib.contextmanager
def blind(it):
    """Exim, and dmarcd that may not read its spool and has its results."""
    shutil.chown(it.path, "nobody")
    with it.daemon(UserID="nobody"), it.exim(
            "acl_smtp_dkim = acl_dmarcd_dkim\n",
            acl=f".include {exim.FILES}/dmarcd-dkim.acl",
            data_before="  warn logwrite = <$acl_m_dmarc_dkim>\n") as mta:
        yield mta


@case("genuine: a pass by Exim's results")
def genuine(it):
    with blind(it) as mta:
        code, said = send(mta, message("1-genuine.eml"))
        equal(code, 250, said)
        field = results(mta.queued(said))
        contains(field, "dkim=pass header.d=bank.example")
        contains(field, "dmarc=pass")
        contains(mta.log(), f"dkim=pass {b64(b'bank.example')} "
                 f"{b64(b's1')} rsa-sha256 {WHOLE}")
        equal(it.actions(), ["2"], "history")


@case("the same in Debian's own configuration, single and split")
def debian(it):
    shutil.chown(it.path, "nobody")
    for is_split in (False, True):
        with it.daemon(UserID="nobody"), exim.Exim(it.fresh("exim")).running(
                debian=is_split, acl=f".include {exim.FILES}/dmarcd-dkim.acl\n",
                macros=f"""
DMARCD_SOCKET = {it.path}/d/query
DMARCD_EXEMPT = +relay_from_hosts
CHECK_DATA_LOCAL_ACL_FILE = {exim.FILES}/dmarcd-data.acl
.include {exim.FILES}/dmarcd-macros.conf
acl_smtp_dkim = acl_dmarcd_dkim
""") as mta:
            code, said = send(mta, message("1-genuine.eml"))
            equal(code, 250, said)
            contains(results(mta.queued(said)), "dmarc=pass")
            equal(send(mta, message("3-list.eml"))[0], 550, "a list's pass")


def forgeries():
    """{what: message}; each would pass if something in it were believed that
    must not be."""
    genuine_mail, listed = message("1-genuine.eml"), message("3-list.eml")
    signature = re.match(rb"(DKIM-Signature:.*?\n)(?=\S)", listed, re.S)[1]
    rest = listed.replace(signature, b"", 1)
    bank = b"d=bank.example"
    return {
        "another body": genuine_mail + b"more\n",
        "a list's pass": listed,
        "d= of the bank in the list's signature":
            signature.replace(b"d=list.example", bank) + rest,
        "i= of the bank": signature.replace(
            b"d=list.example;", b"d=list.example; i=@bank.example;") + rest,
        "d= twice": signature.replace(
            b"d=list.example;", b"d=list.example; d=bank.example;") + rest,
        "a word that says pass": signature.replace(
            b"s=m1", b's=m1" dkim=pass d="bank.example') + rest,
        "a line of its own": signature.replace(
            b"d=list.example",
            b"d=list.example\n dkim=pass YmFuay5leGFtcGxl czE= x 1") + rest,
        "no signature": rest.partition(b"jPnGwGbcCLd8X7Lz1Ho")[2]
        .partition(b"\n")[2].partition(b"\n")[2],
        "From twice": b"From: <x@list.example>\n" + listed,
    }


@case("forgeries: no pass by Exim's results")
def forged(it):
    hostile = 'x" dkim=pass_d=bank.example;dmarc=pass'.replace(" ", "_")
    with blind(it) as mta:
        for name, text in forgeries().items():
            for helo, sender in (("list.example", "x@list.example"),
                                 (hostile, f'"{hostile[3:]}"@list.example')):
                code, said = send(mta, text, helo=helo, sender=sender)
                equal((code, said[:5]), (550, "5.7.1"), (name, said))
        contains(mta.log(), f"dkim=pass {b64(b'list.example')}")
        equal(set(it.actions()), {"0"}, "history")


@case("names in IgnoreHosts: only what DNS says both ways")
def names(it):
    (it.path / "names").write_text(".relay.example\n")
    spoof = b"From: Bank <news@bank.example>\n\nhello\n"
    with it.daemon(IgnoreHosts=it.path / "names"), it.exim() as mta:
        equal(send(mta, spoof)[0], 250, "the relay")
        equal(send(mta, spoof, address="203.0.113.67")[0], 550,
              "who only says that it is")
        equal(send(mta, spoof, address="203.0.113.68",
                   helo="mx.relay.example")[0], 550, "HELO is nothing")
    with it.daemon(IgnoreHosts=it.path / "names"), \
            it.exim("DMARCD_HOST =\n") as mta:
        equal(send(mta, spoof)[0], 550, "no name asked for")


run_cases(exim.stage(53))
