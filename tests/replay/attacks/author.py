"""The Author Domain: who is shown is not who was checked (RFC 9989 11.5; "Weak
Links" A4 to A7, "Composition Kills")."""
from attack import (HIS_OWN, MALFORMED, MINE, MULTIPLE, NO_AUTHOR, VICTIM,
                    attack, letter, message, utf8)


def two(first, second):
    return [(name, " " + value) for name, value in (first, second)] + \
        letter()[1:]


# --- several fields ---

for name, fields, why in (
        ("two", two(("From", MINE), ("From", VICTIM)),
         "which of two is shown nobody knows"),
        ("two-equal", two(("From", MINE), ("From", MINE)),
         "equal today; RFC 5322 3.6 has one"),
        ("two-blank", two(("From", MINE), ("From ", VICTIM)),
         "white space before the colon is obs-syntax (4.5), still From"),
        ("two-case", two(("From", MINE), ("fROM", VICTIM)),
         "names have any case")):
    attack("from-" + name, why, fields, **MULTIPLE)

attack("from-name-nul", "no name of a field: the header ends there",
       two(("From", MINE), ("From\0x", VICTIM)), **HIS_OWN)
attack("from-name-folded", "a folded name is no field: the header ends there "
       "for the MTA too, and what is above counts",
       data=message([("From", " " + MINE)], b"")[:-2] +
       b"From\r\n : Bank <news@bank.example>\r\n\r\nx\r\n", **HIS_OWN)
attack("from-name-folded-alone", "and without another there is no From",
       data=b"Subject: x\r\nFrom\r\n : Bank <news@bank.example>\r\n\r\nx\r\n",
       **NO_AUTHOR)
attack("from-mbox-line", "an mbox line is no field",
       data=b"From news@bank.example Mon Nov 23 10:00:00 2026\r\n" +
       message(letter(MINE), b"x\r\n"), **HIS_OWN)
attack("from-absent", "Sender and Reply-To are not authors (RFC 9989 4.2)",
       [("Sender", " news@bank.example"),
        ("Reply-To", " news@bank.example")] + letter()[1:], **NO_AUTHOR)
attack("from-resent", "nor is Resent-From (RFC 5322 3.6.6)",
       [("Resent-From", " " + VICTIM)] + letter(MINE), **HIS_OWN)

# --- one field: (name, value, why) ---

for name, value, why in (
        ("two-addresses", f"{MINE}, {VICTIM}", "two domains: 5.3.1"),
        ("group-two", f"all: {MINE}, {VICTIM};", "a group's members count")):
    attack("from-" + name, why, author=value, **MULTIPLE)

for name, value, why in (
        ("empty", "", "no address"),
        ("encoded-word", "=?utf-8?b?bmV3c0BiYW5rLmV4YW1wbGU=?=",
         "a reader that decodes before it parses sees the bank"),
        ("encoded-local", "=?utf-8?q?news=40bank.example=00?="
         "@attacker.example", "the same in a local part"),
        ("quoted-pair", f"<news@bank.example>\\, <{MINE}>",
         "a backslash outside of quotes"),
        ("quoted-name", f'"<news@bank.example>\\" , <{MINE}>',
         "a quote that does not end for some"),
        ("quoted-local", '"news@bank.example"@attacker.example',
         "the first @ or the last"),
        ("bare-local", "news@bank.example@attacker.example", "two @"),
        ("comment", f"(<news@bank.example>) {MINE}",
         "who does not know comments sees the bank"),
        ("comment-inside", "x@(attacker.example)bank.example",
         "which part is the domain"),
        ("name-unquoted", f"news@bank.example <{MINE}>",
         "a display name must be quoted for its @"),
        ("semicolon", f"{MINE}; news@bank.example", "Outlook's separator"),
        ("nul", "news@bank.example\0.attacker.example", "the end for C"),
        ("cr", f"{MINE}\rFrom: news@bank.example", "a line end for some"),
        ("fullwidth-at", utf8("news\uff20bank.example@attacker.example"),
         "NFKC makes it @"),
        ("fullwidth-dot", utf8("news@bank\u3002example"),
         "IDNA2003 makes it a dot, IDNA2008 nothing"),
        ("line-separator", utf8(f"{MINE}\u2028From: news@bank.example"),
         "a line end for some"),
        ("label-64", f"news@{'a' * 64}.bank.example", "no domain name"),
        ("blank-fold", f"{MINE},\r\n \r\n {VICTIM}",
         "an empty line ends the header for some"),
        ("deep-comment", "(" * 33 + ")" * 33 + " " + VICTIM, "33 deep")):
    attack("from-" + name, why, author=value, **MALFORMED)

attack("from-group-empty", "an empty group has no author (RFC 6854)",
       author="Bank of news:;", **MALFORMED)

# What every reader reads alike is judged: it is the bank's, and it fails.
for name, value, why in (
        ("plain", VICTIM, "the spoof itself"),
        ("case-dot", "NEWS@BANK.EXAMPLE.", "case and final dot say nothing"),
        ("group-one", f"bank: {VICTIM};", "one member, one author"),
        ("same-domain", f"{VICTIM}, a@bank.example", "one domain"),
        ("label-63", f"news@{'a' * 63}.bank.example", "RFC 1035 2.3.4")):
    expected = {}
    if name == "label-63":
        expected = {"who": f"ok {'a' * 63}.bank.example"}
    attack("from-" + name, why, author=value, **expected)

# Look-alikes and decoration: his own name, and no more (9989 11.4).
for name, value, why in (
        ("route", f"<@bank.example:{MINE}>", "obs-route is skipped (4.4)"),
        ("name-quoted", f'"news@bank.example" <{MINE}>',
         "a display name says nothing"),
        ("percent", "news%bank.example@attacker.example",
         "the percent hack is local (RFC 5321 2.3.11)")):
    attack("from-" + name, why, author=value, **HIS_OWN)

attack("from-homograph", "Cyrillic a: another name, which has no record; what "
       "it looks like is not DMARC's", author=utf8("news@b\u0430nk.example"),
       **{"who": "ok xn--bnk-6cd.example", "dmarc": "none",
          "disposition": "none none"})
