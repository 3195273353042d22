"""The policy and the Organizational Domain: what no record of the attacker's,
no depth and no failure makes smaller (RFC 9989 4.10, 11)."""
from attack import BODY, EVIL, LATER, attack, letter, sign, text_record


def own(domain, extra=()):
    """The attacker's key at DOMAIN, and EXTRA records."""
    return [EVIL.record().replace("attacker.example", domain), *extra]


def record(domain, text):
    return text_record(f"_dmarc.{domain}", text)


def signed(domain, author):
    return sign(EVIL, letter(author), BODY, d=domain)


# --- names below the bank's ---

for name, author, zone, expected, why in (
        ("below", "no.bank.example", (), {},
         "p=reject holds below, by sp's default (4.7)"),
        ("below-np", "no.bank.example",
         [record("bank.example", "v=DMARC1; p=none; sp=none; np=reject")], {},
         "no such name: np"),
        ("below-wildcard", "no.bank.example",
         ['*.bank.example TXT "v=spf1 +all"'], {},
         "a wildcard's text is no record, and the walk goes on"),
        ("below-deep", ".".join("abcdefghijkl") + ".bank.example", (), {},
         "seven labels are walked, however many there are (A.5)"),
        ("below-deepest", "a." * 120 + "bank.example", (), {},
         "and 122 are a name like any other"),
        ("below-servfail", "no.bank.example",
         ["_dmarc.no.bank.example SERVFAIL"], LATER,
         "what it says is not known; the parent's holds"),
        ("below-none", "old.bank.example",
         [record("old.bank.example", "v=DMARC1; p=none")],
         {"dmarc": "fail old.bank.example", "disposition": "none none"},
         "a record of its own is the owner's word")):
    attack("policy-" + name, why, author=f"news@{author}", zone=zone,
           **{"who": f"ok {author}", **expected})

# --- alignment: d= and the author have one Organizational Domain ---

for name, author, domain, zone, expected, why in (
        ("psd", "city.gov.example", "evil.gov.example",
         [record("gov.example", "v=DMARC1; p=reject; psd=y")],
         {"dmarc": "fail gov.example"},
         "neighbours below a PSD are two organisations (4.10.2)"),
        ("psd-unmarked", "city.gov.example", "evil.gov.example",
         [record("gov.example", "v=DMARC1; p=none"),
          record("city.gov.example", "v=DMARC1; p=reject; psd=n")],
         {"dmarc": "fail city.gov.example"},
         "psd=n is the defence against a PSD without psd=y (11.8)"),
        ("psd-n-below", "bank.example", "evil.bank.example",
         [record("evil.bank.example", "v=DMARC1; p=none; psd=n")], {},
         "who says psd=n is an organisation of his own"),
        ("psd-y-below", "bank.example", "x.evil.bank.example",
         [record("evil.bank.example", "v=DMARC1; p=none; psd=y")], {},
         "who is below a PSD is not of the bank"),
        ("strict", "bank.example", "old.bank.example",
         [record("bank.example", "v=DMARC1; p=reject; adkim=s")], {},
         "adkim=s: equal names only"),
        ("neighbour", "bank.example", "notbank.example", (), {},
         "names are compared by labels")):
    attack("align-" + name, why, signed(domain, f"x@{author}"),
           zone=own(domain, zone), dkim=[f"pass {domain}"],
           **{"who": f"ok {author}", **expected})

attack("align-takeover", "who has a name below has the bank's (11.8): the "
       "owner's to mend", signed("old.bank.example", "x@bank.example"),
       zone=own("old.bank.example"), dkim=["pass old.bank.example"],
       dmarc="pass bank.example", disposition="none none")

for name, author, domain, why in (
        ("private", "victim.github.io", "evil.github.io",
         "the private section too is of suffixes (RFC 7489 3.2)"),
        ("wildcard", "bank.victim.ck", "evil.victim.ck", "a wildcard rule"),
        ("suffix", "victim.co.uk", "co.uk", "a suffix is nobody's parent")):
    attack("psl-" + name, why, signed(domain, f"x@{author}"),
           zone=own(domain, [record(author, "v=DMARC1; p=reject")]),
           discovery="psl", dkim=[f"pass {domain}"], who=f"ok {author}",
           dmarc=f"fail {author}")

# --- records ---

DROPPED = {"dmarc": "none", "disposition": "none none"}
for name, zone, expected, why in (
        ("two", [record("bank.example", "v=DMARC1; p=reject"),
                 record("bank.example", "v=DMARC1; p=none")], DROPPED,
         "both are dropped (4.10): only the owner can publish them"),
        ("among-others", [record("bank.example", "v=DMARC1; p=reject"),
                          record("bank.example", "v=spf1 +all"),
                          record("bank.example", "v=DMARC1x; p=none"),
                          record("bank.example", "v=dmarc1; p=none"),
                          record("bank.example", " v=DMARC1; p=none")], {},
         "what is no record is dropped before they are counted"),
        ("p-twice", [record("bank.example",
                            "v=DMARC1; p=reject; p=none; rua=mailto:d@x.y")],
         {"disposition": "none none"},
         "an invalid p with a rua is p=none (4.10.1)"),
        ("p-prefix", [record("bank.example", "v=DMARC1; p=rejected")],
         {"dmarc": "permerror bank.example", "disposition": "none none"},
         "a value is whole; no rua, no DMARC (4.10.1)"),
        ("testing", [record("bank.example", "v=DMARC1; p=reject; t=y")],
         {"disposition": "quarantine policy_test_mode"}, "one level lower"),
        ("servfail", ["_dmarc.bank.example SERVFAIL"],
         {"dmarc": "temperror", "disposition": "none none"},
         "no policy is known that asks for more (dmarcd.conf: OnTempError)"),
        ("walk-servfail", ["_dmarc.bank.example NXDOMAIN",
                           "_dmarc.example SERVFAIL"],
         {"dmarc": "temperror", "disposition": "none none"},
         "nor above"),
        ("cname-loop", ["_dmarc.bank.example CNAME _dmarc.bank.example"],
         {"dmarc": "temperror", "disposition": "none none"},
         "an alias of itself is no answer"),
        ("cname", ["_dmarc.bank.example CNAME _dmarc.policy.example",
                   record("policy.example", "v=DMARC1; p=reject")], {},
         "an alias is the owner's word")):
    attack("policy-" + name, why, zone=zone, **expected)
