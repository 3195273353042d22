#!/usr/bin/env python3
"""What a message costs grows no faster than the message: whatever a stranger
makes twice as large may cost about twice as much, in instructions (callgrind),
which are the same each time. Needs an own build: callgrind and sanitizers do
not go together."""
import subprocess
import sys

import parts
from tap import Tap, equal

sys.path.insert(0, str(parts.ROOT / "bench"))
import cost  # noqa: E402

TREE = parts.BUILD / "plain"
# Twice as much may cost this. Four times would be quadratic.
TWICE = 2.3
FILLER = ("X-Filler", " x")


def fields(count, **how):
    return {"fields": [FILLER] * count, **how}


def one_field(size):
    return {"fields": [("X-Large", " y" * (size // 2))],
            "names": [*cost.SIGNED, "X-Large"]}


def many_names(count):
    """h= as long as it may be, over as many fields."""
    names = [f"X-{number}" for number in range(200 - len(cost.SIGNED))]
    more = [(names[number % len(names)], " x") for number in range(count)]
    return {"fields": more, "names": names + cost.SIGNED, "signatures": 10}


def junk(tags):
    def signatures(count):
        value = tags.replace("B64", "A" * 100)
        return {"fields": [("DKIM-Signature", value)] * count}
    return signatures


UNKNOWN = " v=1; a=rsa-sha256; d=x.example; s=s; h=from; bh=B64; b=B64"
OTHERS = (" v=1; a=rsa-sha256; d=x.example; s=s; h=from; b=B64;"
          " bh=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
RESULTS = ("Authentication-Results", " mx.example; spf=fail"
           " smtp.mailfrom=x@x.example; dkim=fail header.d=x.example")
BELIEVED = ("Authentication-Results", " mx.example; dkim=pass"
            " header.d=bank.example; spf=pass smtp.mailfrom=bank.example")


def results(count):
    return {"fields": [BELIEVED, *[RESULTS] * (count - 1)]}


def addresses(count):
    return {"fields": [("From", "," .join(
        f" ann{number}@bank.example" for number in range(count)))]}


# What grows, the sizes, a message of that size, and how it is judged.
ROWS = [
    ("fields", (1000, 2000, 4000, 8000), fields, "warm", "pass"),
    ("fields, ten signatures", (2000, 4000, 8000),
     lambda count: fields(count, signatures=10), "warm", "pass"),
    ("fields, two hundred names in h=", (1000, 2000, 4000, 8000),
     many_names, "warm", "pass"),
    ("a signed field of up to 1 MB", (125_000, 250_000, 500_000, 1_000_000),
     one_field, "warm", "pass"),
    ("Received fields", (250, 500, 1000, 2000, 4000),
     lambda count: {"fields": [cost.received(7)] * count}, "warm", "pass"),
    ("malformed signatures", (125, 250, 500, 900), junk(UNKNOWN), "warm",
     "pass"),
    ("signatures of others", (125, 250, 500, 900), junk(OTHERS), "warm",
     "pass"),
    ("as many as fields", (2000, 4000, 8000), junk(UNKNOWN), "warm", None),
    ("signatures of others, results believed", (125, 250, 500, 900),
     junk(OTHERS), "headers", None),
    ("Authentication-Results, not believed", (500, 1000, 2000, 4000),
     results, "warm", "pass"),
    ("Authentication-Results, believed", (500, 1000, 2000, 4000),
     results, "headers", None),
    ("a second From, of many addresses", (1000, 2000, 4000, 8000),
     addresses, "warm", "permerror"),
    ("a body of up to 10 MB", (10_000, 100_000, 1_000_000, 10_000_000),
     lambda size: {"body": size}, "warm", "pass"),
    ("a body, ten signatures", (250_000, 500_000, 1_000_000),
     lambda size: {"body": size, "signatures": 10}, "warm", "pass"),
]


def costs(bank, row):
    _, sizes, make, mode, wanted = row
    for size in sizes:
        total, _, result = cost.per_message(
            TREE, mode, bank.zone, bank.write(**make(size)), 1, 2)
        if wanted is not None:
            equal(result, wanted, f"result at {size}")
        yield size, total


def check(bank, row):
    bad, before = [], None
    for size, total in costs(bank, row):
        print(f"# {size:9,} {total:15,.0f}", flush=True)
        if before is not None:
            # What it costs at all is no reason to fail, so its share counts.
            times = size / before[0]
            if total > before[1] * (TWICE / 2) * times:
                bad.append((size, total / before[1], times))
        before = size, total
    equal(bad, [], "grew faster than the message")


def build():
    if not (TREE / "build.ninja").exists():
        subprocess.run(["meson", "setup", TREE, parts.ROOT], check=True,
                       stdout=subprocess.DEVNULL)
    done = subprocess.run(["ninja", "-C", TREE, "bench/bench-verdict"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    equal(done.returncode, 0, done.stdout.decode()[-3000:])


def main():
    tap = Tap()
    tap.case("it is built without sanitizers", build)
    with parts.folder("linear") as top:
        bank = cost.Bank(top)
        for row in ROWS:
            tap.case(row[0], lambda row=row: check(bank, row))
    tap.end()


if __name__ == "__main__":
    main()
