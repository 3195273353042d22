#!/usr/bin/python3
"""Reports against their schemas: RFC 9990's, or RFC 7489's for one without a
namespace, by xmllint; and the mails that carry them.

xmlcheck.py [--rules] FILE|FOLDER|-...
0: all are valid; 1: not; 77: xmllint or the schemas are not here. --rules: what
the schemas cannot say, of reports about real mail. What begins with a field is
a mail."""
import contextlib
import email
import email.policy
import gzip
import ipaddress
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as tree

import parts
from tap import Skip

FOLDER = parts.SHARED / "rfc"
NAMESPACE = "{urn:ietf:params:xml:ns:dmarc-2.0}"


def schema_9990():
    return (FOLDER / "dmarc-2.0.xsd").read_bytes()


def schema_7489():
    """As printed it is none: types are not found in its own namespace, which
    nobody sends, and its pattern of addresses fits few of them."""
    text = (FOLDER / "dmarc-1.0.xsd").read_text()
    for wrong in (r'\s+targetNamespace="[^"]*"', r"<xs:pattern [^>]*>"):
        text, times = re.subn(wrong, "", text)
        assert times == 1, wrong
    return text.encode()


def run_xmllint(schema, files):
    with tempfile.NamedTemporaryFile(suffix=".xsd") as file:
        file.write(schema)
        file.flush()
        run = subprocess.run(
            ["xmllint", "--huge", "--noout", "--nonet", "--schema", file.name,
             *files], stderr=subprocess.PIPE)
    said = run.stderr.decode(errors="replace").splitlines()
    wrong = [line for line in said if not line.endswith(" validates")]
    return "\n".join(wrong) or f"xmllint: {run.returncode}" * run.returncode


def complaints(files):
    """What xmllint says of FILES; "" when all are valid."""
    new, old = [], []
    for file in files:
        with open(file, "rb") as opened:
            (new if b"<feedback xmlns=" in opened.read(200) else
             old).append(file)
    try:
        return ((run_xmllint(schema_9990(), new) if new else "") +
                (run_xmllint(schema_7489(), old) if old else ""))
    except FileNotFoundError as missing:
        raise Skip(f"no {missing.filename}: Debian has xmllint in "
                   "libxml2-utils; the schemas are appendix A of RFC 9990 and "
                   "C of RFC 7489, to be put into ../shared/rfc") from None


def is_address(text):
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(text))
    return False


def break_rules(xml):
    """What no schema can say, of a report about real mail."""
    report = tree.fromstring(xml.decode().replace(f' xmlns="{NAMESPACE[1:-1]}"',
                                                  "", 1))
    begin, end = (int(report.findtext(f"report_metadata/date_range/{name}"))
                  for name in ("begin", "end"))
    if not 0 <= begin < end:
        yield f"period {begin} to {end}"
    published = report.find("policy_published")
    policies = {published.findtext(tag) for tag in ("p", "sp", "np")} - {None}
    for record in report.iter("record"):
        if not is_address(record.findtext("row/source_ip")):
            yield "source_ip"
        if int(record.findtext("row/count")) < 1:
            yield "nothing counted"
        yield from break_policy(record.find("row/policy_evaluated"), policies)


def break_policy(evaluated, policies):
    disposition = evaluated.findtext("disposition")
    passed = "pass" in (evaluated.findtext("dkim"), evaluated.findtext("spf"))
    if disposition == "pass" and not passed:
        yield "disposition pass, and nothing did"
    if disposition == "pass" and policies == {"none"}:
        yield "disposition pass without an enforcing policy"
    if (not passed and disposition not in policies and
            evaluated.find("reason") is None):
        yield "RFC 9990 3.1.1.9: the policy was not applied, for no reason"
    if (passed and disposition in ("quarantine", "reject") and
            evaluated.find("reason") is None):
        yield "passed, and yet " + disposition


def check_files(files, rules=True):
    """Raises AssertionError with all that is wrong, or Skip."""
    wrong = complaints(files)
    if not wrong and rules:
        wrong = "\n".join(f"{file}: {rule}" for file in files
                          for rule in break_rules(file.read_bytes()))
    assert not wrong, wrong


def check(xml, rules=True):
    with tempfile.NamedTemporaryFile(suffix=".xml") as file:
        file.write(xml)
        file.flush()
        try:
            check_files([pathlib.Path(file.name)], rules)
        except AssertionError as wrong:
            raise AssertionError(
                f"{wrong}\n{xml.decode(errors='replace')}") from None


def check_folder(folder, rules=True):
    """The .xml files below it."""
    check_files(sorted(pathlib.Path(folder).rglob("*.xml")), rules)


# RFC 9990 3.5.2, once unfolded.
NAME = r"[0-9A-Za-z._-]{1,253}"
SUBJECT = re.compile(rf"Report Domain: ({NAME}) Submitter: ({NAME}) "
                     "Report-ID: <([0-9A-Za-z]+)>")
FILE_NAME = re.compile(rf"({NAME})!({NAME})!(\d+)!(\d+)!([0-9A-Za-z]+)"
                       r"\.xml\.gz")


def check_lines(mail):
    """RFC 5322 2.1.1 and 2.3, and ASCII as no SMTP extension is asked for."""
    assert mail.endswith(b"\r\n"), "the last line has no end"
    for line in mail[:-2].split(b"\r\n"):
        assert len(line) <= 998, f"{len(line)} bytes: {line[:78]}"
        assert re.fullmatch(rb"[\t -~]*", line), line


def check_mail(mail):
    """A mail with a report, whose XML it returns."""
    check_lines(mail)
    message = email.message_from_bytes(mail, policy=email.policy.default)
    for part in message.walk():
        assert not part.defects, part.defects
    for field in ("From", "To", "Date", "Subject", "Message-ID",
                  "MIME-Version", "Content-Type", "Auto-Submitted"):
        assert len(message.get_all(field, [])) == 1, field
        assert not message[field].defects, message[field].defects
    assert len(message["From"].addresses) == len(message["To"].addresses) == 1
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["MIME-Version"] == "1.0"
    subject = SUBJECT.fullmatch(message["Subject"])
    assert subject, message["Subject"]
    (attachment,) = message.iter_attachments()
    assert attachment.get_content_type() == "application/gzip"
    name = FILE_NAME.fullmatch(attachment.get_filename())
    assert name, attachment.get_filename()
    xml = gzip.decompress(attachment.get_content())
    domain, submitter, identity = subject.groups()
    assert message["From"].addresses[0].domain == submitter
    assert message["Message-ID"] == f"<{identity}@{submitter}>"
    begin, end = (re.search(rb"<%b>(\d+)</" % tag, xml)[1].decode()
                  for tag in (b"begin", b"end"))
    assert name.groups() == (submitter, domain, begin, end, identity), name
    assert b"<report_id>%b</report_id>" % identity.encode() in xml
    assert b"<domain>%b</domain>" % domain.encode() in xml
    return xml


def check_mails(mails):
    """Those of MAILS that hold reports, and the reports, if it is possible."""
    with tempfile.TemporaryDirectory() as folder:
        for number, mail in enumerate(mails):
            if b"application/gzip" in mail:
                file = pathlib.Path(folder, f"{number}.xml")
                file.write_bytes(check_mail(mail))
        with contextlib.suppress(Skip):
            check_folder(folder)


def check_any(found, rules):
    if re.match(rb"[A-Z][A-Za-z-]+:", found):
        found = check_mail(found)
    check(found, rules)


def main(words):
    rules = "--rules" in words
    try:
        for word in words:
            if word == "-":
                check_any(sys.stdin.buffer.read(), rules)
            elif pathlib.Path(word).is_dir():
                check_folder(word, rules)
            elif word != "--rules":
                check_files([pathlib.Path(word)], rules)
    except Skip as reason:
        print("#", reason, file=sys.stderr)
        sys.exit(77)
    except AssertionError as wrong:
        print(wrong, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
