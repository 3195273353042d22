#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "spf/check.h"

#include "exact.h"
#include "order.h"

#include <string.h>

struct row {
	const char *name;
	const char *client;
	const char *sender;
	const char *result;
	const char *reason;      /* NULL: whatever */
	const char *explanation; /* NULL: none */
};

/* In parts, since C promises no longer strings. */
static const char *const zone_text[] = {
    /* void lookups */
    "void2.example TXT \"v=spf1 a:x.void2.example mx:y.void2.example -all\"\n"
    "void3.example TXT \"v=spf1 a:x.void3.example mx:y.void3.example"
    " exists:z.void3.example all\"\n"
    "same.example TXT \"v=spf1 a:x.same.example a:x.same.example"
    " a:x.same.example all\"\n"
    "v4mx.example TXT \"v=spf1 mx ip6:2001:db8::/32 -all\"\n"
    "v4mx.example MX 1 mx1.v4mx.example\n"
    "v4mx.example MX 2 mx2.v4mx.example\n"
    "v4mx.example MX 3 mx3.v4mx.example\n"
    "mx1.v4mx.example A 192.0.2.51\n"
    "mx2.v4mx.example A 192.0.2.52\n"
    "mx3.v4mx.example A 192.0.2.53\n"
    "ptrs.example TXT \"v=spf1 ptr ptr ptr:a.example ~all\"\n"
    "invalid.example TXT \"v=spf1 a:a..b.example a:a..b.example"
    " a:a..b.example all\"\n"
    /* ten terms, eleven terms */
    "ten.example TXT \"v=spf1 a:n1.example include:five.example"
    " a:n1.example a:n1.example a:n1.example all\"\n"
    "eleven.example TXT \"v=spf1 a:n1.example include:five.example"
    " a:n1.example a:n1.example a:n1.example a:n1.example all\"\n"
    "unreached.example TXT \"v=spf1 ip4:192.0.2.1 a a a a a a a a a a a\"\n"
    "five.example TXT \"v=spf1 a:n1.example a:n1.example a:n1.example"
    " a:n1.example a:n1.example -all\"\n"
    "redirected.example TXT \"v=spf1 include:five.example"
    " redirect=four.example\"\n"
    "four.example TXT \"v=spf1 a:n1.example a:n1.example a:n1.example"
    " ~all\"\n"
    "overdirected.example TXT \"v=spf1 a:n1.example include:five.example"
    " redirect=four.example\"\n"
    "n1.example A 198.51.100.1\n"
    /* 10 and 11 MX records */
    "mx10.example TXT \"v=spf1 mx -all\"\n"
    "mx11.example TXT \"v=spf1 mx -all\"\n"
    "mx10.example MX 0 h0.example\nmx10.example MX 1 h1.example\n"
    "mx10.example MX 2 h2.example\nmx10.example MX 3 h3.example\n"
    "mx10.example MX 4 h4.example\nmx10.example MX 5 h5.example\n"
    "mx10.example MX 6 h6.example\nmx10.example MX 7 h7.example\n"
    "mx10.example MX 8 h8.example\nmx10.example MX 9 n2.example\n"
    "mx11.example MX 0 n2.example\nmx11.example MX 1 h1.example\n"
    "mx11.example MX 2 h2.example\nmx11.example MX 3 h3.example\n"
    "mx11.example MX 4 h4.example\nmx11.example MX 5 h5.example\n"
    "mx11.example MX 6 h6.example\nmx11.example MX 7 h7.example\n"
    "mx11.example MX 8 h8.example\nmx11.example MX 9 h9.example\n"
    "mx11.example MX 9 h10.example\n"
    "n2.example A 192.0.2.1\n"
    "nullmx.example TXT \"v=spf1 mx mx mx mx ~all\"\n"
    "nullmx.example MX 0 .\n"
    /* names of the client */
    "1.2.0.192.in-addr.arpa PTR host.good.example\n"
    "1.2.0.192.in-addr.arpa PTR lie.evil.example\n"
    "host.good.example A 192.0.2.1\n"
    "good.example TXT \"v=spf1 ptr -all\"\n"
    "evil.example TXT \"v=spf1 ptr -all\"\n"
    "ood.example TXT \"v=spf1 ptr -all\"\n"
    "p.example TXT \"v=spf1 exists:%{p}.p.example -all\"\n"
    "host.good.example.p.example A 127.0.0.2\n"
    "2.2.0.192.in-addr.arpa SERVFAIL\n"
    "unknown.p.example A 127.0.0.2\n"
    "emptymx.example TXT \"v=spf1 mx:nomx.example mx:n.nomx.example"
    " mx:nomx.example mx:n.nomx.example all\"\n"
    "n.nomx.example MX 1 gone.m.example\n"
    "eleventh.example TXT \"v=spf1 ptr -all exp=pe.example\"\n"
    "pe.example TXT \"%{p}\"\n"
    "3.2.0.192.in-addr.arpa PTR a.t.example\n"
    "3.2.0.192.in-addr.arpa PTR b.t.example\n"
    "3.2.0.192.in-addr.arpa PTR c.t.example\n"
    "3.2.0.192.in-addr.arpa PTR d.t.example\n"
    "3.2.0.192.in-addr.arpa PTR e.t.example\n"
    "3.2.0.192.in-addr.arpa PTR f.t.example\n"
    "3.2.0.192.in-addr.arpa PTR g.t.example\n"
    "3.2.0.192.in-addr.arpa PTR h.t.example\n"
    "3.2.0.192.in-addr.arpa PTR i.t.example\n"
    "3.2.0.192.in-addr.arpa PTR j.t.example\n"
    "3.2.0.192.in-addr.arpa PTR z.eleventh.example\n"
    "z.eleventh.example A 192.0.2.3\n"
    "rank.example TXT \"v=spf1 -all exp=pe.example\"\n"
    "sub.rank.example TXT \"v=spf1 -all exp=pe.example\"\n"
    "any.other.example TXT \"v=spf1 -all exp=pe.example\"\n"
    "4.2.0.192.in-addr.arpa PTR a.first.example\n"
    "4.2.0.192.in-addr.arpa PTR a.rank.example\n"
    "4.2.0.192.in-addr.arpa PTR rank.example\n"
    "4.2.0.192.in-addr.arpa PTR x.sub.rank.example\n"
    "a.first.example A 192.0.2.4\na.rank.example A 192.0.2.4\n"
    "rank.example A 192.0.2.4\nx.sub.rank.example A 192.0.2.4\n"
    "helo.example TXT \"v=spf1 exists:%{h}.h.example -exists:%{h}.k.example ~all exp=hr.example\"\n"
    "hr.example TXT \"%{h} to %{r}\"\n"
    "xn--bcher-kva.example.h.example A 127.0.0.2\n"
    "mx.example.h.example A 127.0.0.2\n*.k.example A 127.0.0.2\n",
    /* include and redirect */
    "inc.example TXT \"v=spf1 include:%{h} ~all\"\n"
    "redir.example TXT \"v=spf1 redirect=%{l}..example\"\n"
    "all.example TXT \"v=spf1 redirect=n1.example ?all\"\n"
    "selfish.example TXT \"v=spf1 include:five.example exp=e.example\"\n"
    "failing.example TXT \"v=spf1 a:broken.example all\"\n"
    "broken.example SERVFAIL\n"
    "failinc.example TXT \"v=spf1 include:broken.example all\"\n"
    "hit.example TXT \"v=spf1 ip4:192.0.2.1 a:broken.example\"\n"
    "late.example TXT \"v=spf1 ip4:192.0.2.1 include:broken.example\"\n"
    "syntax.example TXT \"v=spf1 ip4:192.0.2.1 moo -all\"\n"
    "syntaxinc.example TXT \"v=spf1 include:syntax.example all\"\n"
    "noredir.example TXT \"v=spf1 redirect=nodata.example\"\n"
    "noinc.example TXT \"v=spf1 include:nodata.example all\"\n"
    "loop.example TXT \"v=spf1 include:loop2.example all\"\n"
    "loop2.example TXT \"v=spf1 redirect=loop.example\"\n"
    "cut.example TXT \"v=spf1 exists:%{l}.cut.example -all\"\n"
    "bcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc"
    ".cdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc"
    ".defghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc"
    ".cut.example A 127.0.0.2\n",
    /* the mapped client, and what names nothing else */
    "six.example TXT \"v=spf1 ip6:::ffff:192.0.2.1/128 ip6:::/0 -all\"\n"
    "rev.example TXT \"v=spf1 -exists:%{ir}.%{v}.r.example all"
    " exp=cv.example\"\n"
    "1.2.0.192.in-addr.r.example A 127.0.0.2\n"
    "cv.example TXT \"%{c} of %{v}\"\n"
    "local.example TXT \"v=spf1 exists:%{l}.%{s}.l.example -all\"\n"
    "postmaster.postmaster@local.example.l.example A 127.0.0.2\n"
    "quoted.example TXT \"v=spf1 -all exp=s.example\"\n"
    "s.example TXT \"%{s}\"\n"
    /* internationalised (RFC 8616 4) */
    "xn--bcher-kva.example TXT \"v=spf1 exists:%{d}.i.example -all\"\n"
    "xn--bcher-kva.example.i.example A 127.0.0.2\n"
    "eai.example TXT \"v=spf1 exists:%{l1r-}.w.example"
    " ?include:%{s}.example -a:%{o} all exp=e.example\"\n"
    "*.w.example A 127.0.0.2\n"
    "eai.example A 192.0.2.1\n"
    "eail.example TXT \"v=spf1 redirect=%{L}.all.example\"\n"
    "*.all.example TXT \"v=spf1 +all\"\n"
    "eaix.example TXT \"v=spf1 -all exp=%{L}.s.example\"\n"
    "*.s.example TXT \"%{s}\"\n"
    "e.example TXT \"%{l} at %{c}: %{R}\"\n"
    /* explanations */
    "exp.example TXT \"v=spf1 -all exp=%{p}.e.example\"\n"
    "host.good.example.e.example TXT \"%{p} is %%bad\"\n"
    "long.example TXT \"v=spf1 -all exp=le.example\"\n"
    "le.example TXT \"%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}"
    "%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}"
    "%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}\"\n"
    "passexp.example TXT \"v=spf1 ~all exp=e.example\"\n"
    "moved.example TXT \"v=spf1 redirect=target.example exp=e.example\"\n"
    "target.example TXT \"v=spf1 -all exp=te.example\"\n"
    "te.example TXT \"moved: %{d}\"\n"
    "outer.example TXT \"v=spf1 include:target.example -all\"\n"
    "umlaut.example TXT \"v=spf1 -all exp=ue.example\"\n"
    "ue.example TXT \"\\195\\164\"\n"
    "twice.example TXT \"v=spf1 -all exp=two.example\"\n"
    "noexp.example TXT \"v=spf1 -all exp=broken.example\"\n",
    /* the blitiri suite's cases with whole names (docs/departures.md) */
    "okay.example TXT \"v=spf1 include:d11.example include:d12.example"
    " include:d13.example include:d14.example include:d15.example -all\"\n"
    "bad.example TXT \"v=spf1 include:d00.example include:d11.example"
    " include:d12.example include:d13.example include:d14.example"
    " include:d15.example -all\"\n"
    "d00.example TXT \"v=spf1 -all\"\n"
    "d11.example TXT \"v=spf1 include:d00.example ~all\"\n"
    "d12.example TXT \"v=spf1 include:d00.example ~all\"\n"
    "d13.example TXT \"v=spf1 include:d00.example ~all\"\n"
    "d14.example TXT \"v=spf1 include:d00.example ~all\"\n"
    "d15.example TXT \"v=spf1 include:d25.example ~all\"\n"
    "d25.example TXT \"v=spf1 all\"\n"
    "tenmx.example TXT \"v=spf1 mx:m.example mx:m.example mx:m.example"
    " mx:m.example mx:m.example mx:m.example mx:m.example mx:m.example"
    " mx:m.example mx:m.example all\"\n"
    "elevenmx.example TXT \"v=spf1 mx:m.example mx:m.example mx:m.example"
    " mx:m.example mx:m.example mx:m.example mx:m.example mx:m.example"
    " mx:m.example mx:m.example mx:m.example all\"\n"
    "m.example MX 1 n1.example\nm.example MX 2 gone.m.example\n"
    "onemx.example TXT \"v=spf1 mx -all\"\n"
    "onemx.example MX 10 gone.m.example\nonemx.example MX 20 n2.example\n"
    "nomx.example TXT \"v=spf1 mx ip4:192.0.2.1 -all\"\n"
    "nomx.example MX 10 gone.m.example\nnomx.example MX 20 away.m.example\n"
    "goneinc.example TXT \"v=spf1 include:gone.m.example all\"\n"
    "goneredir.example TXT \"v=spf1 redirect=gone.m.example\"\n"
    "nodata.example EXISTS\n"
    "two.example TXT \"v=spf1 -all\"\ntwo.example TXT \"v=spf1 all\"\n"};

static const struct row rows[] = {
    {"two void lookups", "192.0.2.1", "a@void2.example", "fail",
	"void2.example: -all matches, result fail", NULL},
    {"three void lookups", "192.0.2.1", "a@void3.example", "permerror",
	"z.void3.example: is the third void lookup", NULL},
    {"the same three times", "192.0.2.1", "a@same.example", "permerror",
	"x.same.example: is the third void lookup", NULL},
    {"hosts without an IPv6 address", "2001:db8::1", "a@v4mx.example", "pass",
	"", NULL},
    {"no PTR, three times", "192.0.2.9", "a@ptrs.example", "permerror",
	"a.example: is the third void lookup", NULL},
    {"what is no name is not looked up", "192.0.2.1", "a@invalid.example",
	"pass", "", NULL},
    {"ten terms", "192.0.2.1", "a@ten.example", "pass", "", NULL},
    {"eleven terms", "192.0.2.1", "a@eleven.example", "permerror",
	"eleven.example: a:n1.example is the eleventh term that asks the DNS",
	NULL},
    {"eleven terms that are not reached", "192.0.2.1", "a@unreached.example",
	"pass", "", NULL},
    {"ten with the redirect", "192.0.2.1", "a@redirected.example", "softfail",
	"four.example: ~all matches, result softfail", NULL},
    {"eleven with the redirect", "192.0.2.1", "a@overdirected.example",
	"permerror", NULL, NULL},
    {"ten MX", "192.0.2.1", "a@mx10.example", "pass", "", NULL},
    {"eleven MX", "192.0.2.1", "a@mx11.example", "permerror",
	"mx11.example: has more than 10 MX records", NULL},
    {"MX hosts without addresses", "192.0.2.1", "a@emptymx.example",
	"permerror", "nomx.example: is the third void lookup", NULL},
    {"the eleventh PTR name", "192.0.2.3", "a@eleventh.example", "fail", NULL,
	"unknown"},
    {"%{p}: the domain itself", "192.0.2.4", "a@rank.example", "fail", NULL,
	"rank.example"},
    {"%{p}: a name below it", "192.0.2.4", "a@sub.rank.example", "fail", NULL,
	"x.sub.rank.example"},
    {"%{p}: any", "192.0.2.4", "a@any.other.example", "fail", NULL,
	"a.first.example"},
    {"null MX is no void lookup", "192.0.2.1", "a@nullmx.example", "softfail",
	NULL, NULL},
    {"ptr", "192.0.2.1", "a@good.example", "pass", "", NULL},
    {"ptr not validated", "192.0.2.1", "a@evil.example", "fail", NULL, NULL},
    {"ptr not a subdomain", "192.0.2.1", "a@ood.example", "fail", NULL, NULL},
    {"ptr failing", "192.0.2.2", "a@good.example", "fail", NULL, NULL},
    {"%{p}", "192.0.2.1", "a@p.example", "pass", "", NULL},
    {"%{p} unknown", "192.0.2.2", "a@p.example", "pass", "", NULL},
    {"include of a single label", "192.0.2.1", "a@inc.example", "permerror",
	"example: is no domain name", NULL},
    {"redirect to no name", "192.0.2.1", "a@redir.example", "permerror",
	"a..example: is no domain name", NULL},
    {"redirect beside all", "192.0.2.1", "a@all.example", "neutral",
	"all.example: ?all matches, result neutral", NULL},
    {"a fail in an include", "192.0.2.1", "a@selfish.example", "neutral",
	"selfish.example: no term matches, result neutral", NULL},
    {"lookup fails", "192.0.2.1", "a@failing.example", "temperror",
	"broken.example: A lookup failed", NULL},
    {"include fails", "192.0.2.1", "a@failinc.example", "temperror",
	"broken.example: TXT lookup failed", NULL},
    {"decided before it fails", "192.0.2.1", "a@hit.example", "pass", "", NULL},
    {"record fails", "192.0.2.1", "a@broken.example", "temperror",
	"broken.example: TXT lookup failed", NULL},
    {"resolution-with-10-lookups", "192.0.2.1", "a@okay.example", "pass", "",
	NULL},
    {"resolution-with-11-lookups", "192.0.2.1", "a@bad.example", "permerror",
	NULL, NULL},
    {"mx-resolution-10-terms", "192.0.2.1", "a@tenmx.example", "pass", "",
	NULL},
    {"mx-resolution-11-terms", "192.0.2.1", "a@elevenmx.example", "permerror",
	NULL, NULL},
    {"one-mx-not-found", "192.0.2.1", "a@onemx.example", "pass", "", NULL},
    {"all-mx-not-found", "192.0.2.1", "a@nomx.example", "pass", "", NULL},
    {"include-not-found", "192.0.2.1", "a@goneinc.example", "permerror",
	"gone.m.example: does not exist", NULL},
    {"redirect-not-found", "192.0.2.1", "a@goneredir.example", "permerror",
	"gone.m.example: does not exist", NULL},
    {"no record", "192.0.2.1", "a@nodata.example", "none",
	"nodata.example: no SPF record", NULL},
    {"two records", "192.0.2.1", "a@two.example", "permerror",
	"two.example: more than one SPF record", NULL},
    {"no such domain", "192.0.2.1", "a@no.such.example", "none",
	"no.such.example: does not exist", NULL},
    {"dot at the end", "192.0.2.1", "a@TEN.example.", "pass", "", NULL},
    {"two dots at the end", "192.0.2.1", "a@ten.example..", "none",
	"ten.example..: is no domain name", NULL},
    {"single label", "192.0.2.1", "a@example", "none",
	"example: is no domain name", NULL},
    {"domain literal", "192.0.2.1", "a@[192.0.2.1]", "none",
	"[192.0.2.1]: is no domain name", NULL},
    {"no domain", "192.0.2.1", "a@", "none", "no check: no usable domain",
	NULL},
    {"control bytes", "192.0.2.1", "a@b\r\n.example", "none",
	"b\r\n.example: is no domain name", NULL},
    {"spaces", "192.0.2.1", "a@ten example.ten.example", "none",
	"ten example.ten.example: is no domain name", NULL},
    {"parenthesis", "192.0.2.1", "a@ten.example(.evil.example", "none",
	"ten.example(.evil.example: is no domain name", NULL},
    {"backslash", "192.0.2.1", "a@ten.example\\.evil.example", "none",
	"ten.example\\.evil.example: is no domain name", NULL},
    {"at sign", "192.0.2.1", "a@b\xEF\xBC\xA0ten.example", "none",
	"b\xEF\xBC\xA0ten.example: is no domain name", NULL},
    {"IPv6 literal", "192.0.2.1", "a@[IPv6:2001:db8::1]", "none",
	"[ipv6:2001:db8::1]: is no domain name", NULL},
    {"label of 64", "192.0.2.1",
	"a@abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcd"
	".example",
	"none", NULL, NULL},
    {"no address", "", "a@ten.example", "none",
	"no check: the client's IP address is not known", NULL},
    {"U-labels", "192.0.2.1",
	"a@B\xC3\xBC"
	"cher.example",
	"pass", "", NULL},
    {"not UTF-8", "192.0.2.1",
	"a@b\xFC"
	"cher.example",
	"none",
	"b\xFC"
	"cher.example: is no domain name",
	NULL},
    {"U-label with a letter that nobody sees", "192.0.2.1",
	"a@ten\xE2\x80\x8B.example", "none",
	"ten\xE2\x80\x8B.example: is no domain name", NULL},
    {"mapped address, ip4", "::ffff:192.0.2.1", "a@hit.example", "pass", "",
	NULL},
    {"mapped address, ip6 does not match", "::ffff:192.0.2.1", "a@six.example",
	"fail", NULL, NULL},
    {"mapped address, A and not AAAA", "::ffff:192.0.2.1", "a@eai.example",
	"pass", "", NULL},
    {"mapped address, reverse and readable", "::ffff:192.0.2.1",
	"a@rev.example", "fail", NULL, "192.0.2.1 of in-addr"},
    {"no local part", "192.0.2.1", "@local.example", "pass", "", NULL},
    {"quotes stay", "192.0.2.1", "\"a b\"@quoted.example", "fail", NULL,
	"\"a b\"@quoted.example"},
    {"record that fails in an include behind a match", "192.0.2.1",
	"a@late.example", "pass", "", NULL},
    {"syntax is looked at first", "192.0.2.1", "a@syntax.example", "permerror",
	"syntax.example: moo is no mechanism", NULL},
    {"syntax error in an include", "192.0.2.1", "a@syntaxinc.example",
	"permerror", NULL, NULL},
    {"redirect to no record", "192.0.2.1", "a@noredir.example", "permerror",
	"nodata.example: no SPF record", NULL},
    {"include of no record", "192.0.2.1", "a@noinc.example", "permerror",
	"nodata.example: no SPF record", NULL},
    {"explanation of the redirect's target", "192.0.2.1", "a@moved.example",
	"fail", NULL, "moved: target.example"},
    {"explanation of an include is not used", "192.0.2.1", "a@outer.example",
	"fail", NULL, NULL},
    {"explanation that is not ASCII", "192.0.2.1", "a@umlaut.example", "fail",
	NULL, NULL},
    {"explanation of two records", "192.0.2.1", "a@twice.example", "fail", NULL,
	NULL},
    {"explanation that fails", "192.0.2.1", "a@noexp.example", "fail", NULL,
	NULL},
    {"loop", "192.0.2.1", "a@loop.example", "permerror", NULL, NULL},
    {"target is cut on the left", "192.0.2.1",
	"abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc"
	".bcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc"
	".cdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc"
	".defghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc"
	"@cut.example",
	"pass", "", NULL},
    {"ASCII local part", "192.0.2.1", "a-b@eai.example", "pass", "", NULL},
    {"UTF-8 local part matches nothing", "192.0.2.1", "a-\xC3\xA4@eai.example",
	"fail", "eai.example: -a:%{o} matches, result fail",
	"a-?? at 192.0.2.1: mx.receiver.example"},
    {"ASCII local part in a redirect", "192.0.2.1", "a@eail.example", "pass",
	"", NULL},
    {"ASCII local part in exp=", "192.0.2.1", "a@eaix.example", "fail", NULL,
	"a@eaix.example"},
    {"UTF-8 local part in a redirect", "192.0.2.1", "\xC3\xA4@eail.example",
	"permerror", NULL, NULL},
    {"UTF-8 local part in exp=", "192.0.2.1", "\xC3\xA4@eaix.example", "fail",
	NULL, NULL},
    {"%{p} in an explanation", "192.0.2.1", "a@exp.example", "fail", NULL,
	"host.good.example is %bad"},
    {"exp= without a fail", "192.0.2.1", "a@passexp.example", "softfail", NULL,
	NULL},
};

struct run {
	struct spf_input input;
	struct arena *arena;
	struct dns_facts *facts;
	struct trace *trace;
	struct spf_outcome outcome;
};

static bool
check(void *context)
{
	struct run *run = context;

	return spf_check(
	    &run->input, run->facts, run->arena, run->trace, &run->outcome);
}

static void
begin(struct run *run, const char *client, const char *sender)
{
	struct text text = text_from_cstr(sender);
	size_t at = text_find_last(text, '@');

	*run = (struct run){.arena = arena_new(4 * 1024 * 1024)};
	assert_non_null(run->arena);
	run->facts = dns_facts_new(run->arena);
	run->input = (struct spf_input){
	    .helo = TEXT("example."),
	    .local = exact(text_slice(text, 0, at)),
	    .domain = exact(text_slice(text, at + 1, text.len)),
	    .receiver = TEXT("mx.receiver.example"),
	    .share = DNS_SHARE_SPF,
	};
	if (client[0] != '\0')
		assert_true(
		    ip_read(text_from_cstr(client), &run->input.client));
}

static void
end(struct run *run)
{
	exact_free(run->input.local);
	exact_free(run->input.domain);
	arena_free(run->arena);
}

static struct dns_zone *
make_zone(void)
{
	struct build text;

	build_init(&text, 1 << 16);
	for (size_t i = 0; i < sizeof zone_text / sizeof *zone_text; i++)
		build_cstr(&text, zone_text[i]);
	struct dns_zone *zone = order_zone(build_view(&text));
	build_free(&text);
	return zone;
}

static bool
is(struct text text, const char *expected)
{
	return text_equal(
	    text, text_from_cstr(expected == NULL ? "" : expected));
}

static bool
run_row(const struct row *row, const struct dns_zone *zone, enum order order,
    unsigned seed)
{
	struct run run;

	begin(&run, row->client, row->sender);
	order_drive(run.facts, zone, order, seed, check, &run);
	const char *result =
	    names_word(&spf_result_names, (int)run.outcome.result);
	bool ok =
	    strcmp(result, row->result) == 0 &&
	    is(run.outcome.explanation, row->explanation) &&
	    (row->reason == NULL || is(run.outcome.reason, row->reason)) &&
	    !arena_failed(run.arena);
	if (!ok)
		print_error("%s: order %u, seed %u: %s (" TEXT_FMT
			    ") \"" TEXT_FMT "\"\n",
		    row->name, order, seed, result,
		    TEXT_ARG(run.outcome.reason),
		    TEXT_ARG(run.outcome.explanation));
	end(&run);
	return ok;
}

/* Closed early, a check fails for the moment or says what it would have said,
 * and in particular it does not pass. (A failed PTR lookup is "no match" by RFC
 * 7208 5.5, and could turn a permerror into the pass of a later +all.) */
static bool
run_row_closed(
    const struct row *row, const struct dns_zone *zone, unsigned seed)
{
	struct run run;

	begin(&run, row->client, row->sender);
	order_drive(run.facts, zone, ORDER_CLOSED_EARLY, seed, check, &run);
	bool ok =
	    run.outcome.result != SPF_PASS || strcmp(row->result, "pass") == 0;
	if (!ok)
		print_error("%s: closed %u: a pass\n", row->name, seed);
	end(&run);
	return ok;
}

static void
test_rows(void **state)
{
	struct dns_zone *zone = make_zone();
	bool ok = true;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ok &= run_row(&rows[i], zone, ORDER_AT_ONCE, 0);
		for (unsigned seed = 0; seed < 8; seed++)
			ok &= run_row(&rows[i], zone, ORDER_RANDOM, seed) &&
			      run_row_closed(&rows[i], zone, seed);
	}
	dns_zone_free(zone);
	assert_true(ok);
}

/* %{h} and %{r}: what was said is a name or nobody's. */
static void
test_helo_and_receiver(void **state)
{
	static const struct {
		struct text helo, receiver;
		enum spf_result result;
		const char *explanation;
	} cases[] = {
	    {{"mx.example", 10}, {"", 0}, SPF_PASS, ""},
	    {{"B\xC3\xBC"
	      "cher.example",
		 15},
		{"", 0}, SPF_PASS, ""},
	    {{"other.example", 13}, {"", 0}, SPF_FAIL,
		"other.example to unknown"},
	    {{"OTHER.example.", 14}, {"mx", 2}, SPF_SOFTFAIL, ""},
	    {{"\xFF.example", 9}, {"", 0}, SPF_SOFTFAIL, ""},
	    {{"a..b", 4}, {"mx", 2}, SPF_SOFTFAIL, ""},
	    {{"", 0}, {"mx", 2}, SPF_SOFTFAIL, ""},
	};
	struct dns_zone *zone = make_zone();

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct run run;
		begin(&run, "192.0.2.1", "a@helo.example");
		run.input.helo = cases[i].helo;
		run.input.receiver = cases[i].receiver;
		order_drive(run.facts, zone, ORDER_AT_ONCE, 0, check, &run);
		if (run.outcome.result != cases[i].result ||
		    !is(run.outcome.explanation, cases[i].explanation))
			fail_msg("%zu: %u \"" TEXT_FMT "\"", i,
			    run.outcome.result,
			    TEXT_ARG(run.outcome.explanation));
		end(&run);
	}
	dns_zone_free(zone);
}

/* RFC 7208 4.6.4: no time left. */
static void
test_closed_at_once(void **state)
{
	struct dns_zone *zone = make_zone();
	struct run run;

	(void)state;
	begin(&run, "192.0.2.1", "a@hit.example");
	dns_facts_close(run.facts);
	assert_true(check(&run));
	assert_int_equal(run.outcome.result, SPF_TEMPERROR);
	end(&run);
	dns_zone_free(zone);
}

static void
test_explanation_is_cut(void **state)
{
	struct dns_zone *zone = make_zone();
	struct run run;

	(void)state;
	begin(&run, "192.0.2.1", "a@long.example");
	order_drive(run.facts, zone, ORDER_AT_ONCE, 0, check, &run);
	assert_int_equal(run.outcome.explanation.len, 512);
	end(&run);
	dns_zone_free(zone);
}

/* However the answers come, the story is that of the final pass. */
static void
test_story(void **state)
{
	static const char story[] =
	    "spf: client 192.0.2.7, sender a@redirected.example,"
	    " HELO example.\n"
	    "spf: redirected.example:"
	    " \"v=spf1 include:five.example redirect=four.example\"\n"
	    "spf: five.example: \"v=spf1 a:n1.example a:n1.example"
	    " a:n1.example a:n1.example a:n1.example -all\"\n"
	    "spf: five.example: a:n1.example does not match (RFC 7208 5.3)\n"
	    "spf: five.example: a:n1.example does not match (RFC 7208 5.3)\n"
	    "spf: five.example: a:n1.example does not match (RFC 7208 5.3)\n"
	    "spf: five.example: a:n1.example does not match (RFC 7208 5.3)\n"
	    "spf: five.example: a:n1.example does not match (RFC 7208 5.3)\n"
	    "spf: five.example: -all matches, result fail (RFC 7208 5.1)\n"
	    "spf: redirected.example: include:five.example does not match"
	    " (RFC 7208 5.2)\n"
	    "spf: redirected.example: redirect to four.example"
	    " (RFC 7208 6.1)\n"
	    "spf: four.example: \"v=spf1 a:n1.example a:n1.example"
	    " a:n1.example ~all\"\n"
	    "spf: four.example: a:n1.example does not match (RFC 7208 5.3)\n"
	    "spf: four.example: a:n1.example does not match (RFC 7208 5.3)\n"
	    "spf: four.example: a:n1.example does not match (RFC 7208 5.3)\n"
	    "spf: four.example: ~all matches, result softfail"
	    " (RFC 7208 5.1)\n";
	struct dns_zone *zone = make_zone();

	(void)state;
	for (unsigned seed = 0; seed < 4; seed++) {
		struct run run;
		struct trace trace;
		begin(&run, "192.0.2.7", "a@redirected.example");
		trace_init(&trace, run.arena);
		run.trace = &trace;
		order_drive(run.facts, zone, ORDER_RANDOM, seed, check, &run);
		if (!is(trace_story(&trace), story))
			fail_msg(TEXT_FMT, TEXT_ARG(trace_story(&trace)));
		end(&run);
	}
	dns_zone_free(zone);
}

/* With hints the record's terms are asked for together. */
static void
test_hints_save_rounds(void **state)
{
	struct dns_zone *zone = make_zone();
	unsigned passes[2];

	(void)state;
	for (int hints = 0; hints < 2; hints++) {
		struct run run;
		begin(&run, "192.0.2.1", "a@mx10.example");
		dns_facts_allow_hints(run.facts, hints == 1);
		passes[hints] =
		    order_drive(run.facts, zone, ORDER_AT_ONCE, 0, check, &run);
		assert_int_equal(run.outcome.result, SPF_PASS);
		end(&run);
	}
	assert_int_equal(passes[0], 13); /* TXT, MX, ten hosts, the end */
	assert_int_equal(passes[1], 4);  /* TXT, MX, the hosts, the end */
	dns_zone_free(zone);
}

/* A room that is too small ends in temperror, and never in a pass. */
static void
test_small_share(void **state)
{
	static const char text[] =
	    "greedy.example TXT \"v=spf1 mx:mx10.example mx:mxb.example"
	    " mx:mxc.example mx:mxd.example all\"\n"
	    "*.example MX 1 a1.example.com\n*.example MX 2 a2.example.com\n"
	    "*.example MX 3 a3.example.com\n*.example MX 4 a4.example.com\n"
	    "mx10.example MX 1 b1.example.com\nmx10.example MX 2 b2.example.com\n"
	    "mx10.example MX 3 b3.example.com\nmx10.example MX 4 b4.example.com\n"
	    "mx10.example MX 5 b5.example.com\nmx10.example MX 6 b6.example.com\n"
	    "mx10.example MX 7 b7.example.com\nmx10.example MX 8 b8.example.com\n"
	    "mx10.example MX 9 b9.example.com\nmxb.example MX 1 c1.example.com\n"
	    "mxb.example MX 2 c2.example.com\nmxb.example MX 3 c3.example.com\n"
	    "mxb.example MX 4 c4.example.com\nmxb.example MX 5 c5.example.com\n"
	    "mxb.example MX 6 c6.example.com\nmxb.example MX 7 c7.example.com\n"
	    "mxb.example MX 8 c8.example.com\nmxb.example MX 9 c9.example.com\n"
	    "mxc.example MX 1 d1.example.com\nmxc.example MX 2 d2.example.com\n"
	    "mxc.example MX 3 d3.example.com\nmxc.example MX 4 d4.example.com\n"
	    "mxc.example MX 5 d5.example.com\nmxc.example MX 6 d6.example.com\n"
	    "mxc.example MX 7 d7.example.com\nmxc.example MX 8 d8.example.com\n"
	    "mxc.example MX 9 d9.example.com\n"
	    "*.example.com A 198.51.100.7\n";
	struct dns_zone *zone = order_zone(text_from_cstr(text));

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct run run;
		begin(&run, "192.0.2.1", "a@greedy.example");
		run.input.share = i == 0 ? DNS_SHARE_SPF : DNS_SHARE_HELO;
		order_drive(run.facts, zone, ORDER_AT_ONCE, 0, check, &run);
		assert_int_equal(
		    run.outcome.result, i == 0 ? SPF_PASS : SPF_TEMPERROR);
		end(&run);
	}
	dns_zone_free(zone);
}

/* TERMS terms, each with MACROS macros. */
static struct dns_zone *
make_macro_zone(unsigned terms, unsigned macros)
{
	struct build text;

	build_init(&text, 1 << 20);
	build_cstr(&text, "greedy.example TXT \"v=spf1");
	for (unsigned term = 0; term < terms; term++) {
		build_cstr(&text, " a:");
		for (unsigned i = 0; i < macros; i++)
			build_cstr(&text, "%{l}");
		build_format(&text, ".%u.host.example", term);
	}
	build_cstr(&text, " -all\"\n*.host.example A 198.51.100.7\n");
	struct dns_zone *zone = order_zone(build_view(&text));
	build_free(&text);
	return zone;
}

/* Whatever a stranger's record expands, and whatever local part it is given,
 * there is a result, and room left for the rest of the message. */
static void
test_many_macros(void **state)
{
	static const struct {
		unsigned terms;
		unsigned macros;
		enum spf_result result;
	} cases[] = {{1, 6000, SPF_PERMERROR}, {10, 120, SPF_FAIL}};

	char sender[2000 + sizeof "@greedy.example"];

	(void)state;
	for (size_t i = 0; i < 2000; i++)
		sender[i] = i % 2 == 0 ? 'a' : '.';
	memcpy(sender + 2000, "@greedy.example", sizeof "@greedy.example");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct dns_zone *zone =
		    make_macro_zone(cases[i].terms, cases[i].macros);
		struct run run;
		begin(&run, "192.0.2.1", sender);
		order_drive(run.facts, zone, ORDER_RANDOM, 1, check, &run);
		assert_int_equal(run.outcome.result, cases[i].result);
		assert_false(arena_failed(run.arena));
		assert_true(arena_used(run.arena) < 1 << 20);
		end(&run);
		dns_zone_free(zone);
	}
}

/* With allocation n failing the arena says so, until it is not reached. */
static void
test_no_memory(void **state)
{
	struct dns_zone *zone = make_zone();
	bool failed = true;

	(void)state;
	for (size_t n = 1; failed; n++) {
		struct run run;
		struct trace trace;
		begin(&run, "192.0.2.1", "a@exp.example");
		trace_init(&trace, run.arena);
		run.trace = &trace;
		arena_fail_after(run.arena, n);
		order_drive(run.facts, zone, ORDER_AT_ONCE, 0, check, &run);
		failed = arena_failed(run.arena);
		if (!failed)
			assert_int_equal(run.outcome.result, SPF_FAIL);
		assert_true(n < 1000);
		end(&run);
	}
	dns_zone_free(zone);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_helo_and_receiver),
	    cmocka_unit_test(test_closed_at_once),
	    cmocka_unit_test(test_explanation_is_cut),
	    cmocka_unit_test(test_story),
	    cmocka_unit_test(test_hints_save_rounds),
	    cmocka_unit_test(test_small_share),
	    cmocka_unit_test(test_many_macros),
	    cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
