"""MAIL FROM, HELO and SPF: what DMARC aligns is what SPF checked, and nothing
of it breaks out of our field ("Composition Kills"; "Weak Links" A1 to A3)."""
from attack import HIS_OWN, LATER, MINE, attack, text_record

NO_SPF = {"spf": "none"}


def spf(text):
    return f'bank.example TXT "{text}"'


# --- who ---

for name, sender, why in (
        ("parenthesis", "x@bank.example(.attacker.example",
         "a comment for who reads our field"),
        ("quote", 'x@bank.example".attacker.example', "a quoted string's end"),
        ("semicolon", "x@attacker.example; dmarc=pass", "another method"),
        ("nul", "x@bank.example\0.attacker.example", "the end for C"),
        ("two-at", "x@bank.example@attacker.example",
         "the first or the last")):
    attack("sender-" + name, "no domain name, no query: " + why,
           sender=sender, **NO_SPF)

attack("sender-route", "a route is not the sender (RFC 5321 4.1.1.3)",
       sender="<@bank.example,@any.example:x@attacker.example>")
attack("sender-bank", "the bank's SPF names the bank's clients",
       sender="x@bank.example", spf="fail bank.example")
attack("sender-below", "nothing there, and no SPF of a parent holds "
       "(RFC 7208 4.4)", sender="x@no.bank.example",
       spf="none no.bank.example")
attack("sender-below-wildcard", "a wildcard's does",
       sender="x@no.bank.example",
       zone=['*.bank.example TXT "v=spf1 -all"'],
       spf="fail no.bank.example")
attack("sender-mapped", "an IPv4-mapped client is IPv4 (RFC 7208 5)",
       client="::ffff:203.0.113.66", sender="x@bank.example",
       zone=[spf("v=spf1 ip6:::/0 ip4:192.0.2.10 -all")],
       spf="fail bank.example")
attack("sender-homograph", "another name", sender="x@b\u0430nk.example",
       spf="none xn--bnk-6cd.example")

attack("null-helo-bank", "the null sender is postmaster@HELO, by its SPF",
       sender="", ehlo="bank.example", spf="fail bank.example",
       helo="fail bank.example")
attack("null-helo-own", "and his own HELO is not the bank's",
       sender="", ehlo="attacker.example", helo="pass attacker.example")
BREAKING_OUT = "bank.example; dmarc=pass header.from=bank.example"
attack("null-helo-text", "a HELO that is no name is nobody's", sender="",
       ehlo=BREAKING_OUT, spf="none " + BREAKING_OUT,
       helo="none " + BREAKING_OUT)
attack("helo-aligned", "a HELO that passes for the bank's mail host is not "
       "MAIL FROM (RFC 9989 4.4.2)", ehlo="mail.bank.example",
       zone=['mail.bank.example TXT "v=spf1 ip4:203.0.113.0/24 -all"'],
       helo="pass mail.bank.example")

# --- what the bank's record cannot say: never a pass ---

for name, text, result, why in (
        ("terms", "v=spf1 " + " ".join(f"a:h{i}.bank.example"
                                       for i in range(11)) + " +all",
         "permerror", "eleven terms (4.6.4)"),
        ("void", "v=spf1 a:v1.example a:v2.example a:v3.example +all",
         "permerror", "three lookups for nothing (4.6.4)"),
        ("loop", "v=spf1 include:bank.example +all", "permerror",
         "it includes itself"),
        ("syntax", "v=spf1 +all ip4:192.0.2.300", "permerror",
         "the whole record is read before a term counts (4.6)"),
        ("version", "v=spf10 +all", "none", "no SPF record (4.5)"),
        ("macro", "v=spf1 exists:%{S127r.-}.%{S}.%{S}.%{S}.%{L}.%{H}.x"
         " -all", "fail", "a target cut to 253 bytes exists nowhere (7.3)"),
        ("exp", "v=spf1 -all exp=e.bank.example", "fail",
         "an explanation is for nobody's reply")):
    attack("spf-" + name, why, sender="x" * 60 + "@bank.example",
           zone=[spf(text)] +
           [f"h{i}.bank.example A 192.0.2.99" for i in range(11)] +
           ['e.bank.example TXT "ok\\013\\010250 2.0.0 dmarc=pass"'],
           spf=result + " bank.example")

attack("spf-two", "two records (4.5)", sender="x@bank.example",
       zone=[spf("v=spf1 +all"), spf("v=spf1 -all")],
       spf="permerror bank.example")
attack("spf-bomb", "a hundred includes of a hundred, and only ten are asked",
       sender="x@bank.example", zone=[
           text_record("bank.example", "v=spf1 " + " ".join(
               f"include:{i}.b.example" for i in range(100)) + " +all"),
           text_record("*.b.example", "v=spf1 " + " ".join(
               f"include:{i}.c.example" for i in range(100)) + " +all"),
           '*.c.example TXT "v=spf1 a:no.example -all"'],
       spf="permerror bank.example")
attack("spf-many", "a hundred other records beside it",
       sender="x@bank.example", zone=[
           spf(f"verification={i}") for i in range(40)] +
       [spf("v=spf1 -all")], spf="fail bank.example")

# --- what is not known: later ---

attack("spf-servfail", "the bank's SPF might have passed (RFC 9989 5.3.6)",
       sender="x@bank.example", zone=["bank.example SERVFAIL TXT"],
       spf="temperror bank.example", **LATER)
attack("spf-servfail-include", "so might what it includes",
       sender="x@bank.example",
       zone=[spf("v=spf1 include:in.example -all"), "in.example SERVFAIL"],
       spf="temperror bank.example", **LATER)
attack("spf-cname-loop", "an alias of itself is no answer",
       sender="x@bank.example", zone=["bank.example CNAME loop.example",
                                      "loop.example CNAME bank.example"],
       spf="temperror bank.example", **LATER)
attack("spf-servfail-own", "his own cannot align: he buys no time with it",
       zone=["attacker.example SERVFAIL TXT"],
       spf="temperror attacker.example")
attack("spf-own", "his own name is his", author=MINE, **HIS_OWN)
attack("spf-neighbour", "notbank.example is not below bank.example",
       sender="x@notbank.example",
       zone=['notbank.example TXT "v=spf1 +all"'], spf="pass notbank.example")
attack("spf-takeover", "a forgotten host of the bank's aligns (11.8): the "
       "owner's to mend", sender="x@old.bank.example",
       zone=['old.bank.example TXT "v=spf1 +all"'],
       spf="pass old.bank.example", dmarc="pass bank.example",
       disposition="none none")
attack("spf-takeover-strict", "with aspf=s", sender="x@old.bank.example",
       zone=['old.bank.example TXT "v=spf1 +all"',
             '_dmarc.bank.example TXT "v=DMARC1; p=reject; aspf=s"'],
       spf="pass old.bank.example")
