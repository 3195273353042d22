#!/usr/bin/env python3
"""What dmarcd tells the service manager, heard on a socket of our own."""
import contextlib
import os
import pathlib
import signal
import socket

import parts
from tap import case, contains, equal, run_cases


class Manager:
    """Hears notifications; NAME is a path or begins with '@'."""

    def __init__(self, name):
        self.name = name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name[0] == "@" else name)
        self.socket.settimeout(parts.PATIENCE)

    def hear(self):
        return self.socket.recv(4096).decode()

    def hear_what_waits(self):
        self.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self.hear()

    def hear_until(self, word):
        """All that is told up to WORD; signs of life left out."""
        told = []
        while not told or told[-1] != word:
            state = self.hear()
            if state != "WATCHDOG=1":
                told.append(state)
        return told

    @contextlib.contextmanager
    def dmarcd(self, path, environment=None, **options):
        own = {"NOTIFY_SOCKET": self.name, **(environment or {})}
        before = {name: os.environ.get(name) for name in own}
        os.environ.update(own)
        try:
            with parts.dmarcd(path, **options) as started:
                yield started
        finally:
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value


@contextlib.contextmanager
def stage():
    with parts.folder("notify") as path:
        yield path


@case("ready once mail is served, and stopping")
def life(path):
    for number, name in enumerate((f"{path}/1", f"@dmarcd-{os.getpid()}")):
        manager = Manager(name)
        with manager.dmarcd(path / f"life{number}") as started:
            equal(manager.hear(), "READY=1")
            started.send_signal(signal.SIGTERM)
            equal(manager.hear_until("STOPPING=1"), ["STOPPING=1"])


@case("told to stop with all its children, it misses none of them")
def stop_at_once(path):
    with parts.dmarcd(path / "once") as started:
        child, = pathlib.Path(f"/proc/{started.pid}/task/{started.pid}"
                              "/children").read_text().split()
        started.send_signal(signal.SIGSTOP)  # slower than its child
        started.send_signal(signal.SIGTERM)
        os.kill(int(child), signal.SIGTERM)
        parts.wait_for("the filter's end", lambda: "(zombie)" in
                       pathlib.Path(f"/proc/{child}/status").read_text())
        started.send_signal(signal.SIGCONT)
        equal(started.wait(parts.PATIENCE), 0)
        said = (path / "once/log").read_text()
        contains(said, "stopped")
        assert "the filter" not in said, said


@case("a reload is told, whether it does or does not")
def reload(path):
    manager = Manager(f"{path}/2")
    with manager.dmarcd(path / "reload", Workers=1) as started:
        equal(manager.hear(), "READY=1")
        conf = path / "reload/dmarcd.conf"
        for text in (conf.read_text(), "Nonsense yes\n"):
            conf.write_text(text)
            started.send_signal(signal.SIGHUP)
            told = manager.hear_until("READY=1")
            equal(len(told), 2, told)
            contains(told[0], "RELOADING=1\nMONOTONIC_USEC=")
        contains((path / "reload/log").read_text(), "configuration reloaded")


@case("signs of life, as often as is asked, and only where they are")
def watchdog(path):
    manager = Manager(f"{path}/3")
    with manager.dmarcd(path / "dog", {"WATCHDOG_USEC": "2000000"}):
        equal([manager.hear() for _ in range(4)],
              ["READY=1"] + 3 * ["WATCHDOG=1"])
    other = Manager(f"{path}/4")
    with other.dmarcd(path / "nodog", {"WATCHDOG_USEC": "2000000",
                                       "WATCHDOG_PID": "1"}) as started:
        equal(other.hear(), "READY=1")
        started.send_signal(signal.SIGTERM)
        equal(other.hear(), "STOPPING=1")


def filter_of(started):
    """Its first child."""
    return int(parts.read_or_empty(parts.pathlib.Path(
        f"/proc/{started.pid}/task/{started.pid}/children")).split()[0])


@case("no sign of life while the filter hangs, and again when it goes on")
def hangs(path):
    manager = Manager(f"{path}/6")
    with manager.dmarcd(path / "hang", {"WATCHDOG_USEC": "2000000"},
                        Workers=2) as started:
        equal(manager.hear(), "READY=1")
        stuck = filter_of(started)
        log = path / "hang/log"
        os.kill(stuck, signal.SIGSTOP)
        try:
            parts.wait_for("the silence to be told",
                           lambda: "no sign of life" in log.read_text())
            manager.hear_what_waits()
            manager.socket.settimeout(5)
            try:
                raise AssertionError(manager.hear())
            except TimeoutError:
                pass
        finally:
            os.kill(stuck, signal.SIGCONT)
        manager.socket.settimeout(parts.PATIENCE)
        equal(manager.hear(), "WATCHDOG=1")
        equal(log.read_text().count("no sign of life"), 1, "times told")


@case("a filter that is killed is replaced, and signs of life go on")
def killed(path):
    manager = Manager(f"{path}/7")
    with manager.dmarcd(path / "kill", {"WATCHDOG_USEC": "2000000"},
                        Workers=1) as started:
        equal(manager.hear(), "READY=1")
        os.kill(filter_of(started), signal.SIGKILL)
        equal([manager.hear() for _ in range(3)], 3 * ["WATCHDOG=1"])


@case("children inherit nothing of it; a manager that is gone harms nothing")
def gone(path):
    manager = Manager(f"{path}/5")
    with manager.dmarcd(path / "gone") as started:
        equal(manager.hear(), "READY=1")
        children = parts.read_or_empty(parts.pathlib.Path(
            f"/proc/{started.pid}/task/{started.pid}/children")).split()
        assert children, "no children"
        manager.socket.close()
        started.send_signal(signal.SIGTERM)
        equal(started.wait(parts.PATIENCE), 0)


run_cases(stage())
