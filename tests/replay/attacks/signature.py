"""DKIM signatures: the bank's own, used again; and those of others in its name
("Composition Kills" A3; RFC 6376 8)."""
from attack import (BANK, BODY, EVIL, GENUINE, HIS_OWN, LATER, MINE, PASS,
                    VICTIM, attack, dkim, letter, sign)

NO_KEY = {"dkim": ["permerror bank.example"]}
FAIL = {"dkim": ["fail bank.example"]}
POLICY = {"dkim": ["policy bank.example"]}


def genuine(**options):
    """The bank's own letter."""
    return sign(BANK, letter(), GENUINE, **options)


def above(field, *, fields=None, **options):
    """FIELD, put above the bank's own letter."""
    return [field] + (fields or genuine(**options))


# --- names that say two things: never asked for ---

for name, tags, dkim_result, why in (
        ("s-nul", {"d": "bank.example",
                   "s": "a1._domainkey.attacker.example\0.x"},
         "permerror bank.example", "the key's name ends at NUL for C"),
        ("s-dot", {"d": "bank.example",
                   "s": "a1._domainkey.attacker.example."},
         "permerror bank.example", "a final dot makes it absolute for some"),
        ("s-other", {"d": "bank.example",
                     "s": "a1._domainkey.attacker.example"},
         "permerror bank.example", "the whole name is his key's and more"),
        ("s-quote", {"d": "bank.example",
                     "s": '"(; dkim=pass header.d=bank.example'},
         "permerror bank.example", "another method for who reads our field"),
        ("s-long", {"d": "bank.example",
                    "s": ".".join(["a1" * 20] * 6)},
         "permerror bank.example", "longer than 253 with the domain"),
        ("d-nul", {"d": "bank.example\0.attacker.example"}, "permerror",
         "aligned for C"),
        ("d-parenthesis", {"d": "bank.example(.attacker.example"},
         "permerror", "a comment for who reads our field"),
        ("d-label", {"d": "example"}, "permerror", "one label (3.5)"),
        ("d-neighbour", {"d": "notbank.example"},
         "pass notbank.example", "not below bank.example"),
        ("d-twice", {"d": "attacker.example; d=bank.example"},
         "permerror attacker.example", "two d= (3.2)"),
        ("d-unicode", {"d": "b\u00e4nk.example"}, "permerror",
         "Latin-1 is no name")):
    attack("dkim-" + name, why, sign(EVIL, letter(), BODY, **tags),
           zone=[EVIL.record().replace("attacker.", "notbank.")]
           if name == "d-neighbour" else (), dkim=[dkim_result])

for name, identity, result, why in (
        ("i-bank", "@bank.example", "permerror", "not below d="),
        ("i-text", '"@bank.example; dmarc=3Dpass"@attacker.example', None,
         "what cannot be read is not a tag list"),
        ("i-encoded", "=22=3B=20dmarc=3Dpass=20(@attacker.example", "pass",
         "the letters stay encoded in our field"),
        ("i-at", "x@bank.example@attacker.example", "pass",
         "the last @ counts, and d= aligns anyway")):
    attack("dkim-" + name, why,
           sign(EVIL, letter(), BODY, tags=f" i={identity};"),
           dkim=[f"{result or 'permerror'} attacker.example"])

# --- what h= leaves open ---

attack("dkim-replay", "the same mail again is the bank's (RFC 6376 8.6)",
       genuine(), body=GENUINE, dkim=["pass bank.example"], **PASS)
attack("dkim-replay-expired", "x= is over", genuine(
    tags=" x=1795426300;"), body=GENUINE, **POLICY)
attack("dkim-replay-x", "x= before t= is malformed (3.5)", genuine(
    tags=" x=1;"), body=GENUINE, **NO_KEY)
attack("dkim-h-from", "a signature without the From signs nobody's mail",
       above(("From", " " + VICTIM), fields=sign(
           BANK, letter()[1:], GENUINE, "to:subject")), body=GENUINE, **NO_KEY)
for name, names in (("", "from:to:subject"),
                    ("-oversigned", "from:from:to:to:subject:subject")):
    broken = FAIL if name else POLICY
    attack("dkim-above-subject" + name, "one is shown, another was signed "
           "(RFC 6376 8.15)", above(("Subject", " Log in now"), names=names),
           body=GENUINE, **broken)
    attack("dkim-above-to" + name, "so too who it was for",
           above(("To", " victim@receiver.example"), names=names),
           body=GENUINE, **broken)
    attack("dkim-above-from" + name, "and whom it is from",
           above(("From", " " + VICTIM), names=names), body=GENUINE,
           who="multiple", dmarc="permerror",
           disposition="reject local_policy", **broken)
attack("dkim-below-subject", "below counts first: the signed one is another",
       genuine() + [("Subject", " Log in now")], body=GENUINE, **FAIL)

# --- the body ---

attack("dkim-body", "what speaks for another body is a claim, and nobody "
       "here can hold it",
       genuine(), body=BODY, **FAIL)
attack("dkim-l", "what stands behind l= was signed by nobody (8.2)",
       sign(BANK, letter(), GENUINE, length=len(GENUINE),
            tags=f" l={len(GENUINE)};"), body=GENUINE + BODY, **POLICY)
attack("dkim-l-0", "l=0 signs none of it",
       sign(BANK, letter(), GENUINE, length=0, tags=" l=0;"), **POLICY)
attack("dkim-l-mime", "with the type that the body's begin then has",
       [("Content-Type", ' multipart/mixed; boundary="x"')] +
       sign(BANK, letter(), GENUINE, length=len(GENUINE),
            tags=f" l={len(GENUINE)};"),
       body=GENUINE + b"--x\r\n\r\n" + BODY + b"--x--\r\n", **POLICY)
attack("dkim-l-large", "l= beyond the body (3.5)",
       sign(BANK, letter(), GENUINE, tags=" l=4294967296;"), body=GENUINE,
       **FAIL)
attack("dkim-l-digits", "77 digits (3.5)", sign(
    BANK, letter(), GENUINE, tags=f" l={'0' * 76}1;"), body=GENUINE, **NO_KEY)
attack("dkim-type", "a multipart type over a body that was signed as text "
       "without it: the bank's bytes, all of them",
       [("Content-Type", ' multipart/mixed; boundary="x"')] + genuine(),
       body=GENUINE, dkim=["pass bank.example"], **PASS)
attack("dkim-smuggled", "what a smuggled end of data leaves (CVE-2023-51764)",
       genuine(), body=GENUINE + b"\n.\nMAIL FROM:<x@bank.example>\n"
       b"\r.\rDATA\r\n", **FAIL)
attack("dkim-bare-cr", "a CR is data, no line end", genuine(),
       body=GENUINE.replace(b" is", b"\ris"), **FAIL)

# --- algorithms ---

attack("dkim-sha1", "RFC 8301 3.1", genuine(digest="sha1"), body=GENUINE,
       **NO_KEY)
attack("dkim-sha512", "no such algorithm (RFC 6376 3.3)",
       genuine(digest="sha512"), body=GENUINE, **NO_KEY)
attack("dkim-a-swapped", "an RSA key for Ed25519", genuine(a="ed25519-sha256"),
       body=GENUINE, **NO_KEY)
attack("dkim-v", "no version that is known", [
    (n, v.replace("v=1", "v=2")) for n, v in genuine()], body=GENUINE,
       **NO_KEY)
attack("dkim-b-empty", "b= without a signature", [
    (n, v[:v.index("\tb=") + 3] if n.startswith("DKIM") else v)
    for n, v in genuine()], body=GENUINE, **NO_KEY)
attack("dkim-flood", "twelve of his first, in the bank's name",
       [dkim(EVIL, letter(), BODY, ["From"], time=TIME_OF, d="bank.example")
        for TIME_OF in range(1, 13)] + letter(),
       zone=[EVIL.record().replace("attacker.", "evil.")],
       dkim=["permerror bank.example"] * 10 + ["neutral bank.example"] * 2)

# --- his own ---

attack("dkim-own", "a signature of his own does not make it the bank's",
       sign(EVIL, letter(), BODY), dkim=["pass attacker.example"])
attack("dkim-own-name", "but his own name is his",
       sign(EVIL, letter(MINE), BODY), dkim=["pass attacker.example"],
       **HIS_OWN)
attack("dkim-list", "a list that he made up speaks for nobody, where nothing "
       "can be held",
       [("List-Id", " <l.attacker.example>")] + sign(EVIL, letter(), BODY),
       dkim=["pass attacker.example"])
attack("dkim-servfail", "a key of the bank's that nobody can ask for now",
       sign(EVIL, letter(), BODY, d="bank.example", s="s1"),
       zone=["s1._domainkey.bank.example SERVFAIL"],
       dkim=["temperror bank.example"], **LATER)
attack("dkim-servfail-own", "his own key buys him no time",
       sign(EVIL, letter(), BODY),
       zone=["a1._domainkey.attacker.example SERVFAIL"],
       dkim=["temperror attacker.example"])
