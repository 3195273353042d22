#!/usr/bin/env python3
"""The programs built by the other compiler, for the language to come."""
import os
import subprocess

import parts
from tap import Tap, equal

TREE = parts.BUILD / "clang"


def main():
    tap = Tap()

    def run(*words, **options):
        done = subprocess.run([str(word) for word in words],
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, **options)
        equal(done.returncode, 0, done.stdout.decode()[-3000:])

    def clang():
        if not (TREE / "build.ninja").exists():
            run("meson", "setup", TREE, parts.ROOT, "-Dwerror=true",
                "-Dc_std=c2x", env={**os.environ, "CC": "clang"})
        run("ninja", "-C", TREE)

    tap.case("clang, C2x, without a warning", clang)
    tap.end()


main()
