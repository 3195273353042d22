#!/usr/bin/env python3
"""What the shells offer behind `dmarc` is what its --help says."""
import os
import re
import subprocess

import parts
from tap import Skip, case, contains, equal, run_cases

FILES = parts.ROOT / "packaging/completion"
ENVIRONMENT = dict(os.environ, PATH=f"{parts.DMARC.parent}:{os.environ['PATH']}")


def output(words, **more):
    run = subprocess.run(words, env=ENVIRONMENT, text=True, timeout=60,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
    equal((run.returncode, run.stderr), (0, ""), words)
    return run.stdout


def bash(*typed):
    """What bash offers for the last of these words."""
    return output(["bash", "-c", f'. {FILES}/dmarc.bash; COMP_WORDS=("$@"); '
                   'COMP_CWORD=$(($# - 1)); _dmarc; printf "%s\\n" '
                   '"${COMPREPLY[@]}"', "bash", "dmarc", *typed]).split()


def helped(*words):
    return parts.dmarc(*words, "--help")


def commands():
    return re.findall(r"(?m)^  (\w+) ", helped())


def options(*words):
    return re.findall(r"(?m)^  (-[a-z-]+)", helped(*words))


@case("bash offers the commands")
def bash_commands(top):
    equal(sorted(bash("")), sorted(commands() + ["-c", "--help", "--version"]))
    equal(bash("rep"), ["report"])
    equal(bash("-c", "/etc/dmarcd.conf", "loo"), ["lookup"])
    equal(bash("-c", ""), [])


@case("bash offers each command's options")
def bash_options(top):
    equal(len(commands()) > 7, True)
    for command in commands():
        equal(sorted(bash(command, "-")), sorted(options(command) + ["--help"]),
              command)
    equal(bash("verify", "--save"), ["--save-facts"])
    equal(sorted(bash("report", "--check", "-")),
          sorted(options("report", "--check") + ["--help"]))
    equal(bash("nothing", "-"), ["--help"])


@case("bash offers the words that a command knows")
def bash_words(top):
    equal(sorted(bash("report", "")), ["allow", "suppress"])
    contains(bash("database", ""), "create")
    contains(bash("database", ""), "import-opendmarc")
    equal(bash("lookup", ""), [])


def unpacked(*packages):
    try:
        return [parts.unpacked(package) for package in packages]
    except AssertionError:
        raise Skip(f"{packages[0]} cannot be had; see ci/unpack") from None


@case("zsh offers the same")
def zsh(top):
    tree, = unpacked("zsh")

    def offered(*typed):
        lines = output([tree / "bin/zsh", "-f", "-c", """
            _describe() { print -l -- ${(P)@[-1]} }
            _alternative() { print -- $1 | sed 's/.*(//;s/)//' | tr ' ' '\\n' }
            file=$1; shift; words=("$@"); CURRENT=$#; . $file
            """, "zsh", FILES / "_dmarc", "dmarc", *typed]).splitlines()
        return sorted(line.split(":")[0] for line in lines if line)

    equal(offered(""), sorted(commands()))
    for command in commands():
        equal(offered(command, "-"), sorted(options(command)), command)
    equal(offered("report", "--check", "-"),
          sorted(options("report", "--check")))
    equal(offered("report", ""), ["allow", "suppress"])
    contains(offered("database", ""), "schema")
    contains(offered("database", ""), "import-opendmarc")


@case("fish offers the same")
def fish(top):
    tree, common, library = unpacked("fish", "fish-common", "libpcre2-32-0")
    path = next(library.rglob("libpcre2-32.so.0")).parent

    def offered(typed):
        lines = output(["env", f"LD_LIBRARY_PATH={path}", f"HOME={top}",
                        tree / "usr/bin/fish", "--no-config", "-c", f"""
            set fish_function_path {common}/usr/share/fish/functions
            source {FILES}/dmarc.fish
            complete -C "dmarc {typed}" """], cwd=top).splitlines()
        return sorted(line.split("\t")[0] for line in lines if line)

    equal(offered(""), sorted(commands()))
    for command in commands():
        equal(offered(f"{command} --"),
              [name for name in sorted(options(command)) if name != "-c"],
              command)
    equal(offered("report --check --"),
          [name for name in sorted(options("report", "--check"))
           if name != "-c"])
    contains(offered("report "), "suppress")


run_cases(parts.folder("completion"))
