"""What all attacks have in common: a bank that asks for reject, an attacker
with a domain, a client, a signature and DNS of his own."""
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/support"))
from signing import Key, dkim, message, text_record  # noqa: E402,F401

DEMO = ROOT / "apps/demo/messages/keys"
HERE = pathlib.Path(__file__).resolve().parent
BANK = Key(DEMO / "s1.bank.example.pem", "bank.example", "s1", "rsa")
EVIL = Key(DEMO / "m1.list.example.pem", "attacker.example", "a1", "ed25519")

BANK_CLIENT, EVIL_CLIENT = "192.0.2.10", "203.0.113.66"
NOW = 1795427000
TIME = NOW - 800  # when signatures were made

ZONE = [
    'bank.example TXT "v=spf1 ip4:192.0.2.10 -all"',
    '_dmarc.bank.example TXT "v=DMARC1; p=reject"',
    BANK.record(),
    'attacker.example TXT "v=spf1 ip4:203.0.113.66 -all"',
    '_dmarc.attacker.example TXT "v=DMARC1; p=none"',
    EVIL.record(),
]

VICTIM = "Bank <news@bank.example>"
MINE = "x@attacker.example"
BODY = b"Please log in at http://attacker.example/\r\n"
GENUINE = b"Your statement is ready.\r\n"

# What an expectation is when an attack does not say otherwise: nobody believes
# that this is the bank's.
EXPECTED = {
    "who": "ok bank.example", "spf": "pass attacker.example",
    "helo": "none mx.attacker.example", "dkim": [],
    "dmarc": "fail bank.example", "disposition": "reject none",
}
# Who the author is cannot be known.
UNKNOWN = {"dmarc": "permerror", "disposition": "reject local_policy"}
MALFORMED = {"who": "malformed", **UNKNOWN}
MULTIPLE = {"who": "multiple", **UNKNOWN}
NO_AUTHOR = {"who": "none", "dmarc": "none",
             "disposition": "reject local_policy"}
# He may write in his own name.
HIS_OWN = {"who": "ok attacker.example", "dmarc": "pass attacker.example",
           "disposition": "none none"}
# It was the bank once, and DMARC cannot know better.
PASS = {"dmarc": "pass bank.example", "disposition": "none none"}
LATER = {"dmarc": "temperror bank.example",
         "disposition": "defer local_policy"}

ATTACKS = []


def utf8(text):
    """As the bytes of a message."""
    return text.encode().decode("latin-1")


def letter(author=VICTIM):
    return [("From", " " + author), ("To", " you@receiver.example"),
            ("Subject", " Your statement")]


def attack(name, why, fields=None, author=VICTIM, body=BODY, zone=(),
           client=EVIL_CLIENT, ehlo="mx.attacker.example", sender=MINE,
           discovery="treewalk", data=None, **expected):
    """NAME and WHY the verdict is right. The message is DATA, or FIELDS and
    BODY, or a letter of AUTHOR's. Lines of ZONE take the place of those of the
    same names. What is EXPECTED other than usual."""
    if fields is None:
        fields = letter(author)
    unknown = expected.keys() - EXPECTED.keys()
    assert not unknown, f"{name}: {unknown}"
    ATTACKS.append({
        "name": "attack-" + name, "why": why,
        "message": data or message(fields, body), "zone": list(zone),
        "client": client, "helo": ehlo, "sender": sender,
        "discovery": discovery, "expected": {**EXPECTED, **expected}})


def sign(key, fields, body, names="from:to:subject", **options):
    """FIELDS below their signature."""
    return [dkim(key, fields, body, names.split(":"),
                 **{"time": TIME, **options})] + fields
