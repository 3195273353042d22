"""Hostile key records (RFC 6376 8.8): none of them makes a signature good that
has all the rest right."""
import base64
import hashlib

from attack import (BANK, EVIL, GENUINE, HERE, LATER, PASS, TIME, Key, attack,
                    dkim, letter, sign, text_record)

NAME = "s1._domainkey.bank.example"


def der(tag, data):
    size = len(data).to_bytes(2, "big")
    head = bytes([tag, len(data)]) if len(data) < 128 else \
        bytes([tag, 0x81, len(data)]) if len(data) < 256 else \
        bytes([tag, 0x82]) + size
    return head + data


def rsa(modulus, exponent):
    """RSAPublicKey."""
    return der(0x30, b"".join(
        der(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))
        for number in (modulus, exponent)))


def odd_number(bits):
    """Always the same one."""
    data = b"".join(hashlib.sha256(bytes([i])).digest()
                    for i in range(bits // 256))
    return int.from_bytes(data, "big") | 1 << (bits - 1) | 1


def p(key, tags="v=DKIM1; k=rsa; "):
    return text_record(NAME, f"{tags}p={base64.b64encode(key).decode()}")


PUBLIC = BANK.public()
SMALL = Key(HERE / "small.pem", "bank.example", "s1", "rsa", bits=512)


def genuine(key=BANK, **options):
    return sign(key, letter(), GENUINE, **options)


def forged(**options):
    """A signature of b=B, made without a key."""
    b = base64.b64encode(options.pop("b")).decode()
    (name, value), *rest = genuine(**options)
    return [(name, value[:value.index("\tb=") + 3] + b)] + rest


for name, records, fields, why in (
        ("none", [f"{NAME} NXDOMAIN"], genuine(), "no record"),
        ("revoked", [f'{NAME} TXT "v=DKIM1; p="'], genuine(), "p= is empty"),
        ("p-twice", [p(PUBLIC, "p=; ")], genuine(), "two p= (3.2)"),
        ("version", [p(PUBLIC, "v=DKIM2; ")], genuine(), "not DKIM1"),
        ("kind", [p(PUBLIC, "k=ed25519; ")], genuine(), "k= is another"),
        ("strict", [p(PUBLIC, "t=s; ")],
         genuine(tags=" i=@news.bank.example;"), "t=s forbids this i="),
        ("512", [SMALL.record()], genuine(SMALL),
         "512 bits are broken in hours (RFC 8301 3.2)"),
        ("8192", [p(rsa(odd_number(8192), 65537))], genuine(),
         "too large to be computed with"),
        ("exponent", [p(rsa(odd_number(2048), (1 << 1024) + 1))], genuine(),
         "an exponent as large as the modulus"),
        ("exponent-1", [p(rsa(odd_number(2048), 1))],
         forged(b=b"\0" * 256), "every text is its own signature"),
        ("ed25519-31", [p(b"\1" * 31, "k=ed25519; ")],
         genuine(a="ed25519-sha256"), "31 bytes are no point"),
        ("ed25519-identity", [p(b"\1" + b"\0" * 31, "k=ed25519; ")],
         forged(a="ed25519-sha256", b=b"\1" + b"\0" * 63),
         "the neutral point signs every message with R = 0, S = 0"),
        ("ed25519-order-4", [p(b"\0" * 32, "k=ed25519; ")],
         forged(a="ed25519-sha256", b=b"\1" + b"\0" * 63),
         "a point of order 4 every fourth one"),
        ("ed25519-sign", [p(b"\1" + b"\0" * 30 + b"\x80", "k=ed25519; ")],
         forged(a="ed25519-sha256", b=b"\1" + b"\0" * 63),
         "with either sign"),
        ("text", [f'{NAME} TXT "v=spf1 -all"'], genuine(), "no key at all")):
    attack("key-" + name, why, fields, zone=records, body=GENUINE,
           dkim=["permerror bank.example"])

attack("key-many", "more records than are tried, his client's among them none",
       genuine(), body=GENUINE, zone=[
           text_record(NAME, f"v=DKIM1; p={i}") for i in range(40)],
       dkim=["permerror bank.example"])
attack("key-two", "several are undefined (3.6.2.2): the one that fits counts",
       genuine(), body=GENUINE, zone=[p(PUBLIC), p(b"x")],
       dkim=["pass bank.example"], **PASS)
attack("key-cname-loop", "an alias of itself is no answer", genuine(),
       body=GENUINE, zone=[f"{NAME} CNAME {NAME}"],
       dkim=["temperror bank.example"], **LATER)
attack("key-testing", "t=y is no licence to treat it worse or better",
       genuine(), body=GENUINE, zone=[p(PUBLIC, "t=y; ")],
       dkim=["pass bank.example"], **PASS)
attack("key-wildcard", "a wildcard's text is no key",
       [dkim(EVIL, letter(), GENUINE, ["From"], time=TIME,
             d="bank.example")] + letter(), body=GENUINE,
       zone=['*.bank.example TXT "v=spf1 +all"'],
       dkim=["permerror bank.example"])
