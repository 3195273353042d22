#!/usr/bin/env python3
"""The daemon under ThreadSanitizer: its system tests again, without a race."""
import os
import subprocess
import sys

import parts
from tap import Tap, equal

TREE = parts.BUILD / "tsan"


def run(*words, **options):
    done = subprocess.run([str(word) for word in words],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          **options)
    equal(done.returncode, 0, done.stdout.decode()[-3000:])


def main():
    tap = Tap()

    def build():
        if not (TREE / "build.ninja").exists():
            run("meson", "setup", TREE, parts.ROOT, "-Db_sanitize=thread",
                "-Db_lundef=false")
        run("ninja", "-C", TREE, "apps/dmarcd", "apps/dmarc", "apps/demo-mta")

    def again(name, top):
        run(sys.executable, parts.ROOT / f"tests/system/test_{name}.py",
            env={**os.environ, "BUILD": str(TREE),
                 "TSAN_OPTIONS": f"halt_on_error=1 log_path={top}/race"})
        races = list(top.glob("race*"))
        equal([race.read_text() for race in races], [], "races")

    with parts.folder("threads") as top:
        tap.case("it is built with ThreadSanitizer", build)
        for name in ("dmarcd", "milter", "status", "clerk"):
            tap.case(f"no race in the tests of {name}",
                     lambda name=name: again(name, top))
    tap.end()


main()
