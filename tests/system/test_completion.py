#!/usr/bin/env python3
"""What the shells offer behind `dmarc` is what its --help says."""
import os
import pty
import re
import select
import subprocess

import parts
from tap import Skip, case, contains, equal, run_cases

FILES = parts.ROOT / "packaging/completion"
ENVIRONMENT = dict(os.environ, PATH=f"{parts.DMARC.parent}:{os.environ['PATH']}")


def output(words, **more):
    run = subprocess.run(words, env=ENVIRONMENT, text=True,
                         timeout=parts.PATIENCE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, **more)
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
    """With the sentence on each."""
    return dict(re.findall(r"(?m)^  (\w+) +(.*)", helped()))


def options(*words):
    """With the sentences on each, which may go on in the next line."""
    return dict(re.findall(
        r"(?m)^  (?:-\w, )?(-[a-z-]+)(?: [A-Z]\S*)?  +(.*)",
        re.sub(r"\n {10,}", " ", helped(*words))))


# Commands are the same, and do the same, behind the configuration.
BEFORE = ((), ("-c", "/etc/dmarcd.conf"))


@case("--help has whole sentences")
def sentences(top):
    equal(options()["--version"], "version")
    equal(options("expire")["--now"],
          "act as if it were TIME: seconds, 2026-11-23, or 2026-11-23T15:04:05Z")
    equal(options("report")["--output"].split()[-1], "over")
    equal(len(commands()) > 7, True)


@case("bash offers the commands")
def bash_commands(top):
    for before in BEFORE:
        equal(sorted(bash(*before, "")), sorted([*commands(), *options()]))
        equal(bash(*before, "rep"), ["report"])
    equal(bash("-c", ""), [])


@case("bash offers each command's options")
def bash_options(top):
    for command in commands():
        for before in BEFORE:
            equal(sorted(bash(*before, command, "-")),
                  sorted([*options(command), "--help"]), command)
    equal(bash("verify", "--save"), ["--save-facts"])
    equal(sorted(bash("report", "--check", "-")),
          sorted([*options("report", "--check"), "--help"]))
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


@case("zsh offers the same, with its sentence")
def zsh(top):
    tree, = unpacked("zsh")

    def offered(*typed):
        lines = output([tree / "bin/zsh", "-f", "-c", """
            _describe() { print -l -- ${(P)@[-1]} }
            _alternative() { print -- $1 | sed 's/.*(//;s/)//' | tr ' ' '\\n' }
            _files() { print files }
            file=$1; shift; words=("$@"); CURRENT=$#; . $file
            """, "zsh", FILES / "_dmarc", "dmarc", *typed]).splitlines()
        return {name: told for name, _, told in
                (line.partition(":") for line in lines if line)}

    for before in BEFORE:
        equal(offered(*before, ""), commands())
        for command in commands():
            equal(offered(*before, command, "-"), options(command), command)
        equal(offered(*before, "report", "--check", "-"),
              options("report", "--check"))
        equal(sorted(offered(*before, "report", "")), ["allow", "suppress"])
        contains(offered(*before, "database", ""), "import-opendmarc")
    equal(offered("-"), options())
    equal(offered("-c", ""), {"files": ""})


@case("zsh does so at a terminal")
def zsh_terminal(top):
    tree, common = unpacked("zsh", "zsh-common")
    modules = next(tree.rglob("zsh/complete.so")).parent.parent
    (top / ".zshrc").write_text(f"""
        module_path=({modules})
        fpath=({FILES} {common}/usr/share/zsh/functions/**/*(/))
        autoload -Uz compinit; compinit -D -u
        COLUMNS=200 LINES=200 LISTMAX=1000 PROMPT='rea''dy> '
        """)
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(tree / "bin/zsh", ["zsh", "-d", "-i"],
                  dict(ENVIRONMENT, ZDOTDIR=str(top), TERM="dumb"))

    def until(pattern):
        said = b""
        while not re.search(pattern, said, re.S):
            equal(select.select([terminal], [], [], parts.PATIENCE)[0],
                  [terminal], said)
            said += os.read(terminal, 4096)
        return " ".join(said.decode().split())

    def offered(typed):
        """Control-D lists, control-U takes back what was typed."""
        os.write(terminal, f"{typed}\4\x15print do''ne\r".encode())
        return until(b"\ndone\r.*ready> ")

    try:
        until(b"ready> ")
        for before in ("dmarc ", "dmarc -c /etc/dmarcd.conf "):
            for name, told in commands().items():
                contains(offered(before), f"{name} -- {told}")
            contains(offered(f"{before}expire --"),
                     f"--now -- {options('expire')['--now']}")
            contains(offered(f"{before}report "), " suppress ")
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)


@case("fish offers the same, with its sentence")
def fish(top):
    tree, common, library = unpacked("fish", "fish-common", "libpcre2-32-0")
    path = next(library.rglob("libpcre2-32.so.0")).parent

    def offered(*typed):
        lines = output(["env", f"LD_LIBRARY_PATH={path}", f"HOME={top}",
                        tree / "usr/bin/fish", "--no-config", "-c", f"""
            set fish_function_path {common}/usr/share/fish/functions
            source {FILES}/dmarc.fish
            complete -C "dmarc {' '.join(typed)}" """], cwd=top).splitlines()
        return {name: told for name, _, told in
                (line.partition("\t") for line in lines if line)}

    def long(there):
        return {name: told for name, told in there.items() if name != "-c"}

    for before in BEFORE:
        equal(offered(*before, ""), commands())
        for command in commands():
            equal(offered(*before, command, "--"), long(options(command)),
                  command)
        equal(offered(*before, "report", "--check", "--"),
              long(options("report", "--check")))
        contains(offered(*before, "report", ""), "suppress")
    equal(offered("--"), long(options()))
    (top / "file").touch()
    equal(sorted(offered("-c", "fi")), ["file"])


run_cases(parts.folder("completion"))
