"""Messages that parsers cut at different places, and results that the attacker
brings along (RFC 8601 5, 7.1)."""
from attack import EVIL, HIS_OWN, VICTIM, BODY, attack, letter, sign

attack("form-lf-split", "an empty line ends the header, whichever line end it "
       "has: what is below is body",
       data=b"From: x@attacker.example\r\nSubject: x\n\nFrom: Bank "
       b"<news@bank.example>\r\n\r\nx\r\n", **HIS_OWN)
attack("form-lf-lines", "lines that end in LF are lines: two From",
       data=b"From: x@attacker.example\nFrom: news@bank.example\r\n\r\nx\r\n",
       who="multiple", dmarc="permerror",
       disposition="reject local_policy")
attack("form-8bit", "8 bit elsewhere says nothing about the author",
       letter() + [("X-Note", " \xe4\xff\x80")])
attack("form-nul", "nor does a NUL elsewhere",
       letter() + [("X-Note", " a\0b")])
attack("form-many-fields", "however many fields are above",
       [("X", f" {i}") for i in range(300)] + letter())
attack("form-no-body", "nor does a body that is not there", letter(), body=b"")

FORGED = [
    "mx.example.org; dmarc=pass header.from=bank.example",
    "MX.EXAMPLE.ORG; dmarc=pass header.from=bank.example",
    '"mx.example.org"; dmarc=pass header.from=bank.example',
    "(x) mx.example.org (y) 1; dmarc=pass header.from=bank.example",
    "mx.example.org.; dmarc=pass header.from=bank.example",
    "\r\n\tmx.example.org\r\n\t;\r\n\tdmarc=pass header.from=bank.example",
]
for name, fields in (
        ("results", [("Authentication-Results", " " + v) for v in FORGED]),
        ("arc", [("ARC-Authentication-Results", " i=1; " + FORGED[0])]),
        ("received-spf", [("Received-SPF", " pass (mx.example.org: x) "
                           "identity=mailfrom; client-ip=192.0.2.10; "
                           "envelope-from=news@bank.example")])):
    attack("forged-" + name, "nobody but us says what we found",
           fields + sign(EVIL, letter(VICTIM), BODY),
           dkim=["pass attacker.example"])
attack("forged-received", "nor who the client was",
       [("Received", " from mail.bank.example ([192.0.2.10]) by "
         "mx.example.org; Mon, 23 Nov 2026 10:00:00 +0000"),
        ("X-Originating-IP", " 192.0.2.10"),
        ("Return-Path", " <news@bank.example>")] + letter())
